# SPDX-License-Identifier: Apache-2.0
"""Puts the API together, and serves it in the event loop that runs already.

    server = HttpServer(make_api(api, gate), api.readiness, settings.server)
    server.bind()              # before anything slow: a busy port is told at once
    await server.start()
    await server.stop()        # ends within `drain_s`, whatever clients do

Rules: HT5, HT13, HT24, HT25.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from uvicorn import Config, Server

from legato.api import (
    api_keys,
    audit,
    credentials,
    dag_studio,
    execution_events,
    execution_nodes,
    execution_records,
    executions,
    executions_act,
    executions_again,
    executions_purge,
    executions_start,
    files,
    front,
    health,
    hooks,
    invitations,
    members,
    node_types,
    notifications,
    own_account,
    password_reset,
    preferences,
    profile,
    registration,
    schedules,
    scrape,
    second_factor,
    setup,
    sign_in,
    system,
    users,
    webhooks,
    workflow_drafts,
    workflow_pins,
    workflow_preview,
    workflow_versions,
    workflows,
    workspaces,
)
from legato.api.access import Gate, Routes, check_routes, methods_at
from legato.api.care import Care
from legato.api.connection import connection_class
from legato.api.frame import Frame, FrameOptions, exchange_of
from legato.api.listening import bound, url_of
from legato.api.openapi import describe_api
from legato.api.parts import Api
from legato.api.problems import problem_of
from legato.api.readiness import Readiness
from legato.api.straight import Straight
from legato.errors import InvalidInput, LegatoError
from legato.settings import ServerSettings, Settings

RESOURCES: Final[tuple[Routes, ...]] = (health.routes, health.documents)
"""The routes of every server, in the order in which they are tried."""
IDENTITY: Final[tuple[Routes, ...]] = (
    api_keys.routes,
    audit.routes,
    dag_studio.routes,
    execution_events.routes,
    execution_nodes.routes,
    execution_records.inbox,
    execution_records.routes,
    executions.routes,
    executions_act.routes,
    executions_again.routes,
    executions_purge.routes,
    executions_start.routes,
    files.routes,
    credentials.routes,
    front.routes,
    invitations.routes,
    members.routes,
    node_types.routes,
    own_account.routes,
    password_reset.routes,
    preferences.routes,
    profile.routes,
    registration.routes,
    scrape.routes,
    second_factor.routes,
    setup.routes,
    sign_in.routes,
    system.info,
    users.routes,
    workflow_drafts.routes,
    workflow_pins.routes,
    workflow_preview.routes,
    workflow_versions.routes,
    workflows.routes,
    hooks.routes,
    notifications.routes,
    schedules.routes,
    webhooks.routes,
    workspaces.routes,
)
"""Those of a server that knows people: it has an `Identity` and an authenticator."""
BACKLOG: Final = 1_024
_END_S: Final = 1.0


def make_api(api: Api, gate: Gate, resources: Iterable[Routes] = RESOURCES) -> Frame:
    """Return the application with its frame.

    Args:
        api: What routes stand on.
        gate: The checks of this server.
        resources: Whose routes it has.

    Raises:
        Internal: A route does not say who may use it, or cannot be used safely.
    """
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    application.state.api = api
    for kind in (LegatoError, HTTPException, RequestValidationError, Exception):
        application.add_exception_handler(kind, _answer)
    for resource in resources:
        application.router.routes.extend(spec.build(gate) for spec in resource.specs)
    return frame_of(application, gate, api)


def describe(resources: Iterable[Routes] = (*RESOURCES, *IDENTITY)) -> dict[str, Any]:
    """Return the description of routes (OpenAPI 3.1) without a server."""
    application = FastAPI(openapi_url=None)
    for resource in resources:
        application.router.routes.extend(spec.build(Gate()) for spec in resource.specs)
    return describe_api(application)


def frame_of(application: FastAPI, gate: Gate, api: Api) -> Frame:
    """Check an application's routes and put the frame around it.

    Raises:
        Internal: As `make_api`.
    """
    routes = application.router.routes
    check_routes(routes, has_authenticator=gate.authenticator is not None)
    frame = Frame(
        Straight(application),
        frame_options(api.settings),
        new_id=api.clock.new_id,
        monotonic=api.clock.monotonic,
        methods_at=partial(methods_at, routes),
        is_draining=lambda: api.readiness.is_draining,
    )
    frame.metrics = api.metrics
    return frame


def frame_options(settings: Settings) -> FrameOptions:
    """Return what the frame takes from the settings."""
    server = settings.server
    return FrameOptions(
        public_url=server.public_url,
        allowed_origins=frozenset(settings.allowed_origins),
        max_headers=server.max_headers,
        max_header_bytes=server.max_header_bytes,
        max_body_bytes=server.max_body_bytes,
        body_s=server.body_s,
    )


async def _answer(request: Request, error: Exception) -> Response:
    """Answer an error of a route; a defect is logged by the frame, which sees it too."""
    problem = problem_of(error)
    exchange = exchange_of(request.scope)
    exchange.code = problem.code
    if problem.code == "method_not_allowed":
        methods = methods_at(request.app.router.routes, request.scope)
        allow: dict[str, str] = {"allow": ", ".join(sorted(methods))}
    else:
        allow = dict(problem.headers)
    body = problem.body(exchange.request_id)
    response = Response(body, problem.status)
    response.raw_headers[:] = problem.raw_headers(body)
    for name, value in allow.items():
        response.headers[name] = value
    return response


class _Uvicorn(Server):
    """Uvicorn without its own signal handlers, that says when it listens and ends for certain."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for open requests, then cut off clients that do not let them end."""
        tasks = set(self.server_state.tasks)
        await super().shutdown(sockets)
        tasks |= self.server_state.tasks
        if tasks:  # they were cancelled, and say so to their clients
            await asyncio.wait(tasks, timeout=_END_S)
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is not None:
                transport.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_S)


class HttpServer:
    """One listening socket and its server."""

    def __init__(
        self,
        frame: Frame,
        readiness: Readiness,
        settings: ServerSettings,
        care: Care | None = None,
    ) -> None:
        """Make it.

        Args:
            frame: What is served.
            readiness: Told when the server stops.
            settings: Where to listen, and for how long open requests may go on.
            care: What is done beside requests, while it serves.
        """
        self._care = care
        self._frame = frame
        self._readiness = readiness
        self._settings = settings
        self._socket: socket.socket | None = None
        self._uvicorn: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens; the port is the one that was bound."""
        assert self._socket is not None
        is_tls = self._settings.tls_certificate is not None
        return url_of(self._socket, self._settings.host, is_tls=is_tls)

    def bind(self) -> None:
        """Take the port. Nobody can connect before `start`.

        Raises:
            InvalidInput: It is taken by another program, or the host is none of this machine.
        """
        host, port = self._settings.host, self._settings.port
        try:
            self._socket = bound(host, port)
        except OSError as error:
            raise _cannot_listen(error, host, port) from None

    def take(self, listening: socket.socket) -> None:
        """Serve on a socket of somebody else, bound to the host and port of the settings."""
        self._socket = listening

    async def start(self) -> None:
        """Listen; answers are given when this returns.

        Raises:
            InvalidInput: The port was taken meanwhile.
        """
        assert self._socket is not None, "bind or take first"
        for name in ("uvicorn", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.ERROR)  # the rest is said by the frame
        uvicorn = self._uvicorn = _Uvicorn(self._config())
        task = self._task = asyncio.create_task(uvicorn.serve(sockets=[self._socket]))
        listening = asyncio.create_task(uvicorn.listening.wait())
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if task.done():
            self._socket.close()
            error = task.exception()
            if isinstance(error, OSError):
                host, port = self._settings.host, self._settings.port
                raise _cannot_listen(error, host, port) from None
            await task
        if self._care is not None:
            self._care.start()

    async def wait(self) -> None:
        """Return when the server has ended, which it does by itself only through a defect."""
        assert self._task is not None
        await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Stop listening, let open requests end for a while, and cut off the rest."""
        self._readiness.is_draining = True
        if self._uvicorn is None or self._task is None:
            if self._socket is not None:
                self._socket.close()
            return
        self._uvicorn.should_exit = True
        await self._task
        if self._care is not None:
            await self._care.stop()
        await self._readiness.close()

    def _config(self) -> Config:
        settings = self._settings
        tls: dict[str, Any] = {}
        if settings.tls_certificate is not None:
            tls = {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_key}
        return Config(
            self._frame,
            interface="asgi3",
            http=connection_class(settings, self._frame.metrics),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            backlog=BACKLOG,
            timeout_keep_alive=settings.keep_alive_s,
            # Uvicorn wants whole seconds; all it does with them is to wait.
            timeout_graceful_shutdown=settings.drain_s,  # type: ignore[arg-type]
            **tls,
        )


def _cannot_listen(error: OSError, host: str, port: int) -> InvalidInput:
    if error.errno == errno.EADDRINUSE:
        return InvalidInput(
            f"the port {port} of {host} is taken by another program",
            hint="Stop it, or choose another with --port.",
        )
    reason = error.strerror or type(error).__name__
    return InvalidInput(f"the server cannot listen on {host}, port {port}: {reason}")

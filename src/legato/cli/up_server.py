# SPDX-License-Identifier: Apache-2.0
"""`legato up-server`: the server with its engine, as `legato up` starts it. Not for people.

Rules: UP1-UP3, UP18, UP20.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Final

import click

from legato.cli.invocation import Invocation, command_options
from legato.errors import Unavailable

if TYPE_CHECKING:
    from legato.api.server import HttpServer
    from legato.app import App
    from legato.cli.plan import Plan
    from legato.settings import Settings
    from legato.supervisor.link import SupervisorLink

LATER: Final = 75
"""A store that does not answer may do so in a moment: the supervisor tries again."""


@click.command(hidden=True)
@click.argument("pipe", type=int)
@click.argument("plan")
@command_options
def up_server(invocation: Invocation, pipe: int, plan: str) -> int:
    """Serve under a supervisor; the first line on stdout is for it."""
    from legato.app import run
    from legato.cli.plan import decode_plan
    from legato.supervisor.link import SupervisorLink

    link = SupervisorLink(pipe)
    try:
        return run(_work(invocation, decode_plan(plan), link))
    except Unavailable as error:
        invocation.terminal.error(error.code, error.message, error.hint)
        return LATER


async def _work(invocation: Invocation, plan: Plan, link: SupervisorLink) -> int:
    from legato.app import build
    from legato.app.embedded import Embedded
    from legato.app.server import make_server
    from legato.auth.keys import load_or_create
    from legato.cli.logs import begin_logs

    listening = socket.socket(fileno=plan.listening)
    settings = _settings(invocation, plan, listening)
    app = build(settings, role="engine")
    own_keys = load_or_create(settings.home, now_ms=app.clock.now_ms())
    begin_logs(invocation, settings, keys=own_keys, quiet=True)
    practice_port = None if plan.practice is None else plan.practice.port
    embedded = Embedded(keys=own_keys, link=link, practice_port=practice_port)
    server = make_server(app, embedded)
    server.take(listening)
    try:
        return await _serve(app, server, plan, link)
    finally:
        await server.stop()
        link.close()


def _settings(invocation: Invocation, plan: Plan, listening: socket.socket) -> Settings:
    settings = invocation.settings()
    os.set_inheritable(listening.fileno(), False)
    place = {"host": plan.host, "port": listening.getsockname()[1]}
    return settings.model_copy(update={"server": settings.server.model_copy(update=place)})


async def _serve(app: App, server: HttpServer, plan: Plan, link: SupervisorLink) -> int:
    import json

    from legato.api.origin import is_loopback
    from legato.api.setup import new_setup_link
    from legato.cli.sample import publish_sample
    from legato.cli.serve import stop_on_signals, until_stopped

    stop = asyncio.Event()
    stop_on_signals(stop)
    link.watch(stop.set)
    own = app.settings.server
    base = server.url if is_loopback(own.host) else own.public_url
    async with app:
        if plan.has_sample and plan.practice is not None:
            await publish_sample(app, plan.practice.port)
        setup_url = await new_setup_link(app.stores.accounts, base)
        await server.start()
        ready = {"event": "ready", "url": base, "setup_url": setup_url, "pid": os.getpid()}
        print(json.dumps(ready), flush=True)
        return await until_stopped(app, server, stop, lambda: None)

# SPDX-License-Identifier: Apache-2.0
"""What happens to every request before and after its route, as one plain ASGI application.

In this order: request id, bounds of headers, host, draining, CORS preflight, router (404, 405),
then the checks of the route in `access`. Every answer, also one to a defect, gets the same headers
and one line in the log. Must not know any route. Rules: HT4, HT7-HT11, HT18, HT29.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from legato import __version__
from legato.api.meter import DISCARD_GAP_S, DISCARD_S, BodyMeter
from legato.api.metrics import Metrics
from legato.api.origin import Hosts, values_of
from legato.api.problems import Problem, log_defect, problem_of
from legato.auth.names import SLUG
from legato.errors import LegatoError, Refused
from legato.telemetry import logger

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
CORS_ALLOW: Final = (
    "Authorization, Content-Type, If-Match, Idempotency-Key, Last-Event-ID, Legato-Workspace, "
    "Prefer, X-Request-ID"
)
CORS_EXPOSE: Final = "ETag, Location, Retry-After, X-Request-ID, Idempotency-Replayed"
CORS_MAX_AGE_S: Final = 600
HEALTH: Final = "/health/"
_SECRET_PARAMETERS: Final = frozenset({"token"})
"""Parameters of paths that let somebody in; a log shows their name."""
_SEGMENT_MAX: Final = 36
"""Characters of an id. A longer part of a path may be a secret in the wrong place."""
_PATH_MAX: Final = 200
_PATH_LOOKED_AT_MAX: Final = 1_000

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""On every answer that does not say it otherwise itself."""
_ALWAYS_NAMES: Final = frozenset(name for name, _ in _ALWAYS)
_VERSION: Final = (b"x-legato-version", __version__.encode())
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
_CSP: Final = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_CSP_HTML: Final = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOptions:
    """Bounds and names; `allowed_origins` are exact."""

    public_url: str = ""
    allowed_origins: Collection[str] = ()
    max_headers: int = 100
    max_header_bytes: int = 32 * 1024
    max_body_bytes: int = 1024 * 1024
    body_s: float = 20.0
    linger_s: float = DISCARD_S


@dataclass(slots=True)
class Exchange:
    """What the frame knows of a request; routes find it with `exchange_of`."""

    request_id: str
    client: str
    meter: BodyMeter
    own_origin: str = ""
    code: str = ""
    """Of the problem that is the answer, if it is one."""
    is_known: bool = False
    """Somebody has shown who asks: the answer may say which version this server is."""
    _nonce: str = field(default="", repr=False)

    @property
    def nonce(self) -> str:
        """What a page of this answer puts on its own scripts and styles."""
        self._nonce = self._nonce or secrets.token_urlsafe(18)
        return self._nonce


def exchange_of(scope: Scope) -> Exchange:
    """Return what the frame knows of this request."""
    exchange: Exchange = scope["state"]["exchange"]
    return exchange


class Frame:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        options: FrameOptions,
        *,
        new_id: Callable[[], str],
        monotonic: Callable[[], float],
        methods_at: Callable[[Scope], Collection[str]],
        is_draining: Callable[[], bool],
    ) -> None:
        """Make the frame.

        Args:
            app: The router and its routes.
            options: Bounds and names.
            new_id: Makes a request id.
            monotonic: Seconds that only grow.
            methods_at: The methods that a request's path has; none if no route is there.
            is_draining: Tells whether the server stops: only health is answered then.
        """
        self.metrics: Metrics | None = None
        """Counts requests, where somebody has put one here."""
        self._is_draining = is_draining
        self.options = options
        self.hosts = Hosts(options.public_url)
        self.is_tls = options.public_url.startswith("https:")
        self._app = app
        self._new_id = new_id
        self._monotonic = monotonic
        self._methods_at = methods_at
        self._tell = _log.bind()  # once: to do it for each line would take a tenth of its time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._monotonic()
        options = self.options
        meter = BodyMeter(
            receive, scope["headers"], limit_bytes=options.max_body_bytes, body_s=options.body_s
        )
        client = str((scope.get("client") or ("",))[0])
        exchange = Exchange(self._request_id(scope), client, meter)
        scope.setdefault("state", {})["exchange"] = exchange
        answer = _Answer(self, scope, exchange, send)
        if self.metrics is not None:
            self.metrics.began()
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._carry_out(scope, answer)
            finally:
                took_s = self._monotonic() - began
                if self.metrics is not None:
                    self.metrics.ended(scope, answer.status, exchange.code, took_s)
                self._log(scope, answer, took_s)

    async def _carry_out(self, scope: Scope, answer: _Answer) -> None:
        try:
            self._check(scope, answer.exchange)
            if self._is_preflight(scope):
                await answer.preflight(self._methods_at(scope))
            else:
                await self._app(scope, answer.exchange.meter.receive, answer.send)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:  # only the server cancels: it ends now
            await answer.instead(Refused("draining", "The server stops."))
        except LegatoError as error:
            await answer.instead(error)
        except Exception as error:  # noqa: BLE001 - the outermost edge: nothing passes
            log_defect(error)
            await answer.instead(error)

    def _check(self, scope: Scope, exchange: Exchange) -> None:
        headers = scope["headers"]
        line = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
        size = line + sum(len(name) + len(value) + 4 for name, value in headers)
        if len(headers) > self.options.max_headers or size > self.options.max_header_bytes:
            raise Refused("headers_too_large", "The request has too many or too large headers.")
        own = self.hosts.own_origin(headers, scope["scheme"])
        if own is None:
            raise Refused(
                "host_refused",
                "This server is not known under that host.",
                hint="Use localhost on the same machine, or the server's public URL.",
            )
        exchange.own_origin = own
        if self._is_draining() and not scope["path"].startswith(HEALTH):
            raise Refused("draining", "The server stops; ask again soon.")

    def _is_preflight(self, scope: Scope) -> bool:
        if scope["method"] != "OPTIONS" or not self._methods_at(scope):
            return False
        headers = scope["headers"]
        if not values_of(headers, b"access-control-request-method"):
            return False
        if self.listed_origin(scope) is None:
            raise Refused("origin_refused", "Pages of that origin may not use this server.")
        return True

    def listed_origin(self, scope: Scope) -> str | None:
        """Return the origin that the request names if it is listed."""
        origins = values_of(scope["headers"], b"origin")
        if len(origins) == 1 and origins[0] in self.options.allowed_origins:
            return origins[0]
        return None

    def _request_id(self, scope: Scope) -> str:
        """Return the caller's id if it can be trusted in a log, else a new one."""
        named = values_of(scope["headers"], b"x-request-id")
        if len(named) == 1 and REQUEST_ID.fullmatch(named[0]):
            return named[0]
        return self._new_id()

    def _log(self, scope: Scope, answer: _Answer, took_s: float) -> None:
        is_quiet = scope["path"].startswith(HEALTH) and answer.status < 400
        tell = self._tell.debug if is_quiet else self._tell.info
        tell(
            "request",
            method=scope["method"],
            path=shown_path(scope),
            status=answer.status,
            took_ms=round(took_s * 1000, 1),
            sent_bytes=answer.sent_bytes,
            client=answer.exchange.client,
        )


class _Answer:
    """The way back: completes headers once, counts, and lets a client finish sending."""

    def __init__(self, frame: Frame, scope: Scope, exchange: Exchange, send: Send) -> None:
        self.exchange = exchange
        self.status = 0
        self.sent_bytes = 0
        self._is_complete = False
        self._frame = frame
        self._scope = scope
        self._send = send
        self._lingers = False

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            meter = self.exchange.meter
            if not meter.is_complete and not await meter.discard(gap_s=DISCARD_GAP_S):
                self._lingers = True
                headers.append((b"connection", b"close"))
            await self._send({**message, "headers": self._completed(headers)})
            return
        self.sent_bytes += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if message.get("more_body", False):
            await self._send(message)
            # A client that is gone takes every part at once: a stream would keep the loop.
            await asyncio.sleep(0)
            return
        if not self._lingers:
            await self._send(message)
            return
        # All is said; a client that still sends would lose the answer if we hung up on it now.
        await self._send({**message, "more_body": True})
        linger_s = self._frame.options.linger_s
        await self.exchange.meter.discard(gap_s=linger_s, total_s=linger_s)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def instead(self, error: BaseException) -> None:
        """Answer with an error, or cut off an answer that has begun."""
        if self._is_complete:
            return
        if self.status:
            abort = self._scope["state"].get("abort")
            if abort is not None:
                abort()
                await asyncio.sleep(0)  # the server learns of it before this task ends
            return
        await self.problem(problem_of(error))

    async def problem(self, problem: Problem) -> None:
        """Send a problem."""
        self.exchange.code = problem.code
        body = problem.body(self.exchange.request_id)
        await self._whole(problem.status, problem.raw_headers(body), body)

    async def preflight(self, methods: Collection[str]) -> None:
        """Tell a browser what a page of a listed origin may do at this path."""
        headers = [
            (b"access-control-allow-methods", ", ".join(sorted(methods)).encode()),
            (b"access-control-allow-headers", CORS_ALLOW.encode()),
            (b"access-control-max-age", str(CORS_MAX_AGE_S).encode()),
        ]
        await self._whole(204, headers, b"")

    async def _whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def _completed(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        is_usual = present.isdisjoint(_ALWAYS_NAMES)
        headers += _ALWAYS if is_usual else [p for p in _ALWAYS if p[0] not in present]
        if b"content-security-policy" not in present:
            kinds = [value for name, value in headers if name.lower() == b"content-type"]
            is_page = any(value.startswith(b"text/html") for value in kinds)
            page = _CSP_HTML.format(nonce=self.exchange.nonce).encode() if is_page else _CSP
            headers.append((b"content-security-policy", page))
        if self._frame.is_tls:
            headers.append(_HSTS)
        headers.append((b"x-request-id", self.exchange.request_id.encode()))
        if self.exchange.is_known:
            headers.append(_VERSION)
        return headers + self._cors()

    def _cors(self) -> list[tuple[bytes, bytes]]:
        if not self._frame.options.allowed_origins:
            return []
        found: list[tuple[bytes, bytes]] = [(b"vary", b"Origin")]
        origin = self._frame.listed_origin(self._scope)
        if origin is not None and self.exchange.own_origin:
            found += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", CORS_EXPOSE.encode()),
            ]
        return found


def shown_path(scope: Scope) -> str:
    """Return a request's path as a log may show it: no query, no token.

    What somebody put into a path by mistake may be a token: a part that is longer than an id is
    shown only where a route can name something by its slug, and only in the form of one.
    """
    route: Any = scope.get("route")
    if route is not None and route.path == scope["path"]:
        return str(route.path)  # words of ours
    if route is not None and not _SECRET_PARAMETERS.isdisjoint(scope.get("path_params", ())):
        return str(route.path)
    parts = str(scope["path"])[:_PATH_LOOKED_AT_MAX].split("/")
    is_known = route is not None
    return "/".join(each if _is_shown(each, is_known=is_known) else "…" for each in parts)[
        :_PATH_MAX
    ]


def _is_shown(segment: str, *, is_known: bool) -> bool:
    return len(segment) <= _SEGMENT_MAX or (is_known and SLUG.fullmatch(segment) is not None)

# SPDX-License-Identifier: Apache-2.0
"""Puts the HTTP server together: which adapters its limits, log-ins and routes stand on.

Imported only by commands that serve. Rules: HT24, ID20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from legato.adapters.memory.counters import MemoryCounters
from legato.api.access import Gate
from legato.api.authenticator import BearerAuthenticator
from legato.api.care import Care
from legato.api.figures import StoreFigures
from legato.api.loop_lag import LoopLag
from legato.api.metrics import Metrics, figure
from legato.api.parts import Api, Identity
from legato.api.readiness import Readiness
from legato.api.server import IDENTITY, RESOURCES, HttpServer, make_api
from legato.auth import keys
from legato.auth.passwords import Passwords
from legato.auth.throttle import LoginThrottle
from legato.auth.tokens import AccessTokens, KeyRing
from legato.telemetry import lines_dropped

if TYPE_CHECKING:
    from legato.app import App
    from legato.ports.clock import Clock
    from legato.settings import Settings


def make_server(app: App) -> HttpServer:
    """Put the HTTP server of an app together; its port is not bound yet.

    Raises:
        InvalidInput: A key is missing or no good.
        Internal: A route does not say who may use it.
    """
    settings, clock, stores = app.settings, app.clock, app.stores
    identity = _identity(settings, clock)
    readiness = Readiness({"store": stores.lifecycle.look}, clock.monotonic)
    lag = LoopLag()
    api = Api(
        settings=settings,
        stores=stores,
        clock=clock,
        readiness=readiness,
        identity=identity,
        metrics=_metrics(identity, lag),
        figures=StoreFigures(stores, clock.monotonic),
    )
    gate = Gate(
        allowed_origins=frozenset(settings.allowed_origins),
        authenticator=BearerAuthenticator(identity.tokens, stores.accounts),
    )
    care = Care(stores, close=identity.passwords.close, beside=[lag])
    frame = make_api(api, gate, (*RESOURCES, *IDENTITY))
    return HttpServer(frame, readiness, settings.server, care)


def _identity(settings: Settings, clock: Clock) -> Identity:
    """Return what log-ins stand on, with the keys of the environment."""
    found = keys.keys_from_environment(settings.server_keys)
    server = settings.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    issuer = server.public_url or f"http://{host}:{server.port}"
    return Identity(
        tokens=AccessTokens(KeyRing(found.jwt), clock, issuer=issuer),
        passwords=Passwords(),
        throttle=LoginThrottle(MemoryCounters(clock), found.names_key),
        refresh_key=found.refresh_key,
    )


def _metrics(identity: Identity, lag: LoopLag) -> Metrics:
    """Return what the server counts, with the parts that count for themselves."""
    made = Metrics()
    passwords = "Passwords that are hashed or judged, or wait for it."
    late = "How late the event loop came to what was due, "
    dropped = "Lines that the log file had no room for."
    made.sources += [
        lambda: figure("legato_log_lines_dropped", dropped, lines_dropped(), kind="counter"),
        lambda: figure("legato_passwords_in_flight", passwords, identity.passwords.inside),
        lambda: figure("legato_event_loop_lag_seconds", f"{late}last.", lag.last_s),
        lambda: figure(
            "legato_event_loop_lag_max_seconds", f"{late}at worst in the last minutes.", lag.worst_s
        ),
    ]
    return made

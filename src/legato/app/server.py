# SPDX-License-Identifier: Apache-2.0
"""Puts the HTTP server together: which adapters its limits, log-ins and routes stand on.

Imported only by commands that serve. Rules: HT24, HT44, ID20, UP3.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from legato.adapters.memory.counters import MemoryCounters
from legato.api.access import Gate
from legato.api.authenticator import BearerAuthenticator
from legato.api.care import Care
from legato.api.figures import StoreFigures
from legato.api.identities import LinkedIdentities
from legato.api.limits import RequestLimits
from legato.api.loop_lag import LoopLag
from legato.api.metrics import Family, Metrics, figure
from legato.api.origin import is_loopback
from legato.api.parts import Api, Identity
from legato.api.readiness import Readiness
from legato.api.recent import Recent
from legato.api.server import IDENTITY, RESOURCES, HttpServer, make_api
from legato.app import credential_trials, node_catalogue
from legato.app.companions import server_companions
from legato.app.embedded import neighbours
from legato.app.issuers import make_foreign_tokens
from legato.auth import keys
from legato.auth.home_keys import HomeKeys
from legato.auth.passwords import Passwords
from legato.auth.sealing import Sealer
from legato.auth.throttle import LoginThrottle
from legato.auth.tokens import AccessTokens, KeyRing
from legato.runtime.retention import Ages, Retention
from legato.runtime.sweep import DAY_MS, Sweep
from legato.telemetry import lines_dropped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from legato.api.care import Companion
    from legato.app import App
    from legato.app.embedded import Embedded
    from legato.model.events import FinalStatus
    from legato.ports.clock import Clock
    from legato.ports.counters import Counters
    from legato.settings import Settings


def make_server(app: App, embedded: Embedded | None = None) -> HttpServer:
    """Put the HTTP server of an app together; its port is not bound yet.

    Args:
        app: What it serves.
        embedded: With `legato up`; else the keys are those of the environment.

    Raises:
        InvalidInput: A key is missing or no good, or an issuer cannot be used.
        Internal: A route does not say who may use it.
    """
    settings, clock, stores = app.settings, app.clock, app.stores
    counters, close_counters = _counters(settings, clock)
    identity = _identity(settings, clock, counters, embedded)
    app.vault.take(identity.sealer)
    limits = RequestLimits(counters, settings.server.rates)
    readiness = Readiness({"store": stores.lifecycle.look}, clock.monotonic)
    lag = LoopLag()
    api = Api(
        settings=settings, stores=stores, clock=clock, readiness=readiness, identity=identity,
        limits=limits, practice=None if embedded is None else embedded.practice(),
        is_supervised=embedded is not None, engine=lambda: app.engine,
        node_types=functools.cache(node_catalogue),
        crash_button=None if embedded is None else embedded.crash_button(app),
        metrics=_metrics(identity, limits, lag), figures=StoreFigures(stores, clock.monotonic),
        trials=credential_trials(settings),
    )  # fmt: skip
    foreign = make_foreign_tokens(app, own_issuer=identity.tokens.issuer)
    identities = LinkedIdentities(foreign, stores.accounts, clock.new_id) if foreign else None
    recent = Recent(clock.monotonic)
    gate = Gate(
        allowed_origins=frozenset(settings.allowed_origins),
        limit_address=limits.limit_address,
        authenticator=BearerAuthenticator(identity.tokens, stores.accounts, identities, recent),
        limit_principal=limits.limit_principal,
        on_change=recent.forget,
    )

    async def hang_up() -> None:
        hosts = foreign.close if foreign else None
        for each in (close_counters, hosts, api.evaluations.close):
            if each is not None:
                await each()

    close = identity.passwords.close
    files = settings.files
    keep_ms = round(files.keep_days * DAY_MS)
    sweep = Sweep(stores, clock, every_s=files.sweep_s, keep_ms=keep_ms)
    beside: list[Companion] = [lag, sweep, _retention(app), *server_companions(app, api)]
    care = Care(stores, close=close, hang_up=hang_up, beside=beside)
    frame = make_api(api, gate, (*RESOURCES, *IDENTITY, *neighbours(api)))
    return HttpServer(frame, readiness, settings.server, care)


def _retention(app: App) -> Retention:
    """Return who lets go of what is too old."""
    chosen = app.settings.retention
    days: dict[FinalStatus, float] = {
        "completed": chosen.completed_days,
        "failed": chosen.failed_days,
        "cancelled": chosen.cancelled_days,
        "timed_out": chosen.timed_out_days,
    }
    ages = Ages(
        executions={status: round(each * DAY_MS) for status, each in days.items()},
        logs=round(chosen.log_days * DAY_MS),
    )
    return Retention(app.stores, app.clock, ages, every_s=chosen.sweep_s)


def _counters(
    settings: Settings, clock: Clock
) -> tuple[Counters, Callable[[], Awaitable[None]] | None]:
    """Return what limits count with, and how that ends."""
    here, url = MemoryCounters(clock), settings.redis_url.get_secret_value()
    if not url:
        return here, None
    # The client takes 21 MiB, which a server without Redis need not have.
    from legato.adapters.redis.counters import RedisCounters  # noqa: PLC0415
    from legato.adapters.redis.link import RedisLink  # noqa: PLC0415
    from legato.adapters.redis.shared import SharedCounters  # noqa: PLC0415

    link = RedisLink(url)
    return SharedCounters(RedisCounters(link), here), link.close


def _identity(
    settings: Settings, clock: Clock, counters: Counters, embedded: Embedded | None
) -> Identity:
    """Return what log-ins stand on."""
    if embedded is None:
        found = keys.keys_from_environment(settings.server_keys)
        ring, sealer = KeyRing(found.jwt), Sealer(found.master)
    else:
        found = embedded.keys
        followed = HomeKeys(settings.home, found, clock.monotonic)
        ring, sealer = followed.ring, followed.sealer
    server = settings.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    issuer = server.public_url or f"http://{host}:{server.port}"
    return Identity(
        tokens=AccessTokens(ring, clock, issuer=issuer),
        passwords=Passwords(),
        throttle=LoginThrottle(counters, found.names_key),
        sealer=sealer,
        refresh_key=found.refresh_key,
        is_embedded=embedded is not None and is_loopback(server.host),
    )


def _metrics(identity: Identity, limits: RequestLimits, lag: LoopLag) -> Metrics:
    """Return what the server counts, with the parts that count for themselves."""
    made = Metrics()
    passwords = "Passwords that are hashed or judged, or wait for it."
    late = "How late the event loop came to what was due, "
    dropped = "Lines that the log file had no room for."

    def limited() -> Family:
        rows: list[tuple[tuple[str, ...], float]] = sorted(limits.refused.items())
        text = "Requests that were too many, by whom the limit is per, and its class."
        return Family("legato_rate_limited", text, "counter", ("per", "limit"), rows)

    made.sources += [
        limited,
        lambda: figure("legato_log_lines_dropped", dropped, lines_dropped(), kind="counter"),
        lambda: figure("legato_passwords_in_flight", passwords, identity.passwords.inside),
        lambda: figure("legato_event_loop_lag_seconds", f"{late}last.", lag.last_s),
        lambda: figure(
            "legato_event_loop_lag_max_seconds", f"{late}at worst in the last minutes.", lag.worst_s
        ),
    ]
    return made

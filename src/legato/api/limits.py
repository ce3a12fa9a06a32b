# SPDX-License-Identifier: Apache-2.0
"""How many requests: per address before anybody is asked who they are, then per principal.

Which limit a route has is in its declaration (`access.Declaration.rate`), never in its path. What
is refused costs no password hash, no body and no round trip to the database. Rules: HT41-HT47.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Final, Literal

from starlette.requests import Request

from legato.api.access import Declaration, RateClass
from legato.api.authenticator import principal_of
from legato.api.frame import exchange_of
from legato.auth.throttle import ADDRESS_CHARS_MAX, address_key
from legato.errors import RateLimited
from legato.model.rate import Rate, per_minute
from legato.ports.counters import Counters
from legato.settings.rates import RateSettings

Of = Literal["address", "principal"]

_ADDRESSES_KEPT: Final = 4_096
_key_of = functools.lru_cache(_ADDRESSES_KEPT)(address_key)


class RequestLimits:
    """The limits of one server; `refused` counts what they turned away, for whoever shows it."""

    def __init__(self, counters: Counters, settings: RateSettings) -> None:
        """Make them.

        Args:
            counters: Shared by all servers that count together; they always answer.
            settings: How many.
        """
        self.refused: Counter[tuple[Of, str]] = Counter()
        """By whom the limit is per, and its class: a few numbers, however many ask."""
        self._counters = counters
        self._of_address = {
            "credential": per_minute(settings.credentials_per_minute),
            "request": per_minute(settings.requests_per_minute),
        }
        writes = per_minute(settings.writes_per_minute)
        self._of_principal: dict[RateClass, Rate] = {
            "credential": writes,
            "refresh": per_minute(settings.refreshes_per_minute),
            "start": per_minute(settings.starts_per_minute, settings.starts_at_once),
            "write": writes,
            "read": per_minute(settings.reads_per_minute),
        }

    async def limit_address(self, request: Request, declaration: Declaration) -> None:
        """Keep `access.Gate.limit_address`.

        Raises:
            RateLimited: There were too many from there.
        """
        if declaration.rate == "none":
            return
        kind = "credential" if declaration.rate == "credential" else "request"
        address = _key_of(exchange_of(request.scope).client[:ADDRESS_CHARS_MAX])
        await self._spend("address", kind, address, self._of_address[kind])

    async def limit_principal(self, request: Request, declaration: Declaration) -> None:
        """Keep `access.Gate.limit_principal`.

        All log-ins of a user count together; each API key counts by itself.

        Raises:
            RateLimited: There were too many of this principal.
        """
        kind = declaration.rate or "write"
        if kind == "none":
            return
        principal = principal_of(request)
        if principal.key is not None:
            await self.limit(kind, f"key:{principal.key}")
        else:
            await self.limit(kind, principal.user.id)

    async def limit(self, kind: RateClass, who: str) -> None:
        """Count one more of a class, for a route that learns itself who asks.

        Args:
            kind: Not `none`.
            who: A short name of the principal; nothing that somebody typed.

        Raises:
            RateLimited: There were too many.
        """
        # What hashes a password is a write as well: it shall not have twice as many.
        name = "write" if kind == "credential" else kind
        await self._spend("principal", name, who, self._of_principal[kind])

    async def _spend(self, of: Of, kind: str, who: str, rate: Rate) -> None:
        wait_ms = await self._counters.spend(f"{of}:{kind}:{who}", rate)
        if wait_ms:
            self.refused[of, kind] += 1
            raise RateLimited("Too many requests.", retry_after_s=-(-wait_ms // 1000))

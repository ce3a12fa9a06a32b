# SPDX-License-Identifier: Apache-2.0
"""The keys of one issuer, fetched when they are needed and never older than five minutes.

Whoever needs keys while they are fetched waits for that one fetch. They are fetched anew a minute
before they are too old, so that a short outage of the issuer is nobody's; after a longer one nobody
is let in (503). A kid that is unknown has them fetched at once, as after a change of keys; somebody
who makes kids up causes one fetch in five seconds, however many they are.

Rules: AU105, AU106.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import jwt

from legato.auth.issuers import Issuer, keys_of
from legato.errors import InvalidInput, Unavailable
from legato.ports.issuers import IssuerHttp, Question
from legato.telemetry import logger

KEEP_S: Final = 300.0
"""From the start of a fetch: a key that its issuer takes back is worth nothing after this."""
RENEW_S: Final = 240.0
AGAIN_S: Final = 5.0
"""Between two fetches for the same reason: keys that are old, or kids that are unknown."""
KID_S: Final = 30.0
"""Between two fetches for one kid that was not found."""
KIDS_MAX: Final = 256
_OK: Final = 200

_log = logger(__name__)


class IssuerKeys:
    """Remembers the keys."""

    def __init__(self, issuer: Issuer, http: IssuerHttp, monotonic: Callable[[], float]) -> None:
        """Make it; nothing is fetched yet.

        Args:
            issuer: Whose.
            http: Asks for them.
            monotonic: Seconds that only grow.
        """
        self._issuer = issuer
        self._http = http
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._good_from: float | None = None
        self._tried_at: float | None = None
        self._looked_at: float | None = None
        self._fetch: asyncio.Task[bool] | None = None
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._is_well = True

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of that name; None if the issuer has none.

        Raises:
            Unavailable: The issuer does not say its keys.
        """
        age_s = self._age_s()
        if age_s >= KEEP_S:
            await self._wait(self._begin(self._tried_at))
            return self._keys.get(kid)
        if age_s >= RENEW_S:
            self._begin(self._tried_at)
        if kid not in self._keys and self._may_ask_for(kid):
            fetch = self._begin(self._looked_at)
            if fetch is not None:
                self._note(kid)
                await self._wait(fetch)
        return self._keys.get(kid)

    async def close(self) -> None:
        """Give up what is still fetched."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)

    def _age_s(self) -> float:
        return KEEP_S if self._good_from is None else self._monotonic() - self._good_from

    def _may_ask_for(self, kid: str) -> bool:
        noted_at = self._unknown.get(kid)
        return noted_at is None or self._monotonic() - noted_at >= KID_S

    def _note(self, kid: str) -> None:
        self._looked_at = self._unknown[kid] = self._monotonic()
        self._unknown.move_to_end(kid)
        if len(self._unknown) > KIDS_MAX:
            self._unknown.popitem(last=False)

    def _begin(self, last: float | None) -> "asyncio.Task[bool] | None":
        """Return the fetch that runs or a new one; None if the last for this was a moment ago."""
        if self._fetch is not None and not self._fetch.done():
            return self._fetch
        now = self._monotonic()
        if last is not None and now - last < AGAIN_S:
            return None
        self._tried_at = now
        self._fetch = asyncio.create_task(self._load(now))
        return self._fetch

    async def _wait(self, fetch: "asyncio.Task[bool] | None") -> None:
        # Shielded: of those who wait one may go away.
        if fetch is None or not await asyncio.shield(fetch):
            raise Unavailable("an issuer of identities does not say its keys")

    async def _load(self, now: float) -> bool:
        try:
            answer = await self._http.ask(Question(url=self._issuer.jwks_url))
            if answer.status != _OK:
                raise Unavailable(f"status {answer.status}")
            # Hundreds of signatures' worth of arithmetic for a large set: not in the loop.
            found = await asyncio.to_thread(keys_of, answer.body, self._issuer.algorithms)
        except (Unavailable, InvalidInput) as error:
            if self._is_well:
                _log.warning("no keys of an issuer", issuer=self._issuer.url, error=error.message)
            self._is_well = False
            return False
        self._is_well = True
        self._keys, self._good_from = found, now
        return True

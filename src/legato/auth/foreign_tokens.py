# SPDX-License-Identifier: Apache-2.0
"""Verifies tokens of the issuers that the settings name, each with its own keys.

The order is by cost: what a token says, then its signature, then whether its issuer has revoked it.

Rules: AU101-AU107.
"""

from collections.abc import Callable, Iterable

from legato.auth.issuer_keys import IssuerKeys
from legato.auth.issuers import Issuer, Subject, check_signature, read, subject_of
from legato.auth.liveness import Liveness
from legato.errors import Unauthenticated
from legato.ports.clock import Clock
from legato.ports.issuers import IssuerHttp


class _Door:
    """One issuer: what is known of its keys, and of its tokens."""

    def __init__(self, issuer: Issuer, http: IssuerHttp, monotonic: Callable[[], float]) -> None:
        self.issuer = issuer
        self.http = http
        self.keys = IssuerKeys(issuer, http, monotonic)
        asks = issuer.asks
        self.liveness = Liveness(asks, http, monotonic) if asks is not None else None


class ForeignTokens:
    """Verify tokens of other issuers."""

    def __init__(self, issuers: Iterable[tuple[Issuer, IssuerHttp]], clock: Clock) -> None:
        """Make it.

        Args:
            issuers: Each with what asks it, which is closed with this. Each has its own: one that
                hangs must not hold the connections of the others.
            clock: Gives the time.
        """
        self._doors = {issuer.url: _Door(issuer, http, clock.monotonic) for issuer, http in issuers}
        self._clock = clock

    async def verify(self, text: str) -> Subject:
        """Return whom a token is about, if it is good now.

        Raises:
            Unauthenticated: It is not; why is not said.
            Unavailable: Its issuer does not say its keys, or whether it holds.
        """
        token = read(text)
        door = self._doors.get(token.issuer)
        if door is None:
            raise Unauthenticated
        subject = subject_of(token, door.issuer, self._clock.now_ms())
        key = await door.keys.find(token.kid)
        if key is None:
            raise Unauthenticated
        check_signature(token, door.issuer, key)
        if door.liveness is not None:
            await door.liveness.check(token.text, subject.id)
        return subject

    async def close(self) -> None:
        """Give up what is still asked, and hang up."""
        for door in self._doors.values():
            await door.keys.close()
            if door.liveness is not None:
                await door.liveness.close()
            await door.http.close()

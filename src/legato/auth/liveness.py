# SPDX-License-Identifier: Apache-2.0
"""Whether a token of another issuer still holds: its issuer is asked, at most once a second.

An answer, and a question that is still open, count for a second from the moment it was asked: what
the issuer revokes is known here a second later. Where it does not answer, or answers something
else, nobody is let in: a valid signature alone says nothing about revocation.

Rules: AU107. Source: RFC 7662; OpenID Connect Core section 5.3.
"""

import asyncio
import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Literal
from urllib.parse import quote_plus

import msgspec

from legato.auth.issuers import Introspection, UserInfo
from legato.errors import Unauthenticated, Unavailable
from legato.ports.issuers import Answer, IssuerHttp, Question
from legato.telemetry import logger

FRESH_S: Final = 1.0
TOKENS_MAX: Final = 4_096
_OK: Final = 200
_REFUSALS: Final = frozenset({401, 403})

Verdict = Literal["holds", "ended", "unknown"]
_log = logger(__name__)


class _Asked(msgspec.Struct, frozen=True):
    at: float
    verdict: "asyncio.Task[Verdict]"


class Liveness:
    """Asks one issuer."""

    def __init__(
        self, place: Introspection | UserInfo, http: IssuerHttp, monotonic: Callable[[], float]
    ) -> None:
        """Make it.

        Args:
            place: Where to ask, and how.
            http: Asks.
            monotonic: Seconds that only grow.
        """
        self._place = place
        self._http = http
        self._monotonic = monotonic
        self._asked: OrderedDict[bytes, _Asked] = OrderedDict()
        self._is_well = True

    async def check(self, token: str, subject: str) -> None:
        """Return if a verified token holds.

        Args:
            token: Its signature is good.
            subject: Its `sub`: an answer about somebody else is none.

        Raises:
            Unauthenticated: The issuer says that it has ended.
            Unavailable: The issuer does not say.
        """
        asked = self._question(hashlib.sha256(token.encode()).digest(), token, subject)
        # Shielded: of those who wait one may go away.
        verdict = await asyncio.shield(asked.verdict)
        if verdict == "ended":
            raise Unauthenticated
        if verdict == "unknown":
            raise Unavailable("an issuer of identities does not say whether a token holds")

    async def close(self) -> None:
        """Give up what is still asked."""
        tasks = [each.verdict for each in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _question(self, mark: bytes, token: str, subject: str) -> _Asked:
        now = self._monotonic()
        while self._asked:  # the oldest first
            oldest = next(iter(self._asked))
            if now - self._asked[oldest].at < FRESH_S and len(self._asked) < TOKENS_MAX:
                break
            del self._asked[oldest]
        asked = self._asked.get(mark)
        if asked is None:
            asked = _Asked(now, asyncio.create_task(self._ask(token, subject)))
            self._asked[mark] = asked
        return asked

    async def _ask(self, token: str, subject: str) -> Verdict:
        verdict: Verdict = "unknown"
        try:
            answer = await self._http.ask(_question(self._place, token))
        except Unavailable as error:
            why = error.message
        else:
            verdict, why = _verdict(self._place, answer, subject), f"status {answer.status}"
        if (verdict != "unknown") != self._is_well:
            self._is_well = not self._is_well
            tell = _log.info if self._is_well else _log.warning
            tell("whether tokens hold", is_known=self._is_well, url=self._place.url, why=why)
        return verdict


def _question(place: Introspection | UserInfo, token: str) -> Question:
    if isinstance(place, UserInfo):
        headers = {**place.headers, "authorization": f"Bearer {token}"}
        return Question(url=place.url, headers=headers)
    # RFC 6749 section 2.3.1: both are written as in a form before they are joined.
    pair = f"{quote_plus(place.client_id)}:{quote_plus(place.client_secret)}".encode()
    return Question(
        url=place.url,
        headers={"authorization": f"Basic {base64.b64encode(pair).decode()}"},
        form={"token": token, "token_type_hint": "access_token"},
    )


def _verdict(place: Introspection | UserInfo, answer: Answer, subject: str) -> Verdict:
    """Return what an answer says; anything but a clear word is none."""
    is_userinfo = isinstance(place, UserInfo)
    if is_userinfo and answer.status in _REFUSALS:
        return "ended"
    if answer.status != _OK:
        return "unknown"
    try:
        value: Any = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "unknown"
    if not isinstance(value, dict):
        return "unknown"
    if is_userinfo:
        # Supabase calls it `id`.
        return "holds" if value.get("sub", value.get("id")) == subject else "unknown"
    if value.get("active") is False:
        return "ended"
    is_same = value.get("sub", subject) == subject
    return "holds" if value.get("active") is True and is_same else "unknown"

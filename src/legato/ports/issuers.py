# SPDX-License-Identifier: Apache-2.0
"""Questions to the issuers of identities: for their keys, and whether a token still holds.

Every implementation verifies TLS, follows no redirect, keeps no cookies, uses no proxy and no
credentials of its environment, and bounds time and size. Where to ask comes from the settings
only, never from a token; therefore private addresses are allowed.

Rules: AU108.
"""

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

ANSWER_BYTES_MAX: Final = 256 * 1024
ANSWER_S: Final = 3.0
"""For the whole exchange: somebody waits for it, and a page that waits longer is reloaded."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A GET; a POST where there is a form. Headers and form may hold secrets."""

    url: str
    headers: Mapping[str, str] = {}
    form: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        """Name it without its secrets."""
        return f"Question(url={self.url!r})"


class Answer(msgspec.Struct, frozen=True):
    """What came back: any status, and at most `ANSWER_BYTES_MAX`."""

    status: int
    body: bytes


class IssuerHttp(Protocol):
    """Ask an issuer."""

    async def ask(self, question: Question) -> Answer:
        """Send one question and return the answer.

        Raises:
            Unavailable: There is no whole answer within time and size.
        """
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...

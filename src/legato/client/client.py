# SPDX-License-Identifier: Apache-2.0
"""`Client`: a server of Legato, typed.

    async with Client("https://legato.example.org", "lgt_…") as legato:
        async for each in legato.all_executions(status=["failed"]):
            print(each.id)

Rules: CC10, CC11.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from legato.client.generated.operations import Operations
from legato.client.transport import Bearer, Credential, Options, Transport


class Client(Operations):
    """A server; every operation of its API is a method with the operation's name."""

    def __init__(
        self, url: str, credential: str | Credential | None = None, options: Options | None = None
    ) -> None:
        """Make it; nothing is sent.

        Args:
            url: Where the server is.
            credential: An API key or access token, or what gives one; None: nobody asks.
            options: The workspace, how patient it is.

        Raises:
            InvalidInput: The address is none, or a credential would go in the clear to elsewhere.
        """
        known = Bearer(credential) if isinstance(credential, str) else credential
        super().__init__(Transport(url, known, options or Options()))

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        await self.transport.close()

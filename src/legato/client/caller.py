# SPDX-License-Identifier: Apache-2.0
"""What the generated operations stand on: calls in, typed values out.

Rules: CC12, CC19, CC20.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from legato.client.calls import Call, decode
from legato.client.events import StreamEvent, follow
from legato.client.problems import OtherAnswer, Refusal
from legato.client.transport import Answer, Transport

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)


class Page(Protocol[Item_co]):
    """One page of a list."""

    @property
    def items(self) -> Sequence[Item_co]:
        """What is on it."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """Names the next page; None: there is none."""
        ...


class Caller:
    """Makes calls through a transport."""

    def __init__(self, transport: Transport) -> None:
        """Args: transport sends them."""
        self.transport = transport

    async def _answer(self, call: Call, kind: type[T]) -> T:
        return decode((await self._send(call)).body, kind)

    async def _either(self, call: Call, kinds: Mapping[int, Any]) -> Any:
        """Return what the status says it is; None where there is no body."""
        answer = await self._send(call)
        if answer.status not in kinds:
            text = f"the server answered {answer.status}, which this client does not know"
            raise OtherAnswer(Refusal(answer.status, OtherAnswer.code, text))
        kind = kinds[answer.status]
        return None if kind is None else decode(answer.body, kind)

    async def _nothing(self, call: Call) -> None:
        await self._send(call)

    async def _bytes(self, call: Call) -> bytes:
        return (await self._send(call)).body

    @contextlib.asynccontextmanager
    async def _pieces(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.transport.stream(call) as response:
            yield response.aiter_bytes()

    def _events(self, call: Call, last_event_id: str | None) -> AsyncIterator[StreamEvent]:
        return follow(self.transport, call, last_event_id=last_event_id)

    async def _send(self, call: Call) -> Answer:
        return await self.transport.send(call)


async def pages(
    ask: Callable[[str | None], Awaitable[Page[T]]], cursor: str | None = None
) -> AsyncIterator[T]:
    """Yield the items of a list, page after page; each page is asked for when it is needed.

    Args:
        ask: Returns the page of a cursor.
        cursor: Where to begin; None: at the beginning.

    Raises:
        Problem: As `ask`.
    """
    while True:
        page = await ask(cursor)
        for item in page.items:
            yield item
        if page.next_cursor is None:
            return
        cursor = page.next_cursor

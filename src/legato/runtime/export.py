# SPDX-License-Identifier: Apache-2.0
"""Everything that is stored of an execution as one JSON document, piece by piece.

For the command line and the API alike. Events and lines are read in pages, and payloads one by one:
the document is never in memory as a whole unless its reader keeps it. What is over a bound is named
under `left_out`, which therefore stands last.

Rules: CL29, LG24, XR41.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from legato.engine.upcast import read_event
from legato.errors import InvalidInput, LegatoError
from legato.model.events import Recorded
from legato.model.instants import instant
from legato.model.values import decode, load
from legato.ports.executions import ExecutionRow
from legato.ports.stores import Stores
from legato.runtime.wire import event_json, line_json, row_json

FORMAT: Final = 1
"""Grows when a reader of the last one would misunderstand the next."""
LINES_MAX: Final = 100_000
"""Log lines in one export, the oldest ones."""
CALLED_MAX: Final = 10_000
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Export:
    """One export: of which execution, made when and by whom, with payloads of how many bytes."""

    stores: Stores
    row: ExecutionRow
    at: int
    by: str
    payload_bytes: int
    left_out: list[str] = field(default_factory=list)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the document as UTF-8 JSON."""
        yield await self._head()
        yield b',"events":['
        async for piece in _joined(self._events()):
            yield piece
        yield b'],"logs":['
        async for piece in _joined(self._lines()):
            yield piece
        yield b'],"payloads":{'
        async for piece in _joined(self._payloads()):
            yield piece
        yield b'},"called":' + await self._called()
        yield b',"left_out":' + orjson.dumps(self.left_out) + b"}"

    async def _head(self) -> bytes:
        row = self.row
        version = await self.stores.versions.get(row.version)
        head = {
            "format": "legato-execution",
            "version": FORMAT,
            "exported_at": instant(self.at),
            "exported_by": self.by,
            "execution": row_json(row),
            "workflow": {
                "name": row.workflow,
                "version": row.version,
                "source": None if version is None else version.source.decode("utf-8", "replace"),
                "compiled": None if version is None else load(version.compiled),
            },
        }
        return orjson.dumps(head)[:-1]

    async def _events(self) -> AsyncIterator[bytes]:
        after = 0
        while True:
            rows = await self.stores.log.read(self.row.execution_id, after=after, limit=_PAGE)
            yield _items(
                event_json(Recorded(each.seq, each.at, read_event(each.body))) for each in rows
            )
            if len(rows) < _PAGE:
                return
            after = rows[-1].seq

    async def _lines(self) -> AsyncIterator[bytes]:
        after, count = 0, 0
        while count < LINES_MAX:
            page = await self.stores.attempt_logs.read(
                self.row.execution_id, after=after, limit=min(_PAGE, LINES_MAX - count)
            )
            yield _items(line_json(line) for _, line in page)
            count += len(page)
            if len(page) < _PAGE:
                return
            after = page[-1][0]
        if await self.stores.attempt_logs.read(self.row.execution_id, after=after, limit=1):
            self.left_out.append(f"log lines beyond the first {LINES_MAX}")

    async def _payloads(self) -> AsyncIterator[bytes]:
        """Yield payloads by hash, the small ones first, as JSON where they are, else as base64."""
        refs = await self.stores.executions.blobs(self.row.execution_id)
        used = 0
        for ref in sorted(refs, key=lambda ref: (ref.size, ref.hash)):
            name = f"payload {ref.hash} ({ref.size} bytes)"
            if used + ref.size > self.payload_bytes:
                self.left_out.append(f"{name}: over {self.payload_bytes} bytes of payloads")
                continue
            try:
                data = await self.stores.blobs.get(self.row.workspace, ref)
            except LegatoError as error:
                self.left_out.append(f"{name}: {error.message}")
                continue
            used += ref.size
            yield orjson.dumps({ref.hash: {"size": ref.size, **_as_text(data)}})[1:-1]

    async def _called(self) -> bytes:
        called = await self.stores.executions.descendants(
            self.row.execution_id, limit=CALLED_MAX + 1
        )
        if len(called) > CALLED_MAX:
            self.left_out.append(f"called executions beyond the first {CALLED_MAX}")
        return orjson.dumps([row_json(each) for each in called[:CALLED_MAX]])


async def _joined(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what is not empty, with commas between."""
    is_first = True
    async for part in parts:
        if part:
            yield part if is_first else b"," + part
            is_first = False


def _items(values: Iterator[Any]) -> bytes:
    return orjson.dumps(list(values))[1:-1]


def _as_text(data: bytes) -> dict[str, Any]:
    try:
        return {"json": decode(data)}
    except InvalidInput:
        return {"base64": base64.b64encode(data).decode()}

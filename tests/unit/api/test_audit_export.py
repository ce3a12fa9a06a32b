# SPDX-License-Identifier: Apache-2.0
"""An export that goes on while its reader loses the right to it."""

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from legato.api import audit
from legato.api.access import Declaration, Needs
from legato.errors import Refused
from legato.ports.audit import AuditQuery, AuditRow, Head
from legato.testing.clock import FakeClock
from tests.unit.api.calls import scope_of

ROWS = 40


class Book:
    """An audit whose reading takes time."""

    def __init__(self, clock: FakeClock) -> None:
        """All rows are there; some come meanwhile."""
        self._clock = clock

    async def head(self) -> Head:
        """Return the last row."""
        return Head(ROWS, "0" * 64)

    async def read(self, *, after: int, limit: int, workspace: Any) -> list[AuditRow]:
        """Return a part, 0.4 s later."""
        del workspace
        self._clock.advance(0.4)
        return [
            AuditRow(id=seq, seq=seq, at=seq, hash="00", action="x")
            for seq in range(after + 1, min(after + limit, ROWS + 5) + 1)
        ]


class Door:
    """Lets somebody in so often."""

    def __init__(self, times: int) -> None:
        """Args: times it lets in."""
        self.times = times
        self.asked = 0

    async def authenticate(self, request: Request, needs: Needs, *, is_fresh: bool = False) -> None:
        """Count."""
        del request, needs
        self.asked += 1
        if self.asked > self.times:
            raise Refused("session_ended")

    async def authorise(self, request: Request, needs: Needs) -> None:
        """Let in."""


async def read(monkeypatch: pytest.MonkeyPatch, door: Door) -> list[bytes]:
    """Read an export to its end, or to where it is cut off."""
    monkeypatch.setattr(audit, "BATCH", 4)
    clock = FakeClock()
    api: Any = SimpleNamespace(stores=SimpleNamespace(audit=Book(clock)), clock=clock)
    scope = scope_of()
    scope["route"] = SimpleNamespace(
        declaration=Declaration(Needs("audit", "export")), gate=SimpleNamespace(authenticator=door)
    )
    parts = []
    try:
        async for part in audit._lines(Request(scope), api, AuditQuery(), after=0):
            parts.append(part)
    except Refused as error:
        parts.append(error.code.encode())
    return parts


async def test_an_export_ends_when_its_right_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """About a second later; what was sent is whole lines [AD13]."""
    door = Door(times=2)
    *parts, last = await read(monkeypatch, door)
    assert last == b"session_ended"
    assert door.asked == 3
    assert len(parts) == 9
    assert all(part.endswith(b"}\n") for part in parts)


async def test_an_export_ends_at_the_head_of_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that come meanwhile are for the next one [AD13]."""
    parts = await read(monkeypatch, Door(times=100))
    assert b"".join(parts).count(b"\n") == ROWS

# SPDX-License-Identifier: Apache-2.0
"""A stream of events where nothing happens, by a clock of its own."""

from types import SimpleNamespace
from typing import Any, cast

from starlette.requests import Request

from legato.adapters.local_bus import LocalBus
from legato.api.access import Declaration, Needs
from legato.api.execution_events import PING_S, _Reader
from legato.api.parts import Api
from legato.model.ids import ExecutionId
from legato.ports.executions import ExecutionRow

HURRY_S = 5.0


class Quiet:
    """A store, a clock and a gate that let through: each look at the log takes five seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0

    def monotonic(self) -> float:
        return self.now

    async def read(self, *_: Any, **__: Any) -> list[Any]:
        self.now += HURRY_S
        return []

    async def wait(self, _: float) -> bool:
        return True

    async def authenticate(self, *_: Any, **__: Any) -> None:
        self.looks += 1

    async def authorise(self, *_: Any, **__: Any) -> None:
        return None


async def test_silence_is_broken_every_quarter_of_a_minute() -> None:
    """A comment keeps what lies between from taking the stream for dead [XR37, XR34]."""
    quiet = Quiet()
    stores = SimpleNamespace(log=quiet, changes=quiet)
    api = SimpleNamespace(
        stores=stores,
        clock=quiet,
        engine=lambda: SimpleNamespace(bus=LocalBus()),
        readiness=SimpleNamespace(is_draining=False),
    )

    route = SimpleNamespace(
        declaration=Declaration(Needs("execution", "events")),
        gate=SimpleNamespace(authenticator=quiet),
    )
    request = Request({"type": "http", "route": route, "headers": []})
    row = cast(
        ExecutionRow, SimpleNamespace(execution_id=ExecutionId("e"), status="running", head_seq=0)
    )
    reader = _Reader(request, cast(Api, api), row, 1, 0, is_lost=False)
    times: list[float] = []
    async for chunk in reader.chunks():
        if chunk == b": ping\n\n":
            times.append(quiet.now)
        if len(times) == 3:
            break
    assert times == [PING_S, 2 * PING_S, 3 * PING_S]
    assert quiet.looks == 3 * PING_S / HURRY_S

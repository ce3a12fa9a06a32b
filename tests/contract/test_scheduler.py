# SPDX-License-Identifier: Apache-2.0
"""The scheduler and the releaser over both databases, with a clock that the tests hold."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legato.adapters.sql.open import make_stores
from legato.errors import InvalidInput, LimitExceeded
from legato.model.ids import ExecutionId
from legato.model.workflow import OverlapRule
from legato.ports.admission import Place, Terms
from legato.ports.stores import Stores
from legato.ports.triggers import TriggerRow
from legato.runtime.releaser import Releaser
from legato.runtime.scheduler import Scheduler
from legato.testing.clock import FakeClock
from tests.contract.accounts import execute
from tests.contract.build import A, execution_id, new, turn
from tests.contract.conftest import Backend, MakeStores, sqlite_backend
from tests.contract.triggered import HOURLY, publish, schedules

HOUR = 3_600_000


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Return how a process makes its ports; a store in memory has no triggers."""
    if request.param == "sqlite":
        return sqlite_backend(tmp_path)
    url = request.getfixturevalue("empty_postgres_url")
    return lambda _process, limits: make_stores(url, "memory:", home=tmp_path, limits=limits)


class Instance:
    """A process that keeps schedules; its executions are rows alone."""

    def __init__(self, store: Stores, first_id: int = 1) -> None:
        self.store = store
        self.clock = FakeClock(datetime(1970, 1, 1, 0, 30, tzinfo=UTC))
        self.started: list[int] = []
        self.error: Exception | None = None
        self.scheduler = Scheduler(store.triggers, self.clock, self._start)
        self._next_id = first_id

    async def _start(self, row: TriggerRow, at: int) -> None:
        if self.error is not None:
            raise self.error
        place = Place(kind="tick", trigger=row.id, key=str(at), at=self.clock.now_ms())
        made = new(self._next_id, workflow_id=row.workflow, trigger_id=row.name, scheduled_at=at)
        self._next_id += 1
        admitted = await self.store.admissions.admit(made, [], Terms(place=place))
        if admitted.outcome == "created":
            self.started.append(at)

    async def look_at(self, ms: int) -> None:
        """Look with the clock at this time."""
        self.clock.ms = ms
        await self.scheduler.look()


def policy(missed: str) -> dict[str, Any]:
    """Return an hourly schedule with a policy."""
    return {"uses": "schedule.cron", "with": {"expression": "0 * * * *", "missed": missed}}


async def test_a_tick_starts_one_execution(store: Stores) -> None:
    """Not before its time, and not again after it [TR13]."""
    await publish(store, HOURLY)
    here = Instance(store)
    for ms in (HOUR - 1, HOUR, HOUR, HOUR + 500, 2 * HOUR + 999):
        await here.look_at(ms)
    assert here.started == [HOUR, 2 * HOUR]
    assert (await schedules(store))["cron1"].next_at == 3 * HOUR


async def test_two_instances_start_each_tick_once(stores: MakeStores) -> None:
    """However they look, together or one after the other [TR13, TR14]."""
    one, two = Instance(await stores("a")), Instance(await stores("b"), first_id=100)
    await publish(one.store, HOURLY, {**HOURLY, "id": "other"})
    for hour in range(1, 6):
        await asyncio.gather(*(each.look_at(hour * HOUR + 10) for each in (one, two) * 2))
    ticks = sorted(one.started + two.started)
    assert ticks == sorted([hour * HOUR for hour in range(1, 6)] * 2)


async def test_a_tick_that_was_admitted_and_not_noted_is_not_started_again(
    stores: MakeStores,
) -> None:
    """Who died between the two is followed when the claim is over; the place is taken [TR14]."""
    one, two = Instance(await stores("a")), Instance(await stores("b"), first_id=100)
    await publish(one.store, HOURLY)
    (row,) = await one.store.triggers.due(HOUR)
    assert await one.store.triggers.claim(row)
    await one._start(row, HOUR)
    await two.look_at(HOUR + 1)
    assert two.started == []
    await execute(one.store, "UPDATE triggers SET claimed_until = 1")
    await two.look_at(HOUR + 2)
    assert (one.started, two.started) == ([HOUR], [])
    assert (await schedules(one.store))["cron1"].next_at == 2 * HOUR


@pytest.mark.parametrize(
    ("missed", "started"),
    [("skip", [5]), ("run_once", [4, 5]), ("run_all", [1, 2, 3, 4, 5])],
)
async def test_what_was_missed_is_made_good_by_its_policy(
    store: Stores, missed: str, started: list[int]
) -> None:
    """After an outage the last tick is on time, others follow the policy and are told [TR15]."""
    workflow = await publish(store, policy(missed))
    here = Instance(store)
    await here.look_at(5 * HOUR + 60_000)
    assert here.started == [hour * HOUR for hour in started]
    (notice,) = await store.notices.take()
    told = msgspec.json.decode(notice.data)
    assert (notice.kind, notice.workflow, told["count"]) == ("missed", workflow, 4)
    assert told["made_good"] == len(started) - 1
    ((_, missing),) = await store.triggers.missing(told["schedule"])
    assert (missing.first, missing.last) == (HOUR, 4 * HOUR)


async def test_a_clock_that_jumps_starts_nothing_twice(store: Stores) -> None:
    """Back: what was started is not again. Ahead: what lies between was missed [TR6, TR15]."""
    await publish(store, policy("skip"))
    here = Instance(store)
    for ms in (2 * HOUR, HOUR // 2, 2 * HOUR + 1, 9 * HOUR + 1, 3 * HOUR, 10 * HOUR):
        await here.look_at(ms)
    assert here.started == [2 * HOUR, 9 * HOUR, 10 * HOUR]


async def test_what_cannot_be_started_now_stays_due(store: Stores) -> None:
    """A full queue loses no tick; one that can never be started is told and passed over [TR16]."""
    await publish(store, HOURLY)
    here = Instance(store)
    here.error = LimitExceeded("full")
    with pytest.raises(LimitExceeded):
        await here.look_at(HOUR)
    await execute(store, "UPDATE triggers SET claimed_until = NULL")
    here.error = None
    await here.look_at(HOUR + 1_000)
    assert here.started == [HOUR]
    here.error = InvalidInput("its inputs do not fit any more")
    await here.look_at(2 * HOUR)
    (notice,) = await store.notices.take()
    told = msgspec.json.decode(notice.data)
    assert (told["count"], told["made_good"], told["first"]) == (1, 0, 2 * HOUR)


async def test_a_schedule_is_kept_in_the_background(store: Stores) -> None:
    """From start to stop; what is due is started without anybody asking [TR17]."""
    await publish(store, HOURLY)
    here = Instance(store)
    here.clock.ms = HOUR
    began = asyncio.Event()
    start = here._start

    async def start_and_tell(row: TriggerRow, at: int) -> None:
        await start(row, at)
        began.set()

    scheduler = Scheduler(store.triggers, here.clock, start_and_tell, poll_s=0.01)
    scheduler.start()
    async with asyncio.timeout(20):
        await began.wait()
    scheduler.stop()
    assert here.started == [HOUR]


async def test_who_waits_is_let_go_when_there_is_room(store: Stores) -> None:
    """One after the other, the oldest first, at a hint and by poll; also after a crash [TR50]."""
    workflow = await publish(store)
    queue = Terms(overlap=OverlapRule(policy="queue"))
    first = new(1, owner=A, workflow_id=workflow)
    await store.admissions.admit(first, [], queue)
    for number in (2, 3):
        admitted = await store.admissions.admit(new(number, workflow_id=workflow), [], queue)
        assert admitted.is_held
    released: asyncio.Queue[ExecutionId | None] = asyncio.Queue()
    releaser = Releaser(store.admissions, lambda: released.put_nowait(None), poll_s=0.01)
    assert await releaser.look()
    assert released.empty()
    await store.log.append([turn(1, status="completed", project={"ended_at": 9})])
    releaser.start()
    releaser.hint()
    async with asyncio.timeout(20):
        await released.get()
    releaser.stop()
    held = [await store.executions.get(execution_id(number)) for number in (2, 3)]
    assert [row is not None and row.held_below for row in held] == [None, 1]
    await execute(store, "UPDATE executions SET status = 'completed' WHERE status <> 'x'")
    another = Releaser(store.admissions, lambda: None)
    assert await another.look()
    assert not await another.look()

# SPDX-License-Identifier: Apache-2.0
"""A round of retention, on both databases."""

from legato.adapters.system_clock import SystemClock
from legato.ports.stores import Stores
from legato.runtime.retention import Ages, Retention
from tests.contract.accounts import DATABASES, actions
from tests.contract.build import execution_id
from tests.contract.test_keeping import begun, ended

pytestmark = DATABASES
DAY_MS = 86_400_000


async def test_a_round_lets_go_of_what_is_too_old(store: Stores) -> None:
    """Old roots with what they called; young and open ones stay [BK40, BK42, BK45]."""
    clock = SystemClock()
    now = clock.now_ms()
    for number in range(1, 61):
        await ended(store, number, at=now - 3 * DAY_MS)
    await ended(store, 100, at=now - 3 * DAY_MS, parent=execution_id(1), root=execution_id(1))
    young, running = await ended(store, 200, at=now - DAY_MS), await begun(store, 201)
    ages = Ages(executions={"completed": 2 * DAY_MS, "failed": 0})
    done = await Retention(store, clock, ages, every_s=60, pause_s=0).once()
    assert done.executions == 60
    assert done.rows >= 61 * 4
    for number in (*range(1, 61), 100):
        assert await store.executions.get(execution_id(number)) is None
        assert await store.log.read(execution_id(number)) == []
    for each in (young, running):
        assert await store.executions.get(each) is not None
    assert (await actions(store)).count("execution.purge") == 60
    again = await Retention(store, clock, ages, every_s=60, pause_s=0).once()
    assert (again.executions, again.rows) == (0, 0)


async def test_nothing_goes_unless_it_is_asked_for(store: Stores) -> None:
    """Without settings every execution stays [BK40]."""
    await ended(store, 1, at=1)
    done = await Retention(store, SystemClock(), Ages(executions={}), every_s=60).once()
    assert done.executions == 0
    assert await store.executions.get(execution_id(1)) is not None

# SPDX-License-Identifier: Apache-2.0
"""Executions that an engine takes in under terms, on a real store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from legato.adapters.sql.open import make_stores
from legato.errors import StoreUnavailable, Unavailable
from legato.model.ids import ExecutionId
from legato.model.policy import Limits
from legato.model.workflow import OverlapRule
from legato.ports.admission import Admissions, Admitted, AlreadyDone, Answer, Once, Terms
from legato.ports.stores import Stores
from legato.runtime.submission import Submission
from tests.integration.runtime.harness import ScriptedRunner, rig, task, workflow

ONE = workflow(task("a"))
QUEUE = Terms(overlap=OverlapRule(policy="queue"))


def once(scope: str = "s") -> Once:
    """Return what is kept for a request."""
    return Once(scope=scope, request="r", answer=Answer(status=202))


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an open SQLite store."""
    url = f"sqlite:///{tmp_path}/legato.db"
    made = make_stores(url, f"file://{tmp_path}/blobs", home=tmp_path)
    await made.lifecycle.open()
    yield made
    await made.lifecycle.close()


class _Silent:
    """Admissions that commit, and then do not answer, as often as told."""

    def __init__(self, inside: Admissions, times: int) -> None:
        self._inside = inside
        self._times = times

    async def admit(self, *arguments: Any) -> Admitted:
        """Keep `Admissions.admit`, but for its answer."""
        admitted = await self._inside.admit(*arguments)
        if self._times:
            self._times -= 1
            raise StoreUnavailable
        return admitted


async def test_an_admitted_execution_runs(stores: Stores) -> None:
    """It is this engine's own, and its log begins as that of any other [AM5]."""
    async with rig(stores=stores) as r:
        admitted = await r.engine.admit(Submission(ONE, {}), Terms(once=once()))
        assert admitted.execution_id is not None
        assert await r.engine.wait_final(admitted.execution_id) == "completed"
        names = await r.names(admitted.execution_id)
        assert (names[0], names[-1]) == ("ExecutionStarted", "ExecutionEnded")
        with pytest.raises(AlreadyDone):
            await r.engine.admit(Submission(ONE, {}), Terms(once=once()))
        assert r.engine.busy == 0


async def test_without_room_it_is_queued_and_runs_later(stores: Stores) -> None:
    """Every one that was admitted runs, however many are at once [AM4, AM5]."""
    limits = Limits(max_running_executions=2)
    async with rig(stores=stores, limits=limits) as r:
        ways = [r.engine.admit(Submission(ONE, {}), Terms()) for _ in range(12)]
        for admitted in await asyncio.gather(*ways):
            assert admitted.execution_id is not None
            assert await r.engine.wait_final(admitted.execution_id) == "completed"


async def test_a_held_execution_runs_when_it_is_released(stores: Stores) -> None:
    """Not before the one that it waits for has ended [AM10]."""
    runner = ScriptedRunner()
    gate = asyncio.Event()

    async def wait(request: Any) -> Any:
        await gate.wait()
        return await ScriptedRunner().run(request)

    runner.scripts["a"] = wait
    async with rig(stores=stores, runner=runner) as r:
        wish = Submission(ONE, {}, workflow_id="w")
        first = await r.engine.admit(wish, QUEUE)
        second = await r.engine.admit(wish, QUEUE)
        assert (first.is_held, second.is_held) == (False, True)
        assert await stores.admissions.release() == []
        gate.set()
        assert first.execution_id is not None and second.execution_id is not None
        assert await r.engine.wait_final(first.execution_id) == "completed"
        assert len(runner.started) == 1
        assert await stores.admissions.release() == [second.execution_id]
        r.engine.look_at_queue()
        assert await r.engine.wait_final(second.execution_id) == "completed"


async def test_an_unknown_outcome_is_found_by_the_same_call(stores: Stores) -> None:
    """The execution that was made is given back meanwhile, and runs once [AM6]."""
    silent = replace(stores, admissions=_Silent(stores.admissions, times=1))  # type: ignore[arg-type]
    wanted = ExecutionId("01930000-0000-7000-8000-000000000001")
    runner = ScriptedRunner()
    async with rig(stores=silent, runner=runner) as r:
        wish = Submission(ONE, {}, execution_id=wanted)
        with pytest.raises(StoreUnavailable):
            await r.engine.admit(wish, Terms())
        admitted = await r.engine.admit(wish, Terms())
        assert (admitted.outcome, admitted.execution_id) == ("exists", wanted)
        assert await r.engine.wait_final(wanted) == "completed"
        assert [node for _, node, *_ in runner.started] == ["a"]


async def test_a_caller_that_goes_away_takes_nothing_back(stores: Stores) -> None:
    """What has begun to be admitted is admitted and runs [AM4]."""
    wanted = ExecutionId("01930000-0000-7000-8000-000000000001")
    async with rig(stores=stores) as r:
        wish = Submission(ONE, {}, execution_id=wanted)
        caller = asyncio.ensure_future(r.engine.admit(wish, Terms()))
        await asyncio.sleep(0)
        caller.cancel()
        while await stores.executions.get(wanted) is None:
            await stores.changes.wait(0.01)
        assert await r.engine.wait_final(wanted) == "completed"


async def test_a_draining_engine_admits_nothing(stores: Stores) -> None:
    """It says so; nothing is written [EN6]."""
    async with rig(stores=stores) as r:
        await r.engine.stop()
        with pytest.raises(Unavailable):
            await r.engine.admit(Submission(ONE, {}), Terms(once=once()))
    assert await stores.admissions.answered("s") is None

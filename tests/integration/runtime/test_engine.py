# SPDX-License-Identifier: Apache-2.0
"""The engine's promises about turns, effects, admission, cancel, drain and takeover."""

import asyncio
import json

import msgspec
import pytest

from legato.adapters.memory.database import MemoryDatabase
from legato.adapters.system_clock import SystemClock
from legato.errors import (
    Conflict,
    InvalidInput,
    LimitExceeded,
    OwnershipLost,
    StoreUnavailable,
    Unavailable,
)
from legato.model.events import NodeError
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, NodeId, WorkspaceId
from legato.model.policy import Limits, RetryPolicy
from legato.model.signals import (
    AnswerApproval,
    CancelExecution,
    PauseExecution,
    ReportFailure,
    ResumeExecution,
)
from legato.model.values import BlobRef, load
from legato.model.workflow import CallSpec, NodeKind, NodeSpec
from legato.ports.executions import ExecutionFilter
from legato.runtime.attempt.request import AttemptRequest
from legato.runtime.engine import Submission
from tests.integration.runtime.harness import (
    Report,
    ScriptedRunner,
    rig,
    success,
    task,
    workflow,
)

RAW = msgspec.Raw


def _engine_node(node: str, uses: str, kind: NodeKind, spec: CallSpec | None = None) -> NodeSpec:
    """Return a node that the engine carries out itself."""
    return msgspec.structs.replace(task(node), uses=uses, kind=kind, call=spec)


async def test_a_chain_step_is_one_transaction() -> None:
    """A node's completion and its dependent's start share a turn [AT2, AT9]."""
    async with rig() as r:
        execution = await r.engine.submit(
            Submission(workflow(task("a"), task("b", "a"), task("c", "b")), {})
        )
        assert await r.engine.wait_final(execution) == "completed"
        assert await r.names(execution) == [
            "ExecutionStarted",
            "AttemptStarted",
            "NodeCompleted",
            "AttemptStarted",
            "NodeCompleted",
            "AttemptStarted",
            "NodeCompleted",
            "ExecutionEnded",
        ]
        rows = await r.stores.log.read(execution)
        times = [row.at for row in rows]
        assert times[2] == times[3] and times[4] == times[5]


async def test_an_effect_waits_for_its_commit() -> None:
    """No attempt runs before the transaction that recorded its start has committed [AT3, EN1]."""
    seen: list[int] = []
    async with rig() as r:

        async def look(request: AttemptRequest) -> Report:
            names = await r.names(request.execution_id)
            seen.append(names.count("AttemptStarted"))
            return success(request)

        r.runner.scripts["a"] = look
        execution = await r.engine.submit(Submission(workflow(task("a")), {}))
        await r.engine.wait_final(execution)
    assert seen == [1]


async def test_starting_the_same_id_twice_starts_one() -> None:
    """A second start of an id is refused and changes nothing [EN6]."""
    async with rig() as r:
        flow = workflow(task("a"))
        wanted = ExecutionId("00000000-0000-7000-8000-000000000001")
        first = await r.engine.submit(Submission(flow, {}, execution_id=wanted))
        await r.engine.wait_final(first)
        with pytest.raises(Conflict):
            await r.engine.submit(Submission(flow, {}, execution_id=wanted))
        assert (await r.names(first)).count("ExecutionStarted") == 1


async def test_outputs_and_inputs_flow_through_expressions() -> None:
    """`with`, `outputs` and plain references see inputs and upstream outputs [EX4, EX13]."""
    async with rig() as r:

        async def double(request: AttemptRequest) -> Report:
            return success(request, {"n": json.loads(request.config)["n"] * 2})

        r.runner.scripts = {"a": double, "b": double}
        flow = workflow(
            task("a", config={"n": "${{ inputs.n }}"}),
            task("b", "a", config={"n": "${{ nodes.a.output.n + 1 }}"}),
            outputs=RAW(
                b'{"n": "${{ nodes.b.output.n }}", "all": "${{ inputs.l.map(x, x + 1) }}"}'
            ),
            outputs_refs=(NodeId("b"),),
        )
        execution = await r.engine.submit(Submission(flow, {"n": 5, "l": [1, 2]}))
        assert await r.engine.wait_final(execution) == "completed"
        end = (await r.events(execution))[-1]
        assert load(end.outputs.json) == {"n": 22, "all": [2, 3]}  # type: ignore[union-attr]


async def test_an_expression_error_fails_the_node_and_is_not_retried() -> None:
    """The failing expression is named and nothing runs [EX8]."""
    async with rig() as r:
        flow = workflow(
            task("a", config={"n": "${{ inputs.nope.x }}"}, retry=RetryPolicy(max_attempts=5))
        )
        execution = await r.engine.submit(Submission(flow, {"n": 5}))
        assert await r.engine.wait_final(execution) == "failed"
        assert r.runner.started == []
        failed = [e for e in await r.events(execution) if type(e).__name__ == "NodeFailed"]
        assert failed[0].error.kind == "expression_error"  # type: ignore[union-attr]
        assert "nope" in failed[0].error.message  # type: ignore[union-attr]


async def test_large_values_travel_as_references() -> None:
    """Inputs, outputs and collected lists over 64 KiB go to the blob store [LG15, EX9]."""
    big = "x" * 100_000
    async with rig() as r:
        flow = workflow(
            task("a", config={"t": "${{ inputs.text }}"}),
            task(
                "each",
                "a",
                foreach=RAW(b'"${{ inputs.list }}"'),
                config={"i": "${{ item }}"},
                concurrency=50,
            ),
            outputs=RAW(b'{"n": "${{ nodes.each.output }}"}'),
            outputs_refs=(NodeId("each"),),
        )

        async def echo(request: AttemptRequest) -> Report:
            return success(request, "y" * 1_000)

        r.runner.scripts["each"] = echo
        inputs = {"text": big, "list": list(range(200))}
        execution = await r.engine.submit(Submission(flow, inputs))
        assert await r.engine.wait_final(execution) == "completed"
        key = (execution, NodeId("a"), None, 1)
        assert r.runner.configs[key] == {"t": big}
        events = await r.events(execution)
        assert events[0].inputs.ref is not None  # type: ignore[union-attr]
        end = events[-1]
        assert end.outputs.ref is not None  # type: ignore[union-attr]
        stored = load(await r.stores.blobs.get(LOCAL_WORKSPACE, end.outputs.ref))  # type: ignore[union-attr]
        assert len(stored["n"]) == 200


async def test_an_evaluation_waits_for_a_store_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is wrong with the expression: the node runs when its input can be read [LG27]."""
    async with rig() as r:
        flow = workflow(task("a", config={"t": "${{ inputs.text }}"}))
        get = r.stores.blobs.get
        refusals: list[BlobRef] = []

        async def away_at_first(workspace: WorkspaceId, ref: BlobRef) -> bytes:
            if len(refusals) < 2:
                refusals.append(ref)
                raise StoreUnavailable("the blob store is away")
            return await get(workspace, ref)

        monkeypatch.setattr(r.stores.blobs, "get", away_at_first)
        execution = await r.engine.submit(Submission(flow, {"text": "x" * 100_000}))
        assert await r.engine.wait_final(execution) == "completed"
        assert len(refusals) == 2


async def test_cancel_stops_running_attempts_and_starts_nothing_new() -> None:
    """After cancel no node starts and what runs is told to stop [EN12, EN8]."""
    async with rig() as r:
        r.runner.scripts["a"] = r.runner.until_stopped
        execution = await r.engine.submit(
            Submission(workflow(task("a"), task("b", "a"), task("c")), {})
        )
        await r.until(execution, "AttemptStarted", 2)
        await r.engine.send(execution, CancelExecution(by="ann"), "cancel:1")
        assert await r.engine.wait_final(execution) == "cancelled"
        assert "b" not in {key[1] for key in r.runner.started}


async def test_a_duplicate_signal_is_taken_once() -> None:
    """The same dedupe key twice is one signal [EN5, LG14]."""
    async with rig() as r:
        flow = workflow(_engine_node("ask", "human.approval", "approval"))
        execution = await r.engine.submit(Submission(flow, {}))
        await r.until(execution, "NodeWaiting")
        answer = AnswerApproval(NodeId("ask"), approved=True, by="ann")
        assert await r.engine.send(execution, answer, "answer:1")
        final = await r.engine.wait_final(execution)
        with pytest.raises(Conflict):
            await r.engine.send(execution, answer, "answer:1")
        assert final == "completed"
        assert "SignalRejected" not in await r.names(execution)


async def test_pause_lets_running_attempts_finish_and_resume_goes_on() -> None:
    """Between pause and resume nothing new starts [AT20]."""
    async with rig() as r:
        release = asyncio.Event()

        async def slow(request: AttemptRequest) -> Report:
            await release.wait()
            return success(request)

        r.runner.scripts["a"] = slow
        execution = await r.engine.submit(Submission(workflow(task("a"), task("b", "a")), {}))
        await r.until(execution, "AttemptStarted")
        await r.engine.send(execution, PauseExecution(by="ann"), "pause:1")
        await r.until(execution, "ExecutionPaused")
        release.set()
        await r.until(execution, "NodeCompleted")
        row = await r.stores.executions.get(execution)
        assert row is not None and row.status == "paused"
        assert (await r.names(execution)).count("AttemptStarted") == 1
        await r.engine.send(execution, ResumeExecution(by="ann"), "resume:1")
        assert await r.engine.wait_final(execution) == "completed"


async def test_retries_wait_for_their_time_and_keep_their_input() -> None:
    """A failed attempt is made again at the instant written in its event [AT21, AT22, EN11]."""
    async with rig() as r:

        async def twice(request: AttemptRequest) -> Report:
            if request.attempt < 3:
                error = NodeError("http.503", "busy")
                return ReportFailure(request.node.id, request.attempt, error)
            return success(request)

        r.runner.scripts["a"] = twice
        retry = RetryPolicy(max_attempts=3, initial_ms=20, jitter="none")
        execution = await r.engine.submit(Submission(workflow(task("a", retry=retry)), {}))
        assert await r.engine.wait_final(execution) == "completed"
        rows = await r.stores.log.read(execution)
        events = await r.events(execution)
        hashes = set()
        due = 0
        for row, event in zip(rows, events, strict=True):
            if type(event).__name__ == "AttemptFailed":
                due = event.retry_at  # type: ignore[union-attr,assignment]
            elif type(event).__name__ == "AttemptStarted":
                assert row.at >= due
                hashes.add(event.input_hash)  # type: ignore[union-attr]
        assert len(hashes) == 1


async def test_attempts_are_bounded_over_all_executions() -> None:
    """At most the set number of attempts runs at once, and all work is done [OW11, EN19]."""
    async with rig(limits=Limits(max_running_attempts=3)) as r:

        async def yielding(request: AttemptRequest) -> Report:
            await asyncio.sleep(0)
            return success(request)

        wide = workflow(*[task(f"n{i}") for i in range(10)])
        r.runner.scripts = {f"n{i}": yielding for i in range(10)}
        ids = [await r.engine.submit(Submission(wide, {})) for _ in range(5)]
        assert [await r.engine.wait_final(each) for each in ids] == ["completed"] * 5
        assert r.runner.peak == 3
        assert len(r.runner.started) == 50


async def test_a_wide_execution_does_not_starve_a_small_one() -> None:
    """While somebody waits nobody holds more than a fair share of the places [OW11]."""
    async with rig(limits=Limits(max_running_attempts=8)) as r:
        gate = asyncio.Event()

        async def slow(request: AttemptRequest) -> Report:
            if not gate.is_set():
                await asyncio.sleep(0)
            return success(request)

        wide = workflow(*[task(f"n{i}") for i in range(400)], name="wide")
        r.runner.scripts = {f"n{i}": slow for i in range(400)}
        first = await r.engine.submit(Submission(wide, {}))
        second = await r.engine.submit(Submission(workflow(task("quick"), name="small"), {}))
        assert await r.engine.wait_final(second) == "completed"
        assert r.engine.owns(first)
        gate.set()
        assert await r.engine.wait_final(first) == "completed"


async def test_executions_over_the_bound_are_queued_and_run_later() -> None:
    """What does not fit is durable in the queue and claimed when there is room [OW11, EN10]."""
    async with rig(limits=Limits(max_running_executions=2)) as r:
        release = asyncio.Event()

        async def slow(request: AttemptRequest) -> Report:
            await release.wait()
            return success(request)

        r.runner.scripts["a"] = slow
        flow = workflow(task("a"))
        ids = [await r.engine.submit(Submission(flow, {})) for _ in range(6)]
        rows = await r.stores.executions.find(
            ExecutionFilter(workspace=LOCAL_WORKSPACE, statuses=("queued",))
        )
        assert len(rows) == 4
        release.set()
        assert [await r.engine.wait_final(each) for each in ids] == ["completed"] * 6


async def test_a_full_queue_refuses_a_start() -> None:
    """Over the bound of queued executions a start is refused and nothing is stored [OW12]."""
    limits = Limits(max_running_executions=1, max_queued_executions=1)
    clock = SystemClock()
    async with rig(MemoryDatabase(clock, limits=limits), limits=limits) as r:
        r.runner.scripts["a"] = r.runner.until_stopped
        flow = workflow(task("a"))
        await r.engine.submit(Submission(flow, {}))
        await r.engine.submit(Submission(flow, {}))
        with pytest.raises(LimitExceeded):
            await r.engine.submit(Submission(flow, {}))


async def test_a_called_workflow_runs_as_an_execution_of_its_own() -> None:
    """The child has its own log and its outputs become the node's output [GR19, GR22, GR24]."""
    child = workflow(
        task("inner", config={"v": "${{ inputs.v }}"}),
        name="child",
        outputs=RAW(b'{"got": "${{ inputs.v }}"}'),
    )
    spec = CallSpec(workflow="child", input=RAW(b'{"v": "${{ inputs.v }}"}'))
    parent = workflow(
        _engine_node("go", "workflow.call", "call", spec),
        name="parent",
        outputs=RAW(b'{"out": "${{ nodes.go.output.got }}"}'),
        outputs_refs=(NodeId("go"),),
    )
    async with rig() as r:
        execution = await r.engine.submit(Submission(parent, {"v": 7}, called={"child": child}))
        assert await r.engine.wait_final(execution) == "completed"
        events = await r.events(execution)
        assert load(events[-1].outputs.json) == {"out": 7}  # type: ignore[union-attr]
        started = next(e for e in events if type(e).__name__ == "ChildStarted")
        names = await r.names(started.child)  # type: ignore[union-attr]
        assert names[0] == "ExecutionStarted" and names[-1] == "ExecutionEnded"
        with pytest.raises(InvalidInput, match="child"):
            await r.engine.submit(Submission(parent, {"v": 7}))


_SCHEMA = RAW(
    b'{"type":"object","additionalProperties":false,"properties":'
    b'{"n":{"type":"integer","default":5},"name":{"type":"string"}},"required":["name"]}'
)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (b'{"name": "x"}', ""),
        (b'{"name": "x", "n": "text"}', "n"),
        (b'{"n": 1}', "name"),
        (b'{"name": "x", "zzz": 1}', "zzz"),
    ],
)
async def test_what_a_caller_gives_is_checked_and_filled_in(given: bytes, wrong: str) -> None:
    """A called workflow gets its defaults, and refuses by name what does not fit [DO18]."""
    inner = task("inner", config={"n": "${{ inputs.n }}"})
    child = workflow(inner, name="child", inputs_schema=_SCHEMA)
    spec = CallSpec(workflow="child", input=RAW(given))
    parent = workflow(_engine_node("go", "workflow.call", "call", spec), name="parent")
    async with rig() as r:
        execution = await r.engine.submit(Submission(parent, {}, called={"child": child}))
        status = await r.engine.wait_final(execution)
        assert status == ("failed" if wrong else "completed")
        configs = list(r.runner.configs.values())
        assert configs == ([] if wrong else [{"n": 5}])
        if wrong:
            failed = (await r.events(execution))[-1].error  # type: ignore[union-attr]
            assert failed is not None and "child" in failed.message and wrong in failed.message


async def test_inputs_that_do_not_fit_start_nothing() -> None:
    """Whatever the door: a start is refused by the name of the input [DO18]."""
    flow = workflow(task("a"), inputs_schema=_SCHEMA)
    async with rig() as r:
        with pytest.raises(InvalidInput, match="name"):
            await r.engine.submit(Submission(flow, {"n": 1}))
        assert r.runner.started == []


async def test_a_loop_sees_its_previous_output_and_ends() -> None:
    """Iterations are child executions; `until` ends the loop [GR23, GR20]."""
    body = workflow(
        task("step"),
        name="loop.body",
        outputs=RAW(b'{"n": "${{ inputs.n + 1 }}"}'),
    )
    spec = CallSpec(
        body=body,
        input=RAW(b'{"n": "${{ previous == null ? 0 : previous.n }}"}'),
        until="${{ previous.n >= 3 }}",
        max_iterations=10,
    )
    flow = workflow(
        _engine_node("loop", "loop.until", "loop", spec),
        outputs=RAW(b'{"n": "${{ nodes.loop.output.n }}"}'),
        outputs_refs=(NodeId("loop"),),
    )
    async with rig() as r:
        execution = await r.engine.submit(Submission(flow, {}))
        assert await r.engine.wait_final(execution) == "completed"
        events = await r.events(execution)
        assert load(events[-1].outputs.json) == {"n": 3}  # type: ignore[union-attr]
        assert [type(e).__name__ for e in events].count("ChildStarted") == 3


async def test_cancel_goes_down_to_children() -> None:
    """A cancelled parent cancels what it called [GR26]."""
    child = workflow(task("inner"), name="child")
    parent = workflow(
        _engine_node("go", "workflow.call", "call", CallSpec(workflow="child")), name="parent"
    )
    async with rig() as r:
        r.runner.scripts["inner"] = r.runner.until_stopped
        execution = await r.engine.submit(Submission(parent, {}, called={"child": child}))
        await r.until(execution, "ChildStarted")
        events = await r.events(execution)
        started = next(e for e in events if type(e).__name__ == "ChildStarted")
        await r.until(started.child, "AttemptStarted")  # type: ignore[union-attr]
        await r.engine.send(execution, CancelExecution(), "cancel:1")
        assert await r.engine.wait_final(execution) == "cancelled"
        assert await r.engine.wait_final(started.child) == "cancelled"  # type: ignore[union-attr]


async def test_an_idle_execution_leaves_memory_and_comes_back() -> None:
    """Nothing running for a while: no owner; a signal brings it back [OW13]."""
    async with rig(evict_after_s=0.05, poll_s=0.05) as r:
        flow = workflow(_engine_node("ask", "human.approval", "approval"), task("b", "ask"))
        execution = await r.engine.submit(Submission(flow, {}))
        async with asyncio.timeout(10):
            while (await r.stores.owners.owner_of(execution)) is not None:
                await r.stores.changes.wait(0.02)
        assert not r.engine.owns(execution)
        await r.engine.send(execution, AnswerApproval(NodeId("ask"), approved=True), "answer")
        assert await r.engine.wait_final(execution) == "completed"


async def test_a_named_pool_runs_through_the_queue_within_its_bound() -> None:
    """Attempts of a named pool are rung and run at most so many at once [AT8, EN10]."""
    async with rig(pools={"gpu": 2}) as r:

        async def yielding(request: AttemptRequest) -> Report:
            await asyncio.sleep(0)
            return success(request)

        r.runner.scripts = {f"n{i}": yielding for i in range(6)}
        flow = workflow(*[task(f"n{i}", pool="gpu") for i in range(6)])
        execution = await r.engine.submit(Submission(flow, {}))
        assert await r.engine.wait_final(execution) == "completed"
        assert r.runner.peak <= 2


async def test_a_drain_lets_running_attempts_finish() -> None:
    """Stop waits for what runs, records it and lets go of the rest [EN14]."""
    database = MemoryDatabase(SystemClock())
    release = asyncio.Event()
    runner = ScriptedRunner()

    async def slow(request: AttemptRequest) -> Report:
        await release.wait()
        return success(request)

    runner.scripts["a"] = slow
    async with rig(database, runner=runner, drain_s=5.0) as r:
        execution = await r.engine.submit(Submission(workflow(task("a"), task("b", "a")), {}))
        await r.until(execution, "AttemptStarted")
        stopping = asyncio.get_running_loop().create_task(r.engine.stop())
        with pytest.raises(Unavailable):
            while True:
                await asyncio.sleep(0)
                await r.engine.submit(Submission(workflow(task("a")), {}))
        release.set()
        await stopping
        assert (await r.names(execution)).count("NodeCompleted") == 1
    async with rig(database, name="e2") as other:
        assert await other.engine.wait_final(execution) == "completed"
        names = await other.names(execution)
        assert names.count("NodeCompleted") == 2
        assert "AttemptLost" not in names


async def test_an_engine_whose_execution_was_taken_lets_go() -> None:
    """An append under an old fence is refused; the former owner drops the execution [OW1, OW8]."""
    clock = SystemClock()
    database = MemoryDatabase(clock)
    async with rig(database, name="old", adopts=False) as old:
        release = asyncio.Event()

        async def slow(request: AttemptRequest) -> Report:
            await release.wait()
            return success(request)

        old.runner.scripts["a"] = slow
        execution = await old.engine.submit(Submission(workflow(task("a"), task("b", "a")), {}))
        await old.until(execution, "AttemptStarted")
        await old.stores.owners.resign(old.engine.engine_id)
        async with rig(database, name="new") as new:
            assert await new.engine.wait_final(execution) == "completed"
            waiting = asyncio.get_running_loop().create_task(old.engine.wait_final(execution))
            await asyncio.sleep(0)
            release.set()
            with pytest.raises(OwnershipLost):
                await waiting
            names = await new.names(execution)
        assert names.count("NodeCompleted") == 2
        assert "AttemptLost" in names


async def test_an_engine_that_does_not_adopt_owns_only_its_own_tree() -> None:
    """`adopts=False` claims nothing by itself; `resume` takes one over [OW9, OW10]."""
    database = MemoryDatabase(SystemClock())
    async with rig(database, name="first", adopts=False, drain_s=0.0) as first:
        first.runner.scripts["a"] = first.runner.until_stopped
        execution = await first.engine.submit(Submission(workflow(task("a")), {}))
        await first.until(execution, "AttemptStarted")
        async with rig(database, name="second", adopts=False, poll_s=0.01) as second:
            assert not await second.engine.resume(execution)
    async with rig(database, name="third", adopts=False) as third:
        assert not third.engine.owns(execution)
        assert await third.engine.resume(execution)
        assert await third.engine.wait_final(execution) == "completed"

# SPDX-License-Identifier: Apache-2.0
"""What a retry or fork submits."""

from typing import Any

import pytest

from legato.adapters.memory import MemoryDatabase, make_memory_stores
from legato.adapters.system_clock import SystemClock
from legato.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from legato.model.events import Part
from legato.model.ids import LOCAL_WORKSPACE, NodeId
from legato.model.policy import Limits
from legato.model.values import Value, encode
from legato.model.workflow import encode_workflow, version_hash
from legato.ports.catalogue import VersionRow
from legato.ports.executions import ExecutionRow
from legato.ports.log import NewExecution
from legato.ports.stores import Stores
from legato.runtime import forks
from legato.runtime.forks import ForkWish, as_run_of, fork_of, retry_of
from tests.support.build import EXECUTION_ID, node, val, workflow
from tests.support.drive import Drive

FLOW = workflow(node("a"), node("b", "a"))
A, B = NodeId("a"), NodeId("b")


@pytest.fixture
def stores() -> Stores:
    """An empty store."""
    return make_memory_stores(MemoryDatabase(), SystemClock(), process="p")


def ended(flow: Any = FLOW, *, fails: str = "", **fields: Any) -> Drive:
    """Run a workflow to its end; one node may fail."""
    drive = Drive(flow)
    drive.start(**{"pins": {}, **fields})
    if fails:
        drive.succeed("a")
        drive.fail(fails)
    else:
        drive.run_out()
    return drive


async def test_a_retry_submits_what_was_run_with_what_completed(stores: Stores) -> None:
    """The same version and inputs; it says what it was made from [CL21, ST7, GR27]."""
    drive = ended(fails="b", inputs=val({"n": 1}))
    found = await retry_of(stores, drive.state, "ann")
    assert (found.workflow, found.inputs, found.by) == (FLOW, {"n": 1}, "ann")
    assert [each.node for each in found.reused] == ["a"]
    assert found.forked_from is not None
    assert (found.forked_from.execution_id, found.forked_from.seq) == (
        EXECUTION_ID,
        drive.state.seq,
    )
    assert found.blobs_of == (EXECUTION_ID,)
    assert (found.kind, found.trigger) == ("retry", {})


async def test_an_end_with_an_allowed_failure_can_be_retried(stores: Stores) -> None:
    """It completed, but not everything did [CL21]."""
    flow = workflow(node("a"), node("b", "a", on_error="continue"))
    drive = ended(flow, fails="b")
    assert drive.reached == "completed"
    assert [each.node for each in (await retry_of(stores, drive.state, "")).reused] == ["a"]


async def test_what_has_nothing_to_do_again_is_refused(stores: Stores) -> None:
    """Not ended, not begun, or all done; a node that was left out is done [CL21]."""
    running = Drive(FLOW)
    running.start()
    for state, said in (
        (running.state, "has not ended"),
        (Drive(FLOW).state, "still queued"),
        (ended().state, "nothing to do again"),
        (ended(workflow(node("a"), node("b", "a.x"))).state, "nothing to do again"),
    ):
        with pytest.raises(Conflict, match=said):
            await retry_of(stores, state, "")


async def test_large_values_go_through_the_blob_store(stores: Stores) -> None:
    """Inputs are fetched, given outputs are stored [CL22, LG15]."""
    data = encode({"text": "x" * 70_000})
    ref = await stores.blobs.put(LOCAL_WORKSPACE, data)
    drive = ended(inputs=Value(ref=ref))
    wish = ForkWish(outputs={B: "y" * 70_000}, by="ann")
    found = await fork_of(stores, drive.state, wish, Limits())
    assert found.inputs == {"text": "x" * 70_000}
    edited = found.reused[-1]
    assert edited.output.ref is not None
    assert await stores.blobs.get(LOCAL_WORKSPACE, edited.output.ref) == encode("y" * 70_000)
    with pytest.raises(LimitExceeded, match="the output of b"):
        await fork_of(stores, drive.state, wish, Limits(max_output_bytes=1_000))


async def test_a_fork_calls_what_its_source_called(stores: Stores) -> None:
    """The pinned versions, whatever is published by now [CL22, GR24]."""
    child = workflow(node("c"))
    pins = {"child": version_hash(child)}
    drive = ended(pins=pins)
    wish = ForkWish(from_nodes=(B,))
    with pytest.raises(NotFound, match="is not stored"):
        await fork_of(stores, drive.state, wish, Limits())
    row = VersionRow(
        version=version_hash(child), workspace=LOCAL_WORKSPACE, name="child",
        compiled=encode_workflow(child),
    )  # fmt: skip
    await stores.versions.put(row)
    assert (await fork_of(stores, drive.state, wish, Limits())).called == {"child": child}


async def test_a_fork_keeps_the_payloads_of_what_was_called(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output may name what a callee stored; their number is bounded [CL23]."""
    ids = [EXECUTION_ID, *(f"{EXECUTION_ID[:-1]}{number}" for number in (2, 3))]
    for number, each in enumerate(ids):
        parent = ids[number - 1] if number else None
        new = NewExecution(
            execution_id=each, workspace=LOCAL_WORKSPACE, workflow="test",  # type: ignore[arg-type]
            version=version_hash(FLOW), created_at=number, parent=parent,  # type: ignore[arg-type]
        )  # fmt: skip
        await stores.log.create([new])
    drive = ended()
    wish = ForkWish(from_nodes=(B,))
    assert (await fork_of(stores, drive.state, wish, Limits())).blobs_of == tuple(ids)
    monkeypatch.setattr(forks, "FAMILY_MAX", 1)
    with pytest.raises(LimitExceeded, match="called more than 1"):
        await fork_of(stores, drive.state, wish, Limits())


async def test_a_fork_needs_a_place(stores: Stores) -> None:
    """A node to run from, or one whose output is given [CL22]."""
    with pytest.raises(InvalidInput, match="needs a node"):
        await fork_of(stores, ended().state, ForkWish(), Limits())


async def test_a_retry_or_fork_is_a_run_of_its_sources_workflow(stores: Stores) -> None:
    """Of its version unless another is named; a test stays a test, a part a part [XW26]."""
    part = Part((A, B), B)
    drive = ended(fails="b", part=part)
    row = ExecutionRow(
        execution_id=EXECUTION_ID, workspace=LOCAL_WORKSPACE, workflow="test",
        version=version_hash(FLOW), status="failed", head_seq=1, nodes_done=0, nodes_total=2,
        created_at=1, workflow_id="w", number=3, is_test=True,
    )  # fmt: skip
    found = as_run_of(await retry_of(stores, drive.state, "ann"), row)
    assert (found.workflow_id, found.number, found.is_test, found.part) == ("w", 3, True, part)
    assert as_run_of(found, row, number=4).number == 4

# SPDX-License-Identifier: Apache-2.0
"""Which nodes a run of a part is about, and which pins it uses."""

import pytest
from msgspec.structs import replace

from legato.adapters.memory import MemoryDatabase, make_memory_stores
from legato.adapters.system_clock import SystemClock
from legato.errors import InvalidInput
from legato.model.ids import LOCAL_WORKSPACE, NodeId
from legato.model.workflow import NodeSpec, Workflow
from legato.runtime.partial import alone, pins_of, up_to, whole
from tests.support.build import node, unval, workflow


def _reads(spec: NodeSpec, *names: str) -> NodeSpec:
    return replace(spec, refs=tuple(NodeId(name) for name in names))


@pytest.fixture
def flow() -> Workflow:
    """A -> b -> c -> d, and x beside; d reads a, too."""
    last = _reads(node("d", "c"), "c", "a")
    return workflow(node("a"), node("b", "a"), node("c", "b"), last, node("x"))


def test_a_run_until_a_node_is_about_all_that_it_needs_and_reads(flow: Workflow) -> None:
    """In the order of the file; what lies behind or beside is not in it [XW20]."""
    found = up_to(flow, "c", ())
    assert found.part is not None
    assert (found.part.nodes, found.part.alone) == (("a", "b", "c"), None)
    assert set(found.pinned) == set()
    with pytest.raises(InvalidInput, match="no such node"):
        up_to(flow, "nosuch", ())


def test_a_pin_stands_for_a_node_and_for_all_that_only_it_needs(flow: Workflow) -> None:
    """But never for the node that is asked for [XW21]."""
    found = up_to(flow, "d", {"b", "d", "x"})
    assert found.part is not None
    assert (found.part.nodes, set(found.pinned)) == (("a", "c", "d"), {"b"})
    found = up_to(flow, "c", {"b", "c"})
    assert found.part is not None
    assert (found.part.nodes, set(found.pinned)) == (("c",), {"b"})


def test_one_node_alone_needs_a_pin_for_each_that_it_reads(flow: Workflow) -> None:
    """What it only waits for may be left out [XW22]."""
    with pytest.raises(InvalidInput, match="d reads c, which"):
        alone(flow, "d", {"a"})
    found = alone(flow, "d", {"a", "c", "x"})
    assert found.part is not None
    assert (found.part.nodes, found.part.alone, set(found.pinned)) == (("d",), "d", {"a", "c"})
    found = alone(flow, "b", {"a"})
    assert set(found.pinned) == {"a"}
    assert alone(flow, "b", ()).pinned == set()


def test_a_whole_run_uses_every_pin_of_a_node_that_is_there(flow: Workflow) -> None:
    """A pin of a node that was deleted is nobody's [XW21]."""
    found = whole(flow, ["a", "gone"])
    assert (found.part, set(found.pinned)) == (None, {"a"})


async def test_pins_are_brought_along_as_what_they_are() -> None:
    """The pin of a switch says which branch it stands for [XW21]."""
    flow = workflow(node("route", uses="flow.switch"), node("a"))
    outputs = {NodeId("a"): b"[1]", NodeId("route"): b'{"case":"urgent"}'}
    stores = make_memory_stores(MemoryDatabase(), SystemClock(), process="p")
    found = await pins_of(
        stores.blobs, LOCAL_WORKSPACE, flow, outputs, by="ann", inline_bytes_max=1_000
    )
    assert [(each.node, each.source, each.by, each.case) for each in found] == [
        ("route", "pin", "ann", "urgent"), ("a", "pin", "ann", None),
    ]  # fmt: skip
    assert unval(found[1].output) == [1]

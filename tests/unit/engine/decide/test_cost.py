# SPDX-License-Identifier: Apache-2.0
"""What deciding costs: calls are counted, not time."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from legato.model.ids import NodeId
from legato.model.signals import AnswerApproval, CancelExecution, DeliverSignal
from legato.model.workflow import NodeSpec
from tests.support.build import node, workflow
from tests.support.drive import CountedSlots, Drive

SMALL, LARGE = 100, 10_000


def _calls(work: Callable[[], object]) -> int:
    """Count the calls of functions (of Python and of C) inside `legato`."""
    count = 0

    def profile(frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal count
        if event in {"call", "c_call"} and "legato" in frame.f_code.co_filename:
            count += 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def _lines(work: Callable[[], object]) -> int:
    """Count the lines executed inside `legato.engine`: loops without calls show here."""
    count = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        if "legato/engine" not in frame.f_code.co_filename:
            return None
        if event == "line":
            count += 1
        return trace

    before = sys.gettrace()  # coverage may be looking
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _drive(nodes: list[NodeSpec], slots: int = 1_000_000, **answers: Any) -> Drive:
    scripted = {("f", "foreach"): answers["items"]} if "items" in answers else {}
    drive = Drive(workflow(*nodes), scripted, slots=CountedSlots(slots), is_checked=False)
    drive.folded = lambda: drive.state  # type: ignore[method-assign]
    return drive


def _chain(count: int) -> Callable[[], object]:
    """One result per turn, one node after another."""
    nodes = [node("n0"), *(node(f"n{i}", f"n{i - 1}") for i in range(1, count))]
    drive = _drive(nodes)

    def work() -> None:
        drive.start()
        for i in range(count):
            drive.succeed(f"n{i}")
        assert drive.reached == "completed"

    return work


def _fan(count: int, slots: int = 1_000_000) -> Callable[[], object]:
    """All between a first and a last node; one result per turn."""
    middle = [node(f"n{i}", "first") for i in range(count)]
    drive = _drive([node("first"), *middle, node("last", *(each.id for each in middle))], slots)

    def work() -> None:
        drive.start()
        drive.succeed("first")
        for i in range(count):
            drive.succeed(f"n{i}")
        drive.succeed("last")
        assert drive.reached == "completed"

    return work


def _narrow_fan(count: int) -> Callable[[], object]:
    """The same with eight slots for all: most nodes are ready and wait."""
    return _fan(count, 8)


def _skips(count: int) -> Callable[[], object]:
    """One condition skips a chain in a single turn."""
    nodes = [node("n0", when="x"), *(node(f"n{i}", f"n{i - 1}") for i in range(1, count))]
    drive = _drive(nodes)
    drive.answers[("n0", "when")] = False

    def work() -> None:
        drive.start()
        assert drive.reached == "completed"

    return work


def _waits(count: int) -> Callable[[], object]:
    """Half wait for a signal each, half for a person; answers come one by one."""
    drive = _drive(
        [node(f"n{i}", uses="wait.signal" if i % 2 else "human.approval") for i in range(count)]
    )
    drive.answers.update({(f"n{i}", "config"): {"name": f"s{i}"} for i in range(count)})

    def work() -> None:
        drive.start()
        for i in range(count):
            if i % 2:
                drive.turn(DeliverSignal(f"s{i}"))
            else:
                drive.turn(AnswerApproval(NodeId(f"n{i}"), approved=True))
        assert drive.reached == "completed"

    return work


def _items(count: int) -> Callable[[], object]:
    """One node over a list; one result per turn."""
    drive = _drive([node("f", foreach="x", concurrency=4)], items=[0] * count)

    def work() -> None:
        drive.start()
        for i in range(count):
            drive.turn(drive.success("f", i, 1))
        assert drive.reached == "completed"

    return work


def _many_lists(count: int) -> Callable[[], object]:
    """Many foreach nodes at once with few slots for all of them."""
    drive = _drive([node(f"n{i}", foreach="x") for i in range(count)], slots=8)
    drive.answers.update({(f"n{i}", "foreach"): [1] for i in range(count)})

    def work() -> None:
        drive.start()
        for i in range(count):
            drive.turn(drive.success(f"n{i}", 0, 1))
        assert drive.reached == "completed"

    return work


def _stop(count: int) -> Callable[[], object]:
    """A cancel while everything runs, then the answers one by one."""
    half = count // 2
    drive = _drive(
        [*(node(f"n{i}") for i in range(half)), *(node(f"e{i}", foreach="x") for i in range(half))]
    )
    drive.answers.update({(f"e{i}", "foreach"): [1] for i in range(half)})

    def work() -> None:
        drive.start()
        drive.turn(CancelExecution())
        for i in range(half):
            drive.turn(drive.stopped(f"n{i}"))
            drive.turn(drive.stopped(f"e{i}", 0))
        assert drive.reached == "cancelled"

    return work


def _retries(count: int) -> Callable[[], object]:
    """Every node fails once and comes back by its own timer."""
    drive = _drive([node(f"n{i}", retry=2) for i in range(count)])

    def work() -> None:
        drive.start()
        for i in range(count):
            drive.turn(drive.failure(f"n{i}"))
        drive.advance(1_000)
        for i in range(count):
            drive.succeed(f"n{i}")
        assert drive.reached == "completed"

    return work


@pytest.mark.slow
@pytest.mark.parametrize("shape", [_chain, _fan])
def test_the_cost_per_node_stays_flat_as_graphs_grow(
    shape: Callable[[int], Callable[[], object]],
) -> None:
    """A hundred times the nodes cost at most twice as many calls per node [GR31]."""
    small = _calls(shape(SMALL)) / SMALL
    large = _calls(shape(LARGE)) / LARGE
    assert large <= 2 * small


@pytest.mark.parametrize(
    "shape",
    [_chain, _fan, _narrow_fan, _skips, _waits, _items, _many_lists, _stop, _retries],
)
def test_no_loop_over_the_whole_graph_hides_in_a_turn(
    shape: Callable[[int], Callable[[], object]],
) -> None:
    """Lines executed per node stay flat for every kind of work [GR31]."""
    small = _lines(shape(SMALL)) / SMALL
    large = _lines(shape(SMALL * 8)) / (SMALL * 8)
    assert large <= 2 * small

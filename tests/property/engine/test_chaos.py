# SPDX-License-Identifier: Apache-2.0
"""Whatever happens in whatever order: the promises hold, and the execution can be ended."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from legato.engine.evolve import fold
from legato.engine.state import ExecutionState
from legato.engine.upcast import read_event
from legato.engine.view import snapshot
from legato.model import events as ev
from legato.model.frames import FINAL_EXECUTION, Frame
from tests.property.engine.flows import Flow, flows
from tests.property.engine.promises import check_log, check_state
from tests.property.engine.world import World
from tests.support.build import EXECUTION_ID
from tests.support.drive import Drive
from tests.support.watch import Watcher

SEEDS = st.integers(0, 2**32)
ANYTHING = {
    "mail": 12, "double": 2, "lose": 1, "stop": 1, "wait": 3, "people": 2, "operator": 2,
    "pause": 2, "cancel": 0, "die": 1, "reload": 1, "squeeze": 1,
}  # fmt: skip


def _lively(flow: Flow, seed: int, steps: int, **weights: int) -> World:
    world = World(flow, seed, lambda each: check_state(each.drive))
    world.start()
    for _ in range(steps):
        if world.drive.state.ended is not None:
            break
        world.step({**ANYTHING, **weights})
    return world


@settings(max_examples=250)
@given(flows(), SEEDS, st.integers(0, 40))
def test_every_execution_keeps_the_promises_and_ends(flow: Flow, seed: int, steps: int) -> None:
    """After every turn state and log are sound; in the end it ends, once [EN3, EN13, ST3, ST6]."""
    world = _lively(flow, seed, steps)
    world.finish()
    assert world.drive.reached in FINAL_EXECUTION
    check_log(flow.workflow, world.drive.log)


@settings(max_examples=100)
@given(flows(), SEEDS, st.integers(0, 12))
def test_a_cancel_at_any_moment_leads_to_the_end(flow: Flow, seed: int, steps: int) -> None:
    """Whatever is under way, it ends with the answers of what runs [EN12, ST3, AT13]."""
    world = _lively(flow, seed, steps, cancel=0, pause=3)
    if world.drive.state.ended is None:
        world.cancel()
    while world.drive.state.ended is None:
        assert world.drive.in_flight(), "nothing runs, and yet it does not end"
        world.step({"mail": 3, "stop": 3, "lose": 1, "die": 1, "reload": 1, "wait": 1, "double": 1})
    check_log(flow.workflow, world.drive.log)


@settings(max_examples=100)
@given(flows(), SEEDS, st.integers(0, 40))
def test_every_log_is_read_as_it_was_written_and_folds_to_the_same_view(
    flow: Flow, seed: int, steps: int
) -> None:
    """Rows, fold and frames agree with what the owner saw [EN3, LG18, VW3]."""
    world = _lively(flow, seed, steps, cancel=1)
    drive = world.drive
    rows = [
        ev.Recorded(each.seq, each.at, read_event(ev.encode_event(each.event)))
        for each in drive.log
    ]
    assert rows == drive.log
    state = fold(ExecutionState(EXECUTION_ID, drive.graph), rows)
    assert snapshot(state, epoch=1) == snapshot(drive.state, epoch=1)


@settings(max_examples=100)
@given(flows(), SEEDS, st.integers(1, 40), st.randoms(use_true_random=False))
def test_all_watchers_see_the_same(
    flow: Flow, seed: int, steps: int, chance: random.Random
) -> None:
    """From the first frame, from a snapshot, twice or joined: one view [VW1, VW2, VW3, VW4]."""
    world = _lively(flow, seed, steps, cancel=1)
    drive = world.drive
    assert [each.from_seq for each in drive.frames] == [0, *(f.to_seq for f in drive.frames[:-1])]
    expected = Watcher.of(snapshot(drive.state, epoch=1)).sets
    at = chance.randrange(len(drive.log) + 1)
    watchers = [_watcher(drive, 0), _watcher(drive, at), _watcher(drive, 0), _watcher(drive, 0)]
    for number, each in enumerate(drive.frames):
        watchers[0].take(each)
        watchers[1].take(each)
        for again in drive.frames[max(0, number - 2) : number + 1]:
            watchers[2].take(again)
    joined = chance.randrange(len(drive.frames))
    for each in [*drive.frames[:joined], _joined(drive.frames[joined:])]:
        watchers[3].take(each)
    assert [watcher.sets == expected for watcher in watchers] == [True] * 4


def _watcher(drive: Drive, at: int) -> Watcher:
    """Return a watcher that begins with a snapshot at seq `at`."""
    state = fold(ExecutionState(EXECUTION_ID, drive.graph), drive.log[:at])
    return Watcher.of(snapshot(state, epoch=1))


def _joined(frames: list[Frame]) -> Frame:
    """Return one frame for several, as a server coalesces them: the last value of each set."""
    watcher = Watcher()
    watcher.seq = frames[0].from_seq
    for each in frames:
        watcher.take(each)
    last = frames[-1]
    return Frame(
        last.execution_id, last.epoch, frames[0].from_seq, last.to_seq, tuple(watcher.sets.values())
    )

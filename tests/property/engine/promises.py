# SPDX-License-Identifier: Apache-2.0
"""What must hold after every turn, and what every log must show."""

from collections import Counter
from collections.abc import Iterable

from legato.engine.state import ExecutionState
from legato.model import events as ev
from legato.model.frames import FINAL_NODE
from legato.model.workflow import Workflow
from tests.support.drive import Drive

_STARTS = (ev.AttemptStarted, ev.ItemsStarted, ev.ChildStarted, ev.NodeWaiting, ev.ItemsPlanned)


def check_state(drive: Drive) -> None:
    """Check what must hold between two turns."""
    state = drive.state
    _check_counters(state)
    if state.ended is not None:
        assert state.wake_at() is None
        assert not state.is_busy
        return
    held = state.running + len(state.holding)
    for index, node in enumerate(state.nodes):
        if node.items is None or node.is_final:
            continue
        spec = state.spec(index)
        assert node.items.in_flight <= state.item_bound(index), f"{spec.id} runs too many items"
        held += len(node.items.evaluating) if spec.kind == "task" else 0
    assert drive.slots.held.total() == held, "a slot is held for nothing, or not held"
    if not state.is_busy:
        assert not drive.in_flight()
        assert drive.far == []
        assert state.paused or state.waiting or state.parked or state.retrying
        assert drive.turn() == [], "it was not busy, and yet there was something to do"
    if state.status == "needs_attention":
        assert not drive.in_flight()
        assert state.parked
        assert drive.far == []


def _check_counters(state: ExecutionState) -> None:
    counted: Counter[str] = Counter()
    moving = 0
    for index, node in enumerate(state.nodes):
        moving += node.is_due
        if node.items is None:
            counted[node.status] += 1
            moving += node.status == "waiting" and node.wait == "child" and node.child is None
            continue
        items = node.items
        counted["running"] += len(items.running)
        counted["waiting"] += len(items.children)
        counted["retrying"] += len(items.retry_at)
        counted["needs_attention"] += len(items.parked)
        counted[node.status] += node.is_final
        moving += items.can_move + sum(1 for child, _ in items.children.values() if not child)
        places = [items.running, items.children, items.retry_at, items.parked]
        done = sum(items.done)
        if not node.is_final:
            assert sum(map(len, places)) + done + items.pending == items.count
        assert items.completed + len(items.errors) == done, state.spec(index).id
    names = ("running", "waiting", "retrying", "needs_attention")
    told = (state.running, state.waiting, state.retrying, state.parked)
    assert told == tuple(counted[name] for name in names)
    assert state.final_count == sum(counted[name] for name in FINAL_NODE)
    assert state.moving == moving
    open_waits = {"waiting", "retrying", "needs_attention"}
    assert set(state.open_waits) == {i for i, n in enumerate(state.nodes) if n.status in open_waits}


def check_log(workflow: Workflow, log: Iterable[ev.Recorded]) -> None:
    """Check what a whole log must show: seq, one end, one completion, pauses, effect classes."""
    recorded = list(log)
    assert [each.seq for each in recorded] == list(range(1, len(recorded) + 1))
    assert [each.at for each in recorded] == sorted(each.at for each in recorded)
    events = [each.event for each in recorded]
    ends = [each for each in events if isinstance(each, ev.ExecutionEnded)]
    assert len(ends) <= 1
    assert not ends or events[-1] is ends[0]
    _check_completions(events)
    _check_starts(workflow, events)
    _check_numbers(workflow, events)


def _check_completions(events: list[ev.AnyEvent]) -> None:
    """A node completes once (P3), and nothing of it happens after its end."""
    over: set[str] = set()
    ends = (ev.NodeCompleted, ev.NodeFailed, ev.NodeSkipped, ev.NodeCancelled, ev.NodeReused)
    for event in events:
        name = getattr(event, "node", None)
        if name is None or isinstance(event, ev.ExecutionEnded):
            continue
        assert name not in over, f"{event} after the end of {name}"
        if isinstance(event, ends):
            over.add(name)


def _check_starts(workflow: Workflow, events: list[ev.AnyEvent]) -> None:
    """Nothing starts in a pause, after a cancel or after an unhandled failure."""
    on_error = {str(spec.id): spec.on_error for spec in workflow.nodes}
    paused = stopping = False
    for event in events:
        if isinstance(event, ev.ExecutionPaused | ev.ExecutionResumed):
            paused = isinstance(event, ev.ExecutionPaused)
        elif isinstance(event, ev.CancelRequested):
            stopping = True
        elif isinstance(event, ev.NodeFailed):
            stopping = stopping or on_error[event.node] == "fail"
        elif isinstance(event, _STARTS):
            assert not paused, f"{event} in a pause"
            assert not stopping, f"{event} while stopping"


def _check_numbers(workflow: Workflow, events: list[ev.AnyEvent]) -> None:
    """Numbers rise by one, one attempt runs at a time, and effect classes are kept (P4)."""
    effects = {str(spec.id): spec.effect for spec in workflow.nodes}
    last: dict[tuple[str, int | None], int] = {}
    may_start: dict[tuple[str, int | None], bool] = {}
    for event in events:
        for place, attempt in _starts(event):
            assert attempt == last.get(place, 0) + 1, f"{place} starts as {attempt}"
            assert may_start.get(place, True), f"{place} is run again silently"
            last[place] = attempt
            may_start[place] = False
        for place, safe in _released(event):
            may_start[place] = safe or effects[place[0]] != "non_idempotent"


def _starts(event: ev.AnyEvent) -> list[tuple[tuple[str, int | None], int]]:
    if isinstance(event, ev.AttemptStarted):
        return [((event.node, None), event.attempt)]
    if isinstance(event, ev.ItemsStarted):
        return [((event.node, i), n) for i, n in zip(event.items, event.attempts, strict=True)]
    return []


def _released(event: ev.AnyEvent) -> list[tuple[tuple[str, int | None], bool]]:
    """Return what may be tried again by an event, and whether that is safe for any effect."""
    if isinstance(event, ev.AttemptFailed):
        return [((event.node, None), not event.error.may_have_happened)]
    if isinstance(event, ev.ItemFailed):
        return [((event.node, event.item), not event.error.may_have_happened)]
    if isinstance(event, ev.AttemptLost):
        return [((event.node, None), False)]
    if isinstance(event, ev.ItemsLost):
        return [((event.node, item), False) for item in event.items]
    if isinstance(event, ev.NodeUnparked):
        return [((event.node, event.item), True)]
    return []

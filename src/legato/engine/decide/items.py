# SPDX-License-Identifier: Apache-2.0
"""Foreach: start items up to their concurrency, record their ends in batches, close the node.

Rules: GR11-GR18, AT1, AT15, EX13.
"""

import msgspec

from legato.engine.decide.child import call_child, cancel_children, fail_call, loop_goes_on
from legato.engine.decide.decision import Decision
from legato.engine.state import ItemsState
from legato.model import events as ev
from legato.model.effects import Evaluate, RunAttempt
from legato.model.policy import ITEM_ERRORS_LISTED_MAX, ITEM_EVENT_BYTES_MAX
from legato.model.signals import ReportEvaluated
from legato.model.values import NULL, Value, inline


def pump_all(d: Decision) -> None:
    """Start items of every foreach node that was put up for a look, as long as there are slots."""
    for waiting in d.state.pumps.values():
        while waiting:
            index = next(iter(waiting))
            if not _pump(d, index):
                break
            del waiting[index]


def _pump(d: Decision, index: int) -> bool:
    """Ask for the config (or child input) of as many items as may start now.

    Returns:
        False if a slot was missing: the node stays first in line.
    """
    state = d.state
    spec = state.spec(index)
    items = state.items(index)
    if state.nodes[index].is_final or state.is_failing(index):
        return True
    bound = state.item_bound(index)
    is_task = spec.kind == "task"
    while items.in_flight + len(items.evaluating) < bound:
        item = _peek_item(items)
        if item is None:
            return True
        if is_task and not d.take_slot(index):
            return False
        _pop_item(items, item)
        items.evaluating.add(item)
        d.evaluate(Evaluate(spec.id, "config" if is_task else "input", item, 0 if is_task else 1))
    return True


def _peek_item(items: ItemsState) -> int | None:
    """Return the next item to start: one that is ready again, else the next untouched one."""
    while items.retry_ready:
        if items.is_free(items.retry_ready[0]):
            return items.retry_ready[0]
        items.retry_ready.popleft()
    items.cursor = max(items.cursor, items.next_pending)
    while items.cursor < items.count:
        if items.is_free(items.cursor):
            return items.cursor
        items.cursor += 1
    return None


def _pop_item(items: ItemsState, item: int) -> None:
    if items.retry_ready and items.retry_ready[0] == item:
        items.retry_ready.popleft()
    else:
        items.cursor = item + 1


def item_evaluated(d: Decision, index: int, item: int, signal: ReportEvaluated) -> None:
    """Start one item with its config, or its child with its input; or go on with its loop."""
    state = d.state
    items = state.nodes[index].items
    if items is None or not _was_asked(items, item, signal):
        return
    spec = state.spec(index)
    may_go_on = not state.paused or signal.what == "until"
    if state.stopping is not None or state.is_failing(index) or not may_go_on:
        put_back(d, index, item)
    elif signal.error is not None:
        if spec.kind == "task":
            d.give_slot(index)
        fail_call(d, index, item, signal.error)
    elif signal.what == "config":
        _start_item(d, index, item, signal)
    elif signal.what == "input":
        call_child(d, index, item, signal.iteration, signal.value or NULL)
    else:
        is_over = signal.value is not None and bytes(signal.value.json) == b"true"
        loop_goes_on(d, index, item, items.children[item][1], is_over=is_over)


def _was_asked(items: ItemsState, item: int, signal: ReportEvaluated) -> bool:
    """Tell whether this answer is awaited; from now on it is not."""
    is_first = signal.what == "config" or (signal.what == "input" and signal.iteration == 1)
    asked = items.evaluating if is_first else items.asking
    if item not in asked:
        return False
    asked.discard(item)
    return True


def _start_item(d: Decision, index: int, item: int, signal: ReportEvaluated) -> None:
    """Let an item start with this turn, unless its input is another than it was."""
    items = d.state.items(index)
    if items.hashes.get(item, signal.hash) != signal.hash:
        d.give_slot(index)
        message = "its input is no longer what the first attempt saw"
        fail_call(d, index, item, ev.NodeError("input_changed", message, retryable=False))
        return
    attempt = items.attempts.get(item, 0) + 1
    entry = (item, attempt, signal.hash, signal.value or NULL)
    d.starting.setdefault(index, []).append(entry)


def put_back(d: Decision, index: int, item: int) -> None:
    """Give back what an item holds that may not start now, and look at it again later.

    A loop between two iterations is asked again by the resume.
    """
    if d.state.spec(index).kind == "task":
        d.give_slot(index)
    items = d.state.items(index)
    if item not in items.children:
        items.retry_ready.append(item)
    d.state.pump(index)


def flush_ended(d: Decision) -> None:
    """Record the items that completed in this turn, as few events as the size bound allows."""
    for index, ended in d.ended_items.items():
        node_id = d.state.spec(index).id
        batch: list[int] = []
        outputs: list[Value] = []
        size = 0
        for item in sorted(ended):
            output = ended[item]
            more = output.size if output.is_inline else 0
            if batch and size + more > ITEM_EVENT_BYTES_MAX:
                d.emit(ev.ItemsEnded(node_id, tuple(batch), tuple(outputs)))
                batch, outputs, size = [], [], 0
            batch.append(item)
            outputs.append(output)
            size += more
        d.emit(ev.ItemsEnded(node_id, tuple(batch), tuple(outputs)))
    d.ended_items.clear()


def flush_started(d: Decision) -> None:
    """Record the start commit of the items that start in this turn: one event per node.

    An item that a later signal of the turn kept from starting is put back.
    """
    state = d.state
    for index, starting in d.starting.items():
        if state.stopping is not None or state.paused or state.is_failing(index):
            for entry in starting:
                put_back(d, index, entry[0])
            continue
        spec = state.spec(index)
        isolated = state.nodes[index].needs_process
        items, attempts, hashes, configs = zip(*starting, strict=True)
        d.emit(ev.ItemsStarted(spec.id, items, attempts, hashes, isolated))
        d.effects.extend(
            RunAttempt(
                spec.id, attempt, item, spec.effect, spec.timeout_ms, isolated, config, spec.pool
            )
            for item, attempt, config in zip(items, attempts, configs, strict=True)
        )
    d.starting.clear()


def close_all(d: Decision) -> None:
    """Look at every foreach node that may be over."""
    closing = d.state.closing
    while closing and d.state.stopping is None:
        index = next(iter(closing))
        del closing[index]
        _close(d, index)


def _close(d: Decision, index: int) -> None:
    """Close a foreach node whose items have all ended, or that must fail."""
    state = d.state
    node = state.nodes[index]
    items = state.items(index)
    if node.is_final or node.phase == "collect" or items.running or items.evaluating:
        return
    spec = state.spec(index)
    if state.is_failing(index):
        item, error = min(items.errors.items())
        cancel_children(d, index, f"item {item} of {spec.id} failed")
        message = f"item {item}: {error.message}"
        d.emit(ev.NodeFailed(spec.id, msgspec.structs.replace(error, message=message)))
    elif items.completed + len(items.errors) == items.count:
        node.phase = "collect"
        d.evaluate(Evaluate(spec.id, "collect"))


def list_errors(items: ItemsState) -> Value | None:
    """Return `nodes.x.errors`: the first failed items as {index, error}, or None."""
    if not items.errors:
        return None
    listed = [
        {"index": item, "error": {"kind": error.kind, "message": error.message}}
        for item, error in sorted(items.errors.items())[:ITEM_ERRORS_LISTED_MAX]
    ]
    return inline(msgspec.json.encode(listed))

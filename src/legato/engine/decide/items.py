# SPDX-License-Identifier: Apache-2.0
"""Foreach: start items up to their concurrency, record their ends in batches, close the node."""

import msgspec

from legato.engine.decide.child import cancel_children
from legato.engine.decide.decision import Decision
from legato.engine.state import ItemsState
from legato.model import events as ev
from legato.model.effects import Evaluate, RunAttempt
from legato.model.policy import (
    ENGINE_DEATHS_BEFORE_ISOLATION,
    ITEM_CONCURRENCY_DEFAULT,
    ITEM_EVENT_BYTES_MAX,
    ITEM_ERRORS_LISTED_MAX,
)
from legato.model.values import Value, inline


def pump_items(d: Decision, index: int) -> None:
    """Ask for the config (or child input) of as many items as may start now."""
    state = d.state
    spec = state.spec(index)
    items = state.nodes[index].items
    if items is None or (items.errors and spec.on_error != "continue"):
        return
    bound = spec.concurrency or ITEM_CONCURRENCY_DEFAULT
    is_task = spec.kind == "task"
    while len(items.running) + len(items.children) + len(items.evaluating) < bound:
        item = _peek_item(items)
        if item is None or (is_task and not d.take_slot(index)):
            return
        _pop_item(items, item)
        items.evaluating.add(item)
        d.evaluate(Evaluate(spec.id, "config" if is_task else "input", item, 0 if is_task else 1))


def _peek_item(items: ItemsState) -> int | None:
    """Return the next item to start: one whose retry is due, else the next untouched one."""
    while items.retry_ready:
        item = items.retry_ready[0]
        if not items.done[item] and item not in items.parked and item not in items.running:
            return item
        items.retry_ready.popleft()
    items.cursor = max(items.cursor, items.next_pending)
    while items.cursor < items.count:
        item = items.cursor
        if not items.done[item] and item not in items.parked:
            return item
        items.cursor += 1
    return None


def _pop_item(items: ItemsState, item: int) -> None:
    if items.retry_ready and items.retry_ready[0] == item:
        items.retry_ready.popleft()
    else:
        items.cursor = item + 1


def flush_ended(d: Decision) -> None:
    """Record the items that completed in this turn, as few events as the size bound allows."""
    for index, ended in d.ended_items.items():
        node_id = d.state.spec(index).id
        batch: list[int] = []
        outputs: list[Value] = []
        size = 0
        for item in sorted(ended):
            output = ended[item]
            if batch and size + output.size > ITEM_EVENT_BYTES_MAX:
                d.emit(ev.ItemsEnded(node_id, tuple(batch), tuple(outputs)))
                batch, outputs, size = [], [], 0
            batch.append(item)
            outputs.append(output)
            size += output.size if output.is_inline else 0
        d.emit(ev.ItemsEnded(node_id, tuple(batch), tuple(outputs)))
    d.ended_items.clear()


def flush_started(d: Decision) -> None:
    """Record the start commit of the items that start in this turn: one event per node."""
    for index, starting in d.starting.items():
        spec = d.state.spec(index)
        node = d.state.nodes[index]
        isolated = node.engine_deaths >= ENGINE_DEATHS_BEFORE_ISOLATION or node.process_deaths > 0
        d.emit(
            ev.ItemsStarted(
                spec.id,
                tuple(entry[0] for entry in starting),
                tuple(entry[1] for entry in starting),
                tuple(entry[2] for entry in starting),
                isolated,
            )
        )
        d.effects.extend(
            RunAttempt(
                spec.id, attempt, item, spec.effect, spec.timeout_ms, isolated, config, spec.pool
            )
            for item, attempt, _, config in starting
        )
    d.starting.clear()


def end_items(d: Decision, index: int) -> None:
    """Close a foreach node whose items have all ended, or that must fail."""
    state = d.state
    node = state.nodes[index]
    items = node.items
    if items is None or node.phase == "collect" or index in d.starting or index in d.ended_items:
        return
    spec = state.spec(index)
    if items.running or items.evaluating:
        return
    if items.errors and spec.on_error != "continue":
        item, error = min(items.errors.items())
        cancel_children(d, index, f"item {item} of {spec.id} failed")
        message = f"item {item}: {error.message}"
        d.emit(ev.NodeFailed(spec.id, msgspec.structs.replace(error, message=message)))
    elif items.completed + len(items.errors) == items.count:
        node.phase = "collect"
        node.errors = _list_errors(items)
        d.evaluate(Evaluate(spec.id, "collect"))


def _list_errors(items: ItemsState) -> Value | None:
    """Return `nodes.x.errors`: the first failed items as {index, error}, or None."""
    if not items.errors:
        return None
    listed = [
        {"index": item, "error": {"kind": error.kind, "message": error.message}}
        for item, error in sorted(items.errors.items())[:ITEM_ERRORS_LISTED_MAX]
    ]
    return inline(msgspec.json.encode(listed))

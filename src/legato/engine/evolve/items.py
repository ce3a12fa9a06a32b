# SPDX-License-Identifier: Apache-2.0
"""Rules for the events of foreach items.

Rules: GR, AT.
"""

from legato.engine.evolve.counters import (
    finish,
    index_of,
    leave,
    look_again,
    set_status,
)
from legato.engine.evolve.nodes import count_death
from legato.engine.state import ExecutionState, ItemsState
from legato.model import events as ev
from legato.model.values import Value


def items_planned(state: ExecutionState, event: ev.ItemsPlanned, at: int) -> int:
    """The list is known; results kept for this very list count at once."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    items = ItemsState(event.count, event.list_hash)
    node.items = items
    node.started_at = at
    set_status(state, index, "running")
    state.foreach_open[index] = None
    reused = state.items_reused.pop(index, None)
    if reused is not None and reused[0] == event.list_hash:
        for item, output in zip(reused[1], reused[2], strict=True):
            _complete(state, items, item, output)
    items.next_pending = 0  # reused items leave gaps that have never begun
    return look_again(state, index)


def items_started(state: ExecutionState, event: ev.ItemsStarted, _at: int) -> int:
    """One attempt of each of these items runs."""
    index = index_of(state, event.node)
    items = state.items(index)
    state.nodes[index].isolated = event.isolated
    for item, attempt, digest in zip(event.items, event.attempts, event.input_hashes, strict=True):
        leave(state, items, item)
        items.running.add(item)
        items.hashes[item] = digest
        if attempt > 1:
            items.attempts[item] = attempt
        state.running += 1
    return look_again(state, index)


def items_ended(state: ExecutionState, event: ev.ItemsEnded, _at: int) -> int:
    """These items completed."""
    index = index_of(state, event.node)
    items = state.items(index)
    for item, output in zip(event.items, event.outputs, strict=True):
        _complete(state, items, item, output)
    return look_again(state, index)


def item_failed(state: ExecutionState, event: ev.ItemFailed, _at: int) -> int:
    """The item waits for its retry, or is exhausted."""
    index = index_of(state, event.node)
    items = state.items(index)
    item = event.item
    leave(state, items, item)
    items.failures[item] = items.failures.get(item, 0) + 1
    if event.attempt:
        items.attempts[item] = event.attempt
    if event.retry_at is None:
        finish(items, item)
        items.errors[item] = event.error
    else:
        items.retry_at[item] = event.retry_at
        state.retrying += 1
        state.add_timer(event.retry_at, index, item)
    return look_again(state, index)


def items_lost(state: ExecutionState, event: ev.ItemsLost, _at: int) -> int:
    """These items are tried again, but for those that are parked next."""
    index = index_of(state, event.node)
    items = state.items(index)
    count_death(state.nodes[index], event.cause)
    for item in event.items:
        leave(state, items, item)
        items.attempts.setdefault(item, 1)
        items.losses[item] = items.losses.get(item, 0) + 1
        if event.cause == "process_died":
            items.deaths[item] = items.deaths.get(item, 0) + 1
        items.retry_at[item] = event.retry_at
        state.retrying += 1
        state.add_timer(event.retry_at, index, item)
    return look_again(state, index)


def items_reused(state: ExecutionState, event: ev.ItemsReused, _at: int) -> int:
    """Keep results of another execution until the list is planned."""
    index = index_of(state, event.node)
    state.items_reused[index] = (event.list_hash, event.items, event.outputs)
    return index


def item_forced(state: ExecutionState, event: ev.ItemForced, _at: int) -> int:
    """A person settled a parked item."""
    index = index_of(state, event.node)
    _complete(state, state.items(index), event.item, event.output)
    return look_again(state, index)


def _complete(state: ExecutionState, items: ItemsState, item: int, output: Value) -> None:
    leave(state, items, item)
    finish(items, item)
    items.outputs[item] = output
    items.completed += 1

# SPDX-License-Identifier: Apache-2.0
"""The judge is judged: each promise broken by hand is named, and a good history is not."""

import copy
from typing import Any

import pytest

from tests.crash.ledger import Effect
from tests.crash.records import Execution, Records, Step
from tests.crash.verdict import judge

ID = "e1"


def _good() -> tuple[Records, list[Effect]]:
    """One pure node that was lost once, a foreach of two, a step, an effect that is had once."""
    events: list[dict[str, Any]] = [
        {"type": "ExecutionStarted"},
        {"type": "AttemptStarted", "node": "a", "attempt": 1},
        {"type": "AttemptLost", "node": "a", "attempt": 1},
        {"type": "AttemptStarted", "node": "a", "attempt": 2},
        {"type": "NodeCompleted", "node": "a", "attempt": 2},
        {"type": "ItemsStarted", "node": "b", "items": [0, 1], "attempts": [1, 1]},
        {"type": "ItemsEnded", "node": "b", "items": [0, 1]},
        {"type": "NodeCompleted", "node": "b"},
        {"type": "AttemptStarted", "node": "c", "attempt": 1},
        {"type": "NodeCompleted", "node": "c", "attempt": 1},
        {"type": "AttemptStarted", "node": "d", "attempt": 1},
        {"type": "NodeCompleted", "node": "d", "attempt": 1},
        {"type": "ExecutionEnded", "status": "completed"},
    ]
    execution = Execution(ID, "w", "completed", len(events), None, None, 1)
    execution.events = events
    execution.seqs = list(range(1, len(events) + 1))
    effects = [
        Effect(f"{ID}:a", 1, "pure"),
        Effect(f"{ID}:a", 2, "pure"),
        Effect(f"{ID}:b:0", 1, "idempotent"),
        Effect(f"{ID}:b:1", 1, "idempotent"),
        Effect(f"{ID}:c", 1, "idempotent", "step 0"),
        Effect(f"{ID}:d", 1, "non_idempotent"),
    ]
    return Records({ID: execution}, [Step(ID, "c", -1, "step 0", 1, is_done=True)]), effects


def test_a_good_history_has_no_problem() -> None:
    """Losses and new attempts under the same key are lawful."""
    records, effects = _good()
    assert judge(records, effects, {ID}) == []


def _insert(at: int, event: dict[str, Any]) -> Any:
    def change(execution: Execution, _effects: list[Effect]) -> None:
        execution.events.insert(at, event)
        execution.seqs.append(len(execution.events))
        execution.head_seq += 1

    return change


def _effect(effect: Effect) -> Any:
    return lambda _execution, effects: effects.append(effect)


def _drop_event(at: int) -> Any:
    def change(execution: Execution, _effects: list[Effect]) -> None:
        del execution.events[at]
        execution.seqs.pop()
        execution.head_seq -= 1

    return change


def _set(name: str, value: Any) -> Any:
    return lambda execution, _effects: setattr(execution, name, value)


BROKEN = {
    "a node completed twice": (
        _insert(5, {"type": "NodeCompleted", "node": "a"}), "a completed 2 times"),
    "a completed node began again": (
        _insert(5, {"type": "AttemptStarted", "node": "a", "attempt": 3}), "after its end"),
    "a completed item began again": (
        _insert(7, {"type": "ItemsStarted", "node": "b", "items": [1], "attempts": [2]}),
        "after its end"),
    "an attempt began beside another": (_drop_event(2), "while 1 ran"),
    "an attempt ran that never started": (
        _effect(Effect(f"{ID}:a", 3, "pure")), "never started"),
    "an attempt was issued twice": (_effect(Effect(f"{ID}:a", 2, "pure")), "issued twice"),
    "an effect was had twice that must not": (
        _effect(Effect(f"{ID}:d", 1, "non_idempotent")), "must not be had twice"),
    "a finished step was had again": (
        _effect(Effect(f"{ID}:c", 2, "idempotent", "step 0")), "was finished in attempt 1"),
    "a node completed without its effect": (
        lambda _execution, effects: effects.pop(1), "completed without an effect"),
    "an event came after the end": (
        _insert(13, {"type": "NodeCompleted", "node": "e"}), "final events"),
    "there are two ends": (
        _insert(13, {"type": "ExecutionEnded", "status": "failed"}), "final events"),
    "there is no end": (_drop_event(12), "final events"),
    "the log has a gap": (_set("seqs", [1, 2, 4]), "gaps"),
    "the head is not the log's": (_set("head_seq", 99), "its head is 99"),
    "the row says something else": (_set("status", "failed"), "its row says failed"),
    "it stands still": (_set("status", "running"), "has not ended"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_named(name: str) -> None:
    """Each promise is broken by hand, and the judge says which."""
    records, effects = copy.deepcopy(_good())
    change, words = BROKEN[name]
    change(records.executions[ID], effects)
    found = judge(records, effects, {ID})
    assert any(words in problem for problem in found), found


def test_what_is_gone_is_missed() -> None:
    """An accepted execution that is not there, and one of which only effects are left, are lost."""
    found = judge(Records({}, []), [Effect("e2:a", 1, "pure")], {"e3"})
    assert any("e3 was accepted" in problem for problem in found)
    assert any("e2 had effects" in problem for problem in found)
    assert judge(Records({}, [], "page 3 is torn"), [], []) == [
        "the database is damaged: page 3 is torn"
    ]

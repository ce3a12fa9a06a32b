# SPDX-License-Identifier: Apache-2.0
"""The judge: compares what the ledger counted with what the logs say, and names what is wrong.

It knows the promises, not the engine: nothing lost, one end, no gap; a completed node or item
never ran again; an attempt is never issued twice; an effect that must not be had twice was had
once at most; a finished step was not repeated.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.crash.ledger import Effect
from tests.crash.records import NODE_ENDS, Execution, Records

Place = tuple[str, int | None]


class Attempts:
    """The attempts of one execution as its log tells them."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        """Walk the log once; `problems` holds what contradicts itself."""
        self.problems: list[str] = []
        self.started: dict[Place, list[int]] = defaultdict(list)
        self.ended: dict[Place, dict[str, Any]] = {}
        self.let_go: dict[Place, set[int]] = defaultdict(set)
        for event in events:
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        kind, node = event["type"], str(event.get("node"))
        if kind == "AttemptStarted":
            self._start((node, None), event["attempt"])
        elif kind == "ItemsStarted":
            for item, attempt in zip(event["items"], event["attempts"], strict=True):
                self._start((node, item), attempt)
        elif kind in {"AttemptFailed", "AttemptLost", "ItemFailed"}:
            self.let_go[node, event.get("item")].add(event["attempt"])
        elif kind == "ItemsLost":
            for item in event["items"]:
                self._let_go_last((node, item))
        elif kind == "NodeParked":
            self._let_go_last((node, event.get("item")))
        elif kind == "ItemsEnded":
            for item in event["items"]:
                self._end((node, item), event)
        elif kind == "ItemForced":
            self._end((node, event["item"]), event)
        elif kind in NODE_ENDS:
            self._end((node, None), event)

    def _start(self, place: Place, attempt: int) -> None:
        if place in self.ended or (place[0], None) in self.ended:
            self.problems.append(f"{place} began attempt {attempt} after its end")
        before = self.started[place]
        if attempt != len(before) + 1:
            self.problems.append(f"{place} began attempt {attempt} after {len(before)}")
        if before and before[-1] not in self.let_go[place]:
            self.problems.append(f"{place} began attempt {attempt} while {before[-1]} ran")
        before.append(attempt)

    def _let_go_last(self, place: Place) -> None:
        if self.started[place]:
            self.let_go[place].add(self.started[place][-1])

    def _end(self, place: Place, event: dict[str, Any]) -> None:
        if place in self.ended:
            self.problems.append(f"{place} ended twice")
        self.ended[place] = event


def judge(records: Records, effects: Iterable[Effect], accepted: Iterable[str]) -> list[str]:
    """Return every broken promise as one sentence; none if all is well.

    Args:
        records: The database after everything ended.
        effects: What the ledger counted.
        accepted: Executions that somebody was told of.
    """
    problems = [f"the database is damaged: {records.damage}"] if records.damage else []
    problems += [
        f"{each} was accepted and is lost" for each in accepted if each not in records.executions
    ]
    counted: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects:
        counted[effect.execution_id].append(effect)
    problems += [f"{each} had effects and is lost" for each in counted.keys() - records.executions]
    for execution in records.executions.values():
        name = f"{execution.workflow} {execution.execution_id}"
        attempts = Attempts(execution.events)
        found = [
            *_log_problems(execution),
            *attempts.problems,
            *_ledger_problems(attempts, counted[execution.execution_id]),
            *_step_problems(records, execution, counted[execution.execution_id]),
        ]
        problems += [f"{name}: {problem}" for problem in found]
    return problems


def _log_problems(execution: Execution) -> Iterator[str]:
    if execution.seqs != list(range(1, len(execution.seqs) + 1)):
        yield f"its log has gaps: {execution.seqs}"
    if execution.head_seq != len(execution.seqs):
        yield f"its head is {execution.head_seq}, its log has {len(execution.seqs)} events"
    ends = [
        index for index, each in enumerate(execution.events) if each["type"] == "ExecutionEnded"
    ]
    if ends != [len(execution.events) - 1]:
        yield f"its final events are at {ends} of {len(execution.events)}"
    elif execution.events[-1]["status"] != execution.status:
        yield f"its row says {execution.status}, its log {execution.events[-1]['status']}"
    if not execution.is_final:
        yield f"it has not ended: {execution.status}"
    completed = Counter(e["node"] for e in execution.events if e["type"] == "NodeCompleted")
    yield from (f"{node} completed {n} times" for node, n in completed.items() if n != 1)


def _ledger_problems(attempts: Attempts, effects: list[Effect]) -> Iterator[str]:
    plain = [each for each in effects if not each.step]
    for (key, attempt), n in Counter((e.key, e.attempt) for e in plain).items():
        if n > 1:
            yield f"{key} had {n} effects in attempt {attempt}: it was issued twice"
    for effect in effects:
        started = attempts.started[effect.place]
        if effect.attempt not in started:
            yield f"{effect.key} had an effect in attempt {effect.attempt}, which never started"
    for (key, step, kind), n in Counter((e.key, e.step, e.effect) for e in effects).items():
        if kind == "non_idempotent" and n > 1:
            yield f"{key} {step} must not be had twice and was had {n} times"
    told = {(each.place, each.attempt) for each in effects}
    stepped = {each.place for each in effects if each.step}  # the last attempt may find all done
    for place, event in attempts.ended.items():
        is_own = event["type"] in {"NodeCompleted", "ItemsEnded"} and not event.get("by")
        ran = [] if not is_own or place in stepped else attempts.started[place]
        if ran and (place, ran[-1]) not in told:
            yield f"{place} completed without an effect of its last attempt"


def _step_problems(records: Records, execution: Execution, effects: list[Effect]) -> Iterator[str]:
    for step in records.steps:
        if step.execution_id != execution.execution_id or not step.is_done:
            continue
        place = (step.node, None if step.item < 0 else step.item)
        had = [e.attempt for e in effects if e.place == place and e.step == step.name]
        if step.attempt not in had:
            yield f"{place} {step.name} is in the journal and did not happen in that attempt"
        if any(attempt > step.attempt for attempt in had):
            yield f"{place} {step.name} was finished in attempt {step.attempt} and had again: {had}"


def repeated(effects: Iterable[Effect]) -> int:
    """Return how many effects came again under a key that had come before (all of them lawful)."""
    return sum(n - 1 for n in Counter((e.key, e.step) for e in effects).values())

# SPDX-License-Identifier: Apache-2.0
"""What one execution's log may say, checked event by event by rules written a second time.

Nothing here uses the engine's own counters: joins, attempts and ends are worked out anew from the
events and the workflow, so that a mistake in `evolve` or `decide` cannot hide itself.

Rules: SM3.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from legato.model import events as ev
from legato.model.ids import ExecutionId, child_execution_id
from legato.model.policy import ITEM_CONCURRENCY_DEFAULT
from legato.model.values import load
from legato.model.workflow import NodeSpec, Workflow

Place = tuple[str, int | None]


class History:
    """One log as it grows."""

    def __init__(
        self,
        execution_id: ExecutionId,
        workflow: Workflow,
        complain: Callable[[str, str], None],
    ) -> None:
        """Args: complain takes (rule, text)."""
        self.execution_id = execution_id
        self.seq = 0
        self.ended: str | None = None
        self._specs: dict[str, NodeSpec] = {node.id: node for node in workflow.nodes}
        self._tell = complain
        self._started = False
        self._stopping: str | None = None
        self._paused = False
        self._ends: dict[str, tuple[str, str | None]] = {}
        self._last: dict[Place, int] = {}
        self._running: set[Place] = set()
        self._children: dict[Place, str] = {}
        self._parked: set[Place] = set()
        self._items_done: dict[str, set[int]] = {}
        self._counts: dict[str, int] = {}
        self._hashes: dict[Place, str] = {}
        self._retries: Counter[Place] = Counter()
        self._failures: Counter[Place] = Counter()
        self._harmless: Counter[Place] = Counter()
        self._payloads: set[bytes] = set()

    # --- for the ledger ------------------------------------------------------------------------

    def has_start(self, node: str, item: int | None, attempt: int) -> bool:
        """Tell whether this attempt's start is in the log."""
        return 0 < attempt <= self._last.get((node, item), 0)

    def is_done(self, node: str, item: int | None) -> bool:
        """Tell whether the log says that the node (or item) completed."""
        if self._ends.get(node, ("",))[0] == "completed":
            return True
        return item is not None and item in self._items_done.get(node, ())

    def retries_by_people(self, node: str, item: int | None) -> int:
        """Return how often a person asked for the node (or item) to be tried again."""
        return self._retries[node, item]

    # --- one event -----------------------------------------------------------------------------

    def add(self, event: ev.AnyEvent) -> None:
        """Check one more event and remember it."""
        self.seq += 1
        if self.ended is not None:
            self._complain("P2", f"{type(event).__name__} after the end")
        if self._started == isinstance(event, ev.ExecutionStarted):
            self._complain("GR27", f"{type(event).__name__} as event {self.seq}")
        rule = _RULES.get(type(event))
        if rule is not None:
            rule(self, event)

    def _complain(self, rule: str, text: str) -> None:
        self._tell(rule, f"{self.execution_id} seq {self.seq}: {text}")

    def _on_started(self, _event: ev.ExecutionStarted) -> None:
        self._started = True

    def _on_cancel(self, event: ev.CancelRequested) -> None:
        if self._stopping in {"cancelled", "timed_out"}:
            self._complain("EN5", "a second CancelRequested")
        self._stopping = event.status

    def _on_paused(self, _event: ev.ExecutionPaused) -> None:
        self._paused = True

    def _on_resumed(self, _event: ev.ExecutionResumed) -> None:
        self._paused = False

    def _on_ended(self, event: ev.ExecutionEnded) -> None:
        self.ended = event.status
        fatal = [name for name in self._ends if self._is_fatal(name)]
        if self._running:
            self._complain("GR8", f"ended while {sorted(self._running, key=str)} run")
        if event.status == "completed":
            if len(self._ends) < len(self._specs) or fatal:
                open_nodes = sorted(set(self._specs) - set(self._ends))
                self._complain("GR32", f"completed with {open_nodes} open, {fatal} failed")
        elif event.status == "failed":
            is_outputs = event.error is not None and event.error.kind == "expression_error"
            if not fatal and not (is_outputs and len(self._ends) == len(self._specs)):
                self._complain("GR32", "failed although no node failed for good")
        elif self._stopping != event.status:
            self._complain("ST4", f"ended {event.status} while {self._stopping}")

    def _is_fatal(self, name: str) -> bool:
        """Tell whether a node failed and nobody handles it; a skipped node handles nothing."""
        if self._ends.get(name, ("",))[0] != "failed":
            return False
        handler = self._specs[name].on_error
        return handler == "fail" or self._ends.get(handler, ("",))[0] == "skipped"

    def _on_signal(self, event: ev.SignalReceived) -> None:
        self._note_payload(bytes(event.payload.json))

    def _note_payload(self, payload: bytes) -> None:
        """Every simulated signal has a payload of its own: a second one was not deduplicated."""
        if payload.startswith(b'"signal-'):
            if payload in self._payloads:
                self._complain("EN5", f"the signal {payload!r} was taken twice")
            self._payloads.add(payload)

    # --- starts --------------------------------------------------------------------------------

    def _may_begin(self, name: str, item: int | None, what: str) -> None:
        """Check what holds for everything that begins: attempt, wait, plan, child."""
        if self._stopping is not None:
            rule = "GR8" if self._stopping == "failed" else "EN12"
            self._complain(rule, f"{what} of {name} while it is being {self._stopping}")
        if self._paused:
            self._complain("AT20", f"{what} of {name} while paused")
        if name in self._ends:
            rule = "P3" if self._ends[name][0] == "completed" else "ST2"
            self._complain(rule, f"{what} of {name}, which has {self._ends[name][0]}")
        if item is not None and item in self._items_done.get(name, ()):
            self._complain("P3", f"{what} of {name}[{item}], which has ended")
        if self._join(self._specs[name]) is not True:
            self._complain("GR1", f"{what} of {name}, whose needs do not allow it")

    def _begin_attempt(self, place: Place, attempt: int, digest: str) -> None:
        name, item = place
        self._may_begin(name, item, f"attempt {attempt}")
        spec = self._specs[name]
        if attempt != self._last.get(place, 0) + 1:
            self._complain("AT4", f"{place} attempt {attempt} after {self._last.get(place, 0)}")
        if place in self._running or place in self._parked:
            self._complain("AT1", f"{place} attempt {attempt} while it runs or is parked")
        if self._hashes.setdefault(place, digest) != digest:
            self._complain("EX13", f"{place} attempt {attempt} has another input")
        allowed = 1 + self._retries[place] + self._harmless[place]
        if spec.effect == "non_idempotent" and attempt > allowed:
            self._complain("P4", f"{place} attempt {attempt}, allowed {allowed}")
        self._last[place] = attempt
        self._running.add(place)

    def _on_attempt(self, event: ev.AttemptStarted) -> None:
        self._begin_attempt((event.node, None), event.attempt, event.input_hash)

    def _on_items_started(self, event: ev.ItemsStarted) -> None:
        for item, attempt, digest in zip(
            event.items, event.attempts, event.input_hashes, strict=True
        ):
            self._begin_attempt((event.node, item), attempt, digest)
        self._check_concurrency(event.node)

    def _check_concurrency(self, name: str) -> None:
        bound = self._specs[name].concurrency or ITEM_CONCURRENCY_DEFAULT
        busy = sum(1 for place in (*self._running, *self._children) if place[0] == name)
        if self._specs[name].has_foreach and busy > bound:
            self._complain("GR14", f"{busy} items of {name} run, at most {bound} may")

    def _on_waiting(self, event: ev.NodeWaiting) -> None:
        self._may_begin(event.node, None, f"wait for {event.kind}")

    def _on_planned(self, event: ev.ItemsPlanned) -> None:
        self._may_begin(event.node, None, "plan")
        self._counts[event.node] = event.count

    def _on_child_started(self, event: ev.ChildStarted) -> None:
        place = (event.node, event.item)
        self._may_begin(event.node, event.item, f"child {event.iteration}")
        expected = child_execution_id(
            self.execution_id, self._specs[event.node].id, event.item, event.iteration
        )
        if event.child != expected or place in self._children:
            self._complain("GR20", f"{place} starts the child {event.child}")
        self._children[place] = event.child
        self._check_concurrency(event.node)

    def _on_child_ended(self, event: ev.ChildEnded) -> None:
        if self._children.pop((event.node, event.item), None) != event.child:
            self._complain("GR20", f"{event.node} took the end of {event.child} twice")

    # --- results -------------------------------------------------------------------------------

    def _leave(self, place: Place, attempt: int, what: str) -> None:
        """Check that the attempt is the running one, and take it out."""
        if attempt and (place not in self._running or self._last.get(place) != attempt):
            self._complain("AT17", f"{what} of {place} attempt {attempt}, which does not run")
        self._running.discard(place)

    def _end(self, name: str, status: str, case: str | None = None) -> None:
        if name in self._ends:
            rule = "P3" if "completed" in {status, self._ends[name][0]} else "ST2"
            self._complain(rule, f"{name} {status} after it had {self._ends[name][0]}")
        self._ends[name] = (status, case)
        for kept in (self._running, self._parked):
            kept.difference_update([place for place in kept if place[0] == name])
        for place in [place for place in self._children if place[0] == name]:
            del self._children[place]

    def _on_completed(self, event: ev.NodeCompleted) -> None:
        spec = self._specs[event.node]
        place = (event.node, None)
        if event.attempt:
            self._leave(place, event.attempt, "completion")
        elif spec.kind == "task" and not spec.has_foreach and place not in self._parked:
            self._complain("ST5", f"{event.node} completed without an attempt")
        if spec.kind == "signal":
            self._note_consumed(event)
        if event.node in self._counts and event.output.is_inline and place not in self._parked:
            self._check_items(event)
        self._end(event.node, "completed", event.case)

    def _note_consumed(self, event: ev.NodeCompleted) -> None:
        payload = bytes(event.output.json)
        if event.consumed is None:
            self._note_payload(payload)
        elif payload not in self._payloads:
            self._complain("EN16", f"{event.node} took a signal that never came")

    def _check_items(self, event: ev.NodeCompleted) -> None:
        output: list[Any] = load(event.output.json)
        wrong = [
            place
            for place, each in enumerate(output)
            if isinstance(each, dict) and each.get("i", place) not in {None, place}
        ]
        if len(output) != self._counts[event.node] or wrong:
            self._complain("GR12", f"{event.node} lists {len(output)} items, out of order {wrong}")

    def _on_reused(self, event: ev.NodeReused) -> None:
        self._end(event.node, "completed", event.case)

    def _on_failed(self, event: ev.NodeFailed) -> None:
        self._leave((event.node, None), event.attempt, "failure")
        self._end(event.node, "failed")
        self._begin_to_fail([event.node])

    def _on_skipped(self, event: ev.NodeSkipped) -> None:
        if event.cause == "operator":
            if (event.node, None) not in self._parked:
                self._complain("ST8", f"{event.node} skipped by a person, but not parked")
        elif self._join(self._specs[event.node]) is not (event.cause == "when"):
            self._complain("GR5", f"{event.node} skipped because of {event.cause}")
        self._end(event.node, "skipped")
        self._begin_to_fail(need.node for need in self._specs[event.node].needs)

    def _begin_to_fail(self, names: Iterable[str]) -> None:
        if self._stopping is None and any(self._is_fatal(name) for name in names):
            self._stopping = "failed"

    def _on_cancelled(self, event: ev.NodeCancelled) -> None:
        if self._stopping is None:
            self._complain("EN12", f"{event.node} cancelled without a reason")
        self._end(event.node, "cancelled")

    def _on_attempt_failed(self, event: ev.AttemptFailed) -> None:
        self._leave((event.node, None), event.attempt, "failure")
        self._count_failure((event.node, None), event.error, is_last=False)

    def _count_failure(self, place: Place, error: ev.NodeError, *, is_last: bool) -> None:
        self._failures[place] += 1
        if not error.may_have_happened:
            self._harmless[place] += 1
        if not is_last and self._failures[place] >= self._specs[place[0]].retry.max_attempts:
            self._complain("AT21", f"{place} is retried after {self._failures[place]} failures")

    def _on_attempt_lost(self, event: ev.AttemptLost) -> None:
        self._leave((event.node, None), event.attempt, "loss")

    def _on_parked(self, event: ev.NodeParked) -> None:
        place = (event.node, event.item)
        if event.attempt and self._last.get(place) != event.attempt:
            self._complain("AT17", f"parking of {place} attempt {event.attempt}, not the last one")
        self._running.discard(place)
        self._parked.add(place)

    def _on_unparked(self, event: ev.NodeUnparked) -> None:
        place = (event.node, event.item)
        if place not in self._parked:
            self._complain("ST8", f"{place} unparked, but it was not parked")
        self._parked.discard(place)
        self._retries[place] += 1

    def _end_item(self, name: str, item: int, what: str) -> None:
        done = self._items_done.setdefault(name, set())
        if item in done or name in self._ends:
            self._complain("P3", f"{what} of {name}[{item}], which has ended")
        done.add(item)
        for kept in (self._running, self._parked):
            kept.discard((name, item))
        self._children.pop((name, item), None)

    def _on_items_ended(self, event: ev.ItemsEnded) -> None:
        is_task = self._specs[event.node].kind == "task"
        for item in event.items:
            if is_task and (event.node, item) not in self._running:
                self._complain("AT17", f"end of {event.node}[{item}], which does not run")
            self._end_item(event.node, item, "end")

    def _on_item_forced(self, event: ev.ItemForced) -> None:
        if (event.node, event.item) not in self._parked:
            self._complain("ST8", f"{event.node}[{event.item}] forced, but it was not parked")
        self._end_item(event.node, event.item, "forcing")

    def _on_item_failed(self, event: ev.ItemFailed) -> None:
        place = (event.node, event.item)
        self._running.discard(place)
        if event.retry_at is None:
            self._end_item(event.node, event.item, "failure")
        else:
            self._count_failure(place, event.error, is_last=False)

    def _on_items_lost(self, event: ev.ItemsLost) -> None:
        for item in event.items:
            if (event.node, item) not in self._running:
                self._complain("AT17", f"loss of {event.node}[{item}], which does not run")
            self._running.discard((event.node, item))

    # --- joins ---------------------------------------------------------------------------------

    def _join(self, spec: NodeSpec) -> bool | None:
        """Tell whether a node may begin: GR1 to GR4, GR9 and GR10, from the ends alone.

        None: it is not decided yet.
        """
        met = [self._is_met(spec.id, need.node, need.kind, need.case) for need in spec.needs]
        if spec.join == "any" and any(each is True for each in met):
            return True
        if any(each is None for each in met):
            return None
        if not met or spec.join == "all_done":
            return True
        return all(met) if spec.join == "all" else False

    def _is_met(self, name: str, source: str, kind: str, case: str | None) -> bool | None:
        """Tell whether an edge is satisfied; None while its source is not final."""
        end = self._ends.get(source)
        if end is None:
            return None
        status, chosen = end
        on_error = self._specs[source].on_error
        if kind == "failure":
            return status == "failed" and on_error == name
        if kind == "case":
            return status == "completed" and case == chosen
        return status == "completed" or (status == "failed" and on_error == "continue")


_RULES: dict[type, Callable[[History, Any], None]] = {
    ev.ExecutionStarted: History._on_started,
    ev.CancelRequested: History._on_cancel,
    ev.ExecutionPaused: History._on_paused,
    ev.ExecutionResumed: History._on_resumed,
    ev.ExecutionEnded: History._on_ended,
    ev.SignalReceived: History._on_signal,
    ev.AttemptStarted: History._on_attempt,
    ev.AttemptFailed: History._on_attempt_failed,
    ev.AttemptLost: History._on_attempt_lost,
    ev.NodeWaiting: History._on_waiting,
    ev.NodeCompleted: History._on_completed,
    ev.NodeFailed: History._on_failed,
    ev.NodeSkipped: History._on_skipped,
    ev.NodeCancelled: History._on_cancelled,
    ev.NodeParked: History._on_parked,
    ev.NodeUnparked: History._on_unparked,
    ev.NodeReused: History._on_reused,
    ev.ItemsPlanned: History._on_planned,
    ev.ItemsStarted: History._on_items_started,
    ev.ItemsEnded: History._on_items_ended,
    ev.ItemFailed: History._on_item_failed,
    ev.ItemsLost: History._on_items_lost,
    ev.ItemForced: History._on_item_forced,
    ev.ChildStarted: History._on_child_started,
    ev.ChildEnded: History._on_child_ended,
}

# SPDX-License-Identifier: Apache-2.0
"""Drive `decide` by hand: scripted evaluations, counted slots, a clock that the test moves.

Every turn is checked as it is taken: the log is gapless, each event survives encoding, the fold of
the log equals the live state, frames cover every event, slots are given back exactly once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from legato.engine.decide import Decision, decide
from legato.engine.evolve import fold
from legato.engine.state import ExecutionState, NodeState
from legato.engine.upcast import read_event
from legato.engine.view import frame
from legato.model import effects as ef
from legato.model import events as ev
from legato.model import signals as sig
from legato.model.frames import Frame
from legato.model.graph import Graph
from legato.model.ids import EngineId, ExecutionId, NodeId
from legato.model.values import Value
from legato.model.workflow import Workflow
from tests.support.build import EXECUTION_ID, START_MS, started, unval, val
from tests.support.compare import differences

Answer = Any
"""A value, a `NodeError`, or a function of (effect, drive) that returns one of them."""
Key = tuple[str, int | None, int]
"""(node, item, attempt)."""
ENGINE: Final = EngineId("engine-1")


class CountedSlots:
    """Slots that know who gave what: never negative, never beyond the bound."""

    def __init__(self, total: int = 1_000_000, pools: Mapping[str, int] | None = None) -> None:
        """Args: total and pools bound what may be held."""
        self.total = total
        self.pools = dict(pools or {})
        self.held: Counter[str] = Counter()
        self.taken = 0
        self.refused = 0

    def take(self, pool: str, held_max: int) -> bool:
        """Keep `Slots.take`."""
        held = self.held.total()
        free = held < self.total and self.held[pool] < self.pools.get(pool, self.total)
        if not free or (held_max and held >= held_max):
            self.refused += 1
            return False
        self.held[pool] += 1
        self.taken += 1
        return True

    def give(self, pool: str) -> None:
        """Keep `Slots.give`."""
        assert self.held[pool] > 0, f"a place of {pool} is given back that was not taken"
        self.held[pool] -= 1


class Drive:
    """One execution in the hand of a test."""

    def __init__(
        self,
        workflow: Workflow,
        answers: Mapping[Any, Answer] | None = None,
        *,
        slots: CountedSlots | None = None,
        chance: float = 0.5,
        execution_id: ExecutionId = EXECUTION_ID,
        is_checked: bool = True,
    ) -> None:
        """Prepare; `start` takes the first turn.

        Args:
            workflow: What runs.
            answers: (node, what) -> answer; see `_default` for what is not named. Node None asks
                for the outputs.
            slots: Where attempts are counted; plenty by default.
            chance: What chance gives every time.
            execution_id: Of the execution.
            is_checked: Compare the live state with the fold after every turn.
        """
        self.workflow = workflow
        self.graph = Graph(workflow)
        self.execution_id = execution_id
        self.answers: dict[Any, Answer] = dict(answers or {})
        self.slots = slots or CountedSlots()
        self.chance = chance
        self.now = START_MS
        self.state = ExecutionState(execution_id, self.graph)
        self.log: list[ev.Recorded] = []
        self.frames: list[Frame] = []
        self.holding_back: Callable[[ef.Evaluate], bool] = lambda _effect: False
        self.asked: list[ef.Evaluate] = []
        self.far: list[ef.Evaluate] = []
        self.runs: dict[Key, ef.RunAttempt] = {}
        self.stops: list[Key] = []
        self.children: dict[str, ef.StartChild] = {}
        self.told: list[ef.SignalExecution] = []
        self.is_checked = is_checked

    # --- turns -----------------------------------------------------------------------------------

    def start(self, *, reused: tuple[sig.Reuse, ...] = (), **fields: Any) -> list[ev.AnyEvent]:
        """Begin the execution."""
        return self.turn(sig.StartExecution(started(self.workflow, **fields), reused))

    def turn(self, *signals: sig.AnySignal) -> list[ev.AnyEvent]:
        """Take one turn as the runtime does, and check it; return its events."""
        from_seq = self.state.seq
        d = Decision(self.state, self.now, lambda: self.chance, self.slots)
        decide(d, signals)
        while answers := self._answers(d):
            decide(d, answers)
        self.log.extend(
            ev.Recorded(from_seq + offset, d.now, event)
            for offset, event in enumerate(d.events, start=1)
        )
        self._note(d.effects)
        if d.events:
            self.frames.append(frame(self.state, d.touched, from_seq=from_seq, epoch=1))
        self._check(from_seq, d)
        return d.events

    def _answers(self, d: Decision) -> list[sig.AnySignal]:
        asked = [each for each in d.effects if isinstance(each, ef.Evaluate)]
        d.effects = [each for each in d.effects if not isinstance(each, ef.Evaluate)]
        self.asked.extend(asked)
        near: list[ef.Evaluate] = []
        for each in asked:
            (self.far if self.holding_back(each) else near).append(each)
        return [self.reply(each) for each in near]

    def _note(self, effects: list[ef.AnyEffect]) -> None:
        for effect in effects:
            if isinstance(effect, ef.RunAttempt):
                key = (effect.node, effect.item, effect.attempt)
                assert key not in self.runs, f"{key} is issued twice"
                self.runs[key] = effect
            elif isinstance(effect, ef.StopAttempt):
                self.stops.append((effect.node, effect.item, effect.attempt))
            elif isinstance(effect, ef.StartChild):
                self.children[effect.child] = effect
            elif isinstance(effect, ef.SignalExecution):
                self.told.append(effect)

    def _check(self, from_seq: int, d: Decision) -> None:
        state = self.state
        assert state.seq == from_seq + len(d.events), "an event is missing from the log"
        assert self.slots.held.total() <= self.slots.total
        for event in d.events:
            assert read_event(ev.encode_event(event)) == event
        if state.ended is not None:
            last = [isinstance(each.event, ev.ExecutionEnded) for each in self.log]
            assert last == [False] * (len(last) - 1) + [True], "the end is not the one last event"
            assert self.slots.held.total() == 0, f"{self.slots.held} are held after the end"
        if self.is_checked:
            assert differences(state, self.folded(), self.now) == []

    def folded(self) -> ExecutionState:
        """Return a fresh fold of the log."""
        return fold(ExecutionState(self.execution_id, self.graph), self.log)

    # --- evaluations -----------------------------------------------------------------------------

    def reply(self, effect: ef.Evaluate) -> sig.ReportEvaluated:
        """Return the scripted answer to a question."""
        answer = self.answers.get((effect.node, effect.what), self._default)
        value = answer(effect, self) if callable(answer) else answer
        place: dict[str, Any] = {"item": effect.item, "iteration": effect.iteration}
        if isinstance(value, ev.NodeError):
            return sig.ReportEvaluated(effect.node, effect.what, error=value, **place)
        if effect.what == "foreach":
            return sig.ReportEvaluated(
                effect.node, "foreach", count=len(value), hash=f"list {value}"[:32], **place
            )
        digest = f"hash {value}"[:32] if effect.what == "config" else ""
        return sig.ReportEvaluated(effect.node, effect.what, val(value), hash=digest, **place)

    @staticmethod
    def _default(effect: ef.Evaluate, drive: "Drive") -> Any:
        if effect.what in {"when", "until"}:
            return True
        if effect.what == "collect":
            items = drive.node(effect.node or "").items
            assert items is not None
            return [None if each is None else unval(each) for each in items.outputs]
        return {"node": effect.node, "item": effect.item}

    def hold_back(self, *whats: str) -> None:
        """Carry out evaluations of these kinds outside the turn, when `answer` is called."""
        self.holding_back = lambda effect: effect.what in whats

    def answer(self, place: int = 0) -> list[ev.AnyEvent]:
        """Answer one question that was held back."""
        return self.turn(self.reply(self.far.pop(place)))

    def answer_all(self) -> None:
        """Answer everything that was held back, each in a turn of its own."""
        while self.far:
            self.answer()

    # --- reports ---------------------------------------------------------------------------------

    def running(self, node: str, item: int | None = None) -> int:
        """Return the attempt number of what runs now."""
        state = self.node(node)
        if item is None:
            assert state.status == "running", f"{node} is {state.status}"
            return state.attempt
        assert state.items is not None
        assert item in state.items.running, f"{node}[{item}] does not run"
        return state.items.attempts.get(item, 1)

    def success(self, node: str, item: int | None = None, output: Any = None) -> sig.ReportSuccess:
        """Return the report that what runs now succeeded."""
        given = {"done": node, "item": item} if output is None else output
        value = given if isinstance(given, Value) else val(given)
        return sig.ReportSuccess(NodeId(node), self.running(node, item), value, item)

    def failure(
        self, node: str, item: int | None = None, kind: str = "error", **fields: Any
    ) -> sig.ReportFailure:
        """Return the report that what runs now failed."""
        error = ev.NodeError(kind, f"{node} failed", **fields)
        return sig.ReportFailure(NodeId(node), self.running(node, item), error, item)

    def loss(
        self, node: str, item: int | None = None, cause: ev.LostCause = "process_died"
    ) -> sig.ReportLost:
        """Return the report that what runs now is lost."""
        return sig.ReportLost(NodeId(node), self.running(node, item), cause, item)

    def stopped(
        self, node: str, item: int | None = None, *, unknown: bool = False
    ) -> sig.ReportCancelled:
        """Return the report that what runs now has stopped."""
        return sig.ReportCancelled(NodeId(node), self.running(node, item), item, unknown)

    def child_end(
        self,
        child: str,
        status: ev.FinalStatus = "completed",
        output: Any = None,
        error: ev.NodeError | None = None,
    ) -> sig.ReportChild:
        """Return what a child tells at its end."""
        source = self.children[child].parent
        assert source.node is not None
        return sig.ReportChild(
            source.node,
            ExecutionId(child),
            status,
            val({"child": True} if output is None else output),
            error,
            source.iteration,
            source.item,
        )

    def succeed(self, *nodes: str, output: Any = None) -> list[ev.AnyEvent]:
        """Let these running nodes succeed, all in one turn."""
        return self.turn(*(self.success(node, output=output) for node in nodes))

    def fail(self, node: str, **fields: Any) -> list[ev.AnyEvent]:
        """Let a running node fail."""
        return self.turn(self.failure(node, **fields))

    @property
    def reached(self) -> str:
        """The status of the execution."""
        return self.state.status

    def is_busy(self) -> bool:
        """Tell whether its owner has something to do."""
        return self.state.is_busy

    def run_out(self) -> str:
        """Let everything that runs succeed until nothing runs; return the status reached."""
        while self.state.ended is None:
            reports = [self.success(name, item) for name, item in self.in_flight()]
            if not reports:
                break
            self.turn(*reports)
        return self.reached

    def in_flight(self) -> list[tuple[str, int | None]]:
        """Return every (node, item) with a running attempt."""
        found: list[tuple[str, int | None]] = []
        for index, state in enumerate(self.state.nodes):
            name = self.graph.nodes[index].id
            if state.items is not None:
                found.extend((name, item) for item in sorted(state.items.running))
            elif state.status == "running":
                found.append((name, None))
        return found

    # --- time and owners -------------------------------------------------------------------------

    def advance(self, ms: int) -> list[ev.AnyEvent]:
        """Let time pass and look at what is due."""
        self.now += ms
        return self.turn(sig.FireTimers())

    def crash(self, cause: ev.LostCause = "engine_died") -> list[ev.AnyEvent]:
        """Lose the owner: another engine folds the log and adopts the execution."""
        self._forget()
        return self.turn(sig.AdoptExecution(ENGINE, 2, cause))

    def reload(self) -> list[ev.AnyEvent]:
        """The same owner folds the log again; its attempts run on and hold their slots."""
        self._forget()
        for name, _ in self.in_flight():
            assert self.slots.take(self.spec(name).pool, 0)
        return self.turn(sig.RestoreExecution())

    def _forget(self) -> None:
        self.state = self.folded()
        self.far.clear()
        self.slots = CountedSlots(self.slots.total, self.slots.pools)

    # --- what is there ---------------------------------------------------------------------------

    def spec(self, node: str) -> Any:
        """Return a node's definition."""
        return self.graph.nodes[self.graph.index_of[NodeId(node)]]

    def node(self, node: str) -> NodeState:
        """Return a node's state."""
        return self.state.nodes[self.graph.index_of[NodeId(node)]]

    def status(self, *nodes: str) -> str | list[str]:
        """Return the status of a node, or the list of several."""
        found: list[str] = [self.node(name).status for name in nodes]
        return found[0] if len(found) == 1 else found

    def output(self, node: str) -> Any:
        """Return a node's output."""
        return unval(self.node(node).output)

    def events(self, *kinds: type) -> Iterator[Any]:
        """Yield the events of these kinds in the log."""
        return (each.event for each in self.log if isinstance(each.event, kinds))

    def only(self, kind: type) -> Any:
        """Return the one event of a kind."""
        (found,) = self.events(kind)
        return found


def kinds(events: list[ev.AnyEvent]) -> list[str]:
    """Return the names of events, in order."""
    return [type(event).__name__ for event in events]

# SPDX-License-Identifier: Apache-2.0
"""One turn: signals in, one `Turn` to append out. The only module that builds what is appended.

It runs `decide`, carries out the evaluations that fit into the turn, and packs events,
projection, children and outgoing signals. Nothing here does I/O and nothing is issued: effects
leave only after the commit.

Rules: EN, LG, EX.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from msgspec.structs import replace

from legato.engine.decide import Decision, decide
from legato.model.effects import (
    AnyEffect,
    Evaluate,
    RunAttempt,
    SignalExecution,
    StartChild,
    StopAttempt,
)
from legato.model.events import AnyEvent, ExecutionEnded, ExecutionStarted, encode_event
from legato.model.ids import EngineId, ExecutionId
from legato.model.signals import (
    AnySignal,
    ReportEvaluated,
    ReportSuccess,
    StartExecution,
    encode_signal,
)
from legato.model.values import NULL, BlobRef, Value
from legato.ports.clock import Clock
from legato.ports.executions import RESTORED
from legato.ports.log import NewExecution, OutSignal, Projection, Turn
from legato.runtime.active import Active, Letter

_SEARCH_CHARS_MAX = 16 * 1024
"""Text per execution that goes into the full-text index, of inputs and of outputs each."""
_WAITS_NAMED_MAX = 3
_REF_MARK = b'"ref":{'


@dataclass(slots=True)
class Pending:
    """A turn that waits for its commit, and what to do after it."""

    active: Active
    turn: Turn
    letters: list[Letter]
    from_seq: int
    touched: dict[int, None]
    run: list[RunAttempt] = field(default_factory=list)
    stop: list[StopAttempt] = field(default_factory=list)
    far: list[Evaluate] = field(default_factory=list)
    children: list[tuple[NewExecution, StartExecution]] = field(default_factory=list)
    told: list[ExecutionId] = field(default_factory=list)
    starved: bool = False
    is_empty: bool = False


class Inline(Protocol):
    """Answers evaluations inside a turn, as `runtime.evaluate.Evaluator` does."""

    def inline(self, active: Active, effect: Evaluate, /) -> ReportEvaluated | None:
        """Return the answer, or None: it takes longer than a turn may, or is not to be had."""
        ...


class Turns:
    """Takes turns for one engine."""

    def __init__(self, engine: EngineId, clock: Clock, evaluator: Inline) -> None:
        """Args: engine owns what it starts; evaluator answers inside the turn."""
        self._engine = engine
        self._clock = clock
        self._evaluator = evaluator

    def take(self, active: Active, letters: list[Letter], *, own_children: bool) -> Pending:
        """Decide on these letters and pack the result.

        Args:
            active: Its state is changed at once; discard it if the commit fails.
            letters: What to consider, in order.
            own_children: Children are owned by this engine from the start; else queued.

        Raises:
            Exception: A rule broke on a signal; the caller discards the state and isolates it.
        """
        state = active.state
        from_seq = state.seq
        active.slots.refused.clear()
        d = Decision(state, self._clock.now_ms(), self._clock.chance, active.slots)
        far = self._decide(active, d, [letter.signal for letter in letters])
        events = tuple(encode_event(event) for event in d.events)
        consumed = tuple(letter.inbox_id for letter in letters if letter.inbox_id)
        pending = Pending(
            active=active,
            turn=Turn(
                execution_id=active.execution_id,
                fence=active.fence,
                prev_seq=from_seq,
                at=d.now,
                events=events,
                projection=self._projection(active, d.events),
                consumed=consumed,
                new=active.new,
                blobs=_blobs(d.events, events, letters),
            ),
            letters=letters,
            from_seq=from_seq,
            touched=d.touched,
            far=far,
            starved=bool(active.slots.refused),
            is_empty=not events and not consumed and active.new is None,
        )
        self._sort_effects(active, d.effects, pending, own_children=own_children)
        return pending

    def _decide(self, active: Active, d: Decision, signals: list[AnySignal]) -> list[Evaluate]:
        """Run `decide` until no evaluation that fits into the turn is left."""
        far: list[Evaluate] = []
        decide(d, signals)
        while True:
            asked = [effect for effect in d.effects if type(effect) is Evaluate]
            if not asked:
                return far
            d.effects = [effect for effect in d.effects if type(effect) is not Evaluate]
            answers: list[AnySignal] = []
            for effect in asked:
                answer = self._evaluator.inline(active, effect)
                if answer is None:
                    far.append(effect)
                else:
                    answers.append(answer)
            if not answers:
                return far
            decide(d, answers)

    def _sort_effects(
        self, active: Active, effects: list[AnyEffect], pending: Pending, *, own_children: bool
    ) -> None:
        children: list[NewExecution] = []
        outbox: list[OutSignal] = []
        for effect in effects:
            if type(effect) is RunAttempt:
                pending.run.append(effect)
            elif type(effect) is StopAttempt:
                pending.stop.append(effect)
            elif type(effect) is StartChild:
                new, start = self._child(active, effect, owned=own_children)
                children.append(new)
                pending.children.append((new, start))
            elif type(effect) is SignalExecution:
                body = encode_signal(effect.signal)  # type: ignore[arg-type]
                outbox.append(
                    OutSignal(effect.execution_id, effect.dedupe_key, body, pending.turn.at)
                )
                pending.told.append(effect.execution_id)
        if children or outbox:
            pending.turn = replace(pending.turn, children=tuple(children), outbox=tuple(outbox))

    def _child(
        self, active: Active, effect: StartChild, *, owned: bool
    ) -> tuple[NewExecution, StartExecution]:
        started = active.state.started
        now = self._clock.now_ms()
        signal = StartExecution(
            ExecutionStarted(
                workspace=active.workspace,
                workflow=effect.workflow,
                version=effect.version,
                inputs=effect.input,
                trigger=msgspec.Raw(b"{}") if started is None else started.trigger,
                trigger_data=NULL if started is None else started.trigger_data,
                by=effect.by,
                at=now,
                pins=effect.pins,
                parent=effect.parent,
                root=effect.root,
                depth=effect.depth,
            )
        )
        new = NewExecution(
            execution_id=effect.child,
            workspace=active.workspace,
            workflow=effect.workflow,
            version=effect.version,
            created_at=now,
            owner=self._engine if owned else None,
            start=encode_signal(signal),
            parent=active.execution_id,
            root=effect.root,
            trigger="parent",
        )
        return new, signal

    def _projection(self, active: Active, events: list[AnyEvent]) -> Projection:
        state = active.state
        started = state.started
        return Projection(
            status=state.status,
            wake_at=state.wake_at(),
            is_busy=state.is_busy,
            nodes_done=state.final_count,
            nodes_total=len(state.nodes),
            started_at=started.at if started is not None else None,
            ended_at=state.ended_at,
            error=None if state.error is None else state.error.message[:500],
            waiting_for=_waiting_for(active)
            if state.waiting or state.parked or state.restored
            else None,
            search=_search_text(active, events),
        )


def _blobs(
    events: list[AnyEvent], bodies: tuple[bytes, ...], letters: list[Letter]
) -> tuple[BlobRef, ...]:
    """Return the payloads that these events refer to, or attempts stored; most have none."""
    found: dict[BlobRef, None] = {}
    for letter in letters:
        if type(letter.signal) is ReportSuccess and letter.signal.blobs:
            found.update(dict.fromkeys(letter.signal.blobs))
    for event, body in zip(events, bodies, strict=True):
        if _REF_MARK in body:
            found.update((value.ref, None) for value in _values(event) if value.ref is not None)
    return tuple(found)


def _values(event: AnyEvent) -> Iterator[Value]:
    """Return every value that an event holds, alone or in a tuple."""
    for name in event.__struct_fields__:
        held = getattr(event, name)
        for value in held if isinstance(held, tuple) else (held,):
            if isinstance(value, Value):
                yield value


def _waiting_for(active: Active) -> str | None:
    """Return the first nodes that wait or need a person, as `ask: approval, send: needs you`."""
    state = active.state
    named: list[str] = [RESTORED] if state.restored and state.ended is None else []
    for index in [*state.open_waits, *state.foreach_open]:
        node = state.nodes[index]
        name = state.spec(index).id
        if node.status == "waiting" and node.wait is not None:
            named.append(f"{name}: {node.wait}")
        elif node.status == "needs_attention" or (node.items is not None and node.items.parked):
            named.append(f"{name}: needs attention")
        if len(named) == _WAITS_NAMED_MAX:
            break
    return ", ".join(named) or None


def _search_text(active: Active, events: list[AnyEvent]) -> str | None:
    """Return the text to index if this turn brought inputs or outputs."""
    text = None
    for event in events:
        if type(event) is ExecutionStarted:
            inputs = bytes(event.inputs.json)[:_SEARCH_CHARS_MAX].decode("utf-8", "ignore")
            text = f"{event.workflow} {inputs}"
        elif type(event) is ExecutionEnded:
            outputs = bytes(event.outputs.json)[:_SEARCH_CHARS_MAX].decode("utf-8", "ignore")
            error = "" if event.error is None else event.error.message
            started = active.state.started
            inputs = (
                ""
                if started is None
                else bytes(started.inputs.json)[:_SEARCH_CHARS_MAX].decode("utf-8", "ignore")
            )
            text = f"{active.plan.workflow.name} {inputs} {outputs} {error}"
    return text

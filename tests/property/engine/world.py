# SPDX-License-Identifier: Apache-2.0
"""A world around one execution: answers, reports, people, time and death in any order."""

import random
from collections.abc import Callable

from legato.engine.state import NodeState
from legato.model import effects as ef
from legato.model import events as ev
from legato.model import signals as sig
from legato.model.ids import NodeId
from tests.property.engine.flows import Flow
from tests.support.build import unval, val
from tests.support.drive import Answer, CountedSlots, Drive

STEPS_TO_END_MAX = 3_000
_BROKEN = ev.NodeError("expression_error", "it cannot be evaluated", retryable=False)


class World:
    """Drives one execution by chance; every turn is checked by the driver and by `after`."""

    def __init__(self, flow: Flow, seed: int, after: Callable[["World"], None]) -> None:
        """Args: seed decides everything that the flow's script leaves open."""
        self.flow = flow
        self.chance = random.Random(seed)
        self.after = after
        self.drive = Drive(flow.workflow, slots=self._slots())
        self.drive.answers = _Scripted(flow)
        far = self.chance.choice((0.0, 0.3, 1.0))
        self.drive.holding_back = lambda _effect: self.chance.random() < far
        self.open_children: list[str] = []
        self.past: list[sig.AnySignal] = []
        self.seen_children = 0

    def _slots(self) -> CountedSlots:
        return CountedSlots(self.chance.choice((1, 2, 100)), {"gpu": self.chance.choice((1, 9))})

    # --- turns ---------------------------------------------------------------------------------

    def turn(self, *signals: sig.AnySignal) -> None:
        """Take a turn, remember the signals for later doubles, check."""
        self.drive.turn(*signals)
        self.past.extend(signals)
        self._settled()

    def _settled(self) -> None:
        children = list(self.drive.children)
        self.open_children.extend(children[self.seen_children :])
        self.seen_children = len(children)
        self.after(self)

    def start(self) -> None:
        """Begin."""
        self.drive.start()
        self._settled()

    def step(self, actions: dict[str, int]) -> None:
        """Do one thing, or several in one turn.

        Args:
            actions: Names of methods of this class to their weights.
        """
        name = self.chance.choices(list(actions), list(actions.values()))[0]
        getattr(self, name)()

    # --- what may happen -----------------------------------------------------------------------

    def mail(self) -> None:
        """Bring some of what is on its way, in any order, perhaps twice."""
        found: list[sig.AnySignal] = []
        for _ in range(self.chance.choice((1, 1, 2, 5))):
            signal = self._one_signal()
            if isinstance(signal, sig.ReportEvaluated):
                found.append(signal)  # they come from the owner's memory, each once
            elif signal is not None:
                found.extend([signal] * self.chance.choice((1, 1, 1, 2)))
        self.chance.shuffle(found)
        self.turn(*found)

    def _one_signal(self) -> sig.AnySignal | None:
        drive = self.drive
        kinds = [name for name, there in (
            ("evaluation", drive.far), ("report", drive.in_flight()), ("child", self.open_children)
        ) if there]  # fmt: skip
        if not kinds:
            return None
        kind = self.chance.choice(kinds)
        if kind == "evaluation":
            return drive.reply(drive.far.pop(self.chance.randrange(len(drive.far))))
        if kind == "child":
            return self._child(self.chance.choice(self.open_children))
        return self.report(*self.chance.choice(drive.in_flight()))

    def report(self, name: str, item: int | None) -> sig.AnySignal:
        """Return what the script says about the running attempt."""
        state = self.drive.node(name)
        if state.items is None or item is None:
            before = state.failures
        else:
            before = state.items.failures.get(item, 0)
        planned = self.flow.script.failures.get(name, [])
        # Not every item fails: the first of a list behaves like a node alone.
        if before < len(planned) and (item or 0) % 3 == 0:
            kind, may = planned[before]
            return self.drive.failure(name, item, kind=kind, may_have_happened=may)
        return self.drive.success(name, item, f"{name} {item}")

    def _child(self, child: str) -> sig.ReportChild:
        source = self.drive.children[child].parent
        name = str(source.node)
        if name in self.flow.script.children_fail and (source.item or 0) % 2 == 0:
            return self.drive.child_end(child, "failed", error=ev.NodeError("error", "child"))
        done = source.iteration >= self.flow.script.rounds[name]
        return self.drive.child_end(child, output={"done": done, "n": source.iteration})

    def double(self) -> None:
        """Something that was said before is said again."""
        again = [each for each in self.past if not isinstance(each, sig.StartExecution)]
        reports = [each for each in again if not isinstance(each, _WISHES)]
        if reports:
            self.turn(self.chance.choice(reports))

    def lose(self) -> None:
        """The process or worker of an attempt dies."""
        running = self.drive.in_flight()
        if running:
            causes: tuple[ev.LostCause, ...] = ("process_died", "worker_died")
            cause = self.chance.choice(causes)
            self.turn(self.drive.loss(*self.chance.choice(running), cause=cause))

    def stop(self) -> None:
        """An attempt that was told to stop, or was drained, has stopped."""
        running = self.drive.in_flight()
        if running:
            unknown = self.chance.random() < 0.5
            self.turn(self.drive.stopped(*self.chance.choice(running), unknown=unknown))

    def wait(self) -> None:
        """Time passes: a little, or to whatever is due next."""
        due = self.drive.state.wake_at()
        if due is not None and self.chance.random() < 0.6:
            self.drive.now = max(self.drive.now, due)
        else:
            self.drive.now += self.chance.choice((0, 1, 250, 5_000))
        self.turn(sig.FireTimers())

    def people(self) -> None:
        """Somebody answers a question or sends a signal."""
        waiting = [(s, n) for s, n in self._nodes() if s.status == "waiting"]
        asks = [name for state, name in waiting if state.wait == "approval"]
        if asks and self.chance.random() < 0.7:
            name = self.chance.choice(asks)
            self.turn(sig.AnswerApproval(NodeId(name), approved=True, by="ann"))
        else:
            self.turn(sig.DeliverSignal("go", val(1), "bob"))

    def operator(self) -> None:
        """Somebody decides about what is parked."""
        parked = self.parked()
        if not parked:
            return
        name, item = self.chance.choice(parked)
        node = NodeId(name)
        self.turn(
            self.chance.choice(
                (
                    sig.RetryNode(node, "ann", item=item),
                    sig.SkipNode(node, "ann", item=item),
                    sig.ForceNode(node, "completed", val("forced"), "ann", item=item),
                    sig.ForceNode(node, "failed", by="ann", item=item),
                )
            )
        )

    def pause(self) -> None:
        """Pause, or resume what is paused."""
        self.turn(sig.ResumeExecution() if self.drive.state.paused else sig.PauseExecution())

    def cancel(self) -> None:
        """Somebody cancels, now and then together with other mail."""
        signals: list[sig.AnySignal] = [sig.CancelExecution("ann")]
        other = self._one_signal()
        if other is not None:
            signals.insert(self.chance.randrange(2), other)
        self.turn(*signals)

    def die(self) -> None:
        """The owner dies and another adopts the execution."""
        self.drive.crash(self.chance.choice(("engine_died", "drained")))
        self._settled()

    def reload(self) -> None:
        """The same owner folds the log again."""
        if self.drive.state.running <= self.drive.slots.total:
            self.drive.slots.pools.clear()
            self.drive.reload()
            self._settled()

    def squeeze(self) -> None:
        """More or fewer slots than before."""
        self.drive.slots.total = max(self.chance.choice((1, 3, 100)), self.drive.slots.held.total())
        self.turn()

    # --- the way to the end --------------------------------------------------------------------

    def finish(self) -> None:
        """Let everybody do what is asked of them; the execution must end.

        Raises:
            AssertionError: It does not: something is owed that nobody knows of.
        """
        drive = self.drive
        drive.slots.total, drive.slots.pools = 10_000, {}
        drive.holding_back = lambda _effect: False
        for _ in range(STEPS_TO_END_MAX):
            if drive.state.ended is not None:
                return
            self._help()
        raise AssertionError(f"it does not end: {drive.reached}")

    def _help(self) -> None:
        drive = self.drive
        signals: list[sig.AnySignal] = [drive.reply(effect) for effect in drive.far]
        drive.far.clear()
        signals.extend(self.report(*place) for place in drive.in_flight())
        signals.extend(self._child(child) for child in self.open_children)
        self.open_children.clear()
        if drive.state.paused:
            signals.append(sig.ResumeExecution())
        signals.extend(sig.SkipNode(NodeId(n), "ann", item=i) for n, i in self.parked())
        for state, name in self._nodes():
            if state.status == "waiting" and state.wait == "approval":
                signals.append(sig.AnswerApproval(NodeId(name), approved=True, by="ann"))
            elif state.status == "waiting" and state.wait == "signal":
                signals.append(sig.DeliverSignal("go", val(1), "bob"))
        if not signals:
            due = drive.state.wake_at()
            assert due is not None or drive.is_busy(), f"{drive.reached}, but nothing is owed"
            drive.now = max(drive.now, due or 0)
        self.turn(*signals)

    # --- what is there -------------------------------------------------------------------------

    def _nodes(self) -> list[tuple[NodeState, str]]:
        return [
            (s, str(n.id))
            for s, n in zip(self.drive.state.nodes, self.drive.graph.nodes, strict=True)
        ]

    def parked(self) -> list[tuple[str, int | None]]:
        """Return every parked (node, item)."""
        found: list[tuple[str, int | None]] = []
        for state, name in self._nodes():
            if state.status == "needs_attention":
                found.append((name, None))
            elif state.items is not None:
                found.extend((name, item) for item in sorted(state.items.parked))
        return found


_WISHES = (
    sig.PauseExecution, sig.ResumeExecution, sig.CancelExecution, sig.DeliverSignal,
    sig.ReportEvaluated,
)  # fmt: skip
"""What means something else when it is said again later. Evaluations never come twice."""


class _Scripted(dict[tuple[str | None, str], Answer]):
    """Answers of a flow's script, made when asked for."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self._script = flow.script

    def get(self, key: tuple[str | None, str], default: Answer = None) -> Answer:
        name, what = key
        script = self._script
        if (name, what) in script.broken:
            return _BROKEN
        if name is None:
            return {"ended": True}
        if what == "when":
            return script.when[name]
        if what == "foreach":
            return list(range(script.lists[name]))
        if what == "until":
            return _is_done
        if what == "config":
            case = {"case": script.cases[name]} if name in script.cases else {"v": name}
            return {"for": "1s", "name": "go", **case}
        return default


def _is_done(effect: ef.Evaluate, _drive: Drive) -> bool:
    return bool(unval(effect.previous)["done"])

# SPDX-License-Identifier: Apache-2.0
"""The runs that `record` keeps of a release: together they show every event type."""

from collections.abc import Callable
from typing import Final

from legato.engine.fork import keep_for_fork, keep_for_retry
from legato.model import events as ev
from legato.model import signals as sig
from legato.model.ids import ExecutionId, NodeId
from tests.support.build import call, loop, node, parent, unval, val, workflow
from tests.support.drive import Drive

A: Final = NodeId("a")


def attempts() -> Drive:
    """Failures, retries, losses, an operator, a handler: a completed run."""
    drive = Drive(
        workflow(
            node("a", retry=3, effect="idempotent"), node("b", "a", effect="non_idempotent"),
            node("c", "b", on_error="fix"), node("fix", "c!"), node("d", "c"),
            node("route", uses="flow.switch"), node("hot", "route.hot"), node("cold", "route.cold"),
            node("late", "hot", on_error="continue", when="w"), outputs={"x": 1},
        ),
        {("route", "config"): {"case": "hot"}, (None, "outputs"): {"x": "done"}},
    )  # fmt: skip
    drive.start()
    drive.fail("a", kind="http.503")
    drive.advance(100)
    drive.crash()
    drive.turn(drive.loss("a"))
    drive.advance(1_000)
    drive.succeed("a", output={"rows": 3})
    drive.fail("b", kind="timeout")
    drive.turn(sig.SkipNode(A, "eve"))
    drive.turn(sig.RetryNode(NodeId("b"), "ann", "looked at it"))
    drive.succeed("b", "hot")
    drive.fail("c", kind="exit.1", may_have_happened=False)
    drive.fail("late")
    drive.succeed("fix")
    return drive


def items() -> Drive:
    """A list with retries, losses, a parked and a forced item: it ends failed."""
    drive = Drive(
        workflow(
            node("a", foreach="x", retry=2, concurrency=3, effect="non_idempotent"),
            node("b", foreach="y", on_error="continue"),
        ),
        {("a", "foreach"): list(range(6)), ("b", "foreach"): [1, 2]},
    )
    drive.start()
    drive.turn(drive.failure("b", 1), drive.success("b", 0, "zero"))
    drive.turn(drive.success("a", 1, "one"), drive.failure("a", 0, may_have_happened=False))
    drive.advance(100)
    drive.crash()
    drive.turn(sig.ForceNode(A, "completed", val("by hand"), "ann", "saw it", 2))
    drive.turn(sig.RetryNode(A, "ann", item=3))
    drive.turn(*(drive.success("a", item, f"n{item}") for _, item in drive.in_flight()))
    drive.turn(sig.ForceNode(A, "failed", by="ann", item=4))
    return drive


def children() -> Drive:
    """A call, a loop, calls over a list: it ends completed."""
    drive = Drive(
        workflow(call("a", timeout_ms=60_000), loop("b", "a"), call("c", foreach="x")),
        {
            ("c", "foreach"): [1, 2],
            ("b", "until"): lambda effect, _drive: unval(effect.previous)["done"],
        },
    )
    drive.start(parent=parent("outer", item=4), depth=1, root=ExecutionId("the-root"))
    for output in (1, {"done": False}, {"done": True}):
        if not isinstance(output, dict):
            for child in list(drive.children):
                drive.turn(drive.child_end(child, output=output))
        else:
            drive.turn(drive.child_end(list(drive.children)[-1], output=output))
    return drive


def waits() -> Drive:
    """Waits, signals, a pause, a refusal; then it is cancelled."""
    drive = Drive(
        workflow(
            node("delay", uses="delay"), node("ask", uses="human.approval", timeout_ms=9_000),
            node("form", uses="human.form"), node("s", uses="wait.signal"),
            node("t", "s", uses="wait.signal"), node("run", effect="non_idempotent"),
        ),
        {
            ("delay", "config"): {"for": "2s"},
            ("ask", "config"): {"message": "Shall it?"},
            ("s", "config"): {"name": "go"},
            ("t", "config"): {"name": "on"},
        },
    )  # fmt: skip
    drive.start()
    drive.turn(sig.PauseExecution("ann", "lunch"))
    drive.turn(sig.DeliverSignal("on", val({"n": 1}), "shop"))
    drive.turn(sig.DeliverSignal("go"), sig.PauseExecution("bob"))
    drive.advance(2_000)
    drive.turn(sig.ResumeExecution("ann"))
    drive.turn(sig.AnswerApproval(NodeId("ask"), approved=False, by="bob", comment="no"))
    drive.turn(sig.CancelExecution("ann", "enough"))
    drive.turn(drive.stopped("run", unknown=True))
    return drive


def timed_out() -> Drive:
    """The duration budget ends it."""
    drive = Drive(workflow(node("a"), node("b", "a"), duration_ms=1_000))
    drive.start()
    drive.advance(1_000)
    drive.turn(drive.success("a"))
    return drive


def retry() -> Drive:
    """A retry that keeps items of a failed run, still under way."""
    source = items()
    drive = Drive(source.workflow, source.answers)
    drive.start(
        reused=keep_for_retry(source.state, "ann"),
        forked_from=ev.Source(ExecutionId("the-source"), seq=source.state.seq),
    )
    drive.turn(drive.failure("a", 4, kind="network", may_have_happened=False))
    return drive


def fork() -> Drive:
    """A fork with an edit, waiting for somebody."""
    flow = workflow(
        node("a"), node("b", "a"), node("ask", "b", uses="human.approval", timeout_ms=500)
    )
    source = Drive(flow)
    source.start()
    source.run_out()
    kept = keep_for_fork(source.state, source.graph, [], {NodeId("b"): val("mine")}, "ann")
    drive = Drive(flow)
    drive.start(reused=kept, forked_from=ev.Source(ExecutionId("the-source"), seq=3))
    return drive


SCENARIOS: Final[dict[str, Callable[[], Drive]]] = {
    each.__name__: each for each in (attempts, items, children, waits, timed_out, retry, fork)
}

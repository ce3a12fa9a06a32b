# SPDX-License-Identifier: Apache-2.0
"""Random workflows with a script of how each of their nodes behaves.

The script depends on a node, item and the failures so far, never on time, order or attempt
numbers: so two worlds that differ only in those must end alike.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from legato.model.ids import NodeId
from legato.model.policy import RetryPolicy
from legato.model.workflow import Budget, Need, NodeSpec, Workflow
from tests.support.build import call, loop, node, workflow

FAILURES = ("error", "exit.1", "timeout", "network")
CASES = ("hot", "cold")
KINDS = (*("task",) * 8, "delay", "ask", "signal", "call", "loop", "switch")
QUESTIONS = ("when", "foreach", "config", "input", "until")


@dataclass
class Script:
    """How everything around the execution behaves."""

    when: dict[str, bool] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)
    cases: dict[str, str | None] = field(default_factory=dict)
    failures: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)
    broken: set[tuple[str, str]] = field(default_factory=set)
    children_fail: set[str] = field(default_factory=set)


@dataclass
class Flow:
    """A workflow and its script."""

    workflow: Workflow
    script: Script


@st.composite
def flows(draw: st.DrawFn, *, is_calm: bool = False, nodes_max: int = 7) -> Flow:
    """Draw a flow.

    Args:
        draw: Given by Hypothesis.
        is_calm: Every failure is allowed (`continue`) and nothing depends on time or a person's
            haste, so that the order of results must not matter.
        nodes_max: At most so many nodes.
    """
    script = Script()
    specs: list[NodeSpec] = []
    for index in range(draw(st.integers(1, nodes_max))):
        specs.append(_node(draw, index, specs, script, is_calm=is_calm))
    if not is_calm:
        _handlers(draw, specs)
    flow = workflow(*specs, concurrency=draw(st.sampled_from((0, 0, 1, 3))))
    if draw(st.booleans()):
        flow = replace(flow, outputs=workflow(outputs={"x": 1}).outputs)
    if not is_calm and draw(st.integers(0, 4)) == 0:
        flow = replace(flow, budget=Budget(duration_ms=draw(st.integers(1, 20_000))))
    return Flow(flow, script)


def _node(
    draw: st.DrawFn, index: int, before: list[NodeSpec], script: Script, *, is_calm: bool
) -> NodeSpec:
    name = f"n{index}"
    kind = draw(
        st.sampled_from(("task",) * 8 + ("delay", "ask", "signal", "call", "loop", "switch"))
    )
    fields: dict[str, Any] = {"join": draw(st.sampled_from(("all", "all", "any", "all_done")))}
    if draw(st.integers(0, 4)) == 0:
        fields["when"] = "w"
        script.when[name] = draw(st.booleans())
    if kind in {"task", "call", "loop"} and draw(st.integers(0, 2)) == 0:
        fields["foreach"] = "x"
        fields["concurrency"] = draw(st.integers(0, 3))
        script.lists[name] = draw(st.sampled_from((0, 1, 2, 3, 5, 12)))
    if is_calm or draw(st.booleans()):
        fields["on_error"] = "continue"
    if not is_calm and kind != "task" and draw(st.integers(0, 2)) == 0:
        fields["timeout_ms"] = draw(st.integers(1, 3_000))
    if not is_calm and draw(st.integers(0, 9)) == 0:
        script.broken.add(
            (name, draw(st.sampled_from(("when", "foreach", "config", "input", "until"))))
        )
    needs = _needs(draw, before)
    if kind == "task":
        return _task(draw, name, needs, fields, script)
    if kind in {"call", "loop"}:
        if draw(st.integers(0, 3)) == 0:
            script.children_fail.add(name)
        script.rounds[name] = draw(st.integers(1, 4))
        return call(name, *needs, **fields) if kind == "call" else loop(name, *needs, **fields)
    uses = {
        "delay": "delay", "ask": "human.approval", "signal": "wait.signal", "switch": "flow.switch",
    }[kind]  # fmt: skip
    if kind == "switch":
        script.cases[name] = draw(st.sampled_from((*CASES, None)))
    return node(name, *needs, uses=uses, **fields)


def _task(
    draw: st.DrawFn, name: str, needs: list[str], fields: dict[str, Any], script: Script
) -> NodeSpec:
    count = draw(st.sampled_from((0, 0, 1, 2)))
    script.failures[name] = [
        (draw(st.sampled_from(FAILURES)), draw(st.booleans())) for _ in range(count)
    ]
    retry = RetryPolicy(
        max_attempts=draw(st.integers(1, 3)),
        initial_ms=draw(st.sampled_from((1, 500))),
        jitter=draw(st.sampled_from(("none", "full"))),
    )
    effect = draw(st.sampled_from(("pure", "idempotent", "non_idempotent")))
    pool = draw(st.sampled_from(("default", "default", "gpu")))
    return node(name, *needs, retry=retry, effect=effect, pool=pool, **fields)


def _needs(draw: st.DrawFn, before: list[NodeSpec]) -> list[str]:
    if not before:
        return []
    chosen = draw(st.lists(st.sampled_from(before), max_size=3, unique_by=lambda spec: spec.id))
    return [
        f"{spec.id}.{draw(st.sampled_from(CASES))}"
        if spec.kind == "switch" and draw(st.booleans())
        else str(spec.id)
        for spec in chosen
    ]


def _handlers(draw: st.DrawFn, specs: list[NodeSpec]) -> None:
    """Let some failures be handled by a later node."""
    for index, spec in enumerate(specs[:-1]):
        if spec.on_error == "continue" or draw(st.integers(0, 2)) != 0:
            continue
        target = draw(st.integers(index + 1, len(specs) - 1))
        needs = specs[target].needs
        if any(need.node == spec.id for need in needs):
            continue
        specs[target] = replace(specs[target], needs=(*needs, Need(NodeId(spec.id), "failure")))
        specs[index] = replace(spec, on_error=str(specs[target].id))

# SPDX-License-Identifier: Apache-2.0
"""Short ways to write workflows for tests: nodes with their needs, policies and calls."""

import re
from typing import Any, Final

import msgspec

from legato.model.events import ExecutionStarted, Source
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, NodeId, VersionHash
from legato.model.policy import RetryPolicy
from legato.model.values import Value, encode, inline, load
from legato.model.workflow import (
    KIND_OF_USES,
    Budget,
    CallSpec,
    Need,
    NodeKind,
    NodeSpec,
    Workflow,
    version_hash,
)

EXECUTION_ID: Final = ExecutionId("01900000-0000-7000-8000-000000000001")
START_MS: Final = 1_750_000_000_000
_NEED: Final = re.compile(r"(?P<node>\w+)(?:\.(?P<case>\w+)|(?P<failure>!))?")


def raw(value: object) -> msgspec.Raw:
    """Return a value as the JSON text that workflows hold."""
    return msgspec.Raw(encode(value))


def val(value: object) -> Value:
    """Return an inline value."""
    return inline(encode(value))


def unval(value: Value) -> Any:
    """Return what an inline value holds."""
    return load(value.json)


def need(text: str) -> Need:
    """Read `a` (normal edge), `a!` (failure edge) or `a.urgent` (case edge)."""
    match = _NEED.fullmatch(text)
    assert match is not None, text
    name = NodeId(match["node"])
    if match["failure"]:
        return Need(name, "failure")
    return Need(name, "case", match["case"]) if match["case"] else Need(name)


def node(name: str, *needs: str, uses: str = "test.work", **fields: Any) -> NodeSpec:
    """Return a node; its kind follows from `uses`, its effect is pure unless said otherwise."""
    if "foreach" in fields:
        fields["foreach"] = raw(fields["foreach"])
    if isinstance(fields.get("retry"), int):
        fields["retry"] = RetryPolicy(
            max_attempts=fields["retry"], backoff="constant", initial_ms=100, jitter="none"
        )
    kind: NodeKind = fields.pop("kind", KIND_OF_USES.get(uses, "task"))
    fields.setdefault("effect", "pure")
    return NodeSpec(
        id=NodeId(name), uses=uses, kind=kind, needs=tuple(need(each) for each in needs), **fields
    )


def call(name: str, *needs: str, workflow: str = "child", **fields: Any) -> NodeSpec:
    """Return a `workflow.call` node."""
    spec = CallSpec(workflow=workflow)
    return node(name, *needs, uses="workflow.call", call=spec, **fields)


def loop(name: str, *needs: str, max_iterations: int = 3, **fields: Any) -> NodeSpec:
    """Return a `loop.until` node with an inline body of one node."""
    body = Workflow(name="body", nodes=(node("step"),))
    spec = CallSpec(body=body, until="${{ previous.done }}", max_iterations=max_iterations)
    return node(name, *needs, uses="loop.until", call=spec, **fields)


def workflow(*nodes: NodeSpec, duration_ms: int | None = None, **fields: Any) -> Workflow:
    """Return a workflow of these nodes; without outputs unless they are given."""
    if "outputs" in fields:
        fields["outputs"] = raw(fields["outputs"])
    return Workflow(name="test", nodes=nodes, budget=Budget(duration_ms=duration_ms), **fields)


def started(of: Workflow, **fields: Any) -> ExecutionStarted:
    """Return the first event of an execution of this workflow."""
    fields.setdefault("pins", {"child": VersionHash("c" * 64)})
    fields.setdefault("inputs", val({}))
    return ExecutionStarted(
        workspace=LOCAL_WORKSPACE,
        workflow=of.name,
        version=version_hash(of),
        by="ann",
        at=START_MS,
        root=fields.pop("root", EXECUTION_ID),
        **fields,
    )


def parent(of_node: str = "call", *, item: int | None = None, iteration: int = 1) -> Source:
    """Return the place of a child in some parent execution."""
    return Source(ExecutionId("the-parent"), NodeId(of_node), item, iteration)

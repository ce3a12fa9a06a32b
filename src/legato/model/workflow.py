# SPDX-License-Identifier: Apache-2.0
"""A workflow as the engine sees it: checked, defaults filled in, positions and comments gone.

`legato.model.document` reads a file and makes these values; the engine, the store and the
runtime only ever see them. A version is the SHA-256 of `encode_workflow`. Raw template text
(`"${{ … }}"` inside JSON) is kept as written: `legato.model.expressions` compiles it when needed.

Rules: DO, GR.
"""

import hashlib
from typing import Any, Final, Literal

import msgspec

from legato.model.ids import NodeId, VersionHash
from legato.model.policy import EffectClass, RetryPolicy

NodeKind = Literal["task", "delay", "approval", "form", "signal", "call", "loop", "switch"]
"""`task` runs as an attempt; the others are carried out by the engine itself.

`switch` is evaluated like a task without an attempt: it completes and closes edges.
"""
JoinRule = Literal["all", "any", "all_done"]
OverlapPolicy = Literal["allow", "skip", "queue"]
EdgeKind = Literal["normal", "failure", "case"]

KIND_OF_USES: Final[dict[str, NodeKind]] = {
    "delay": "delay",
    "human.approval": "approval",
    "human.form": "form",
    "wait.signal": "signal",
    "workflow.call": "call",
    "loop.until": "loop",
    "flow.switch": "switch",
}

KINDS_WITH_ITEMS: Final[frozenset[NodeKind]] = frozenset({"task", "call", "loop"})
"""Kinds that `foreach` may repeat; a wait inside a list is a called workflow that waits."""

DEFAULT_CASE: Final = "default"
"""The case of a switch where no condition holds, unless its config names another."""


class Need(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """One edge into a node: the node it needs, and over which kind of edge.

    `failure`: the needed node names this one in `on_error`. `case`: `needs: [route.urgent]`.
    """

    node: NodeId
    kind: EdgeKind = "normal"
    case: str | None = None


class NodeSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One node, with every default of its type filled in.

    `config` is the `with` block as JSON text holding templates; `refs` are the ids of the nodes
    that any of its templates read. Leave `foreach` out where there is none: msgspec omits a
    default only if it is the very same object.
    """

    id: NodeId
    uses: str
    kind: NodeKind = "task"
    title: str | None = None
    needs: tuple[Need, ...] = ()
    join: JoinRule = "all"
    when: str | None = None
    foreach: msgspec.Raw = msgspec.Raw(b"")
    concurrency: int = 0
    config: msgspec.Raw = msgspec.Raw(b"{}")
    effect: EffectClass = "non_idempotent"
    retry: RetryPolicy = RetryPolicy()
    timeout_ms: int | None = None
    on_error: str = "fail"
    pool: str = "default"
    refs: tuple[NodeId, ...] = ()
    call: "CallSpec | None" = None

    @property
    def has_foreach(self) -> bool:
        """Tell whether the node runs once per element of a list."""
        return len(bytes(self.foreach)) > 0


class CallSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What `workflow.call` and `loop.until` start.

    Exactly one of `workflow` (a name, pinned to a version at the root's start) and `body` (the
    inline nodes of `loop.until.do`, a workflow of its own) is set. `input` and `until` are
    templates as JSON text; `until` is empty for `workflow.call`.
    """

    workflow: str | None = None
    body: "Workflow | None" = None
    input: msgspec.Raw = msgspec.Raw(b"{}")
    until: str | None = None
    max_iterations: int = 1


class Budget(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Bounds of one execution. Only `duration_ms` ends it (`timed_out`) in this version."""

    duration_ms: int | None = None
    cost_usd: float | None = None
    tokens: int | None = None


class OverlapRule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happens to a new execution while `max` executions of the workflow have not ended."""

    policy: OverlapPolicy = "allow"
    max: int = 1


ANY_OVERLAP: Final = OverlapRule()
"""Where a document says nothing: the very same object, so that it stands in no version's text."""


class Workflow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One immutable version of a workflow.

    `nodes` keep the order of the file. `inputs_schema` is JSON Schema as JSON text; `outputs` is
    a template map as JSON text. `triggers` are kept as written until something fires them.
    """

    name: str
    title: str | None = None
    nodes: tuple[NodeSpec, ...]
    inputs_schema: msgspec.Raw = msgspec.Raw(b"{}")
    outputs: msgspec.Raw = msgspec.Raw(b"{}")
    outputs_refs: tuple[NodeId, ...] = ()
    budget: Budget = Budget()
    concurrency: int = 0
    triggers: msgspec.Raw = msgspec.Raw(b"[]")
    overlap: OverlapRule = ANY_OVERLAP
    format: int = 1


_encoder: Final = msgspec.json.Encoder(order="sorted")
_decoder: Final = msgspec.json.Decoder(Workflow)


def encode_workflow(workflow: Workflow) -> bytes:
    """Return the canonical JSON of a workflow: what is stored and hashed."""
    return _encoder.encode(workflow)


def decode_workflow(data: bytes) -> Workflow:
    """Read what `encode_workflow` wrote."""
    return _decoder.decode(data)


def version_hash(workflow: Workflow) -> VersionHash:
    """Return the content hash that names this version."""
    return compiled_hash(encode_workflow(workflow))


def compiled_hash(compiled: bytes) -> VersionHash:
    """Return the same of what `encode_workflow` wrote."""
    return VersionHash(hashlib.sha256(compiled).hexdigest())


def node_hash(node: NodeSpec) -> str:
    """Return the definition hash of one node; a fork keeps a node only if it agrees."""
    return hashlib.sha256(_encoder.encode(node)).hexdigest()[:32]


def called_workflows(workflow: Workflow) -> tuple[str, ...]:
    """Return the names that this workflow and its inline bodies call, each once, in order."""
    names: dict[str, Any] = {}
    for node in workflow.nodes:
        if node.call is None:
            continue
        if node.call.workflow is not None:
            names[node.call.workflow] = None
        if node.call.body is not None:
            names.update(dict.fromkeys(called_workflows(node.call.body)))
    return tuple(names)

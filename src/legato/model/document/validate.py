# SPDX-License-Identifier: Apache-2.0
"""A document -> a checked `Workflow` with every default filled in, or all its problems at once.

Rules: DO1-DO4, DO10, DO13-DO19, DO22, DO23.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from legato.errors import InvalidDocument
from legato.model.document.calls import CallReader
from legato.model.document.edges import (
    check_cycle,
    check_exists,
    check_needs,
    check_on_error,
    check_reads,
)
from legato.model.document.fields import (
    SLUG,
    SLUG_PATTERN,
    TITLE_LENGTH_MAX,
    UUID_SHAPED,
    Fields,
    shown,
)
from legato.model.document.inputs import declared_inputs, read_inputs
from legato.model.document.nodes import Draft, finish_node, read_node, with_edges
from legato.model.document.problems import Path, Problem
from legato.model.document.read import read_with_report
from legato.model.document.reads import check_template
from legato.model.document.scope import Scope
from legato.model.document.secrecy import check_texts
from legato.model.document.tree import Document, Report
from legato.model.document.waits import check_wait
from legato.model.ids import NodeId
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import Limits
from legato.model.values import encode
from legato.model.workflow import (
    ANY_OVERLAP,
    Budget,
    NodeSpec,
    OverlapPolicy,
    OverlapRule,
    Workflow,
)

FORMAT: Final = 1
DOCUMENT_KEYS: Final = (
    "legato", "name", "title", "description", "inputs", "nodes", "outputs", "triggers", "budget",
    "concurrency", "overlap", "layout",
)  # fmt: skip
BUDGET_KEYS: Final = ("cost_usd", "tokens", "duration")
TRIGGER_KEYS: Final = ("uses", "with", "name", "input")
OVERLAP_KEYS: Final = ("policy", "max")
OVERLAP_POLICIES: Final = ("allow", "skip", "queue")
OVERLAP_MAX: Final = 10_000
TRIGGERS_MAX: Final = 100
TOKENS_MAX: Final = 10**15


def load_workflow(
    text: bytes, *, file: str, catalogue: Mapping[str, NodeTypeInfo], limits: Limits
) -> Workflow:
    """Read and check a document.

    Args:
        text: The whole file.
        file: Its name, for problems; it is not opened.
        catalogue: Node types by name.
        limits: Every bound.

    Raises:
        InvalidDocument: With every problem, in the order of their place.

    Cost: O(size + nodes + edges); 10 000 nodes take a few seconds, most of it the YAML parser.
    """
    workflow, problems = check_workflow(text, file=file, catalogue=catalogue, limits=limits)
    if workflow is None:
        raise InvalidDocument(problems)
    return workflow


def check_workflow(
    text: bytes, *, file: str, catalogue: Mapping[str, NodeTypeInfo], limits: Limits
) -> tuple[Workflow | None, tuple[Problem, ...]]:
    """Do the same without raising: the workflow (None if there are problems), and the problems."""
    document, report = read_with_report(text, file=file, limits=limits)
    return check_read(document, report, catalogue=catalogue, limits=limits)


def check_read(
    document: Document | None,
    report: Report,
    *,
    catalogue: Mapping[str, NodeTypeInfo],
    limits: Limits,
) -> tuple[Workflow | None, tuple[Problem, ...]]:
    """Do the same with what `read_with_report` has read."""
    if document is None:
        return None, report.finish()
    scope = Scope(report, catalogue, limits)
    workflow = None
    if isinstance(document.data, dict):
        workflow = _read_document(scope, Fields(report, document.data, ()))
    else:
        got = shown(document.data)
        report.add((), "a workflow is a map", expected="legato, name and nodes", got=got)
    if report.count or workflow is None:
        return None, report.finish()
    return workflow, ()


def _read_document(scope: Scope, fields: Fields) -> Workflow | None:
    fields.refuse_unknown(DOCUMENT_KEYS)
    if fields.require("legato", f"legato: {FORMAT}") and (
        isinstance(fields.data["legato"], bool) or fields.data["legato"] != FORMAT
    ):
        fields.wrong("legato", "this format is not known", str(FORMAT))
    scope.name = _read_name(fields)
    fields.text("description")
    inputs: dict[str, Any] = {"type": "object", "additionalProperties": False}
    if "inputs" in fields.data:
        inputs = read_inputs(scope, fields.data["inputs"], fields.below("inputs"))
        check_texts(scope, fields.data["inputs"], fields.below("inputs"))
    scope.inputs = declared_inputs(inputs)
    built = _build_graph(scope, fields, fields.below("nodes"))
    _check_layout(fields)
    outputs, refs = _read_outputs(scope, fields)
    workflow = Workflow(
        name=scope.name,
        title=fields.text("title", length_max=TITLE_LENGTH_MAX),
        nodes=built or (),
        inputs_schema=msgspec.Raw(encode(inputs, what="inputs")),
        outputs=outputs,
        outputs_refs=refs,
        budget=_read_budget(fields),
        concurrency=fields.integer("concurrency", 1, scope.limits.max_nodes) or 0,
        triggers=_read_triggers(scope, fields),
        overlap=_read_overlap(fields),
        format=FORMAT,
    )
    return None if built is None else workflow


def _read_name(fields: Fields) -> str:
    if not fields.require("name", "a short name such as weekly-report"):
        return ""
    name = fields.text("name")
    if name is not None and not SLUG.match(name):
        fields.wrong("name", "this is no name of a workflow", f"a name like {SLUG_PATTERN}")
    elif name is not None and UUID_SHAPED.match(name):
        fields.wrong("name", "this name has the form of an id", "a name that says what it is for")
    return name or ""


def _build_graph(scope: Scope, fields: Fields, path: Path) -> tuple[NodeSpec, ...] | None:
    """Return the nodes of a graph, or None if they could not be read.

    Args:
        scope: The graph's own.
        fields: The map with the key `nodes`.
        path: Where the nodes stand.
    """
    if not fields.require("nodes", "a map of nodes"):
        return None
    nodes = fields.data["nodes"]
    if not isinstance(nodes, dict) or not nodes:
        scope.report.add(path, "there are no nodes", expected="a map of nodes", got=shown(nodes))
        return None
    scope.node_count[0] += len(nodes)
    if scope.node_count[0] > scope.limits.max_nodes:
        expected = f"{scope.limits.max_nodes} at most"
        got = str(scope.node_count[0])
        scope.report.add(path, "there are too many nodes", expected=expected, got=got)
        return None
    drafts: dict[str, Draft] = {}
    for key, value in nodes.items():
        draft = read_node(scope, key, value, (*path, key))
        if draft is not None:
            drafts[key] = draft
    check_needs(scope, drafts, nodes)
    failures = check_on_error(scope, drafts, nodes)
    calls = CallReader(_build_body)
    for draft in drafts.values():
        finish_node(draft, calls.read)
        check_wait(draft)
    check_cycle(scope, drafts)
    check_reads(scope, drafts, nodes)
    return tuple(with_edges(draft, failures) for draft in drafts.values())


def _build_body(scope: Scope, fields: Fields, path: Path) -> Workflow | None:
    """Return an inline body as a workflow; without `outputs` it gives those of its last nodes."""
    nodes = _build_graph(scope, fields, path)
    outputs, refs = _read_outputs(scope, fields)
    concurrency = fields.integer("concurrency", 1, scope.limits.max_nodes) or 0
    if nodes is None:
        return None
    if "outputs" not in fields.data:
        needed = {need.node for node in nodes for need in node.needs}
        refs = tuple(node.id for node in nodes if node.id not in needed)
        given = {node: f"${{{{ nodes.{node}.output }}}}" for node in refs}
        outputs = msgspec.Raw(encode(given, what="outputs"))
    return Workflow(
        name=scope.name,
        nodes=nodes,
        inputs_schema=msgspec.Raw(b'{"type":"object"}'),
        outputs=outputs,
        outputs_refs=refs,
        concurrency=concurrency,
    )


def _read_outputs(scope: Scope, fields: Fields) -> tuple[msgspec.Raw, tuple[NodeId, ...]]:
    inner = fields.mapping("outputs")
    if inner is None:
        return msgspec.Raw(b"{}"), ()
    check_texts(scope, inner.data, inner.path)
    reads = check_template(scope, inner.data, inner.path)
    nodes = fields.data.get("nodes")
    known = nodes if isinstance(nodes, dict) else {}
    refs = [read.node for read in reads if check_exists(scope, read, known)]
    raw = msgspec.Raw(encode(inner.data, what="outputs"))
    return raw, tuple(dict.fromkeys(refs))


def _read_budget(fields: Fields) -> Budget:
    inner = fields.mapping("budget")
    if inner is None:
        return Budget()
    inner.refuse_unknown(BUDGET_KEYS)
    return Budget(
        duration_ms=inner.duration_ms("duration"),
        cost_usd=inner.positive("cost_usd"),
        tokens=inner.integer("tokens", 1, TOKENS_MAX),
    )


def _read_overlap(fields: Fields) -> OverlapRule:
    inner = fields.mapping("overlap")
    if inner is None:
        return ANY_OVERLAP
    inner.refuse_unknown(OVERLAP_KEYS)
    policy = cast("OverlapPolicy", inner.choice("policy", OVERLAP_POLICIES) or "allow")
    found = OverlapRule(policy=policy, max=inner.integer("max", 1, OVERLAP_MAX) or 1)
    return ANY_OVERLAP if found.policy == "allow" else found


def _read_triggers(scope: Scope, fields: Fields) -> msgspec.Raw:
    """Return triggers as written; what they mean is checked by what fires them."""
    value = fields.data.get("triggers", [])
    if not isinstance(value, list) or len(value) > TRIGGERS_MAX:
        fields.wrong("triggers", "triggers is not a list", f"a list of {TRIGGERS_MAX} at most")
        return msgspec.Raw(b"[]")
    for index, trigger in enumerate(value):
        path = fields.below("triggers", index)
        if not isinstance(trigger, dict):
            scope.report.add(path, "a trigger is a map", expected="a map with `uses`")
            continue
        inner = Fields(scope.report, trigger, path)
        inner.refuse_unknown(TRIGGER_KEYS)
        if inner.require("uses", "the type of the trigger, such as schedule.cron"):
            inner.text("uses")
        inner.text("name")
        inner.mapping("with")
        inner.mapping("input")
        check_texts(scope, trigger, path)
    return msgspec.Raw(encode(value, what="triggers"))


def _check_layout(fields: Fields) -> None:
    """Check the shape of the layout only: it is no part of the workflow."""
    inner = fields.mapping("layout")
    for name, place in inner.data.items() if inner is not None else ():
        assert inner is not None, "there is a layout"
        is_pair = isinstance(place, list) and len(place) == 2
        if not is_pair or not all(type(number) in {int, float} for number in place):
            inner.wrong(name, "this is no place on the canvas", "[x, y]")

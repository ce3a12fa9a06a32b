# SPDX-License-Identifier: Apache-2.0
"""A small catalogue of node types, and short ways to check a document."""

from collections.abc import Mapping
from typing import Any, Final

from legato.model.document.problems import Problem
from legato.model.document.validate import check_workflow
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import EffectClass, Limits, RetryPolicy
from legato.model.workflow import KIND_OF_USES, NodeSpec, Workflow

LIMITS: Final = Limits()
_TEXT: Final = {"type": "string"}


def _http_effect(config: Mapping[str, Any]) -> EffectClass:
    return "pure" if config["method"].upper() == "GET" else "non_idempotent"


def node_type(uses: str, properties: Mapping[str, Any], **more: Any) -> NodeTypeInfo:
    """Make a node type by hand; `required` and `effect` are short for parts of it."""
    effect: EffectClass = more.pop("effect", "pure")
    schema = {"type": "object", "properties": dict(properties), **more.pop("schema", {})}
    return NodeTypeInfo(
        uses=uses,
        title=uses,
        kind=KIND_OF_USES.get(uses, "task"),
        config_schema=schema,
        output_schema={},
        effect_of=more.pop("effect_of", lambda _: effect),
        **more,
    )


CATALOGUE: Final[dict[str, NodeTypeInfo]] = {
    info.uses: info
    for info in (
        node_type(
            "shell.run",
            {"program": _TEXT, "args": {"type": "array", "items": _TEXT}},
            effect="non_idempotent",
            schema={"required": ["program"], "additionalProperties": False},
            timeout_ms=600_000,
        ),
        node_type("data.transform", {"value": {}}, schema={"required": ["value"]}),
        node_type(
            "http.request",
            {
                "method": {"enum": ["GET", "POST"], "default": "GET", "type": "string"},
                "url": {"type": "string", "minLength": 1, "maxLength": 100},
                "headers": {"type": "object", "additionalProperties": {"$ref": "#/$defs/secret"}},
                "timeout": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]},
                "credential": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "json": {},
            },
            schema={
                "required": ["url"],
                "$defs": {"secret": {"anyOf": [_TEXT, {"type": "object", "required": ["secret"]}]}},
            },
            effect_of=_http_effect,
            secret_fields=("headers.*", "credential"),
            retry=RetryPolicy(max_attempts=3, initial_ms=500),
        ),
        node_type("delay", {"for": {"type": ["string", "integer"]}}),
        node_type("human.approval", {"message": _TEXT}),
        node_type("human.form", {"message": _TEXT, "schema": {}}),
        node_type("wait.signal", {"name": _TEXT, "correlation": _TEXT}),
        node_type("flow.switch", {"cases": {}, "case": {}, "default": _TEXT}),
        node_type("workflow.call", {}),
        node_type("loop.until", {}),
    )
}


def check(text: str | bytes, *, file: str = "w.yaml", limits: Limits = LIMITS) -> list[str]:
    """Return the problems of a document as lines, without the name of the file."""
    return [str(one).removeprefix(f"{file}:") for one in problems(text, file=file, limits=limits)]


def problems(
    text: str | bytes, *, file: str = "w.yaml", limits: Limits = LIMITS
) -> tuple[Problem, ...]:
    """Return the problems of a document."""
    data = text.encode() if isinstance(text, str) else text
    return check_workflow(data, file=file, catalogue=CATALOGUE, limits=limits)[1]


def good(text: str | bytes, *, file: str = "w.yaml", limits: Limits = LIMITS) -> Workflow:
    """Return the workflow of a document that must be valid."""
    data = text.encode() if isinstance(text, str) else text
    workflow, found = check_workflow(data, file=file, catalogue=CATALOGUE, limits=limits)
    assert found == ()
    assert workflow is not None
    return workflow


OPEN_INPUTS = "inputs: {type: object, additionalProperties: true}\n"


def nodes(text: str, head: str = "") -> str:
    """Return a document with these nodes (indented by two spaces); it takes any inputs."""
    tail = "" if "inputs:" in head else f"\n{OPEN_INPUTS}"
    return f"legato: 1\nname: test\n{head}nodes:\n{text}{tail}"


def node(text: str, name: str = "a") -> NodeSpec:
    """Return the spec of one node of a document with these nodes."""
    return next(spec for spec in good(nodes(text)).nodes if spec.id == name)

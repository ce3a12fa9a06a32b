# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema agrees with the parser."""

import json
from typing import Any

import jsonschema_rs
import pytest

from legato.model.document.read import read_document
from legato.model.document.schema import workflow_schema
from legato.model.policy import Limits
from tests.unit.model.document.test_calls import LOOP
from tests.unit.model.document.test_validate import EVERYTHING
from tests.unit.model.document.types import check, nodes

VALIDATOR = jsonschema_rs.Draft202012Validator(workflow_schema(), offline=True)


def data_of(text: str) -> Any:
    """Return the data of a document."""
    return read_document(text.encode(), file="w.yaml", limits=Limits()).data


def test_the_schema_is_a_schema() -> None:
    """The schema is valid, has its own copy for each caller, and its example fits [DO20]."""
    schema = workflow_schema()
    assert jsonschema_rs.meta.is_valid(schema)
    schema["title"] = "changed"
    assert workflow_schema()["title"] == "Legato workflow"
    for example in schema["examples"]:
        assert VALIDATOR.is_valid(example)
        assert check(json.dumps(example), file="w.json") == []


def test_every_definition_is_described() -> None:
    """Keys carry a description and examples where they help [DO20]."""
    schema = workflow_schema()
    for key, inner in schema["properties"].items():
        assert inner.get("description") or "$ref" in inner or key == "concurrency", key
    for key, inner in schema["$defs"]["node"]["properties"].items():
        assert inner.get("description") or "$ref" in inner, key


@pytest.mark.parametrize("text", [EVERYTHING, nodes(LOOP[1:])], ids=["everything", "loop"])
def test_what_the_parser_takes_the_schema_takes(text: str) -> None:
    """Valid documents are valid by the schema [DO20]."""
    assert check(text) == []
    assert [error.message for error in VALIDATOR.iter_errors(data_of(text))] == []


SHAPES = [
    # key path, value, whether both take it
    (("legato",), 2, False),
    (("legato",), "1", False),
    (("legato",), True, False),
    (("name",), "Weekly", False),
    (("name",), "a" * 64, False),
    (("name",), 5, False),
    (("name",), "weekly-report", True),
    (("title",), 5, False),
    (("title",), "x" * 201, False),
    (("description",), [], False),
    (("nodes",), {}, False),
    (("nodes",), [], False),
    (("inputs",), [], False),
    (("inputs",), {"x": {"type": "string"}}, True),
    (("outputs",), [], False),
    (("outputs",), {"x": 1}, True),
    (("triggers",), {}, False),
    (("triggers",), [{"with": {}}], False),
    (("triggers",), [{"uses": "x", "foo": 1}], False),
    (("triggers",), [{"uses": "x", "with": {}, "name": "n", "input": {}}], True),
    (("overlap",), {"policy": "skip", "max": 2}, True),
    (("overlap",), {"policy": "stop"}, False),
    (("overlap",), {"max": 0}, False),
    (("budget",), {"tokens": 0}, False),
    (("budget",), {"tokens": 5}, True),
    (("budget",), {"duration": "1x"}, False),
    (("budget",), {"cost_usd": 0}, False),
    (("budget",), {"money": 1}, False),
    (("concurrency",), 0, False),
    (("concurrency",), 3, True),
    (("concurrency",), 2.0, True),
    (("concurrency",), "3", False),
    (("layout",), {"a": [1]}, False),
    (("layout",), {"a": [1, 2.5]}, True),
    (("layout",), {"a": [1, "x"]}, False),
    (("titel",), "x", False),
    (("nodes", "a", "uses"), 5, False),
    (("nodes", "a", "uzes"), "x", False),
    (("nodes", "A"), {"uses": "delay"}, False),
    (("nodes", "in"), {"uses": "delay"}, False),
    (("nodes", "b"), 5, False),
    (("nodes", "b"), {}, False),
    (("nodes", "b"), {"uses": "delay"}, True),
    (("nodes", "a", "title"), 1, False),
    (("nodes", "a", "notes"), 1, False),
    (("nodes", "a", "needs"), 5, False),
    (("nodes", "a", "needs"), [5], False),
    (("nodes", "a", "needs"), ["c", "c"], False),
    (("nodes", "a", "needs"), "c", True),
    (("nodes", "a", "needs"), [], True),
    (("nodes", "a", "join"), "most", False),
    (("nodes", "a", "join"), "any", True),
    (("nodes", "a", "when"), "x", False),
    (("nodes", "a", "when"), True, True),
    (("nodes", "a", "when"), "${{ true }}", True),
    (("nodes", "a", "foreach"), 5, False),
    (("nodes", "a", "foreach"), [1], True),
    (("nodes", "a", "foreach"), "x", False),
    (("nodes", "a", "foreach"), "${{ [1] }}", True),
    (("nodes", "a", "concurrency"), 0, False),
    (("nodes", "a", "with"), [], False),
    (("nodes", "a", "timeout"), "5x", False),
    (("nodes", "a", "timeout"), "1h30m", True),
    (("nodes", "a", "timeout"), 0, False),
    (("nodes", "a", "timeout"), 30, True),
    (("nodes", "a", "timeout"), 1.5, False),
    (("nodes", "a", "timeout"), "", False),
    (("nodes", "a", "effect"), "none", False),
    (("nodes", "a", "effect"), "pure", True),
    (("nodes", "a", "on_error"), 5, False),
    (("nodes", "a", "on_error"), "continue", True),
    (("nodes", "a", "pool"), "My Pool", False),
    (("nodes", "a", "pool"), "gpu", True),
    (("nodes", "a", "retry"), 3, False),
    (("nodes", "a", "retry"), {"max_attempts": 0}, False),
    (("nodes", "a", "retry"), {"max_attempts": 3, "backoff": "linear"}, True),
    (("nodes", "a", "retry"), {"backoff": "x"}, False),
    (("nodes", "a", "retry"), {"jitter": 1}, False),
    (("nodes", "a", "retry"), {"on": "http.5xx"}, True),
    (("nodes", "a", "retry"), {"on": [5]}, False),
    (("nodes", "a", "retry"), {"on": ["A b"]}, False),
    (("nodes", "a", "retry"), {"foo": 1}, False),
    (("nodes", "l", "with", "until"), "x", False),
    (("nodes", "l", "with", "until"), False, True),
    (("nodes", "l", "with", "max_iterations"), 1001, False),
    (("nodes", "l", "with", "max_iterations"), 1000, True),
    (("nodes", "l", "with", "workflow"), "both", False),
    (("nodes", "l", "with", "do"), {}, False),
    (("nodes", "l", "with", "do"), {"x": {"uses": "delay"}}, True),
    (("nodes", "l", "with", "do"), {"nodes": {"x": {"uses": "delay"}}, "outputs": {}}, True),
    (("nodes", "l", "with", "do"), {"nodes": {"x": {"uses": "delay"}}, "foo": {}}, False),
    (("nodes", "l", "with", "foo"), 1, False),
    (("nodes", "w", "with", "until"), True, False),
    (("nodes", "w", "with", "workflow"), "X Y", False),
    (("nodes", "w", "with", "input"), 5, False),
    (("nodes", "w", "with", "input"), "${{ inputs }}", True),
    (("nodes", "w", "with"), {}, False),
    (("nodes", "l", "with"), {"workflow": "x"}, False),
]


@pytest.mark.parametrize(("path", "value", "is_good"), SHAPES, ids=str)
def test_parser_and_schema_agree(path: tuple[str, ...], value: object, *, is_good: bool) -> None:
    """The schema accepts exactly the shapes that the parser accepts [DO20]."""
    data: dict[str, Any] = {
        "legato": 1,
        "name": "x",
        "nodes": {
            "a": {"uses": "data.transform", "with": {"value": 1}},
            "c": {"uses": "delay"},
            "l": {"uses": "loop.until", "with": {"do": {"x": {"uses": "delay"}}, "until": True}},
            "w": {"uses": "workflow.call", "with": {"workflow": "other"}},
        },
    }
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert (check(json.dumps(data), file="w.json") == []) is is_good
    assert VALIDATOR.is_valid(data) is is_good

# SPDX-License-Identifier: Apache-2.0
"""`with` against the node type, and secrets."""

from typing import Any

import pytest

from legato.model.document.config import ConfigCheck
from legato.model.document.problems import path_text
from legato.model.document.read import read_document
from legato.model.document.tree import Report
from legato.model.node_type import LITERAL
from legato.model.policy import Limits
from tests.unit.model.document.types import check, nodes


def request(text: str) -> list[str]:
    """Return the problems of one http.request node with this `with` block."""
    found = check(nodes(f"  a:\n    uses: http.request\n    with: {{url: x, {text}}}\n"))
    return [line.split(" nodes.a.with", 1)[1].removeprefix(".") for line in found]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("method: POST", []),
        (
            "method: PSOT",
            [
                "method: the value is not known (expected one of 'GET', 'POST', got 'PSOT'; "
                "did you mean POST?)"
            ],
        ),
        ("method: 5", ["method: the type is wrong (expected one of 'GET', 'POST', got 5)"]),
        ("method: '${{ inputs.m }}'", []),
        ("headers: {A: b, C: 'x${{ inputs.c }}'}", []),
        ("headers: {A: 5}", ["headers.A: the type is wrong (expected text or a map, got 5)"]),
        (
            "headers: {A: [x]}",
            ["headers.A: the type is wrong (expected text or a map, got a list)"],
        ),
        ("headers: x", ["headers: the type is wrong (expected a map, got 'x')"]),
        ("headers: {A: {b: 1}}", ["headers.A: secret is missing (expected anything)"]),
        ("timeout: 5", []),
        ("timeout: ~", []),
        ("timeout: 1.5", []),
        ("timeout: -1", ["timeout: the number is out of bounds (expected 0 or more, got -1)"]),
        ("timeout: true", ["timeout: the type is wrong (expected a number or null, got true)"]),
        ("timeout: '${{ inputs.t }}'", []),
        ("json: [1, {a: b}]", []),
        ("hedaers: {}", ["hedaers: unknown field 'hedaers' (did you mean headers?)"]),
        (
            "zzz: 1",
            [
                "zzz: unknown field 'zzz' (expected one of method, url, headers, timeout, "
                "credential, json)"
            ],
        ),
    ],
)
def test_a_config_is_checked_against_its_type(text: str, lines: list[str]) -> None:
    """Types, words, bounds and names of `with` are checked; a hole passes as any type [DO17]."""
    assert request(text) == lines


def test_missing_fields_and_lengths() -> None:
    """A missing field is named; sizes of texts are checked [DO17]."""
    assert check(nodes("  a: {uses: http.request}\n")) == [
        "4:6: nodes.a: url is missing (expected text)"
    ]
    assert check(nodes("  a: {uses: http.request, with: {}}\n")) == [
        "4:33: nodes.a.with: url is missing (expected text)"
    ]
    long = check(nodes(f"  a: {{uses: http.request, with: {{url: {'x' * 101}}}}}\n"))
    assert "too long (expected 100 characters at most)" in long[0]
    short = check(nodes("  a: {uses: http.request, with: {url: ''}}\n"))
    assert "too short (expected 1 characters or more)" in short[0]


def run(schema: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """Return `path: message` of every problem of a config."""
    report = Report(read_document(b"a: 1", file="x", limits=Limits()))
    ConfigCheck(report, schema, ("s.*",)).check(config, ())
    return [f"{problem.path}: {problem.message}" for problem in report.problems]


@pytest.mark.parametrize(
    ("schema", "config", "lines"),
    [
        (
            {"properties": {"a": {"allOf": [{"type": "integer"}, {"maximum": 3}]}}},
            {"a": 4},
            ["a: the number is out of bounds"],
        ),
        ({"properties": {"a": {"const": 1}}}, {"a": True}, ["a: the value is not known"]),
        ({"properties": {"a": {"const": 1}}}, {"a": 1.0}, []),
        (
            {"properties": {"a": {"exclusiveMinimum": 0, "exclusiveMaximum": 5}}},
            {"a": 5},
            ["a: the number is out of bounds"],
        ),
        (
            {"properties": {"a": {"exclusiveMinimum": 0, "exclusiveMaximum": 5}}},
            {"a": 0},
            ["a: the number is out of bounds"],
        ),
        (
            {"properties": {"a": {"pattern": "^x+$"}}},
            {"a": "y"},
            ["a: the text does not have the form"],
        ),
        ({"properties": {"a": {"pattern": "^x+$"}}}, {"a": "xx"}, []),
        (
            {"properties": {"a": {"minItems": 1, "items": {"type": "string"}}}},
            {"a": []},
            ["a: the value is too short"],
        ),
        (
            {"properties": {"a": {"items": {"type": "string"}}}},
            {"a": ["x", 1, "${{ 1 }}"]},
            ["a[1]: the type is wrong"],
        ),
        (
            {"properties": {"a": {"prefixItems": [{"type": "integer"}], "items": False}}},
            {"a": [1, 2]},
            [],
        ),
        (
            {"properties": {"a": {"maxProperties": 1}}},
            {"a": {"x": 1, "y": 2}},
            ["a: the value is too long"],
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "null"}}},
            {"a": 1},
            ["a: the type is wrong"],
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}},
            {"a": 1},
            [],
        ),
        ({"properties": {"a": {"$ref": "#/nope/b"}}}, {"a": 1}, []),
        ({"properties": {"a": True}}, {"a": 1}, []),
        ({"properties": {"a": {"properties": {}}}}, {"a": {"free": 1}}, []),
        (
            {"properties": {}, "additionalProperties": {"type": "string"}},
            {"x": 1},
            ["x: the type is wrong"],
        ),
        ({"properties": {}}, {"x": 1}, ["x: unknown field 'x'"]),
        (
            {
                "properties": {
                    "a": {
                        "oneOf": [
                            {"type": "object", "required": ["k"]},
                            {"type": "object", "required": ["x", "y"]},
                        ]
                    }
                }
            },
            {"a": {}},
            ["a: k is missing"],
        ),
        (
            {
                "properties": {
                    "a": {"anyOf": [{"const": 1}, {"enum": ["x", None]}, {"type": ["array"]}, True]}
                }
            },
            {"a": {}},
            [],
        ),
        (
            {
                "properties": {
                    "a": {"anyOf": [{"const": 1}, {"enum": ["x", None]}, {"type": ["array"]}]}
                }
            },
            {"a": {}},
            ["a: the type is wrong"],
        ),
        ({"properties": {"a": {"type": "zzz"}}}, {"a": 1}, ["a: the type is wrong"]),
        (
            {"properties": {"s": {"additionalProperties": {"type": "string"}}}},
            {"s": {"k": {"secret": "x"}}},
            [],
        ),
    ],
)
def test_keywords_of_json_schema(
    schema: dict[str, Any], config: dict[str, Any], lines: list[str]
) -> None:
    """The keywords that pydantic writes are understood [DO17]."""
    assert run(schema, config) == lines
    assert path_text(("a",)) == "a"


@pytest.mark.parametrize(
    "text",
    [
        "headers: {Authorization: {secret: my_token}, X: {secret: a.b-c}}",
        "credential: database",
        "headers: {Authorization: 'Bearer ${{ inputs.t }}'}",
        "json: {password: '', token: 5, next_token: abc, tokens: abc}",
        "json: {note: 'sk-short, AKIA123 and ghp_x are no keys'}",
    ],
)
def test_references_to_secrets_stand_where_they_may(text: str) -> None:
    """`{secret: name}` and `credential: name` are taken in the fields for them [EX14]."""
    assert request(text) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "json: {secret: x}",
            "json: this field takes no secret (expected a value, or a field that takes "
            "a secret, got {secret: name})",
        ),
        ("json: {a: [{secret: x}]}", "json.a[0]: this field takes no secret"),
        (
            "headers: {A: {secret: 5}}",
            "headers.A.secret: this is no name of a secret (expected a written "
            "name such as github_token)",
        ),
        ("headers: {A: {secret: '${{ inputs.which }}'}}", "headers.A.secret: this is no name"),
        ("credential: '${{ inputs.which }}'", "credential: this is no name of a secret"),
        ("credential: {secret: x}", ""),
        (
            "headers: {Authorization: Bearer abc}",
            "headers.Authorization: a secret must not stand in a "
            "document (expected {secret: name}, got its text)",
        ),
        ("json: {bearer: hunter2}", "json.bearer: a secret must not stand"),
        ("json: {deep: [{API-Key: hunter2}]}", "json.deep[0].API-Key: a secret must not stand"),
        ("json: {x: AKIAIOSFODNN7EXAMPLE}", "json.x: a secret must not stand"),
        ("json: {x: 'key ghp_" + "a1" * 18 + "'}", "json.x: a secret must not stand"),
        ("json: {x: sk-proj-" + "a1b2" * 8 + "}", "json.x: a secret must not stand"),
        ("json: {x: xoxb-1234567890-abc}", "json.x: a secret must not stand"),
        ("json: {x: '-----BEGIN RSA PRIVATE KEY-----'}", "json.x: a secret must not stand"),
        (
            "json: {x: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop'}",
            "json.x: a secret",
        ),
    ],
)
def test_a_secret_in_a_document_is_refused(text: str, line: str) -> None:
    """Literal secrets and misplaced references are refused, without printing them [DO19, EX14]."""
    found = request(text)
    if not line:
        assert found == []
        return
    assert found[0].startswith(line)
    for secret in ("hunter2", "AKIAIOS", "ghp_", "xoxb-", "eyJ", "Bearer"):
        assert secret not in "".join(found)


def test_secrets_are_looked_for_everywhere() -> None:
    """Outputs, triggers and defaults of inputs are looked at, too [DO19]."""
    key = "AKIAIOSFODNN7EXAMPLE"
    head = (
        f"inputs: {{k: {{type: string, default: {key}}}}}\noutputs: {{o: {key}}}\n"
        f"triggers: [{{uses: webhook, with: {{inputs: {{k: {key}}}}}}}]\n"
    )
    found = check(nodes("  a: {uses: delay}\n", head))
    assert [line.split(": ")[1] for line in found] == [
        "inputs.k.default",
        "outputs.o",
        "triggers[0].with.inputs.k",
    ]
    assert key not in "".join(found)


@pytest.mark.parametrize("text", ["${{ inputs.code }}", "x = '${{ inputs.name }}'"])
def test_code_holds_no_expression(text: str) -> None:
    """A field for code is taken as it stands, or data would become code [ND60, DO17]."""
    schema = {"properties": {"code": {"type": "string", LITERAL: True}, "input": {}}}
    assert run(schema, {"code": "output = input", "input": text}) == []
    assert run(schema, {"code": text}) == ["code: an expression here would make code of data"]

# SPDX-License-Identifier: Apache-2.0
"""The inputs of a document and the values given for them."""

import json
from typing import Any

import pytest

from legato.errors import InvalidDocument, InvalidInput
from legato.model.document.inputs import check_inputs, parse_cli_value, path_inputs
from tests.unit.model.document.types import check, good, nodes


def schema(text: str) -> dict[str, Any]:
    """Return the long form of an `inputs` block."""
    workflow = good(nodes("  a: {uses: delay}\n", f"inputs: {text}\n"))
    found: dict[str, Any] = json.loads(bytes(workflow.inputs_schema))
    return found


def refused(text: str, given: dict[str, Any]) -> list[str]:
    """Return the problems of values for an `inputs` block."""
    with pytest.raises(InvalidDocument) as caught:
        check_inputs(schema(text), given)
    return [str(problem).removeprefix("inputs:1:1: ") for problem in caught.value.problems]


def test_the_short_form_means_the_long_one() -> None:
    """Names of inputs with their schemas are a JSON Schema in short [DO18]."""
    assert schema("{path: {type: string, default: .}, n: integer}") == {
        "type": "object",
        "properties": {"path": {"type": "string", "default": "."}, "n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    assert schema("{type: {type: string, default: x}}")["properties"]["type"]["default"] == "x"
    assert schema("{}") == {"type": "object", "properties": {}, "additionalProperties": False}
    long = schema("{type: object, properties: {a: {type: string}}, additionalProperties: true}")
    assert long["additionalProperties"] is True
    assert "required" not in long
    assert schema("{properties: {a: {type: string}}}")["type"] == "object"
    assert schema("{type: object, patternProperties: {^x: {}}}")["additionalProperties"] is True


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("5", ["inputs: inputs is not a map (expected a JSON Schema or names of inputs, got 5)"]),
        (
            "{type: array}",
            [
                "inputs.type: inputs must be an object (expected object, or no type at all "
                "for the short form)"
            ],
        ),
        (
            "{a: {type: strng}, b: 5, c: {pattern: '('}, d: {type: integer, default: x}}",
            [
                "inputs.a.type: unknown type; expected one of string, integer, number, boolean, "
                "object, array, "
                "null",
                "inputs.b: this is no schema of an input (expected a map such as {type: string}, "
                "got 5)",
                'inputs.c.pattern: "(" is not a "regex"',
                'inputs.d.default: the default does not fit: "x" is not of type "integer"',
            ],
        ),
        (
            "{type: object, properties: {a: {minimum: x}}}",
            ['inputs.properties.a.minimum: "x" is not of type "number"'],
        ),
        ("{type: object, required: x}", ['inputs.required: "x" is not of type "array"']),
        ("{type: object, properties: 5}", ['inputs.properties: 5 is not of type "object"']),
        (
            "{a: {$ref: 'http://example.org/x'}}",
            [
                "inputs.a.$ref: a reference out of the schema (expected #/$defs/name, got "
                "'http://example.org/x')"
            ],
        ),
        (
            "{a: {items: [{$ref: 'file:///etc/passwd'}]}}",
            [
                "inputs.a.items[0].$ref: a reference out of the schema (expected #/$defs/name, got "
                "'file:///etc/passwd')"
            ],
        ),
        (
            "{a: {$dynamicRef: 'x'}}",
            [
                "inputs.a.$dynamicRef: a reference out of the schema (expected #/$defs/name, got "
                "'x')"
            ],
        ),
        (
            "{type: object, $id: 'http://x', $schema: 'http://json-schema.org/draft-07/schema#'}",
            [
                "inputs.$id: $id is not allowed here (expected $defs and #/$defs/name, got 'http://x')",
                "inputs.$schema: another dialect of JSON Schema (expected "
                "https://json-schema.org/draft/2020-12/schema, got 'http://json-schema.org/draft-07/schema#')",
            ],
        ),
        (
            "{type: object, $defs: {p: {type: integer}}, properties: {a: {$ref: '#/$defs/p', "
            "default: 3}}}",
            [],
        ),
        ("{type: object, $schema: 'https://json-schema.org/draft/2020-12/schema'}", []),
        ("{type: object, properties: {a: {$ref: '#/$defs/none'}}}", ["inputs"]),
        ("{a: {default: {$ref: 'http://x'}}, b: true}", []),
    ],
)
def test_a_bad_schema_is_refused(text: str, lines: list[str]) -> None:
    """The schema of inputs is checked, all at once, and refers to nothing outside [DO4, DO18]."""
    found = check(nodes("  a: {uses: delay}\n", f"inputs: {text}\n"))
    got = [line.split(" ", 1)[1] for line in found]
    if lines == ["inputs"]:
        assert len(got) == 1
        return
    assert [_plain(line) for line in got] == [_plain(line) for line in lines]


def _plain(line: str) -> str:
    """Return a line with `['x']` written as `.x`."""
    head, sign, rest = line.partition(": ")
    return head.replace("['", ".").replace("']", "") + sign + rest


INPUTS = (
    "{path: {type: string, default: .}, n: {type: integer, minimum: 1}, "
    "deep: {type: object, default: {}, properties: {x: {type: number, default: 1.5}, y: true}}}"
)


def test_defaults_are_filled_in_order() -> None:
    """Defaults are filled in, also inside given objects, in the order of the schema [DO18]."""
    assert check_inputs(schema(INPUTS), {"n": 3}) == {"path": ".", "n": 3, "deep": {}}
    filled = check_inputs(schema(INPUTS), {"n": 3, "deep": {"y": 1}, "path": "x"})
    assert filled == {"path": "x", "n": 3, "deep": {"x": 1.5, "y": 1}}
    assert list(filled) == ["path", "n", "deep"]
    raw = bytes(good(nodes("  a: {uses: delay}\n", f"inputs: {INPUTS}\n")).inputs_schema)
    assert check_inputs(raw, {"n": 1})["path"] == "."
    assert check_inputs(b"", {"anything": 1}) == {"anything": 1}
    assert check_inputs({"type": "object", "properties": {"a": True}}, {"a": 1, "b": 2}) == {
        "a": 1,
        "b": 2,
    }


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, ["n: this input is missing"]),
        ({"n": 1, "pth": "x"}, ["pth: there is no such input (did you mean path?)"]),
        ({"n": 1, "zzz": 1}, ["zzz: there is no such input (expected one of path, n, deep)"]),
        ({"n": "x"}, ['n: "x" is not of type "integer"']),
        ({"n": 0}, ["n: 0 is less than the minimum of 1"]),
        ({"n": 1, "deep": {"x": "a"}}, ['deep.x: "a" is not of type "number"']),
        (
            {"path": 5, "zzz": 1},
            [
                "zzz: there is no such input (expected one of path, n, deep)",
                'path: 5 is not of type "string"',
                "n: this input is missing",
            ],
        ),
    ],
)
def test_values_are_checked_all_at_once(given: dict[str, Any], lines: list[str]) -> None:
    """An unknown, missing or mistyped input is named [DO18]."""
    assert sorted(refused(INPUTS, given)) == sorted(lines)


def test_unknown_fields_of_inner_objects_and_long_values() -> None:
    """Inner names are checked where the schema says so; long values are shortened [DO18]."""
    inner = "{o: {type: object, additionalProperties: false, properties: {abc: string}}}".replace(
        "abc: string", "abc: {type: string}"
    )
    assert refused(inner, {"o": {"abd": 1}}) == [
        "o.abd: there is no such input (did you mean abc?)"
    ]
    assert refused("{}", {"x": 1}) == ["x: there is no such input (expected no inputs)"]
    (line,) = refused("{a: integer}", {"a": "x" * 10_000})
    assert len(line) < 400


def test_values_must_be_strict_data() -> None:
    """NaN, huge integers and odd objects are refused before the schema sees them [DO7, DO18]."""
    for value in (float("nan"), 2**70, object(), {1: 2}, "\ud800"):
        with pytest.raises(InvalidInput):
            check_inputs(schema("{a: {default: 1}}"), {"a": value})


def test_a_schema_from_outside_reads_nothing() -> None:
    """Even an unchecked schema is never fetched or opened [DO4]."""
    with pytest.raises(Exception, match=r"(?i)retriev|registry"):
        check_inputs({"$ref": "file:///etc/passwd"}, {})


def test_a_hostile_pattern_is_harmless() -> None:
    """Patterns of inputs are matched in linear time [DO18]."""
    text = "{a: {type: string, pattern: '^(a+)+$'}}"
    assert refused(text, {"a": "a" * 50_000 + "b"})


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ({"type": "string"}, "5", "5"),
        ({"type": "string"}, "null", "null"),
        ({"type": "integer"}, "5", 5),
        ({"type": "number"}, "5", 5),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "boolean"}, "yes", True),
        ({"type": "boolean"}, "FALSE", False),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["integer", "string"]}, "x", "x"),
        ({"type": ["integer", "string"]}, "7", 7),
        ({"type": "array"}, "[1, 2]", [1, 2]),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({}, "5", "5"),
        (True, "5", "5"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null", None),
        ({"oneOf": [{"type": "boolean"}, {"$ref": "#/$defs/t"}]}, "maybe", "maybe"),
        ({"enum": [1, 2]}, "2", 2),
        ({"enum": ["a", None, 1.5, [], {}, True]}, "a", "a"),
        ({"const": "x"}, "x", "x"),
        ({"$ref": "#/$defs/n"}, "8", 8),
        ({"$ref": "#/$defs/no"}, "8", "8"),
        ({"type": "string"}, "", ""),
    ],
)
def test_text_of_the_command_line_gets_its_type(kind: Any, text: str, value: object) -> None:
    """`--input k=v` becomes the type that the schema wants [DO18]."""
    whole = {
        "type": "object",
        "properties": {"k": kind},
        "$defs": {"t": {"type": "string"}, "n": {"type": "integer"}},
    }
    got = parse_cli_value(whole, "k", text)
    assert got == value
    assert type(got) is type(value)
    assert parse_cli_value(json.dumps(whole).encode(), "k", text) == value
    assert parse_cli_value(whole, "unknown", text) == text


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("integer", "x", "the input k must be integer, got 'x'"),
        ("integer", "1.5", "must be integer"),
        ("boolean", "maybe", "must be boolean"),
        ("number", "1e999", "must be number"),
        ("null", "x", "must be null"),
        ("array", "1,2", "the input k must be JSON"),
        ("integer", "true", "must be integer"),
    ],
)
def test_text_that_is_not_the_type_is_refused(kind: str, text: str, words: str) -> None:
    """Text that cannot be what the schema wants is refused with the type [DO18]."""
    with pytest.raises(InvalidInput) as caught:
        parse_cli_value({"properties": {"k": {"type": kind}}}, "k", text)
    assert words in str(caught.value)


def test_inputs_that_are_paths_say_so() -> None:
    """Inputs with `format: path` are named, for whoever knows the working folder [DO18]."""
    assert path_inputs(schema("{p: {type: string, format: path}, q: string}")) == ("p",)
    assert path_inputs(b"") == ()
    assert path_inputs({"properties": []}) == ()


def ladder(steps: int, value: str = "") -> str:
    """Return an `inputs` block that doubles the work of a check with each step."""
    rungs = {
        f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]}
        for i in range(steps)
    }
    default = {"default": value} if value else {}
    block = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/d0", **default}},
        "$defs": {**rungs, f"d{steps}": {"type": "integer"}},
    }
    return json.dumps(block)


@pytest.mark.parametrize("value", ["", "text"])
def test_inputs_that_take_too_long_to_check_are_a_problem(value: str) -> None:
    """Said before anything is checked by them, the default too [DO27]."""
    problems = check(nodes("  a: {uses: delay}\n", f"inputs: {ladder(40, value)}\n"))
    assert [each for each in problems if "the inputs cannot be used" in each] == [
        "3:9: inputs: the inputs cannot be used: it is too much to check: more than 10000 schemas"
    ]


def test_inputs_may_be_trees() -> None:
    """A definition may lead back to itself, one level down [DO27]."""
    tree = schema(
        "{type: object, properties: {root: {$ref: '#/$defs/node'}}, $defs: {node: {type: object, "
        "properties: {name: {type: string}, children: {type: array, items: {$ref: "
        "'#/$defs/node'}}}, additionalProperties: false}}}"
    )
    good_one = {"root": {"name": "a", "children": [{"name": "b", "children": []}]}}
    assert check_inputs(tree, good_one) == good_one
    with pytest.raises(InvalidDocument, match=r"root\.children\[0\]\.name"):
        check_inputs(tree, {"root": {"children": [{"name": 5}]}})


def test_of_large_inputs_the_first_mistake_is_named() -> None:
    """Looking for all of them would take long; what is too large for its schema is refused
    [DO27].
    """
    rows = schema("{rows: {type: array, items: {type: integer}}}")
    with pytest.raises(InvalidDocument) as caught:
        check_inputs(rows, {"rows": [*range(20_000), "x", "y"]})
    (problem,) = caught.value.problems
    assert str(problem).startswith("inputs:1:1: rows[20000]: ")
    with pytest.raises(InvalidInput, match="too large to be checked"):
        check_inputs(rows, {"rows": [1, 2, 3]}, checks_max=10)


@pytest.mark.parametrize(
    ("text", "given", "place"),
    [
        ("{type: object}", {"x": 0, "y": 1}, ""),
        ("{o: {type: object, additionalProperties: false}}", {"o": {"x": 0, "y": 1}}, "o."),
    ],
)
def test_where_nothing_is_allowed_the_names_are_said(
    text: str, given: dict[str, Any], place: str
) -> None:
    """Not that a false schema does not allow 0 [DO18]."""
    wrong = "there is no such input (expected no inputs)"
    assert refused(text, given) == [f"{place}{name}: {wrong}" for name in "xy"]

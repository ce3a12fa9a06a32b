# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema (2020-12) of the document format, for editors and for `legato schema`.

It says what shape a document has. What a shape cannot say (names that must exist, cycles, types of
expressions) is checked by `validate`.

Rules: DO20.
"""

import copy
from functools import cache
from typing import Any, Final

from legato.model.document import calls, fields, nodes, secrecy, validate
from legato.model.durations import DURATION_PATTERN

SCHEMA_ID: Final = "urn:legato:schema:workflow:1"
_HOLE: Final = r"^\$\{\{[\s\S]*\}\}$"
_TEMPLATE: Final = "Texts may hold `${{ … }}`; a text that is exactly one keeps its type."

Schema = dict[str, Any]


def workflow_schema() -> Schema:
    """Return the schema as a new value that may be changed."""
    return copy.deepcopy(_schema())


@cache
def _schema() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Legato workflow",
        "description": "A workflow of Legato, as a YAML 1.2 or JSON document.",
        "type": "object",
        "required": ["legato", "name", "nodes"],
        "additionalProperties": False,
        "properties": _document_properties(),
        "examples": [_EXAMPLE],
        "$defs": {
            "node_id": {
                "description": "Letters a-z, digits and underscores; no word of CEL.",
                "type": "string",
                "pattern": fields.NODE_ID_PATTERN,
                "not": {"enum": sorted(fields.CEL_RESERVED)},
                "examples": ["fetch_page"],
            },
            "duration": {
                "description": "A number with a unit from large to small, or whole seconds.",
                "oneOf": [
                    {"type": "string", "pattern": DURATION_PATTERN, "minLength": 2},
                    {"type": "integer", "minimum": 1},
                ],
                "examples": ["500ms", "30s", "1h30m", "2d", 90],
            },
            "condition": {
                "description": "true, false, or one expression that gives it.",
                "oneOf": [{"type": "boolean"}, {"type": "string", "pattern": _HOLE}],
                "examples": ["${{ nodes.ask.output.approved }}"],
            },
            "secret": {
                "description": "A secret by its name; only in fields that take one.",
                "type": "object",
                "required": ["secret"],
                "additionalProperties": False,
                "properties": {"secret": {"type": "string", "pattern": secrecy.REFERENCE_PATTERN}},
                "examples": [{"secret": "github_token"}],
            },
            "nodes": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"$ref": "#/$defs/node_id"},
                "additionalProperties": {"$ref": "#/$defs/node"},
            },
            "node": _node(),
            "retry": _retry(),
            "call": _call(),
            "loop": _loop(),
        },
    }


def _document_properties() -> Schema:
    known = {
        "legato": {"description": "Version of the format.", "const": validate.FORMAT},
        "name": {
            "description": "Short name; other workflows call it by this.",
            "type": "string",
            "pattern": fields.SLUG_PATTERN,
            "examples": ["weekly-report"],
        },
        "title": _title("What people see."),
        "description": {"description": "What it is for.", "type": "string"},
        "inputs": {
            "description": (
                "JSON Schema of the inputs, or its short form: a map from names to schemas, where "
                "an input without `default` is required."
            ),
            "type": "object",
            "examples": [{"path": {"type": "string", "default": "."}, "days": "integer"}],
        },
        "nodes": {"description": "The steps by their id.", "$ref": "#/$defs/nodes"},
        "outputs": {
            "description": f"What the execution gives. {_TEMPLATE}",
            "type": "object",
            "examples": [{"people": "${{ nodes.people.output }}"}],
        },
        "triggers": _triggers(),
        "budget": _budget(),
        "concurrency": {
            "description": "Nodes that run at once; no bound if it is missing.",
            "type": "integer",
            "minimum": 1,
            "maximum": 10_000,
        },
        "overlap": _overlap(),
        "layout": {
            "description": "Places on the canvas; no part of the logic.",
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": {"type": "number"},
                "minItems": 2,
                "maxItems": 2,
            },
            "examples": [{"log": [0, 0]}],
        },
    }
    assert tuple(known) and set(known) == set(validate.DOCUMENT_KEYS), "one list of keys"
    return {key: known[key] for key in validate.DOCUMENT_KEYS}


def _overlap() -> Schema:
    return {
        "description": "What a start does while `max` executions have not ended: it starts all the "
        "same, is skipped, or waits.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "policy": {"enum": list(validate.OVERLAP_POLICIES), "default": "allow"},
            "max": {
                "type": "integer",
                "minimum": 1,
                "maximum": validate.OVERLAP_MAX,
                "default": 1,
            },
        },
        "examples": [{"policy": "queue", "max": 1}],
    }


def _triggers() -> Schema:
    return {
        "description": "What starts it.",
        "type": "array",
        "maxItems": validate.TRIGGERS_MAX,
        "items": {
            "type": "object",
            "required": ["uses"],
            "additionalProperties": False,
            "properties": {
                "uses": {"type": "string", "examples": ["schedule.cron"]},
                "with": {"type": "object"},
                "name": {"type": "string"},
                "input": {"type": "object"},
            },
        },
    }


def _budget() -> Schema:
    return {
        "description": "Bounds of one execution; only `duration` ends it.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "cost_usd": {"type": "number", "exclusiveMinimum": 0},
            "tokens": {"type": "integer", "minimum": 1, "maximum": validate.TOKENS_MAX},
            "duration": {"$ref": "#/$defs/duration"},
        },
    }


def _title(description: str) -> Schema:
    return {"description": description, "type": "string", "maxLength": fields.TITLE_LENGTH_MAX}


def _node() -> Schema:
    known = {
        "title": _title("What people see on the node."),
        "uses": {
            "description": "The type of the node.",
            "type": "string",
            "examples": ["http.request"],
        },
        **_order(),
        "with": {"description": f"The fields of the node type. {_TEMPLATE}", "type": "object"},
        "retry": {"$ref": "#/$defs/retry"},
        "timeout": {
            "description": "How long one attempt (or a wait) may take.",
            "$ref": "#/$defs/duration",
        },
        "effect": {
            "description": "Whether doing it twice does harm.",
            "enum": list(nodes.EFFECTS),
        },
        "on_error": {
            "description": "fail, continue, or the node that runs on its failure.",
            "type": "string",
            "default": "fail",
        },
        "pool": {
            "description": "The queue of workers that runs it.",
            "type": "string",
            "pattern": fields.SLUG_PATTERN,
            "default": "default",
        },
        "notes": {"description": "For people.", "type": "string"},
    }
    assert set(known) == set(nodes.NODE_KEYS), "one list of keys"
    return {
        "description": "One step.",
        "type": "object",
        "required": ["uses"],
        "additionalProperties": False,
        "properties": known,
        "allOf": [_with_of("workflow.call", "call"), _with_of("loop.until", "loop")],
    }


def _order() -> Schema:
    """Return what says when a node runs, and how often."""
    return {
        "needs": {
            "description": "Nodes that end before this one begins; `route.urgent` is a case.",
            "oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            ],
        },
        "when": {
            "description": "The node is skipped if this is false.",
            "$ref": "#/$defs/condition",
        },
        "join": {
            "description": "How many of its needs must complete.",
            "enum": list(nodes.JOINS),
            "default": "all",
        },
        "foreach": {
            "description": "Runs the node once per element; its `with` knows item and index.",
            "oneOf": [{"type": "array"}, {"type": "string", "pattern": _HOLE}],
        },
        "concurrency": {
            "description": "Items of a foreach that run at once.",
            "type": "integer",
            "minimum": 1,
            "maximum": 100_000,
        },
    }


def _with_of(uses: str, name: str) -> Schema:
    return {
        "if": {"properties": {"uses": {"const": uses}}, "required": ["uses"]},
        "then": {"properties": {"with": {"$ref": f"#/$defs/{name}"}}, "required": ["with"]},
    }


def _retry() -> Schema:
    kind = {"type": "string", "pattern": nodes.FAILURE_KIND_PATTERN}
    known = {
        "max_attempts": {
            "description": "Tries in all.",
            "type": "integer",
            "minimum": 1,
            "maximum": nodes.RETRY_ATTEMPTS_MAX,
        },
        "backoff": {"enum": list(nodes.BACKOFFS), "default": "exponential"},
        "initial": {"description": "The first pause.", "$ref": "#/$defs/duration"},
        "max": {"description": "The longest pause.", "$ref": "#/$defs/duration"},
        "jitter": {"enum": list(nodes.JITTERS), "default": "full"},
        "on": {
            "description": "Kinds of failure; all that can be retried if it is missing.",
            "oneOf": [kind, {"type": "array", "items": kind}],
            "examples": [["timeout", "http.5xx", "http.429"]],
        },
    }
    assert set(known) == set(nodes.RETRY_KEYS), "one list of keys"
    return {
        "description": "When and how often a failed attempt is made again.",
        "type": "object",
        "additionalProperties": False,
        "properties": known,
    }


def _call() -> Schema:
    known = {
        "workflow": {"type": "string", "pattern": fields.SLUG_PATTERN},
        "input": {
            "description": f"Its inputs. {_TEMPLATE}",
            "oneOf": [{"type": "object"}, {"type": "string", "pattern": _HOLE}],
        },
    }
    assert set(known) == set(calls.CALL_KEYS), "one list of keys"
    return {
        "description": "Runs another workflow.",
        "type": "object",
        "required": ["workflow"],
        "additionalProperties": False,
        "properties": known,
    }


def _loop() -> Schema:
    known: Schema = {
        **_call()["properties"],
        "do": {
            "description": "What is repeated: nodes, or {nodes, outputs, concurrency}.",
            "type": "object",
            "anyOf": [
                {
                    "required": ["nodes"],
                    "additionalProperties": False,
                    "properties": {
                        "nodes": {"$ref": "#/$defs/nodes"},
                        "outputs": {"type": "object"},
                        "concurrency": {"type": "integer", "minimum": 1, "maximum": 10_000},
                    },
                },
                {"$ref": "#/$defs/nodes"},
            ],
        },
        "until": {
            "description": "Ends the loop; reads the output of the iteration as `previous`.",
            "$ref": "#/$defs/condition",
        },
        "max_iterations": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1_000,
            "default": calls.LOOP_ITERATIONS_DEFAULT,
        },
    }
    assert set(known) == set(calls.LOOP_KEYS), "one list of keys"
    return {
        "description": "Repeats a workflow or inline nodes until a condition holds.",
        "type": "object",
        "required": ["until"],
        "oneOf": [{"required": ["workflow"]}, {"required": ["do"]}],
        "additionalProperties": False,
        "properties": known,
    }


_EXAMPLE: Final[Schema] = {
    "legato": 1,
    "name": "hello",
    "inputs": {"who": {"type": "string", "default": "world"}},
    "nodes": {
        "greet": {"uses": "data.transform", "with": {"value": "Hello, ${{ inputs.who }}!"}},
    },
    "outputs": {"greeting": "${{ nodes.greet.output }}"},
}

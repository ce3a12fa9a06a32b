# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema (2020-12) of test files, for editors and for `legato schema test`.

It says what shape a file has; what a shape cannot say (nodes that must exist, outputs that must fit
their type) is checked by `read_suite`. Rules: TK7, CL49.
"""

from typing import Any, Final

from legato.model.document.nodes import FAILURE_KIND_PATTERN
from legato.model.durations import DURATION_PATTERN
from legato.testing.workflow import outside, read
from legato.testing.workflow.suite import FORMAT

SCHEMA_ID: Final = "urn:legato:schema:test:1"
Schema = dict[str, Any]
_NODE: Final = "a node: `fetch`, `called-workflow/fetch`, or `loop/fetch` of an inline body"


def suite_schema() -> Schema:
    """Return the schema as a new value that may be changed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Legato workflow test",
        "description": "Tests of one workflow, run by `legato test`.",
        "type": "object",
        "required": ["legato_test", "workflow", "cases"],
        "additionalProperties": False,
        "properties": _keys(
            read.FILE_KEYS,
            {
                "legato_test": {"description": "Version of the format.", "const": FORMAT},
                "workflow": _text("The workflow's file, from the folder of this one."),
                "grants": _grants(),
                "cases": {
                    "description": "Runs and what is expected of each.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": read.CASES_MAX,
                    "items": _case(),
                },
            },
        ),
        "$defs": {
            "failure": {"oneOf": [_kind(), _failure()]},
            "approval": {"oneOf": [{"type": "boolean"}, _approval()]},
        },
    }


def _keys(names: tuple[str, ...], known: Schema) -> Schema:
    assert set(known) == set(names), "one list of keys"
    return {name: known[name] for name in names}


def _text(description: str) -> Schema:
    return {"description": description, "type": "string"}


def _object(names: tuple[str, ...], known: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": _keys(names, known),
    }


def _times() -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": outside.TIMES_MAX}


def _grants() -> Schema:
    texts = {"type": "array", "items": {"type": "string"}}
    return {
        "description": "What the cases reach outside; the command line must allow each.",
        **_object(
            read.GRANT_KEYS,
            {
                "programs": {**texts, "description": "For shell.run."},
                "roots": {**texts, "description": "Folders, from the folder of this file."},
            },
            [],
        ),
    }


def _case() -> Schema:
    by_node = {"type": "object"}
    one_or_more: Schema = {"items": {"$ref": "#/$defs/approval"}, "type": "array"}
    return _object(
        read.CASE_KEYS,
        {
            "name": {**_text("What the case is about."), "maxLength": read.NAME_LENGTH_MAX},
            "inputs": {"description": "The workflow's inputs.", "type": "object"},
            "pin": {
                "description": f"Outputs of nodes that do not run, by {_NODE}. With foreach: a "
                "list with the output of every item.",
                **by_node,
            },
            "fail": {
                "description": f"Failures instead of a run, by {_NODE}; a list is used in order.",
                **by_node,
                "additionalProperties": {
                    "oneOf": [
                        {"$ref": "#/$defs/failure"},
                        {"type": "array", "items": {"$ref": "#/$defs/failure"}},
                    ]
                },
            },
            "http": {
                "description": "Recorded exchanges; nothing is sent. The first that fits answers.",
                "type": "array",
                "items": _exchange(),
            },
            "approve": {
                "description": "Answers to human.approval; false declines a human.form. "
                "A list answers one after the other.",
                **by_node,
                "additionalProperties": {"oneOf": [{"$ref": "#/$defs/approval"}, one_or_more]},
            },
            "answer": {
                "description": "What is filled into human.form; a list is used in order.",
                **by_node,
            },
            "signals": _signals(),
            "expect": {
                "description": "Expressions that must be true; they read status, inputs, outputs, "
                "nodes.ID.output|status|error|errors|attempts and execution.",
                "type": "array",
                "items": {"type": "string"},
                "examples": [["status == 'completed'", "size(outputs.people) == 3"]],
            },
            "golden": _text("A JSON file with the whole outputs; --update writes it."),
            "timeout": {
                "description": "Real time that the case may take; waits take none.",
                "oneOf": [
                    {"type": "string", "pattern": DURATION_PATTERN, "minLength": 2},
                    {"type": "integer", "minimum": 1},
                ],
            },
        },
        ["name"],
    )


def _signals() -> Schema:
    keys = {"name": _text("Its name."), "payload": {}}
    return {
        "description": "Signals for wait.signal, given as soon as they are waited for.",
        "type": "array",
        "items": _object(outside.SIGNAL_KEYS, keys, ["name"]),
    }


def _kind() -> Schema:
    return {"type": "string", "pattern": FAILURE_KIND_PATTERN, "examples": ["timeout", "http.503"]}


def _failure() -> Schema:
    return _object(
        outside.FAILURE_KEYS,
        {
            "kind": _kind(),
            "message": _text("What the error says."),
            "item": {
                "description": "Only this item of a foreach.", "type": "integer", "minimum": 0,
                "maximum": outside.TIMES_MAX,
            },
            "times": {"description": "Attempts that fail; every one if missing.", **_times()},
            "may_have_happened": {"type": "boolean", "default": True},
            "retryable": {"type": "boolean", "default": True},
        },
        ["kind"],
    )  # fmt: skip


def _approval() -> Schema:
    return _object(
        outside.REPLY_KEYS,
        {
            "approved": {"type": "boolean"},
            "by": _text("Who answers."),
            "comment": _text("What is said with it."),
        },
        ["approved"],
    )


def _exchange() -> Schema:
    request = _object(
        outside.REQUEST_KEYS,
        {
            "method": {"enum": list(outside.METHODS), "default": "GET"},
            "url": _text("Absolute, with its query."),
            "body": _text("Only with exactly this body."),
            "json": {"description": "Only with a body that is this JSON."},
        },
        ["url"],
    )
    response = _object(
        outside.RESPONSE_KEYS,
        {
            "status": {"type": "integer", "minimum": 100, "maximum": 599, "default": 200},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": _text("Sent as it is."),
            "json": {"description": "Sent as JSON."},
            "trouble": {
                "description": "No response at all: what happens instead.",
                "enum": list(outside.TROUBLES),
            },
        },
        [],
    )
    return _object(
        outside.EXCHANGE_KEYS,
        {
            "request": request,
            "response": response,
            "times": {
                "description": "How often it answers.",
                "oneOf": [_times(), {"const": "any"}],
                "default": 1,
            },
        },
        ["request", "response"],
    )

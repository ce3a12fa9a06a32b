# SPDX-License-Identifier: Apache-2.0
"""The fields of a form, and an answer against them: the same check at every door and in the engine.

`schema` is JSON Schema (2020-12) of an object or its short form, as the `inputs` of a workflow are.
An answer is checked in the turn that takes it, on which every other execution waits: schema, answer
and the search for what is wrong with it are bounded. Pure; nothing is fetched.

Rules: ND72-ND74.
"""

from collections.abc import Mapping
from typing import Any, Final

from legato.errors import InvalidDocument, InvalidInput
from legato.model.document.inputs import Schema, check_inputs, read_inputs
from legato.model.document.problems import Problem
from legato.model.document.scope import Scope
from legato.model.document.tree import Document, Node, Report
from legato.model.policy import Limits

_SHOWN: Final = 10
"""Problems of one answer that are said; a refusal is an event, and events stay small."""
_CHECKS_MAX: Final = 10_000_000
"""Values of an answer times schemas: 0.2 s at 20 ns each (measured with jsonschema-rs 0.48)."""


def form_schema(config: Mapping[str, Any]) -> Schema:
    """Return the schema of a form's fields in its long form.

    Args:
        config: The evaluated `with` block of a form.

    Raises:
        InvalidInput: It is no schema; every problem with its place, one per line.
    """
    data = config["schema"]
    report = Report(Document("", "schema", Node(data, 0, 0), is_json=True))
    schema = read_inputs(Scope(report, {}, Limits()), data, ("schema",), is_form=True)
    if report.problems:
        raise InvalidInput("\n".join(_line(problem) for problem in report.finish()[:_SHOWN]))
    return schema


def fill_in(config: object, answer: object) -> object:
    """Return an answer to a form with defaults filled in.

    Args:
        config: The evaluated `with` block of the form; one without `schema` asks for nothing.
        answer: Values by the names of the fields.

    Raises:
        InvalidDocument: Every unknown, missing or mistyped field with its place.
        InvalidInput: It is no object, or the form is none.
    """
    if not isinstance(config, Mapping) or "schema" not in config:
        return answer
    if not isinstance(answer, Mapping):
        raise InvalidInput("an answer to a form is an object of its fields by name")
    schema = form_schema(config)
    return check_inputs(schema, answer, file="answer", noun="field", checks_max=_CHECKS_MAX)


def check_answer(config: object, answer: object) -> object:
    """Return the same.

    Raises:
        InvalidInput: Every unknown, missing or mistyped field with its place, one per line.
    """
    try:
        return fill_in(config, answer)
    except InvalidDocument as error:
        problems = [_line(problem) for problem in error.problems[:_SHOWN]]
        raise InvalidInput("\n".join(problems)) from None


def _line(problem: object) -> str:
    """Return a problem without file and line: an answer has none."""
    assert isinstance(problem, Problem), "documents hold problems"
    text = str(problem)
    return text.removeprefix(f"{problem.file}:{problem.line}:{problem.column}: ")

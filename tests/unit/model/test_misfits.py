# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a value, in words that quote nothing of it."""

from typing import Any

import pytest

from legato.errors import InvalidDocument
from legato.model.document.inputs import check_inputs
from legato.model.misfits import MISFITS_MAX, Misfit, misfits

CANARY = "canary-4711"


@pytest.mark.parametrize(
    ("schema", "value", "found"),
    [
        ({"type": "integer"}, CANARY, Misfit((), "has another type", "integer")),
        ({"type": ["string", "null"]}, 1, Misfit((), "has another type", "null or string")),
        (
            {"enum": [1, "x"]},
            CANARY,
            Misfit((), "is not one of the known values", 'one of [1,"x"]'),
        ),
        ({"const": 1}, CANARY, Misfit((), "is another value", "1")),
        ({"minimum": 3}, 1, Misfit((), "is too small", "at least 3")),
        ({"multipleOf": 3}, 1, Misfit((), "is no multiple", "a multiple of 3")),
        ({"maxLength": 3}, CANARY, Misfit((), "is too long", "at most 3 characters")),
        ({"pattern": "^a"}, CANARY, Misfit((), "does not match", "text that matches ^a")),
        ({"anyOf": [{"type": "null"}]}, CANARY, Misfit((), "does not fit the schema", "anyOf")),
        ({"items": {"type": "null"}}, [CANARY], Misfit((0,), "has another type", "null")),
        ({"required": ["z"]}, {}, Misfit(("z",), "is required", "a value")),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"b": CANARY},
            Misfit(("b",), "is not known here", "no such field"),
        ),
        (False, CANARY, Misfit((), "is or has what is not known here", "nothing else")),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_finding_names_place_and_expectation(schema: Any, value: Any, found: Misfit) -> None:
    """Never the value [XW7]."""
    inside = {"properties": {"in": schema}}
    (misfit,) = misfits(inside, {"in": value})
    assert misfit == Misfit(("in", *found.path), found.message, found.expected)
    assert CANARY not in str(misfit)
    assert misfits({}, value) == []


def test_so_many_findings_are_told_and_no_more() -> None:
    """A long list of mistakes is cut [XW7]."""
    schema = {"items": {"type": "null"}}
    assert len(misfits(schema, [1] * (MISFITS_MAX + 1))) == MISFITS_MAX


def test_inputs_that_do_not_fit_come_with_both_kinds_of_words() -> None:
    """For who typed them, and for an answer over the network [XW7]."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    with pytest.raises(InvalidDocument) as refused:
        check_inputs(schema, {"n": CANARY})
    assert CANARY in str(refused.value)
    assert refused.value.misfits == (Misfit(("n",), "has another type", "integer"),)

# SPDX-License-Identifier: Apache-2.0
"""Answers to forms."""

from typing import Any

import pytest

from legato.errors import InvalidInput
from legato.model.forms import check_answer, form_schema

FORM = {
    "message": "?",
    "schema": {
        "amount": {"type": "integer", "minimum": 1},
        "note": {"type": "string", "default": "none"},
        "to": {"type": "string", "format": "email", "default": "a@b.test"},
    },
}


def test_an_answer_gets_the_defaults_of_its_fields() -> None:
    """What is left out is filled in; what is given stays [ND73]."""
    assert check_answer(FORM, {"amount": 3}) == {"amount": 3, "note": "none", "to": "a@b.test"}
    assert check_answer(FORM, {"amount": 3, "note": ""})["note"] == ""  # type: ignore[index]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "amount: this field is missing"),
        ({"amount": 0}, "amount: 0 is less than the minimum of 1"),
        ({"amount": "3"}, 'amount: "3" is not of type "integer"'),
        ({"amount": 3, "nota": "x"}, "nota: there is no such field (did you mean note?)"),
        ({"amount": 3, "to": "nobody"}, "to: "),
        (None, "an object of its fields"),
        ([1], "an object of its fields"),
    ],
)
def test_a_wrong_answer_is_refused_with_the_place(answer: Any, said: str) -> None:
    """Every mistake by the name of its field [ND74]."""
    with pytest.raises(InvalidInput) as caught:
        check_answer(FORM, answer)
    assert said in str(caught.value)


def test_all_mistakes_are_named_at_once() -> None:
    """One line each [ND74]."""
    with pytest.raises(InvalidInput) as caught:
        check_answer(FORM, {"amount": 0, "note": 5, "x": 1})
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("config", [{}, None, "text"])
def test_a_form_without_fields_asks_for_nothing(config: Any) -> None:
    """Whatever the log holds of it, an answer can be judged [ND73, EN3]."""
    assert check_answer(config, None) is None


@pytest.mark.parametrize(
    "schema",
    [5, {"a": {"type": "x"}}, {"a": {"$ref": "file:///etc/passwd"}}, {"type": "string"}],
)
def test_what_is_no_schema_is_refused_by_place(schema: Any) -> None:
    """Nothing is opened or fetched [ND72]."""
    with pytest.raises(InvalidInput, match="schema"):
        form_schema({"schema": schema})


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*)*b"])
def test_a_pattern_is_matched_in_linear_time(pattern: str) -> None:
    """A form cannot stand the engine still [ND73]."""
    config = {"schema": {"text": {"type": "string", "pattern": pattern}}}
    try:
        check_answer(config, {"text": "a" * 50_000 + "!"})
    except InvalidInput as error:
        assert "text" in str(error)


def test_a_schema_that_leads_back_to_itself_ends() -> None:
    """It means nothing more than itself [ND72]."""
    config = {"schema": {"type": "object", "properties": {"a": {"$ref": "#"}}}}
    assert check_answer(config, {"a": {"a": {}}}) == {"a": {"a": {}}}

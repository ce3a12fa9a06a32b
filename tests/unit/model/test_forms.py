# SPDX-License-Identifier: Apache-2.0
"""Answers to forms."""

from typing import Any

import pytest

from legato.errors import InvalidInput
from legato.model.document.inputs import Schema
from legato.model.forms import check_answer, form_schema
from legato.model.schema_cost import schema_cost

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


def ladder(keyword: str, steps: int) -> Schema:
    """Return a schema of few lines that asks about one value 2 ** steps times."""
    rungs: Schema = {
        f"d{at}": {keyword: [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(steps)
    }
    return {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/d0"}},
        "$defs": {**rungs, f"d{steps}": {"type": "integer"}},
    }


@pytest.mark.parametrize("keyword", ["anyOf", "allOf", "oneOf"])
@pytest.mark.parametrize("steps", [20, 60])
def test_a_schema_that_is_too_much_to_check_is_refused(keyword: str, steps: int) -> None:
    """Before any value meets it: the engine would stand still for every execution [ND72]."""
    for work in (form_schema, lambda config: check_answer(config, {"x": "s"})):
        with pytest.raises(InvalidInput, match="too much to check"):
            work({"schema": ladder(keyword, steps)})
    assert check_answer({"schema": ladder("allOf", 5)}, {"x": 1}) == {"x": 1}


@pytest.mark.parametrize(
    "inner", [{"$ref": "#"}, {"$ref": "#/properties/a"}, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}]
)
def test_a_schema_that_leads_back_to_itself_is_refused(inner: Schema) -> None:
    """What it costs cannot be said [ND72]."""
    with pytest.raises(InvalidInput, match="leads back to itself"):
        form_schema({"schema": {"type": "object", "properties": {"a": inner}}})


def test_a_reference_is_read_as_the_validator_reads_it() -> None:
    """Steps with slashes and tildes; one with a percent sign is refused [ND72]."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/x~1y~0z"}, "b": {"$ref": "#/$defs/list/oneOf/1"}},
        "$defs": {"x/y~z": {"type": "integer"}, "list": {"oneOf": [True, {"type": "string"}]}},
    }
    assert check_answer({"schema": schema}, {"a": 1, "b": "s"}) == {"a": 1, "b": "s"}
    assert schema_cost(schema, 100) == schema_cost(schema, 6)
    with pytest.raises(InvalidInput, match="write it plain"):
        form_schema({"schema": {"type": "object", "properties": {"a": {"$ref": "#/%24defs/x"}},
                                "$defs": {"x": {}}}})  # fmt: skip


def test_of_a_large_answer_the_first_mistake_is_named_alone() -> None:
    """Looking for all of them would hold up every other execution; the largest is not even judged
    [ND74].
    """
    config = {"schema": {"list": {"type": "array", "items": {"type": "integer"}}}}
    large: list[object] = [1] * 20_000
    assert check_answer(config, {"list": large}) == {"list": large}
    with pytest.raises(InvalidInput, match=r"list\[20000\]") as caught:
        check_answer(config, {"list": [*large, "x", "y"]})
    assert "20001" not in str(caught.value)
    with pytest.raises(InvalidInput, match=r"list\[1\][^$]*list\[2\]"):
        check_answer(config, {"list": [1, "x", "y"]})
    wide = {"schema": {"list": {"items": {"anyOf": [{"type": "null"}] * 900}}}}
    with pytest.raises(InvalidInput, match="too large to be checked"):
        check_answer(wide, {"list": large})

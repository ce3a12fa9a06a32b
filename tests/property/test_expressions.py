# SPDX-License-Identifier: Apache-2.0
"""Properties of expressions and templates."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from legato.errors import ExpressionError
from legato.model.expressions.compile import compile_expression
from legato.model.expressions.syntax import read_checked, write_checked
from legato.model.expressions.template import compile_template, has_hole, split_text
from legato.model.policy import Limits
from legato.model.values import decode, encode
from tests.property.strategies import EXPRESSIONS, JSON, NAMES, TEXTS

LIMITS = Limits()
VARIABLES: dict[str, Any] = {
    "inputs": {"list": [1, 2], "a": {"b": None}, "v": "${{ 1 }}"},
    "nodes": {"log": {"output": {"x": 1}, "status": "completed"}},
    "item": None,
    "index": 0,
    "run": {},
    "trigger": {},
    "previous": None,
}


@given(EXPRESSIONS)
@example("inputs.?a" + ".optMap(x, x)" * 4)
@example("[optional.none()]")
@example("'" + "\\" * 3)
def test_any_text_compiles_or_is_refused(source: str) -> None:
    """Any text gives plain data or a typed error, never anything else [EX17, EX19]."""
    try:
        compiled = compile_expression(source, limits=LIMITS)
    except ExpressionError as error:
        assert error.place is None or min(error.place) >= 1
        return
    assert set(compiled.roots) <= set(VARIABLES)
    try:
        value = compiled.evaluate(VARIABLES)
    except ExpressionError:
        return
    assert decode(encode(value)) == value or value != value  # noqa: PLR0124 - plain data


@given(JSON)
def test_data_goes_through_unchanged(value: object) -> None:
    """Data comes out of a hole as it went in, however it looks [EX1, EX2]."""
    template = compile_template("${{ inputs.v }}", limits=LIMITS)
    assert template.evaluate({"inputs": {"v": value}}) is value
    copied = compile_template("${{ [inputs.v] }}", limits=LIMITS)
    (again,) = copied.evaluate({"inputs": {"v": value}})
    assert encode(again) == encode(_sorted(value))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(element) for element in value] if isinstance(value, list) else value


@given(st.dictionaries(NAMES, JSON, max_size=4), st.lists(NAMES, min_size=1, max_size=4))
def test_a_reference_is_followed_as_cel_follows_it(
    data: dict[str, object], path: list[str]
) -> None:
    """The quick way of plain references gives what CEL gives, or fails with it [EX1, EX7]."""
    source = ".".join(["inputs", *path])
    try:
        quick: object = compile_expression(f"inputs.{'.'.join(path)}", limits=LIMITS).evaluate(
            {"inputs": data}
        )
    except ExpressionError:
        quick = ExpressionError
    try:
        slow: object = compile_expression(f"({source})", limits=LIMITS).evaluate({"inputs": data})
    except ExpressionError:
        slow = ExpressionError
    assert _sorted(quick) == slow


@given(TEXTS)
def test_any_text_is_a_template_or_refused(text: str) -> None:
    """A template of any text evaluates to data or is refused; its parts make up the text [EX1]."""
    try:
        parts = split_text(text, 100)
    except ExpressionError:
        assert has_hole(text)
        return
    rebuilt = "".join(
        part.replace("${{", "$${{") if isinstance(part, str) else f"${{{{{part.source}}}}}"
        for part in parts
    )
    assert split_text(rebuilt, 100) == parts or "$${{" in text
    try:
        value = compile_template(text, limits=LIMITS).evaluate(VARIABLES)
    except ExpressionError:
        return
    if not has_hole(text):
        assert value == text.replace("$${{", "${{")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_an_escaped_text_is_itself(text: str) -> None:
    """Any text can be written in a template so that it means itself [EX2]."""
    escaped = text.replace("${{", "$${{")
    assert compile_template(escaped, limits=LIMITS).evaluate({}) == text.replace("$${{", "$${{")


@given(EXPRESSIONS)
def test_a_tree_survives_reading_and_writing(source: str) -> None:
    """The wire form of a tree is read and written without loss [EX1]."""
    from legato.model.expressions.environment import environment

    if "optMap" in source or len(source) > 200:
        return
    try:
        data = environment().compile(source).serialize()
    except (RuntimeError, UnicodeEncodeError):
        return
    checked = read_checked(data)
    again = read_checked(write_checked(checked))
    assert again.tree == checked.tree
    assert again.rest == checked.rest

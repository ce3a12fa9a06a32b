# SPDX-License-Identifier: Apache-2.0
"""Templates: values with holes."""

import json

import msgspec
import pytest

from legato.errors import ExpressionError, InvalidInput, LimitExceeded
from legato.model.expressions.template import (
    Hole,
    compile_template,
    evaluate_json,
    has_hole,
    is_whole_hole,
    split_text,
)
from legato.model.policy import Limits
from tests.unit.model.expressions.data import LIMITS, VARIABLES, fill


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${{ inputs.n }}", 3),
        ("${{inputs.n}}", 3),
        ("${{ inputs.list }}", [1, 2, 3]),
        ("${{ inputs.nothing }}", None),
        ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("${{ {'a':{'b':1}}}}", {"a": {"b": 1}}),
        ("${{ '}}' }}", "}}"),
        ("${{ \"}}\" + '}}' }}", "}}}}"),
        ("${{ r'}}' }}", "}}"),
        ("${{ '''}}''' }}", "}}"),
        ("${{ '\\'}}' }}", "'}}"),
        ("${{ 1 // }}\n }}", 1),
        ("${{\n  inputs.n\n  + 1\n}}", 4),
        (" ${{ inputs.n }}", " 3"),
        ("${{ inputs.n }}\n", "3\n"),
        ("n=${{ inputs.n }}, f=${{ inputs.f }}", "n=3, f=1.5"),
        ("${{ inputs.n }}${{ inputs.n }}", "33"),
        ("${{ inputs.yes }} ${{ inputs.nothing }}", "true null"),
        ("${{ inputs.list }}.", "[1,2,3]."),
        ("m: ${{ inputs.map }}", 'm: {"z":1,"a":2}'),
        ("f: ${{ 2.0 }}", "f: 2.0"),
        ("$${{ inputs.n }}", "${{ inputs.n }}"),
        ("a $${{ b }} ${{ inputs.n }}", "a ${{ b }} 3"),
        ("${{ '$' }}${{ inputs.n }}", "$3"),
        ("{{ inputs.n }} ={{ 1 }} $ {{ 1 }}", "{{ inputs.n }} ={{ 1 }} $ {{ 1 }}"),
        ("a }} b", "a }} b"),
        ("", ""),
    ],
)
def test_a_text_with_holes(template: str, value: object) -> None:
    """One whole hole keeps its type, a text around holes is a text [EX1]."""
    got = fill(template)
    assert got == value
    assert type(got) is type(value)


def test_holes_anywhere_in_a_value() -> None:
    """Maps and lists are filled in place, in their order; the rest stays [EX1]."""
    value = {
        "z": 1,
        "a": ["x", "${{ inputs.n }}", {"deep": "${{ item.to }}!", "k": True}],
        "m": None,
        "t": ("${{ index }}",),
    }
    filled = fill(value)
    assert filled == {"z": 1, "a": ["x", 3, {"deep": "ann!", "k": True}], "m": None, "t": [4]}
    assert list(filled) == ["z", "a", "m", "t"]


HOSTILE = [
    "${{ inputs.n }}",
    "$${{ inputs.n }}",
    "{{ 7*7 }}",
    "={{ 7*7 }}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "}} ${{ 1 }}",
    "' + inputs.n + '",
    "\\${{ 1 }}",
    "%s",
    "{secret: token}",
]


@pytest.mark.parametrize("data", HOSTILE)
def test_data_is_never_evaluated(data: str) -> None:
    """What a hole gives stays text, whatever it looks like [EX2]."""
    variables = {"inputs": {"v": data, "list": [data]}, "item": data}
    assert fill("${{ inputs.v }}", **variables) == data
    assert fill("<${{ inputs.v }}>", **variables) == f"<{data}>"
    assert fill("${{ inputs.v + '' }}", **variables) == data
    assert fill({"a": ["${{ item }}"]}, **variables) == {"a": [data]}
    assert fill("${{ inputs.list.map(x, x) }}", **variables) == [data]
    again = compile_template("${{ inputs.v }}", limits=LIMITS)
    assert again.evaluate({"inputs": {"v": fill("${{ inputs.v }}", **variables)}}) == data


def test_secret_references_pass_through() -> None:
    """`{secret: name}` and `credential: name` stay references [EX14]."""
    value = {"headers": {"Authorization": {"secret": "token"}}, "credential": "db"}
    template = compile_template(value, limits=LIMITS)
    assert template.is_static
    assert template.evaluate({}) == value


def test_a_static_template_says_so_and_is_unescaped() -> None:
    """A template without holes gives the same value every time [EX1]."""
    template = compile_template(b'{"a":["$${{ x }}",1]}', limits=LIMITS)
    assert template.is_static
    assert template.is_bounded
    assert template.evaluate({}) == {"a": ["${{ x }}", 1]}
    assert template.evaluate({}) is template.evaluate({})


def test_a_template_says_what_it_reads() -> None:
    """References, variables and paths of all holes are known before the run [EX3]."""
    template = compile_template(
        {"a": "${{ nodes.x.output.a + nodes.y.output }}", "b": "${{ item }} ${{ inputs.q }}"},
        limits=LIMITS,
    )
    assert template.node_refs == ("x", "y")
    assert template.roots == ("nodes", "item", "inputs")
    assert set(template.variables_needed) == {
        ("nodes", "x", "output", "a"),
        ("nodes", "y", "output"),
        ("item",),
        ("inputs", "q"),
    }


def test_bytes_and_raw_are_json_and_cached() -> None:
    """JSON text gives the same template object each time [EX16]."""
    one = compile_template(b'"${{ inputs.n }}"', limits=LIMITS)
    assert compile_template(msgspec.Raw(b'"${{ inputs.n }}"'), limits=LIMITS) is one
    assert one.evaluate(VARIABLES) == 3
    large = json.dumps(["${{ inputs.n }}"] * 5_000).encode()
    assert compile_template(large, limits=LIMITS).evaluate(VARIABLES) == [3] * 5_000
    with pytest.raises(InvalidInput):
        compile_template(b"{", limits=LIMITS)


@pytest.mark.parametrize(
    ("template", "words", "place"),
    [
        ("abc ${{ 1 + 1", "not closed", (1, 5)),
        ("a\nb ${{ '}}", "not closed", (2, 7)),
        ("a\n  ${{ 1 +\n nope }}", "no variable or function 'nope'", (3, 2)),
        ("${{   nope }}", "no variable", (1, 7)),
        ("${{ }}", "empty", (1, 5)),
        ({"a": ["x", {"b c": "${{ 1 + }}"}]}, "a[1].b c: the expression ends", (1, 8)),
        ({"a ${{ 1 }}": 1}, "a key cannot hold an expression", None),
    ],
)
def test_faults_name_path_and_place(
    template: object, words: str, place: tuple[int, int] | None
) -> None:
    """A hole that does not compile names its path and its place in the text [DO3]."""
    with pytest.raises(ExpressionError) as caught:
        compile_template(template, limits=LIMITS)
    assert words in str(caught.value)
    if place is not None:
        assert caught.value.place == place


def test_errors_while_evaluating_name_the_path() -> None:
    """An error names which part of the template it comes from [EX17]."""
    with pytest.raises(ExpressionError, match=r"^args\[1\]\.x: inputs has no key"):
        fill({"args": [1, {"x": "${{ inputs.nope }}"}]})
    with pytest.raises(ExpressionError, match=r"^args: inputs has no key"):
        fill({"args": "a ${{ inputs.nope }}"})
    with pytest.raises(ExpressionError, match=r"^inputs has no key"):
        fill("${{ inputs.nope }}")


def test_a_hole_over_the_limit_is_refused() -> None:
    """Each hole is bounded by the limit of an expression [DO12]."""
    compile_template("${{ 1" + " " * 4_000 + "}}", limits=LIMITS)
    with pytest.raises(ExpressionError, match="not closed within 4096 bytes"):
        compile_template("${{ 1" + " " * 5_000 + "}}", limits=LIMITS)
    with pytest.raises(ExpressionError, match="the limit is 3"):
        compile_template("${{1+11}}", limits=Limits(max_expression_bytes=3))


def test_evaluate_json_is_strict_and_bounded() -> None:
    """The result leaves as strict JSON within a size [DO7]."""
    template = compile_template("${{ inputs.text }}", limits=LIMITS)
    assert evaluate_json(template, VARIABLES) == b'"abc"'
    with pytest.raises(LimitExceeded):
        evaluate_json(template, VARIABLES, size_bytes_max=3)
    with pytest.raises(InvalidInput):
        evaluate_json(template, {"inputs": {"text": float("nan")}})


def test_splitting_a_text() -> None:
    """A text is cut at its holes, with their offsets."""
    parts = split_text("a ${{ 1 }} b", 100)
    assert parts == ["a ", Hole(" 1 ", 5), " b"]
    assert split_text("", 100) == [""]
    assert has_hole("${{")
    assert has_hole("$${{ ${{")
    assert not has_hole("$${{ x }}")
    assert is_whole_hole("${{ 1 }}")
    assert not is_whole_hole("${{ 1 }} ")

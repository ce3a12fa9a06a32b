# SPDX-License-Identifier: Apache-2.0
"""Which expressions may run inside the engine's turn."""

import pytest

from legato.model.expressions.analysis import GROWTH_MAX
from legato.model.expressions.compile import compile_expression
from legato.model.expressions.template import compile_template
from tests.unit.model.expressions.data import LIMITS


@pytest.mark.parametrize(
    "source",
    [
        "inputs.n",
        "inputs.n + 1",
        "inputs.a == inputs.b",
        "nodes.x.output.y > 2 && inputs.z",
        "inputs.s + inputs.s",
        "'a' + inputs.s + 'b'",
        "[inputs.s, inputs.t]",
        "{'a': inputs.s}",
        "inputs.s.matches('^a+$')",
        "matches(inputs.s, 'a')",
        "inputs.s.startsWith('a')",
        "size(inputs.l) > 3",
        "inputs.l[0]",
        "inputs.?a.orValue(1)",
        "default(inputs.a, 1)",
        "'x' in inputs.l",
        "string(inputs.n)",
        "math.ceil(inputs.f)",
        "hash(inputs.s)",
        "lower(inputs.s)",
        "length(inputs.l)",
        "sum(inputs.l)",
        "first(inputs.l)",
        "inputs.a ? inputs.b : inputs.c",
        "!inputs.a",
        "-inputs.n",
        "timestamp(inputs.t)",
        "has(inputs.a.b)",
        "inputs.s.substring(1)",
        "slug(inputs.s)",
    ],
)
def test_small_work_runs_inside_the_turn(source: str) -> None:
    """Expressions without macro and unbounded builder are bounded [EX5]."""
    assert compile_expression(source, limits=LIMITS).is_bounded


@pytest.mark.parametrize(
    "source",
    [
        "inputs.l.map(x, x)",
        "inputs.l.filter(x, true)",
        "inputs.l.all(x, x > 0)",
        "inputs.l.exists(x, x > 0)",
        "inputs.l.exists_one(x, x > 0)",
        "cel.bind(a, inputs.s, a + a)",
        "inputs.l.join(',')",
        "inputs.s.split(',')",
        "inputs.s.replace('a', 'bbbb')",
        "'%s'.format([inputs.s])",
        "inputs.s.matches(inputs.p)",
        "sort(inputs.l)",
        "unique(inputs.l)",
        "json_text(inputs.l)",
        "json_parse(inputs.s)",
        "range(inputs.n)",
        "pad_start('a', inputs.n)",
        "rows(inputs.s, ',', ['a'])",
        "group_by(inputs.l, 'a')",
        "merge(inputs.a, inputs.b)",
        "[" + ", ".join(["inputs.s"] * (GROWTH_MAX + 1)) + "]",
        " + ".join(["inputs.s"] * (GROWTH_MAX + 1)),
        "inputs.?a.optMap(x, x + x).orValue('')",
        "(inputs.s + inputs.s) + (inputs.s + inputs.s) + (inputs.s + inputs.s) == upper(upper("
        "inputs.s))" + " || inputs.s == inputs.s" * 40,
    ],
)
def test_everything_else_runs_in_the_helper_process(source: str) -> None:
    """Macros, unbounded builders and long chains are not bounded [EX5]."""
    assert not compile_expression(source, limits=LIMITS).is_bounded


def test_a_bomb_of_concatenations_is_not_bounded() -> None:
    """Seven doublings that would build 100 MB are kept out of the turn [EX5]."""
    source = "inputs.s"
    for _ in range(7):
        source = f"({source} + {source})"
    assert not compile_expression(source[1:-1], limits=LIMITS).is_bounded


def test_a_template_is_bounded_as_a_whole() -> None:
    """Many holes over the same large input are not bounded together [EX5]."""
    few = compile_template({"a": ["${{ inputs.s }}"] * 10}, limits=LIMITS)
    many = compile_template({"a": ["${{ inputs.s }}"] * 100}, limits=LIMITS)
    work = compile_template({"a": ["${{ inputs.s == inputs.t }}"] * 100}, limits=LIMITS)
    macro = compile_template("a ${{ inputs.l.map(x, x) }}", limits=LIMITS)
    assert few.is_bounded
    assert not many.is_bounded
    assert not work.is_bounded
    assert not macro.is_bounded

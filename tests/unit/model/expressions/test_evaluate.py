# SPDX-License-Identifier: Apache-2.0
"""What expressions give."""

import threading
from typing import Any

import pytest

from legato.errors import ExpressionError
from legato.model.expressions import compile as compile_module
from legato.model.expressions.compile import Program, Reference, compile_expression
from legato.model.policy import Limits
from tests.unit.model.expressions.data import LIMITS, VARIABLES, ev


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("inputs.n", 3),
        ("inputs['my-key']", 7),
        ('inputs["my-key"]', 7),
        ("inputs . list [1]", 2),
        ("inputs.list[2]", 3),
        ("nodes.log.output.rows[0].n", 1),
        ("nodes['log'].output.stdout", "a\tb\nc\td"),
        ("index", 4),
        ("inputs.`my-key`", 7),
        ("inputs.n > 2 && inputs.text != 'x'", True),
        ("nodes.log.output.stdout.split('\\n').map(l, l.split('\\t')[0])", ["a", "c"]),
        ("inputs.list.filter(x, x > 1).exists(x, x == 3)", True),
        ("size(inputs.list) + 1", 4),
        ("'%s is %d'.format([inputs.text, inputs.n])", "abc is 3"),
        ("math.greatest(1, inputs.n)", 3),
        ("base64.encode(b'x')", "eA=="),
        ("cel.bind(a, inputs.n, a + a)", 6),
        ("has(inputs.nope) || has(inputs.n)", True),
        ("[1, 'a', null, 1.5]", [1, "a", None, 1.5]),
        ("inputs.yes ? 'y' : 1 / 0", "y"),
        ("true || 1 / 0 == 1", True),
        ("1 // comment", 1),
    ],
)
def test_an_expression_gives_plain_data(source: str, value: object) -> None:
    """An expression gives plain JSON data [EX1]."""
    got = ev(source)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1.0 + 1", 2.0),
        ("1 + 1.5", 2.5),
        ("inputs.n * 1.5", 4.5),
        ("inputs.f - 1", 0.5),
        ("inputs.n / 2.0", 1.5),
        ("inputs.n / 2", 1),
        ("inputs.list.map(x, x * 0.5)", [0.5, 1, 1.5]),
        ("math.round(inputs.f * 10.0) / 10", 1.5),
        ("1 - 2.5", -1.5),
        ("-inputs.f + 1", -0.5),
        ("1 < 1.5 && 2.5 >= 2 && 1 == 1.0 && 1 in [1.0] && [1] == [1.0]", True),
        ("true ? 1 : 2.5", 1),
        ("1u + 2u", 3),
    ],
)
def test_integers_and_doubles_mix(source: str, value: object) -> None:
    """Arithmetic between int and double works and gives a double [EX11]."""
    assert ev(source) == value


def test_mixed_division_by_zero_is_an_error() -> None:
    """A double divided by integer zero is an error, not infinity [EX11, EX17]."""
    for source in ("inputs.f / 0", "inputs.n / 0", "1.0 / 0.0", "0.0 / 0.0"):
        with pytest.raises(ExpressionError):
            ev(source)


@pytest.mark.parametrize(
    "source",
    ["9223372036854775808", "9223372036854775807 + 1", "inputs.big * 2", "sum([inputs.big, 1])"],
)
def test_an_integer_beyond_64_bits_is_named(source: str) -> None:
    """An integer beyond 64 bits is refused by name [EX10]."""
    with pytest.raises(ExpressionError, match="beyond 64 bits"):
        ev(source)


def test_a_variable_beyond_64_bits_is_refused() -> None:
    """Python's own large integers do not get in or out [EX10]."""
    with pytest.raises(ExpressionError):
        ev("inputs.n + 1", inputs={"n": 2**64})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("nodes.skipped.output", None),
        ("nodes.skipped.output.?foo.orValue(1)", 1),
        ("nodes.skipped.?output.?foo.orValue(1)", 1),
        ("nodes.skipped.output.?foo.?bar.orValue('d')", "d"),
        ("nodes.skipped.output.?foo", None),
        ("nodes.skipped.output[?'foo'].hasValue()", False),
        ("previous.?count.orValue(0) + 1", 1),
        ("inputs.?n.orValue(9)", 3),
        ("inputs.?nope.?deeper.orValue(9)", 9),
        ("[{'a': null}, {'a': {'b': 1}}].map(x, x.?a.?b.orValue(0))", [0, 1]),
        ("cel.bind(a, inputs.?nope, a.?b.orValue(7))", 7),
        ("cel.bind(a, inputs.map, a.?z.orValue(7))", 1),
        ("(inputs.yes ? inputs.?map : optional.none()).?z.orValue(0)", 1),
        ("cel.bind(a, 1, inputs.?map).?z.orValue(0)", 1),
        ("default(nodes.skipped.output.foo, 'none')", "none"),
        ("default(inputs.nope, 5)", 5),
        ("default(inputs['nope'], 5)", 5),
        ("default(inputs.nothing, 5)", 5),
        ("default(inputs.n, 1 / 0)", 3),
        ("default(inputs.n + 1, 0)", 4),
        ("default(inputs.?nope, 6)", 6),
        ("default(default(inputs.nope, null), 7)", 7),
        ("optional.of(3)", 3),
        ("optional.none()", None),
        ("inputs.yes ? inputs.?n : optional.none()", 3),
        ("[?inputs.?nope, 1]", [1]),
        ("{'a': inputs.?nope.orValue(null), ?'b': inputs.?n}", {"a": None, "b": 3}),
    ],
)
def test_optional_reading_goes_through_null(source: str, value: object) -> None:
    """The output of a node that did not complete is null and can be read optionally [EX7]."""
    assert ev(source) == value


def test_a_field_of_null_is_an_error_that_says_why() -> None:
    """Reading a field of the output of a skipped node is an error [EX7]."""
    with pytest.raises(ExpressionError) as caught:
        ev("nodes.skipped.output.foo")
    assert "null because skipped did not complete (it is skipped)" in str(caught.value)
    assert ".?foo" in str(caught.value)
    with pytest.raises(ExpressionError, match="null because skipped did not complete"):
        ev("nodes.skipped.output + 1")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("inputs.pathh", "did you mean 'path'"),
        ("inputs.zzz", "inputs has no key 'zzz'; it has"),
        ("inputs.zzz + 1", "inputs has no key 'zzz'"),
        ("inputs.text.length", "inputs.text is text, so it has no field 'length'"),
        ("inputs.text[0]", "inputs.text is text, not a list"),
        ("inputs.list[7]", "has 3 elements, so none at index 7"),
        ("inputs.list[7] + 1", "index 7 is beyond the list, which has 3 elements"),
        ("inputs.list['a']", "inputs.list is a list"),
        ("inputs.list.map(x, x.foo)", "only a map has fields"),
        ("[{'a': 1}].map(x, x.foo)", 'no key "foo"'),
        ("inputs.n + 'a'", "'+' cannot be used with int and text"),
        ("inputs.nothing + 1", "inputs.nothing is null"),
        ("inputs.n ? 1 : 2", "before ? is not true or false"),
        ("inputs.n && true", "'&&' needs true or false"),
        ("inputs.n.map(x, x)", "only a list or a map"),
        ("sum(inputs.n)", "sum does not take int; it is sum(list) -> number"),
        ("sort([1, 'a'])", "element 1 is text, element 0 is an integer"),
        ("range(200).all(a, range(200).all(b, true))", "more than 10 000 steps"),
        ("unique([timestamp('2020-01-01T00:00:00Z')])", "write string("),
        ("int('x')", "cannot convert string to int"),
        ("nodes.log.missing.x", ""),
        ("trigger.x", "trigger has no key 'x'; it has nothing"),
        ("b'abc'", "base64.encode"),
        ("{1: 2}", "keys must be text"),
        ("type(1)", "not a value"),
        ("[inputs.?nope]", "orValue"),
        ("{'a': [inputs.?nope]}", "orValue"),
        ("int(timestamp('2020-01-01T00:00:00Z').getFullYear()) / 0 > inputs.?n.orValue(1)", "zero"),
        ("[timestamp('2020-01-01T00:00:00Z'), type(1)]", "not a value"),
    ],
)
def test_an_error_value_becomes_a_typed_error(source: str, words: str) -> None:
    """Error values of CEL are raised, in words that help [EX17]."""
    with pytest.raises(ExpressionError) as caught:
        ev(source)
    assert words in str(caught.value)


def test_a_variable_that_is_not_given_is_an_error() -> None:
    """What is not known in a place cannot be read there [EX3]."""
    with pytest.raises(ExpressionError, match="item cannot be read here"):
        compile_expression("item", limits=LIMITS).evaluate({})
    with pytest.raises(ExpressionError, match="item cannot be read here"):
        compile_expression("item + 1", limits=LIMITS).evaluate({})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("timestamp('2020-01-01T00:00:00Z')", "2020-01-01T00:00:00Z"),
        ("timestamp('2020-01-01T00:00:00Z') + duration('1.5s')", "2020-01-01T00:00:01.500Z"),
        ("timestamp('2020-01-01T00:00:00.000001Z')", "2020-01-01T00:00:00.000001Z"),
        ("duration('90m')", "5400s"),
        ("duration('-1.5s')", "-1.5s"),
        ("[duration('1s')]", ["1s"]),
    ],
)
def test_times_become_text(source: str, value: object) -> None:
    """Timestamps and durations leave an expression as text [EX1]."""
    assert ev(source) == value


def test_maps_have_one_order() -> None:
    """Keys of a map that is gone through or built come in alphabetical order [EX18]."""
    assert list(ev("{'b': 1, 'a': {'d': 1, 'c': 2}}")) == ["a", "b"]
    assert list(ev("{'b': 1, 'a': {'d': 1, 'c': 2}}")["a"]) == ["c", "d"]
    assert ev("inputs.map.map(k, k)") == ["a", "z"]
    assert ev("inputs.map.map(k, inputs.map[k])") == [2, 1]
    assert ev("keys(inputs.map).map(k, k)") == ["a", "z"]


def test_a_plain_reference_keeps_order_and_object() -> None:
    """A plain reference of 100 000 items is followed, not copied [EX9]."""
    items = [{"z": 1, "a": 2}] * 100_000
    assert ev("inputs.items", inputs={"items": items}) is items
    assert list(ev("inputs.map")) == ["z", "a"]


def test_only_what_is_read_is_copied() -> None:
    """Values that an expression does not read never reach the CEL runtime [EX5]."""
    unreadable: dict[str, Any] = {"n": 1, "other": object()}
    assert ev("inputs.n + 1", inputs=unreadable) == 2
    assert ev("has(inputs.other) && inputs.n == 1", inputs={"n": 1, "other": {}}) is True


def test_compiled_programs_are_cached_within_a_bound() -> None:
    """The same source gives the same program; the number kept is bounded [EX16]."""
    one = compile_expression("inputs.n + 12345", limits=LIMITS)
    assert compile_expression("inputs.n + 12345", limits=LIMITS) is one
    for number in range(compile_module.CACHE_SIZE + 10):
        compile_expression(f"inputs.n{number}", limits=LIMITS)
    info = compile_module._compile.cache_info()
    assert info.currsize == info.maxsize == compile_module.CACHE_SIZE


def test_programs_run_in_several_threads() -> None:
    """A compiled expression is evaluated by several threads at once [EX16]."""
    compiled = compile_expression("sum(inputs.list) + inputs.n", limits=LIMITS)
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(200):
            value = compiled.evaluate({"inputs": {"list": [number], "n": 1}})
            if value != number + 1:
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_kinds_of_compiled_expressions() -> None:
    """Plain references are told from programs."""
    reference = compile_expression("inputs.list[0]", limits=LIMITS)
    program = compile_expression("inputs.in2 + 1", limits=LIMITS)
    assert isinstance(reference, Reference)
    assert reference.is_reference
    assert isinstance(program, Program)
    assert not program.is_reference
    assert program.paths == (("inputs", "in2"),)


def test_reading_a_word_of_cel_is_left_to_cel() -> None:
    """A field called like a literal is no plain reference [EX12]."""
    with pytest.raises(ExpressionError):
        compile_expression("inputs.in", limits=LIMITS)
    assert ev("inputs.as", inputs={"as": 1}) == 1


def test_the_expression_limit_is_a_setting() -> None:
    """An expression over the limit is refused by its size [DO12, DO24]."""
    with pytest.raises(ExpressionError, match="4097 bytes; the limit is 4096"):
        compile_expression("1" + " " * 4096, limits=LIMITS)
    assert compile_expression("1" + " " * 4095, limits=LIMITS).evaluate({}) == 1
    with pytest.raises(ExpressionError, match="the limit is 5"):
        compile_expression("1 + 234", limits=Limits(max_expression_bytes=5))


def test_variables_that_are_not_read_are_not_needed() -> None:
    """An expression says what it reads [EX3]."""
    compiled = compile_expression("nodes.a.output.x + nodes['b'].status + inputs.n", limits=LIMITS)
    assert compiled.node_refs == ("a", "b")
    assert compiled.roots == ("inputs", "nodes")
    assert compile_expression("1 + 1", limits=LIMITS).evaluate({}) == 2
    assert set(VARIABLES) >= set(compiled.roots)

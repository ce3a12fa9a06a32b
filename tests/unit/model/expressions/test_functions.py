# SPDX-License-Identifier: Apache-2.0
"""Our own functions: the catalogue is true, and each refuses what it does not take."""

import json
import time

import pytest

from legato.errors import ExpressionError
from legato.model.expressions.compile import compile_expression
from legato.model.expressions.functions.catalogue import catalogue
from legato.model.expressions.functions.define import Function
from tests.unit.model.expressions.data import LIMITS, ev

FUNCTIONS = list(catalogue().values())


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_every_example_is_true(function: Function) -> None:
    """The example of each function gives the result beside it [EX18]."""
    compiled = compile_expression(function.example, limits=LIMITS)
    assert compiled.evaluate({}) == json.loads(function.result)
    assert compiled.roots == ()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_every_function_is_documented(function: Function) -> None:
    """Each function has a signature with its name, a sentence and a group [EX18]."""
    assert function.signature.startswith(f"{function.name}(")
    assert function.doc.endswith((".", ".)"))
    assert function.group
    assert function.name in function.example


def test_the_list_is_closed() -> None:
    """A function joins the list on purpose, not by an update of a library [EX18]."""
    assert sorted(catalogue()) == [
        "add_time",
        "avg",
        "chunk",
        "count_by",
        "default",
        "duration_ms",
        "entries",
        "first",
        "flatten",
        "format_duration",
        "format_time",
        "from_entries",
        "group_by",
        "hash",
        "index_of",
        "json_parse",
        "json_text",
        "keys",
        "last",
        "length",
        "lines",
        "lower",
        "max",
        "merge",
        "min",
        "omit",
        "pad_end",
        "pad_start",
        "parse_time",
        "pick",
        "pluck",
        "range",
        "reverse",
        "rows",
        "slice",
        "slug",
        "sort",
        "sort_by",
        "sum",
        "unique",
        "upper",
        "values",
        "where",
        "zip",
    ]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("sum([])", 0),
        ("sum([1, 2])", 3),
        ("sum([0.1, 0.2, 0.3])", 0.6),
        ("avg([1, 2, 4.5])", 2.5),
        ("min(['b', 'a'])", "a"),
        ("max([true, false])", True),
        ("range(3)", [0, 1, 2]),
        ("range(2, 4)", [2, 3]),
        ("range(0)", []),
        ("range(5, 0)", []),
        ("first([])", None),
        ("last([])", None),
        ("slice('abcd', 1, 3)", "bc"),
        ("slice([1, 2], 5)", []),
        ("reverse('abc')", "cba"),
        ("index_of([1, 2], 2.0)", 1),
        ("index_of([true], 1)", -1),
        ("unique([1, 1.0, true, 'a', null, null])", [1, True, "a", None]),
        ("unique([{'a': 1, 'b': 2}, {'b': 2.0, 'a': 1}, [1], [1.0]])", [{"a": 1, "b": 2}, [1]]),
        ("sort(['b', 'a'], 'desc')", ["b", "a"]),
        ("sort([])", []),
        ("sort([true, false])", [False, True]),
        (
            "sort_by([{'k': 1, 'n': 1}, {'k': 1, 'n': 2}], 'k', 'desc')",
            [{"k": 1, "n": 1}, {"k": 1, "n": 2}],
        ),
        ("where([{'a': 1}, {'a': 1.0}, {'a': '1'}], 'a', 1)", [{"a": 1}, {"a": 1.0}]),
        (
            "count_by([{'a': 'x'}, {'a': 'y'}, {'a': 'y'}], 'a')",
            [{"count": 2, "key": "y"}, {"count": 1, "key": "x"}],
        ),
        ("zip([1], [])", []),
        ("flatten([])", []),
        ("chunk([], 3)", []),
        ("from_entries([])", {}),
        ("pick({'a': 1}, [])", {}),
        ("omit({'a': 1}, ['zz'])", {"a": 1}),
        ("keys({})", []),
        ("entries({})", []),
        ("values({'b': 1, 'a': [2]})", [[2], 1]),
        ("json_parse('[1, 2.5, null]')", [1, 2.5, None]),
        ("json_text('é')", '"é"'),
        (
            "json_text([timestamp('2020-01-01T00:00:00Z'), duration('1s')])",
            '["2020-01-01T00:00:00Z","1s"]',
        ),
        ("lines('')", []),
        ("lines('\\n')", [""]),
        ("lines('a\\n\\nb')", ["a", "", "b"]),
        ("slug('  Ünïcode & more  ')", "unicode-more"),
        ("slug('!!')", ""),
        ("pad_start('abc', 2)", "abc"),
        ("pad_end('a', 3, '.')", "a.."),
        ("length('abc') + length([1]) + length({'a': 1}) + length(null)", 5),
        ("hash({'b': 1, 'a': 2}) == hash({'a': 2, 'b': 1})", True),
        ("rows('a\\tb\\nc', '\\t', ['x', 'y'])", [{"x": "a", "y": "b"}, {"x": "c", "y": ""}]),
        ("rows('', ',', ['x'])", []),
        ("group_by([], 'a')", []),
    ],
)
def test_functions_at_their_edges(source: str, value: object) -> None:
    """Empty lists, mixed numbers and missing things have a defined result [EX18]."""
    assert ev(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("format_time(0, '%F %T %z %%')", "1970-01-01 00:00:00 +00:00 %"),
        (
            "format_time('2026-03-01', '%Y %y %m %b %B %d %e %j %a %A %u')",
            "2026 26 03 Mar March 01 1 060 Sun Sunday 7",
        ),
        (
            "format_time('2026-01-01T13:05:09.123456Z', '%G-%V %H %I %p %M %S %L %f %s')",
            "2026-01 13 01 PM 05 09 123 123456 1767272709",
        ),
        (
            "format_time(timestamp('2026-07-01T00:00:00Z'), '%H:%M %z', 'Europe/Berlin')",
            "02:00 +02:00",
        ),
        ("format_time(0, '%H:%M', '-05:30')", "18:30"),
        ("parse_time('1970-01-01T00:00:01.5+00:00')", 1500),
        ("parse_time('1970-01-01T01:00:00+01:00')", 0),
        ("parse_time('31.01.1970 10:00', '%d.%m.%Y %H:%M')", 2_628_000_000),
        ("parse_time('1970-01-01 +0100', '%Y-%m-%d %z')", -3_600_000),
        ("parse_time(timestamp('1970-01-01T00:00:01Z'))", 1000),
        ("parse_time(5)", 5),
        ("add_time(0, '-1d')", "1969-12-31T00:00:00Z"),
        ("add_time(0, 1500)", "1970-01-01T00:00:01.500Z"),
        ("duration_ms('2d')", 172_800_000),
        ("format_duration(0)", "0s"),
        ("format_duration(-90061001)", "-1d1h1m1s1ms"),
    ],
)
def test_functions_of_time(source: str, value: object) -> None:
    """Times and durations are read and written without a clock [EX18]."""
    assert ev(source) == value


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("avg([])", "the list is empty"),
        ("min([])", "empty"),
        ("max([])", "empty"),
        ("sum([1, 'a'])", "element 1 is text, not a number"),
        ("sum([true])", "true or false"),
        ("sort([1, [2]])", "element 1 is a list"),
        ("sort([null])", "element 0 is null"),
        ("sort([1], 'up')", "'asc' or 'desc'"),
        ("sort_by([1], 'a')", "not a map"),
        ("sort_by([{'a': 1}], 'b')", "no field 'b'; it has a"),
        ("pluck([{}], 'a')", "it has nothing"),
        ("range(200000)", "more than 100000"),
        ("range(0, 10, 0)", "step is 0"),
        ("range(0, 9223372036854775807)", "more than"),
        ("pad_start('a', 1000000)", "over the limit"),
        ("pad_end('a', 3, 'ab')", "one character"),
        ("chunk([1], 0)", "1 or more"),
        ("from_entries([1])", "element 0"),
        ("from_entries([[1, 2]])", "the key of element 0 is an integer"),
        ("keys({1: 2})", "keys must be text"),
        ("pick({}, [1])", "list of texts"),
        ("json_parse('{')", "not valid JSON"),
        ('json_parse(\'{"a":1,"a":2}\')', "twice"),
        ("json_parse('9223372036854775808')", "64 bits"),
        ("json_text(b'a')", "bytes"),
        ("json_text({1: 2})", "keys must be text"),
        ("unique([b'a'])", "bytes"),
        ("pluck([{'ä': 1}], 'ö')", "no field 'ö'; it has ä"),
        ("rows('a', '', ['x'])", "separator is empty"),
        ("rows('a', ',', [])", "at least one"),
        ("rows('a', ',', ['x', 'x'])", "twice"),
        ("rows('a', ',', [1])", "list of texts"),
        ("format_time('soon', '%F')", "no time"),
        ("format_time(0, '%Q')", "unknown code %Q"),
        ("format_time(0, '%')", "unknown code %"),
        ("format_time(0, '%F', 'Mars/Base')", "no time zone"),
        ("format_time(0, '%F', '../../etc/passwd')", "no time zone"),
        ("format_time(9223372036854775807, '%F')", "beyond the years"),
        ("format_time('9999-12-31T23:59:59Z', '%F', '+23:59')", "beyond the years"),
        ("format_time(0, '" + "x" * 1001 + "')", "longer than"),
        ("parse_time('x', '%Y')", "does not match"),
        ("parse_time('x', '%Q')", "unknown code %Q"),
        ("add_time('9999-12-31', '20d')", "beyond the years"),
        ("duration_ms('soon')", "no duration"),
        ("add_time(0, 'x')", "no duration"),
    ],
)
def test_functions_refuse_what_they_do_not_take(source: str, words: str) -> None:
    """Functions are strict: a wrong element is named, nothing is guessed [EX17, EX18]."""
    with pytest.raises(ExpressionError) as caught:
        ev(source)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "unique(inputs.l)",
        "sort(inputs.l)",
        "sum(inputs.l)",
        "count_by(inputs.m, 'a')",
        "pluck(inputs.m, 'a')",
        "where(inputs.m, 'a', 3)",
        "group_by(inputs.m, 'b')",
        "zip(inputs.l, inputs.l)",
        "flatten([inputs.l])",
        "chunk(inputs.l, 10)",
        "lines(inputs.t)",
        "json_text(inputs.l)",
        "index_of(inputs.l, -1)",
    ],
)
def test_functions_are_linear(source: str) -> None:
    """An element of a long list costs what one of a short list does [EX9, EX18]."""

    def run(count: int) -> float:
        values = {
            "l": list(range(count)),
            "m": [{"a": number % 97, "b": number} for number in range(count)],
            "t": "line\n" * count,
        }
        compiled = compile_expression(source, limits=LIMITS)
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            compiled.evaluate({"inputs": values})
            best = min(best, time.process_time() - start)
        return best / count

    assert run(40_000) < 8 * run(2_000) + 1e-6


def test_patterns_are_matched_in_linear_time() -> None:
    """A pattern that makes other engines back-track for ever is harmless [EX18]."""
    start = time.process_time()
    assert ev("inputs.t.matches('(a+)+$')", inputs={"t": "a" * 60_000 + "b"}) is False
    assert time.process_time() - start < 1
    with pytest.raises(ExpressionError):
        ev("'a'.matches('(((a{100}){100}){100})')")

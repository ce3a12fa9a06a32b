# SPDX-License-Identifier: Apache-2.0
"""What does not compile, with its place; and what cannot be reached."""

import pytest

from legato.errors import ExpressionError
from legato.model.expressions.compile import compile_expression
from tests.unit.model.expressions.data import LIMITS, VARIABLES


def refused(source: str) -> ExpressionError:
    """Return the error of an expression that must not compile."""
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source, limits=LIMITS)
    return caught.value


@pytest.mark.parametrize(
    ("source", "place", "words"),
    [
        ("1 +", (1, 4), "ends too early"),
        ("1 +\n  )", (2, 3), "unexpected ')'"),
        ("a b", (1, 3), "unexpected 'b'"),
        ("inputs.", (1, 8), "unexpected '.'"),
        ("'abc", (1, 1), "not closed"),
        ("inputs.n # 2", (1, 10), "unexpected '#'"),
        ("for", (1, 1), "reserved word"),
        ("1 + for", (1, 5), "reserved word"),
        ("1 + inputs.n + secrets.x", (1, 16), "cannot read secrets"),
        ("1 + nope", (1, 5), "no variable or function 'nope'"),
        ("inputs.n - my_value", (1, 12), "no variable or function 'my_value'"),
        ("nodes.my-id", (1, 10), "dash is a subtraction"),
        ("'a' + 1", (1, 5), "'+' cannot be used with text and int"),
        ("sum(1)", (1, 4), "sum does not take int"),
        ("sum()", (1, 1), "sum does not take these arguments"),
        ("inputs?.n", (1, 10), ".?"),
        ("{{7*7}}", (1, 6), "unexpected '}'"),
        ("${{ 1 }}", (1, 1), ""),
        ("google.protobuf.Value{}", (1, 1), "messages cannot be built"),
        ("1 + nodes", (1, 5), "named as nodes.<id>"),
        ("nodes[inputs.n]", (1, 1), "named as nodes.<id>"),
        ("nodes", (1, 1), "named as nodes.<id>"),
        ("1 + nodes.log.outputs", (1, 5), "it has output, status, error, errors"),
        ("inputs.list.map(inputs, inputs)", (1, 1), "choose another name"),
        ("cel.bind(item, 1, item)", (1, 10), "choose another name"),
        ("   ", (1, 1), "empty"),
        ("''.length", (1, 3), ""),
        ("18446744073709551616u", (1, 1), "64 bits"),
        ("dyn(1).foo()", None, "no variable or function 'foo'"),
    ],
)
def test_the_place_and_the_reason_are_named(
    source: str, place: tuple[int, int] | None, words: str
) -> None:
    """A fault names line, column and what was expected [DO3]."""
    error = refused(source)
    assert words in str(error)
    if place is not None:
        assert error.place == place


@pytest.mark.parametrize(
    ("source", "near"),
    [
        ("sume(inputs.n)", "sum"),
        ("input.n", "inputs"),
        ("sortBy([1], 'a')", "sort_by"),
        ("nodes.log.outptu", "output"),
        ("'a'.lowerASCII()", "lowerAscii"),
    ],
)
def test_the_nearest_name_is_offered(source: str, near: str) -> None:
    """A misspelt function or variable is met with the nearest one [DO3]."""
    assert refused(source).nearest == near


@pytest.mark.parametrize(
    "source",
    [
        "now()",
        "random()",
        "uuid()",
        "secrets.token",
        "env.HOME",
        "open('/etc/passwd')",
        "import('os')",
        "print(1)",
        "getenv('HOME')",
        "math.random()",
        "exec('id')",
    ],
)
def test_there_is_no_clock_no_chance_and_no_world(source: str) -> None:
    """There is no name for the clock, chance, secrets or the machine [EX3]."""
    refused(source)


# Published escapes from n8n (CVE-2025-68613, CVE-2026-1470, CVE-2026-25049, CVE-2026-27577), Jinja,
# JavaScript and Python sandboxes, and the same ideas in the words of CEL.
ATTACKS = [
    "this.constructor.constructor('return process')()",
    "inputs.constructor.constructor('return process')()",
    "(function(){return this.process.mainModule.require('child_process').execSync('id')})()",
    "inputs.text.constructor",
    "''.constructor.constructor('return this')()",
    "`${inputs.constructor}`",
    "inputs[`__proto__`]",
    "inputs['__proto__']['polluted']",
    "Object.getPrototypeOf(inputs)",
    "process.env",
    "globalThis.process",
    "require('fs')",
    "$input.constructor",
    "$workflow.id",
    "={{ 7*7 }}",
    "{{ 7*7 }}",
    "#{7*7}",
    "<%= 7*7 %>",
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__[1].__subclasses__()",
    "inputs.__class__",
    "inputs.text.__class__.__mro__",
    "inputs.list.__class__",
    "inputs.__init__.__globals__",
    "nodes.__class__.output",
    "nodes.log.__dict__",
    "nodes.log.output.__class__",
    "item.__class__.__base__",
    "run.__reduce__",
    "inputs['__class__']",
    "inputs.list['__len__']",
    "inputs.?__class__",
    "has(inputs.__class__)",
    "cycler.__init__.__globals__.os.popen('id').read()",
    "self._TemplateReference__context",
    "lipsum.__globals__['os'].popen('id').read()",
    "config.items()",
    "request.application",
    "__import__('os').system('id')",
    "eval('1')",
    "exec('1')",
    "compile('1','','eval')",
    "globals()",
    "locals()",
    "vars()",
    "dir()",
    "getattr(inputs, '__class__')",
    "inputs.get('n')",
    "inputs.keys()",
    "inputs.text.format.__globals__",
    "inputs.text.encode()",
    "'{0.__class__}'.format([inputs])",
    "'%(x)s'.format([inputs])",
    "'{}'.format(inputs)",
    "[].__class__",
    "{}.__class__",
    "null.__class__",
    "1.__class__",
    "true.__class__",
    "type(inputs).__name__",
    "type(1).mro()",
    "dyn(inputs).__class__",
    "cel.__class__",
    "optional.of(inputs).__class__",
    "json_parse.__globals__",
    "sum.__code__",
    "keys.__self__",
    "google.protobuf.Any{type_url: 'x'}",
    "google.api.expr.v1alpha1.Expr{}",
    "sum.call(1)",
    "inputs.list.map(__class__, __class__)",
    "inputs.list.map(x, x.__class__)",
    "@result",
    "#unused",
    "__result__",
    "json_text(inputs).__class__",
    "lines('a').__class__",
    "first([inputs]).__class__",
    "values(inputs).__class__",
    "merge({}, {}).__init__",
]


@pytest.mark.parametrize("source", ATTACKS)
def test_published_escapes_give_a_value_or_a_typed_error(source: str) -> None:
    """No published escape reaches anything but data [EX19]."""
    try:
        value = compile_expression(source, limits=LIMITS).evaluate(VARIABLES)
    except ExpressionError:
        return
    assert value in (None, False, True) or isinstance(value, int | str | list | dict)
    assert "<" not in str(value), "an object of the interpreter was printed"
    assert "function" not in str(value)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 500 + "1" + ")" * 500,
        "[" * 500 + "]" * 500,
        "{1:" * 500 + "1" + "}" * 500,
        "inputs" + ".a" * 500 + " + 1",
        "1" + " + 1" * 500,
        "true ? 1 : " * 300 + "1",
        "size(" * 400 + "''" + ")" * 400,
        "[1].map(x, " * 200 + "1" + ")" * 200,
        "inputs.?a" + ".optMap(x, x)" * 28,
        "inputs.?a" + ".optFlatMap(x, optional.of(x))" * 28,
        "inputs.?a" + ".optMap(x, x)" * 14,
        "]" * 4000,
        "'" * 4001,
    ],
)
def test_expressions_that_are_bombs_for_the_parser_are_refused(source: str) -> None:
    """Depth and macros that double are refused before they cost anything [EX18]."""
    refused(source)


def test_deep_but_harmless_expressions_work() -> None:
    """Long expressions within the limits compile [EX1]."""
    assert compile_expression("true" + " && true" * 400, limits=LIMITS).evaluate({}) is True
    assert compile_expression("-" * 400 + "1", limits=LIMITS).evaluate({}) == 1
    source = "inputs.?a" + ".optMap(x, x)" * 3
    assert compile_expression(source, limits=LIMITS).evaluate({"inputs": {"a": 1}}) == 1


def test_a_tree_over_the_limits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree with too many nodes is refused [EX18]."""
    monkeypatch.setattr("legato.model.expressions.syntax.NODES_MAX", 10)
    assert "too complex" in str(refused("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 98765]"))


def test_text_that_is_no_unicode_is_refused() -> None:
    """Lone surrogates and NUL are refused by name [DO7]."""
    assert "surrogate" in str(refused("'\ud800'"))
    assert "NUL" in str(refused("'\x00'"))

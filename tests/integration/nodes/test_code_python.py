# SPDX-License-Identifier: Apache-2.0
"""code.python with a real interpreter in a real box."""

from typing import Any

import pytest

from legato.nodes import code
from tests.support.box import allow_code
from tests.unit.nodes.world import World

pytestmark = pytest.mark.linux


@pytest.fixture(autouse=True)
def granted(world: World) -> None:
    """Allow code to run."""
    allow_code(world)


@pytest.mark.parametrize(
    ("text", "given", "output"),
    [
        ("def main(input):\n    return {'sum': sum(input)}", [1, 2, 3], {"sum": 6}),
        ("output = input['a'].upper()", {"a": "ü"}, "Ü"),
        ("output = 1\ndef main(input):\n    return 2", None, 2),
        ("output = None", None, None),
        ("import statistics\noutput = statistics.median(input)", [1, 5, 9], 5),
        ("output = (1, 2.5, True)", None, [1, 2.5, True]),
        ("import asyncio\nasync def f():\n    return 5\noutput = asyncio.run(f())", None, 5),
        ("open('a', 'w').write('x')\noutput = open('a').read()", None, "x"),
        ("output = len(input)", "x" * 3_000_000, 3_000_000),
    ],
)
async def test_code_gets_json_and_gives_json(
    world: World, text: str, given: Any, output: Any
) -> None:
    """`main(input)` or the variable `output` is the output, with its type [ND60]."""
    assert await world.output(code.python, {"code": text, "input": given}) == output


async def test_what_code_prints_goes_to_the_log(world: World) -> None:
    """Prints, however they are made, are lines of the log and no part of the output [ND60]."""
    text = (
        "import os, sys\nprint('one')\nos.write(1, b'two\\n')\nsys.stderr.write('three')\noutput=4"
    )
    assert await world.output(code.python, {"code": text}) == 4
    assert world.logs.texts == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\nx / 0", "line 2: ZeroDivisionError: division by zero"),
        ("def main(input):\n    return helper()\n\ndef helper():\n    return [][1]",
         "line 5: IndexError: list index out of range"),
        ("def f(:\n    pass", "line 1: SyntaxError"),
        ("import json\njson.loads('{')", "line 2: JSONDecodeError"),
        ("import numpy", "line 1: ModuleNotFoundError: No module named 'numpy'"),
        ("import legato", "line 1: ModuleNotFoundError: No module named 'legato'"),
        ("import pip", "line 1: ModuleNotFoundError: No module named 'pip'"),
        ("x = 1", "neither a function main(input) nor a variable output"),
        ("import sys\nsys.exit('bye')", "line 2: SystemExit: bye"),
        ("def main():\n    return 1", "TypeError: main() takes 0 positional arguments"),
        ("class E(Exception):\n    def __str__(self):\n        raise self\nraise E",
         "E (its message cannot be shown)"),
        ("raise ValueError('x' * 10**6)", "ValueError: xxxxx"),
    ],
)  # fmt: skip
async def test_an_exception_says_what_and_where(world: World, text: str, says: str) -> None:
    """A failure of the code names its line; the traceback's last lines are logged [ND62]."""
    error = await world.error(code.python, {"code": text})
    assert error.kind == "code_error"
    assert says in error.message
    assert (error.may_have_happened, error.retryable) == (False, False)


async def test_the_traceback_in_the_log_shows_the_authors_lines(world: World) -> None:
    """The line of code stands in the log, none of the harness does [ND62]."""
    config = {"code": "def main(input):\n    return input['missing']", "input": {}}
    await world.error(code.python, config)
    text = "\n".join(world.logs.texts)
    assert "return input['missing']" in text
    assert "KeyError: 'missing'" in text
    assert "<string>" not in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("output = {'a': [1, float('nan')]}", "$.a[1] is nan"),
        ("output = float('inf')", "$ is inf"),
        ("output = [{1, 2}]", "$[0] is a set"),
        ("output = {'k': object()}", "$.k is a object"),
        ("output = b'bytes'", "$ is a bytes"),
        ("output = {(1, 2): 3}", "keys must be text"),
        ("a = []\na.append(a)\noutput = a", "holds itself"),
        ("output = []\nfor _ in range(5000):\n    output = [output]", "deeper than 64 levels"),
        ("output = []\nfor _ in range(90):\n    output = [output]", "deeper than 64 levels"),
        ("output = 2 ** 70", "an integer beyond 64 bits"),
        ("output = 'a\\0b'", "NUL"),
        ("output = '\\ud800'", "surrogate"),
        ("async def main(input):\n    return 1", "$ is a coroutine"),
    ],
)
async def test_what_is_no_strict_json_is_no_output(world: World, text: str, says: str) -> None:
    """NaN, cycles, sets and the like fail the node by name and place [ND62]."""
    error = await world.error(code.python, {"code": text})
    assert error.kind == "invalid_output"
    assert says in error.message


async def test_an_output_over_the_limit_is_refused(world: World) -> None:
    """100 MB of output are not held in memory [ND62]."""
    error = await world.error(code.python, {"code": "output = 'x' * 10**8", "memory_mb": 1_024})
    assert (error.kind, error.retryable) == ("output_too_large", False)

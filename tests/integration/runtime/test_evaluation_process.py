# SPDX-License-Identifier: Apache-2.0
"""The helper process: real processes, real bombs."""

import asyncio
import json
import os

import pytest

from legato.errors import ExpressionError
from legato.runtime.evaluation_process import EvaluationProcesses


def template(expression: str) -> bytes:
    """Return a template that is one hole."""
    return json.dumps("${{ " + expression + " }}").encode()


async def test_a_comprehension_is_evaluated_outside_the_engine() -> None:
    """Macros give their value through the helper process [EX5]."""
    processes = EvaluationProcesses()
    try:
        source = template("inputs.l.filter(x, x > 1).map(x, x * 10)")
        assert await processes.evaluate(source, b'{"inputs":{"l":[1,2,3]}}') == b"[20,30]"
    finally:
        await processes.close()


async def test_an_expression_that_takes_too_long_is_killed_and_the_next_one_works() -> None:
    """A helper over its time is killed; the engine and the next expression live on [EX6]."""
    processes = EvaluationProcesses(timeout_s=0.2)
    try:
        slow = template("inputs.l.map(x, x + 1)")
        with pytest.raises(ExpressionError, match=r"took longer than 0\.2 s"):
            await processes.evaluate(
                slow, json.dumps({"inputs": {"l": list(range(9_000))}}).encode()
            )
        assert await processes.evaluate(template("1 + 1"), b"{}") == b"2"
    finally:
        await processes.close()


async def test_an_expression_that_needs_too_much_memory_ends_as_an_error() -> None:
    """A value that grows without bound is stopped at the memory limit [EX6]."""
    processes = EvaluationProcesses(timeout_s=20)
    try:
        bomb = template("inputs.s" + ".replace('a', inputs.s)" * 2)
        with pytest.raises(ExpressionError, match="memory"):
            await processes.evaluate(bomb, json.dumps({"inputs": {"s": "a" * 3000}}).encode())
        assert await processes.evaluate(template("1 + 1"), b"{}") == b"2"
    finally:
        await processes.close()


async def test_a_helper_that_dies_fails_one_expression_only() -> None:
    """A killed helper is replaced [EX6]."""
    processes = EvaluationProcesses()
    try:
        assert await processes.evaluate(template("1 + 1"), b"{}") == b"2"
        (helper,) = processes._live
        os.kill(helper.pid, 9)
        await helper.wait()
        assert await processes.evaluate(template("2 + 1"), b"{}") == b"3"
    finally:
        await processes.close()


async def test_an_error_value_becomes_an_error() -> None:
    """What CEL reports as a value arrives as an error that names the place [EX17]."""
    processes = EvaluationProcesses()
    try:
        with pytest.raises(ExpressionError, match="nope"):
            await processes.evaluate(template("inputs.nope.x"), b'{"inputs":{"a":1}}')
    finally:
        await processes.close()


async def test_more_requests_than_helpers_wait_their_turn() -> None:
    """Evaluations at once are bounded by the number of helpers [EN19]."""
    processes = EvaluationProcesses(count=2)
    try:
        answers = await asyncio.gather(
            *[processes.evaluate(template(f"{i} + 1"), b"{}") for i in range(20)]
        )
        assert answers == [str(i + 1).encode() for i in range(20)]
        assert len(processes._live) <= 2
    finally:
        await processes.close()

# SPDX-License-Identifier: Apache-2.0
"""Nodes that try to take the engine along."""

import asyncio
import os
import sys
import time
import warnings
from typing import Any

import pytest

from legato.model.signals import ReportCancelled, ReportFailure, ReportLost, ReportSuccess
from legato.ports.node import NodeContext, NodeType, node
from legato.runtime.attempt.request import RunnerOptions
from tests.unit.nodes import samples
from tests.unit.nodes.world import World, request


async def test_others_go_on_while_nodes_fail_in_every_way(world: World) -> None:
    """BaseException, exit, NaN, 100 MB and a dying process hurt nobody else [ND6, ND9]."""
    for each in (samples.echo, samples.raise_it, samples.bad_output, samples.die,
                 samples.raise_in_thread, samples.hang):  # fmt: skip
        world.types[each.info.uses] = each
    runner = world.runner()
    bad = [
        request(samples.raise_it, {"value": "exit"}, item=1),
        request(samples.raise_it, {"value": "base"}, item=2),
        request(samples.raise_it, {"value": "interrupt"}, item=3),
        request(samples.raise_in_thread, {"value": "exit"}, item=4),
        request(samples.bad_output, {"value": "nan"}, item=5),
        request(samples.bad_output, {"value": "huge"}, item=6),
        request(samples.die, {"value": "segfault"}, item=7, isolated=True),
        request(samples.hang, {}, item=8, timeout_ms=100),
    ]
    good = [request(samples.echo, {"value": n}, item=100 + n) for n in range(50)]
    reports = await asyncio.gather(*(runner.run(each) for each in [*bad, *good]))
    kinds = [type(report) for report in reports]
    assert kinds[:8] == [ReportFailure] * 6 + [ReportLost, ReportFailure]
    assert kinds[8:] == [ReportSuccess] * 50
    assert runner.running == 0


async def test_a_node_that_patches_its_streams_and_exits_is_contained(world: World) -> None:
    """`sys.exit` and hooks of a node do not reach the engine [ND6]."""
    before = sys.excepthook

    @node("test.hooks", title="Hooks")
    async def hooks(ctx: NodeContext, config: samples.Plain) -> None:
        """Exit with a text, which an interpreter would print."""
        sys.exit("bye")

    error = await world.error(hooks, {})
    assert error.message == "SystemExit: bye"
    assert sys.excepthook is before


@node("test.swallow", title="Swallow")
async def swallow(ctx: NodeContext, config: samples.Plain) -> Any:
    """Swallow every exception that arrives, for ever."""
    ctx.log("hanging")
    while True:
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ctx.log(f"swallowed {type(error).__name__}")
            if isinstance(error, GeneratorExit):
                raise


async def test_a_node_that_swallows_everything_is_given_up(world: World) -> None:
    """Its coroutine is closed when the grace is over, and the attempt ends [EN12]."""
    world.types["test.swallow"] = swallow
    runner = world.runner()
    asked = request(swallow, {})
    attempt = asyncio.ensure_future(runner.run(asked))
    await world.heard("hanging")
    runner.stop(asked.key)
    report = await attempt
    assert isinstance(report, ReportCancelled)
    assert report.outcome_unknown is True
    assert await world.heard("swallowed GeneratorExit")


@node("test.refuse_to_close", title="Refuse to close")
async def refuse_to_close(ctx: NodeContext, config: samples.Plain) -> Any:
    """Wait again while being closed."""
    for _ in range(3):
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ctx.log(f"swallowed {type(error).__name__}")


async def test_a_node_that_refuses_to_be_closed_is_forgotten(world: World) -> None:
    """Not even that holds the attempt [EN12]."""
    world.options = RunnerOptions(cancel_grace_s=0.05)
    error = await world.error(refuse_to_close, {}, timeout_ms=50)
    assert error.kind == "timeout"
    assert await world.heard("swallowed GeneratorExit")


async def test_logging_without_end_does_not_fill_the_memory(world: World) -> None:
    """A flood of lines is counted, bounded and does not stop the node [EN19]."""
    world.limit(max_log_lines_per_attempt=100)

    @node("test.spam", title="Spam")
    async def spam(ctx: NodeContext, config: samples.Plain) -> str:
        """Log a hundred thousand lines."""
        for _ in range(100_000):
            ctx.log("spam")
        return "done"

    assert await world.output(spam, {}) == "done"
    assert len(world.logs.lines) == 101


async def test_nodes_that_wait_for_odd_things_get_the_error_themselves(world: World) -> None:
    """Awaiting what is no future is the node's own mistake [ND6]."""

    class Odd:
        def __await__(self) -> Any:
            yield "not a future"

    @node("test.odd", title="Odd")
    async def odd(ctx: NodeContext, config: samples.Plain) -> str:
        """Wait for something odd."""
        try:
            await Odd()
        except AttributeError:
            return "caught"
        return "not caught"

    assert await world.output(odd, {}) == "caught"


def _fork() -> int:
    with warnings.catch_warnings():  # newer Pythons warn of what is tried here
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


@node("test.fork_and_return", title="Fork and return")
async def fork_and_return(ctx: NodeContext, config: samples.Plain) -> dict[str, int]:
    """Come back twice: here and in a copy of the engine."""
    return {"pid": _fork()}


@node("test.fork_in_thread", title="Fork in a thread")
def fork_in_thread(ctx: NodeContext, config: samples.Plain) -> dict[str, int]:
    """Do the same in a thread."""
    return {"pid": _fork()}


@pytest.mark.linux
@pytest.mark.parametrize("each", [fork_and_return, fork_in_thread], ids=["loop", "thread"])
async def test_a_copy_of_the_engine_ends_where_it_would_act_as_one(
    world: World, each: NodeType
) -> None:
    """A node that forks and returns twice completes once; its copy is gone [ND9]."""
    output = await world.output(each, {})
    assert output["pid"] > 0
    _, status = await asyncio.to_thread(os.waitpid, output["pid"], 0)
    assert status == 0


@node("test.blocking", title="Block the loop")
async def blocking(ctx: NodeContext, config: samples.Plain) -> str:
    """Hold the loop for longer than the time-out, which cannot strike meanwhile."""
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        pass
    return "done"


async def test_a_node_that_holds_the_loop_past_its_time_out_has_timed_out(world: World) -> None:
    """What the time-out could not interrupt is not taken for a success [AT18, ND9]."""
    error = await world.error(blocking, {}, timeout_ms=50)
    assert error.kind == "timeout"
    assert await world.output(blocking, {}, timeout_ms=60_000) == "done"

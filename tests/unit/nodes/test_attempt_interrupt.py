# SPDX-License-Identifier: Apache-2.0
"""Stopping attempts and running out of time."""

import asyncio
from typing import Any

import pytest

from legato.model.signals import ReportCancelled, ReportFailure, ReportSuccess
from legato.ports.node import NodeContext, NodeType, node
from legato.runtime.attempt.request import Report, RunnerOptions
from legato.runtime.attempt.runner import AttemptRunner
from tests.unit.nodes import samples
from tests.unit.nodes.world import World, request

SHORT_GRACE = RunnerOptions(cancel_grace_s=0.05)


class Stopped:
    """An attempt that was begun and then asked to stop."""

    def __init__(self, runner: AttemptRunner, report: Report, took_s: float) -> None:
        self.runner = runner
        self.report = report
        self.took_s = took_s


async def stop_it(world: World, node_type: NodeType, **changes: Any) -> Stopped:
    """Begin an attempt, wait until it says that it hangs, and stop it."""
    world.types[node_type.info.uses] = node_type
    runner = world.runner()
    asked = request(node_type, {}, **changes)
    attempt = asyncio.ensure_future(runner.run(asked))
    await world.heard("hanging")
    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert runner.stop(asked.key)
    report = await attempt
    return Stopped(runner, report, loop.time() - begin)


async def test_an_async_node_is_cancelled_at_once(world: World) -> None:
    """Stopping an async node cancels what it waits for [EN12]."""
    stopped = await stop_it(world, samples.hang)
    assert isinstance(stopped.report, ReportCancelled)
    assert stopped.report.outcome_unknown is False
    assert stopped.took_s < 0.5
    assert stopped.runner.running == 0


async def test_cancelling_a_non_idempotent_attempt_leaves_its_outcome_unknown(
    world: World,
) -> None:
    """What may have happened is said [AT13]."""
    stopped = await stop_it(world, samples.hang, effect="non_idempotent")
    assert isinstance(stopped.report, ReportCancelled)
    assert stopped.report.outcome_unknown is True


async def test_a_node_that_swallows_its_cancellation_is_left_behind(world: World) -> None:
    """After the grace the attempt ends without the node, even if it waits for a task that
    refuses [EN12].
    """
    world.options = SHORT_GRACE
    stopped = await stop_it(world, samples.stubborn)
    assert isinstance(stopped.report, ReportCancelled)
    assert stopped.report.outcome_unknown is True
    assert 0.05 <= stopped.took_s < 1.0
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if "inner" in repr(task):
            task.get_coro().close()
            task._log_destroy_pending = False  # type: ignore[attr-defined]


async def test_a_thread_that_looks_ends_by_itself(world: World) -> None:
    """A synchronous node sees the cancellation, and what it returns then is no output
    [EN12].
    """
    samples.LET_GO.clear()
    stopped = await stop_it(world, samples.polite_thread)
    assert isinstance(stopped.report, ReportCancelled)
    assert stopped.report.outcome_unknown is False
    assert stopped.runner.abandoned_threads == 0


async def test_a_thread_that_never_looks_is_given_up_after_the_grace(world: World) -> None:
    """The result of a thread that does not end is dropped within 2 s [EN12]."""
    samples.LET_GO.clear()
    world.options = SHORT_GRACE
    try:
        stopped = await stop_it(world, samples.hang_thread)
        assert isinstance(stopped.report, ReportCancelled)
        assert stopped.report.outcome_unknown is True
        assert stopped.took_s < 2.0
        assert stopped.runner.abandoned_threads == 1
    finally:
        samples.LET_GO.set()


async def test_a_thread_that_finishes_within_the_grace_has_succeeded(world: World) -> None:
    """A whole result of a node that never saw the wish to stop counts [EN12]."""
    samples.LET_GO.clear()
    world.types["test.hang_thread"] = samples.hang_thread
    runner = world.runner()
    asked = request(samples.hang_thread, {})
    attempt = asyncio.ensure_future(runner.run(asked))
    await world.heard("hanging")
    runner.stop(asked.key)
    await asyncio.sleep(0)
    samples.LET_GO.set()
    assert isinstance(await attempt, ReportSuccess)


async def test_stop_reaches_an_attempt_before_its_first_step(world: World) -> None:
    """From the call of `run` on an attempt can be stopped; its node is not entered [EN12]."""
    world.types["test.hang"] = samples.hang
    runner = world.runner()
    asked = request(samples.hang, {}, effect="non_idempotent")
    attempt = asyncio.ensure_future(runner.run(asked))
    assert runner.stop(asked.key)
    assert runner.stop(asked.key)
    report = await attempt
    assert isinstance(report, ReportCancelled)
    assert report.outcome_unknown is False
    await world.sink.flush()
    assert world.logs.lines == []
    assert not runner.stop(asked.key)


async def test_a_timeout_is_a_failure_of_its_own_kind(world: World) -> None:
    """The attempt fails `timeout`; what it did may have happened [AT18]."""
    error = await world.error(samples.hang, {}, timeout_ms=20)
    assert (error.kind, error.may_have_happened, error.retryable) == ("timeout", True, True)
    assert "20 ms" in error.message


async def test_a_timeout_of_a_thread_ends_it_after_the_grace(world: World) -> None:
    """A synchronous node out of time fails `timeout`, whatever it returns later [AT18]."""
    samples.LET_GO.clear()
    world.options = SHORT_GRACE
    try:
        error = await world.error(samples.hang_thread, {}, timeout_ms=20)
        assert error.kind == "timeout"
        polite = await world.error(samples.polite_thread, {}, timeout_ms=20)
        assert polite.kind == "timeout"
    finally:
        samples.LET_GO.set()


async def test_a_node_within_its_timeout_is_not_disturbed(world: World) -> None:
    """A time-out that is not reached leaves no trace [AT18]."""
    assert await world.output(samples.echo, {"value": 1}, timeout_ms=60_000) == 1


@node("test.own_timeout", title="Own timeout")
async def own_timeout(ctx: NodeContext, config: samples.Plain) -> str:
    """Run out of a time of its own, and go on."""
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        ctx.log("my own")
    async with asyncio.TaskGroup() as group:
        one = group.create_task(asyncio.sleep(0, "one"))
        two = group.create_task(asyncio.sleep(0, "two"))
    both = await asyncio.gather(asyncio.sleep(0, "three"), asyncio.sleep(0, "four"))
    return " ".join([one.result(), two.result(), *both])


async def test_time_limits_and_groups_inside_a_node_work(world: World) -> None:
    """A node may use asyncio as in any task [ND3]."""
    assert await world.output(own_timeout, {}) == "one two three four"


@node("test.cleanup", title="Cleanup")
async def cleanup(ctx: NodeContext, config: samples.Plain) -> None:
    """Tidy up when cancelled, with waits in it."""
    try:
        ctx.log("hanging")
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        ctx.log("tidy")


async def test_a_cancelled_node_may_tidy_up(world: World) -> None:
    """Between the cancellation and the end of the grace a node may still wait [EN12]."""
    stopped = await stop_it(world, cleanup)
    assert isinstance(stopped.report, ReportCancelled)
    assert await world.heard("tidy") == "tidy"


@node("test.last_word", title="Last word")
async def last_word(ctx: NodeContext, config: samples.Plain) -> None:
    """Fail while it is being cancelled."""
    try:
        ctx.log("hanging")
        await asyncio.Event().wait()
    finally:
        raise ValueError("could not tidy up")


async def test_a_failure_during_cancellation_is_the_cancellation(world: World) -> None:
    """Once told to stop, what a node raises is how it stopped [EN12]."""
    stopped = await stop_it(world, last_word)
    assert isinstance(stopped.report, ReportCancelled)


async def test_tearing_the_engine_down_passes_through(world: World) -> None:
    """A cancellation that is not ours reaches the node and leaves no report [EN14]."""
    world.types["test.hang"] = samples.hang
    runner = world.runner()
    attempt = asyncio.ensure_future(runner.run(request(samples.hang, {})))
    await world.heard("hanging")
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert runner.running == 0


async def test_tearing_down_does_not_wait_for_a_thread(world: World) -> None:
    """A thread in work does not hold the engine's end up [EN14]."""
    samples.LET_GO.clear()
    world.types["test.hang_thread"] = samples.hang_thread
    attempt = asyncio.ensure_future(world.runner().run(request(samples.hang_thread, {})))
    await world.heard("hanging")
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    samples.LET_GO.set()


async def test_many_attempts_stop_independently(world: World) -> None:
    """Stopping one attempt of many leaves the others alone [EN12]."""
    world.types["test.hang"] = samples.hang
    runner = world.runner()
    asked = [request(samples.hang, {}, item=item) for item in range(20)]
    attempts = [asyncio.ensure_future(runner.run(each)) for each in asked]
    await world.heard("hanging")
    runner.stop(asked[7].key)
    assert isinstance(await attempts[7], ReportCancelled)
    assert runner.running == 19
    for each in asked:
        runner.stop(each.key)
    reports = await asyncio.gather(*attempts)
    assert all(isinstance(report, ReportCancelled) for report in reports)


async def test_without_isolation_an_isolated_attempt_is_refused(world: World) -> None:
    """A runner that cannot start processes says so [AT15]."""
    world.types["test.echo"] = samples.echo
    runner = AttemptRunner(world.types, world.runner()._services)
    report = await runner.run(request(samples.echo, {"value": 1}, isolated=True))
    assert isinstance(report, ReportFailure)
    assert (report.error.kind, report.error.may_have_happened) == ("not_isolated", False)

# SPDX-License-Identifier: Apache-2.0
"""Threads for synchronous nodes."""

import asyncio
import threading

import pytest

from legato.errors import LimitExceeded
from legato.runtime.attempt import threads
from legato.runtime.attempt.threads import NodeThreads


async def test_threads_are_reused_and_end_when_idle() -> None:
    """Work one after another needs few threads, which end when there is no more [ND5, EN19]."""
    pool = NodeThreads(8, idle_s=0.01)
    names = set()
    for _ in range(20):
        thread, error = await pool.start(threading.current_thread).future
        assert error is None
        names.add(thread)
    assert len(names) <= 8
    for thread in names:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
    assert pool._threads == 0


async def test_no_more_jobs_run_at_once_than_the_limit() -> None:
    """A job beyond the limit waits its turn [EN19]."""
    pool = NodeThreads(2)
    release = threading.Event()
    both = threading.Barrier(3)
    running: list[int] = []

    def work(number: int) -> int:
        running.append(number)
        if number < 2:
            both.wait()
        release.wait()
        return number

    jobs = [pool.start(work, number) for number in range(5)]
    await asyncio.to_thread(both.wait)
    assert len(running) == 2
    release.set()
    assert [(await job.future)[0] for job in jobs] == [0, 1, 2, 3, 4]


async def test_an_abandoned_job_gives_its_place_to_another() -> None:
    """A thread that never ends does not block the others [EN12]."""
    pool = NodeThreads(1)
    release, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        release.wait()

    stuck = pool.start(hang)
    await asyncio.to_thread(begun.wait)
    waiting = pool.start(lambda: "next")
    pool.abandon(stuck)
    pool.abandon(stuck)
    assert pool.abandoned == 1
    assert (await waiting.future)[0] == "next"
    release.set()
    assert await stuck.future == (None, None)


async def test_a_job_abandoned_before_it_begins_never_runs() -> None:
    """Nothing of a stopped attempt starts later [EN12]."""
    pool = NodeThreads(1)
    release = threading.Event()
    ran: list[str] = []
    first = pool.start(release.wait)
    second = pool.start(ran.append, "second")
    pool.abandon(second)
    release.set()
    await first.future
    assert (await pool.start(lambda: "third").future)[0] == "third"
    assert ran == []
    assert pool.abandoned == 0


async def test_too_many_abandoned_threads_refuse_new_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine does not fill up with threads that nobody waits for [EN19]."""
    monkeypatch.setattr(threads, "ABANDONED_MAX", 1)
    pool = NodeThreads(4)
    release, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        release.wait()

    stuck = pool.start(hang)
    await asyncio.to_thread(begun.wait)
    pool.abandon(stuck)
    with pytest.raises(LimitExceeded, match="given up"):
        pool.start(hang)
    release.set()


async def test_a_result_for_a_closed_loop_is_dropped() -> None:
    """A thread that outlives its loop ends quietly [EN14]."""
    job = threads.Job(lambda: 1, ())
    loop = asyncio.new_event_loop()
    loop.close()
    job.loop = loop
    await asyncio.to_thread(job.carry_out)
    assert not job.future.done()

# SPDX-License-Identifier: Apache-2.0
"""The log of attempts: batches, bounds, a store that is slow or away."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from legato.errors import InvalidInput
from legato.model.ids import ExecutionId, NodeId
from legato.ports.attempt_logs import LogLine
from legato.runtime.attempt.log_sink import BATCH_LINES_MAX, QUEUE_BYTES_MAX, LogSink
from tests.unit.nodes.world import MemoryLogs


def line(offset: int, text: str = "text", attempt: int = 1) -> LogLine:
    return LogLine(
        execution_id=ExecutionId("e"),
        node=NodeId("n"),
        attempt=attempt,
        offset=offset,
        at=1,
        text=text,
    )


def add_many(sink: LogSink, attempt: int) -> None:
    for offset in range(200):
        sink.add(line(offset, attempt=attempt))


class Source:
    """A source with one line."""

    def take(self) -> list[LogLine]:
        return [line(0, "made when asked")]


async def test_lines_are_written_together_without_being_asked() -> None:
    """Lines wait for others, at most 100 ms, and go in one batch [LG17]."""
    store = MemoryLogs()
    seen: list[LogLine] = []
    arrived = asyncio.Event()

    def listen(each: LogLine) -> None:
        seen.append(each)
        if len(seen) == 40:
            arrived.set()

    sink = LogSink(store, listener=listen)
    sink.bind()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for offset in range(40):
        sink.add(line(offset))
    await arrived.wait()
    assert loop.time() - begin < 1.0
    await sink.close()
    assert store.batches == [40]
    assert [each.offset for each in seen] == list(range(40))


async def test_lines_may_come_from_any_thread() -> None:
    """A thread adds without waiting and without harm [ND3]."""
    store = MemoryLogs()
    sink = LogSink(store, flush_s=0.001)
    sink.bind()
    threads = [threading.Thread(target=add_many, args=(sink, attempt)) for attempt in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await sink.close()
    assert len(store.lines) == 800


async def test_a_large_backlog_goes_in_several_batches() -> None:
    """No batch is larger than the bound [EN19]."""
    store = MemoryLogs()
    sink = LogSink(store)
    sink.bind()
    for offset in range(BATCH_LINES_MAX + 1):
        sink.add(line(offset))
    await sink.close()
    assert store.batches == [BATCH_LINES_MAX, 1]


async def test_a_store_that_is_away_gets_the_lines_later() -> None:
    """Lines wait for the store, in order [LG27]."""
    store = MemoryLogs()
    store.away = 3
    sink = LogSink(store, flush_s=0.001)
    sink.bind()
    for offset in range(5):
        sink.add(line(offset))
    await asyncio.wait_for(store.stored.wait(), 10)
    await sink.close()
    assert [each.offset for each in store.lines] == [0, 1, 2, 3, 4]


async def test_the_oldest_lines_go_when_the_queue_is_full_and_are_counted() -> None:
    """A marker says how many lines are missing, per attempt [EN19]."""
    store = MemoryLogs()
    sink = LogSink(store, lines_max=10)
    sink.bind()
    for offset in range(25):
        sink.add(line(offset))
    await sink.close()
    assert [each.offset for each in store.lines] == [14, *range(15, 25)]
    marker = store.lines[0]
    assert (marker.level, marker.text[:20]) == ("warning", "15 lines are missing")


async def test_the_queue_is_bounded_in_bytes_too() -> None:
    """Few lines of great length are bounded as well [EN19]."""
    store = MemoryLogs()
    sink = LogSink(store)
    sink.bind()
    for offset in range(5):
        sink.add(line(offset, "x" * (QUEUE_BYTES_MAX // 3)))
    await sink.close()
    assert len(store.lines) == 3
    assert store.lines[0].text.startswith("3 lines are missing")


async def test_a_store_away_over_an_overflow_still_says_what_is_missing() -> None:
    """The count of missing lines survives a batch that could not be written [EN19]."""
    store = MemoryLogs()
    store.away = 1
    sink = LogSink(store, lines_max=2)
    sink.bind()
    for offset in range(4):
        sink.add(line(offset))
    await sink.flush()
    assert store.lines == []
    for offset in range(4, 6):
        sink.add(line(offset))
    await sink.close()
    assert [each.offset for each in store.lines] == [3, 4, 5]
    assert store.lines[0].text.startswith("4 lines are missing")


async def test_lines_that_the_store_refuses_do_not_stop_the_others() -> None:
    """A store that will never take a batch loses that batch only [LG17]."""

    class Refusing(MemoryLogs):
        async def append(self, lines: object) -> None:
            raise InvalidInput("no")

    sink = LogSink(Refusing())
    sink.bind()
    sink.add(line(0))
    await sink.flush()
    await sink.close()


async def test_a_source_is_asked_once_per_flush() -> None:
    """Progress and deltas are made into lines when they are written [ND4]."""
    store = MemoryLogs()
    sink = LogSink(store)
    sink.bind()
    source = Source()
    for _ in range(5):
        sink.touch(source)
    await sink.close()
    assert store.texts == ["made when asked"]


class Gated(MemoryLogs):
    """A store that takes its time: each batch waits to be let through."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: asyncio.Queue[list[int]] = asyncio.Queue()
        self.gate = asyncio.Semaphore(0)

    async def append(self, lines: Sequence[LogLine]) -> None:
        self.asked.put_nowait([each.offset for each in lines])
        await self.gate.acquire()
        await super().append(lines)


def hours_late(store: MemoryLogs, **options: Any) -> LogSink:
    """Return a sink that writes by itself when the test is long over."""
    sink = LogSink(store, flush_s=3600, **options)
    sink.bind()
    return sink


async def test_lines_that_are_waited_for_are_written_at_once() -> None:
    """The wait ends when the store has what was said before it, not when all is written [XR1]."""
    store = Gated()
    sink = hours_late(store)
    sink.add(line(0))
    first = asyncio.ensure_future(sink.settled())
    assert await store.asked.get() == [0]
    sink.add(line(1))
    second = asyncio.ensure_future(sink.settled())
    store.gate.release()
    await first
    assert ([each.offset for each in store.lines], second.done()) == ([0], False)
    assert await store.asked.get() == [1]
    store.gate.release()
    await second
    await sink.settled()
    assert store.batches == [1, 1]


async def test_a_flush_stores_nothing_beside_a_batch_on_its_way() -> None:
    """A later batch is not stored before an earlier one, and a flush ends after both [XR2]."""
    store = Gated()
    sink = hours_late(store)
    sink.add(line(0))
    settled = asyncio.ensure_future(sink.settled())
    assert await store.asked.get() == [0]
    sink.add(line(1))
    flushed = asyncio.ensure_future(sink.flush())
    store.gate.release()
    await settled
    assert await store.asked.get() == [1]
    assert (store.asked.empty(), flushed.done()) == (True, False)
    store.gate.release()
    await flushed
    assert [each.offset for each in store.lines] == [0, 1]


async def test_nobody_waits_for_ever_for_a_store_that_takes_no_lines() -> None:
    """The wait is bounded, and the lines are kept for later [XR1]."""
    store = Gated()
    sink = hours_late(store, settle_s=0.01)
    sink.add(line(0))
    await sink.settled()
    assert store.lines == []
    store.gate.release()
    await sink.flush()
    assert [each.offset for each in store.lines] == [0]


async def test_lines_that_overflowed_or_were_refused_are_not_waited_for() -> None:
    """What will never be stored holds nobody up, and lets nobody go before others [XR1, EN19]."""
    store = Gated()
    sink = hours_late(store, lines_max=3)
    sink.add(line(0))
    first = asyncio.ensure_future(sink.settled())
    assert await store.asked.get() == [0]
    for offset in range(1, 6):
        sink.add(line(offset))
    second = asyncio.ensure_future(sink.settled())
    store.gate.release()
    assert await store.asked.get() == [2, 3, 4, 5]
    assert not second.done()
    store.gate.release()
    await asyncio.gather(first, second)

    class Refusing(MemoryLogs):
        async def append(self, lines: object) -> None:
            raise InvalidInput("no")

    refused = hours_late(Refusing())
    refused.add(line(0))
    await refused.settled()


async def tasks_when_due() -> int:
    """Count tasks right after the timers that are set now, before a new task had a turn."""
    loop = asyncio.get_running_loop()
    counted: asyncio.Future[int] = loop.create_future()
    loop.call_later(0, lambda: counted.set_result(len(asyncio.all_tasks(loop))))
    return await counted


async def test_nothing_is_begun_when_all_is_written_or_the_sink_is_closed() -> None:
    """A loop that ends soon leaves no task behind that never ran [LG17]."""
    sink = LogSink(MemoryLogs(), flush_s=0)
    sink.bind()
    sink.add(line(0))
    await sink.flush()
    assert await tasks_when_due() == 1
    await sink.close()
    sink.add(line(1))
    assert await tasks_when_due() == 1

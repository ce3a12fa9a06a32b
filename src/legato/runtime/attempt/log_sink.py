# SPDX-License-Identifier: Apache-2.0
"""Gathers the log lines of all attempts and writes them in batches, at most 100 ms late.

Adding never waits. The queue is bounded by lines and bytes: when the store cannot keep up, the
oldest lines go and a marker with their number stands in their place.

An attempt that said something is over only when the store has its lines (`settled`): who has seen
the event that ended an execution, and reads then, finds all that was said.

Rules: ND, LG17, EN19, XR1.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from legato.errors import LegatoError
from legato.ports.attempt_logs import AttemptLogs, LogLine
from legato.runtime.attempt.request import LineSource

FLUSH_S: Final = 0.1
QUEUE_LINES_MAX: Final = 10_000
QUEUE_BYTES_MAX: Final = 16 * 1024 * 1024
BATCH_LINES_MAX: Final = 500
SETTLE_S_MAX: Final = 5.0
"""How long an attempt waits for a store that does not take its lines. A store that is away takes no
turn either; one that takes turns and no lines must not hold attempts for ever."""
_RETRY_S_MAX: Final = 5.0
_LINE_OVERHEAD_BYTES: Final = 200

_Place = tuple[str, str, int, int]


class LogSink:
    """Keeps `request.LineSink`; lines come from the loop it is bound to and from its threads."""

    def __init__(
        self,
        store: AttemptLogs,
        *,
        listener: Callable[[LogLine], None] | None = None,
        flush_s: float = FLUSH_S,
        lines_max: int = QUEUE_LINES_MAX,
        settle_s: float = SETTLE_S_MAX,
    ) -> None:
        """Make a sink.

        Args:
            store: Where lines go.
            listener: Called in the loop with every line, before it is stored.
            flush_s: How long a line may wait for others.
            lines_max: Lines held at once.
            settle_s: How long `settled` waits at most.
        """
        self._store = store
        self._listener = listener
        self._flush_s = flush_s
        self._lines_max = lines_max
        self._lock = threading.Lock()
        self._fresh: deque[LogLine] = deque()
        self._queue: deque[LogLine] = deque()
        self._bytes = 0
        self._sources: dict[LineSource, None] = {}
        self._dropped: dict[_Place, tuple[int, LogLine]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._armed = False
        self._closed = False
        self._settle_s = settle_s
        self._writing: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._added = 0
        self._in_flight = 0
        self._overflowed = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def bind(self) -> None:
        """Keep `LineSink.bind`."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()

    def add(self, line: LogLine) -> None:
        """Keep `LineSink.add`."""
        with self._lock:
            self._fresh.append(line)
            self._added += 1
            self._bytes += _size(line)
            while (
                len(self._fresh) + len(self._queue) > self._lines_max
                or self._bytes > QUEUE_BYTES_MAX
            ):
                self._drop_oldest()
        if not self._armed:
            self._arm()

    def touch(self, source: LineSource) -> None:
        """Keep `LineSink.touch`."""
        with self._lock:
            self._sources[source] = None
        if not self._armed:
            self._arm()

    async def flush(self) -> None:
        """Hand over everything that is there now; returns when the store took it or is away."""
        self._gather()
        is_taken = True
        while is_taken:
            async with self._one_at_a_time:
                is_taken = bool(self._queue) and await self._write_batch()

    async def settled(self) -> None:
        """Keep `LineSink.settled`: what was said before is written now, not in a while."""
        self._gather()
        said = self._added
        if self._done() >= said or self._closed:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((said, future))
        self._begin_writing()
        try:
            await asyncio.wait({future}, timeout=self._settle_s)
        finally:
            future.cancel()

    async def close(self) -> None:
        """Hand over what is there, once more, and stop; later lines are not kept."""
        self._closed = True
        writing = self._writing
        if writing is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        await self.flush()

    def _arm(self) -> None:
        self._armed = True
        loop = self._loop
        assert loop is not None, "a sink is bound before its first line"
        if loop.is_closed():
            return  # a thread or a forgotten node that outlives its engine
        if threading.get_ident() == self._loop_thread:
            loop.call_later(self._flush_s, self._start_writing)
        else:
            loop.call_soon_threadsafe(loop.call_later, self._flush_s, self._start_writing)

    def _start_writing(self) -> None:
        self._armed = False
        if self._closed:
            return  # the loop may end before a task begun now would run
        self._gather()
        self._begin_writing()

    def _begin_writing(self) -> None:
        if self._queue and self._writing is None:
            self._writing = asyncio.ensure_future(self._write_all())

    def _done(self) -> int:
        """Return how many lines, from the first on, need nothing more.

        Lines that were dropped are behind others that may wait still: they count when all are gone.
        """
        with self._lock:
            left = self._in_flight + len(self._queue) + len(self._fresh)
            if not left:
                self._overflowed = 0
            return self._added - left - self._overflowed

    def _tell_waiting(self) -> None:
        done = self._done()
        while self._waiting and (self._waiting[0][0] <= done or self._waiting[0][1].done()):
            future = self._waiting.popleft()[1]
            if not future.done():
                future.set_result(None)

    def _gather(self) -> None:
        """Take new lines, also from sources, and tell the listener; only in the loop."""
        with self._lock:
            sources, self._sources = self._sources, {}
        for source in sources:
            for line in source.take():
                self.add(line)
        with self._lock:
            fresh, self._fresh = self._fresh, deque()
            self._queue.extend(fresh)
        if self._listener is not None:
            for line in fresh:
                self._listener(line)

    def _drop_oldest(self) -> None:
        line = (self._queue or self._fresh).popleft()
        self._bytes -= _size(line)
        self._overflowed += 1
        place = (line.execution_id, line.node, line.item, line.attempt)
        count = self._dropped[place][0] if place in self._dropped else 0
        self._dropped[place] = (count + 1, line)

    async def _write_all(self) -> None:
        pause_s = self._flush_s
        try:
            while self._queue:
                async with self._one_at_a_time:
                    # A flush may have written them meanwhile.
                    is_taken = not self._queue or await self._write_batch()
                if is_taken:
                    pause_s = self._flush_s
                    continue
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S_MAX)
        finally:
            self._writing = None

    async def _write_batch(self) -> bool:
        """Store the oldest lines; keep them and return False if the store cannot take them now.

        One batch at a time: a reader goes by the order of arrival, and must not pass over a batch
        that is stored after a later one.
        """
        with self._lock:
            count = min(len(self._queue), BATCH_LINES_MAX)
            batch = [self._queue.popleft() for _ in range(count)]
            self._bytes -= sum(map(_size, batch))
            self._in_flight = count
            dropped, self._dropped = self._dropped, {}
        try:
            await self._store.append([*(_marker(*each) for each in dropped.values()), *batch])
        except LegatoError as error:
            if error.retryable:
                self._put_back(batch, dropped)
                return False
            # It will never take them: holding them would stop all others.
        except asyncio.CancelledError:
            self._put_back(batch, dropped)
            raise
        self._in_flight = 0
        self._tell_waiting()
        return True

    def _put_back(self, batch: list[LogLine], dropped: dict[_Place, tuple[int, LogLine]]) -> None:
        """Undo taking a batch; the store drops duplicates by attempt and offset."""
        with self._lock:
            self._queue.extendleft(reversed(batch))
            self._in_flight = 0
            self._bytes += sum(map(_size, batch))
            for place, (count, line) in dropped.items():
                later, last = self._dropped.get(place, (0, line))
                self._dropped[place] = (count + later, last)


def _size(line: LogLine) -> int:
    return len(line.text) + _LINE_OVERHEAD_BYTES


def _marker(count: int, last: LogLine) -> LogLine:
    text = f"{count} lines are missing here: they came faster than they could be stored"
    return msgspec.structs.replace(last, level="warning", text=text, progress=None)

# SPDX-License-Identifier: Apache-2.0
"""The indexer: moves texts of executions into the full-text index, off the append path.

A turn only stores its text. Within about a second this job moves a batch of texts into the index,
at the lowest priority, and comes back while there are more. What a crash leaves behind is found at
the next start; a search looks through waiting texts meanwhile.

Rules: LG25.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from legato.adapters.search import words_of
from legato.adapters.sql.sqlite.connection import Query, as_json
from legato.adapters.sql.sqlite.executions import Text
from legato.adapters.sql.sqlite.statements import SQL
from legato.adapters.sql.sqlite.writer import Job, Priority, Writer
from legato.errors import LegatoError

DELAY_S: Final = 0.5
"""Pause between the first waiting text and its batch: many turns share one."""
RETRY_S: Final = 5.0
"""Pause after the store was not available."""
BATCH: Final = 50
"""Texts per transaction: up to 64 KiB each, so about 50 ms at worst."""

_WAITING: Final = Query("waiting_texts", list[Text])


class _Batch:
    """Indexes one batch. Its job's result tells whether there may be more."""

    priority = Priority.LOGS

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Skip the transaction when nothing waits."""
        if _WAITING.run(connection, limit=1):
            return False
        for job in jobs:
            job.result = False
        return True

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Keep `Kind.run`."""
        texts: list[Text] = _WAITING.run(connection, limit=BATCH)
        rows = as_json([(text.id, " ".join(words_of(text.text))) for text in texts])
        for name in ("index_drop", "index_add", "texts_indexed"):
            connection.execute(SQL[name], {"rows": rows})
        for job in jobs:
            job.result = len(texts) == BATCH


class Indexer:
    """Runs batches when it was told that there may be something to index."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._batch = _Batch()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = True

    def start(self) -> None:
        """Begin, with what an earlier process may have left."""
        self._is_stopped = False
        self.wake()

    def wake(self, delay_s: float = DELAY_S) -> None:
        """See to it that a batch runs soon. Cheap when one is coming anyway."""
        if self._timer is None and self._task is None and not self._is_stopped:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._begin)

    async def stop(self) -> None:
        """Let the running batch finish; what waits is left to the next process."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            await self._task

    async def run_now(self) -> None:
        """Index everything that waits."""
        while await self._writer.submit(self._batch, None):
            pass

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        delay_s = None
        try:
            if await self._writer.submit(self._batch, None):
                delay_s = 0.0
        except LegatoError:
            delay_s = RETRY_S
        finally:
            self._task = None
        if delay_s is not None:
            with suppress(RuntimeError):
                self.wake(delay_s)

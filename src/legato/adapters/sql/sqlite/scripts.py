# SPDX-License-Identifier: Apache-2.0
"""Run scripts on SQLite: each is one job of the writer, in a savepoint of its own.

Rules: AC2, AC3, LG10, LG11.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from legato.adapters.sql.script import Row, Script, Step, Undo, storable
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.statements import SQL
from legato.adapters.sql.sqlite.writer import Writer

T = TypeVar("T")


class SqliteScripts:
    """Keeps `script.Driver`."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def fetch(self, name: str, /, **values: object) -> list[Row]:
        """Keep `Driver.fetch`."""
        return await self._readers.call(lambda connection: _rows(connection, name, values))

    async def look_up(self, name: str, /, **values: object) -> list[Row]:
        """Keep `Driver.look_up`: a thread for it would take five times as long."""
        try:
            return self._readers.call_here(lambda connection: _rows(connection, name, values))
        except sqlite3.Error:
            # It would have to wait, or something is broken: that is no matter for the loop.
            return await self.fetch(name, **values)

    async def run(self, make: Callable[[], Script[T]]) -> T:
        """Keep `Driver.run`. One try is enough: nobody else writes meanwhile."""
        result: T = await self._writer.call(lambda connection: _run(connection, make()))
        return result


def _run(connection: sqlite3.Connection, script: Script[T]) -> Any:
    connection.execute("SAVEPOINT script")
    try:
        asked = next(script)
        while True:
            asked = script.send(_answer(connection, asked))
    except StopIteration as end:
        connection.execute("RELEASE script")
        return end.value
    except Undo as undo:
        connection.execute("ROLLBACK TO script")
        connection.execute("RELEASE script")
        return undo.result


def _answer(connection: sqlite3.Connection, asked: Step) -> list[Row]:
    if asked.many:
        connection.executemany(SQL[asked.name], map(storable, asked.values))
        return []
    return _rows(connection, asked.name, asked.values[0])


def _rows(connection: sqlite3.Connection, name: str, values: dict[str, Any]) -> list[Row]:
    cursor = connection.execute(SQL[name], storable(values))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

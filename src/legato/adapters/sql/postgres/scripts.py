# SPDX-License-Identifier: Apache-2.0
"""Run scripts on PostgreSQL: each is one transaction, begun anew if another came in between.

Rules: AC2, AC3.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import asyncpg

from legato.adapters.sql.postgres.database import Database
from legato.adapters.sql.postgres.look_ups import LookUps
from legato.adapters.sql.postgres.statements import SQL
from legato.adapters.sql.script import Row, Script, Step, Undo, storable
from legato.errors import LegatoError

T = TypeVar("T")

TRIES_MAX: Final = 10
"""Each lost try means that another transaction got through."""
SHARED: Final = ("accounts.principal_of_session", "list.look")
"""Look-ups of which there are many at once."""
_RACES: Final = (
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
"""Rolled back for certain, by somebody who came in between; the next try sees what that one did."""


class PostgresScripts:
    """Keeps `script.Driver`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._look_ups = {name: LookUps(database, name) for name in SHARED}

    async def fetch(self, name: str, /, **values: Any) -> list[Row]:
        """Keep `Driver.fetch`."""
        return await self._database.fetch(name, **storable(values))

    async def look_up(self, name: str, /, **values: Any) -> list[Row]:
        """Keep `Driver.look_up`."""
        shared = self._look_ups.get(name)
        if shared is None:
            return await self.fetch(name, **values)
        return await shared.ask(storable(values))

    async def run(self, make: Callable[[], Script[T]]) -> T:
        """Keep `Driver.run`."""
        for left in reversed(range(TRIES_MAX)):
            try:
                async with self._database.transaction() as connection:
                    return await _run(connection, make())
            except Undo as undo:
                result: Any = undo.result
                return result  # type: ignore[no-any-return]
            except LegatoError as error:
                if not left or not isinstance(error.__cause__, _RACES):
                    raise
        raise AssertionError("unreachable")


async def _run(connection: Any, script: Script[T]) -> T:
    try:
        asked = next(script)
        while True:
            asked = script.send(await _answer(connection, asked))
    except StopIteration as end:
        result: T = end.value
        return result


async def _answer(connection: Any, asked: Step) -> list[Row]:
    statement = SQL[asked.name]
    arguments = [statement.arguments(storable(values)) for values in asked.values]
    if asked.many:
        await connection.executemany(statement.sql, arguments)
        return []
    return list(await connection.fetch(statement.sql, *arguments[0]))

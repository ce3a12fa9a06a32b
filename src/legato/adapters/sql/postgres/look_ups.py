# SPDX-License-Identifier: Apache-2.0
"""Look-ups that requests make at the same time share a round trip.

Rules: AC13.
"""

import asyncio
from typing import Any

from legato.adapters.sql.postgres.database import Database
from legato.adapters.sql.postgres.statements import SQL

MANY = ".many"


class LookUps:
    """Runs a query for everything that was asked in one turn of the event loop."""

    def __init__(self, database: Database, name: str) -> None:
        """Make it.

        Args:
            database: Where to look.
            name: Of the statement for one; there is another for arrays of its parameters.
        """
        self._database = database
        self._name = name + MANY
        self._order = SQL[name].names
        self._asked: list[tuple[dict[str, Any], asyncio.Future[list[Any]]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, values: dict[str, Any]) -> list[Any]:
        """Return the row, if there is one.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        self._asked.append((values, future))
        if len(self._asked) == 1:
            task = loop.create_task(self._answer())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await future

    async def _answer(self) -> None:
        asked, self._asked = self._asked, []
        found: dict[int, list[Any]] = {}
        failure: Exception | None = None
        try:
            arrays = {name: [values[name] for values, _ in asked] for name in self._order}
            for row in await self._database.fetch(self._name, **arrays):
                found[row["n"]] = [row]
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            failure = error
        for number, (_, future) in enumerate(asked, 1):
            if future.done():  # nobody waits any more
                continue
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(found.get(number, []))

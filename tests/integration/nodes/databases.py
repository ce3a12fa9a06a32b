# SPDX-License-Identifier: Apache-2.0
"""A database of each kind for `sql.query`, and a second way in, to set up and to look."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg

from legato.nodes import sql
from legato.ports.grants import Grants, SqlConnection
from tests import services
from tests.unit.nodes.world import World

KINDS = ("sqlite", "postgres", "mysql")

ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
"""A statement that does not end by itself; MariaDB bounds recursion, so there it is a join."""

ENDLESS_OF = {
    "sqlite": ENDLESS,
    "postgres": ENDLESS,
    "mysql": "SELECT count(*) FROM d AS a, d AS b, d AS c, d AS e, d AS f, d AS g, d AS h, d AS i",
}


class Database:
    """One database that tests may do anything with."""

    def __init__(self, kind: str, url: str) -> None:
        """Args: kind is one of `KINDS`; url is as a grant has it."""
        self.kind = kind
        self.url = url

    def run(self, *statements: str) -> list[Any]:
        """Run statements with the driver itself; return the rows of the last one."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
                rows: list[Any] = []
                for each in statements:
                    rows = connection.execute(each).fetchall()
                connection.commit()
                return rows
        if self.kind == "postgres":
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(asyncio.run, self._run_postgres(statements)).result()
        with services.connect_mysql(self.url) as connection, connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)
            connection.commit()
            return list(cursor.fetchall())

    async def _run_postgres(self, statements: tuple[str, ...]) -> list[Any]:
        connection = await asyncpg.connect(self.url)
        try:
            rows: list[Any] = []
            for each in statements:
                rows = [tuple(row) for row in await connection.fetch(each)]
            return rows
        finally:
            await connection.close()

    def make_endless(self) -> str:
        """Return a statement that does not end by itself."""
        if self.kind == "mysql":
            values = ", ".join(f"({number})" for number in range(200))
            self.run("CREATE TABLE d (n int)", f"INSERT INTO d VALUES {values}")
        return ENDLESS_OF[self.kind]

    def is_busy(self) -> bool:
        """Tell whether the server still runs a statement of somebody else on this database."""
        queries = {
            "postgres": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'active' AND pid <> pg_backend_pid()",
            "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = database() "
            "AND command = 'Query' AND id <> connection_id()",
        }
        return self.kind in queries and bool(self.run(queries[self.kind])[0][0])


class Desk:
    """A world whose only grant is one database, called `db`."""

    def __init__(self, world: World, database: Database) -> None:
        self.world = world
        self.database = database
        self.grant()

    def grant(self, **changes: Any) -> None:
        """Grant the database anew, with other rights."""
        connection = SqlConnection(url=self.database.url, **changes)
        self.world.grants = Grants(connections={"db": connection})

    def config(self, query: str, **config: Any) -> dict[str, Any]:
        return {"connection": "db", "query": query, **config}

    async def rows(self, query: str, **config: Any) -> list[dict[str, Any]]:
        """Run a query that succeeds; return its rows."""
        output = await self.world.output(sql.query, self.config(query, **config))
        return list(output["rows"])

    async def output(self, query: str, **config: Any) -> dict[str, Any]:
        """Run a query that succeeds; return its output."""
        return dict(await self.world.output(sql.query, self.config(query, **config)))

    async def error(self, query: str, **config: Any) -> Any:
        """Run a query that fails; return its error."""
        return await self.world.error(sql.query, self.config(query, **config))


def sqlite_database(folder: Path) -> Database:
    """Make a SQLite database in a folder."""
    database = Database("sqlite", f"sqlite:///{folder / 'shop.db'}")
    database.run("CREATE TABLE made (x)", "DROP TABLE made")
    return database

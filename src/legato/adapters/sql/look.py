# SPDX-License-Identifier: Apache-2.0
"""Look at a database's schema without changing anything, for `legato migrate --check`.

Rules: CL8, LG22.
"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from legato.adapters.sql.sqlite.connection import connect_reader, unavailable

_STORED = "SELECT version_num FROM alembic_version"


async def sqlite_revision(path: Path) -> str | None:
    """Return the revision of a file, None if there is no file or no table of ours in it.

    Raises:
        StoreUnavailable: It cannot be read.
    """
    return await asyncio.to_thread(_sqlite_revision, path)


def _sqlite_revision(path: Path) -> str | None:
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        with closing(connect_reader(path)) as connection:
            is_ours = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
            row = connection.execute(_STORED).fetchone() if is_ours[0] else None
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    return None if row is None else str(row[0])


async def postgres_revision(url: str) -> str | None:
    """Return the revision of a database, None if it has no table of ours.

    Raises:
        StoreUnavailable: It cannot be reached.
    """
    from legato.adapters.sql.postgres.database import Database  # noqa: PLC0415 - loads a driver

    database = Database(url)
    await database.open()
    try:
        async with database.transaction() as connection:
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            found = await connection.fetchval(_STORED)
    finally:
        await database.close()
    return None if found is None else str(found)

# SPDX-License-Identifier: Apache-2.0
"""A pool of connections has a bound, and so has waiting for one."""

import asyncio
import time

import pytest

from legato.adapters.sql.postgres.database import Database
from legato.errors import StoreUnavailable

pytestmark = pytest.mark.postgres


async def test_who_gets_no_connection_in_time_is_told_so(migrated_postgres_url: str) -> None:
    """Of 200 callers two hold on; all others hear it within the time that was set [BK50]."""
    database = Database(migrated_postgres_url, pool_max=2, pool_wait_s=0.5)
    await database.open()
    enough = asyncio.Event()
    holding = asyncio.Semaphore(0)

    async def hold() -> None:
        async with database.transaction() as connection:
            assert await connection.fetchval("SELECT 1") == 1
            holding.release()
            await enough.wait()

    async def ask() -> float:
        began = time.perf_counter()
        with pytest.raises(StoreUnavailable, match="in time"):
            await database.fetch("meta", key="epoch")
        return time.perf_counter() - began

    try:
        holders = [asyncio.create_task(hold()) for _ in range(2)]
        for _ in holders:
            await holding.acquire()
        waited = await asyncio.gather(*(ask() for _ in range(198)))
        assert max(waited) < 5
        enough.set()
        await asyncio.gather(*holders)
        assert int(await database.fetch_value("meta", key="epoch")) >= 1
    finally:
        await database.close()

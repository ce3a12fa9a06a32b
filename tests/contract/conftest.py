# SPDX-License-Identifier: Apache-2.0
"""The stores that the suites run on: `store` is one process, `stores` makes several on one data."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest

from legato.adapters.memory import MemoryDatabase, make_memory_stores
from legato.adapters.sql.open import make_stores
from legato.adapters.system_clock import SystemClock
from legato.model.policy import Limits
from legato.ports.stores import Stores
from tests.contract.build import LEASE_MS, A


class MakeStores(Protocol):
    """Opens the ports of one more process on the same data."""

    async def __call__(self, process: str = "a", *, limits: Limits | None = None) -> Stores:
        """Open them; they are closed after the test."""
        ...


Backend = Callable[[str, Limits], Stores]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Return how a process makes its ports; each test has data of its own."""
    if request.param == "memory":
        return memory_backend()
    if request.param == "sqlite":
        return sqlite_backend(tmp_path)
    url = request.getfixturevalue("empty_postgres_url")
    return lambda _process, limits: make_stores(url, "memory:", home=tmp_path, limits=limits)


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_url: str) -> str:
    """Return a database that has our tables: making them takes longer than most tests."""

    async def migrate() -> None:
        stores = make_stores(postgres_url, "memory:", home=Path("/nonexistent"))
        await stores.lifecycle.open()
        await stores.lifecycle.close()

    apart(migrate())
    return postgres_url


@pytest.fixture
def empty_postgres_url(migrated_postgres_url: str) -> str:
    """Return a database whose tables are empty."""

    async def empty() -> None:
        connection = await asyncpg.connect(migrated_postgres_url)
        try:
            # TRUNCATE would make new files, which takes longer than removing a few rows.
            statements = await connection.fetchval(
                "SELECT string_agg('DELETE FROM ' || quote_ident(tablename), '; ') FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename NOT IN"
                " ('meta', 'alembic_version', 'audit')"
            )
            await connection.execute(statements)
            await connection.execute("UPDATE meta SET value = '1' WHERE key = 'epoch'")
            if await connection.fetchval("SELECT count(*) FROM audit"):
                await connection.execute(
                    "ALTER TABLE audit DISABLE TRIGGER USER; DELETE FROM audit;"
                    " ALTER TABLE audit ENABLE TRIGGER USER"
                )
        finally:
            await connection.close()

    apart(empty())
    return migrated_postgres_url


def apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end in a loop and thread of its own: the test's loop is left alone."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def memory_backend() -> Backend:
    """Return a backend of processes that share one database in memory."""
    database = MemoryDatabase()

    def make(process: str, limits: Limits) -> Stores:
        database.limits = limits
        return make_memory_stores(database, SystemClock(), process=process)

    return make


def sqlite_backend(home: Path) -> Backend:
    """Return a backend of processes that share one file."""
    url = f"sqlite:///{home}/legato.db"
    return lambda _process, limits: make_stores(
        url, f"file://{home}/blobs", home=home, limits=limits
    )


@pytest.fixture
async def stores(backend: Backend) -> AsyncIterator[MakeStores]:
    """Return a function that opens the ports of one more process."""
    async with AsyncExitStack() as stack:

        async def make(process: str = "a", *, limits: Limits | None = None) -> Stores:
            ports = backend(process, limits or Limits())
            await ports.lifecycle.open()
            stack.push_async_callback(ports.lifecycle.close)
            return ports

        yield make


@pytest.fixture
async def store(stores: MakeStores) -> Stores:
    """Return the ports of one process."""
    return await stores()


@pytest.fixture
async def owned(store: Stores) -> Stores:
    """Return the ports of one process in which engine A is registered."""
    await store.owners.register(A, lease_ms=LEASE_MS, adopts=True)
    return store

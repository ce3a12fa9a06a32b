# SPDX-License-Identifier: Apache-2.0
"""Migrations on PostgreSQL."""

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from legato.adapters.sql.migrate import known_revisions, upgrade
from legato.adapters.sql.open import make_stores
from legato.adapters.sql.postgres import compile as postgres_compile
from legato.adapters.sql.postgres.statements import COMPILED
from legato.adapters.sql.revision import REVISION
from legato.adapters.sql.schema import metadata
from legato.errors import Conflict, StoreUnavailable
from legato.ports.stores import Stores
from tests import services

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parents[2]
OPEN = """
import asyncio, sys
from pathlib import Path
from legato import crashpoints
from legato.adapters.sql.open import make_stores
crashpoints.arm(sys.argv[2])
asyncio.run(make_stores(sys.argv[1], "memory:", home=Path("/nonexistent")).lifecycle.open())
"""


def stores_of(url: str) -> Stores:
    """Return closed ports on a database."""
    return make_stores(url, "memory:", home=Path("/nonexistent"))


async def start_and_stop(url: str) -> None:
    """Open a store and close it again."""
    stores = stores_of(url)
    await stores.lifecycle.open()
    await stores.lifecycle.close()


async def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def shape(url: str) -> list[list[tuple[Any, ...]]]:
    """Return columns, indexes, constraints, triggers and their functions."""
    return [
        await query(url, sql)
        for sql in (
            "SELECT table_name, column_name, data_type, is_nullable, collation_name, is_identity,"
            " identity_generation, column_default FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2",
            "SELECT tablename, indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            " AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2",
            "SELECT relname, reloptions::text FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
            " ORDER BY 1",
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
            " ORDER BY 1",
            "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " ORDER BY 1",
        )
    ]


async def run_sync(url: str, work: Any) -> None:
    """Run a function of a SQLAlchemy connection in a transaction."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(work)
    await engine.dispose()


async def test_migrations_one_by_one_give_the_models(postgres_server: str) -> None:
    """Columns, keys, indexes and conditions are the same [LG23]."""
    with services.database(postgres_server) as first, services.database(postgres_server) as second:
        for revision in known_revisions():

            def step(connection: Connection, revision: str = revision) -> None:
                upgrade(connection, revision)

            await run_sync(first, step)
        await run_sync(second, metadata.create_all)
        assert await shape(first) == await shape(second)


def test_the_compiled_statements_are_up_to_date() -> None:
    """`compiled.sql` is what the definitions say [LG23]."""
    assert COMPILED.read_text(encoding="utf-8") == postgres_compile.compiled()


async def test_processes_that_start_together_on_nothing_all_come_up(
    fresh_postgres_url: str,
) -> None:
    """Only one makes the tables, the others wait for it [LG21]."""
    await asyncio.gather(*(start_and_stop(fresh_postgres_url) for _ in range(5)))
    assert await query(fresh_postgres_url, "SELECT version_num FROM alembic_version") == [
        (REVISION,)
    ]


async def test_an_old_schema_is_lifted_and_keeps_its_data(
    fresh_postgres_url: str, future: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there is there afterwards, also when several start at once [LG23, LG21]."""

    def old(connection: Connection) -> None:
        upgrade(connection, REVISION)

    await run_sync(fresh_postgres_url, old)
    await query(
        fresh_postgres_url,
        "INSERT INTO publications VALUES ('local', 'w', 1, 'f', '', 'h', 5, 'ann', '', NULL)",
    )
    await asyncio.gather(*(start_and_stop(fresh_postgres_url) for _ in range(3)))
    found = await query(fresh_postgres_url, "SELECT workflow, note FROM publications")
    assert found == [("w", None)]
    assert await query(fresh_postgres_url, "SELECT x FROM of_the_future") == [("made",)]
    assert await query(fresh_postgres_url, "SELECT * FROM alembic_version") == [(future,)]


async def test_what_names_stood_for_is_the_first_publication(fresh_postgres_url: str) -> None:
    """A store of 0.1.0 keeps its published names as workflows with drafts [LG23, CL33, WF3]."""

    def old(connection: Connection) -> None:
        upgrade(connection, "0001")

    await run_sync(fresh_postgres_url, old)
    for statement in (
        "INSERT INTO versions VALUES ('local', 'v', 'report', '{}', 'text', 7)",
        "INSERT INTO published VALUES ('local', 'report', 'v')",
    ):
        await query(fresh_postgres_url, statement)
    await start_and_stop(fresh_postgres_url)
    text_hash = hashlib.sha256(b"text").hexdigest()
    ((workflow, *row),) = await query(fresh_postgres_url, "SELECT * FROM workflows")
    assert row == ["local", "report", "", "report\n", 7, 7, None, "", 1, 1, 1]
    found = await query(fresh_postgres_url, "SELECT * FROM publications")
    assert found == [("local", workflow, 1, "v", b"text", text_hash, 7, "", "", None)]
    found = await query(fresh_postgres_url, "SELECT * FROM drafts")
    assert found == [("local", workflow, 1, 1, b"text", 4, text_hash, "", 7)]


async def test_a_newer_schema_is_refused(fresh_postgres_url: str) -> None:
    """The error names both [LG22]."""
    await start_and_stop(fresh_postgres_url)
    await query(fresh_postgres_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict, match=rf"9999.*{REVISION}"):
        await start_and_stop(fresh_postgres_url)


async def test_another_programs_database_is_left_alone(fresh_postgres_url: str) -> None:
    """A wrong database must not mix tables [LG22]."""
    await query(fresh_postgres_url, "CREATE TABLE executions (theirs text)")
    with pytest.raises(StoreUnavailable, match="another program"):
        await start_and_stop(fresh_postgres_url)


@pytest.mark.parametrize("place", ["migration.before_commit", "migration.after_commit"])
async def test_a_migration_that_was_killed_runs_again(fresh_postgres_url: str, place: str) -> None:
    """All of it or nothing: the next start finds no half [LG21]."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OPEN, fresh_postgres_url, place, cwd=ROOT
    )
    assert await process.wait() == -9
    await start_and_stop(fresh_postgres_url)
    found = await query(fresh_postgres_url, "SELECT key, value FROM meta")
    assert found == [("epoch", "1")]


def test_a_start_on_a_current_schema_loads_no_migrations(fresh_postgres_url: str) -> None:
    """SQLAlchemy is loaded by who migrates, and by nobody else [CL13]."""
    for is_first in (True, False):
        code = OPEN + f"\nassert ('sqlalchemy' in sys.modules) is {is_first}"
        done = subprocess.run(
            [sys.executable, "-c", code, fresh_postgres_url, ""], cwd=ROOT, check=False
        )
        assert done.returncode == 0

# SPDX-License-Identifier: Apache-2.0
"""Migrations on SQLite."""

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, pool

from legato.adapters.sql import migrate
from legato.adapters.sql.migrate import known_revisions, upgrade
from legato.adapters.sql.open import make_stores
from legato.adapters.sql.revision import REVISION
from legato.adapters.sql.schema import metadata
from legato.adapters.sql.sqlite import compile as sqlite_compile
from legato.adapters.sql.sqlite.statements import COMPILED, SCHEMA
from legato.adapters.sql.sqlite.stores import open_database
from legato.errors import Conflict
from tests.contract.build import born, execution_id

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from pathlib import Path
from legato import crashpoints
from legato.adapters.sql.sqlite.stores import open_database
crashpoints.arm(sys.argv[2])
open_database(Path(sys.argv[1])).close()
"""


def start(path: Path, crash_point: str = "") -> subprocess.Popen[bytes]:
    """Open a database in a process of its own, which may die at a place."""
    return subprocess.Popen([sys.executable, "-c", OPEN, path, crash_point], cwd=ROOT)


def shape(connection: sqlite3.Connection) -> dict[str, object]:
    """Return tables with their columns, and indexes with their conditions."""
    found: dict[str, object] = {}
    tables = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_*'"
        " AND name NOT GLOB 'search_index_*' AND name <> 'alembic_version'"
    ).fetchall()
    for kind, name, table, sql in tables:
        if kind == "table":
            columns = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
            indexes = connection.execute(f"PRAGMA index_list({name})").fetchall()
            options = ("WITHOUT ROWID" in sql, "AUTOINCREMENT" in sql, "fts5" in sql and sql)
            found[name] = (columns, sorted(each[2:] for each in indexes), options)
        else:
            found[name] = (table, " ".join(sql.split()))
    return found


def migrated(target: str = "head") -> sqlite3.Connection:
    """Return a database in memory that the migrations made, one after the other."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=pool.StaticPool)
    for revision in known_revisions():
        with engine.connect() as connection:
            upgrade(connection, revision)
            connection.commit()
        if revision == target:
            break
    return raw


def test_migrations_one_by_one_give_the_models() -> None:
    """Tables, columns, keys, indexes and conditions are the same [LG23]."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=pool.StaticPool)
    metadata.create_all(engine)
    assert shape(migrated()) == shape(raw)


def test_the_compiled_schema_is_what_the_migrations_make() -> None:
    """A new file is made by statements that were taken from the migrations [LG23]."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    for statement in SCHEMA:
        raw.execute(statement)
    whole = migrated()
    assert shape(raw) == shape(whole)
    for table in ("meta", "alembic_version"):
        query = f"SELECT * FROM {table}"
        assert raw.execute(query).fetchall() == whole.execute(query).fetchall()


def test_the_compiled_statements_are_up_to_date() -> None:
    """`compiled.sql` is what the definitions say [LG23]."""
    assert COMPILED.read_text(encoding="utf-8") == sqlite_compile.compiled()


def test_the_program_expects_the_newest_migration() -> None:
    """Revision and folder agree [LG22]."""
    assert known_revisions()[-1] == REVISION


def test_processes_that_start_together_on_nothing_all_come_up(tmp_path: Path) -> None:
    """Only one makes the tables, the others wait for it [LG21]."""
    path = tmp_path / "legato.db"
    processes = [start(path) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6


def test_threads_that_migrate_together_all_come_up(tmp_path: Path, future: str) -> None:
    """The same when there is an old schema to lift [LG21]."""
    path = tmp_path / "legato.db"
    make_old(path)
    with ThreadPoolExecutor(4) as pool_:
        for connection in pool_.map(lambda _: open_database(path), range(4)):
            assert connection.execute("SELECT x FROM of_the_future").fetchall() == [("made",)]
            connection.close()
    assert future == "9000"


def make_old(path: Path) -> None:
    """Make a database of this program's own revision, with something in it."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO publications VALUES ('local', 'w', 1, 'f', '', 'h', 5, 'ann', '', NULL)"
    )
    connection.execute(
        "INSERT INTO workflows VALUES"
        " ('w', 'local', 'report', '', 'report', 5, 5, NULL, 'ann', 1, 1, 1)"
    )
    connection.close()


def test_an_old_schema_is_lifted_and_keeps_its_data(tmp_path: Path, future: str) -> None:
    """What was there is there afterwards [LG23]."""
    path = tmp_path / "legato.db"
    make_old(path)
    for _ in range(2):
        connection = open_database(path)
        row = connection.execute("SELECT workflow, note FROM publications").fetchone()
        assert row == ("w", None)
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert found == (future,)
        connection.close()


def test_what_names_stood_for_is_the_first_publication(tmp_path: Path) -> None:
    """A store of 0.1.0 keeps its published names as workflows with drafts [LG23, CL33, WF3]."""
    path = tmp_path / "legato.db"
    with sqlite3.connect(path) as connection:
        for line in migrated("0001").iterdump():
            if "search_index" not in line and "sqlite_" not in line:
                connection.execute(line)
        compiled = b'{"title":"The Report"}'
        values = ("local", "v", "report", compiled, b"text", 7)
        connection.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)", values)
        connection.execute("INSERT INTO published VALUES ('local', 'report', 'v')")
    connection.close()
    connection = open_database(path)
    text_hash = hashlib.sha256(b"text").hexdigest()
    ((workflow, *row),) = connection.execute("SELECT * FROM workflows").fetchall()
    assert row == [
        *("local", "report", "The Report", "report\nthe report", 7, 7, None, "", 1, 1, 1)
    ]
    found = connection.execute("SELECT * FROM publications").fetchall()
    assert found == [("local", workflow, 1, "v", b"text", text_hash, 7, "", "", None)]
    found = connection.execute("SELECT * FROM drafts").fetchall()
    assert found == [("local", workflow, 1, 1, b"text", 4, text_hash, "", 7)]
    connection.close()


def test_a_migration_that_fails_half_way_leaves_the_old_schema(tmp_path: Path, future: str) -> None:
    """Tables and data are changed in one transaction, or not at all [LG21]."""
    file = migrate.MIGRATIONS / "versions" / "9000_future.py"
    broken = file.read_text() + "    raise RuntimeError('power cut')\n"
    whole = file.read_text()
    file.write_text(broken)
    path = tmp_path / "legato.db"
    make_old(path)
    with pytest.raises(RuntimeError, match="power cut"):
        open_database(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISION,)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'of_the_future'")
    assert tables.fetchall() == []
    connection.close()
    file.write_text(whole)
    connection = open_database(path)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (future,)
    connection.close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """The error names both, and the data is not touched [LG22]."""
    path = tmp_path / "legato.db"
    open_database(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    stores = make_stores(f"sqlite:///{path}", "memory:", home=tmp_path)
    with pytest.raises(Conflict, match=rf"9999.*{REVISION}"):
        await stores.lifecycle.open()
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["migration.before_commit", "migration.after_commit"])
def test_a_migration_that_was_killed_runs_again(tmp_path: Path, place: str) -> None:
    """All of it or nothing: the next start finds no half [LG21]."""
    path = tmp_path / "legato.db"
    assert start(path, place).wait(60) == -9
    connection = open_database(path)
    assert shape(connection) == shape(migrated())
    connection.close()


def test_a_start_on_a_current_schema_loads_no_migrations(tmp_path: Path) -> None:
    """Alembic and SQLAlchemy cost a second; an ordinary start does not pay it [CL13]."""
    code = (
        "import sys; from pathlib import Path; "
        "from legato.adapters.sql.sqlite.stores import open_database; "
        "[open_database(Path(sys.argv[1])).close() for _ in range(2)]; "
        "assert not {'sqlalchemy', 'alembic', 'asyncpg'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "legato.db"], check=False)
    assert done.returncode == 0


async def test_a_lifted_store_works(tmp_path: Path, future: str) -> None:
    """The ports run on what a migration made of an old file [LG23]."""
    path = tmp_path / "legato.db"
    make_old(path)
    assert future
    stores = make_stores(f"sqlite:///{path}", "memory:", home=tmp_path)
    await stores.lifecycle.open()
    try:
        assert list(await stores.log.append([born()])) == [True]
        assert await stores.log.heads([execution_id(1)]) == {execution_id(1): 1}
        assert await asyncio.gather(*(stores.versions.names("local") for _ in range(3)))  # type: ignore[arg-type]
    finally:
        await stores.lifecycle.close()

# SPDX-License-Identifier: Apache-2.0
"""Write `compiled.sql`: the schema as the migrations make it, and every statement as text.

    python -m legato.adapters.sql.sqlite.compile

Run it after a change of schema, migrations or definitions; a test compares. Rules: LG23.
"""

import re
import sqlite3
from pathlib import Path

from sqlalchemy import create_engine, pool
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from legato.adapters.sql.migrate import upgrade
from legato.adapters.sql.revision import REVISION
from legato.adapters.sql.sqlite.definitions import all_statements
from legato.adapters.sql.sqlite.statements import COMPILED

_HEADER = """\
-- SPDX-License-Identifier: Apache-2.0
-- Made by `python -m legato.adapters.sql.sqlite.compile`. Do not edit.
"""


def compiled() -> str:
    """Return the text of `compiled.sql`."""
    parts = [f"-- revision: {REVISION}\n"]
    parts += [f"-- schema:\n{statement};\n" for statement in migrated_schema()]
    for name, statement in all_statements().items():
        parts.append(f"-- {name}:\n{_one_line(_text_of(statement))};\n")
    return _HEADER + "".join(parts)


class _Compiler(SQLiteCompiler):
    """Also writes `INDEXED BY`."""

    def get_from_hint_text(self, _table: object, text: str | None) -> str | None:
        return text


def _text_of(statement: ClauseElement) -> str:
    """Return the text with named parameters; constants stand in it as they are."""
    style = dialect(paramstyle="named")
    style.statement_compiler = _Compiler
    done = statement.compile(dialect=style)
    sql = str(done)
    assert isinstance(done, SQLCompiler)
    for name, parameter in done.binds.items():
        if not parameter.required:
            sql = re.sub(rf":{name}\b", lambda _: _constant(parameter.value), sql)  # noqa: B023
    return sql


def _constant(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    assert isinstance(value, str), value
    return "'" + value.replace("'", "''") + "'"


def migrated_schema() -> list[str]:
    """Return the statements that make what all migrations together make."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=pool.StaticPool)
    with engine.connect() as connection:
        upgrade(connection)
        connection.commit()
    rows = raw.execute(
        # Shadow tables of the full-text index are made by its own statement.
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'search_index_*'"
        " AND name NOT GLOB 'sqlite_*' ORDER BY rowid"
    ).fetchall()
    rows += raw.execute(
        "SELECT 'INSERT INTO meta VALUES (' || quote(key) || ', ' || quote(value) || ')' FROM meta"
    ).fetchall()
    rows += raw.execute(
        "SELECT 'INSERT INTO alembic_version VALUES (' || quote(version_num) || ')'"
        " FROM alembic_version"
    ).fetchall()
    engine.dispose()
    return [_one_line(sql) for (sql,) in rows]


def _one_line(sql: str) -> str:
    # No statement holds white space that counts.
    return re.sub(r"\s+", " ", sql).strip()


if __name__ == "__main__":
    Path(COMPILED).write_text(compiled(), encoding="utf-8")

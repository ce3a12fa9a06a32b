# SPDX-License-Identifier: Apache-2.0
"""Write `compiled.sql`: every statement as text, with the order of its parameters.

    python -m legato.adapters.sql.postgres.compile

Run it after a change of definitions; a test compares. Rules: LG23.
"""

import json
import re

from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from legato.adapters.sql.postgres.definitions import all_statements
from legato.adapters.sql.postgres.statements import COMPILED

_HEADER = """\
-- SPDX-License-Identifier: Apache-2.0
-- Made by `python -m legato.adapters.sql.postgres.compile`. Do not edit.
"""


def compiled() -> str:
    """Return the text of `compiled.sql`."""
    parts = [_one(name, statement) for name, statement in all_statements().items()]
    return _HEADER + "".join(parts)


def _one(name: str, statement: ClauseElement) -> str:
    done = statement.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    assert isinstance(done, SQLCompiler)
    order: list[object] = []
    for parameter in done.positiontup or ():
        bind = done.binds[parameter]
        # A constant is written as a list of one value.
        order.append(parameter if bind.required else [bind.value])
    sql = re.sub(r"\s+", " ", str(done)).strip()
    return f"-- {name}: {json.dumps(order)}\n{sql};\n"


if __name__ == "__main__":
    COMPILED.write_text(compiled(), encoding="utf-8")

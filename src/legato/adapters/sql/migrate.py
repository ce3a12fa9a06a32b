# SPDX-License-Identifier: Apache-2.0
"""Bring a database to the newest schema. Safe when many processes start at once.

A database that is current is never touched, and Alembic is then not even loaded (it costs a
quarter of a second). Locks, transactions and the drivers' details belong to the callers in
`sqlite` and `postgres`.

Rules: LG21, LG22, LG23.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from legato.errors import Conflict

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS: Final = Path(__file__).with_name("migrations")

State = Literal["empty", "old", "current"]


def known_revisions() -> list[str]:
    """Return the revisions this program brings along, oldest first."""
    return sorted(file.name.split("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def judge(found: str | None, newest: str) -> State:
    """Tell what has to be done with a database.

    Args:
        found: Its revision, or None if it has no tables of ours.
        newest: The revision this program expects.

    Raises:
        Conflict: The database was made by a newer program.
    """
    if found is None:
        return "empty"
    if found == newest:
        return "current"
    if found in known_revisions():
        return "old"
    raise Conflict(
        f"the database has schema {found}, which this program does not know: its newest is "
        f"{newest}.",
        hint="Use a newer Legato, or another database.",
    )


def upgrade(connection: "Connection", target: str = "head") -> None:
    """Run the missing migrations on a connection; the caller locks before and commits after."""
    from alembic import command  # noqa: PLC0415 - loaded only when there is something to do
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    # Without this Alembic reads settings that it may find in the working folder.
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)

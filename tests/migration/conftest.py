# SPDX-License-Identifier: Apache-2.0
"""A migration of the future, to go to."""

import shutil
from pathlib import Path

import pytest

from legato.adapters.sql import migrate
from legato.adapters.sql.postgres import stores as postgres_stores
from legato.adapters.sql.sqlite import stores as sqlite_stores

FUTURE = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("of_the_future", sa.Column("x", sa.Text))
    op.add_column("publications", sa.Column("note", sa.Text))
    op.bulk_insert(sa.table("of_the_future", sa.column("x")), [{{"x": "made"}}])
"""


@pytest.fixture
def future(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have this program know one migration more than it does; return its revision."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder)
    text = FUTURE.format(before=migrate.known_revisions()[-1])
    (folder / "versions" / "9000_future.py").write_text(text)
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    monkeypatch.setattr(sqlite_stores, "REVISION", "9000")
    monkeypatch.setattr(postgres_stores, "REVISION", "9000")
    return "9000"

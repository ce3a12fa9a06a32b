# SPDX-License-Identifier: Apache-2.0
"""Run by Alembic. The caller hands over an open connection that holds the migration lock."""

from alembic import context

from legato.adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()

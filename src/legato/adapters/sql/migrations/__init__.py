# SPDX-License-Identifier: Apache-2.0
"""Alembic's environment for the store. `legato.adapters.sql.migrate` runs it."""

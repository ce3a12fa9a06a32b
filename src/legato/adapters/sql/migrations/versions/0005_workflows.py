# SPDX-License-Identifier: Apache-2.0
"""Workflows with ids, drafts and pins."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing so far."""

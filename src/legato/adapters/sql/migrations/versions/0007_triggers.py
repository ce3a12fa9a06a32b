# SPDX-License-Identifier: Apache-2.0
"""Triggers, ticks and deliveries."""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing so far."""

# SPDX-License-Identifier: Apache-2.0
"""Under which terms executions are admitted, and what was answered to requests with a key."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing so far."""

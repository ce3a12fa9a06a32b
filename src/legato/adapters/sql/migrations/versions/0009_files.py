# SPDX-License-Identifier: Apache-2.0
"""Files."""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing so far."""

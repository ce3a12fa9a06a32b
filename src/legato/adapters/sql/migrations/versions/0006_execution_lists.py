# SPDX-License-Identifier: Apache-2.0
"""What lists of executions are filtered and searched by."""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing so far."""

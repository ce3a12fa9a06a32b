# SPDX-License-Identifier: Apache-2.0
"""The newest migration. Rules: LG22."""

from typing import Final

REVISION: Final = "0010"
"""What this program expects to find in the database."""

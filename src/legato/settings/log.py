# SPDX-License-Identifier: Apache-2.0
"""`[log]`: a file beside stderr; names, types and bounds only. Rules: HT55."""

from pathlib import Path
from typing import Final

from pydantic import Field

from legato.settings.section import Section

_KIB: Final = 1024
_MIB: Final = 1024 * _KIB


class LogSettings(Section):
    """`[log]`: where servers and engines write JSON lines, beside what they say on stderr."""

    file: Path | None = None
    """Several processes may write the same; older ones beside it end in `.1`, `.2`…"""
    max_bytes: int = Field(default=50 * _MIB, ge=64 * _KIB, le=10 * 1024 * _MIB)
    """A file of this size becomes an older one."""
    keep: int = Field(default=5, ge=1, le=100)
    """Older files that are kept."""

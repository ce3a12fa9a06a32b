# SPDX-License-Identifier: Apache-2.0
"""Log lines, progress and stream deltas of attempts: kept per attempt, never folded.

Rules: ND, EN.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from legato.model.ids import ExecutionId, NodeId


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `offset` counts lines of one attempt from 0; `at` is ms; item -1 means none."""

    execution_id: ExecutionId
    node: NodeId
    item: int = -1
    attempt: int
    offset: int
    at: int
    level: str = "info"
    text: str = ""
    progress: float | None = None


class AttemptLogs(Protocol):
    """Write behind, read by attempt."""

    async def append(self, lines: Sequence[LogLine]) -> None:
        """Store lines; duplicates (same attempt and offset) change nothing."""
        ...

    async def read(
        self,
        execution_id: ExecutionId,
        *,
        node: NodeId | None = None,
        after: int = 0,
        limit: int = 1_000,
    ) -> list[tuple[int, LogLine]]:
        """Return (row id, line) with row id > `after`, in arrival order."""
        ...

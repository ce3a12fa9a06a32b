# SPDX-License-Identifier: Apache-2.0
"""Lists of executions by the order of their ids, filtered and searched; one execution in one look.

Rules: XR10-XR19.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from legato.model.frames import ExecutionStatus
from legato.model.ids import ExecutionId, WorkspaceId
from legato.ports.executions import ExecutionRow

SCAN_MS: Final = 40
"""A page that has looked for so long ends, whatever it has found."""
VALUES_ASKED_MAX: Final = 3


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions; all conditions must hold.

    `workflow` is its name, `workflow_id` its id. `values` are (path, text): a path that begins with
    `inputs.` or `outputs.` is looked for there, another in both. `parent`: those it called, instead
    of roots. `before` is an id: the page begins below. Times are ms, `created_from` counts in and
    `created_to` does not.
    """

    workspace: WorkspaceId
    statuses: tuple[ExecutionStatus, ...] = ()
    workflow: str | None = None
    workflow_id: str | None = None
    number: int | None = None
    trigger: str | None = None
    created_from: int | None = None
    created_to: int | None = None
    search: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    parent: ExecutionId | None = None
    before: str | None = None
    limit: int = 50


class Listing(msgspec.Struct, frozen=True):
    """Rows by falling id. `searched_to` is set if the look ended early: go on before that id."""

    rows: list[ExecutionRow]
    searched_to: str | None = None


class ExecutionLook(msgspec.Struct, frozen=True):
    """An execution's row, its first event, and its last one if it has ended, as stored.

    `start` is the encoded StartExecution of one that nobody has begun.
    """

    row: ExecutionRow
    first: bytes | None
    last: bytes | None
    start: bytes | None = None


Clock = Callable[[], float]
"""Seconds that only grow."""


class ExecutionLists(Protocol):
    """Queries that the API makes."""

    async def page(self, wanted: ListQuery) -> Listing:
        """Return one row more than `limit` if there are more, or what a look of `SCAN_MS` found."""
        ...

    async def look(self, execution_id: ExecutionId) -> ExecutionLook | None:
        """Return an execution as it is committed now; None if there is none."""
        ...

    async def asking(
        self, workspace: WorkspaceId, *, before: str | None, limit: int
    ) -> list[ExecutionRow]:
        """Return open executions where somebody or something is waited for, by falling id."""
        ...

    async def count_asking(self, workspace: WorkspaceId, *, limit: int) -> int:
        """Return how many there are, up to `limit`."""
        ...

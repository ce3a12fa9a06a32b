# SPDX-License-Identifier: Apache-2.0
"""The audit: who did what to what, from where, and whether it was allowed. Append-only.

A row is inserted in the transaction of its effect. One sealer at a time gives rows their place in the
chain: `hash = SHA-256(prev_hash || RFC 8785 JSON of the row)`. Nothing here can change or delete one.

Rules: AD.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from legato.model.ids import WorkspaceId

Result = Literal["ok", "denied", "failed"]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written. `data` holds ids and names, never a secret or what somebody typed.

    `actor` and `target` are a kind (`user`, `api_key`, `system`, `session`…) and an id; both may be
    empty for somebody unknown. `workspace` is None for what concerns the whole installation.
    """

    action: str
    result: Result = "ok"
    actor_kind: str = "system"
    actor: str = ""
    target_kind: str = ""
    target: str = ""
    workspace: WorkspaceId | None = None
    ip: str = ""
    request_id: str = ""
    data: Mapping[str, Any] = {}


class AuditRow(AuditEntry, frozen=True, kw_only=True):
    """What was written. `seq` and `hash` (hex) are None until it is sealed; `at` is in ms."""

    id: int
    at: int
    seq: int | None = None
    hash: str | None = None


class Head(msgspec.Struct, frozen=True):
    """The last sealed row; 0 and 64 zeros while there is none."""

    seq: int
    hash: str


class Audit(Protocol):
    """Write, seal and read."""

    async def write(self, entries: Sequence[AuditEntry]) -> None:
        """Write rows that belong to no other transaction, such as a refusal."""
        ...

    async def seal(self, limit: int = 1_000) -> Head:
        """Give unsealed rows, oldest first, their seq and hash; return the head.

        Only one process seals at a time; another call returns the head and does nothing.
        """
        ...

    async def read(
        self, *, after: int = 0, limit: int = 200, workspace: WorkspaceId | None = None
    ) -> list[AuditRow]:
        """Return sealed rows with a larger seq, in order; of one workspace, or of all."""
        ...

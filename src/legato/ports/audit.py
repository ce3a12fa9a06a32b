# SPDX-License-Identifier: Apache-2.0
"""The audit: who did what to what, from where, and whether it was allowed. Append-only.

A row is inserted in the transaction of its effect. One sealer at a time gives rows their place in
the chain: `hash = SHA-256(previous hash, 32 bytes || RFC 8785 JSON of `public(row)`)`, which holds
every field but `id` and `hash`, `seq` included; before the first row stand 32 zero bytes. Nothing
here can change or delete a row.

Rules: AD.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

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


NO_HEAD: Final = Head(0, "0" * 64)
"""The head of an audit without a sealed row."""
LOOKED_AT_MAX: Final = 10_000
"""Rows that one page looks at, however few of them are wanted: some 20 ms."""
UNSEALED_MAX: Final = 100_000
"""Up to so many unsealed rows are counted."""
SEQ_MIN: Final = -(2**62)
"""Before every row, also before one that somebody has given a seq under 1."""


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which sealed rows to return, the newest first; all conditions must hold.

    `before` is the seq of the row that ended the page before. `action` is a whole one, or a group
    of them with its dot (`auth.`). `since` and `until` are ms: from, and up to and without.
    """

    before: int | None = None
    limit: int = 50
    workspace: WorkspaceId | None = None
    action: str | None = None
    actor: str | None = None
    since: int | None = None
    until: int | None = None

    def wants(self, row: AuditRow) -> bool:
        """Tell whether a row keeps the conditions; `before` and `limit` are none."""
        action = self.action or row.action
        is_group = action.endswith(".") and row.action.startswith(action)
        return (
            (row.action == action or is_group)
            and self.workspace in {None, row.workspace}
            and self.actor in {None, row.actor}
            and (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
        )


class AuditPage(msgspec.Struct, frozen=True):
    """Rows, and the `before` of the page that follows; None if there is none.

    A page that has looked at many rows may end before it is full.
    """

    rows: list[AuditRow]
    before: int | None


def public(row: AuditRow) -> dict[str, Any]:
    """Return a row as people see it and as it is hashed."""
    return {
        "seq": row.seq,
        "at": row.at,
        "workspace_id": row.workspace,
        "actor": {"kind": row.actor_kind, "id": row.actor},
        "action": row.action,
        "target": {"kind": row.target_kind, "id": row.target},
        "result": row.result,
        "ip": row.ip,
        "request_id": row.request_id,
        "data": dict(row.data),
    }


def chained(previous: str, row: AuditRow) -> str:
    """Return the hash (hex) of a row that has its seq, after the hash of the row before it.

    Raises:
        ValueError: The row holds what JSON cannot.
    """
    import rfc8785  # noqa: PLC0415 - most processes seal and check nothing

    return hashlib.sha256(bytes.fromhex(previous) + rfc8785.dumps(public(row))).hexdigest()


def follow(head: Head, rows: Iterable[AuditRow]) -> tuple[Head, int | None]:
    """Check rows that come after a head, in order.

    Returns:
        The head after the last good row, and the first seq that is missing or wrong, or None.
    """
    for row in rows:
        seq = head.seq + 1
        if row.seq != seq or row.hash is None or row.hash != _chained_or_none(head.hash, row):
            return head, seq
        head = Head(seq, row.hash)
    return head, None


def _chained_or_none(previous: str, row: AuditRow) -> str | None:
    """Return what the hash should be; None of a row that nobody could have sealed."""
    try:
        return chained(previous, row)
    except (ValueError, TypeError, RecursionError):  # somebody wrote what is no text, say
        return None


class Audit(Protocol):
    """Write, seal and read."""

    async def write(self, entries: Sequence[AuditEntry]) -> None:
        """Write rows that belong to no other transaction, such as a refusal.

        Raises:
            Internal: `data` holds what JSON cannot.
        """
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

    async def newest(self, wanted: AuditQuery) -> AuditPage:
        """Return a page of sealed rows, the newest first. It looks at `LOOKED_AT_MAX` at most."""
        ...

    async def head(self) -> Head:
        """Return the last sealed row; it seals nothing."""
        ...

    async def unsealed(self) -> int:
        """Return how many rows wait to be sealed, `UNSEALED_MAX` at most."""
        ...

# SPDX-License-Identifier: Apache-2.0
"""The ports that one store offers together, handed around as one value.

Rules: LG.
"""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from legato.ports.accounts import Accounts
from legato.ports.admission import Admissions
from legato.ports.attempt_logs import AttemptLogs
from legato.ports.audit import Audit
from legato.ports.blobs import BlobStore
from legato.ports.bus import Changes
from legato.ports.catalogue import Versions
from legato.ports.credentials import Credentials
from legato.ports.executions import Executions
from legato.ports.files import Files
from legato.ports.inbox import Inbox
from legato.ports.journal import Journal
from legato.ports.keeping import Keeping
from legato.ports.listing import ExecutionLists
from legato.ports.log import Log
from legato.ports.owners import Owners
from legato.ports.triggers import Notices, Triggers
from legato.ports.workflows import Workflows


class StoreLook(msgspec.Struct, frozen=True, kw_only=True):
    """How a store does. `now` is its clock in ms, `took_ms` a read and a write, there and back.

    `durability` are the settings that make a commit last.
    """

    kind: str
    version: str
    durability: dict[str, str]
    now: int
    took_ms: float


class Lifecycle(Protocol):
    """Open and close what the ports share."""

    async def open(self) -> None:
        """Connect and check the schema.

        Raises:
            StoreUnavailable: Cannot connect, disk full, read-only or corrupt: the message says so.
            Conflict: The schema is newer than this program.
        """
        ...

    async def close(self) -> None:
        """Finish queued writes and disconnect."""
        ...

    async def epoch(self) -> int:
        """Return the incarnation of the store; changed only by restore or loss of history."""
        ...

    async def look(self) -> StoreLook:
        """Read and write once, changing nothing, and tell how the store does.

        Raises:
            StoreUnavailable: It does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything durable, behind ports."""

    lifecycle: Lifecycle
    log: Log
    inbox: Inbox
    owners: Owners
    executions: Executions
    lists: ExecutionLists
    versions: Versions
    workflows: Workflows
    journal: Journal
    attempt_logs: AttemptLogs
    blobs: BlobStore
    changes: Changes
    admissions: Admissions
    accounts: Accounts
    audit: Audit
    files: Files
    credentials: Credentials
    triggers: Triggers
    notices: Notices
    keeping: Keeping

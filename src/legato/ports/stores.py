# SPDX-License-Identifier: Apache-2.0
"""The ports that one store offers together, handed around as one value.

Rules: LG.
"""

from dataclasses import dataclass
from typing import Protocol

from legato.ports.attempt_logs import AttemptLogs
from legato.ports.blobs import Blobs
from legato.ports.bus import Changes
from legato.ports.catalogue import Versions
from legato.ports.executions import Executions
from legato.ports.inbox import Inbox
from legato.ports.journal import Journal
from legato.ports.log import Log
from legato.ports.owners import Owners


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


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything durable, behind ports."""

    lifecycle: Lifecycle
    log: Log
    inbox: Inbox
    owners: Owners
    executions: Executions
    versions: Versions
    journal: Journal
    attempt_logs: AttemptLogs
    blobs: Blobs
    changes: Changes

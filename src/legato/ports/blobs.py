# SPDX-License-Identifier: Apache-2.0
"""Payloads too large for the log, addressed by their SHA-256.

`put` returns only when the bytes are durable: an event may refer to them from then on.

Rules: LG.
"""

from typing import Protocol

from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef


class Blobs(Protocol):
    """Store and fetch whole payloads."""

    async def put(self, workspace: WorkspaceId, payload: bytes) -> BlobRef:
        """Store a payload durably; the same bytes twice are stored once.

        Raises:
            Unavailable: Disk full, read-only or unreachable; the message says which.
        """
        ...

    async def get(self, workspace: WorkspaceId, ref: BlobRef) -> bytes:
        """Return a payload whose hash has been checked.

        Raises:
            NotFound: It is gone (retention).
            Unavailable: It cannot be read, or what was read is corrupt.
        """
        ...

# SPDX-License-Identifier: Apache-2.0
"""The blobs of one attempt: those of its workspace, with a note of what it stored.

What an attempt stored is reported with its success and kept as long as its execution is. What a
failed attempt stored nobody refers to.

Rules: LG15, LG16, ND3.
"""

from collections.abc import AsyncIterable, AsyncIterator

from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.blobs import Blobs
from legato.ports.node import BLOB_BYTES_MAX


class AttemptBlobs:
    """Keeps `legato.ports.node.BlobAccess` for one attempt."""

    __slots__ = ("_blobs", "_workspace", "stored")

    def __init__(self, blobs: Blobs, workspace: WorkspaceId) -> None:
        """Begin with nothing stored."""
        self._blobs = blobs
        self._workspace = workspace
        self.stored: dict[BlobRef, None] = {}

    async def put(self, payload: bytes) -> BlobRef:
        """Keep `BlobAccess.put`."""
        return self._note(await self._blobs.put(self._workspace, payload))

    async def get(self, ref: BlobRef) -> bytes:
        """Keep `BlobAccess.get`."""
        return await self._blobs.get(self._workspace, ref)

    async def put_stream(
        self, pieces: AsyncIterable[bytes], *, size_max: int = BLOB_BYTES_MAX
    ) -> BlobRef:
        """Keep `BlobAccess.put_stream`."""
        return self._note(await self._blobs.put_stream(self._workspace, pieces, size_max=size_max))

    def stream(self, ref: BlobRef) -> AsyncIterator[bytes]:
        """Keep `BlobAccess.stream`."""
        return self._blobs.stream(self._workspace, ref)

    def _note(self, ref: BlobRef) -> BlobRef:
        self.stored[ref] = None
        return ref

# SPDX-License-Identifier: Apache-2.0
"""Payloads too large for the log, addressed by their SHA-256.

`put` returns only when the bytes are durable: an event may refer to them from then on.

A payload that nobody refers to is deleted in two steps, because a reference may be on its way: it
is put away, where whoever asks for it still finds it and has it brought back; what nobody refers to
long after that is dropped.

Rules: LG, FI33-FI35.
"""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Protocol

from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef, Value, inline


class Blobs(Protocol):
    """Store and fetch payloads, whole or piece by piece."""

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

    async def put_stream(
        self, workspace: WorkspaceId, pieces: AsyncIterable[bytes], *, size_max: int
    ) -> BlobRef:
        """Store a payload durably that comes piece by piece and is never in memory as a whole.

        Args:
            workspace: Whose it is.
            pieces: Its bytes in order. What they raise is raised here, and nothing is kept.
            size_max: Bytes that it may have.

        Raises:
            LimitExceeded: It is longer than `size_max`; nothing is kept.
            Unavailable: As with `put`.
        """
        ...

    def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
        """Yield a payload piece by piece; the hash is checked when the last one has been given.

        Raises:
            NotFound: It is gone.
            Unavailable: It cannot be read, or what was read is corrupt: what came before is void.
        """
        ...


class BlobStore(Blobs, Protocol):
    """What a store offers beside: parts of payloads, and the deletion of those nobody needs."""

    def stream_part(
        self, workspace: WorkspaceId, ref: BlobRef, first: int, size: int
    ) -> AsyncIterator[bytes]:
        """Yield `size` bytes of a payload from the byte `first` on, from 0; no hash is checked.

        Raises:
            NotFound: It is gone.
            Unavailable: It cannot be read.
        """
        ...

    async def workspaces(self) -> list[WorkspaceId]:
        """Return the workspaces that have payloads."""
        ...

    def aged(self, workspace: WorkspaceId, before_ms: int) -> AsyncIterator[list[str]]:
        """Yield batches of hashes of payloads that were last written before that.

        Payloads that are put or deleted meanwhile may be among them or not.
        """
        ...

    async def put_away(self, workspace: WorkspaceId, hashes: Sequence[str]) -> None:
        """Put payloads away; one that is not there is no error."""
        ...

    def away(self, workspace: WorkspaceId, before_ms: int) -> AsyncIterator[list[str]]:
        """Yield batches of hashes of what was put away before that."""
        ...

    async def bring_back(self, workspace: WorkspaceId, hashes: Sequence[str]) -> None:
        """Undo `put_away`; one that is not away is no error."""
        ...

    async def delete_remains(self, workspace: WorkspaceId, before_ms: int) -> None:
        """Delete what streams that broke off have left, and nobody has written to since then."""
        ...

    async def drop(self, workspace: WorkspaceId, hashes: Sequence[str]) -> None:
        """Delete for ever what is put away; one that is not away is no error."""
        ...


async def keep_value(
    blobs: Blobs, workspace: WorkspaceId, data: bytes, inline_bytes_max: int
) -> Value:
    """Return JSON text as a value; what is too long to be inline is stored first.

    Raises:
        Unavailable: As with `Blobs.put`.
    """
    if len(data) <= inline_bytes_max:
        return inline(data)
    return Value(ref=await blobs.put(workspace, data))


async def json_of(blobs: Blobs, workspace: WorkspaceId, value: Value) -> bytes:
    """Return the JSON text of a value, wherever it is.

    Raises:
        NotFound: As with `Blobs.get`.
        Unavailable: As with `Blobs.get`.
    """
    return bytes(value.json) if value.ref is None else await blobs.get(workspace, value.ref)

# SPDX-License-Identifier: Apache-2.0
"""Blobs through obstore: a local folder, memory, or S3.

A payload lies at `<workspace>/<first two digits>/<SHA-256>`. obstore writes a file under another
name and renames it, but makes nothing durable; so after it the file and the folders that changed
are synced here, before `put` returns. A crash between rename and sync can leave a damaged file:
nothing refers to it yet, the hash is checked on every read, and the next `put` writes it again.
What comes as a stream is written under `<workspace>/incoming/` until its hash is known; what a
crash leaves there is deleted by a later stream, a day after it was written.

Rules: LG15, LG16, LG27, LG28.
"""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from legato.crashpoints import crash_point
from legato.errors import InvalidInput, LimitExceeded, NotFound, StoreDamaged, StoreUnavailable
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef

THREAD_BYTES_MIN: Final = 256 * 1024
"""From this size on hashing (about 1 ms per MiB) leaves the event loop."""
PIECE_BYTES: Final = 1024 * 1024
"""How much of a stream is in memory at once, about."""
INCOMING: Final = "incoming"
INCOMING_KEPT: Final = timedelta(days=1)
REQUEST_TIMEOUT: Final = "30s"
CONNECT_TIMEOUT: Final = "5s"

_REASONS: Final = (
    ("StorageFull", "the disk is full", "Free some space: the work goes on by itself."),
    ("QuotaExceeded", "the disk quota is used up", "Free some space."),
    ("ReadOnlyFilesystem", "the file system is read-only", "Mount it for writing."),
    ("PermissionDenied", "access is denied", "Check owner and rights of the folder."),
)


class ObstoreBlobs:
    """Keeps `ports.blobs.Blobs`."""

    def __init__(self, open_store: Callable[[], Any], *, folder: Path | None, place: str) -> None:
        """Wrap an object store that is opened when it is first needed.

        Args:
            open_store: Makes an `obstore` store.
            folder: The folder behind it, if what is put there has to be synced.
            place: How errors name it; holds no password.
        """
        self._open_store = open_store
        self._folder = folder
        self._place = place
        self._opened: Any = None
        self._synced: set[Path] = set()
        self._swept: set[WorkspaceId] = set()

    async def put(self, workspace: WorkspaceId, payload: bytes) -> BlobRef:
        """Keep `Blobs.put`."""
        ref = BlobRef(await _hash(payload), len(payload))
        path = _path(workspace, ref)
        try:
            await obstore.put_async(self._store(), path, payload)
            crash_point("blob.before_durable")
            if self._folder is not None:
                await asyncio.to_thread(self._sync, self._folder / path)
            crash_point("blob.after_durable")
        except (BaseError, OSError) as error:
            raise self._unavailable("written", ref, error) from error
        return ref

    async def get(self, workspace: WorkspaceId, ref: BlobRef) -> bytes:
        """Keep `Blobs.get`."""
        try:
            answer = await obstore.get_async(self._store(), _path(workspace, ref))
            payload = bytes(await answer.bytes_async())
        except FileNotFoundError as error:
            raise _gone(workspace, ref) from error
        except (BaseError, OSError) as error:
            raise self._unavailable("read", ref, error) from error
        if len(payload) != ref.size or await _hash(payload) != ref.hash:
            raise self._damaged(ref, len(payload))
        return payload

    async def put_stream(
        self, workspace: WorkspaceId, pieces: AsyncIterable[bytes], *, size_max: int
    ) -> BlobRef:
        """Keep `Blobs.put_stream`."""
        draft = f"{_folder(workspace)}/{INCOMING}/{uuid.uuid4().hex}"
        try:
            ref = await self._write(draft, pieces, size_max)
            await self._sweep(workspace, draft)
            path = _path(workspace, ref)
            await obstore.rename_async(self._store(), draft, path, overwrite=True)
            crash_point("blob.before_durable")
            if self._folder is not None:
                await asyncio.to_thread(self._sync, self._folder / path)
            crash_point("blob.after_durable")
        except (BaseError, OSError) as error:
            await self._discard(draft)
            raise self._unavailable("written", None, error) from error
        except _SourceError as failed:
            await self._discard(draft)
            raise failed.error from None
        except BaseException:
            await self._discard(draft)
            raise
        return ref

    async def _write(self, draft: str, pieces: AsyncIterable[bytes], size_max: int) -> BlobRef:
        digest, size = hashlib.sha256(), 0
        async with obstore.open_writer_async(
            self._store(), draft, buffer_size=PIECE_BYTES
        ) as writer:
            async for piece in _marked(pieces):
                size += len(piece)
                if size > size_max:
                    raise LimitExceeded(f"the payload is longer than {size_max} bytes")
                if len(piece) < THREAD_BYTES_MIN:
                    digest.update(piece)
                else:
                    await asyncio.to_thread(digest.update, piece)
                await writer.write(piece)
        return BlobRef(digest.hexdigest(), size)

    async def _discard(self, draft: str) -> None:
        with suppress(BaseError, OSError):
            await obstore.delete_async(self._store(), draft)

    async def _sweep(self, workspace: WorkspaceId, draft: str) -> None:
        """Delete what processes that died long ago left behind, once per process.

        Ages are told from the draft just written: by the store's clock, whatever ours says.
        """
        if workspace in self._swept:
            return
        self._swept.add(workspace)
        with suppress(BaseError, OSError):
            now = (await obstore.head_async(self._store(), draft))["last_modified"]
            async for batch in obstore.list(self._store(), prefix=draft.rpartition("/")[0]):
                for each in batch:
                    if now - each["last_modified"] > INCOMING_KEPT:
                        await obstore.delete_async(self._store(), each["path"])

    async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
        """Keep `Blobs.stream`."""
        digest, size = hashlib.sha256(), 0
        try:
            answer = await obstore.get_async(self._store(), _path(workspace, ref))
            async for piece in answer.stream(min_chunk_size=PIECE_BYTES):
                data = bytes(piece)
                size += len(data)
                await asyncio.to_thread(digest.update, data)
                yield data
        except FileNotFoundError as error:
            raise _gone(workspace, ref) from error
        except (BaseError, OSError) as error:
            raise self._unavailable("read", ref, error) from error
        if size != ref.size or digest.hexdigest() != ref.hash:
            raise self._damaged(ref, size)

    def _store(self) -> Any:
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened

    def _sync(self, file: Path) -> None:
        """Make a file durable, and its name, and the names of new folders above it."""
        _fsync(file, os.O_RDONLY)
        assert self._folder is not None
        folder = file.parent
        _fsync(folder, os.O_RDONLY | os.O_DIRECTORY)
        while folder not in self._synced and folder != self._folder.parent:
            _fsync(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
            self._synced.add(folder)
            folder = folder.parent

    def _damaged(self, ref: BlobRef, size: int) -> StoreDamaged:
        return StoreDamaged(
            f"blob {ref.hash} in {self._place} is damaged: its {size} bytes are not those that "
            "were stored.",
            hint="Restore it from a backup.",
        )

    def _unavailable(self, what: str, ref: BlobRef | None, error: Exception) -> StoreUnavailable:
        text = str(error)
        reason, hint = next(
            (known[1:] for known in _REASONS if f"kind: {known[0]}" in text),
            (text.partition("\n")[0][:300], "Check the place and its access."),
        )
        name = "a blob" if ref is None else f"blob {ref.hash} ({ref.size} bytes)"
        return StoreUnavailable(
            f"{name} cannot be {what} in {self._place}: {reason}.",
            hint=hint,
        )


class _SourceError(Exception):
    """Who gave the pieces raised `error`: it must not pass for an error of the store."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


async def _marked(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces:
            yield piece
    except Exception as error:
        raise _SourceError(error) from error


def make_blobs(url: str) -> ObstoreBlobs:
    """Make the blob store that a URL names. Nothing is opened or made yet.

    Args:
        url: `file:///PATH`, `memory:` or `s3://BUCKET/PREFIX` (credentials from `AWS_*`).

    Raises:
        InvalidInput: The URL names none of them.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return ObstoreBlobs(MemoryStore, folder=None, place="memory")
    if url.startswith("file:///"):
        # Taken as it is: a folder's name may hold what a URL would have to escape.
        folder = Path(url.removeprefix("file://"))
        return ObstoreBlobs(lambda: _local(folder), folder=folder, place=f"the folder {folder}")
    if parts.scheme == "s3" and parts.hostname:
        place = f"s3://{parts.hostname}{parts.path}"
        return ObstoreBlobs(lambda: _s3(place), folder=None, place=place)
    raise InvalidInput(
        f"{parts.scheme or 'the blob URL'} names no place for blobs; expected file:///PATH, "
        "memory: or s3://BUCKET/PREFIX"
    )


def _local(folder: Path) -> LocalStore:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(folder)


def _s3(url: str) -> S3Store:
    return S3Store.from_url(
        url, client_options={"timeout": REQUEST_TIMEOUT, "connect_timeout": CONNECT_TIMEOUT}
    )


def _folder(workspace: WorkspaceId) -> str:
    return quote(workspace, safe="")


def _path(workspace: WorkspaceId, ref: BlobRef) -> str:
    return f"{_folder(workspace)}/{ref.hash[:2]}/{ref.hash}"


def _gone(workspace: WorkspaceId, ref: BlobRef) -> NotFound:
    return NotFound(
        f"blob {ref.hash} is gone from workspace {workspace}: it may have been deleted "
        "with the executions it belonged to"
    )


async def _hash(payload: bytes) -> str:
    if len(payload) < THREAD_BYTES_MIN:
        return _sha256(payload)
    return await asyncio.to_thread(_sha256, payload)


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

# SPDX-License-Identifier: Apache-2.0
"""Blobs through obstore: a local folder, memory, or S3.

A payload lies at `<workspace>/<first two digits>/<SHA-256>`. obstore writes a file under another
name and renames it, but makes nothing durable; so after it the file and the folders that changed
are synced here, before `put` returns. A crash between rename and sync can leave a damaged file:
nothing refers to it yet, the hash is checked on every read, and the next `put` writes it again.
What comes as a stream is written under `<workspace>/incoming/` until its hash is known; what a
crash leaves there is deleted later (`remains`). What nobody refers to is put away in
`<workspace>/away/`, from where whoever asks for it brings it back.

Rules: LG15, LG16, LG27, LG28, FI33-FI35.
"""

import asyncio
import errno
import hashlib
import os
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from legato.adapters.blobs.remains import INCOMING, KEPT, delete_remains
from legato.crashpoints import crash_point
from legato.errors import (
    DiskFull,
    InvalidInput,
    LimitExceeded,
    NotFound,
    StoreDamaged,
    StoreUnavailable,
)
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef

THREAD_BYTES_MIN: Final = 256 * 1024
"""From this size on hashing (about 1 ms per MiB) leaves the event loop."""
PIECE_BYTES: Final = 1024 * 1024
"""How much of a stream is written at once."""
PIECES_MAX: Final = 2
"""So many of them are on their way to the disk at once: one upload is never more in memory."""
S3_PIECE_BYTES: Final = 5 * 1024 * 1024
"""S3 takes no smaller part, but for the last one."""
AWAY: Final = "away"
BATCH: Final = 500
"""Names that are listed at once."""
REQUEST_TIMEOUT: Final = "30s"
CONNECT_TIMEOUT: Final = "5s"

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_REASONS: Final = (
    (
        "StorageFull",
        errno.ENOSPC,
        "the disk is full",
        "Free some space: the work goes on by itself.",
    ),
    ("QuotaExceeded", errno.EDQUOT, "the disk quota is used up", "Free some space."),
    ("ReadOnlyFilesystem", errno.EROFS, "the file system is read-only", "Mount it for writing."),
    ("PermissionDenied", errno.EACCES, "access is denied", "Check owner and rights of the folder."),
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
            answer = await self._opened_payload(workspace, ref)
            payload = bytes(await answer.bytes_async())
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
            if workspace not in self._swept:
                self._swept.add(workspace)
                # Told from the draft just written: by the store's clock, whatever ours says.
                now = (await obstore.head_async(self._store(), draft))["last_modified"]
                await delete_remains(
                    self._store(), self._folder, draft.rpartition("/")[0], now - KEPT
                )
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
        most = PIECES_MAX if self._folder is not None else 12
        piece_bytes = PIECE_BYTES if self._folder is not None else S3_PIECE_BYTES
        async with obstore.open_writer_async(
            self._store(), draft, buffer_size=piece_bytes, max_concurrency=most
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

    async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
        """Keep `Blobs.stream`."""
        digest, size = hashlib.sha256(), 0
        try:
            answer = await self._opened_payload(workspace, ref)
            async for piece in answer.stream(min_chunk_size=PIECE_BYTES):
                data = bytes(piece)
                size += len(data)
                await asyncio.to_thread(digest.update, data)
                yield data
        except (BaseError, OSError) as error:
            raise self._unavailable("read", ref, error) from error
        if size != ref.size or digest.hexdigest() != ref.hash:
            raise self._damaged(ref, size)

    async def stream_part(
        self, workspace: WorkspaceId, ref: BlobRef, first: int, size: int
    ) -> AsyncIterator[bytes]:
        """Keep `BlobStore.stream_part`."""
        if size < 1:
            return
        try:
            part = {"range": (first, first + size)}
            answer = await self._opened_payload(workspace, ref, part)
            async for piece in answer.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)
        except (BaseError, OSError) as error:
            raise self._unavailable("read", ref, error) from error

    async def workspaces(self) -> list[WorkspaceId]:
        """Keep `BlobStore.workspaces`."""
        try:
            found = await obstore.list_with_delimiter_async(self._store())
        except (BaseError, OSError) as error:
            raise self._unavailable("listed", None, error) from error
        return sorted(WorkspaceId(unquote(each)) for each in found["common_prefixes"])

    async def aged(self, workspace: WorkspaceId, before_ms: int) -> AsyncIterator[list[str]]:
        """Keep `BlobStore.aged`; listed folder by folder, of 256."""
        for number in range(256):
            async for batch in self._listed(f"{_folder(workspace)}/{number:02x}", before_ms):
                yield batch

    async def put_away(self, workspace: WorkspaceId, hashes: Sequence[str]) -> None:
        """Keep `BlobStore.put_away`.

        The file gets the time of now before it is moved: from then on its age is how long it has
        been away. A crash between the two leaves a payload that looks young.
        """
        for each in hashes:
            path = _path(workspace, BlobRef(each, 0))
            if self._folder is not None:
                with suppress(OSError):
                    await asyncio.to_thread(os.utime, self._folder / path)
            await self._moved(path, _away(workspace, each))

    def away(self, workspace: WorkspaceId, before_ms: int) -> AsyncIterator[list[str]]:
        """Keep `BlobStore.away`."""
        return self._listed(f"{_folder(workspace)}/{AWAY}", before_ms)

    async def bring_back(self, workspace: WorkspaceId, hashes: Sequence[str]) -> None:
        """Keep `BlobStore.bring_back`."""
        for each in hashes:
            await self._moved(_away(workspace, each), _path(workspace, BlobRef(each, 0)))

    async def drop(self, workspace: WorkspaceId, hashes: Sequence[str]) -> None:
        """Keep `BlobStore.drop`."""
        for each in hashes:
            try:
                await obstore.delete_async(self._store(), _away(workspace, each))
            except FileNotFoundError:
                continue
            except (BaseError, OSError) as error:
                raise self._unavailable("deleted", None, error) from error

    async def delete_remains(self, workspace: WorkspaceId, before_ms: int) -> None:
        """Keep `BlobStore.delete_remains`."""
        before = datetime.fromtimestamp(before_ms / 1000, UTC)
        prefix = f"{_folder(workspace)}/{INCOMING}"
        await delete_remains(self._store(), self._folder, prefix, before)

    async def _listed(self, prefix: str, before_ms: int) -> AsyncIterator[list[str]]:
        before = datetime.fromtimestamp(before_ms / 1000, UTC)
        try:
            async for batch in obstore.list(self._store(), prefix=prefix, chunk_size=BATCH):
                old = [each["path"] for each in batch if each["last_modified"] < before]
                if old:
                    yield [path.rpartition("/")[2] for path in old]
        except (BaseError, OSError) as error:
            raise self._unavailable("listed", None, error) from error

    async def _moved(self, path: str, to: str) -> None:
        try:
            await obstore.rename_async(self._store(), path, to, overwrite=True)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise self._unavailable("moved", None, error) from error

    async def _opened_payload(
        self, workspace: WorkspaceId, ref: BlobRef, options: Any = None
    ) -> Any:
        """Return a payload to be read, from where it was put away if need be.

        Raises:
            NotFound: It is gone.
        """
        path = _path(workspace, ref)
        try:
            return await obstore.get_async(self._store(), path, options=options)
        except FileNotFoundError:
            await self._moved(_away(workspace, ref.hash), path)
        try:
            return await obstore.get_async(self._store(), path, options=options)
        except FileNotFoundError as error:
            raise _gone(workspace, ref) from error

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
        text = str(error).partition("\n")[0][:300]
        unknown = ("", 0, text, "Check the place and its access.")
        _, number, reason, hint = next(filter(partial(_is_of, error), _REASONS), unknown)
        is_full = number in _FULL
        name = "a blob" if ref is None else f"blob {ref.hash} ({ref.size} bytes)"
        return (DiskFull if is_full else StoreUnavailable)(
            f"{name} cannot be {what} in {self._place}: {reason}.",
            hint=hint,
        )


def _is_of(error: Exception, known: tuple[str, int, str, str]) -> bool:
    """Tell whether that is why: obstore says it in words, of the last piece by its number alone."""
    kind, number = f"kind: {known[0]}", known[1]
    text = str(error)
    return getattr(error, "errno", None) == number or kind in text or f"error {number})" in text


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


def _away(workspace: WorkspaceId, content: str) -> str:
    return f"{_folder(workspace)}/{AWAY}/{content}"


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

# SPDX-License-Identifier: Apache-2.0
"""Blobs through obstore: a local folder, memory, or S3.

A payload lies at `<workspace>/<first two digits>/<SHA-256>`. obstore writes a file under another
name and renames it, but makes nothing durable; so after it the file and the folders that changed
are synced here, before `put` returns. A crash between rename and sync can leave a damaged file:
nothing refers to it yet, the hash is checked on every read, and the next `put` writes it again.

Rules: LG15, LG16, LG27, LG28.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from legato.crashpoints import crash_point
from legato.errors import InvalidInput, NotFound, StoreUnavailable
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef

THREAD_BYTES_MIN: Final = 256 * 1024
"""From this size on hashing (about 1 ms per MiB) leaves the event loop."""
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
            raise NotFound(
                f"blob {ref.hash} is gone from workspace {workspace}: it may have been deleted "
                "with the executions it belonged to"
            ) from error
        except (BaseError, OSError) as error:
            raise self._unavailable("read", ref, error) from error
        if len(payload) != ref.size or await _hash(payload) != ref.hash:
            raise StoreUnavailable(
                f"blob {ref.hash} in {self._place} is damaged: its {len(payload)} bytes are not "
                "those that were stored.",
                hint="Restore it from a backup.",
            )
        return payload

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

    def _unavailable(self, what: str, ref: BlobRef, error: Exception) -> StoreUnavailable:
        text = str(error)
        reason, hint = next(
            (known[1:] for known in _REASONS if f"kind: {known[0]}" in text),
            (text.partition("\n")[0][:300], "Check the place and its access."),
        )
        return StoreUnavailable(
            f"blob {ref.hash} ({ref.size} bytes) cannot be {what} in {self._place}: {reason}.",
            hint=hint,
        )


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


def _path(workspace: WorkspaceId, ref: BlobRef) -> str:
    return f"{quote(workspace, safe='')}/{ref.hash[:2]}/{ref.hash}"


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

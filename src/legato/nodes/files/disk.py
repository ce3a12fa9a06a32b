# SPDX-License-Identifier: Apache-2.0
"""What the file nodes do to disks: threads, typed failures, drafts that become files at once.

Rules: ND23, ND40, ND42.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeVar

from legato.nodes.safe_paths import FILE_MODE, check_file, open_file, refuse_new_git
from legato.ports.node import NodeContext, NodeFailure

PIECE_BYTES: Final = 1024 * 1024
"""How much of a file is in memory at once."""
DRAFT_PREFIX: Final = ".legato-"
_FIRST_S: Final = -62_135_500_000
_LAST_S: Final = 253_402_200_000
"""A day within the years 1 and 9999, so that every time zone has a date for them."""
_KINDS: Final = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EROFS: "read_only",
    errno.ENOENT: "not_found",
    errno.EEXIST: "exists",
}
_FINAL_KINDS: Final = frozenset({"not_found", "exists"})

Result = TypeVar("Result")


async def in_thread(work: Callable[..., Result], *arguments: Any) -> Result:
    """Run blocking work in a thread; a cancel waits for it, as it uses descriptors."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):  # asked again: it is raised below
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # looked at, so that asyncio does not call it forgotten
        raise


def stop_if_asked(ctx: NodeContext) -> None:
    """End the work when the attempt is to stop; nothing can interrupt a thread from outside."""
    if ctx.is_cancelled:
        raise NodeFailure("stopped", "the attempt was asked to stop")


@contextmanager
def failing_as(path: str, *, may_have_happened: bool = False) -> Iterator[None]:
    """Turn an error of the file system into a failure that names the path and the kind."""
    try:
        yield
    except OSError as error:
        kind = _KINDS.get(error.errno or 0, "file_error")
        raise NodeFailure(
            kind,
            f"{path!r:.200}: {os.strerror(error.errno or 0)}",
            may_have_happened=may_have_happened,
            retryable=kind not in _FINAL_KINDS,
        ) from None


@dataclass(frozen=True, slots=True)
class Spot:
    """A name in an open folder. `path` is how people know it, relative to its granted folder."""

    folder: int
    name: str
    path: str

    def find(self) -> os.stat_result | None:
        """Return what is there, a link itself and not its target, or None."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, *, links_max: int = 1) -> int:
        """Open the file for reading; see `open_file`."""
        return open_file(self.folder, self.name, self.path, links_max=links_max)


class Draft:
    """A file that no reader looks at yet; it gets its name when it is whole and on the disk."""

    def __init__(self, folder: int) -> None:
        """Make it in an open folder.

        Raises:
            OSError: It cannot be made.
        """
        self.size = 0
        self._digest = hashlib.sha256()
        self._folder = folder
        self._name = f"{DRAFT_PREFIX}{os.urandom(8).hex()}.tmp"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.file = os.open(self._name, flags, FILE_MODE, dir_fd=folder)
        self._is_there = True

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, and delete it unless it got its name."""
        os.close(self.file)
        if self._is_there:
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._folder)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of what was written with `write`."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Add a piece."""
        self._digest.update(data)
        self.size += len(data)
        write_all(self.file, data)

    def create(self, target: Spot) -> None:
        """Make it durable under a name that is free.

        Raises:
            FileExistsError: The name is taken.
            NodeFailure: `path_refused`: the name would make a git repository.
        """
        refuse_new_git(target.folder, target.name, target.path)
        os.fsync(self.file)
        os.link(
            self._name,
            target.name,
            src_dir_fd=self._folder,
            dst_dir_fd=target.folder,
            follow_symlinks=False,
        )
        with suppress(FileNotFoundError):  # see `drop_draft_of`
            os.unlink(self._name, dir_fd=self._folder)
        self._is_there = False
        os.fsync(target.folder)

    def create_once(self, target: Spot, *, stop: Callable[[], None]) -> bool:
        """Make it durable under a name; accept a file that holds exactly this already.

        Returns:
            False if another content has the name.
        """
        try:
            self.create(target)
        except FileExistsError:
            drop_draft_of(target)
            file = target.open()
        else:
            return True
        try:
            same = os.fstat(file).st_size == os.fstat(self.file).st_size
            return same and hash_of(file, stop=stop) == hash_of(self.file, stop=stop)
        finally:
            os.close(file)

    def replace(self, target: Spot) -> None:
        """Make it durable in the place of a file, or under a name that is free.

        Raises:
            NodeFailure: `path_refused`: no regular file with one name stands there.
        """
        refuse_new_git(target.folder, target.name, target.path)
        check_replaced(target)
        os.fsync(self.file)
        os.rename(self._name, target.name, src_dir_fd=self._folder, dst_dir_fd=target.folder)
        self._is_there = False
        os.fsync(target.folder)


def drop_draft_of(spot: Spot) -> None:
    """Delete the draft that shares its file with a finished name.

    A process that was killed between the two steps of `Draft.create` leaves it, and with it a file
    of two names, which would be refused ever after.
    """
    found = spot.find()
    if found is None or found.st_nlink != 2:
        return
    with os.scandir(spot.folder) as entries:
        twins = [
            each.name
            for each in entries
            if each.name.startswith(DRAFT_PREFIX) and each.inode() == found.st_ino
        ]
    for name in twins:
        os.unlink(name, dir_fd=spot.folder)


def check_replaced(target: Spot) -> None:
    """Refuse to replace what is no regular file with one name; nothing there is fine.

    Raises:
        NodeFailure: `path_refused`.
    """
    drop_draft_of(target)
    found = target.find()
    if found is not None:
        check_file(found, target.path)


def write_all(file: int, data: bytes) -> None:
    """Write all of it at the descriptor's place."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def pieces_of(file: int, *, stop: Callable[[], None]) -> Iterator[bytes]:
    """Yield what a file holds from its beginning, piece by piece.

    Args:
        file: Its descriptor.
        stop: Called before each piece; raises to end the work.
    """
    os.lseek(file, 0, os.SEEK_SET)
    while True:
        stop()
        piece = os.read(file, PIECE_BYTES)
        if not piece:
            return
        yield piece


def hash_of(file: int, *, stop: Callable[[], None]) -> str:
    """Return the hex SHA-256 of a file; about 1 ms per MiB."""
    digest = hashlib.sha256()
    for piece in pieces_of(file, stop=stop):
        digest.update(piece)
    return digest.hexdigest()


def time_of(modified_ns: int) -> datetime:
    """Return a file's time in UTC; one beyond the calendar is moved to a day within it."""
    return datetime.fromtimestamp(min(max(modified_ns / 1e9, _FIRST_S), _LAST_S), UTC)


def time_text(modified_ns: int) -> str:
    """Write a file's time in UTC, to the millisecond."""
    return time_of(modified_ns).isoformat(timespec="milliseconds")

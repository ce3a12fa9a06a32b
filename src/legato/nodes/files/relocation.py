# SPDX-License-Identifier: Apache-2.0
"""Giving a file another place, so that doing it again after a crash changes nothing more.

Before anything is changed a `Mark` of the file is kept somewhere durable (the journal, a
manifest). Afterwards it tells whether a file is still the one that was meant, or already where it
was to go.

Rules: ND40, ND45.
"""

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from legato.nodes.fields import refused
from legato.nodes.files.disk import (
    Draft,
    Spot,
    check_replaced,
    drop_draft_of,
    failing_as,
    hash_of,
    pieces_of,
)
from legato.nodes.safe_paths import NAME_BYTES_MAX, check_file, refuse, refuse_new_git
from legato.ports.node import NodeFailure

NAMES_TRIED_MAX: Final = 1_000
"""How many numbers a policy of `rename` tries."""
_EXTENSION_LENGTH_MAX: Final = 20

Stop = Callable[[], None]


class Mark(BaseModel):
    """What tells a file from others: inode and time stay when a name changes.

    A hash is added where the file has to be copied to another disk, which gives it another inode.
    The device is left out: it may have another number after a restart of the machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int = Field(ge=0)
    inode: str = Field(max_length=20)
    modified_ns: int
    sha256: str | None = Field(default=None, max_length=64)

    @classmethod
    def of(cls, found: os.stat_result, sha256: str | None = None) -> Self:
        """Make the mark of a file; the inode as text, for it may have all 64 bits."""
        return cls(
            size=found.st_size,
            inode=str(found.st_ino),
            modified_ns=found.st_mtime_ns,
            sha256=sha256,
        )

    def fits(self, file: int, stop: Stop) -> bool:
        """Tell whether an open file is the one that was marked, or a whole copy of it."""
        found = os.fstat(file)
        if found.st_size != self.size:
            return False
        if str(found.st_ino) == self.inode and found.st_mtime_ns == self.modified_ns:
            return True
        return self.sha256 is not None and hash_of(file, stop=stop) == self.sha256


def relocate(source: Spot | None, target: Spot, mark: Mark, *, replace: bool, stop: Stop) -> None:
    """Move a file, or finish what an earlier attempt began, or see that it was done.

    Args:
        source: Where it is, or was; None if even its folder is gone.
        target: Where it goes; its folder is open.
        mark: What it was when the move was decided.
        replace: Put it in the place of another file.
        stop: Raises to end the work.

    Raises:
        NodeFailure: `not_found`, `changed` (another file has its name now), `exists`,
            `path_refused`, `disk_full`, `read_only` or `file_error`.
    """
    with failing_as(target.path, may_have_happened=True):
        file = None if source is None else _opened_or_none(source)
        if source is None or file is None:
            if _holds(target, mark, stop):
                return
            raise refused(
                "not_found", f"the file is gone, and is not at {target.path!r:.200} either"
            )
        try:
            _relocate_open(file, source, target, mark, replace=replace, stop=stop)
        finally:
            os.close(file)


def _relocate_open(
    file: int, source: Spot, target: Spot, mark: Mark, *, replace: bool, stop: Stop
) -> None:
    found, there = os.fstat(file), target.find()
    if there is not None and _same(found, there):
        # Killed between the two steps of `_link`: the file has both names. Or it is one name,
        # reached in two ways: taking that away would take the file away.
        if found.st_nlink != 2 or _is_one_name(source, target):
            raise refuse(target.path, "it is the same file")
        _forget(source, target, found)
        return
    check_file(found, source.path)
    if not mark.fits(file, stop):
        if _holds(target, mark, stop):
            return  # it was moved, and another file has come to its old place
        raise refused("changed", f"{source.path!r:.200} is another file than was looked at before")
    refuse_new_git(target.folder, target.name, target.path)
    try:
        if replace:
            _exchange(source, target, found)
        else:
            _link(source, target, found)
    except FileExistsError:
        if mark.sha256 is None or not _holds(target, mark, stop):
            raise taken(target.path) from None
        _forget(source, target, found)  # copied to another disk by an earlier attempt
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(file, target, replace=replace, keep_time=True, stop=stop)
        _forget(source, target, found)


def found_spot(stack: ExitStack, opening: AbstractContextManager[Spot]) -> Spot | None:
    """Open the folder of a spot and let the stack close it; None if the folder is gone."""
    try:
        return stack.enter_context(opening)
    except NodeFailure as failure:
        if failure.error.kind != "not_found":
            raise
        return None


def copy(file: int, target: Spot, *, replace: bool, keep_time: bool, stop: Stop) -> None:
    """Copy an open file to a name, whole or not at all.

    Raises:
        NodeFailure: `exists`: the name is taken by other content.
        OSError: The disk fails.
    """
    found = os.fstat(file)
    with Draft(target.folder) as draft:
        for piece in pieces_of(file, stop=stop):
            draft.write(piece)
        if keep_time:
            os.utime(draft.file, ns=(found.st_atime_ns, found.st_mtime_ns))
        if replace:
            draft.replace(target)
        elif not draft.create_once(target, stop=stop):
            raise taken(target.path)


def free_name(target: Spot, is_taken: Callable[[str], bool]) -> str:
    """Return the first of `name (1).ext`, `name (2).ext`… that is free.

    Raises:
        NodeFailure: `exists`: very many are taken.
    """
    stem, dot, extension = target.name.rpartition(".")
    if not stem or len(extension) > _EXTENSION_LENGTH_MAX:
        stem, dot, extension = target.name, "", ""
    for number in range(1, NAMES_TRIED_MAX + 1):
        suffix = f" ({number}){dot}{extension}"
        # Cut by bytes: a name of 255 bytes has to stay one.
        name = stem.encode()[: NAME_BYTES_MAX - len(suffix.encode())].decode("utf-8", "ignore")
        name += suffix
        if not is_taken(name):
            return name
    raise taken(target.path)


def taken(path: str) -> NodeFailure:
    """Make the failure for a name that another file has."""
    return refused(
        "exists", f"{path!r:.200} exists already; use on_conflict: overwrite, rename or skip"
    )


def _link(source: Spot, target: Spot, found: os.stat_result) -> None:
    """Give the file its new name, which must be free, and then take away the old one."""
    os.link(
        source.name,
        target.name,
        src_dir_fd=source.folder,
        dst_dir_fd=target.folder,
        follow_symlinks=False,
    )
    arrived = target.find()
    if arrived is None or not _same(found, arrived):
        # What was swapped in just before keeps the name it came with.
        os.unlink(target.name, dir_fd=target.folder)
        raise refused("changed", f"{source.path!r:.200} was exchanged meanwhile")
    if _forget(source, target, found):
        return
    arrived = target.find()
    if arrived is not None and _same(found, arrived) and arrived.st_nlink > 1:
        # Somebody else who moves it took the old name away: the file is theirs, and has one name.
        os.unlink(target.name, dir_fd=target.folder)
        os.fsync(target.folder)
        raise refused("not_found", f"{source.path!r:.200} was moved elsewhere meanwhile")


def _exchange(source: Spot, target: Spot, found: os.stat_result) -> None:
    """Put the file in the place of another one."""
    check_replaced(target)
    now = source.find()
    if now is None or not _same(found, now):
        raise refused("changed", f"{source.path!r:.200} was exchanged meanwhile")
    os.rename(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)
    os.fsync(target.folder)
    os.fsync(source.folder)


def _forget(source: Spot, target: Spot, found: os.stat_result) -> bool:
    """Take away the old name, once the new one is on the disk; False if it was gone already."""
    os.fsync(target.folder)
    now = source.find()
    if now is None or not _same(found, now):
        return False
    try:
        os.unlink(source.name, dir_fd=source.folder)
    except FileNotFoundError:
        return False
    os.fsync(source.folder)
    return True


def _is_one_name(source: Spot, target: Spot) -> bool:
    folders = os.fstat(source.folder), os.fstat(target.folder)
    return _same(*folders) and source.name.casefold() == target.name.casefold()


def _holds(spot: Spot, mark: Mark, stop: Stop) -> bool:
    """Tell whether the marked file, or a whole copy of it, stands there."""
    drop_draft_of(spot)
    try:
        file = spot.open()
    except FileNotFoundError:
        return False
    try:
        return mark.fits(file, stop)
    finally:
        os.close(file)


def _opened_or_none(spot: Spot) -> int | None:
    try:
        return spot.open(links_max=2)
    except FileNotFoundError:
        return None


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_ino, one.st_dev) == (other.st_ino, other.st_dev)

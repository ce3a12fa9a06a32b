# SPDX-License-Identifier: Apache-2.0
"""Paths inside granted folders, walked by directory handle, one name at a time, without links.

Checking a path and opening it later is a race: a link can be put in between. Here every step
opens the next folder below a folder that is already open, and refuses links, so what was checked
is what is used.

Rules: ND21, ND22, ND40.
"""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from legato.nodes.fields import not_granted, refused
from legato.ports.grants import Grants
from legato.ports.node import NodeFailure

PATH_BYTES_MAX: Final = 4_096
NAME_BYTES_MAX: Final = 255
FILE_MODE: Final = 0o644
"""Never executable: what a workflow writes is data."""
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE: Final = 0o755
# O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LONG_NAME: Final = f"a name is longer than {NAME_BYTES_MAX} bytes"
_NO_FILE: Final = "it is a link, a folder or a device"
GIT_MARKS: Final = ("HEAD", "objects", "refs")
"""A folder that holds all three is a git repository's own, whatever it is called."""


def refuse(path: str, why: str) -> NodeFailure:
    """Make the failure for a path that is not accepted; nothing has happened."""
    return refused("path_refused", f"{path!r:.200}: {why}")


def granted_root(grants: Grants, root: str | None, *, wanted: str = "/path/to/folder") -> Path:
    """Return the granted folder that a node may work in.

    Args:
        grants: What the operator allows.
        root: Which of them, as it is written there; None means the first.
        wanted: What the refusal suggests to grant.

    Raises:
        NodeFailure: `not_granted`.
    """
    roots = [each for each in grants.roots if each.is_absolute() and len(each.parts) > 1]
    if root is None and roots:
        return roots[0]
    for each in roots:
        if root is not None and Path(root) == each:
            return each
    line = f'[grants.files] roots = ["{root or wanted}"]'
    raise not_granted("no folder is granted for this", line)


def granted_roots(grants: Grants, root: str | None, to_root: str | None) -> tuple[Path, Path]:
    """Return the granted folders to work from and to; without `to_root` it is the same one.

    Raises:
        NodeFailure: `not_granted`.
    """
    first = granted_root(grants, root)
    return first, first if to_root is None else granted_root(grants, to_root)


def names_of(path: str) -> list[str]:
    """Split a relative path into names that are safe to walk.

    Raises:
        NodeFailure: `path_refused`.
    """
    if "\0" in path:
        raise refuse(path, "it holds a NUL character")
    if path.startswith("/"):
        raise refuse(path, "write it relative to the granted folder")
    if len(path.encode("utf-8", "surrogatepass")) > PATH_BYTES_MAX:
        raise refuse(path, f"it is longer than {PATH_BYTES_MAX} bytes")
    names = path.split("/")
    for name in names:
        fault = name_fault(name)
        if fault:
            raise refuse(path, fault)
    return names


def folder_names(path: str) -> list[str]:
    """Split the path of a folder, where `.` is the granted folder itself.

    Raises:
        NodeFailure: `path_refused`.
    """
    return [] if path == "." else names_of(path)


def name_fault(name: str) -> str | None:
    """Return why nodes do not touch a file or folder of this name, or None if they may."""
    if name in {"", ".", ".."}:
        return "empty names, `.` and `..` are not accepted"
    if name.startswith("."):
        return "names that begin with a dot are not accepted"
    if name.isascii() and name.isprintable():
        return None if len(name) <= NAME_BYTES_MAX else _LONG_NAME
    # Format characters too: some file systems ignore them, so that "\u200c.git" becomes ".git".
    for character in name:
        category = unicodedata.category(character)
        if category == "Cs":
            return "a name is no UTF-8"
        if category in {"Cc", "Cf", "Zl", "Zp"}:
            return f"it holds the control character U+{ord(character):04X}"
    return None if len(name.encode()) <= NAME_BYTES_MAX else _LONG_NAME


@contextmanager
def opened_folder(root: Path, names: list[str], *, make: bool = False) -> Iterator[int]:
    """Open a folder below a root, name by name; yields its descriptor.

    Args:
        root: A granted folder, no link itself; links above it are the operator's business.
        names: The way down.
        make: Make folders that are missing.

    Raises:
        NodeFailure: `path_refused` or `not_found`.
    """
    path = "/".join(names)
    try:
        folder = os.open(root, _FOLDER_FLAGS)
    except OSError as error:
        raise _failure(str(root), error) from None
    try:
        _refuse_git(folder, path)
        for name in names:
            if make:
                _make_folder(folder, name, path)
            below = open_folder(folder, name, path)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def open_folder(folder: int, name: str, path: str) -> int:
    """Open the folder `name` in an open folder; returns its descriptor, which the caller closes.

    Raises:
        NodeFailure: `path_refused` or `not_found`.
    """
    try:
        below = os.open(name, _FOLDER_FLAGS, dir_fd=folder)
    except OSError as error:
        raise _failure(path, error) from None
    try:
        _refuse_git(below, path)
    except BaseException:
        os.close(below)
        raise
    return below


def open_file(
    folder: int, name: str, path: str, *, flags: int = _FILE_FLAGS, links_max: int = 1
) -> int:
    """Open a file in an open folder and look at what was opened, not at what the name led to.

    Args:
        folder: Descriptor of the folder.
        name: A name that `name_fault` accepts.
        path: How failures name it.
        flags: What to open it for; they must refuse links and not wait.
        links_max: How many names it may have.

    Returns:
        Its descriptor, which the caller closes.

    Raises:
        NodeFailure: `path_refused`: it is no regular file, or has another name elsewhere.
        OSError: It cannot be opened.
    """
    try:
        file = os.open(name, flags, FILE_MODE, dir_fd=folder)
    except OSError as error:
        # ENXIO: a FIFO without a reader, or a socket.
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV}:
            raise refuse(path, _NO_FILE) from None
        raise
    try:
        check_file(os.fstat(file), path, links_max=links_max)
    except BaseException:
        os.close(file)
        raise
    return file


def check_file(found: os.stat_result, path: str, *, links_max: int = 1) -> None:
    """Refuse what is no regular file, or has more names than `links_max`.

    Raises:
        NodeFailure: `path_refused`.
    """
    if not stat.S_ISREG(found.st_mode):
        raise refuse(path, _NO_FILE)
    if found.st_nlink > links_max:
        raise refuse(path, "the file has a second name elsewhere (a hard link)")


def refuse_new_git(folder: int, name: str, path: str) -> None:
    """Refuse a new name that would make its folder a git repository.

    Otherwise a repository whose configuration starts programs could be put together file by file.

    Raises:
        NodeFailure: `path_refused`.
    """
    others = [mark for mark in GIT_MARKS if mark != name]
    if len(others) < len(GIT_MARKS) and all(_is_there(folder, mark) for mark in others):
        raise refuse(path, "it would make its folder a git repository")


def folder_inside(grants: Grants, path: str) -> Path:
    """Return the real path of an existing folder inside a granted root.

    Args:
        grants: What the operator allows.
        path: Absolute, or relative to the first root.

    Raises:
        NodeFailure: `not_granted`, `path_refused` or `not_found`.
    """
    root, inner = granted_root(grants, None, wanted=path), path
    if path.startswith("/"):
        inside = [each for each in grants.roots if PurePosixPath(path).is_relative_to(each)]
        root = inside[0] if inside else granted_root(grants, path, wanted=path)
        inner = str(PurePosixPath(path).relative_to(root))
    names = [] if inner == "." else names_of(inner)
    with opened_folder(root, names):
        return Path(os.path.realpath(root), *names)


def _refuse_git(folder: int, path: str) -> None:
    if all(_is_there(folder, mark) for mark in GIT_MARKS):
        raise refuse(path, "it leads into a git repository's own folder")


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _make_folder(folder: int, name: str, path: str) -> None:
    refuse_new_git(folder, name, path)
    try:
        os.mkdir(name, _FOLDER_MODE, dir_fd=folder)
    except FileExistsError:
        return
    except OSError as error:
        raise _failure(path, error) from None


def _failure(path: str, error: OSError) -> NodeFailure:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return refuse(path, "a part of it is a link, or no folder")
    if error.errno == errno.ENOENT:
        return refused("not_found", f"{path!r:.200}: there is no such folder")
    return NodeFailure(
        "file_error", f"{path!r:.200}: {os.strerror(error.errno or 0)}", may_have_happened=False
    )

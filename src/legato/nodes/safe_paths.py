# SPDX-License-Identifier: Apache-2.0
"""Paths inside granted folders, walked by directory handle, one name at a time, without links.

Checking a path and opening it later is a race: a link can be put in between. Here every step
opens the next folder below a folder that is already open, and refuses links, so what was checked
is what is used.

Rules: ND21, ND22.
"""

import errno
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from legato.ports.grants import Grants
from legato.ports.node import NodeFailure

PATH_BYTES_MAX: Final = 4_096
NAME_BYTES_MAX: Final = 255
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE: Final = 0o755
_GIT_MARKS: Final = ("HEAD", "objects", "refs")
"""A folder that holds all three is a git repository's own, whatever it is called."""


def refuse(path: str, why: str) -> NodeFailure:
    """Make the failure for a path that is not accepted; nothing has happened."""
    return NodeFailure(
        "path_refused", f"{path!r:.200}: {why}", may_have_happened=False, retryable=False
    )


def granted_root(grants: Grants, root: str | None, *, wanted: str) -> Path:
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
    raise NodeFailure(
        "not_granted",
        f"no folder is granted for this; the operator can add to legato.toml: {line}",
        may_have_happened=False,
        retryable=False,
    )


def names_of(path: str) -> list[str]:
    """Split a relative path into names that are safe to walk.

    Raises:
        NodeFailure: `path_refused`.
    """
    if "\0" in path:
        raise refuse(path, "it holds a NUL character")
    if path.startswith("/"):
        raise refuse(path, "write it relative to the granted folder")
    if len(path.encode()) > PATH_BYTES_MAX:
        raise refuse(path, f"it is longer than {PATH_BYTES_MAX} bytes")
    names = path.split("/")
    for name in names:
        _check_name(path, name)
    return names


@contextmanager
def opened_folder(root: Path, names: list[str], *, make: bool = False) -> Iterator[int]:
    """Open a folder below a root, name by name; yields its descriptor.

    Args:
        root: A granted folder; links in its own path are the operator's business.
        names: The way down.
        make: Make folders that are missing.

    Raises:
        NodeFailure: `path_refused` or `not_found`.
    """
    path = "/".join(names)
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failure(str(root), error) from None
    try:
        _refuse_git(folder, path)
        for name in names:
            if make:
                _make_folder(folder, name, path)
            try:
                below = os.open(name, _FOLDER_FLAGS, dir_fd=folder)
            except OSError as error:
                raise _failure(path, error) from None
            os.close(folder)
            folder = below
            _refuse_git(folder, path)
        yield folder
    finally:
        os.close(folder)


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


def _check_name(path: str, name: str) -> None:
    if name in {"", ".", ".."}:
        raise refuse(path, "empty names, `.` and `..` are not accepted")
    if name.startswith("."):
        raise refuse(path, "names that begin with a dot are not accepted")
    if len(name.encode()) > NAME_BYTES_MAX:
        raise refuse(path, f"a name is longer than {NAME_BYTES_MAX} bytes")
    # Format characters too: some file systems ignore them, so that "\u200c.git" becomes ".git".
    if not name.isascii() or not name.isprintable():
        for character in name:
            if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}:
                raise refuse(path, f"it holds the control character U+{ord(character):04X}")


def _refuse_git(folder: int, path: str) -> None:
    for mark in _GIT_MARKS:
        try:
            os.stat(mark, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return
    raise refuse(path, "it leads into a git repository's own folder")


def _make_folder(folder: int, name: str, path: str) -> None:
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
        return NodeFailure(
            "not_found",
            f"{path!r:.200}: there is no such folder",
            may_have_happened=False,
            retryable=False,
        )
    return NodeFailure(
        "file_error", f"{path!r:.200}: {os.strerror(error.errno or 0)}", may_have_happened=False
    )

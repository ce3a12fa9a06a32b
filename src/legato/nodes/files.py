# SPDX-License-Identifier: Apache-2.0
"""files.write: text into a file below a granted folder, whole or not at all.

Rules: ND21, ND22, ND23.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Literal

from pydantic import Field

from legato.model.policy import EffectClass
from legato.nodes.fields import Config, Output
from legato.nodes.safe_paths import granted_root, names_of, opened_folder, refuse
from legato.ports.node import NodeContext, NodeFailure, node

_FILE_MODE: Final = 0o644
"""Never executable: what a workflow writes is data."""
_READ_BYTES: Final = 1024 * 1024
_DISK_ERRORS: Final = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EROFS: "read_only",
}


class WriteConfig(Config):
    """`with` of files.write."""

    path: str = Field(description="Where, relative to the granted folder: reports/weekly.md.")
    text: str = Field(description="What the file holds, written as UTF-8.")
    mode: Literal["create", "overwrite", "append"] = Field(
        default="create",
        description="create: it must not exist with other content; overwrite: replace it; "
        "append: add at its end.",
    )
    make_parents: bool = Field(default=False, description="Make folders that are missing.")
    root: str | None = Field(
        default=None, description="Which granted folder, if there are several; else the first."
    )


class WriteOutput(Output):
    """Output of files.write."""

    path: str = Field(description="The file's path with its granted folder.")
    bytes: int = Field(description="How many bytes were written.")
    sha256: str = Field(description="Hex SHA-256 of those bytes.")


def _effect(config: Mapping[str, Any]) -> EffectClass:
    return (
        "idempotent"
        if config.get("mode", "create") in {"create", "overwrite"}
        else "non_idempotent"
    )


@node(
    "files.write",
    title="Write a file",
    group="files",
    icon="file-pen",
    effect=_effect,
    timeout_ms=60_000,
    example="""\
uses: files.write
with:
  path: reports/weekly.md
  text: ${{ nodes.report.output.text }}
  mode: overwrite
  make_parents: true
""",
)
def write(ctx: NodeContext, config: WriteConfig) -> WriteOutput:
    """Write text into a file below a folder that the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. Paths are relative to the granted folder. Links,
    `..`, names that begin with a dot, git's own folders, devices and files with several names are
    refused. `create` and `overwrite` are atomic: a reader sees the old content or the new one.
    Writing the same content again with `create` succeeds, so a repeated attempt does no harm.
    """
    root = granted_root(ctx.grants, config.root, wanted="/path/to/folder")
    *folders, name = names_of(config.path)
    data = config.text.encode()
    try:
        with opened_folder(root, folders, make=config.make_parents) as folder:
            _WRITERS[config.mode](folder, name, data, config.path)
    except OSError as error:
        kind = _DISK_ERRORS.get(error.errno or 0, "file_error")
        message = f"{config.path!r:.200}: {os.strerror(error.errno or 0)}"
        raise NodeFailure(kind, message, may_have_happened=config.mode == "append") from None
    return WriteOutput(
        path=str(root.joinpath(*folders, name)),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _create(folder: int, name: str, data: bytes, path: str) -> None:
    """Give a finished file its name, which fails if the name is taken."""
    draft = _write_draft(folder, data)
    try:
        os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        _accept_same(folder, name, data, path)
    finally:
        os.unlink(draft, dir_fd=folder)
    os.fsync(folder)


def _overwrite(folder: int, name: str, data: bytes, path: str) -> None:
    """Put a finished file in the place of the old one."""
    with suppress(FileNotFoundError):
        _check_target(os.stat(name, dir_fd=folder, follow_symlinks=False), path)
    draft = _write_draft(folder, data)
    try:
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)


def _append(folder: int, name: str, data: bytes, path: str) -> None:
    """Write at the end of an existing or new file."""
    # O_NONBLOCK: opening a FIFO that nobody reads would wait for ever.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = _open(folder, name, flags, path)
    try:
        _check_target(os.fstat(file), path)
        _write_all(file, data)
    finally:
        os.close(file)
    os.fsync(folder)


_WRITERS: Final = {"create": _create, "overwrite": _overwrite, "append": _append}


def _accept_same(folder: int, name: str, data: bytes, path: str) -> None:
    """Accept a file that holds exactly this already: an earlier attempt made it."""
    file = _open(folder, name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, path)
    try:
        found = os.fstat(file)
        _check_target(found, path)
        same = found.st_size == len(data) and _hash_of(file) == hashlib.sha256(data).digest()
    finally:
        os.close(file)
    if not same:
        raise NodeFailure(
            "exists",
            f"{path!r:.200} exists with other content; use mode: overwrite to replace it",
            may_have_happened=False,
            retryable=False,
        )


def _open(folder: int, name: str, flags: int, path: str) -> int:
    try:
        return os.open(name, flags, _FILE_MODE, dir_fd=folder)
    except OSError as error:
        # ENXIO: a FIFO without a reader, or a socket.
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV}:
            raise refuse(path, "it is a link, a folder or a device") from None
        raise


def _check_target(found: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise refuse(path, "it is a link, a folder or a device")
    if found.st_nlink > 1:
        raise refuse(path, "the file has a second name elsewhere (a hard link)")


def _write_draft(folder: int, data: bytes) -> str:
    """Write a file that no reader looks at yet, durably; return its name."""
    draft = f".legato-{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(draft, flags, _FILE_MODE, dir_fd=folder)
    try:
        _write_all(file, data)
    except BaseException:
        os.unlink(draft, dir_fd=folder)
        raise
    finally:
        os.close(file)
    return draft


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)


def _hash_of(file: int) -> bytes:
    digest = hashlib.sha256()
    while part := os.read(file, _READ_BYTES):
        digest.update(part)
    return digest.digest()

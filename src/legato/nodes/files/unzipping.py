# SPDX-License-Identifier: Apache-2.0
"""files.unzip: a zip archive into a new folder, all of it or nothing.

Rules: ND40, ND48.
"""

import hashlib
import os
import shutil
import stat
import zlib
from contextlib import ExitStack, suppress
from typing import Final

from pydantic import Field

from legato.nodes.fields import Config, Output, refused
from legato.nodes.files.disk import (
    DRAFT_PREFIX,
    Spot,
    failing_as,
    pieces_of,
    stop_if_asked,
    write_all,
)
from legato.nodes.files.walk import DEPTH_MAX, ENTRIES_MAX, ROOT_HELP, Walk
from legato.nodes.files.zip_format import Bounds, Entry, entries_of, inflate
from legato.nodes.safe_paths import (
    FILE_MODE,
    granted_roots,
    names_of,
    open_folder,
    opened_folder,
    refuse_new_git,
)
from legato.ports.node import NodeContext, NodeFailure, node

BYTES_MAX: Final = 2 * 1024**3
BYTES_DEFAULT: Final = 512 * 1024 * 1024
RATIO_DEFAULT: Final = 200
"""Text packs to a tenth, logs to a hundredth; the most that deflate can do is 1032."""
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE: Final = 0o755


class UnzipConfig(Config):
    """`with` of files.unzip."""

    path: str = Field(description="The archive, relative to the granted folder: inbox/data.zip.")
    to: str = Field(description="The folder that is made for its content; it must not exist.")
    root: str | None = Field(default=None, description=ROOT_HELP)
    to_root: str | None = Field(
        default=None, description="Which granted folder it goes to; else the same."
    )
    make_parents: bool = Field(default=False, description="Make folders above that are missing.")
    max_entries: int = Field(
        default=ENTRIES_MAX, ge=1, le=ENTRIES_MAX, description="Files and folders in it, at most."
    )
    max_bytes: int = Field(
        default=BYTES_DEFAULT, ge=0, le=BYTES_MAX, description="Bytes when unpacked, at most."
    )
    max_ratio: int = Field(
        default=RATIO_DEFAULT,
        ge=1,
        le=1_100,
        description="Unpacked to packed size, at most, of each entry over 1 MiB and of all.",
    )


class UnzipOutput(Output):
    """Output of files.unzip."""

    folder: str = Field(description="The new folder, relative to its granted folder.")
    files: list[str] = Field(description="The files in it, with that folder, in order.")
    bytes: int = Field(description="Their sizes together.")


@node(
    "files.unzip",
    title="Unpack a zip archive",
    group="files",
    icon="folder-archive",
    effect="idempotent",
    timeout_ms=600_000,
    example="""\
uses: files.unzip
with: {path: inbox/data.zip, to: inbox/data}
""",
)
def unzip(ctx: NodeContext, config: UnzipConfig) -> UnzipOutput:
    """Unpack a zip archive into a new folder below a folder that the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. The whole list of the archive is checked before
    anything is written: number, size and ratio, and every stored path name by name. An archive
    with an absolute path, `..`, a backslash, a drive letter, a hidden name, a link, a device, a
    name twice, an encrypted or overlapping entry is refused whole, never made to fit. While
    unpacking the real bytes are counted. The folder appears when all of it is on the disk.
    Archives within it stay as they are.

    Repeating it is harmless: a folder that holds exactly what the archive holds is the result.

    Fails with `not_granted`, `path_refused`, `not_found`, `exists`, `bad_archive`, `too_large`,
    `disk_full`, `read_only` or `file_error`.
    """
    root, to_root = granted_roots(ctx.grants, config.root, config.to_root)
    *folders, name = names_of(config.path)
    *to_folders, to_name = names_of(config.to)
    bounds = Bounds(entries=config.max_entries, size_bytes=config.max_bytes, ratio=config.max_ratio)
    with ExitStack() as stack:
        folder = stack.enter_context(opened_folder(root, folders))
        stack.enter_context(failing_as(config.path))
        file = Spot(folder, name, config.path).open()
        stack.callback(os.close, file)
        entries = entries_of(file, bounds)
        above = stack.enter_context(opened_folder(to_root, to_folders, make=config.make_parents))
        stack.enter_context(failing_as(config.to))
        _unpack(ctx, file, entries, Spot(above, to_name, config.to))
    return UnzipOutput(
        folder=config.to,
        files=sorted(f"{config.to}/{each.path}" for each in entries if not each.is_folder),
        bytes=sum(each.size for each in entries),
    )


def _unpack(ctx: NodeContext, file: int, entries: list[Entry], target: Spot) -> None:
    """Unpack into a folder that nobody looks at yet, and give it its name."""
    if target.find() is not None:
        if _is_done(ctx, entries, target):
            return
        raise _exists(target)
    refuse_new_git(target.folder, target.name, target.path)
    digest = hashlib.sha256(f"{ctx.idempotency_key}\n{target.path}".encode()).hexdigest()
    draft = Spot(target.folder, f"{DRAFT_PREFIX}{digest[:16]}.unzip", target.path)
    if draft.find() is not None:
        shutil.rmtree(draft.name, dir_fd=draft.folder)  # of an attempt that was killed
    os.mkdir(draft.name, _FOLDER_MODE, dir_fd=draft.folder)
    try:
        folder = open_folder(draft.folder, draft.name, draft.path)
        try:
            for number, entry in enumerate(entries, start=1):
                _write_entry(ctx, file, entry, folder)
                ctx.progress(number / len(entries), entry.path)
            _sync_folders(folder, entries)
        finally:
            os.close(folder)
        if target.find() is not None:
            raise _exists(target)
        os.rename(draft.name, target.name, src_dir_fd=draft.folder, dst_dir_fd=target.folder)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(draft.name, dir_fd=draft.folder)
        raise
    os.fsync(target.folder)


def _exists(target: Spot) -> NodeFailure:
    return refused(
        "exists", f"{target.path!r:.200} exists and holds other things; name a new folder"
    )


def _write_entry(ctx: NodeContext, file: int, entry: Entry, folder: int) -> None:
    folders = entry.names if entry.is_folder else entry.names[:-1]
    with ExitStack() as stack:
        inner = folder
        for name in folders:
            with suppress(FileExistsError):
                os.mkdir(name, _FOLDER_MODE, dir_fd=inner)
            inner = open_folder(inner, name, entry.path)
            stack.callback(os.close, inner)
        if entry.is_folder:
            return
        made = os.open(entry.names[-1], _NEW_FILE, FILE_MODE, dir_fd=inner)
        stack.callback(os.close, made)
        for piece in inflate(file, entry, stop=lambda: stop_if_asked(ctx)):
            write_all(made, piece)
        os.fsync(made)


def _sync_folders(folder: int, entries: list[Entry]) -> None:
    os.fsync(folder)
    for names in _folders_of(entries):
        with ExitStack() as stack:
            inner = folder
            for name in names:
                inner = open_folder(inner, name, "/".join(names))
                stack.callback(os.close, inner)
            os.fsync(inner)


def _folders_of(entries: list[Entry]) -> set[tuple[str, ...]]:
    """Return every folder, also those that only the paths of files name."""
    folders = {each.names for each in entries if each.is_folder}
    for each in entries:
        folders.update(each.names[:depth] for depth in range(1, len(each.names)))
    return folders


def _is_done(ctx: NodeContext, entries: list[Entry], target: Spot) -> bool:
    """Tell whether the folder holds exactly what the archive holds: an earlier attempt made it."""
    found = target.find()
    if found is None or not stat.S_ISDIR(found.st_mode):
        return False
    wanted = {each.names: (each.size, each.crc) for each in entries if not each.is_folder}
    missing = _folders_of(entries) | set(wanted)
    walk = Walk(ctx, DEPTH_MAX)
    folder = open_folder(target.folder, target.name, target.path)
    try:
        for each, _ in walk.entries(folder, target.path):
            if each.names not in missing or each.is_folder == (each.names in wanted):
                return False
            if not each.is_folder and _sum_of(ctx, each.spot) != wanted[each.names]:
                return False
            missing.discard(each.names)
    finally:
        os.close(folder)
    return not missing and not walk.skipped


def _sum_of(ctx: NodeContext, spot: Spot) -> tuple[int, int]:
    size, crc = 0, 0
    file = spot.open()
    try:
        for piece in pieces_of(file, stop=lambda: stop_if_asked(ctx)):
            size, crc = size + len(piece), zlib.crc32(piece, crc)
    finally:
        os.close(file)
    return size, crc

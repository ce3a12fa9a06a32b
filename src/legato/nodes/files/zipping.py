# SPDX-License-Identifier: Apache-2.0
"""files.zip: files below a granted folder into a zip archive, the same bytes for the same files.

Rules: ND40, ND47.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from legato.nodes.fields import Output, refused
from legato.nodes.files.disk import (
    Draft,
    Spot,
    failing_as,
    hash_of,
    pieces_of,
    stop_if_asked,
)
from legato.nodes.files.hashing import FileList
from legato.nodes.files.walk import ENTRIES_MAX, Walk, too_many
from legato.nodes.safe_paths import folder_names, granted_roots, names_of, opened_folder, refuse
from legato.ports.node import NodeContext, node

if TYPE_CHECKING:
    from zipfile import ZipFile

BYTES_MAX: Final = 2_000_000_000
"""Beyond 2 GiB, packed, an archive needs a form (zip64) that files.unzip does not take."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that the format knows; real ones would make every archive another."""
_UNIX: Final = 3
_ATTRIBUTES: Final = 0o100644 << 16


class ZipConfig(FileList):
    """`with` of files.zip."""

    to: str = Field(description="The archive, relative to the granted folder: out/reports.zip.")
    to_root: str | None = Field(
        default=None, description="Which granted folder it goes to; else the same."
    )
    on_conflict: Literal["fail", "overwrite"] = Field(
        default="fail", description="If there is such a file with other content."
    )
    make_parents: bool = Field(default=False, description="Make folders that are missing.")
    max_bytes: int = Field(
        default=BYTES_MAX, ge=0, le=BYTES_MAX, description="Of all files together, at most."
    )


class ZipOutput(Output):
    """Output of files.zip."""

    path: str = Field(description="The archive, relative to its granted folder.")
    bytes: int = Field(description="The archive's size.")
    sha256: str = Field(description="Hex SHA-256 of the archive.")
    files: int = Field(description="How many files are in it.")
    unpacked_bytes: int = Field(description="Their sizes together.")
    skipped: int = Field(description="How many were left out because nodes may not touch them.")


@node(
    "files.zip",
    title="Pack a zip archive",
    group="files",
    icon="file-archive",
    effect="idempotent",
    timeout_ms=600_000,
    example="""\
uses: files.zip
with: {folder: reports, pattern: "**/*.md", recursive: true, to: out/reports.zip}
""",
)
def zip_files(ctx: NodeContext, config: ZipConfig) -> ZipOutput:
    """Pack files below a folder that the operator granted, by name or by pattern.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. Paths in the archive are those below `folder`, or
    with `paths` those below the granted folder. They are in order and without times and rights, so
    the same files make the same archive, and repeating it is harmless. The archive itself is never
    packed. At most 10 000 files of 2 GB together.

    Fails with `not_granted`, `path_refused`, `not_found`, `exists`, `too_large`, `disk_full`,
    `read_only` or `file_error`.
    """
    from zipfile import ZipFile  # noqa: PLC0415 - loaded when it is needed

    root, to_root = granted_roots(ctx.grants, config.root, config.to_root)
    *folders, name = names_of(config.to)
    with (
        opened_folder(to_root, folders, make=config.make_parents) as folder,
        failing_as(config.to),
        Draft(folder) as draft,
    ):
        target = Spot(folder, name, config.to)
        packing = _Packing(ctx, config, target)
        with (
            os.fdopen(os.dup(draft.file), "w+b") as file,
            ZipFile(file, "w") as archive,
        ):
            for inner, spot in packing.sources(root):
                packing.add(archive, inner, spot)
        sha256 = hash_of(draft.file, stop=lambda: stop_if_asked(ctx))
        size = os.fstat(draft.file).st_size
        if config.on_conflict == "overwrite":
            draft.replace(target)
        elif not draft.create_once(target, stop=lambda: stop_if_asked(ctx)):
            raise refused(
                "exists",
                f"{config.to!r:.200} exists with other content; use on_conflict: overwrite",
            )
    return ZipOutput(
        path=config.to,
        bytes=size,
        sha256=sha256,
        files=packing.files,
        unpacked_bytes=packing.bytes,
        skipped=packing.skipped,
    )


class _Packing:
    """The files of one archive, and what was counted on the way."""

    def __init__(self, ctx: NodeContext, config: ZipConfig, target: Spot) -> None:
        self.files = self.bytes = self.skipped = 0
        self._ctx = ctx
        self._config = config
        self._target = target

    def sources(self, root: Path) -> Iterator[tuple[str, Spot]]:
        """Yield each file with its path in the archive, in order."""
        if self._config.paths is not None:
            for path in sorted(set(self._config.paths)):
                *folders, name = names_of(path)
                with opened_folder(root, folders) as folder:
                    spot = Spot(folder, name, path)
                    if self._is_target(spot):
                        raise refuse(path, "it is the archive itself")
                    yield path, spot
            return
        walk = Walk(self._ctx, self._config.depth if self._config.recursive else 1)
        names = folder_names(self._config.folder)
        with opened_folder(root, names) as folder:
            for found in walk.files(folder, "/".join(names), self._config.pattern):
                if not self._is_target(found.spot):
                    yield found.path, found.spot
        self.skipped = walk.skipped

    def add(self, archive: "ZipFile", inner: str, spot: Spot) -> None:
        """Pack one file."""
        from zipfile import ZIP_DEFLATED, ZipInfo  # noqa: PLC0415

        self.files += 1
        if self.files > ENTRIES_MAX:
            raise too_many(f"more than {ENTRIES_MAX} files")
        info = ZipInfo(inner, _EPOCH)
        info.compress_type, info.create_system = ZIP_DEFLATED, _UNIX
        info.external_attr = _ATTRIBUTES
        with failing_as(spot.path):
            file = spot.open()
        try:
            with archive.open(info, "w") as packed:
                for piece in pieces_of(file, stop=lambda: stop_if_asked(self._ctx)):
                    self.bytes += len(piece)
                    if self.bytes > self._config.max_bytes:
                        raise too_many(f"more than {self._config.max_bytes} bytes")
                    packed.write(piece)
        finally:
            os.close(file)

    def _is_target(self, spot: Spot) -> bool:
        """Tell whether that is the archive of an earlier attempt: it would make this one another.

        By inode and not by path: two granted folders may lie in each other.
        """
        there, found = self._target.find(), spot.find()
        return (
            there is not None
            and found is not None
            and (there.st_ino, there.st_dev) == (found.st_ino, found.st_dev)
        )

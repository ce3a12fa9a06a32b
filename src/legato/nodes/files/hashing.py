# SPDX-License-Identifier: Apache-2.0
"""files.hash: fingerprints of files below a granted folder.

Rules: ND40, ND44.
"""

import hashlib
import os
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from legato.nodes.fields import Output
from legato.nodes.files.disk import Spot, failing_as, pieces_of, stop_if_asked
from legato.nodes.files.walk import ENTRIES_MAX, Selection, Walk
from legato.nodes.safe_paths import folder_names, granted_root, names_of, opened_folder
from legato.ports.node import NodeContext, node

Algorithm = Literal["sha256", "sha512", "sha3_256", "blake2b", "sha1", "md5"]
DEFAULT: Final[tuple[Algorithm, ...]] = ("sha256",)


class FileList(Selection):
    """Files by name or by pattern."""

    paths: tuple[str, ...] | None = Field(
        default=None,
        max_length=ENTRIES_MAX,
        description="Which files, one by one, relative to the granted folder; else by pattern.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_pattern = {"folder", "pattern", "recursive", "depth"} & self.model_fields_set
        if self.paths is not None and by_pattern:
            raise ValueError(f"either `paths` or `{min(by_pattern)}`, not both")
        return self


class HashConfig(FileList):
    """`with` of files.hash."""

    algorithms: tuple[Algorithm, ...] = Field(
        default=DEFAULT, min_length=1, max_length=6, description="How; sha1 and md5 are broken."
    )


class Hashed(Output):
    """One file."""

    path: str = Field(description="Relative to the granted folder.")
    size: int = Field(description="Bytes.")
    hashes: dict[str, str] = Field(description="Hex digest by algorithm.")


class HashOutput(Output):
    """Output of files.hash."""

    files: list[Hashed] = Field(description="One for each file, in the order asked for or by path.")
    skipped: int = Field(description="How many were left out because nodes may not touch them.")


@node(
    "files.hash",
    title="Hash files",
    group="files",
    icon="fingerprint",
    effect="pure",
    timeout_ms=600_000,
    example="""\
uses: files.hash
with: {folder: inbox, pattern: "*.pdf", algorithms: [sha256]}
""",
)
def hash_files(ctx: NodeContext, config: HashConfig) -> HashOutput:
    """Hash files below a folder that the operator granted, by name or by pattern.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. A file that is named must be there and be one that
    nodes may touch; of those found by pattern the others are left out and counted in `skipped`.

    Fails with `not_granted`, `path_refused`, `not_found`, `too_large` or `file_error`.
    """
    root = granted_root(ctx.grants, config.root)
    files: list[Hashed] = []
    if config.paths is not None:
        for number, path in enumerate(config.paths):
            *folders, name = names_of(path)
            with opened_folder(root, folders) as folder:
                files.append(_hashed(ctx, Spot(folder, name, path), config.algorithms))
            ctx.progress((number + 1) / len(config.paths), path)
        return HashOutput(files=files, skipped=0)
    walk = Walk(ctx, config.depth if config.recursive else 1)
    names = folder_names(config.folder)
    with opened_folder(root, names) as folder:
        for found in walk.files(folder, "/".join(names), config.pattern):
            files.append(_hashed(ctx, found.spot, config.algorithms))
    return HashOutput(files=files, skipped=walk.skipped)


def _hashed(ctx: NodeContext, spot: Spot, algorithms: tuple[Algorithm, ...]) -> Hashed:
    digests = [hashlib.new(name, usedforsecurity=False) for name in algorithms]
    with failing_as(spot.path):
        file = spot.open()
        try:
            size = 0
            for piece in pieces_of(file, stop=lambda: stop_if_asked(ctx)):
                size += len(piece)
                for digest in digests:
                    digest.update(piece)
        finally:
            os.close(file)
    hashes = {name: each.hexdigest() for name, each in zip(algorithms, digests, strict=True)}
    return Hashed(path=spot.path, size=size, hashes=hashes)

# SPDX-License-Identifier: Apache-2.0
"""The undo manifest of files.organise: every move that will be made, on the disk before the first.

It is how a later attempt goes on and how the whole is taken back. It is data of the folder like
any other: whoever may write there may change it, so it is checked as strictly as a config.

Rules: ND49.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from legato.nodes.fields import refused
from legato.nodes.files.disk import Draft, Spot, drop_draft_of, failing_as
from legato.nodes.files.relocation import Mark
from legato.nodes.files.walk import ENTRIES_MAX
from legato.nodes.safe_paths import names_of, opened_folder
from legato.ports.node import NodeFailure

BYTES_MAX: Final = 64 * 1024 * 1024
"""10 000 moves between paths of the greatest length."""
PREFIX: Final = "organise-"
SUFFIX: Final = ".undo.json"


def _checked_path(path: str) -> str:
    try:
        names_of(path)
    except NodeFailure as failure:
        raise ValueError(str(failure)) from None
    return path


InnerPath = Annotated[str, AfterValidator(_checked_path)]
"""A path below a granted folder."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Step(_Model):
    """One move. Paths are relative to the granted folders that the manifest names."""

    from_: InnerPath = Field(alias="from")
    to: InnerPath
    rule: int = Field(ge=1)
    conflict: Literal["rename"] | None = None
    mark: Mark


class LeftOut(_Model):
    """A file that stays where it is although a rule covers it."""

    path: InnerPath
    why: str = Field(max_length=500)


class Counts(_Model):
    """What was found beside the files to move; kept, so that a later attempt says the same."""

    unmatched: int = Field(ge=0)
    in_place: int = Field(ge=0)
    skipped: int = Field(ge=0)


class Manifest(_Model):
    """The moves of one run, in order, and the folders that it makes for them."""

    legato: Literal["organise"] = "organise"
    version: Literal[1] = 1
    key: str = Field(max_length=64)
    root: str
    to_root: str
    counts: Counts
    left: tuple[LeftOut, ...] = Field(max_length=ENTRIES_MAX)
    folders: tuple[InnerPath, ...] = Field(max_length=ENTRIES_MAX * 32)
    moves: tuple[Step, ...] = Field(max_length=ENTRIES_MAX)


def key_of(idempotency_key: str) -> str:
    """Return what a manifest keeps of the key: enough to be found by the same node's attempts."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest()


def is_manifest(name: str) -> bool:
    """Tell whether a file is one by its name; those are never sorted away."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def find(root: Path, key: str) -> str | None:
    """Return the name of the manifest that an earlier attempt has written, or None.

    Raises:
        NodeFailure: The folder cannot be read.
    """
    ending = f"-{key[:12]}{SUFFIX}"
    with opened_folder(root, []) as folder, failing_as(str(root)):
        with os.scandir(folder) as entries:
            name = next((each.name for each in entries if _ends(each.name, ending)), None)
        if name is not None:
            drop_draft_of(Spot(folder, name, name))  # it may have been killed just then
        return name


def _ends(name: str, ending: str) -> bool:
    return is_manifest(name) and name.endswith(ending)


def write(root: Path, manifest: Manifest, time: str) -> str:
    """Write it durably, before the first move; return its name.

    Args:
        root: The granted folder that it lies in.
        manifest: What to write.
        time: When, for the name: 20270301T090000Z.

    Raises:
        NodeFailure: `exists`, `disk_full`, `read_only` or `file_error`.
    """
    name = f"{PREFIX}{time}-{manifest.key[:12]}{SUFFIX}"
    with opened_folder(root, []) as folder, failing_as(name), Draft(folder) as draft:
        draft.write(manifest.model_dump_json(by_alias=True, indent=1).encode())
        draft.create(Spot(folder, name, name))
    return name


def read(root: Path, name: str, names: list[str]) -> Manifest:
    """Read and check a manifest.

    Args:
        root: The granted folder.
        name: Its path, for failures.
        names: The same, name by name.

    Raises:
        NodeFailure: `not_found`, `path_refused`, `too_large` or `invalid_content`.
    """
    *folders, last = names
    with opened_folder(root, folders) as folder, failing_as(name):
        file = Spot(folder, last, name).open()
        try:
            data = _read(file)
        finally:
            os.close(file)
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise refused(
            "invalid_content",
            f"{name!r:.200} is no undo manifest of files.organise: {place}: {first['msg']}",
        ) from None


def _read(file: int) -> bytes:
    data = bytearray()
    while piece := os.read(file, BYTES_MAX + 1 - len(data)):
        data += piece
    if len(data) > BYTES_MAX:
        raise refused("too_large", f"an undo manifest has at most {BYTES_MAX} bytes")
    return bytes(data)

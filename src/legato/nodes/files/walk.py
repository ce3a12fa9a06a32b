# SPDX-License-Identifier: Apache-2.0
"""Looking through folders: what nodes may touch is yielded, the rest is counted.

Rules: ND40, ND41.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pydantic import Field

from legato.nodes.fields import Config, refused
from legato.nodes.files.disk import Spot, stop_if_asked
from legato.nodes.files.patterns import Glob, Pattern
from legato.nodes.safe_paths import name_fault, open_folder
from legato.ports.node import NodeContext, NodeFailure

ENTRIES_MAX: Final = 10_000
"""What one node lists, hashes, moves or packs: more makes an output that nobody can use."""
LOOKED_AT_MAX: Final = 200_000
"""What one walk looks at: about 2 s on a cold disk."""
DEPTH_MAX: Final = 32
"""Each level holds an open descriptor."""
ROOT_HELP: Final = "Which granted folder, if there are several; else the first."


class Selection(Config):
    """The part of a `with` block that says which files of a folder are meant."""

    folder: str = Field(
        default=".", description="Where to look, relative to the granted folder; `.` is that."
    )
    pattern: Glob | None = Field(
        default=None,
        description="Which: `*.pdf` by name, `2026/**/*.csv` by path below the folder; else all.",
    )
    recursive: bool = Field(default=False, description="Look into folders below as well.")
    depth: int = Field(
        default=DEPTH_MAX, ge=1, le=DEPTH_MAX, description="How many levels, if recursive."
    )
    root: str | None = Field(default=None, description=ROOT_HELP)


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder. `names` lead from the folder looked at to it."""

    spot: Spot
    names: tuple[str, ...]
    stat: os.stat_result

    @property
    def path(self) -> str:
        """The way from the folder looked at."""
        return "/".join(self.names)

    @property
    def is_folder(self) -> bool:
        """Tell whether it is a folder; else it is a file."""
        return stat.S_ISDIR(self.stat.st_mode)


@dataclass(slots=True)
class Walk:
    """One walk through a folder, in the order of names.

    `skipped` counts what nodes may not touch: links, hidden names, hard links, devices, git's own
    folders, names that are no UTF-8, and what cannot be read.
    """

    ctx: NodeContext
    depth: int = 1
    skipped: int = 0
    looked_at: int = field(default=0)

    def entries(
        self, folder: int, above: str, names: tuple[str, ...] = ()
    ) -> Iterator[tuple[Found, int | None]]:
        """Yield each file and folder; a folder before what it holds.

        Args:
            folder: An open folder.
            above: How people know it, relative to the granted folder; empty for that itself.
            names: Names from where the walk began.

        Yields:
            The entry; its spot is good until the next step.

        Raises:
            NodeFailure: `too_large`, or `stopped`.
        """
        for name in self._names(folder):
            path = f"{above}/{name}" if above else name
            found = self._look(Spot(folder, name, path), (*names, name))
            if found is None:
                self.skipped += 1
                continue
            if not found.is_folder:
                yield found, None
                continue
            below = self._enter(found)
            if below is None:
                self.skipped += 1
                continue
            try:
                yield found, below
                if len(found.names) < self.depth:
                    yield from self.entries(below, path, found.names)
            finally:
                os.close(below)

    def files(self, folder: int, above: str, pattern: str | None) -> Iterator[Found]:
        """Yield the files that a pattern covers.

        Raises:
            NodeFailure: `too_large`, or `stopped`.
        """
        wanted = None if pattern is None else Pattern(pattern)
        count = 0
        for found, _ in self.entries(folder, above):
            if found.is_folder or not (wanted is None or wanted.matches(found.path)):
                continue
            count += 1
            if count > ENTRIES_MAX:
                raise too_many(f"more than {ENTRIES_MAX} files")
            yield found

    def _names(self, folder: int) -> list[str]:
        stop_if_asked(self.ctx)
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                self.looked_at += 1
                if self.looked_at > LOOKED_AT_MAX:
                    raise too_many(f"more than {LOOKED_AT_MAX} entries to look at")
                names.append(entry.name)
        return sorted(names)

    def _look(self, spot: Spot, names: tuple[str, ...]) -> Found | None:
        if name_fault(spot.name):
            return None
        try:
            found = spot.find()
        except OSError:
            return None
        if found is None or not (stat.S_ISDIR(found.st_mode) or _is_plain(found)):
            return None
        return Found(spot, names, found)

    def _enter(self, found: Found) -> int | None:
        try:
            return open_folder(found.spot.folder, found.spot.name, found.spot.path)
        except NodeFailure:
            return None


def too_many(what: str) -> NodeFailure:
    """Make the failure for a folder that holds more than a node takes."""
    return refused("too_large", f"{what}; narrow it down with folder, pattern or depth")


def _is_plain(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1

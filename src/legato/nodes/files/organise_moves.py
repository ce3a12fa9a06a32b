# SPDX-License-Identifier: Apache-2.0
"""Making the moves of an undo manifest, forth and back; each may have been made already.

Rules: ND49.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from legato.nodes.files.disk import Spot, failing_as, stop_if_asked
from legato.nodes.files.organise_manifest import LeftOut, Manifest, Step
from legato.nodes.files.relocation import found_spot, relocate
from legato.nodes.safe_paths import names_of, opened_folder
from legato.ports.node import NodeContext, NodeFailure

_STAYS: Final = frozenset({"exists", "not_found", "changed", "path_refused"})
"""What keeps one file where it is, and not the others."""


class Mover:
    """Moves files one by one; `left` are those that stay, with the reason."""

    def __init__(self, ctx: NodeContext, manifest: Manifest) -> None:
        """Note the granted folders; the caller has checked that they are granted."""
        self.left: list[LeftOut] = []
        self._ctx = ctx
        self._root = Path(manifest.root)
        self._to_root = Path(manifest.to_root)
        self._folders = manifest.folders

    def move(self, step: Step, *, strict: bool) -> None:
        """Make a move.

        Args:
            step: Which.
            strict: Fail when another file has taken the name meanwhile, instead of leaving it.

        Raises:
            NodeFailure: `exists` if strict; `disk_full`, `read_only`, `file_error`.
        """
        try:
            self._relocate((self._root, step.from_), (self._to_root, step.to), step)
        except NodeFailure as failure:
            self._leave(step.from_, failure, strict=strict)

    def move_back(self, step: Step) -> None:
        """Take a move back.

        Raises:
            NodeFailure: `disk_full`, `read_only` or `file_error`.
        """
        try:
            self._relocate((self._to_root, step.to), (self._root, step.from_), step)
        except NodeFailure as failure:
            self._leave(step.to, failure, strict=False)

    def look_back(self, step: Step) -> None:
        """Say what would keep a move from being taken back; nothing is changed."""
        try:
            with _spot(self._to_root, step.to) as spot, failing_as(step.to):
                file = spot.open()
                try:
                    same = step.mark.fits(file, lambda: stop_if_asked(self._ctx))
                finally:
                    os.close(file)
            if not same:
                self.left.append(LeftOut(path=step.to, why="it is another file now"))
            elif self._is_there(step.from_):
                self.left.append(LeftOut(path=step.to, why=f"{step.from_:.400} exists"))
        except NodeFailure as failure:
            self._leave(step.to, failure, strict=False)

    def remove_folders(self) -> None:
        """Remove the folders that the run made, as far as they are empty."""
        for path in reversed(self._folders):
            try:
                with _spot(self._to_root, path) as spot, failing_as(path):
                    _remove_if_empty(spot)
            except NodeFailure as failure:
                if failure.error.kind not in _STAYS:
                    raise

    def _relocate(self, source: tuple[Path, str], target: tuple[Path, str], step: Step) -> None:
        stop_if_asked(self._ctx)
        with ExitStack() as stack:
            old = found_spot(stack, _spot(*source))
            new = stack.enter_context(_spot(*target, make=True))
            relocate(old, new, step.mark, replace=False, stop=lambda: stop_if_asked(self._ctx))

    def _leave(self, path: str, failure: NodeFailure, *, strict: bool) -> None:
        kind = failure.error.kind
        if kind not in _STAYS or (strict and kind == "exists"):
            raise failure
        self.left.append(LeftOut(path=path, why=failure.error.message[:500]))

    def _is_there(self, path: str) -> bool:
        try:
            with _spot(self._root, path) as spot:
                return spot.find() is not None
        except NodeFailure:
            return False


@contextmanager
def _spot(root: Path, path: str, *, make: bool = False) -> Iterator[Spot]:
    *folders, name = names_of(path)
    with opened_folder(root, folders, make=make) as folder:
        yield Spot(folder, name, path)


def _remove_if_empty(spot: Spot) -> None:
    try:
        os.rmdir(spot.name, dir_fd=spot.folder)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR}:
            raise

# SPDX-License-Identifier: Apache-2.0
"""Deciding what files.organise moves where; nothing is changed here.

Rules: ND49.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from legato.nodes.files.disk import Spot, failing_as, hash_of, stop_if_asked
from legato.nodes.files.organise_manifest import is_manifest
from legato.nodes.files.organise_rules import Candidate, RuleBook
from legato.nodes.files.relocation import Mark, free_name
from legato.nodes.files.walk import Found, Walk
from legato.nodes.safe_paths import names_of, opened_folder
from legato.ports.node import NodeContext, NodeFailure

Conflict = Literal["fail", "rename", "skip"]
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A granted folder, and the way from there to a folder in it."""

    root: Path
    names: Names


@dataclass(frozen=True, slots=True)
class Wish:
    """A move. `conflict` says what the policy does, as the name at the target is taken."""

    source: str
    target: str
    rule: int
    conflict: Conflict | None
    mark: Mark


@dataclass(slots=True)
class Plan:
    """What was decided. `folders` are missing and have to be made, each after the one above it."""

    wishes: list[Wish] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unmatched: int = 0
    in_place: int = 0
    skipped: int = 0


class Planner:
    """Looks at each file once, in the order of paths."""

    def __init__(self, ctx: NodeContext, source: Place, target: Place, policy: Conflict) -> None:
        """Note where files come from and go to, and what to do where a name is taken."""
        self._ctx = ctx
        self._source = source
        self._target = target
        self._policy = policy
        self._claimed: set[str] = set()
        self._missing: dict[Names, int] = {}

    def plan(self, book: RuleBook, *, pattern: str | None, depth: int) -> Plan:
        """Decide about every file.

        Raises:
            NodeFailure: A folder is refused or not there, or holds too much.
        """
        made, walk = Plan(), Walk(self._ctx, depth)
        with opened_folder(self._source.root, list(self._source.names)) as folder:
            for found in walk.files(folder, "/".join(self._source.names), pattern):
                self._add(made, book, found)
        made.skipped = walk.skipped
        made.folders = ["/".join(names) for names in sorted(self._missing)]
        return made

    def _add(self, made: Plan, book: RuleBook, found: Found) -> None:
        spot = found.spot
        if is_manifest(spot.name):
            return
        decided = book.target_of(Candidate.of(found.path, spot.name, found.stat))
        if decided is None:
            made.unmatched += 1
            return
        rule, folder = decided
        names = (*self._target.names, *names_of(folder))
        if (self._target.root, "/".join([*names, spot.name])) == (self._source.root, spot.path):
            made.in_place += 1
            return
        made.wishes.append(self._wish(found, rule, names))

    def _wish(self, found: Found, rule: int, names: Names) -> Wish:
        spot = found.spot
        with self._target_folder(names) as (folder, device):
            target = Spot(folder, spot.name, "/".join([*names, spot.name]))

            def is_taken(name: str) -> bool:
                if "/".join([*names, name]) in self._claimed:
                    return True
                return folder >= 0 and Spot(folder, name, name).find() is not None

            conflict, name = None, spot.name
            if is_taken(name):
                conflict = self._policy
                name = free_name(target, is_taken) if conflict == "rename" else name
            mark = self._mark(found, device)
        path = "/".join([*names, name])
        if conflict in {None, "rename"}:
            self._claimed.add(path)
        return Wish(spot.path, path, rule, conflict, mark)

    @contextmanager
    def _target_folder(self, names: Names) -> Iterator[tuple[int, int]]:
        """Yield the folder's descriptor, -1 if it has to be made, and the device it is on."""
        with ExitStack() as stack:
            folder = self._opened(names, stack)
            device = self._missing[names] if folder < 0 else os.fstat(folder).st_dev
            stack.enter_context(failing_as("/".join(names)))
            yield folder, device

    def _opened(self, names: Names, stack: ExitStack) -> int:
        if names in self._missing:
            return -1
        try:
            return stack.enter_context(opened_folder(self._target.root, list(names)))
        except NodeFailure as failure:
            if failure.error.kind != "not_found" or not names:
                raise
        with self._target_folder(names[:-1]) as (_, device):
            self._missing[names] = device
        return -1

    def _mark(self, found: Found, device: int) -> Mark:
        if found.stat.st_dev == device:
            return Mark.of(found.stat)
        with failing_as(found.spot.path):
            file = found.spot.open()
            try:
                sha256 = hash_of(file, stop=lambda: stop_if_asked(self._ctx))
                return Mark.of(os.fstat(file), sha256)
            finally:
                os.close(file)

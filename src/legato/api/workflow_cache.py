# SPDX-License-Identifier: Apache-2.0
"""Published versions as the API hands them on, kept while they are used.

A version never changes: what is kept here is never stale. Which number is published now is asked of
the store each time.

Rules: WF10.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from legato.model.ids import VersionHash, WorkspaceId
from legato.model.workflow import OverlapRule, Workflow

KEPT_MAX: Final = 256
KEPT_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of compiled forms and sources; the objects made of them take some times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One version of a workflow, with nothing that it calls."""

    number: int
    version: VersionHash
    workflow: Workflow
    source: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a workflow stands for, and everything that it may call.

    Args:
        workspace: Where it is.
        workflow_id: The workflow.
        slug: Its name now; the document may have had another one.
        number: Of the version.
        version: Its logic's hash.
        workflow: Compiled.
        source: As it was written.
        called: Workflows by the names that it, and what it calls, call them.
    """

    workspace: WorkspaceId
    workflow_id: str
    slug: str
    number: int
    version: VersionHash
    workflow: Workflow
    source: bytes = field(repr=False)
    called: Mapping[str, Workflow] = field(default_factory=dict, repr=False)

    @property
    def overlap(self) -> OverlapRule:
        """What the document says about executions that overlap."""
        return self.workflow.overlap

    @property
    def inputs_schema(self) -> bytes:
        """JSON Schema of its inputs, as JSON text."""
        return bytes(self.workflow.inputs_schema)


class WorkflowCache:
    """Versions by workflow and number, least recently used first out."""

    def __init__(self) -> None:
        """Make an empty one."""
        self._kept: OrderedDict[tuple[str, int], Loaded] = OrderedDict()
        self._size = 0

    def get(self, workflow: str, number: int) -> Loaded | None:
        """Return a version if it is kept."""
        found = self._kept.get((workflow, number))
        if found is not None:
            self._kept.move_to_end((workflow, number))
        return found

    def put(self, workflow: str, loaded: Loaded) -> None:
        """Keep a version, and forget others if there are too many."""
        key = (workflow, loaded.number)
        if key in self._kept:
            return
        self._kept[key] = loaded
        self._size += loaded.size
        while len(self._kept) > KEPT_MAX or self._size > KEPT_BYTES_MAX:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.size

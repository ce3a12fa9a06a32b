# SPDX-License-Identifier: Apache-2.0
"""Reading what is stored of an execution: its log, folded; its values, fetched; its owner.

The same fold as recovery uses, so that what a command or the API says is what an engine would find.
Writes nothing. Rules: CL6, LG7, VW10, XR20.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from legato.engine.evolve import EXECUTION, evolve
from legato.engine.state import ExecutionState
from legato.engine.upcast import read_event
from legato.engine.view import frame, node_set
from legato.errors import NotFound
from legato.model.events import Recorded
from legato.model.frames import FINAL_EXECUTION, Frame, NodeFrame
from legato.model.graph import Graph
from legato.model.ids import ExecutionId, WorkspaceId
from legato.model.values import Value, load
from legato.model.workflow import decode_workflow
from legato.ports.blobs import json_of
from legato.ports.executions import ExecutionRow
from legato.ports.owners import EngineRow
from legato.ports.stores import Stores

_PAGE: Final = 1_000
"""Events read and folded at once: some 10 ms, for which everything else of a server waits."""


class LogReader:
    """Follows one execution's log: each `read` folds what is new and returns its frame."""

    def __init__(self, stores: Stores, row: ExecutionRow, graph: Graph, epoch: int) -> None:
        """Args: graph is that of the execution's pinned version."""
        self._stores = stores
        self._epoch = epoch
        self.state = ExecutionState(row.execution_id, graph)

    @classmethod
    async def open(cls, stores: Stores, execution_id: ExecutionId) -> "LogReader":
        """Make a reader at seq 0.

        Raises:
            NotFound: There is no such execution, or its version is gone.
        """
        row = await stores.executions.get(execution_id)
        if row is None:
            raise NotFound(f"there is no execution {execution_id}")
        version = await stores.versions.get(row.version)
        if version is None:
            raise NotFound(f"the workflow version {row.version[:12]} is not stored")
        graph = Graph(decode_workflow(version.compiled))
        return cls(stores, row, graph, await stores.lifecycle.epoch())

    async def read(
        self, into: list[Recorded] | None = None, *, to_seq: int | None = None
    ) -> Frame | None:
        """Fold everything that is committed and not known; None if nothing is new.

        Args:
            into: Gets the events too.
            to_seq: The last event to fold; None: all there are.
        """
        from_seq = self.state.seq
        touched: dict[int, None] = {}
        while True:
            left = _PAGE if to_seq is None else min(_PAGE, to_seq - self.state.seq)
            if left <= 0:
                break
            rows = await self._stores.log.read(
                self.state.execution_id, after=self.state.seq, limit=left
            )
            for row in rows:
                event = read_event(row.body)
                touched[evolve(self.state, event, row.at)] = None
                if into is not None:
                    into.append(Recorded(row.seq, row.at, event))
            if len(rows) < left:
                break
        if self.state.seq == from_seq:
            return None
        known = [index for index in touched if index != EXECUTION]
        shown = range(len(self.state.nodes)) if from_seq == 0 else known
        return frame(self.state, shown, from_seq=from_seq, epoch=self._epoch)


@dataclass(frozen=True, slots=True)
class History:
    """An execution's row, its folded state and every event."""

    row: ExecutionRow
    state: ExecutionState
    events: list[Recorded]

    def nodes(self) -> Iterable[NodeFrame]:
        """Return every node's visible state in phase order."""
        order = sorted(range(len(self.state.nodes)), key=self.state.graph.phase_numbers.__getitem__)
        return (node_set(self.state, index) for index in order)


async def load_history(stores: Stores, execution_id: ExecutionId) -> History:
    """Read and fold a whole log.

    Raises:
        NotFound: There is no such execution.
        Conflict: An event was written by a newer program.
    """
    reader = await LogReader.open(stores, execution_id)
    events: list[Recorded] = []
    await reader.read(events)
    row = await stores.executions.get(execution_id)
    assert row is not None, "executions are not deleted while they are read"
    return History(row, reader.state, events)


async def fetch(stores: Stores, workspace: WorkspaceId, value: Value) -> Any:
    """Return a value, from the blob store if it is large.

    Raises:
        NotFound: The blob is gone.
        Unavailable: It cannot be read or is corrupt.
    """
    return load(await json_of(stores.blobs, workspace, value))


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who runs an execution now, as far as the store knows.

    `owner` is set while a live engine owns it; `adopter` while some live engine would take it.
    `is_lost`: its owner died, and nobody is there to take over. `is_stopped`: its owner was told to
    stop in the middle of it, and let it go. One that was let go while it waits is neither: it only
    has to be picked up.
    """

    owner: EngineRow | None
    adopter: EngineRow | None
    is_lost: bool
    is_open: bool = True
    is_stopped: bool = False

    @property
    def absence(self) -> str:
        """What to show instead of a status that is a memory only; empty if it is true."""
        return "owner lost" if self.is_lost else "stopped" if self.is_stopped else ""

    @property
    def is_unattended(self) -> bool:
        """Tell whether it is open and nothing happens to it until somebody resumes it."""
        return self.is_open and self.owner is None and self.adopter is None


async def ownership(stores: Stores, row: ExecutionRow) -> Ownership:
    """Find out who runs an execution; for many rows ask `live_engines` once."""
    return owner_among(await live_engines(stores), row)


async def live_engines(stores: Stores) -> list[EngineRow]:
    """Return the engines whose lease still runs."""
    return [engine for engine in await stores.owners.engines() if engine.lease_left_ms > 0]


def owner_among(alive: Sequence[EngineRow], row: ExecutionRow) -> Ownership:
    """Judge who runs an execution, given the engines that live."""
    owner = next((engine for engine in alive if engine.engine == row.owner), None)
    adopter = next((engine for engine in alive if engine.adopts), None)
    is_open = row.status not in FINAL_EXECUTION
    is_alone = is_open and owner is None and adopter is None
    is_lost = is_alone and row.owner is not None
    is_stopped = is_alone and row.owner is None and row.status == "running"
    return Ownership(owner, adopter, is_lost, is_open, is_stopped)

# SPDX-License-Identifier: Apache-2.0
"""Takes executions in: what is submitted is made ready, and admitted under its terms.

The store makes an execution this engine's own in the very transaction that creates it, if there is
room; its first turn follows from memory. Without room, or if it has to wait for others of its
workflow, it is queued for whoever has room.

Rules: AM4-AM6, EN6.
"""

import asyncio
import dataclasses
from typing import Any, Protocol

from msgspec.structs import replace

from legato.crashpoints import crash_point
from legato.errors import Conflict, LegatoError, StoreUnavailable
from legato.model.document.inputs import check_inputs
from legato.model.ids import EngineId, ExecutionId
from legato.model.policy import Limits
from legato.model.signals import StartExecution, encode_signal
from legato.model.values import NULL, BlobRef, Value, encode
from legato.ports.admission import Admitted, Terms
from legato.ports.blobs import keep_value
from legato.ports.clock import Clock
from legato.ports.log import NewExecution
from legato.ports.stores import Stores
from legato.runtime.child_inputs import checked_start
from legato.runtime.file_inputs import FILE_MARK, inherited_files, with_files, without_payloads
from legato.runtime.plan import Plan, Plans
from legato.runtime.submission import Prepared, Submission, prepare
from legato.telemetry import logger

_log = logger(__name__)


class Door(Protocol):
    """What this asks of the engine."""

    engine_id: EngineId

    def has_room(self) -> bool:
        """Tell whether one more execution may run here."""
        ...

    def is_known(self, execution_id: ExecutionId) -> bool:
        """Tell whether it is in memory here already."""
        ...

    def hold_place(self, execution_id: ExecutionId) -> None:
        """Keep room for it."""
        ...

    def give_up_place(self, execution_id: ExecutionId, *, is_ours: bool = False) -> None:
        """Give the room up; with `is_ours` the store may have made it ours all the same."""
        ...

    def begin(self, new: NewExecution, plan: Plan, start: StartExecution) -> None:
        """Take its first turn."""
        ...

    def look_at_queue(self) -> None:
        """Claim soon."""
        ...


class Admitting:
    """Takes executions in for one engine."""

    def __init__(
        self, stores: Stores, clock: Clock, plans: Plans, limits: Limits, door: Door
    ) -> None:
        """Make it.

        Args:
            stores: Where executions, versions and large inputs go.
            clock: Gives ids and times.
            plans: Told of every workflow that is begun here.
            limits: Bounds on inputs and calls.
            door: The engine.
        """
        self.known_versions: set[str] = set()
        self._open: set[asyncio.Task[Admitted]] = set()
        self._stores = stores
        self._clock = clock
        self._plans = plans
        self._limits = limits
        self._door = door

    async def prepare(self, submission: Submission, execution_id: ExecutionId) -> Prepared:
        """Make a submission ready; large inputs are stored when this returns.

        Raises:
            InvalidInput: Inputs do not fit, a called workflow is missing, or calls go too deep.
        """
        inputs, files = await self._store_inputs(submission)
        data = await self._store_trigger(submission)
        now = self._clock.now_ms()
        made = prepare(submission, execution_id, inputs, now, self._limits, data)
        return dataclasses.replace(made, new=replace(made.new, files=files)) if files else made

    async def admit(self, submission: Submission, terms: Terms) -> Admitted:
        """Do what `Engine.admit` promises. What has begun goes on if the caller is cancelled.

        The store may have made the execution ours by then.
        """
        task = asyncio.ensure_future(self._admit(submission, terms))
        self._open.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def store_versions(self, prepared: Prepared) -> None:
        """Store the versions that an execution runs, unless they are known to be there."""
        for row in prepared.versions:
            if row.version not in self.known_versions:
                crash_point("catalogue.before_write")
                await self._stores.versions.put(row)
                crash_point("catalogue.after_commit")
                self.known_versions.add(row.version)

    async def create(self, submission: Submission, execution_id: ExecutionId) -> ExecutionId:
        """Start what keeps uploaded files, which it does from the transaction on that creates it.

        Raises:
            Conflict: The id exists.
        """
        wanted = dataclasses.replace(submission, execution_id=execution_id)
        if (await self.admit(wanted, Terms())).outcome == "exists":
            raise Conflict(f"the execution {execution_id} exists already")
        return execution_id

    def _ended(self, task: asyncio.Task[Admitted]) -> None:
        self._open.discard(task)
        if not task.cancelled():
            task.exception()  # the caller's matter, if there still is one

    async def _admit(self, submission: Submission, terms: Terms) -> Admitted:
        door = self._door
        execution_id = submission.execution_id or ExecutionId(self._clock.new_id())
        prepared = await self.prepare(submission, execution_id)
        versions = [row for row in prepared.versions if row.version not in self.known_versions]
        plan = self._plans.put(submission.workflow, prepared.new.version)
        start = encode_signal(prepared.start)
        if not door.has_room() or door.is_known(execution_id):
            new = replace(prepared.new, start=start)
            admitted = await self._stores.admissions.admit(new, versions, terms)
        else:
            door.hold_place(execution_id)
            new = replace(prepared.new, owner=door.engine_id, start=start)
            try:
                admitted = await self._stores.admissions.admit(new, versions, terms)
            except BaseException as error:
                is_ours = isinstance(error, StoreUnavailable)  # for all we know
                door.give_up_place(execution_id, is_ours=is_ours)
                raise
            if admitted.outcome == "created" and not admitted.is_held:
                self.known_versions.update(row.version for row in versions)
                door.begin(new, plan, prepared.start)
                return admitted
            door.give_up_place(execution_id)
        if admitted.outcome == "created":
            self.known_versions.update(row.version for row in versions)
            door.look_at_queue()
        return admitted

    async def begin_child(self, new: NewExecution, start: StartExecution) -> None:
        """Begin an execution that a turn of its parent has made this engine's own."""
        crash_point("child.before_begin")
        try:
            plan = await self._plans.get(new.version)
            start = await checked_start(start, plan, self._stores.blobs, new.workspace)
        except LegatoError as error:
            _log.warning("a child cannot be begun now", error=str(error))
            self._door.give_up_place(new.execution_id, is_ours=True)
            return
        self._door.begin(new, plan, start)

    async def _store_inputs(self, submission: Submission) -> tuple[Value, tuple[str, ...]]:
        """Return the inputs, checked and filled in, as a value, and the files that they name.

        Large ones go to the blob store.
        """
        limits = self._limits
        files: tuple[str, ...] = ()
        # The doors check, too, and say it better; nothing may start with inputs that do not fit.
        sent = submission.inputs
        if submission.forked_from is not None:
            sent = without_payloads(sent)
        given = check_inputs(bytes(submission.workflow.inputs_schema), sent)
        blobs, workspace = self._stores.blobs, submission.workspace
        data = encode(given, what="inputs", size_bytes_max=limits.max_output_bytes)
        if FILE_MARK in data:
            inherited = await self._inherited(submission)
            given, files = await with_files(self._stores.files, workspace, given, inherited)
            data = encode(given, what="inputs", size_bytes_max=limits.max_output_bytes)
        return await keep_value(blobs, workspace, data, limits.max_inline_bytes), files

    async def _store_trigger(self, submission: Submission) -> Value:
        """Return what expressions read as `trigger` if it is large, stored; NULL if it is not."""
        data = encode(dict(submission.trigger), what="trigger")
        if len(data) <= self._limits.max_inline_bytes:
            return NULL
        most = self._limits.max_inline_bytes
        return await keep_value(self._stores.blobs, submission.workspace, data, most)

    async def _inherited(self, submission: Submission) -> dict[str, dict[str, Any]]:
        """Return what a fork's inputs hold of files whose payloads its source keeps."""
        kept: set[BlobRef] = set()
        for source in submission.blobs_of:
            kept.update(await self._stores.executions.blobs(source))
        return inherited_files(submission.inputs, kept)

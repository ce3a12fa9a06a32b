# SPDX-License-Identifier: Apache-2.0
"""Admissions on both databases: each is one transaction, on SQLite shared with others' commits.

Rules: AM1-AM12.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.files import refer
from legato.adapters.sql.once import answer_values, once_of, remember
from legato.adapters.sql.script import Driver, Script, Undo, step, steps
from legato.adapters.sql.workflows.part import version_values
from legato.crashpoints import crash_point
from legato.errors import LimitExceeded
from legato.model.ids import ExecutionId
from legato.model.policy import Limits
from legato.model.workflow import OverlapRule
from legato.ports.admission import (
    HELD_MAX,
    Admitted,
    Once,
    Place,
    Terms,
)
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import VersionRow
from legato.ports.inbox import refusal
from legato.ports.log import NewExecution, queue_full

COUNT_KEPT: Final = 500
"""Executions that are queued here before the queue is counted again, which takes milliseconds.
Other processes' may exceed the limit by as much."""
RECOUNT_S: Final = 0.5
"""A full queue is counted again so often, however many ask."""


class SqlAdmissions:
    """Keeps `ports.admission.Admissions`."""

    def __init__(
        self,
        driver: Driver,
        limits: Limits,
        *,
        monotonic: Callable[[], float],
        notify: Callable[[], None],
    ) -> None:
        """Make it.

        Args:
            driver: Runs its scripts.
            limits: Bounds on the queue and inboxes.
            monotonic: Seconds of a clock that never steps.
            notify: Called when something was committed that other processes may wait for.
        """
        self._driver = driver
        self._limits = limits
        self._monotonic = monotonic
        self._notify = notify
        self._queued = 0
        self._uncounted = COUNT_KEPT
        self._counted_at = 0.0

    async def admit(
        self, new: NewExecution, versions: Sequence[VersionRow], terms: Terms
    ) -> Admitted:
        """Keep `Admissions.admit`."""
        if new.owner is None:
            await self._check_room()

        def script() -> Script[Admitted]:
            return _admit(new, versions, terms)

        crash_point("admission.before_write")
        admitted = await self._driver.run(script)
        crash_point("admission.after_commit")
        if admitted.outcome == "created" and new.owner is None and not admitted.is_held:
            self._queued += 1
            self._uncounted += 1
        self._notify()
        return admitted

    async def send(
        self,
        execution_id: ExecutionId,
        dedupe_key: str,
        body: bytes,
        *,
        once: Once | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> bool:
        """Keep `Admissions.send`."""
        place = {"execution_id": execution_id, "dedupe_key": dedupe_key}
        waiting_max = self._limits.max_inbox_per_execution

        def script() -> Script[bool]:
            yield from remember(once)
            found = yield from step("admission.inbox", **place)
            is_known = bool(found) and bool(found[0]["known"])
            error = refusal(
                execution_id,
                found[0]["status"] if found else None,
                waiting=found[0]["waiting"] if found and not is_known else 0,
                waiting_max=waiting_max,
            )
            if error is not None:
                raise error
            if is_known:
                return False
            sent = yield from step("admission.signal_add", body=body, **place)
            if sent:
                yield from record(audit)
            return bool(sent)

        is_new = await self._driver.run(script)
        crash_point("inbox.after_commit")
        self._notify()
        return is_new

    async def answered(self, scope: str) -> Once | None:
        """Keep `Admissions.answered`."""
        found = await self._driver.look_up("admission.answer", scope=scope)
        return once_of(found[0]) if found else None

    async def remember(self, once: Once) -> None:
        """Keep `Admissions.remember`."""
        values = answer_values(once)
        place = {"scope_is": values.pop("scope"), "request_is": values.pop("request")}
        await self._driver.run(lambda: step("admission.answer_change", **place, **values))

    async def release(self, limit: int = 1_000) -> list[ExecutionId]:
        """Keep `Admissions.release`."""
        found = await self._driver.fetch("admission.held_workflows", limit=limit)
        released: list[ExecutionId] = []
        for row in sorted(found, key=lambda each: str(each["first"])):
            released += await self._release(row["workflow_id"], limit)
        if released:
            self._notify()
        return released

    async def _release(self, workflow_id: str, limit: int) -> list[ExecutionId]:
        def script() -> Script[list[ExecutionId]]:
            yield from step("admission.lock", workflow_id=workflow_id)
            held = yield from step("admission.held_first", workflow_id=workflow_id, limit=limit)
            most = max((row["held_below"] for row in held), default=0)
            open_now = yield from _count("admission.open", workflow_id=workflow_id, limit=most)
            released: list[ExecutionId] = []
            for row in held:
                if open_now >= row["held_below"]:
                    break  # the oldest goes first, whatever those behind it would be content with
                yield from step("admission.release", id_is=row["id"])
                released.append(ExecutionId(row["id"]))
                open_now += 1
            return released

        return await self._driver.run(script)

    async def has_held(self) -> bool:
        """Keep `Admissions.has_held`."""
        return bool(await self._driver.fetch("admission.held_workflows", limit=1))

    async def forget(self, limit: int = 10_000) -> int:
        """Keep `Admissions.forget`."""
        rows = await self._driver.run(lambda: step("admission.answers_drop", limit=limit))
        return len(rows)

    async def _check_room(self) -> None:
        """Refuse what would exceed the queue's limit, counting only now and then."""
        most = self._limits.max_queued_executions
        now = self._monotonic()
        is_full = self._queued >= most and now - self._counted_at >= RECOUNT_S
        if is_full or self._uncounted >= min(COUNT_KEPT, most):
            self._uncounted, self._counted_at = 0, now
            (row,) = await self._driver.fetch("admission.queued", limit=most)
            self._queued = row["count"]
        if self._queued >= most:
            raise queue_full(self._queued, most)


def _admit(new: NewExecution, versions: Sequence[VersionRow], terms: Terms) -> Script[Admitted]:
    yield from remember(terms.once)
    if terms.place is not None and not (yield from _take(terms.place, new.execution_id)):
        place = terms.place
        found = yield from step("admission.place", trigger=place.trigger, key=place.key)
        known = found[0]["execution_id"] if found else None
        raise Undo(Admitted(outcome="exists", execution_id=known))
    held_below: int | None = None
    if terms.overlap.policy != "allow" and new.workflow_id is not None:
        is_full = yield from _is_full(terms.overlap, new.workflow_id)
        if is_full and terms.overlap.policy == "skip":
            return (yield from _skip(terms))
        if is_full:
            held_below = terms.overlap.max
    yield from steps("version_put", [version_values(each) for each in versions])
    if not (yield from step("admission.execution_add", **_row(new, held_below))):
        raise Undo(Admitted(outcome="exists", execution_id=new.execution_id))
    for source in new.blobs_of:
        yield from step(
            "admission.inherit", id=new.execution_id, workspace=new.workspace, source=source
        )
    yield from refer(new.workspace, new.execution_id, new.files)
    yield from record(terms.audit)
    is_held = held_below is not None
    return Admitted(outcome="created", execution_id=new.execution_id, is_held=is_held)


def _take(place: Place, execution_id: ExecutionId) -> Script[bool]:
    values = msgspec.structs.asdict(place)
    return bool((yield from step("admission.place_add", **values, execution_id=execution_id)))


def _is_full(overlap: OverlapRule, workflow_id: str) -> Script[bool]:
    """Tell whether the workflow has as many open executions as it may.

    Raises:
        LimitExceeded: Too many wait for that already.
    """
    yield from step("admission.lock", workflow_id=workflow_id)
    held = yield from _count("admission.held", workflow_id=workflow_id, limit=HELD_MAX)
    open_now = yield from _count("admission.open", workflow_id=workflow_id, limit=overlap.max)
    is_full = open_now >= overlap.max or (overlap.policy == "queue" and held > 0)
    if is_full and overlap.policy == "queue" and held >= HELD_MAX:
        raise LimitExceeded(
            f"{held} executions of this workflow wait for others of it; that is the limit.",
            hint="Wait until some of them have run.",
        )
    return is_full


def _skip(terms: Terms) -> Script[Admitted]:
    """Leave nothing but the place, which is taken, and the answer to keep, if there is one."""
    if terms.place is not None:
        place = terms.place
        yield from step("admission.place_skip", trigger_is=place.trigger, key_is=place.key)
    once, skipped = terms.once, terms.once_skipped
    if skipped is not None and once is not None:
        values = answer_values(skipped)
        of = {"scope_is": values.pop("scope"), "request_is": values.pop("request")}
        yield from step("admission.answer_change", **of, **values)
    elif once is not None:
        yield from step("admission.answer_drop", scope_is=once.scope)
    return Admitted(outcome="skipped", execution_id=None)


def _count(name: str, **values: Any) -> Script[int]:
    (row,) = yield from step(name, **values)
    return int(row["count"])


def _row(new: NewExecution, held_below: int | None) -> dict[str, Any]:
    owner = new.owner if held_below is None else None
    names = (
        "workspace", "workflow", "version", "created_at", "parent", "root", "forked_from",
        "trigger", "nodes_total", "start", "workflow_id", "number", "is_test", "trigger_id",
        "scheduled_at",
    )  # fmt: skip
    return {
        **{name: getattr(new, name) for name in names},
        "id": new.execution_id,
        "owner": owner,
        "fence": 0 if owner is None else 1,
        "held_below": held_below,
    }

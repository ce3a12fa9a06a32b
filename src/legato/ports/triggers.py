# SPDX-License-Identifier: Apache-2.0
"""Triggers of published workflows, and who is told of troubles.

The published document says which triggers there are; a row keeps what outlives a publish: whether
the trigger is paused, its token and its secrets. All times are ms since the Unix epoch. `next_at`
is judged by the clock of who asks, claims and time-outs by the database's.

Rules: TR10-TR19, TR40-TR49.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from legato.errors import InvalidInput
from legato.model.cron import Cron
from legato.model.ids import ExecutionId, WorkspaceId
from legato.model.triggers import CronConfig, Kind, Trigger, WebhookConfig, read_config
from legato.ports.audit import AuditEntry

CLAIM_MS: Final = 10_000
"""So long one process has a due tick for itself; what died with it is another's then."""
DUE_MAX: Final = 100
"""Ticks and notices that are taken at once."""

NoticeKind = Literal["failed", "needs_attention", "missed"]


class TriggerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger as a document has it, made ready for its row.

    `at` is the instant from which on it is so, `next_at` the first tick after it.
    """

    name: str
    kind: Kind
    config: str
    at: int
    next_at: int | None = None


class TriggerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger of a workflow. `is_live`: the published document of an unarchived workflow has it.

    `token`, `secret` and `old_secret` are sealed. The slug is that of the workflow now.
    """

    id: str
    workspace: WorkspaceId
    workflow: str
    slug: str
    name: str
    kind: Kind
    config: str
    is_live: bool
    paused_at: int | None = None
    paused_by: str = ""
    next_at: int | None = None
    token: bytes | None = None
    secret: bytes | None = None
    old_secret: bytes | None = None
    old_until: int | None = None
    changed_at: int = 0

    @property
    def cron(self) -> CronConfig:
        """The `with` of a schedule."""
        found = read_config("schedule.cron", msgspec.json.decode(self.config))
        assert isinstance(found, CronConfig)
        return found

    @property
    def hook(self) -> WebhookConfig:
        """The `with` of a webhook."""
        found = read_config("webhook", msgspec.json.decode(self.config))
        assert isinstance(found, WebhookConfig)
        return found


class SealedHook(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed of a webhook, live or not."""

    id: str
    workspace: WorkspaceId
    token: bytes | None
    secret: bytes | None
    old_secret: bytes | None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Ticks that were too late: how many, the first, the last, and how many are made good."""

    count: int
    first: int
    last: int
    made_good: int


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """A tick or delivery that has its place: what came of it.

    `key` is the tick's instant in ms as text, or the message's id. `execution_id` is None if it was
    skipped.
    """

    key: str
    at: int
    execution_id: ExecutionId | None

    @property
    def place(self) -> str:
        """Where it stands among those of its trigger, for `Triggers.firings`."""
        return f"{self.at}:{self.key}"


class NoticeTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of a workspace's troubles. Secrets are sealed; without url nobody is told."""

    workspace: WorkspaceId
    url: str | None
    on: tuple[NoticeKind, ...]
    secret: bytes
    old_secret: bytes | None = None
    old_until: int | None = None
    changed_at: int = 0


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something somebody has to be told: of an execution, or of ticks that were missed.

    `execution_id` is the root's; `seq` tells several troubles of one execution apart. `version` is
    what the execution runs, or NULL for a schedule. `data` is JSON. `tries` counts those before.
    """

    id: int
    kind: NoticeKind
    workspace: WorkspaceId
    workflow: str
    at: int
    execution_id: ExecutionId | None = None
    seq: int = 0
    data: str = "{}"
    tries: int = 0


def plans_of(triggers: Sequence[Trigger], *, now: int) -> list[TriggerPlan]:
    """Return what a workflow's triggers shall be from now on: ticks before are never missed."""
    return [
        TriggerPlan(
            name=each.id,
            kind=each.kind,
            config=msgspec.json.encode(each.config, order="sorted").decode(),
            at=now,
            next_at=_next(each.config, now),
        )
        for each in triggers
    ]


def _next(config: CronConfig | WebhookConfig, now: int) -> int | None:
    if isinstance(config, WebhookConfig):
        return None
    try:
        return Cron(config.expression, config.timezone).next_after(now)
    except InvalidInput:  # a zone that this machine does not know: it never falls due here
        return None


class Triggers(Protocol):
    """Rows of triggers. They are made and changed with a publish, in its transaction."""

    async def page(
        self,
        workspace: WorkspaceId,
        kind: Kind,
        *,
        workflow: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> list[TriggerRow]:
        """Return live triggers, the newest id first."""
        ...

    async def get(self, workspace: WorkspaceId, kind: Kind, trigger: str) -> TriggerRow | None:
        """Return a live trigger."""
        ...

    async def pause(
        self, workspace: WorkspaceId, trigger: str, by: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Pause a live trigger; False if there is none. One that is paused stays as it was."""
        ...

    async def resume(
        self,
        workspace: WorkspaceId,
        trigger: str,
        next_at: int | None,
        audit: Sequence[AuditEntry],
    ) -> bool:
        """Let a live trigger go on, its next tick at `next_at`; False if there is none."""
        ...

    async def next_ticks(self, workspace: WorkspaceId, workflows: Sequence[str]) -> dict[str, int]:
        """Return the next tick of each of these workflows that has one."""
        ...

    async def due(self, now: int, limit: int = DUE_MAX) -> list[TriggerRow]:
        """Return live schedules whose next tick is not after `now`, the oldest first."""
        ...

    async def claim(self, row: TriggerRow, claim_ms: int = CLAIM_MS) -> bool:
        """Take a due tick for oneself; False if another has it or it is over."""
        ...

    async def advance(
        self, row: TriggerRow, next_at: int | None, missing: Missing | None = None
    ) -> bool:
        """Have the next tick of a schedule be another one; False if somebody else has done so.

        What was missed is noted and becomes a notice, together with it.
        """
        ...

    async def by_token(self, token_hash: bytes) -> TriggerRow | None:
        """Return the live webhook that has a token."""
        ...

    async def set_token(self, trigger: str, token_hash: bytes, token: bytes) -> bool:
        """Give a webhook its token, unless it has one."""
        ...

    async def rotate(
        self,
        workspace: WorkspaceId,
        trigger: str,
        secret: bytes,
        audit: Sequence[AuditEntry],
        *,
        overlap_ms: int = 0,
    ) -> bool:
        """Give a live webhook another secret; the one before is good for a while yet."""
        ...

    async def firings(
        self, trigger: str, *, before: str | None = None, limit: int = 50
    ) -> list[Firing]:
        """Return ticks or deliveries that have their place, the newest first.

        Args:
            trigger: Id of the row.
            before: `Firing.place` of the one before the first.
            limit: How many at most.
        """
        ...

    async def missing(self, trigger: str, limit: int = 20) -> list[tuple[int, Missing]]:
        """Return when ticks were found to be missed and which, the newest first."""
        ...

    async def sealed(self, *, after: str | None = None, limit: int = 200) -> list[SealedHook]:
        """Return what is sealed of webhooks, live or not, by their ids."""
        ...

    async def reseal(self, before: SealedHook, after: SealedHook) -> bool:
        """Put what was sealed anew in its place; False if it was changed meanwhile."""
        ...

    async def clean(self) -> None:
        """Delete deliveries of more than a day ago and ticks of more than a month ago."""
        ...

    async def pause_all(self, by: str) -> int:
        """Pause every trigger and forget notices that were not sent: after a restore."""
        ...


class Notices(Protocol):
    """What somebody has to be told, at least once."""

    async def target(self, workspace: WorkspaceId) -> NoticeTarget | None:
        """Return who is told of a workspace's troubles."""
        ...

    async def put_target(
        self, target: NoticeTarget, audit: Sequence[AuditEntry], *, overlap_ms: int = 0
    ) -> None:
        """Have somebody be told, with a new secret if it is another; the old one overlaps."""
        ...

    async def targets(self) -> list[NoticeTarget]:
        """Return whom all workspaces tell."""
        ...

    async def reseal(self, before: NoticeTarget, after: NoticeTarget) -> bool:
        """Put what was sealed anew in its place; False if it was changed meanwhile."""
        ...

    async def take(self, limit: int = DUE_MAX, claim_ms: int = 60_000) -> list[Notice]:
        """Return notices that are due, and have them for oneself for a while."""
        ...

    async def done(self, notice: Notice) -> None:
        """Forget a notice: it was told, or nobody wants to know."""
        ...

    async def postpone(self, notice: Notice, delay_ms: int) -> None:
        """Have a notice come again later, with one more try."""
        ...

    async def waiting(self) -> int:
        """Return how many notices were not told yet, up to a bound."""
        ...

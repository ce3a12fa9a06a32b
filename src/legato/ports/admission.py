# SPDX-License-Identifier: Apache-2.0
"""Under which terms an execution or a signal is taken in, decided and written in one transaction.

What a door promises has to become true together with the effect, or not at all: the answer to a
request with an Idempotency-Key, the place of a cron tick or of a webhook's message, the rule about
overlapping executions, the audit.

Rules: AM1-AM12.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from legato.errors import Conflict
from legato.model.ids import ExecutionId
from legato.model.workflow import ANY_OVERLAP, OverlapRule
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import VersionRow
from legato.ports.log import NewExecution

ONCE_TTL_MS: Final = 24 * 3_600_000
"""How long the answer to a request with a key is kept."""
HELD_MAX: Final = 1_000
"""Executions of one workflow that may wait for another one of it to end."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to a request. `headers` are names in small letters and values."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """A request that must take effect once, and what is answered when it has.

    `scope` is the SHA-256 (hex) of workspace, principal, method, path and key; `request` that of
    Content-Type and raw body. The scope is unique for `ONCE_TTL_MS`.
    """

    scope: str
    request: str
    answer: Answer


class AlreadyDone(Conflict):
    """A request with this key has taken effect; this one has not."""

    def __init__(self, request: str, answer: Answer) -> None:
        """Args: request and answer are those of the one that took effect."""
        self.request = request
        self.answer = answer
        super().__init__()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may start one execution only, unique by (trigger, key) for ever it is kept.

    Of a cron tick the key is its UTC instant in ms as text, of a webhook its message id.
    """

    kind: Literal["tick", "delivery"]
    trigger: str
    key: str
    at: int


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Under which an execution is taken in."""

    once: Once | None = None
    once_skipped: Once | None = None
    """The answer to keep if the overlap rule skips it; None: that is no answer to keep."""
    overlap: OverlapRule = ANY_OVERLAP
    """With `queue` a new execution waits; `HELD_MAX` of a workflow may."""
    place: Place | None = None
    audit: tuple[AuditEntry, ...] = ()


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    `created`: it exists from now on (`is_held`: it waits for others of its workflow). `exists`:
    its place or id was taken; `execution_id` is what it started, None if that was skipped.
    `skipped`: the overlap rule said so; its place is taken all the same.
    """

    outcome: Literal["created", "exists", "skipped"]
    execution_id: ExecutionId | None
    is_held: bool = False


class Admissions(Protocol):
    """Take in."""

    async def admit(
        self, new: NewExecution, versions: Sequence[VersionRow], terms: Terms
    ) -> Admitted:
        """Create an execution with everything that its terms ask for, in one transaction.

        Args:
            new: The row; `start` is set. With an owner it is that engine's, unless it is held.
            versions: What it runs and calls; stored if they are new.
            terms: Its terms.

        Raises:
            AlreadyDone: A request with the same key has taken effect.
            LimitExceeded: Too many executions are queued or held.
            StoreUnavailable: The outcome is unknown; the same call again finds out.
        """
        ...

    async def send(
        self,
        execution_id: ExecutionId,
        dedupe_key: str,
        body: bytes,
        *,
        once: Once | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> bool:
        """Put a signal into an inbox as `Inbox.send` does, with its audit and answer.

        Raises:
            AlreadyDone: A request with the same key has taken effect.
            NotFound: There is no such execution.
            Conflict: The execution has ended.
            LimitExceeded: Too many unconsumed signals.
        """
        ...

    async def answered(self, scope: str) -> Once | None:
        """Return what a request took effect with, if it has and is not too long ago."""
        ...

    async def remember(self, once: Once) -> None:
        """Keep an answer in place of the one that its request took effect with.

        For what is known only later, such as the end that a request waited for.
        """
        ...

    async def release(self, limit: int = 1_000) -> list[ExecutionId]:
        """Let held executions go for which there is room now, the oldest of each workflow first.

        Returns:
            Those that are queued from now on.
        """
        ...

    async def has_held(self) -> bool:
        """Tell whether any execution waits for others of its workflow. Cheap."""
        ...

    async def forget(self, limit: int = 10_000) -> int:
        """Delete answers that are too old, and return how many."""
        ...

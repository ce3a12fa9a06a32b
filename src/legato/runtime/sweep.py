# SPDX-License-Identifier: Apache-2.0
"""Deletes files that are too old, and payloads that nobody refers to any more.

A payload is stored before anything refers to it: an upload or a node may be about to. So nothing is
deleted at once. What nobody refers to and was not written to for a while is put away, where whoever
asks for it still finds it; a day later, and when every execution has ended or waits that might have
stored it before, what is still referred to by nobody is dropped. Each step is safe to repeat, in
batches, and by several servers at once; while a backup holds the payloads nothing is deleted.

Rules: FI32-FI37.
"""

from typing import Final

import msgspec

from legato.errors import LegatoError
from legato.model.ids import WorkspaceId
from legato.ports.clock import Clock
from legato.ports.stores import Stores
from legato.runtime.rounds import Rounds
from legato.telemetry import logger

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
FILES_AT_ONCE: Final = 10_000
"""Files that are deleted for their age in one round."""

_log = logger(__name__)


class SweepTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long a payload without a reference stays, in ms: `young` in its place, `away` put away.

    `margin` is how far the clocks of store and engines may be apart.
    """

    young: int = HOUR_MS
    away: int = DAY_MS
    margin: int = HOUR_MS


class Swept(msgspec.Struct, kw_only=True):
    """What one round has done."""

    files: int = 0
    put_away: int = 0
    brought_back: int = 0
    dropped: int = 0
    is_held: bool = False


class Sweep(Rounds):
    """Goes round again and again, from `start` to `stop`."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        *,
        every_s: float,
        keep_ms: int = 0,
        times: SweepTimes | None = None,
    ) -> None:
        """Make it.

        Args:
            stores: Open while it goes round.
            clock: For the age of payloads.
            every_s: Between two rounds, and before the first.
            keep_ms: Age at which files are deleted; 0: never.
            times: How long payloads stay.
        """
        super().__init__(every_s, waits_first=True)
        self._stores = stores
        self._clock = clock
        self._keep_ms = keep_ms
        self._times = times or SweepTimes()

    async def once(self) -> Swept:
        """Go round once.

        Raises:
            Unavailable: A store does not answer; the rest is left for the next round.
        """
        done = Swept()
        files, blobs = self._stores.files, self._stores.blobs
        if self._keep_ms:
            done.files = await files.expire(self._keep_ms, FILES_AT_ONCE)
        for workspace in await blobs.workspaces():
            await self._drop(workspace, done)
            await self._put_away(workspace, done)
            if done.is_held:
                break
            await blobs.delete_remains(workspace, self._clock.now_ms() - DAY_MS)
        return done

    async def _drop(self, workspace: WorkspaceId, done: Swept) -> None:
        files, blobs = self._stores.files, self._stores.blobs
        before = self._clock.now_ms() - self._times.away
        oldest = await files.oldest_work(workspace)
        if oldest is not None:
            before = min(before, oldest - self._times.margin)
        async for batch in blobs.away(workspace, before):
            if await self._is_held(done):
                return
            referred = await files.referred(workspace, batch)
            await blobs.bring_back(workspace, sorted(referred))
            rest = [each for each in batch if each not in referred]
            await blobs.drop(workspace, rest)
            done.brought_back += len(referred)
            done.dropped += len(rest)

    async def _put_away(self, workspace: WorkspaceId, done: Swept) -> None:
        files, blobs = self._stores.files, self._stores.blobs
        async for batch in blobs.aged(workspace, self._clock.now_ms() - self._times.young):
            if await self._is_held(done):
                return
            referred = await files.referred(workspace, batch)
            rest = [each for each in batch if each not in referred]
            await blobs.put_away(workspace, rest)
            done.put_away += len(rest)

    async def _is_held(self, done: Swept) -> bool:
        done.is_held = done.is_held or await self._stores.files.is_held()
        return done.is_held

    async def _round(self) -> bool:
        try:
            done = await self.once()
        except LegatoError as error:
            _log.warning("payloads that nobody needs cannot be deleted now", error=error.code)
        else:
            _log.debug("deleted payloads that nobody needs", **msgspec.structs.asdict(done))
        return False

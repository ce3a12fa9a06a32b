# SPDX-License-Identifier: Apache-2.0
"""Whether this server can work: a real round trip to each part, each with a time limit of its own.

However many ask, a part is asked once at a time and not again within a second: the question is
public, and a round trip writes. Rules: HT21.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from legato.telemetry import logger

TIMEOUT_S: Final = 2.0
FRESH_S: Final = 1.0

Probe = Callable[[], Awaitable[object]]
_log = logger(__name__)


class Readiness:
    """Asks the parts."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        monotonic: Callable[[], float],
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Take the parts.

        Args:
            probes: By name: a round trip that raises where the part does not do its work.
            monotonic: Seconds that only grow.
            timeout_s: How long each part may take; they are asked at the same time.
        """
        self.is_draining = False
        self._parts = {name: _Part(name, probe, monotonic) for name, probe in probes.items()}
        self._timeout_s = timeout_s

    async def look(self) -> bool:
        """Tell whether every part answers in time."""
        asked = (part.look(self._timeout_s) for part in self._parts.values())
        return all(await asyncio.gather(*asked))

    async def close(self) -> None:
        """Give up what is still asked."""
        for part in self._parts.values():
            await part.close()


class _Part:
    def __init__(self, name: str, probe: Probe, monotonic: Callable[[], float]) -> None:
        self._name = name
        self._probe = probe
        self._monotonic = monotonic
        self._running: asyncio.Task[bool] | None = None
        self._known: tuple[float, bool] | None = None
        self._was_well = True

    async def look(self, timeout_s: float) -> bool:
        if self._known is not None and self._monotonic() - self._known[0] < FRESH_S:
            return self._known[1]
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._ask())
        # Shielded: a part that hangs is not asked again while it hangs.
        done, _ = await asyncio.wait({self._running}, timeout=timeout_s)
        is_well = bool(done) and self._running.result()
        if is_well != self._was_well:
            tell = _log.info if is_well else _log.warning
            tell("a part answers again" if is_well else "a part does not answer", part=self._name)
        self._was_well = is_well
        return is_well

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _ask(self) -> bool:
        try:
            await self._probe()
        except Exception as error:  # noqa: BLE001 - whatever it is: the part does not do its work
            _log.debug("a part failed", part=self._name, error=type(error).__name__)
            is_well = False
        else:
            is_well = True
        self._known = (self._monotonic(), is_well)
        return is_well

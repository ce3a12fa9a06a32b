# SPDX-License-Identifier: Apache-2.0
"""Says that the store is away: at once, then now and then, and when it is back.

Everything that needs the store tries again by itself; a line for every try would fill the disk that
is perhaps the reason.

Rules: LG27.
"""

from typing import Final

from legato.ports.clock import Clock
from legato.telemetry import logger

_log = logger(__name__)

REPEAT_S: Final = 30.0


class Outage:
    """One per engine."""

    def __init__(self, clock: Clock) -> None:
        """Begin with a store that is there."""
        self._clock = clock
        self._since: float | None = None
        self._said = 0.0
        self.failures = 0
        """Commits in a row whose outcome is not known."""

    def seen(self, what: str, error: Exception) -> None:
        """Note that the store did not answer.

        Args:
            what: What could not be done now.
            error: Why.
        """
        now = self._clock.monotonic()
        if self._since is None:
            self._since = self._said = now
            _log.warning(what, error=str(error))
        elif now - self._said >= REPEAT_S:
            self._said = now
            _log.warning(what, error=str(error), away_s=round(now - self._since))

    def over(self) -> None:
        """Note that something was committed."""
        self.failures = 0
        if self._since is not None:
            away_s, self._since = self._clock.monotonic() - self._since, None
            _log.warning("the store is back; work goes on", away_s=round(away_s, 1))

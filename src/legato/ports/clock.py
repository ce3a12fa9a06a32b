# SPDX-License-Identifier: Apache-2.0
"""Time and chance, so that tests and the simulation can hold both in their hands.

Rules: EN.
"""

from typing import Protocol


class Clock(Protocol):
    """Wall clock for events, monotonic clock for durations, chance for jitter and ids."""

    def now_ms(self) -> int:
        """Return milliseconds since the Unix epoch; never less than it returned before."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...

    def chance(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def new_id(self) -> str:
        """Return a fresh UUIDv7 (RFC 9562)."""
        ...

# SPDX-License-Identifier: Apache-2.0
"""Time and chance of the machine: the only place that reads them.

Rules: EN.
"""

import random
import time

import uuid_utils


class SystemClock:
    """Keeps `ports.clock.Clock`.

    Wall time never goes back within the process: when somebody sets the clock back, it goes on at
    the pace of the monotonic clock, so that timers of seconds do not become timers of hours.
    """

    def __init__(self, *, seed: int | None = None) -> None:
        """Make a clock.

        Args:
            seed: Makes `chance` repeatable (tests); None takes it from the operating system.
        """
        self._ahead_ns = time.time_ns() - time.monotonic_ns()
        self._random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311

    def now_ms(self) -> int:
        """Keep `Clock.now_ms`."""
        steady_ns = time.monotonic_ns()
        self._ahead_ns = max(self._ahead_ns, time.time_ns() - steady_ns)
        return (steady_ns + self._ahead_ns) // 1_000_000

    def monotonic(self) -> float:
        """Keep `Clock.monotonic`."""
        return time.monotonic()

    def chance(self) -> float:
        """Keep `Clock.chance`."""
        return self._random.random()

    def new_id(self) -> str:
        """Keep `Clock.new_id`."""
        return str(uuid_utils.uuid7())

# SPDX-License-Identifier: Apache-2.0
"""When a crashed child starts again, and when it is given up. Pure. Rules: SU3, SU4."""

from collections import deque

from legato.supervisor.spec import Bounds


class Restarts:
    """The crashes of one child within the window."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._crashes: deque[float] = deque(maxlen=bounds.crashes_max)

    def crashed(self, now_s: float) -> float | None:
        """Count a crash.

        Args:
            now_s: On a clock that only grows.

        Returns:
            The pause before the next start, in seconds; None if it crashes in a loop.
        """
        while self._crashes and now_s - self._crashes[0] >= self._bounds.window_s:
            self._crashes.popleft()
        self._crashes.append(now_s)
        count = len(self._crashes)
        if count >= self._bounds.crashes_max:
            return None
        return min(self._bounds.delay_first_s * 2.0 ** (count - 1), self._bounds.delay_max_s)

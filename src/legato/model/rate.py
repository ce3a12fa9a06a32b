# SPDX-License-Identifier: Apache-2.0
"""How often something may happen: so many at once, and then evenly. Pure arithmetic.

All that is kept of a key is one time, its *due*: when its bucket is full again. A request moves it
on by one interval, and is refused where that would take it further than the bucket is deep. No
window has an edge at which twice the number passes, and the wait that is told is the wait.

Source: the generic cell rate algorithm (ITU-T I.371, virtual scheduling). Rules: AU90.
"""

from typing import Final

import msgspec

MINUTE_US: Final = 60_000_000
PER_MINUTE_MAX: Final = 6_000_000
"""An interval of 10 µs: more than a process answers."""


class Rate(msgspec.Struct, frozen=True):
    """A bucket of `at_once` places; a place comes back each `interval_us`."""

    interval_us: int
    at_once: int

    def spend(self, due_us: int, now_us: int) -> tuple[int, int]:
        """Take a place.

        Args:
            due_us: What is kept of the key; anything in the past, such as 0, is a full bucket.
            now_us: The time, on the same clock.

        Returns:
            What to keep, and µs to wait; 0: the place was taken.
        """
        depth = self.interval_us * self.at_once
        # A due beyond the depth is one of a larger bucket, or of a clock that was set back.
        due = min(max(due_us, now_us), now_us + depth)
        wait = due + self.interval_us - depth - now_us
        return (due, wait) if wait > 0 else (due + self.interval_us, 0)


def per_minute(count: int, at_once: int | None = None) -> Rate:
    """Return the rate of so many a minute.

    Args:
        count: 1 to `PER_MINUTE_MAX`.
        at_once: How many may come together after a pause; None: as many as in a minute.
    """
    assert 0 < count <= PER_MINUTE_MAX
    return Rate(MINUTE_US // count, at_once or count)

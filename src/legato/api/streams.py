# SPDX-License-Identifier: Apache-2.0
"""Answers that go on for as long as there is something to tell: how many a user may have open.

Rules: XR35.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from legato.errors import RateLimited
from legato.model.ids import UserId

RETRY_S = 5


class Streams:
    """Counts the open streams of one process."""

    def __init__(self) -> None:
        self._open: Counter[UserId] = Counter()

    @property
    def count(self) -> int:
        """How many are open."""
        return self._open.total()

    @contextlib.contextmanager
    def one(self, user: UserId, *, streams_max: int) -> Iterator[None]:
        """Hold a place for a stream.

        Raises:
            RateLimited: The user has as many as a user may have.
        """
        if self._open[user] >= streams_max:
            raise RateLimited(f"You have {streams_max} streams open.", retry_after_s=RETRY_S)
        self._open[user] += 1
        try:
            yield
        finally:
            self._open[user] -= 1
            if not self._open[user]:
                del self._open[user]

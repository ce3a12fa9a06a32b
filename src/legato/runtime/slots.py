# SPDX-License-Identifier: Apache-2.0
"""Places for running attempts: one bound for the engine, one per named pool.

Executions that found no place are remembered in order and asked again first come first served
when one is given back, so that a wide execution cannot starve the others.

Rules: OW, EN.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from legato.model.ids import ExecutionId


class SlotPool:
    """All places of one engine."""

    __slots__ = ("_hungry", "_limits", "_on_free", "_total", "_used", "_used_total", "closed")

    def __init__(
        self, total: int, limits: Mapping[str, int], on_free: Callable[[ExecutionId], None]
    ) -> None:
        """Make the pool.

        Args:
            total: Attempts that may run at once in this engine.
            limits: Bounds of named pools; others have only the total.
            on_free: Called for an execution that waits when a place may be free for it.
        """
        self._total = total
        self._limits = dict(limits)
        self._used: Counter[str] = Counter()
        self._used_total = 0
        self._hungry: dict[ExecutionId, None] = {}
        self._on_free = on_free
        self.closed = False

    @property
    def used(self) -> int:
        """Places taken now."""
        return self._used_total

    def take(self, pool: str) -> bool:
        """Take a place if one is free."""
        if self.closed or self._used_total >= self._total:
            return False
        limit = self._limits.get(pool)
        if limit is not None:
            if self._used[pool] >= limit:
                return False
            self._used[pool] += 1
        self._used_total += 1
        return True

    def count(self, pool: str) -> None:
        """Count one more place as taken, even beyond the bound."""
        self._used_total += 1
        if pool in self._limits:
            self._used[pool] += 1

    def give(self, pool: str, count: int = 1) -> None:
        """Give places back and wake those who wait."""
        self._used_total -= count
        if pool in self._limits:
            self._used[pool] -= count
        for _ in range(min(count, len(self._hungry))):
            execution_id = next(iter(self._hungry))
            del self._hungry[execution_id]
            self._on_free(execution_id)

    def nudge(self) -> None:
        """Wake who waits longest if a place is free: whoever was woken may not have needed it."""
        if self._hungry and self._used_total < self._total and not self.closed:
            execution_id = next(iter(self._hungry))
            del self._hungry[execution_id]
            self._on_free(execution_id)

    def wait(self, execution_id: ExecutionId) -> None:
        """Remember that this execution could start more if a place were free."""
        self._hungry.setdefault(execution_id)

    def forget(self, execution_id: ExecutionId) -> None:
        """The execution is gone."""
        self._hungry.pop(execution_id, None)


class HeldSlots:
    """The places that one execution holds; keeps the promise of `engine.decide.Slots`."""

    __slots__ = ("_held", "_pool", "_total", "refused")

    def __init__(self, pool: SlotPool) -> None:
        """Begin with none."""
        self._pool = pool
        self._held: dict[str, int] = {}
        self._total = 0
        self.refused = False
        """Whether the pool had no place since this was last set to False."""

    def take(self, pool: str, held_max: int) -> bool:
        """Take one unless the engine, the pool or the execution is at its bound."""
        if held_max and self._total >= held_max:
            return False
        if not self._pool.take(pool):
            self.refused = True
            return False
        self._held[pool] = self._held.get(pool, 0) + 1
        self._total += 1
        return True

    def give(self, pool: str) -> None:
        """Give one back; giving what was never taken (attempts before an adoption) does nothing."""
        if self._held.get(pool, 0) > 0:
            self._held[pool] -= 1
            self._total -= 1
            self._pool.give(pool)

    def hold(self, pool: str) -> None:
        """Count an attempt that runs already (its state was loaded again), whatever the bounds."""
        self._pool.count(pool)
        self._held[pool] = self._held.get(pool, 0) + 1
        self._total += 1

    def release(self) -> None:
        """Give everything back: the execution ended or is somebody else's."""
        held, self._held, self._total = self._held, {}, 0
        for pool, count in held.items():
            if count:
                self._pool.give(pool, count)

# SPDX-License-Identifier: Apache-2.0
"""Places for running attempts: one bound for the engine, one per named pool.

An execution uses a place that it gave back in the same turn again, so that it finishes soon. One
that found none is remembered and woken, first come first served, when places are left over. While
anybody waits, nobody may hold more than a fair share: a wide execution cannot starve the others.

Rules: OW, EN.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from legato.model.ids import ExecutionId

_FAIR_SHARE_MIN: Final = 4
"""Places that an execution may hold however many others wait: small graphs go on in one turn."""


class SlotPool:
    """All places of one engine."""

    __slots__ = (
        "_hungry",
        "_limits",
        "_on_free",
        "_total",
        "_used",
        "_used_total",
        "_woken",
        "closed",
        "holders",
    )

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
        self._hungry: dict[ExecutionId, HeldSlots] = {}
        self._woken: set[ExecutionId] = set()
        self._on_free = on_free
        self.closed = False
        self.holders = 0

    @property
    def used(self) -> int:
        """Places taken now."""
        return self._used_total

    def take(self, pool: str, held: int) -> bool:
        """Take a place if one is free and the taker, who holds `held`, may have one more."""
        if not self._may_take(pool, held, len(self._hungry)):
            return False
        self.count(pool)
        return True

    def count(self, pool: str) -> None:
        """Count one more place as taken, even beyond the bound."""
        self._used_total += 1
        if pool in self._limits:
            self._used[pool] += 1

    def give(self, pool: str, count: int = 1) -> None:
        """Take places back."""
        self._used_total -= count
        if pool in self._limits:
            self._used[pool] -= count

    def feed(self) -> None:
        """Wake as many of those who wait as places are left that they may have."""
        free = self._total - self._used_total - len(self._woken)
        if free <= 0 or not self._hungry or self.closed:
            return
        others = len(self._hungry) - 1
        for execution_id, slots in list(self._hungry.items()):
            # Woken for nothing it would wait again and be woken again, without an end.
            if any(self._may_take(pool, slots.total, others) for pool in slots.refused):
                del self._hungry[execution_id]
                self._woken.add(execution_id)
                self._on_free(execution_id)
                free -= 1
                if free == 0:
                    break

    def wait(self, execution_id: ExecutionId, slots: "HeldSlots") -> None:
        """Remember that this execution could start more if it got the places it was refused."""
        self._hungry.setdefault(execution_id, slots)

    def turn_begins(self, execution_id: ExecutionId) -> None:
        """An execution has its turn: it waits no more, unless it is refused again."""
        self.forget(execution_id)

    def forget(self, execution_id: ExecutionId) -> None:
        """The execution waits no more."""
        self._hungry.pop(execution_id, None)
        self._woken.discard(execution_id)

    def _may_take(self, pool: str, held: int, others: int) -> bool:
        """Tell whether one who holds `held` may have one more while `others` wait."""
        if self.closed or self._used_total >= self._total:
            return False
        if others and held >= _FAIR_SHARE_MIN and held >= self._total // (others + self.holders):
            return False
        limit = self._limits.get(pool)
        return limit is None or self._used[pool] < limit


class HeldSlots:
    """The places that one execution holds; keeps the promise of `engine.decide.Slots`."""

    __slots__ = ("_held", "_pool", "refused", "total")

    def __init__(self, pool: SlotPool) -> None:
        """Begin with none."""
        self._pool = pool
        self._held: dict[str, int] = {}
        self.total = 0
        self.refused: set[str] = set()
        """Pools that had no place since this was last cleared."""

    def take(self, pool: str, held_max: int) -> bool:
        """Take one unless the engine, the pool or the execution is at its bound."""
        if held_max and self.total >= held_max:
            return False
        if not self._pool.take(pool, self.total):
            self.refused.add(pool)
            return False
        self._add(pool)
        return True

    def hold(self, pool: str) -> None:
        """Count an attempt that runs already (its state was loaded again), whatever the bounds."""
        self._pool.count(pool)
        self._add(pool)

    def give(self, pool: str) -> None:
        """Give one back; giving what was never taken (attempts before an adoption) does nothing."""
        if self._held.get(pool, 0) > 0:
            self._held[pool] -= 1
            self.total -= 1
            if self.total == 0:
                self._pool.holders -= 1
            self._pool.give(pool)

    def release(self) -> None:
        """Give everything back: the execution ended or is somebody else's."""
        if self.total:
            self._pool.holders -= 1
        held, self._held, self.total = self._held, {}, 0
        for pool, count in held.items():
            if count:
                self._pool.give(pool, count)

    def _add(self, pool: str) -> None:
        self._held[pool] = self._held.get(pool, 0) + 1
        self.total += 1
        if self.total == 1:
            self._pool.holders += 1

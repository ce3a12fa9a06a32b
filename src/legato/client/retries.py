# SPDX-License-Identifier: Apache-2.0
"""What may be asked again, how often, and after which pause.

A request that may have had its effect is asked again only if asking twice comes to the same: it
reads, it sets, it removes, or it has an `Idempotency-Key`. Retries are paid from a budget that
answers fill up, so a server that is down is not asked many times as often by everybody.
Source: full jitter as in "Exponential Backoff And Jitter" (M. Brooker, 2015). Rules: CC15-CC18.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from legato.client.problems import Problem, Unreachable

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_REFUSED_AT_THE_DOOR: Final = frozenset({"rate_limited", "queue_full", "draining"})
"""Codes of answers before which nothing was done."""
_AWAY: Final = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a client is.

    Args:
        attempts_max: Requests in all, the first counted.
        first_s: Longest pause after the first attempt; it doubles with each.
        pause_s_max: Longest pause that is chosen here; a server's `Retry-After` may be longer.
        patience_s: Pauses of one call in all; a `Retry-After` beyond it is an error at once.
        budget: Retries that all calls together may have in advance.
        refill: Of the budget, with each answer that is no sign of an outage.
    """

    attempts_max: int = 6
    first_s: float = 0.2
    pause_s_max: float = 5.0
    patience_s: float = 30.0
    budget: float = 20.0
    refill: float = 0.2


NEVER: Final = RetryPolicy(attempts_max=1)


@dataclass(slots=True)
class Budget:
    """Retries that are left for all calls of one client."""

    policy: RetryPolicy
    left: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin full."""
        self.left = self.policy.budget

    def answered(self) -> None:
        """Fill up a little: the server is there."""
        self.left = min(self.policy.budget, self.left + self.policy.refill)

    def take(self) -> bool:
        """Pay for one retry, or say that there is nothing left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True


def may_repeat(error: Problem | Unreachable, *, is_safe: bool) -> bool:
    """Tell whether a call that ended in an error may be made again.

    Args:
        error: What came of it.
        is_safe: Asking twice comes to the same as asking once.
    """
    if isinstance(error, Unreachable):
        return is_safe or not error.is_sent
    if error.code in _REFUSED_AT_THE_DOOR:
        return True
    return is_safe and (error.status in _AWAY or error.code == "idempotency_in_progress")


def pause_s(
    policy: RetryPolicy, attempt: int, error: Problem | Unreachable, chance: float
) -> float:
    """Return the seconds before the next attempt.

    Args:
        policy: How patient.
        attempt: The one that failed, from 1.
        error: What came of it.
        chance: From 0 to 1.
    """
    longest = min(policy.pause_s_max, policy.first_s * 2 ** (attempt - 1))
    asked = error.retry_after_s if isinstance(error, Problem) else None
    return longest * chance if asked is None else asked + policy.first_s * chance


def chance() -> float:
    """Return a number from 0 to 1: pauses are no secrets."""
    return random.random()  # noqa: S311  # nosec B311

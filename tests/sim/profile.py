# SPDX-License-Identifier: Apache-2.0
"""What may go wrong in one run, and how often: drawn from the seed, a few kinds at a time.

Runs in which everything breaks at once find less than runs in which some things do.

Rules: SM2.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Chances per occasion (0 to 1), numbers per run, seconds where the name says `_s`.

    Store: `store_fails` before or after an operation, `late` lets a failed append land later,
    `store_slow_s` bounds the delay of an operation, `outages` are stretches without any answer.
    Nodes: `fails`, `hangs`, `dies` (takes its process along), `deaf` (ignores a stop), `slow_s`.
    Processes: `engines` adopt whatever needs an owner, `loners` only what they begin; `crashes`,
    `freezes`, `drains`, `jumps` of clocks. People: `signals`.
    """

    engines: int
    loners: int
    executions: int
    chaos_s: float
    store_fails: float
    late: float
    store_slow_s: float
    outages: int
    fails: float
    hangs: float
    dies: float
    deaf: float
    slow_s: float
    evaluation_fails: float
    queue_fails: float
    echoes: float
    crashes: int
    freezes: int
    drains: int
    jumps: int
    signals: int
    inline_bytes: int
    attempts_max: int
    executions_max: int
    pool_size: int


def make_profile(chance: random.Random) -> Profile:
    """Draw a profile."""

    def some(likelihood: float, *values: float) -> float:
        return chance.choice(values) if chance.random() < likelihood else 0.0

    engines = chance.choice((0, 1, 1, 1, 2, 2, 3))
    return Profile(
        engines=engines,
        loners=chance.choice((1, 2)) if engines == 0 else chance.choice((0, 0, 0, 1)),
        executions=chance.choice((1, 1, 1, 2, 3)),
        chaos_s=chance.choice((2.0, 4.0, 8.0)),
        store_fails=some(0.5, 0.01, 0.05, 0.2),
        late=some(0.25, 0.02, 0.1),
        store_slow_s=chance.choice((0.0, 0.002, 0.02, 0.2)),
        outages=int(some(0.2, 1, 2)),
        fails=some(0.7, 0.1, 0.3, 0.6),
        hangs=some(0.3, 0.05, 0.2),
        dies=some(0.4, 0.05, 0.3),
        deaf=some(0.3, 0.2, 0.8),
        slow_s=chance.choice((0.5, 1.0, 3.0)),
        evaluation_fails=some(0.1, 0.1),
        queue_fails=some(0.4, 0.1, 0.5),
        echoes=some(0.4, 0.1, 0.5),
        crashes=int(some(0.6, 1, 2, 4)),
        freezes=int(some(0.4, 1, 2)),
        drains=int(some(0.25, 1)),
        jumps=int(some(0.2, 1, 2)),
        signals=int(some(0.5, 1, 3, 8)),
        inline_bytes=chance.choice((300, 1_000, 65_536)),
        attempts_max=chance.choice((1, 2, 4, 256)),
        executions_max=chance.choice((1, 2, 500, 500)),
        pool_size=chance.choice((0, 1, 2)),
    )

# SPDX-License-Identifier: Apache-2.0
"""What an engine is made of, and how it behaves: plain values that `legato.app` chooses.

Rules: EN, OW.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from legato.ports.bus import Bus
from legato.ports.clock import Clock
from legato.ports.queue import Queue
from legato.ports.stores import Stores
from legato.runtime.evaluation_process import EvaluationProcesses
from legato.runtime.relay import Runner


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How one engine behaves. Times `_s` in seconds, `_ms` in milliseconds.

    `adopts`: it claims whatever needs an owner; else it owns only what it starts or resumes.
    `pools`: named pools and how many attempts each may run at once in this process.
    """

    adopts: bool = True
    lease_ms: int = 15_000
    poll_s: float = 1.0
    evict_after_s: float = 30.0
    drain_s: float = 30.0
    pools: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What an engine is made of from outside."""

    stores: Stores
    bus: Bus
    clock: Clock
    queue: Queue
    runner: Runner
    evaluations: EvaluationProcesses

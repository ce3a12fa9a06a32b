# SPDX-License-Identifier: Apache-2.0
"""What really ran, written down outside the engine: the judge of promises P3 and P4.

A node's runner tells the ledger when it begins an attempt and when its effect takes place. The
ledger knows nothing of the engine's memory; it compares with the committed log alone.

Rules: SM3.
"""

from dataclasses import dataclass

from legato.model.ids import ExecutionId, NodeId, idempotency_key
from legato.runtime.attempt.request import AttemptKey, AttemptRequest
from tests.sim.invariants import Invariants

Place = tuple[ExecutionId, NodeId, int | None]


@dataclass(slots=True)
class Run:
    """One attempt that began somewhere. `is_harmless`: its effect certainly did not happen."""

    attempt: int
    process: str
    key: str
    config: bytes
    has_happened: bool = False
    is_harmless: bool = False


class Ledger:
    """Every attempt that ever began, by execution, node and item."""

    def __init__(self, invariants: Invariants) -> None:
        """Args: invariants knows what is committed and takes complaints."""
        self._invariants = invariants
        self._runs: dict[Place, list[Run]] = {}
        self._begun: set[AttemptKey] = set()
        self.count = 0

    def begin(self, request: AttemptRequest, process: str) -> Run:
        """Note that an attempt begins, and check that it may."""
        place: Place = (request.execution_id, request.node.id, request.item)
        key = idempotency_key(*place)
        run = Run(request.attempt, process, key, bytes(request.config))
        name = f"{process} runs {_text(place)} attempt {request.attempt}"
        complain = self._invariants.complain
        if request.key in self._begun:
            complain("AT4", f"{name}, which was begun before")
        self._begun.add(request.key)
        history = self._invariants.history(request.execution_id)
        if history is None or not history.has_start(place[1], place[2], request.attempt):
            complain("AT3", f"{name}, whose start is not committed")
        elif history.is_done(place[1], place[2]):
            complain("P3", f"{name}, which has completed")
        runs = self._runs.setdefault(place, [])
        if any(run.key != each.key or run.config != each.config for each in runs):
            complain("P4", f"{name} with another key or input than an earlier attempt")
        runs.append(run)
        self.count += 1
        if history is not None and request.effect == "non_idempotent":
            asked = history.retries_by_people(place[1], place[2])
            risky = sum(1 for each in runs if not each.is_harmless)
            if risky > 1 + asked:
                complain(
                    "P4", f"{name}: {risky} may have happened, a person asked for {asked} more"
                )
        return run


def _text(place: Place) -> str:
    execution, node, item = place
    return f"{execution}/{node}" + ("" if item is None else f"[{item}]")

# SPDX-License-Identifier: Apache-2.0
"""The simulation is worth what it finds: each bug planted here is found within few seeds."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from legato.adapters.memory import log as memory_log
from legato.adapters.memory import owners as memory_owners
from legato.adapters.memory.database import MemoryDatabase
from legato.engine.decide import loss, report
from legato.engine.decide.decision import Decision
from legato.engine.evolve import counters
from legato.engine.state import ExecutionState
from legato.ports.log import Turn
from legato.runtime.active import Active, Letter
from legato.runtime.loop import Loop
from legato.runtime.recovery import Recovery
from legato.runtime.slots import HeldSlots
from legato.runtime.turn import Pending
from legato.runtime.wake import Lease
from tests.sim.simulation import Failure, simulate

SEEDS_MAX = 200
Patch = pytest.MonkeyPatch


def _find(rules: set[str], *, seeds_max: int = SEEDS_MAX) -> None:
    """Run seeds until one breaks; it must break one of these rules."""
    for seed in range(seeds_max):
        try:
            simulate(seed)
        except Failure as failure:
            assert failure.violation.rule in rules, failure
            return
    raise AssertionError(f"{seeds_max} seeds found nothing")


def test_an_append_without_fence_check_is_found(monkeypatch: Patch) -> None:
    """A former owner that may still append is seen by the fence it used [SM4, OW1]."""
    original = memory_log._apply

    def unfenced(database: MemoryDatabase, turn: Turn) -> bool:
        record = database.records.get(turn.execution_id)
        if record is None or turn.new is not None:
            return original(database, turn)
        fence, record.fence = record.fence, turn.fence
        accepted = original(database, turn)
        record.fence = fence
        return accepted

    monkeypatch.setattr(memory_log, "_apply", unfenced)
    _find({"P5"})


def test_an_append_without_any_check_is_found(monkeypatch: Patch) -> None:
    """Without (fence, seq) two owners write the same seq twice [SM4, LG1]."""
    original = memory_log._apply

    def unchecked(database: MemoryDatabase, turn: Turn) -> bool:
        record = database.records.get(turn.execution_id)
        if record is None or turn.new is not None or record.is_final:
            return original(database, turn)
        fence, record.fence = record.fence, turn.fence
        head, record.head_seq = record.head_seq, turn.prev_seq
        accepted = original(database, turn)
        record.fence = fence
        record.head_seq = max(head, record.head_seq)
        return accepted

    monkeypatch.setattr(memory_log, "_apply", unchecked)
    _find({"P5", "P6", "P7"})


def test_reports_that_are_not_deduplicated_are_found(monkeypatch: Patch) -> None:
    """A second answer of an attempt that is taken again ends something twice [SM4, AT17]."""
    original = report._running

    def any_attempt(d: Decision, signal: Any) -> int | None:
        index = d.find(signal.node)
        if signal.item is None and index is not None and d.state.nodes[index].attempt:
            return index
        return original(d, signal)

    monkeypatch.setattr(report, "_running", any_attempt)
    _find({"AT17", "P3", "ST2", "P2"})


def test_a_wrong_in_degree_is_found(monkeypatch: Patch) -> None:
    """A node that starts before its last need has ended is seen [SM4, GR1]."""
    original = counters._settle_edge

    def forgets_one(state: ExecutionState, source: int, target: int, *, satisfied: bool) -> None:
        node = state.nodes[target]
        if node.unmet == 2:
            node.unmet = 1
        original(state, source, target, satisfied=satisfied)

    monkeypatch.setattr(counters, "_settle_edge", forgets_one)
    _find({"GR1", "GR5"})


def test_a_lease_that_never_expires_is_found(monkeypatch: Patch) -> None:
    """Work of a dead engine that nobody may take over stands still [SM4, OW4]."""
    monkeypatch.setattr(memory_owners.MemoryOwners, "_reap", lambda _self, _engine: None)
    _find({"EN13"})


def test_an_effect_before_its_commit_is_found(monkeypatch: Patch) -> None:
    """An attempt that runs before its start is durable is seen at once [SM4, AT3]."""
    original = Loop._take

    def hasty(self: Loop, active: Active) -> Pending | None:
        pending = original(self, active)
        if pending is not None:
            self._outcomes._relay.issue(pending)  # type: ignore[attr-defined]
        return pending

    monkeypatch.setattr(Loop, "_take", hasty)
    _find({"AT3"})


def test_a_lost_wake_up_is_found(monkeypatch: Patch) -> None:
    """Mail that comes during a commit and wakes nobody leaves an execution standing [SM4, EN13]."""
    original = Loop._after

    def sleepy(self: Loop, pending: Pending) -> None:
        active = pending.active
        mail, active.mailbox = active.mailbox, []
        active.is_wanted = False
        original(self, pending)
        active.mailbox = [*mail, *active.mailbox]

    monkeypatch.setattr(Loop, "_after", sleepy)
    _find({"EN13", "EN14"})


def test_a_silent_second_run_of_a_non_idempotent_node_is_found(monkeypatch: Patch) -> None:
    """A lost attempt of a non_idempotent node that is made again breaks P4 [SM4, AT6]."""
    original = loss._reason_to_park

    def careless(effect: Any, cause: Any, **counts: int) -> Any:
        return original("idempotent" if effect == "non_idempotent" else effect, cause, **counts)

    monkeypatch.setattr(loss, "_reason_to_park", careless)
    _find({"P4"})


def test_a_retry_after_an_unknown_outcome_is_found(monkeypatch: Patch) -> None:
    """A time-out of a non_idempotent node that is retried by itself breaks P4 [SM4, AT11]."""
    monkeypatch.setattr(report, "is_outcome_unknown", lambda _kind, **_: False)
    original = report._may_retry

    def careless(spec: Any, error: Any, failures: int) -> bool:
        return original(spec, error, failures) or (
            spec.effect == "non_idempotent" and failures < spec.retry.max_attempts
        )

    monkeypatch.setattr(report, "_may_retry", careless)
    _find({"P4"})


def test_a_place_that_is_never_given_back_is_found(monkeypatch: Patch) -> None:
    """Places that leak are seen: more are held than attempts run [SM4, OW11]."""
    monkeypatch.setattr(HeldSlots, "give", lambda _self, _pool: None)
    _find({"slots", "EN13"})


def test_a_zombie_that_does_not_doubt_its_lease_is_found(monkeypatch: Patch) -> None:
    """A thawed engine that issues what it committed before its freeze is seen [SM4, OW8]."""
    monkeypatch.setattr(Lease, "is_sure", property(lambda _self: True))
    _find({"P3", "P4"}, seeds_max=1_500)


def test_answers_lost_while_a_state_is_loaded_again_are_found(monkeypatch: Patch) -> None:
    """An answer that comes while its execution is being loaded again must be kept [SM4, LG6]."""
    monkeypatch.setattr(Recovery, "redirect", lambda _self, _id, _signal: False)
    _find({"EN13", "slots"})


def test_signals_taken_twice_after_an_unknown_commit_are_found(monkeypatch: Patch) -> None:
    """A signal whose consumption was committed unknowingly must not be taken again [SM4, LG14]."""
    original = Recovery.forget

    def forgetful(self: Recovery, active: Active, letters: list[Letter], **_: Any) -> None:
        original(self, active, [Letter(letter.signal) for letter in letters])

    monkeypatch.setattr(Recovery, "forget", forgetful)
    _find({"EN5", "P3", "AT17", "P2", "slots"}, seeds_max=1_500)


def test_a_batch_that_is_refused_but_said_to_be_accepted_is_found(monkeypatch: Patch) -> None:
    """An engine that believes in every append shows what is not committed [SM4, LG6]."""
    from tests.sim.store import SimLog

    original: Callable[..., Any] = SimLog.append

    async def believing(self: SimLog, turns: Sequence[Turn]) -> Sequence[bool]:
        await original(self, turns)
        return list(itertools.repeat(True, len(turns)))

    monkeypatch.setattr(SimLog, "append", believing)
    _find({"P6", "AT3", "P3", "P4", "EN13", "AT4", "VW3"})

# SPDX-License-Identifier: Apache-2.0
"""The deterministic simulation in the test run: some seeds, and those that once failed."""

import pytest

from tests.sim import run
from tests.sim.simulation import simulate
from tests.sim.trace import Violation

SEEDS = 200
_CHUNK = 50


@pytest.mark.parametrize("first", range(0, SEEDS, _CHUNK))
def test_random_runs_keep_every_promise(first: int) -> None:
    """Runs with every kind of fault break no promise, and all work ends [SM2, SM3, EN13]."""
    struck: set[str] = set()
    for seed in range(first, first + _CHUNK):
        struck |= set(simulate(seed).faults)
    assert {"crash", "freeze", "store fails", "lands late", "echo"} <= struck


def test_one_seed_gives_one_run() -> None:
    """The same seed does the same, step by step [SM1]."""
    for seed in range(30):
        assert simulate(seed) == simulate(seed)


@pytest.mark.parametrize("seed", [34696, 36763])
def test_a_claim_that_cannot_be_loaded_is_given_back_although_an_older_one_is_here(
    seed: int,
) -> None:
    """A child given back and begun at the same time is claimed anew and not forgotten [EN13].

    The claim could not be loaded, and its child was in memory under the fence before it, whose
    next turn was refused: the store named an owner that knew nothing of it.
    """
    simulate(seed)


def test_what_is_given_back_while_the_same_is_being_given_back_gets_a_round_of_its_own() -> None:
    """A child that became ours after a release of it is released once more [EN13].

    The first round, begun before the child was there, crossed out the second wish as done.
    """
    simulate(38508)


def test_an_answer_to_a_former_owner_holds_no_place_after_a_reload() -> None:
    """Only attempts that ran here hold places when a state is loaded again [LG6].

    The inbox had an answer to an attempt of the former owner, and the adoption had not landed: a
    place was taken for it that nobody would give back.
    """
    simulate(36160)


@pytest.mark.parametrize("seed", [57554, 57783, 59884])
def test_an_attempt_that_is_stopped_before_its_first_step_holds_no_drain_up(seed: int) -> None:
    """An attempt cancelled before it began counts no more as running [EN14].

    The lease was found lost just after the attempt was issued; the drain then waited for its
    finished task over and over, and nothing else of the process had a turn.
    """
    simulate(seed)


def test_a_stopping_engine_takes_nothing_over() -> None:
    """Resuming an execution at an engine that stops claims nothing any more [EN14].

    It tried to give back what it could not load, with nobody left to end that.
    """
    simulate(55652)


def test_a_failing_run_says_how_to_run_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seed, broken promise, last steps and the command are printed; the exit code is 1 [SM5]."""
    from tests.sim.invariants import Invariants

    def complain(self: Invariants, _process: str, _operation: str) -> None:
        self._loop.fail(Violation("P0", "planted"))

    monkeypatch.setattr(Invariants, "after", complain)
    assert run.main(["3", "--first", "7", "--workers", "1"]) == 1
    out = capsys.readouterr().out
    assert "seed 7 broke a promise: [P0] planted" in out
    assert "python -m tests.sim.run --seed 7 --steps" in out
    assert "1 failed: [7]" in out


def test_a_run_in_which_nothing_can_happen_fails() -> None:
    """A simulation that would wait for ever is an error, not a hang [SM5]."""
    from tests.sim.loop import Stuck, TooLong, VirtualLoop

    async def wait() -> None:
        await loop.create_future()

    async def spin() -> None:
        while True:
            await loop.passing(0.0)

    loop = VirtualLoop(steps_max=1_000)
    with pytest.raises(Stuck):
        loop.run(wait())
    with pytest.raises(TooLong):
        loop.run(spin())
    loop.bury()
    loop.close()

# SPDX-License-Identifier: Apache-2.0
"""Kills at instants that a seed chooses: of the whole process group, from outside, at no mercy."""

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests import services
from tests.crash.ledger import Ledger
from tests.crash.records import Records
from tests.crash.site import Process
from tests.crash.trial import Mode, Trial, trial
from tests.crash.verdict import repeated

KILLS_PER_TRIAL_MAX: Final = 4
EARLY_SHARE: Final = 0.15
"""Share of kills that may come before the process has said its first word."""
SPAN_FACTOR: Final = 1.1
"""Kills are drawn from a little more than what an undisturbed run takes."""


@dataclass(slots=True)
class Tally:
    """What came of many kills."""

    seed: int
    kills: int = 0
    restarts: int = 0
    executions: int = 0
    effects: int = 0
    made_again: int = 0
    answers: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Accepted executions that are gone or did not end as they should."""
        words = ("lost", "has not ended", " ended ")
        return sum(any(word in each for word in words) for each in self.problems)

    @property
    def repeated(self) -> int:
        """Promises broken in any other way: something was done again that must not be."""
        return len(self.problems) - self.lost

    def add(self, other: "Trial", records: Records, problems: list[str]) -> None:
        """Count a trial that is over."""
        effects = other.effects(records)
        self.kills += other.kills
        self.restarts += other.restarts
        self.executions += len(records.executions)
        self.effects += len(effects)
        self.made_again += repeated(effects)
        self.answers += other.person.answers
        self.problems += problems

    def line(self) -> str:
        """Return the figures in one line."""
        return (
            f"kills={self.kills} restarts={self.restarts} executions={self.executions} "
            f"effects={self.effects} made_again={self.made_again} answers={self.answers} "
            f"lost={self.lost} repeated={self.repeated}"
        )

    def figures(self) -> dict[str, Any]:
        """Return the figures to be kept."""
        names = ("seed", "kills", "restarts", "executions", "effects", "made_again", "answers")
        counts = {name: getattr(self, name) for name in names}
        return {**counts, "lost": self.lost, "repeated": self.repeated}


@dataclass(frozen=True, slots=True)
class Pace:
    """How long an undisturbed run takes here: to its first word, and from there to its end."""

    first_word_s: float
    rest_s: float


class NewDatabase:
    """Returns the URL of a new database with every call, empty for SQLite."""

    def __init__(self, server: str, stack: ExitStack) -> None:
        """Args: server is a PostgreSQL server or empty; stack drops the databases."""
        self._server = server
        self._stack = stack

    def __call__(self) -> str:
        """Make one."""
        if not self._server:
            return ""
        return self._stack.enter_context(services.database(self._server))


def kill_at_random(
    ledger: Ledger,
    make_database: Callable[[], str],
    *,
    kills: int,
    seed: int,
    tell: Callable[[str], None] = lambda _line: None,
) -> Tally:
    """Run trials until so many processes were killed.

    Args:
        ledger: Counts the effects.
        make_database: Returns the URL of an empty database, empty for SQLite.
        kills: How many.
        seed: Chooses every instant; the machine chooses what they hit.
        tell: Gets one line per trial.
    """
    chance = random.Random(seed)
    tally = Tally(seed)
    pace = _measure(ledger, make_database(), tally)
    while tally.kills < kills:
        folder = Path(tempfile.mkdtemp(prefix="legato-crash-"))
        with trial(folder, ledger, make_database()) as each:
            wanted = min(chance.randint(1, KILLS_PER_TRIAL_MAX), kills - tally.kills)
            records = _one(each, chance, pace, wanted)
            problems = each.problems(records)
            tally.add(each, records, problems)
        if not problems:
            shutil.rmtree(folder, ignore_errors=True)
        tell(tally.line() if not problems else f"{tally.line()}\n  " + "\n  ".join(problems))
    return tally


def _one(each: Trial, chance: random.Random, pace: Pace, wanted: int) -> Records:
    """Kill one run so many times, unless it ends before, then let it end."""
    is_over = False
    while each.kills < wanted and not is_over:
        mode: Mode = chance.choice(("resume", "resume", "engine"))
        process = each.restart(mode) if each.codes else each.site.run()
        each.restarts += bool(each.codes)
        _attend_and_kill(each, process, chance, pace)
        records = each.site.records()
        is_over = bool(records.executions) and records.is_over
        each.person.look()
    return each.to_the_end()


def _attend_and_kill(each: Trial, process: Process, chance: random.Random, pace: Pace) -> None:
    span_s = pace.rest_s * SPAN_FACTOR
    if chance.random() < EARLY_SHARE:
        process.kill_after(chance.uniform(0, pace.first_word_s))
        each.attend(process)
        return
    instant_s = chance.uniform(0, span_s)
    heard: list[bool] = []

    def at_first_word(_line: dict[str, Any]) -> None:
        if not heard:
            heard.append(True)
            process.kill_after(instant_s)

    # One that never says a word, as an adopting engine, is killed all the same.
    process.kill_after(pace.first_word_s + instant_s)
    each.attend(process, at_first_word)


def _measure(ledger: Ledger, url: str, tally: Tally) -> Pace:
    """Let one run go undisturbed; it has to keep every promise as well."""
    folder = Path(tempfile.mkdtemp(prefix="legato-crash-"))
    with trial(folder, ledger, url) as each:
        began = time.monotonic()
        words: list[float] = []
        process = each.site.run()
        each.attend(process, lambda _line: words.append(time.monotonic()))
        records = each.to_the_end()
        tally.add(each, records, each.problems(records))
    shutil.rmtree(folder, ignore_errors=True)
    return Pace(words[0] - began, max(words[-1] - words[0], 0.05))

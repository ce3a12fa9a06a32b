# SPDX-License-Identifier: Apache-2.0
"""One trial: a workflow is started, killed as planned, started again until it ends, then judged."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from tests.crash.answers import Person
from tests.crash.ledger import Effect, Ledger
from tests.crash.records import Records
from tests.crash.site import KILLED, Process, Site
from tests.crash.verdict import judge

Mode = Literal["resume", "engine"]

RESTARTS_MAX: Final = 40
OK: Final = 0
NEEDS_ATTENTION: Final = 4
LINES_SHOWN: Final = 12
"""Lines of a process that ended as it should not, for whoever reads the failure."""
ITEMS: Final = 6
"""The output `items` of crash-main."""


@dataclass
class Trial:
    """What happens to one site, and what was promised to its user."""

    site: Site
    person: Person
    outputs: dict[str, Any]
    wanted: int = 1
    kills: int = 0
    restarts: int = 0
    accepted: set[str] = field(default_factory=set)
    codes: list[int] = field(default_factory=list)

    def begin(self, crash: str = "") -> int:
        """Start the workflow and attend to it; return the exit code."""
        return self.attend(self.site.run(crash=crash))

    def again(self, mode: Mode = "resume", crash: str = "") -> int:
        """Start Legato again on what is there; a run that nobody accepted begins anew."""
        self.restarts += 1
        if mode == "resume":
            return self.attend(self.restart(mode, crash))
        with self.person.watching():  # an engine prints no frames
            return self.attend(self.restart(mode, crash))

    def restart(self, mode: Mode = "resume", crash: str = "") -> Process:
        """Start the process of `again` without attending to it."""
        roots = [each for each in self.site.records().roots if not each.is_final]
        if not roots:
            return self.site.run(crash=crash)
        if mode == "engine":
            return self.site.engine(crash=crash)
        return self.site.resume(roots[0].execution_id, crash=crash)

    def attend(
        self, process: Process, watch: Callable[[dict[str, Any]], None] | None = None
    ) -> int:
        """Read what a process says to its end, answering what needs a person."""
        only_watched = False
        last: deque[dict[str, Any]] = deque(maxlen=LINES_SHOWN)
        for line in process:
            last.append(line)
            if line.get("type") == "owner_lost":
                only_watched = True
                process.kill()  # the next one takes over
            if line.get("type") == "frame" and line["to_seq"] > 0:
                self.accepted.add(str(line["execution_id"]))
            if needs_person(line):
                self.person.look()
            if watch is not None:
                watch(line)
        code = process.wait()
        assert not process.is_stuck, f"a process hung\n{self.site.said()}"
        shown = "\n".join(map(str, last))
        assert code in {OK, NEEDS_ATTENTION, KILLED}, f"exit {code}\n{shown}\n{self.site.said()}"
        self.codes.append(code)
        self.kills += code == KILLED and not only_watched
        return code

    def to_the_end(self, mode: Mode = "resume") -> Records:
        """Start again until everything has ended, and return the database."""
        while True:
            records = self.site.records()
            if records.executions and records.is_over:
                return records
            assert self.restarts < RESTARTS_MAX, f"it does not end\n{self.site.said()}"
            self.person.look()
            self.again(mode)

    def effects(self, records: Records) -> list[Effect]:
        """Return what the ledger counted for these executions."""
        return self.site.ledger.effects(set(records.executions))

    def problems(self, records: Records) -> list[str]:
        """Return every broken promise, the wrong result among them."""
        found = judge(records, self.effects(records), self.accepted)
        found += [
            f"{each.execution_id} ended {each.status} with {each.outputs}"
            for each in records.roots
            if (each.status, each.outputs) != ("completed", self.outputs)
        ]
        if len(records.roots) != self.wanted:
            found.append(f"there are {len(records.roots)} executions; wanted: {self.wanted}")
        return found


def needs_person(line: dict[str, Any]) -> bool:
    """Tell whether a frame shows a node that waits for an answer or is parked."""
    return line.get("type") == "needs_attention" or any(
        each["status"] == "needs_attention"
        or (each["status"] == "waiting" and each["wait"] == "approval")
        or bool((each["items"] or {}).get("needs_attention"))
        for each in line.get("sets", ())
        if each["set"] == "node"
    )


@contextlib.contextmanager
def trial(
    folder: Path, ledger: Ledger, url: str = "", *, items: int = ITEMS, **extra: str
) -> Iterator[Trial]:
    """Make a site in this folder and a person who looks after it.

    Args:
        folder: Of this trial alone.
        ledger: Counts its effects.
        url: An empty database, empty for SQLite.
        items: What the workflow's output `items` has to be.
        extra: Settings, as environment variables.
    """
    site = Site(folder, ledger, url, extra)
    person = Person(site)
    try:
        yield Trial(site, person, {"items": items})
    finally:
        person.close()

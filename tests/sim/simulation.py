# SPDX-License-Identifier: Apache-2.0
"""One run: chaos for a while, then quiet; in the end everything accepted must have ended.

Rules: SM1, SM2, SM3.
"""

import asyncio
import contextlib
import random
import traceback
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from legato.model.frames import FINAL_EXECUTION
from tests.sim.host import Host, World
from tests.sim.loop import Stuck, TooLong
from tests.sim.nemesis import Nemesis, check_places, stop
from tests.sim.people import People
from tests.sim.profile import Profile, make_profile
from tests.sim.trace import Trace, Violation

STEPS_MAX: Final = 600_000
QUIET_S: Final = 45.0
"""Nothing moved for this long although something should: longer than any attempt or pause."""
END_S: Final = 4_000.0
_HARMLESS_ERRORS: Final = ("the lease was lost",)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. `digest` is equal for equal runs."""

    seed: int
    steps: int
    commits: int
    attempts: int
    virtual_s: float
    faults: dict[str, int]
    statuses: dict[str, int]
    digest: str


class Failure(Exception):
    """A run broke a promise; `trace` tells the last things that happened."""

    def __init__(self, seed: int, violation: Violation, trace: str, profile: Profile) -> None:
        """Args: trace is readable text."""
        super().__init__(f"seed {seed}: {violation}")
        self.seed = seed
        self.violation = violation
        self.trace = trace
        self.profile = profile


def simulate(seed: int, *, echo: bool = False, lines: int = 80) -> Outcome:
    """Run one seed.

    Args:
        seed: Decides everything.
        echo: Print every step.
        lines: How much of the trace a failure keeps.

    Raises:
        Failure: A promise was broken.
    """
    profile = make_profile(random.Random(f"{seed}/profile"))
    world = World(seed, profile, steps_max=STEPS_MAX, echo=echo)
    with _captured_logs(world):
        try:
            world.loop.run(_live(world))
            return _outcome(world)
        except Violation as violation:
            raise Failure(seed, violation, world.trace.tail(lines), profile) from None
        except (Stuck, TooLong) as error:
            endless = Violation("EN13", f"{type(error).__name__} after {world.loop.steps} steps")
            raise Failure(seed, endless, world.trace.tail(lines), profile) from None
        finally:
            _bury(world)


async def _live(world: World) -> None:
    profile = world.profile
    for number in range(profile.engines + profile.loners):
        adopts = number < profile.engines
        skew_ms = world.chance.choice((0, 0, -2_000, 3_000))
        host = Host(
            world, f"{'engine' if adopts else 'loner'}{number}", adopts=adopts, skew_ms=skew_ms
        )
        world.hosts.append(host)
        host.boot()
    people = People(world)
    world.faults.active = True
    starts = [
        world.loop.create_task(_start_later(world, people, number))
        for number in range(profile.executions)
    ]
    await Nemesis(world, people).rage()
    await _calm_down(world)
    await asyncio.gather(*starts)
    await _settle(world, people, tidy=False)
    await _settle(world, people, tidy=True)
    for host in world.hosts:
        await stop(world, host)
    world.invariants.finish()


async def _start_later(world: World, people: People, number: int) -> None:
    await world.loop.passing(world.chance.choice((0.0, 0.0, 0.1, 1.0)))
    await people.start(number)


async def _calm_down(world: World) -> None:
    """No fault from now on; what is frozen goes on, and somebody adopts."""
    world.trace.note("world", "is calm")
    world.faults.active = world.faults.is_out = False
    for host in world.hosts:
        for process in host.processes:
            process.fuse = 0
            process.thaw()
        if host.process is None:
            host.boot()
    if not any(host.adopts for host in world.hosts) or world.chance.random() < 0.2:
        last = Host(world, "last", adopts=True, skew_ms=0)
        world.hosts.append(last)
        last.boot()


async def _settle(world: World, people: People, *, tidy: bool) -> None:
    """Wait until everything has ended, or waits for somebody if nobody tidies up."""
    begin = moved = world.loop.time()
    commits = -1
    while True:
        open_ids = [
            execution_id
            for execution_id, record in world.database.records.items()
            if record.status not in FINAL_EXECUTION and (tidy or not _may_wait(world, execution_id))
        ]
        if not open_ids:
            return
        now = world.loop.time()
        heads = sum(record.head_seq for record in world.database.records.values())
        if heads != commits:
            commits, moved = heads, now
        _pass_hours(world)
        for host in world.hosts:
            if host.engine is not None:
                check_places(world, host, host.engine)
        if now - moved > QUIET_S or now - begin > END_S:
            shown = [_describe(world, execution_id) for execution_id in open_ids]
            world.invariants.complain("EN13", f"nothing moves any more: {shown}")
        if tidy:
            await people.tidy_up()
        await world.loop.passing(0.5 if now - begin < 5 else 2.0)


def _may_wait(world: World, execution_id: str) -> bool:
    """Tell whether an execution may stay as it is until a person or a timer comes."""
    record = world.database.records[execution_id]  # type: ignore[index]
    now = _slowest_ms(world)
    if record.status == "paused":
        return not record.inbox
    if record.wake_at is not None and record.wake_at < now - 2_000:
        return False
    if record.status in {"waiting", "needs_attention"}:
        return not record.inbox
    return record.wake_at is not None and not record.is_busy


def _slowest_ms(world: World) -> int:
    """Return the time by the clock that is furthest behind: no timer is late before that."""
    clocks = [host.clock for host in world.hosts if host.is_up]
    return min(clock.now_ms() for clock in [*clocks, world.database_clock])


def _pass_hours(world: World) -> None:
    """If all that is open waits for a time far away (a clock jumped), let that time come."""
    now = _slowest_ms(world)
    open_records = [
        record for record in world.database.records.values() if record.status not in FINAL_EXECUTION
    ]
    times = [record.wake_at for record in open_records if record.wake_at is not None]
    if not times or min(times) < now + 20_000 or any(record.is_busy for record in open_records):
        return
    ahead_ms = min(times) - now
    world.trace.note("world", "hours pass", ahead_ms)
    world.database_clock.jump(ahead_ms)
    for host in world.hosts:
        host.clock.jump(ahead_ms)


def _describe(world: World, execution_id: str) -> str:
    record = world.database.records[execution_id]  # type: ignore[index]
    return (
        f"{execution_id} {record.status} seq {record.head_seq} owner {record.owner} "
        f"wake {record.wake_at} busy {record.is_busy} inbox {len(record.inbox)}"
    )


def _outcome(world: World) -> Outcome:
    statuses: dict[str, int] = {}
    for record in world.database.records.values():
        statuses[record.status] = statuses.get(record.status, 0) + 1
    return Outcome(
        world.seed,
        world.loop.steps,
        world.invariants.commits,
        world.ledger.count,
        world.loop.time(),
        world.trace.faults,
        statuses,
        world.trace.digest(),
    )


def _bury(world: World) -> None:
    world.loop.bury()
    world.loop.close()


@contextlib.contextmanager
def _captured_logs(world: World) -> Iterator[None]:
    """Send the engine's log records into the trace; an unexpected error ends the run."""

    def capture(_: object, level: str, event: MutableMapping[str, Any]) -> str:
        text = str(event.get("event"))
        trace: Trace = world.trace
        error = event.pop("exc_info", None)
        rest = {key: value for key, value in event.items() if key != "event"}
        trace.note("log", level, text, rest)
        if isinstance(error, BaseException):
            trace.note("log", "raised", "".join(traceback.format_exception(error)[-4:]))
        if level == "error" and not text.startswith(_HARMLESS_ERRORS):
            world.invariants.complain("defect", f"{text}: {rest} {error!r}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[capture],
        wrapper_class=structlog.make_filtering_bound_logger(30),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)

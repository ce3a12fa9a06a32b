# SPDX-License-Identifier: Apache-2.0
"""Run many seeds: `python -m tests.sim.run [N] [--seed S] [--steps]`.

N seeds from `--first` on (0), in as many processes as there are CPUs. `--seed S` runs that one
alone and says what it did; `--steps` prints every step of it. Exit 1 with seed, fault and trace if
a promise was broken.

Rules: SM5.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.sim.simulation import Failure, Outcome, simulate

_CHUNK: Final = 20
_LINES: Final = 60


def _try(seed: int) -> "Outcome | tuple[int, str]":
    try:
        return simulate(seed, lines=_LINES)
    except Failure as failure:
        return seed, report(failure)


def report(failure: Failure) -> str:
    """Return what a person needs to see of a failure."""
    return (
        f"\nseed {failure.seed} broke a promise: {failure.violation}\n"
        f"{failure.profile}\n\nthe last {_LINES} steps:\n{failure.trace}\n\n"
        f"run it again: python -m tests.sim.run --seed {failure.seed} --steps\n"
    )


def _run_all(seeds: range, workers: int) -> "Iterator[Outcome | tuple[int, str]]":
    if workers == 1:
        yield from map(_try, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_try, seeds, chunksize=_CHUNK)


def _run_one(seed: int, *, steps: bool) -> int:
    try:
        print(simulate(seed, echo=steps, lines=_LINES))
    except Failure as failure:
        print(report(failure))
        return 1
    return 0


def run_many(seeds: range, *, workers: int, keep_going: bool = False) -> int:
    """Run the seeds and print one line; return the exit code."""
    began = time.perf_counter()
    total: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    failed: list[int] = []
    done = 0
    for result in _run_all(seeds, workers):
        done += 1
        if isinstance(result, tuple):
            failed.append(result[0])
            print(result[1], flush=True)
            if not keep_going:
                break
            continue
        total.update(steps=result.steps, commits=result.commits, attempts=result.attempts)
        total.update(virtual_s=int(result.virtual_s), executions=sum(result.statuses.values()))
        faults.update(result.faults)
    elapsed = time.perf_counter() - began
    struck = ", ".join(f"{count} {name}" for name, count in sorted(faults.items()))
    print(
        f"simulation: {done} seeds from {seeds.start} in {elapsed:.1f} s ({done / elapsed:.0f}/s): "
        f"{total['executions']} executions, {total['attempts']} attempts, "
        f"{total['commits']} transactions, {total['steps']} steps, "
        f"{total['virtual_s'] / 3600:.1f} virtual hours; faults: {struck}; "
        f"{len(failed)} failed{f': {sorted(failed)}' if failed else ''}"
    )
    return 1 if failed else 0


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.run", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=2_000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--steps", action="store_true", help="print every step (with --seed)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep-going", action="store_true", help="report every failing seed")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _run_one(options.seed, steps=options.steps)
    seeds = range(options.first, options.first + options.count)
    return run_many(seeds, workers=options.workers, keep_going=options.keep_going)


if __name__ == "__main__":
    sys.exit(main())

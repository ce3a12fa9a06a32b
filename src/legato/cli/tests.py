# SPDX-License-Identifier: Apache-2.0
"""`legato test`: workflow tests from files, without a server, in several processes.

Rules: CL43-CL46, TK7-TK18.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import BAD_INPUT, OK, RUN_FAILED, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.errors import InvalidInput
    from legato.settings import LimitsSettings
    from legato.testing.workflow.outcome import Verdict
    from legato.testing.workflow.read import Surroundings
    from legato.testing.workflow.suite import Suite

PROCESSES_MAX: Final = 64
_FEW: Final = 4
"""Up to so many cases a second process takes longer to start than it saves."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How the cases of a file are run; plain, so that another process can be given it."""

    limits: LimitsSettings
    programs: tuple[str, ...]
    roots: tuple[Path, ...]
    update: bool


@click.command(
    "test",
    epilog=examples(
        "legato test",
        "legato test examples -n 4 --junit results.xml",
        "legato test repo-report.test.yaml -k weekly --update",
    ),
)
@click.argument("paths", nargs=-1, metavar="[PATH]…", type=click.Path(path_type=Path))
@click.option(
    "-n", "processes", type=click.IntRange(1, PROCESSES_MAX), metavar="N",
    help="Processes that run cases at once; default: as many as there are processors.",
)  # fmt: skip
@click.option("-k", "words", metavar="TEXT", help="Only cases with this text in file or name.")
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML to a file."
)
@click.option("--update", is_flag=True, help="Write golden files anew where outputs differ.")
@click.option(
    "--allow-program", "programs", multiple=True, metavar="PROGRAM",
    help="Let cases that ask for it run this program for real; repeatable.",
)  # fmt: skip
@click.option(
    "--allow-root", "roots", multiple=True, type=click.Path(file_okay=False, path_type=Path),
    help="Let cases that ask for it use files below this folder; repeatable.",
)  # fmt: skip
@command_options
def test(invocation: Invocation, paths: tuple[Path, ...], **given: Any) -> int:
    """Run workflow tests: every *.test.yaml below PATH, or below the current folder.

    Nothing leaves the machine and no wait takes time: HTTP is answered from the file, nodes can be
    pinned, approvals are answered, delays are skipped.
    """
    settings = invocation.settings()
    wish = Wish(settings.limits, given["programs"], given["roots"], given["update"])
    terminal = invocation.terminal
    suites, broken = _read_all(terminal, find_files(paths), wish)
    jobs = [
        (suite.file, index)
        for suite in suites
        for index, case in enumerate(suite.cases)
        if _is_wanted(f"{suite.file} {case.name}", given["words"])
    ]
    verdicts: list[Verdict] = []
    for verdict in _run_all(jobs, wish, given["processes"]):
        _report(terminal, verdict)
        verdicts.append(verdict)
    verdicts.sort(key=lambda each: (each.file, each.line))  # they came in any order
    if given["junit"] is not None:
        from legato.cli.junit import write_junit

        write_junit(given["junit"], verdicts)
    return _conclude(terminal, verdicts, broken)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the test files that are named, and those below the folders that are.

    Raises:
        InvalidInput: There is no such file or folder, or no test at all.
    """
    from legato.errors import InvalidInput
    from legato.testing.workflow.suite import ENDINGS

    found: dict[Path, None] = {}
    for path in paths or [Path()]:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*.test.*") if _is_test(path, each))
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            if not path.name.endswith(ENDINGS):
                raise InvalidInput(f"{path}: a test file is called NAME.test.yaml")
            found[path] = None
        else:
            raise InvalidInput(f"there is no file or folder {path}")
    if not found:
        where = ", ".join(map(str, paths)) or "the current folder"
        raise InvalidInput(
            f"there is no test below {where}",
            hint="A test file is called NAME.test.yaml; legato executions record makes one.",
        )
    return list(found)


def _is_test(root: Path, file: Path) -> bool:
    """Tell whether a file below a folder is a test; hidden folders are left out."""
    from legato.testing.workflow.suite import ENDINGS

    parts = file.relative_to(root).parts
    is_hidden = any(part.startswith(".") or part == "node_modules" for part in parts)
    return file.name.endswith(ENDINGS) and file.is_file() and not is_hidden


def _is_wanted(text: str, words: str | None) -> bool:
    return words is None or words.casefold() in text.casefold()


# --- reading and running ----------------------------------------------------------------------


def read_file(file: Path, wish: Wish) -> Suite:
    """Read and check one test file.

    Raises:
        InvalidInput: It cannot be read.
        InvalidDocument: With every problem.
    """
    from legato.cli.inputs import read_bytes
    from legato.testing.workflow.read import read_suite

    given = surroundings(wish.limits, wish.programs, wish.roots)
    return read_suite(read_bytes(file, given.limits.max_document_bytes), file, given)


def surroundings(
    limits: LimitsSettings, programs: tuple[str, ...] = (), roots: tuple[Path, ...] = ()
) -> Surroundings:
    """Return what test files are read with: the node types there are, and what is allowed."""
    from legato.app import node_catalogue
    from legato.cli.documents import load_file
    from legato.testing.workflow.read import Surroundings

    policy, catalogue = limits.to_policy(), node_catalogue()
    return Surroundings(
        load=lambda path: load_file(path, catalogue, policy),
        catalogue=catalogue,
        limits=policy,
        programs=programs,
        roots=roots,
    )


def _read_all(terminal: Terminal, files: list[Path], wish: Wish) -> tuple[list[Suite], int]:
    """Return the suites, and how many files cannot be used; their problems are written."""
    from legato.errors import InvalidInput

    suites: list[Suite] = []
    broken = 0
    for file in files:
        try:
            suites.append(read_file(file, wish))
        except InvalidInput as error:
            broken += 1
            _report_broken(terminal, file, error)
    return suites, broken


def _run_all(jobs: list[tuple[Path, int]], wish: Wish, processes: int | None) -> Iterator[Verdict]:
    """Run cases and yield their verdicts as they come."""
    count = processes or (1 if len(jobs) <= _FEW else os.cpu_count() or 1)
    count = min(count, len(jobs), PROCESSES_MAX)
    if count <= 1:
        _prepare()
        for job in jobs:
            yield run_one(job, wish)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_prepare) as pool:
        for future in as_completed([pool.submit(run_one, job, wish) for job in jobs]):
            yield future.result()


def _prepare() -> None:
    """Make this process one that runs cases: what they log is no result, and nothing leaves it."""
    from legato.telemetry import configure_logging
    from legato.testing.workflow.seal import seal

    configure_logging("error", as_json=False)
    seal()


def run_one(job: tuple[Path, int], wish: Wish) -> Verdict:
    """Run one case of a file."""
    from legato.testing.workflow.case import run_case

    file, index = job
    suite = _suite(file, wish)
    return run_case(suite, suite.cases[index], wish.limits, update=wish.update)


@functools.lru_cache(maxsize=64)
def _suite(file: Path, wish: Wish) -> Suite:
    return read_file(file, wish)


# --- telling ----------------------------------------------------------------------------------


def _report_broken(terminal: Terminal, file: Path, error: InvalidInput) -> None:
    from legato.cli.problems import problems_json, report_problems
    from legato.errors import InvalidDocument

    problems = problems_json(error) if isinstance(error, InvalidDocument) else None
    terminal.json(
        {"type": "file", "file": str(file), "ok": False, "error": error.message,
         "problems": problems}
    )  # fmt: skip
    if terminal.as_json:
        return
    if isinstance(error, InvalidDocument):
        report_problems(terminal, error)
    else:
        terminal.error(error.code, f"{file}: {error.message}", error.hint)


def _report(terminal: Terminal, verdict: Verdict) -> None:
    from dataclasses import asdict

    from legato.cli.text import COLOURS

    terminal.json({"type": "case", **asdict(verdict), "ok": verdict.ok})
    if terminal.as_json:
        return
    style = terminal.style
    status = "completed" if verdict.ok else "failed"
    sign = style.paint(
        f"{style.icon(status)} {'passed' if verdict.ok else 'FAILED'}", COLOURS[status]
    )
    place = style.paint(f"{verdict.file}: {verdict.name}", "")
    terminal.styled(f"{sign}  {place}  {style.dim(f'{verdict.seconds:.2f} s')}")
    for failure in verdict.failures:
        terminal.lines(f"    {line}" for line in failure.splitlines())
    if verdict.updated is not None:
        terminal.line(f"    wrote {verdict.updated}")


def _conclude(terminal: Terminal, verdicts: list[Verdict], broken: int) -> int:
    failed = sum(not verdict.ok for verdict in verdicts)
    passed = len(verdicts) - failed
    terminal.json({"type": "summary", "passed": passed, "failed": failed, "broken_files": broken})
    parts = [f"{passed} passed"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{broken} of the files cannot be used"] if broken else []
    terminal.line(", ".join(parts))
    if not verdicts and not broken:
        terminal.note("no case matches")
        return BAD_INPUT
    if broken:
        return BAD_INPUT
    return RUN_FAILED if failed else OK

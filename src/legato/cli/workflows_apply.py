# SPDX-License-Identifier: Apache-2.0
"""`legato workflows apply` and `restore`: what a name stands for from now on.

Rules: CL30, CL33, DO2, DO4.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from legato.cli.completing import workflow_names
from legato.cli.invocation import BAD_INPUT, OK, Invocation, command_options, examples
from legato.cli.remote import server_of, server_option

if TYPE_CHECKING:
    from legato.cli.catalogue import Catalogue
    from legato.cli.catalogued import Checked, Outcome
    from legato.ports.catalogue import Publication

_SAID: Final[dict[Outcome, str]] = {
    "published": "published as version {number} ({hash})",
    "unchanged": "unchanged, version {number} ({hash})",
    "text": "the same logic ({hash}); its text is published as version {number}",
}


@click.command(
    epilog=examples(
        "legato workflows apply report.yaml",
        "legato workflows apply workflows/*.yaml --json",
        "legato workflows apply report.yaml --check",
    )
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say what would happen.")
@server_option
@command_options
def apply(invocation: Invocation, files: tuple[Path, ...], check: bool, server: str | None) -> int:
    """Publish workflow files: each name stands for its file from now on.

    Every file is checked before the first is published. One that is published already, byte for
    byte, stays as it is. Executions that have begun keep their version.
    """
    from legato.app import run
    from legato.cli.catalogue import open_catalogue

    async def work() -> int:
        async with open_catalogue(invocation, server_of(invocation, server)) as catalogue:
            checked = await _check_all(invocation, files, catalogue)
            if checked is None:
                return BAD_INPUT
            for each in checked:
                made, outcome = await catalogue.apply(each, is_trial=check)
                _say(invocation, made, outcome, each.file, is_trial=check)
            await _note_missing(invocation, catalogue, checked)
        return OK

    return run(work())


@click.command(epilog=examples("legato workflows restore report 3"))
@click.argument("name", metavar="NAME", shell_complete=workflow_names)
@click.argument("version", metavar="VERSION")
@server_option
@command_options
def restore(invocation: Invocation, name: str, version: str, server: str | None) -> int:
    """Publish an old version again; everything in between stays in the history."""
    from legato.app import run
    from legato.cli.catalogue import find, open_catalogue

    async def work() -> None:
        async with open_catalogue(invocation, server_of(invocation, server)) as catalogue:
            old = await find(catalogue, name, version)
            made, is_new = await catalogue.restore(old)
            _say(invocation, made, "published" if is_new else "unchanged", None)

    run(work())
    return OK


async def _check_all(
    invocation: Invocation, files: tuple[Path, ...], catalogue: Catalogue
) -> list[Checked] | None:
    """Check every file and say every problem; None if there is one."""
    from legato.cli.problems import report_problems
    from legato.errors import InvalidDocument, InvalidInput

    found: dict[str, Checked] = {}
    is_good = True
    for file in files:
        try:
            checked = await catalogue.check(file)
            other = found.setdefault(checked.name, checked)
            if other.file != file:
                raise InvalidInput(f"{file} and {other.file} both have the name {checked.name}")
        except InvalidDocument as error:
            is_good = False
            report_problems(invocation.terminal, error)
        except InvalidInput as error:
            is_good = False
            invocation.terminal.error(error.code, error.message, error.hint)
    if not is_good:
        invocation.terminal.note("nothing was published")
    return list(found.values()) if is_good else None


def _say(
    invocation: Invocation,
    made: Publication,
    outcome: Outcome,
    file: Path | None,
    *,
    is_trial: bool = False,
) -> None:
    from legato.runtime.wire import publication_json

    terminal = invocation.terminal
    terminal.json(
        {
            **publication_json(made),
            "outcome": outcome,
            "file": None if file is None else str(file),
            "check": is_trial,
        }
    )
    said = _SAID[outcome].format(number=made.number, hash=made.version[:12])
    would = "would be " if is_trial and outcome == "published" else ""
    terminal.line(f"{made.name}: {would}{said}")


async def _note_missing(
    invocation: Invocation, catalogue: Catalogue, checked: list[Checked]
) -> None:
    """Say which called workflows are not published: a run by name would not find them."""
    wanted = [(each.name, name) for each in checked for name in each.calls]
    if not wanted:
        return
    known = {each.name for each in await catalogue.newest()} | {each.name for each in checked}
    for caller, name in wanted:
        if name not in known:
            invocation.terminal.note(f"note: {caller} calls {name}, which is not published")

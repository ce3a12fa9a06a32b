# SPDX-License-Identifier: Apache-2.0
"""`legato workflows list`, `versions`, `pull` and `diff`: what is published, read only.

Rules: CL31-CL33.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import workflow_names, workflows_and_files
from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.cli.remote import server_of, server_option

if TYPE_CHECKING:
    from legato.cli.catalogue import Catalogue
    from legato.cli.documents import Loaded
    from legato.cli.terminal import Terminal
    from legato.model.document.diff import Difference
    from legato.settings import Settings

_VALUE_CHARS_MAX = 120
_MOVED_SHOWN = 10


@click.command("list", epilog=examples("legato workflows list", "legato workflows list --json"))
@server_option
@command_options
def list_workflows(invocation: Invocation, server: str | None) -> int:
    """List the published workflows, each with its newest version."""
    from legato.app import run
    from legato.cli.catalogue import open_catalogue

    async def work() -> None:
        async with open_catalogue(invocation, server_of(invocation, server)) as catalogue:
            found = await catalogue.newest()
            _write_publications(invocation.terminal, found, with_name=True)
            if not found:
                invocation.terminal.note("no workflow is published: legato workflows apply FILE")

    run(work())
    return OK


@click.command(epilog=examples("legato workflows versions report"))
@click.argument("name", metavar="NAME", shell_complete=workflow_names)
@server_option
@command_options
def versions(invocation: Invocation, name: str, server: str | None) -> int:
    """List every publication of a name, the newest first."""
    from legato.app import run
    from legato.cli.catalogue import find, open_catalogue

    async def work() -> None:
        async with open_catalogue(invocation, server_of(invocation, server)) as catalogue:
            await find(catalogue, name, None)
            found = await catalogue.publications(name)
            _write_publications(invocation.terminal, found, with_name=False)

    run(work())
    return OK


@click.command(
    epilog=examples(
        "legato workflows pull report",
        "legato workflows pull report@3 --output old-report.yaml",
        "legato workflows pull report --output -",
    )
)
@click.argument("name", metavar="NAME[@VERSION]", shell_complete=workflow_names)
@click.option(
    "--output", metavar="FILE", help="Where to; default NAME.yaml or NAME.json, - stdout."
)
@click.option("--force", is_flag=True, help="Replace a file that holds something else.")
@server_option
@command_options
def pull(
    invocation: Invocation, name: str, output: str | None, force: bool, server: str | None
) -> int:
    """Write a published file, byte for byte as it was applied."""
    from legato.app import run
    from legato.cli.catalogue import find, open_catalogue
    from legato.cli.files import write_file, write_stdout
    from legato.cli.publications import split_name
    from legato.runtime.wire import publication_json

    async def work() -> None:
        async with open_catalogue(invocation, server_of(invocation, server)) as catalogue:
            wanted, version = split_name(name)
            found = await find(catalogue, wanted, version)
            text = await catalogue.text(found)
        if output == "-":
            write_stdout(text)
            return
        is_json = text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
        file = Path(output or f"{wanted}{'.json' if is_json else '.yaml'}")
        is_new = write_file(file, text, is_forced=force)
        invocation.terminal.json({**publication_json(found), "file": str(file), "written": is_new})
        said = f"version {found.number} of {wanted}"
        invocation.terminal.line(f"{file}: {said}" + ("" if is_new else ", already there"))

    run(work())
    return OK


@click.command(
    epilog=examples(
        "legato workflows diff report.yaml",
        "legato workflows diff report",
        "legato workflows diff report.yaml report@3",
        "legato workflows diff report@5 report@3 --json",
    )
)
@click.argument("new", metavar="FILE|NAME[@VERSION]", shell_complete=workflows_and_files)
@click.argument(
    "old", metavar="[FILE|NAME[@VERSION]]", required=False, shell_complete=workflows_and_files
)
@server_option
@command_options
def diff(invocation: Invocation, new: str, old: str | None, server: str | None) -> int:
    """Show what the first has that the second has not, and the reverse.

    Without the second: a file against what its name stands for now, a name against the publication
    before. The logic is shown apart from the layout.
    """
    from legato.app import run
    from legato.cli.catalogue import open_catalogue
    from legato.model.document.diff import difference

    async def work() -> None:
        settings = invocation.settings()
        async with open_catalogue(invocation, server_of(invocation, server)) as catalogue:
            after = await _loaded(catalogue, settings, new)
            before = await _before(catalogue, settings, after, (new, old))
        found = difference(
            (before.workflow, before.source),
            (after.workflow, after.source),
            settings.limits.to_policy(),
        )
        _write_difference(invocation.terminal, found)

    run(work())
    return OK


async def _loaded(catalogue: Catalogue, settings: Settings, text: str) -> Loaded:
    """Return what a person names: a file, or a publication."""
    from legato.app import node_catalogue
    from legato.cli.catalogue import find
    from legato.cli.documents import Loaded, is_file_name, read_workflow
    from legato.cli.publications import split_name

    if is_file_name(text):
        return Loaded(*read_workflow(Path(text), node_catalogue(), settings.limits.to_policy()))
    return await catalogue.load(await find(catalogue, *split_name(text)))


async def _before(
    catalogue: Catalogue, settings: Settings, after: Loaded, named: tuple[str, str | None]
) -> Loaded:
    """Return what to compare with: what is named, or what the name stood for before."""
    from legato.cli.catalogue import find
    from legato.cli.documents import is_file_name
    from legato.cli.publications import split_name
    from legato.errors import NotFound

    new, old = named
    if old is not None:
        return await _loaded(catalogue, settings, old)
    if is_file_name(new):
        found = await find(catalogue, after.workflow.name, None)
        return await catalogue.load(found)
    name, version = split_name(new)
    found = await find(catalogue, name, version)
    if found.number == 1:
        raise NotFound(f"{name} has no version before 1")
    before = await find(catalogue, name, str(found.number - 1))
    return await catalogue.load(before)


def _write_publications(terminal: Terminal, found: list[Any], *, with_name: bool) -> None:
    from legato.cli.text import local_time, table
    from legato.runtime.wire import publication_json

    lines = [("NAME", "VERSION", "HASH", "PUBLISHED", "BY", "")]
    for each in found:
        terminal.json(publication_json(each))
        note = "" if each.restores is None else f"version {each.restores} again"
        lines.append(
            (each.name, str(each.number), each.version[:12], local_time(each.at), each.by, note)
        )
    shown = lines if with_name else [line[1:] for line in lines]
    terminal.lines(line.rstrip() for line in table(shown) if found)


def _write_difference(terminal: Terminal, found: Difference) -> None:
    import msgspec

    terminal.json({**msgspec.to_builtins(found), "is_same_logic": not found.logic})
    for change in found.logic:
        if change.what == "added":
            terminal.line(f"+ {change.path}: {_short(change.new)}")
        elif change.what == "removed":
            terminal.line(f"- {change.path}: {_short(change.old)}")
        else:
            terminal.line(f"~ {change.path}: {_short(change.old)} -> {_short(change.new)}")
    if found.moved:
        names = ", ".join(found.moved[:_MOVED_SHOWN])
        more = len(found.moved) - _MOVED_SHOWN
        terminal.line(f"layout: moved {names}" + (f" and {more} more" if more > 0 else ""))
    if not found.logic and not found.moved:
        same = "the same" if found.is_same_text else "the same but for comments and spelling"
        terminal.line(same)
    elif not found.logic:
        terminal.line("the logic is the same")


def _short(value: object) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_CHARS_MAX else text[: _VALUE_CHARS_MAX - 1] + "…"

# SPDX-License-Identifier: Apache-2.0
"""`legato workflows apply` and `restore`: what a name stands for from now on.

Rules: CL30, CL33, DO2, DO4.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from legato.cli.completing import workflow_names
from legato.cli.invocation import BAD_INPUT, OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app import App
    from legato.model.workflow import Workflow
    from legato.ports.catalogue import Publication, VersionRow
    from legato.ports.credentials import Naming
    from legato.settings import Settings

Outcome = Literal["published", "unchanged", "text"]
_SAID = {
    "published": "published as version {number} ({hash})",
    "unchanged": "unchanged, version {number} ({hash})",
    "text": "the same logic ({hash}); its text is published as version {number}",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be published."""

    file: Path
    workflow: Workflow
    text: bytes


@click.command(
    epilog=examples(
        "legato workflows apply report.yaml",
        "legato workflows apply workflows/*.yaml --json",
        "legato workflows apply report.yaml --check",
    )
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say what would happen.")
@command_options
def apply(invocation: Invocation, files: tuple[Path, ...], check: bool) -> int:
    """Publish workflow files: each name stands for its file from now on.

    Every file is checked before the first is published. One that is published already, byte for
    byte, stays as it is. Executions that have begun keep their version.
    """
    from legato.app import build, run

    settings = invocation.settings()
    checked = _check_all(invocation, files, settings)
    if checked is None:
        return BAD_INPUT

    async def work() -> None:
        async with build(settings, role="reader") as app:
            for each in checked:
                await _apply(app, invocation, each, is_trial=check)
            await _note_missing(app, invocation, checked)

    run(work())
    return OK


@click.command(epilog=examples("legato workflows restore report 3"))
@click.argument("name", metavar="NAME", shell_complete=workflow_names)
@click.argument("version", metavar="VERSION")
@command_options
def restore(invocation: Invocation, name: str, version: str) -> int:
    """Publish an old version again; everything in between stays in the history."""
    from legato.app import build, run
    from legato.cli.person import person
    from legato.cli.publications import find_publication, load_published

    async def work() -> None:
        async with build(invocation.settings(), role="reader") as app:
            old = await find_publication(app.stores, name, version)
            loaded = await load_published(app.stores, old)
            made, is_new = await app.stores.versions.publish(
                _row(app, loaded.workflow, loaded.source),
                by=person(),
                restores=old.number,
                naming=_naming(loaded.workflow),
            )
            _say(invocation, made, "published" if is_new else "unchanged", None)

    run(work())
    return OK


def _check_all(
    invocation: Invocation, files: tuple[Path, ...], settings: Settings
) -> list[Checked] | None:
    """Check every file and say every problem; None if there is one."""
    from legato.app import node_catalogue
    from legato.cli.documents import read_workflow
    from legato.cli.problems import report_problems
    from legato.errors import InvalidDocument, InvalidInput

    catalogue, limits = node_catalogue(), settings.limits.to_policy()
    found: dict[str, Checked] = {}
    is_good = True
    for file in files:
        try:
            workflow, text = read_workflow(file, catalogue, limits)
            other = found.setdefault(workflow.name, Checked(file, workflow, text))
            if other.file != file:
                raise InvalidInput(f"{file} and {other.file} both have the name {workflow.name}")
        except InvalidDocument as error:
            is_good = False
            report_problems(invocation.terminal, error)
        except InvalidInput as error:
            is_good = False
            invocation.terminal.error(error.code, error.message, error.hint)
    if not is_good:
        invocation.terminal.note("nothing was published")
    return list(found.values()) if is_good else None


async def _apply(app: App, invocation: Invocation, checked: Checked, *, is_trial: bool) -> None:
    from legato.cli.person import person
    from legato.model.ids import LOCAL_WORKSPACE
    from legato.model.workflow import version_hash
    from legato.ports.catalogue import Publication

    name, version = checked.workflow.name, version_hash(checked.workflow)
    past = await app.stores.versions.publications(LOCAL_WORKSPACE, name, limit=1)
    is_same_logic = bool(past) and past[0].version == version
    if is_trial:
        now = app.clock.now_ms()
        last = past[0].number if past else 0
        text = await app.stores.versions.source(LOCAL_WORKSPACE, name, last)
        is_new = not is_same_logic or text != checked.text
        number = last + is_new
        made = Publication(
            workspace=LOCAL_WORKSPACE, name=name, number=number, version=version, at=now
        )
    else:
        made, is_new = await app.stores.versions.publish(
            _row(app, checked.workflow, checked.text),
            by=person(),
            naming=_naming(checked.workflow),
        )
    outcome: Outcome = "unchanged" if not is_new else "text" if is_same_logic else "published"
    _say(invocation, made, outcome, checked.file, is_trial=is_trial)


def _naming(workflow: Workflow) -> Naming:
    """Return what a workflow names; here a credential may be kept later."""
    from legato.app import node_catalogue
    from legato.model.credentials_named import credentials_named
    from legato.ports.credentials import Naming, naming_of

    return Naming(naming_of(credentials_named(workflow, node_catalogue())).names)


def _row(app: App, workflow: Workflow, text: bytes) -> VersionRow:
    from legato.model.ids import LOCAL_WORKSPACE
    from legato.model.workflow import encode_workflow, version_hash
    from legato.ports.catalogue import VersionRow

    return VersionRow(
        version=version_hash(workflow),
        workspace=LOCAL_WORKSPACE,
        name=workflow.name,
        compiled=encode_workflow(workflow),
        source=text,
        created_at=app.clock.now_ms(),
    )


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


async def _note_missing(app: App, invocation: Invocation, checked: list[Checked]) -> None:
    """Say which called workflows are not published: a run by name would not find them."""
    from legato.model.ids import LOCAL_WORKSPACE
    from legato.model.workflow import called_workflows

    known = {*await app.stores.versions.names(LOCAL_WORKSPACE), *(c.workflow.name for c in checked)}
    for each in checked:
        for name in called_workflows(each.workflow):
            if name not in known:
                invocation.terminal.note(
                    f"note: {each.workflow.name} calls {name}, which is not published"
                )

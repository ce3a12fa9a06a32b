# SPDX-License-Identifier: Apache-2.0
"""`legato run`: check a workflow, start it, and show it live to its end.

Rules: CL1, CL2, CL3, CL4, CL14, DO18, OW9, EN1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import workflows_and_files
from legato.cli.invocation import Invocation, command_options, examples
from legato.cli.remote import refuse_local_only, server_of, server_option

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.documents import Loaded
    from legato.cli.servers import KnownServer
    from legato.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for."""

    source: str
    inputs: tuple[str, ...]
    inputs_file: Path | None
    programs: tuple[str, ...]
    is_detached: bool
    says_yes: bool


@click.command(
    epilog=examples(
        "legato run examples/repo-report.yaml --input path=.",
        "legato run report.yaml --inputs-file inputs.json --json",
        "legato run report.yaml --allow-program git",
        "legato run nightly.yaml --detach",
    )
)
@click.argument("source", metavar="FILE|NAME", shell_complete=workflows_and_files)
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
@click.option(
    "--inputs-file", type=click.Path(dir_okay=False, path_type=Path), help="JSON object of inputs."
)
@click.option(
    "--allow-program", "programs", multiple=True, metavar="PROGRAM",
    help="Grant a program to shell.run for this run only; repeatable.",
)  # fmt: skip
@click.option("--detach", is_flag=True, help="Start it, print its id, and leave it to an engine.")
@click.option("--yes", is_flag=True, help="Allow the programs it runs without being asked.")
@server_option
@command_options
def run(invocation: Invocation, source: str, **given: Any) -> int:
    """Run a workflow and watch it live.

    FILE is a workflow file; NAME one that was run or published before. Ctrl-C asks whether to
    cancel or to detach; SIGTERM stops and leaves it to `legato executions resume`.

    On a server NAME is a published workflow, or NAME@VERSION, which the server's engine runs.
    """
    from legato.app import run as run_loop

    wish = Wish(
        source, given["inputs"], given["inputs_file"], given["programs"], given["detach"],
        given["yes"],
    )  # fmt: skip
    if wish.is_detached and wish.programs:
        raise click.UsageError(
            "--allow-program holds for this process only and cannot be used with --detach"
        )
    known = server_of(invocation, given["server"])
    if known is not None and (given["server"] or not _is_file(source)):
        return run_loop(_run_there(invocation, known, wish))
    return run_loop(_run(invocation, wish))


def _is_file(source: str) -> bool:
    from legato.cli.documents import is_file_name

    return is_file_name(source)


async def _run_there(invocation: Invocation, server: KnownServer, wish: Wish) -> int:
    """Run a published workflow of a server; a file is run here unless the server is named."""
    from legato.cli.executions_server import run_name
    from legato.cli.inputs import read_inputs
    from legato.errors import InvalidInput

    refuse_local_only(server, allow_program=wish.programs, yes=wish.says_yes)
    if _is_file(wish.source):
        raise InvalidInput(
            f"{server.url} runs what is published there, no file of yours",
            hint=f"legato workflows apply {wish.source}, then run it by its name.",
        )

    def inputs(schema: bytes) -> dict[str, Any]:
        return read_inputs(schema, wish.inputs, wish.inputs_file, takes_paths=False)

    return await run_name(invocation, server, wish.source, inputs, is_detached=wish.is_detached)


async def _run(invocation: Invocation, wish: Wish) -> int:
    from legato.app import build
    from legato.cli.grants import programs_of
    from legato.cli.inputs import read_inputs
    from legato.cli.permission import with_grants
    from legato.cli.person import person
    from legato.cli.starting import role_of, start
    from legato.runtime.submission import Submission

    settings = invocation.settings(programs=wish.programs)
    loaded = await _load(wish.source, settings)
    inputs = read_inputs(bytes(loaded.workflow.inputs_schema), wish.inputs, wish.inputs_file)
    wanted = programs_of([loaded.workflow, *loaded.called.values()])
    settings = with_grants(invocation, settings, wanted, given=wish.programs, yes=wish.says_yes)

    submission = Submission(
        workflow=loaded.workflow,
        inputs=inputs,
        source=loaded.source,
        trigger={"kind": "manual"},
        by=person(),
        called=loaded.called,
        workflow_id=None if loaded.publication is None else loaded.publication.workflow_id or None,
        number=None if loaded.publication is None else loaded.publication.number,
    )
    async with build(settings, role=role_of(is_detached=wish.is_detached)) as app:
        await _note_interrupted(app, invocation, loaded.workflow.name)
        return await start(app, invocation, submission, is_detached=wish.is_detached)


async def _load(source: str, settings: Settings) -> Loaded:
    """Read the workflow; the store is opened only if something is not in a file."""
    from legato.app import build, node_catalogue
    from legato.cli.documents import complete, is_file_name, load_file, load_name

    if not is_file_name(source):
        async with build(settings, role="reader") as app:
            return await load_name(app.stores, source)
    loaded = load_file(Path(source), node_catalogue(), settings.limits.to_policy())
    if loaded.missing:
        async with build(settings, role="reader") as app:
            await complete(app.stores, loaded)
    return loaded


async def _note_interrupted(app: App, invocation: Invocation, workflow: str) -> None:
    """Say if an earlier execution of this workflow stands still for want of an owner."""
    from legato.model.ids import LOCAL_WORKSPACE
    from legato.ports.executions import ExecutionFilter
    from legato.runtime.history import live_engines, owner_among

    rows = await app.stores.executions.find(
        ExecutionFilter(
            workspace=LOCAL_WORKSPACE,
            workflow=workflow,
            statuses=("queued", "running", "waiting", "needs_attention"),
            limit=20,
        )
    )
    if not rows:
        return
    alive = await live_engines(app.stores)
    lost = [row for row in rows if owner_among(alive, row).is_unattended]
    if lost:
        count = "an earlier run" if len(lost) == 1 else f"{len(lost)} earlier runs"
        invocation.terminal.note(f"note: {count} of {workflow} did not end; go on with:")
        invocation.terminal.note(f"  legato executions resume {lost[0].execution_id}")

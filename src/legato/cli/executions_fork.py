# SPDX-License-Identifier: Apache-2.0
"""`legato executions retry` and `fork`: a new execution that keeps what another has done.

Rules: CL21-CL23, ST7, GR27-GR30.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import Invocation, command_options, examples
from legato.cli.remote import refuse_local_only, server_of, server_option

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.documents import Loaded
    from legato.cli.servers import KnownServer
    from legato.client import Client
    from legato.client.generated import models
    from legato.runtime.history import History
    from legato.runtime.submission import Submission
    from legato.settings import Settings

_program_option = click.option(
    "--allow-program", "programs", multiple=True, metavar="PROGRAM",
    help="Grant a program to shell.run for this run only; repeatable.",
)  # fmt: skip
_detach_option = click.option(
    "--detach", is_flag=True, help="Start it, print its id, and leave it to an engine."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be different in a fork, as it was typed."""

    from_nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    version: str | None
    file: Path | None


@click.command(
    epilog=examples(
        "legato executions retry ID",
        "legato executions retry ID --detach",
        "legato executions retry ID --allow-program git",
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@_program_option
@_detach_option
@server_option
@command_options
def retry(
    invocation: Invocation,
    execution: str,
    programs: tuple[str, ...],
    detach: bool,
    server: str | None,
) -> int:
    """Do again what an ended execution did not complete, as a new execution.

    Every node and item that completed is kept. ID stays as it is.
    """
    from legato.app import run

    known = server_of(invocation, server)
    if known is not None:
        refuse_local_only(known, allow_program=programs)
        return run(_begin_there(invocation, known, execution, None, is_detached=detach))
    _refuse_both(programs, is_detached=detach)
    return run(_begin(invocation, execution, None, programs, is_detached=detach))


@click.command(
    epilog=examples(
        "legato executions fork ID --from summary",
        "legato executions fork ID --from send --input to=ann@example.org",
        'legato executions fork ID --output draft=\'{"text": "better"}\'',
        "legato executions fork ID --from summary --file report.yaml",
        "legato executions fork ID --from summary --version 3 --detach",
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.option(
    "--from", "from_nodes", multiple=True, metavar="NODE",
    help="Run this node and all that needs it again; the rest is kept. Repeatable.",
)  # fmt: skip
@click.option(
    "--output", "outputs", multiple=True, metavar="NODE=JSON",
    help="Give a node this output instead of running it; what needs it runs. Repeatable.",
)  # fmt: skip
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=VALUE",
    help="Change an input. People who were asked before are asked again. Repeatable.",
)  # fmt: skip
@click.option(
    "--version", metavar="VERSION", help="Run this version: its number, or a beginning of its hash."
)
@click.option(
    "--file", type=click.Path(dir_okay=False, path_type=Path), help="Run this workflow file."
)
@_program_option
@_detach_option
@server_option
@command_options
def fork(
    invocation: Invocation, execution: str, programs: tuple[str, ...], detach: bool, **given: Any
) -> int:
    """Run an execution again from a node, as a new execution that keeps everything before it.

    What is kept must be defined the same way in the version that runs. A node whose answer a person
    gave is never kept where something before it was changed. ID stays as it is.
    """
    from legato.app import run

    known = server_of(invocation, given.pop("server"))
    _refuse_both(programs, is_detached=detach)
    wish = Wish(**given)
    if not wish.from_nodes and not wish.outputs:
        raise click.UsageError("name a node: --from NODE, or --output NODE=JSON")
    if wish.version is not None and wish.file is not None:
        raise click.UsageError("give either --version or --file")
    if known is not None:
        refuse_local_only(known, allow_program=programs, file=wish.file)
        return run(_begin_there(invocation, known, execution, wish, is_detached=detach))
    return run(_begin(invocation, execution, wish, programs, is_detached=detach))


def _refuse_both(programs: tuple[str, ...], *, is_detached: bool) -> None:
    if is_detached and programs:
        raise click.UsageError(
            "--allow-program holds for this process only and cannot be used with --detach"
        )


async def _begin_there(
    invocation: Invocation,
    server: KnownServer,
    execution: str,
    wish: Wish | None,
    *,
    is_detached: bool,
) -> int:
    """Start the new execution on a server; without a wish it is a retry."""
    from legato.cli.executions_server import again, find_there

    body = None if wish is None else _fork_body(wish)

    async def ask(client: Client) -> models.ExecutionBody:
        execution_id = await find_there(client, execution)
        if body is None:
            return await client.retry_execution(execution_id)
        return await client.fork_execution(execution_id, body)

    return await again(invocation, server, ask, is_detached=is_detached)


def _fork_body(wish: Wish) -> models.Fork:
    """Return a fork as a server takes it.

    Raises:
        InvalidInput: It says more than a server takes.
    """
    from legato.client.generated import models
    from legato.errors import InvalidInput
    from legato.model.values import decode

    if len(wish.from_nodes) > 1:
        raise InvalidInput("a server takes one --from")
    if wish.version is not None and not wish.version.isdigit():
        raise InvalidInput("a server takes the number of a version, no hash")
    pairs = [(text.partition("="), "--output") for text in wish.outputs]
    pairs += [(text.partition("="), "--input") for text in wish.inputs]
    for (name, sign, _), option in pairs:
        if not name or not sign:
            raise InvalidInput(f"{option} {name}: expected NAME=VALUE")
    outputs = {
        name: decode(text, what=f"--output {name}")
        for (name, _, text), option in pairs
        if option == "--output"
    }
    inputs = {name: _lenient(text) for (name, _, text), option in pairs if option == "--input"}
    return models.Fork(
        from_node=wish.from_nodes[0] if wish.from_nodes else None,
        edits=models.Edits(inputs=inputs or None, outputs=outputs),
        version=None if wish.version is None else int(wish.version),
    )


def _lenient(text: str) -> Any:
    """Return a value as JSON if it is some, else as text: here nobody knows the schema."""
    from legato.errors import InvalidInput
    from legato.model.values import decode

    try:
        return decode(text, what="--input")
    except InvalidInput:
        return text


async def _begin(
    invocation: Invocation,
    execution: str,
    wish: Wish | None,
    programs: tuple[str, ...],
    *,
    is_detached: bool,
) -> int:
    """Read the source and start the new execution; without a wish it is a retry."""
    from legato.app import build
    from legato.cli.grants import programs_of
    from legato.cli.history import find_execution
    from legato.cli.permission import with_grants
    from legato.cli.person import person
    from legato.cli.starting import role_of, start
    from legato.runtime.forks import as_run_of, retry_of
    from legato.runtime.history import load_history

    settings = invocation.settings(programs=programs)
    async with build(settings, role="reader") as app:
        row = await find_execution(app.stores, execution)
        history = await load_history(app.stores, row.execution_id)
        if wish is None:
            submission = await retry_of(app.stores, history.state, person())
        else:
            submission = await _fork(app, settings, history, wish)
        if wish is None or (wish.version is None and wish.file is None):
            submission = as_run_of(submission, history.row)
    wanted = programs_of([_to_run(submission), *submission.called.values()])
    settings = with_grants(invocation, settings, wanted, given=programs)
    async with build(settings, role=role_of(is_detached=is_detached)) as app:
        return await start(app, invocation, submission, is_detached=is_detached)


def _to_run(submission: Submission) -> Any:
    """Return the workflow without the nodes that are kept: their programs are not started."""
    import msgspec

    kept = {each.node for each in submission.reused if not each.items}
    nodes = tuple(node for node in submission.workflow.nodes if node.id not in kept)
    return msgspec.structs.replace(submission.workflow, nodes=nodes)


async def _fork(app: App, settings: Settings, history: History, wish: Wish) -> Submission:
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.runtime.forks import ForkWish, fork_of

    limits = settings.limits.to_policy()
    loaded = await _other_version(app, settings, history, wish)
    return await fork_of(
        app.stores,
        history.state,
        ForkWish(
            from_nodes=tuple(NodeId(name) for name in wish.from_nodes),
            outputs=_outputs(wish.outputs),
            inputs=await _inputs(app, history, loaded, wish.inputs),
            workflow=None if loaded is None else loaded.workflow,
            source=b"" if loaded is None else loaded.source,
            called={} if loaded is None else loaded.called,
            by=person(),
        ),
        limits,
    )


async def _other_version(
    app: App, settings: Settings, history: History, wish: Wish
) -> Loaded | None:
    """Return the version that the fork is to run, None for that of its source."""
    from legato.app import node_catalogue
    from legato.cli.documents import complete, load_file
    from legato.cli.publications import load_publication

    if wish.file is not None:
        loaded = load_file(wish.file, node_catalogue(), settings.limits.to_policy())
    elif wish.version is not None:
        loaded = await load_publication(app.stores, history.row.workflow, wish.version)
    else:
        return None
    await complete(app.stores, loaded)
    return loaded


async def _inputs(
    app: App, history: History, loaded: Loaded | None, given: tuple[str, ...]
) -> dict[str, Any] | None:
    """Return the inputs with what was changed; None if they stay as they were."""
    from legato.cli.inputs import change_inputs
    from legato.runtime.forks import inputs_of

    if not given and loaded is None:
        return None
    started = history.state.started
    before = {} if started is None else await inputs_of(app.stores, started)
    workflow = history.state.graph.workflow if loaded is None else loaded.workflow
    return change_inputs(bytes(workflow.inputs_schema), before, given)


def _outputs(given: tuple[str, ...]) -> dict[Any, Any]:
    """Return node -> output of `NODE=JSON`.

    Raises:
        InvalidInput: Not `NODE=JSON`, or given twice.
    """
    from legato.errors import InvalidInput
    from legato.model.values import decode

    found: dict[Any, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise InvalidInput(f"--output {text:.80}: expected NODE=JSON")
        if name in found:
            raise InvalidInput(f"--output {name}: given twice")
        found[name] = decode(value, what=f"--output {name}")
    return found

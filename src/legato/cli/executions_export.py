# SPDX-License-Identifier: Apache-2.0
"""`legato executions export`: everything that is stored of an execution as one JSON document.

Rules: CL29, LG24.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app import App
    from legato.runtime.history import History

FORMAT: Final = 1
"""Grows when a reader of the last one would misunderstand the next."""
PAYLOAD_BYTES: Final = 16 * 1024 * 1024
"""Payloads in one export, together, unless more is asked for."""
PAYLOAD_BYTES_MAX: Final = 1024 * 1024 * 1024
LINES_MAX: Final = 100_000
"""Log lines in one export, the oldest ones."""
CALLED_MAX: Final = 10_000
_PAGE: Final = 5_000


@click.command(
    epilog=examples(
        "legato executions export ID > run.json",
        "legato executions export ID --output run.json",
        "legato executions export ID --output run.json --payload-bytes 0",
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.option("--output", metavar="FILE", default="-", help="Where to; default stdout.")
@click.option("--force", is_flag=True, help="Replace a file that holds something else.")
@click.option(
    "--payload-bytes", type=click.IntRange(0, PAYLOAD_BYTES_MAX), default=PAYLOAD_BYTES,
    show_default=True, help="Payloads from the blob store in the document, together.",
)  # fmt: skip
@command_options
def export(
    invocation: Invocation, execution: str, output: str, force: bool, payload_bytes: int
) -> int:
    """Write all that is stored of an execution as one JSON document.

    It holds the workflow, every event, log lines, payloads up to a bound, and what was left out.
    Executions that it called are named; export them one by one.
    """
    import orjson

    from legato.app import build, run
    from legato.cli.files import PRIVATE_MODE, write_file, write_stdout
    from legato.cli.history import find_execution
    from legato.cli.text import plural
    from legato.runtime.history import load_history

    async def work() -> dict[str, Any]:
        async with build(invocation.settings(), role="reader") as app:
            row = await find_execution(app.stores, execution)
            history = await load_history(app.stores, row.execution_id)
            return await exported(app, history, payload_bytes=payload_bytes)

    document = run(work())
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if output == "-":
        write_stdout(orjson.dumps(document) + b"\n" if invocation.as_json else text)
        return OK
    file = Path(output)
    write_file(file, text, is_forced=force, mode=PRIVATE_MODE)
    left_out = document["left_out"]
    invocation.terminal.json(
        {"file": output, "events": len(document["events"]), "left_out": left_out}
    )
    invocation.terminal.line(f"{file}: {plural(len(document['events']), 'event')}")
    for each in left_out:
        invocation.terminal.line(f"  left out: {each}")
    return OK


async def exported(app: App, history: History, *, payload_bytes: int) -> dict[str, Any]:
    """Return the document.

    Args:
        app: Whose store is read.
        history: The whole log of the execution, folded.
        payload_bytes: What payloads may have together.
    """
    from legato import __version__
    from legato.cli.text import iso
    from legato.cli.wire import event_json, row_json

    stores, row = app.stores, history.row
    left_out: list[str] = []
    version = await stores.versions.get(row.version)
    called = await stores.executions.descendants(row.execution_id, limit=CALLED_MAX + 1)
    if len(called) > CALLED_MAX:
        left_out.append(f"called executions beyond the first {CALLED_MAX}")
    return {
        "format": "legato-execution",
        "version": FORMAT,
        "exported_at": iso(app.clock.now_ms()),
        "exported_by": f"legato {__version__}",
        "execution": row_json(row),
        "workflow": {
            "name": row.workflow,
            "version": row.version,
            "source": None if version is None else version.source.decode("utf-8", "replace"),
            "compiled": None if version is None else _loads(version.compiled),
        },
        "events": [event_json(recorded) for recorded in history.events],
        "logs": await _lines(app, history, left_out),
        "payloads": await _payloads(app, history, payload_bytes, left_out),
        "called": [row_json(each) for each in called[:CALLED_MAX]],
        "left_out": left_out,
    }


async def _lines(app: App, history: History, left_out: list[str]) -> list[dict[str, Any]]:
    from legato.cli.wire import line_json

    found: list[dict[str, Any]] = []
    after = 0
    while len(found) <= LINES_MAX:
        page = await app.stores.attempt_logs.read(
            history.row.execution_id, after=after, limit=_PAGE
        )
        found += [line_json(line) for _, line in page]
        if len(page) < _PAGE:
            break
        after = page[-1][0]
    if len(found) > LINES_MAX:
        left_out.append(f"log lines beyond the first {LINES_MAX}")
    return found[:LINES_MAX]


async def _payloads(
    app: App, history: History, bytes_max: int, left_out: list[str]
) -> dict[str, dict[str, Any]]:
    """Return payloads by hash, the small ones first, as JSON where they are, else as base64."""
    from legato.errors import LegatoError

    refs = await app.stores.executions.blobs(history.row.execution_id)
    found: dict[str, dict[str, Any]] = {}
    used = 0
    for ref in sorted(refs, key=lambda ref: (ref.size, ref.hash)):
        if used + ref.size > bytes_max:
            left_out.append(f"payload {ref.hash} ({ref.size} bytes): over --payload-bytes")
            continue
        try:
            data = await app.stores.blobs.get(history.row.workspace, ref)
        except LegatoError as error:
            left_out.append(f"payload {ref.hash} ({ref.size} bytes): {error.message}")
            continue
        used += ref.size
        found[ref.hash] = {"size": ref.size, **_as_text(data)}
    return found


def _as_text(data: bytes) -> dict[str, Any]:
    from legato.errors import InvalidInput
    from legato.model.values import decode

    try:
        return {"json": decode(data)}
    except InvalidInput:
        return {"base64": base64.b64encode(data).decode()}


def _loads(data: bytes) -> Any:
    from legato.model.values import load

    return load(data)

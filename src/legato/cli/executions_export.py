# SPDX-License-Identifier: Apache-2.0
"""`legato executions export`: everything that is stored of an execution as one JSON document.

Rules: CL29, LG24.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import OK, Invocation, command_options, examples

PAYLOAD_BYTES: Final = 16 * 1024 * 1024
"""Payloads in one export, together, unless more is asked for."""
PAYLOAD_BYTES_MAX: Final = 1024 * 1024 * 1024


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

    from legato import __version__
    from legato.app import build, run
    from legato.cli.files import PRIVATE_MODE, write_file, write_stdout
    from legato.cli.history import find_execution
    from legato.cli.text import plural
    from legato.runtime.export import Export

    async def work() -> dict[str, Any]:
        async with build(invocation.settings(), role="reader") as app:
            row = await find_execution(app.stores, execution)
            by = f"legato {__version__}"
            made = Export(app.stores, row, app.clock.now_ms(), by, payload_bytes)
            found: dict[str, Any] = orjson.loads(b"".join([each async for each in made.pieces()]))
            return found

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

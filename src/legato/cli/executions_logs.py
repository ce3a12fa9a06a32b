# SPDX-License-Identifier: Apache-2.0
"""`legato executions logs`: what attempts said, as it is stored and as it comes.

Rules: CL28, LG17, XR1, XR2.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.cli.remote import client_of, server_of, server_option

if TYPE_CHECKING:
    from legato.app import App
    from legato.ports.attempt_logs import LogLine

PAGE = 1_000
LOOK_S = 1.0
"""How long a hint that something was written may be missing before we look anyway."""


@click.command(
    epilog=examples(
        "legato executions logs ID",
        "legato executions logs ID fetch --item 3 --attempt 2",
        "legato executions logs ID --follow",
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--item", type=click.IntRange(0), help="Only of this foreach item.")
@click.option("--attempt", type=click.IntRange(1), help="Only of this attempt.")
@click.option("--follow", is_flag=True, help="Go on until the execution ends, or Ctrl-C.")
@server_option
@command_options
def logs(invocation: Invocation, execution: str, node: str | None, **given: Any) -> int:
    """Print the log lines of an execution, or of one node of it."""
    from legato.app import build, run
    from legato.cli.history import find_execution
    from legato.errors import InvalidInput
    from legato.model.expressions.nearest import nearest_name
    from legato.runtime.history import LogReader

    known = server_of(invocation, given["server"])

    async def there() -> int:
        from legato.cli.server_look import lines_there

        assert known is not None
        wanted = {"node": node, **given}
        async with client_of(invocation, known) as client:
            if not await lines_there(client, execution, wanted, _writer(invocation)):
                invocation.terminal.note("no log lines")
        return OK

    if known is not None:
        return run(there())

    async def work() -> int:
        async with build(invocation.settings(), role="reader") as app:
            row = await find_execution(app.stores, execution)
            known = (await LogReader.open(app.stores, row.execution_id)).state.graph.index_of
            if node is not None and node not in known:
                near = nearest_name(node, list(known))
                raise InvalidInput(
                    f"there is no node {node} in {row.workflow}",
                    hint=f"Did you mean {near}?" if near else None,
                )
            wanted = Wanted(row.execution_id, node, given["item"], given["attempt"])
            tail = Tail(app, wanted, _writer(invocation))
            if given["follow"]:
                await _until_stopped(tail)
            else:
                await tail.read()
            if not tail.count:
                invocation.terminal.note("no log lines")
            return OK

    return run(work())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines."""

    execution_id: Any
    node: Any = None
    item: int | None = None
    attempt: int | None = None

    def holds(self, line: LogLine) -> bool:
        """Tell whether a line is wanted; pieces of a stream and bare progress are not."""
        if self.item is not None and line.item != self.item:
            return False
        if self.attempt is not None and line.attempt != self.attempt:
            return False
        return bool(line.text) and line.level != "delta"


class Tail:
    """Reads lines in the order in which they arrived, page by page."""

    def __init__(self, app: App, wanted: Wanted, write: Callable[[LogLine], None]) -> None:
        """Args: write gets every line that is wanted."""
        self._app = app
        self._wanted = wanted
        self._write = write
        self._after = 0
        self.count = 0

    async def read(self) -> None:
        """Write everything that is stored and not written."""
        while True:
            found = await self._app.stores.attempt_logs.read(
                self._wanted.execution_id, node=self._wanted.node, after=self._after, limit=PAGE
            )
            for self._after, line in found:
                if self._wanted.holds(line):
                    self.count += 1
                    self._write(line)
            if len(found) < PAGE:
                return

    async def follow(self) -> None:
        """Write lines as they come until the execution has ended."""
        from legato.model.frames import FINAL_EXECUTION

        while True:
            row = await self._app.stores.executions.get(self._wanted.execution_id)
            await self.read()
            if row is None or row.status in FINAL_EXECUTION:
                return  # looked at before the lines were read, so none is missing
            await self._app.stores.changes.wait(LOOK_S)


def _writer(invocation: Invocation) -> Callable[[LogLine], None]:
    from legato.cli.text import local_time
    from legato.runtime.wire import line_json

    terminal = invocation.terminal

    def write(line: LogLine) -> None:
        terminal.json(line_json(line))
        place = line.node if line.item < 0 else f"{line.node}[{line.item}]"
        attempt = f" attempt {line.attempt}" if line.attempt > 1 else ""
        level = "" if line.level == "info" else f" {line.level}:"
        at = f"{local_time(line.at)}.{line.at % 1000:03d}"
        terminal.line(f"{at}  {place}{attempt}{level}  {line.text}")

    return write


async def _until_stopped(tail: Tail) -> None:
    """Follow; Ctrl-C and SIGTERM end it quietly."""
    working = asyncio.ensure_future(tail.follow())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        return
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

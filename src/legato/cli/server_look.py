# SPDX-License-Identifier: Apache-2.0
"""Looking at executions of a server: rows, one of them, its events, lines and a comparison.

What is written has the form that it has of the store here. Rules: CC30.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from legato.cli.board import Boards
from legato.cli.executions_server import find_there
from legato.cli.questions import how_to_answer
from legato.cli.server_pictures import frame_of, lines_of, row_of
from legato.cli.text import pretty_json, table
from legato.cli.tree import Tree
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import ExecutionId, time_of_id
from legato.runtime.wire import frame_json

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.client import Client
    from legato.client.generated import models
    from legato.ports.attempt_logs import LogLine
    from legato.ports.executions import ExecutionRow

LOOK_S: Final = 1.0
_PAGE: Final = 200
_EVENTS: Final = 500
_VALUE_LINES_MAX: Final = 30


async def rows_there(client: Client, wanted: Mapping[str, Any]) -> list[ExecutionRow]:
    """Return the rows of a list, the newest first.

    Args:
        client: Of the server.
        wanted: `statuses`, `workflow`, `search`, `before` (an id or its beginning), `limit`.
    """
    from legato.api.times import time_text

    before, until = wanted["before"], None
    if before is not None:
        before = await find_there(client, before)
        until = time_text((time_of_id(ExecutionId(before)) or 0) + 1)
    found = client.all_executions(
        limit=min(wanted["limit"], _PAGE),
        status=",".join(wanted["statuses"]) or None,
        workflow=wanted["workflow"],
        q=wanted["search"],
        created_before=until,
    )
    rows: list[ExecutionRow] = []
    async for each in found:
        if before is None or each.id < before:
            rows.append(row_of(each))
        if len(rows) >= wanted["limit"]:
            break
    return rows


async def show_there(client: Client, terminal: Terminal, execution: str) -> None:
    """Write one execution: its nodes, inputs, outputs or error, and what can be done."""
    execution_id = await find_there(client, execution)
    found = await client.read_execution(execution_id)
    nodes = await client.list_nodes(execution_id)
    frame = frame_of(found, nodes)
    if terminal.as_json:
        import msgspec

        sets = [each for each in frame_json(frame)["sets"] if each["set"] == "node"]
        terminal.json({**msgspec.to_builtins(found), "seq": nodes.seq, "nodes": sets})
        return
    _write(terminal, found, frame)


def _write(terminal: Terminal, found: models.ExecutionDetail, frame: Any) -> None:
    from legato.app import system_clock

    boards = Boards(ExecutionId(found.id))
    boards.apply(frame)
    board, tree, style = boards.root, Tree(boards, terminal.style), terminal.style
    now = system_clock().now_ms()
    absence = "owner lost" if found.owner == "lost" else ""
    terminal.styled(
        "".join(style.paint(*part) for part in tree.header(board, now, absence=absence))
    )
    for node in sorted(board.nodes.values(), key=lambda each: each.phase_number):
        terminal.styled("  " + "".join(style.paint(*p) for p in tree.node(board, node, now, 16)))
    terminal.line(f"version  {found.version_hash[:12]}")
    if found.started_at is not None:
        terminal.line(f"started  {found.started_at}")
    _write_value(terminal, "inputs", found.inputs)
    _write_value(terminal, "outputs", found.outputs)
    if found.error is not None:
        terminal.line(f"error    {found.error.kind}: {found.error.message}")
    if found.status not in FINAL_EXECUTION:
        _write_ways(terminal, found)


def _write_ways(terminal: Terminal, found: models.ExecutionDetail) -> None:
    terminal.line("you can")
    for each in found.waiting_for:
        if each.waits_for in {"approval", "form"}:
            is_form = each.waits_for == "form"
            for way in how_to_answer(ExecutionId(found.id), each.node, is_form=is_form):
                terminal.line(f"  answer it:   {way}")
    if found.status == "paused":
        terminal.line(f"  go on:       legato executions resume {found.id}")
    terminal.line(f"  stop it:     legato executions cancel {found.id}")


def _write_value(terminal: Terminal, name: str, value: Any) -> None:
    if value in (None, {}):
        return
    lines = pretty_json(value, lines_max=_VALUE_LINES_MAX, more="all of it with --json")
    terminal.line(f"{name:8} {lines[0]}")
    terminal.lines(f"         {line}" for line in lines[1:])


async def events_there(client: Client, terminal: Terminal, execution: str, after: int) -> None:
    """Print the public events of an execution."""
    import msgspec

    execution_id = await find_there(client, execution)
    lines: list[tuple[str, ...]] = []
    while True:
        page = await client.read_events(execution_id, after=after, limit=_EVENTS)
        for each in page.items:
            terminal.json(msgspec.to_builtins(each))
            place = each.node or ""
            if each.item is not None:
                place += f"[{each.item}]"
            lines.append((str(each.seq), each.at, each.type, place))
            after = each.seq
        if len(page.items) < _EVENTS:
            break
    terminal.lines(line.rstrip() for line in table(lines))


async def lines_there(
    client: Client,
    execution: str,
    wanted: Mapping[str, Any],
    write: Callable[[LogLine], None],
) -> int:
    """Write what attempts said; return how many lines.

    Args:
        client: Of the server.
        execution: An id, or the beginning of a recent one.
        wanted: `node`, `item`, `attempt`, each or None; `follow`: go on to the end.
        write: Gets every line.
    """
    execution_id = await find_there(client, execution)
    cursor: str | None = None
    count = 0
    while True:
        page = await client.list_lines(
            execution_id,
            limit=_PAGE,
            cursor=cursor,
            node=wanted["node"],
            item=wanted["item"],
            attempt=wanted["attempt"],
        )
        for line in lines_of(execution_id, page.items):
            if line.text and line.level != "delta":
                write(line)
                count += 1
        cursor = page.next_cursor
        if len(page.items) < _PAGE:
            if page.is_final or not wanted["follow"]:
                return count
            await asyncio.sleep(LOOK_S)


async def compare_there(client: Client, terminal: Terminal, one: str, other: str) -> None:
    """Compare two executions node by node."""
    import msgspec

    from legato.cli.comparing import WORDS, cells

    ids = [await find_there(client, each) for each in (one, other)]
    found = await client.compare_executions(*ids)
    if terminal.as_json:
        terminal.json(msgspec.to_builtins(found))
        return

    for name, each in zip("AB", ids, strict=True):
        terminal.line(f"{name}  {each}")
    if not found.same_version:
        terminal.line("their versions differ")
    if not found.same_inputs:
        terminal.line("their inputs differ")
    lines: list[tuple[str, ...]] = [("", "NODE", "A", "TOOK", "B", "TOOK", "")]
    for row in found.nodes:
        mark = ">" if row.node == found.first_difference else ""
        words = ", ".join(WORDS.get(aspect, aspect) for aspect in row.differs)
        lines.append((mark, row.node, *cells(row.one), *cells(row.other), words))
    terminal.lines(line.rstrip() for line in table(lines))
    parts = found.first_difference
    terminal.line("no node differs" if parts is None else f"they part at {parts}")

# SPDX-License-Identifier: Apache-2.0
"""How `legato executions show` shows one execution, for a person and for a program.

Rules: CL3, CL6, CL9, CL26, VW10.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from legato.cli.board import Boards
from legato.cli.ending import advice, error_json, parked_lines
from legato.cli.history import fetch, ownership_text
from legato.cli.questions import how_to_answer, open_readers, questions_of
from legato.cli.text import cells, local_time, pretty_json, size, table, word
from legato.cli.tree import Tree
from legato.engine.view import snapshot
from legato.errors import LegatoError
from legato.model.events import ChildStarted
from legato.model.frames import FINAL_EXECUTION, NodeFrame
from legato.model.values import Value
from legato.runtime.history import History, LogReader, Ownership, ownership
from legato.runtime.wire import frame_json, ownership_json, row_json

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.terminal import Terminal
    from legato.ports.executions import ExecutionRow

_NODES_SHOWN: Final = 500
_CALLED_MAX: Final = 10_000
_CALLED_SHOWN: Final = 20
_VALUE_LINES_MAX: Final = 30
_WIDTH: Final = 160


async def show_json(app: App, terminal: Terminal, history: History, file: Path) -> None:
    """Write one JSON value: the row, every node, inputs, outputs, error, owner."""
    state = history.state
    found = await ownership(app.stores, history.row)
    frame = frame_json(snapshot(state, epoch=app.epoch))
    nodes = [each for each in frame["sets"] if each["set"] == "node"]
    for node in nodes:
        index = state.graph.index_of[node["node_id"]]
        node["output"] = await _fetched(app, state.nodes[index].output)
    called = await app.stores.executions.descendants(history.row.execution_id, limit=_CALLED_MAX)
    places = _places_of_children(history)
    readers = await open_readers(app.stores, history.row)
    questions = await questions_of(app.stores, readers)
    terminal.json(
        {
            **row_json(history.row),
            "seq": state.seq,
            **ownership_json(found),
            "inputs": await _fetched(app, state.started.inputs) if state.started else None,
            "outputs": await _fetched(app, state.outputs),
            "error": error_json(state.error),
            "error_node": state.error_node,
            "nodes": sorted(nodes, key=lambda node: node["phase_number"]),
            "called": [{**row_json(each), **places.get(each.execution_id, {})} for each in called],
            "questions": [
                {
                    "execution_id": each.execution_id,
                    "node": each.node,
                    "is_form": each.is_form,
                    "config": each.config,
                }
                for each in questions
            ],
        }
    )


async def show_text(app: App, terminal: Terminal, history: History, file: Path) -> None:
    """Write the tree, then inputs, outputs or error, and what can be done."""
    boards = Boards(history.row.execution_id)
    boards.apply(snapshot(history.state, epoch=app.epoch))
    found = await ownership(app.stores, history.row)
    _write_tree(app, terminal, boards, found.absence)
    called = await app.stores.executions.descendants(history.row.execution_id, limit=_CALLED_MAX)
    _write_called(terminal, history, called)
    state = history.state
    if state.started is not None:
        terminal.line(f"version  {state.started.version[:12]}")
        terminal.line(f"started  {local_time(state.started.at)}{_by(state.started.by)}")
        await _write_value(app, terminal, "inputs", state.started.inputs, history)
    if state.ended == "completed":
        await _write_value(app, terminal, "outputs", state.outputs, history)
    elif state.error is not None:
        terminal.line(f"error    {state.error.kind}: {state.error.message}")
        terminal.lines(f"         {text}" for text in advice(state.error, state.error_node, file))
    if state.ended is None:
        terminal.line(f"owner    {ownership_text(found)}")
        readers = await open_readers(app.stores, history.row)
        for reader in readers[1:]:
            frame = snapshot(reader.state, epoch=app.epoch)
            if boards.belongs(frame):
                boards.apply(frame)
        await _write_questions(app, terminal, history, readers)
        terminal.lines(_what_to_do(boards, found, history))


def _write_tree(app: App, terminal: Terminal, boards: Boards, absence: str) -> None:
    board, tree = boards.root, Tree(boards, terminal.style)
    now = app.clock.now_ms()
    style = terminal.style
    header = tree.header(board, now, absence=absence)
    terminal.styled("".join(style.paint(*part) for part in header))
    nodes = sorted(board.nodes.values(), key=lambda node: node.phase_number)
    shown = nodes if len(nodes) <= _NODES_SHOWN else _first(nodes)
    name_cells = max((min(cells(node.node_id), 32) for node in shown), default=0)
    for node in shown:
        parts = tree.node(board, node, now, name_cells)
        terminal.styled("  " + "".join(style.paint(*part) for part in parts))
    if len(shown) < len(nodes):
        terminal.line(f"  … {len(nodes) - len(shown)} more nodes; all of them with --json")


def _first(nodes: list[NodeFrame]) -> list[NodeFrame]:
    """Of many nodes show those that somebody looks for: what is not simply done or pending."""
    news = [node for node in nodes if node.status not in {"completed", "pending", "skipped"}]
    return (news or nodes)[:_NODES_SHOWN]


def _what_to_do(boards: Boards, found: Ownership, history: History) -> list[str]:
    execution_id = history.row.execution_id
    lines: list[str] = []
    for owner, node in boards.waiting_for_answers():
        ways = how_to_answer(owner, node.node_id, is_form=node.wait == "form")
        lines.append(f"  answer it:   {ways[0]}")
        lines.extend(f"               {way}" for way in ways[1:])
    for owner, node in boards.parked():
        lines.extend(parked_lines(owner, node))
    if found.is_unattended or history.row.status == "paused" or history.state.restored:
        lines.append(f"  go on:       legato executions resume {execution_id}")
    if history.row.status not in FINAL_EXECUTION:
        lines.append(f"  stop it:     legato executions cancel {execution_id}")
    return ["you can", *lines] if lines else []


async def _write_questions(
    app: App, terminal: Terminal, history: History, readers: list[LogReader]
) -> None:
    """Say what each waiting approval or form asks, also in what was called."""
    workflows = {reader.state.execution_id: reader.state.graph.workflow.name for reader in readers}
    for question in await questions_of(app.stores, readers):
        is_own = question.execution_id == history.row.execution_id
        where = "" if is_own else f" of {workflows[question.execution_id]}"
        if question.message:
            terminal.line(f"{question.node}{where} asks: {question.message}")
            terminal.lines(question.detail_lines())


def _places_of_children(history: History) -> dict[str, dict[str, Any]]:
    """Return which node, item and round called each execution."""
    return {
        recorded.event.child: {
            "node": recorded.event.node,
            "item": recorded.event.item,
            "iteration": recorded.event.iteration,
        }
        for recorded in history.events
        if isinstance(recorded.event, ChildStarted)
    }


def _write_called(terminal: Terminal, history: History, called: list[ExecutionRow]) -> None:
    """List what was called: the last ones, and what of it is still open."""
    places = _places_of_children(history)
    still_open = [row for row in called if row.status not in FINAL_EXECUTION]
    ended = [row for row in called if row.status in FINAL_EXECUTION]
    shown = [*ended[-_CALLED_SHOWN:], *still_open[:_CALLED_SHOWN]]
    if not shown:
        return
    terminal.line(f"called   {len(called)}" + (", the last:" if len(shown) < len(called) else ""))
    lines = []
    for row in shown:
        place = places.get(row.execution_id)
        by = "" if place is None else str(place["node"])
        if place is not None and place["item"] is not None:
            by += f"[{place['item']}]"
        lines.append((row.execution_id, row.workflow, word(row.status), by))
    terminal.lines(f"  {line}".rstrip() for line in table(lines))


def _by(name: str) -> str:
    return f" by {name}" if name else ""


async def _fetched(app: App, value: Value) -> Any:
    try:
        return await fetch(app.stores, value)
    except LegatoError as error:
        return {"unavailable": str(error)}


async def _write_value(
    app: App, terminal: Terminal, name: str, value: Value, history: History
) -> None:
    if value.ref is not None:
        terminal.line(f"{name:8} {size(value.ref.size)}; print it with --json")
        return
    if bytes(value.json) in {b"", b"null", b"{}"}:
        return
    more = f"legato executions show {history.row.execution_id} --json"
    lines = pretty_json(await _fetched(app, value), lines_max=_VALUE_LINES_MAX, more=more)
    terminal.line(f"{name:8} {lines[0]}")
    terminal.lines(f"         {line}" for line in lines[1:])

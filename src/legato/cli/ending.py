# SPDX-License-Identifier: Apache-2.0
"""What is said when a run is over: its outputs, or what failed, why, and what to do now.

The only place that maps the end of an execution to an exit code. Rules: CL1, CL2, CL10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from legato.cli.board import Boards
from legato.cli.grants import missing_grant
from legato.cli.history import fetch
from legato.cli.invocation import CANCELLED, NEEDS_ATTENTION, OK, RUN_FAILED
from legato.cli.terminal import Terminal
from legato.cli.text import duration, plural, pretty_json, pretty_text, size
from legato.cli.tree import reason
from legato.errors import LegatoError
from legato.model.events import NodeError
from legato.model.frames import NodeFrame
from legato.model.ids import ExecutionId, NodeId
from legato.model.instants import iso
from legato.ports.attempt_logs import LogLine
from legato.ports.stores import Stores
from legato.runtime.history import History

if TYPE_CHECKING:
    from pathlib import Path

EXIT_OF_STATUS: Final = {
    "completed": OK,
    "failed": RUN_FAILED,
    "timed_out": RUN_FAILED,
    "cancelled": CANCELLED,
    "needs_attention": NEEDS_ATTENTION,
}
OUTPUT_LINES_MAX: Final = 40
OUTPUT_BYTES_MAX: Final = 256 * 1024
"""A larger output is named and not printed; `executions show --json` prints it."""
LOG_LINES_SHOWN: Final = 8
_UNKNOWN_SHOWN: Final = 5


async def report_ending(
    terminal: Terminal, stores: Stores, history: History, boards: Boards | None, file: Path | None
) -> int:
    """Write how an execution ended.

    Args:
        terminal: Where to.
        stores: Large outputs are fetched from there.
        history: Of an ended execution.
        boards: What was seen of it while it ran, with the last log lines; None if nothing.
        file: The settings file, named where a grant is missing.

    Returns:
        The exit code.
    """
    state, execution_id = history.state, history.row.execution_id
    status = state.ended or state.status
    code = EXIT_OF_STATUS[status]
    outputs = await _outputs(stores, history) if status == "completed" else None
    if terminal.as_json:
        terminal.json(
            {
                "type": "ended",
                "execution_id": execution_id,
                "status": status,
                "outputs": outputs,
                "error": error_json(state.error),
                "node": state.error_node,
                "ended_at": iso(state.ended_at),
                "exit_code": code,
            }
        )
        return code
    began = state.started.at if state.started is not None else 0
    took = duration((state.ended_at or began) - began)
    style = terminal.style
    terminal.styled(f"{style.status(status)} in {took}")
    if status == "completed":
        _write_outputs(terminal, outputs, history)
    elif status != "cancelled":
        _write_failure(terminal, history, boards, file)
    unknown = [node.node_id for node in history.nodes() if node.outcome_unknown]
    if unknown:
        names = ", ".join(unknown[:_UNKNOWN_SHOWN])
        terminal.line(f"the outcome is unknown of: {names}; look there before you run it again")
    terminal.line(f"look again: legato executions show {execution_id}")
    return code


def report_parked(terminal: Terminal, boards: Boards) -> int:
    """Say which nodes need a person and how to resolve each; the execution stays."""
    parked = boards.parked()
    if terminal.as_json:
        nodes = [
            {"execution_id": execution_id, "node": node.node_id, "reason": node.message}
            for execution_id, node in parked
        ]
        terminal.json(
            {
                "type": "needs_attention",
                "execution_id": boards.root.execution_id,
                "nodes": nodes,
                "exit_code": NEEDS_ATTENTION,
            }
        )
        return NEEDS_ATTENTION
    terminal.styled(f"{terminal.style.status('needs_attention')}: nothing goes on without you")
    for execution_id, node in parked:
        terminal.lines(parked_lines(execution_id, node))
    terminal.line(f"then go on: legato executions resume {boards.root.execution_id}")
    return NEEDS_ATTENTION


def parked_lines(execution_id: ExecutionId, node: NodeFrame) -> list[str]:
    """Return what is wrong with a parked node and the commands that settle it."""
    place = f"{execution_id} {node.node_id}"
    item = ""
    if node.items is not None:
        item = " --item N"
        what = f"{plural(node.items.needs_attention, 'item')} need attention"
    else:
        what = reason(node, 0) or "needs attention"
    lines = [f"  {node.node_id}: {what}"]
    if node.error:
        lines.append(f"    {node.error}")
    lines.append(f"    do it again:     legato executions retry-node {place}{item}")
    lines.append(f"    leave it out:    legato executions skip-node {place}{item}")
    lines.append(f"    it was done:     legato executions force-node {place}{item} --output JSON")
    return lines


def error_json(error: NodeError | None) -> dict[str, Any] | None:
    """Return an error as a plain value."""
    if error is None:
        return None
    return {
        "kind": error.kind,
        "message": error.message,
        "may_have_happened": error.may_have_happened,
    }


def advice(error: NodeError, node: str | None, file: Path | None) -> list[str]:
    """Return what a person can do about a failure; empty if nothing general can be said."""
    grant = missing_grant(error.message, file) if file is not None else []
    if grant:
        return grant
    kind = error.kind
    what = f"the node {node}" if node else "the outputs"
    if kind == "timeout":
        return [f"Give {what} a longer `timeout`, or find out what it waited for."]
    if kind == "expression_error":
        return [f"Correct the expression of {what} and run the workflow again."]
    if kind in {"network", "connection"} or kind.startswith(("http.5", "http.429")):
        return [f"Run it again later, or give {what} a `retry`."]
    if kind in {"output_too_large", "output_invalid"}:
        return [f"Make {what} return less, or write to a file and return its name."]
    return []


async def _outputs(stores: Stores, history: History) -> Any:
    value = history.state.outputs
    if value.size > OUTPUT_BYTES_MAX:
        return None
    try:
        return await fetch(stores, value)
    except LegatoError:
        return None


def _write_outputs(terminal: Terminal, outputs: Any, history: History) -> None:
    if outputs is None and history.state.outputs.size > OUTPUT_BYTES_MAX:
        terminal.line(f"outputs: {size(history.state.outputs.size)}, too long to print here")
        return
    if not outputs:
        return
    more = f"legato executions show {history.row.execution_id} --json"
    if not isinstance(outputs, dict):
        terminal.lines(pretty_json(outputs, lines_max=OUTPUT_LINES_MAX, more=more))
        return
    terminal.line("outputs:")
    room = max(OUTPUT_LINES_MAX - len(outputs), 3)
    for name, value in outputs.items():
        if isinstance(value, str) and "\n" in value:
            terminal.line(f"  {name}:")
            terminal.lines(f"    {line}" for line in pretty_text(value, lines_max=room, more=more))
            continue
        shown = pretty_json(value, lines_max=room, more=more)
        terminal.line(f"  {name}: {shown[0]}")
        terminal.lines(f"  {line}" for line in shown[1:])


def _write_failure(
    terminal: Terminal, history: History, boards: Boards | None, file: Path | None
) -> None:
    state = history.state
    error, node = state.error, state.error_node
    if error is None:
        return
    attempt = ""
    if node is not None:
        count = state.nodes[state.graph.index_of[node]].attempt
        attempt = f" (attempt {count})" if count > 1 else ""
    terminal.line(f"{node or history.row.workflow}{attempt}: {error.kind}: {error.message}")
    for line in _lines_of(boards, history.row.execution_id, node)[-LOG_LINES_SHOWN:]:
        terminal.line(f"  | {line.text}")
    for text in advice(error, node, file):
        terminal.line(text)


def _lines_of(
    boards: Boards | None, execution_id: ExecutionId, node: NodeId | None
) -> Sequence[LogLine]:
    if boards is None or node is None:
        return ()
    return list(boards.last_lines.get((execution_id, node), ()))

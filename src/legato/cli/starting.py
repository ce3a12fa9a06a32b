# SPDX-License-Identifier: Apache-2.0
"""Starting an execution: here, shown live to its end, or durable and left to an engine.

Rules: CL2, CL3, EN1, OW9.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from legato.cli.invocation import CANCELLED, OK, Invocation

if TYPE_CHECKING:
    from legato.app import App, Role
    from legato.runtime.submission import Submission


def role_of(*, is_detached: bool) -> Role:
    """Return the role of the app that starts an execution."""
    return "submit" if is_detached else "run"


async def start(
    app: App, invocation: Invocation, submission: Submission, *, is_detached: bool
) -> int:
    """Start an execution and return the exit code: of its end, or of having left it to an engine.

    Args:
        app: Of the role that `role_of` says.
        invocation: Where it is shown.
        submission: What to start.
        is_detached: Leave it to an engine that lives longer than this process.
    """
    if is_detached:
        return await _detached(app, invocation, submission)
    return await _attached(app, invocation, submission)


async def _attached(app: App, invocation: Invocation, submission: Submission) -> int:
    """Run it in this process and show it."""
    from legato.cli.session import Session
    from legato.engine.state import ExecutionState
    from legato.model.graph import Graph
    from legato.model.ids import ExecutionId

    execution_id = ExecutionId(app.clock.new_id())
    session = Session(app, invocation, execution_id)
    try:
        await session.watch()
        submitting = app.engine.submit(replace(submission, execution_id=execution_id))
        if not await session.is_accepted(submitting):
            await session.close()
            return CANCELLED
    except BaseException:
        await session.close()
        raise
    _say_started(invocation, submission, execution_id)
    session.show(ExecutionState(execution_id, Graph(submission.workflow)))
    return await session.run()


async def _detached(app: App, invocation: Invocation, submission: Submission) -> int:
    """Make it durable and leave it to an engine that lives longer than this process."""
    from legato.cli.background import ensure_engine

    execution_id = await app.engine.submit(submission)
    engine = await ensure_engine(app, invocation)
    terminal = invocation.terminal
    terminal.json(
        {
            "type": "accepted",
            "execution_id": execution_id,
            "workflow": submission.workflow.name,
            "engine_pid": engine.pid,
            **_origin(submission),
        }
    )
    terminal.line(execution_id)
    terminal.note(f"process {engine.pid} runs it; watch it with:")
    terminal.note(f"  legato executions watch {execution_id}")
    return OK


def _say_started(invocation: Invocation, submission: Submission, execution_id: str) -> None:
    workflow = submission.workflow
    invocation.terminal.json(
        {
            "type": "started",
            "execution_id": execution_id,
            "workflow": workflow.name,
            "nodes": len(workflow.nodes),
            **_origin(submission),
        }
    )
    if not invocation.terminal.is_live:
        invocation.terminal.line(
            f"run {execution_id}  {workflow.name}  {len(workflow.nodes)} nodes"
        )


def _origin(submission: Submission) -> dict[str, Any]:
    """Return what a fork was made of, and which nodes it keeps."""
    if submission.forked_from is None:
        return {}
    return {
        "forked_from": submission.forked_from.execution_id,
        "reused": [each.node for each in submission.reused if not each.items],
    }

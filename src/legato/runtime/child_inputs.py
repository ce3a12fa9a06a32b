# SPDX-License-Identifier: Apache-2.0
"""The inputs of a called workflow, checked when it starts, as those of a root are at the door.

The caller's `with` is an expression: what it gives is known only now. Defaults are filled in; what
does not fit fails the child by name before any of its nodes runs. The answer follows from the start
signal and the pinned version alone, so that asking again after a crash gives the same.

Rules: DO18, GR21.
"""

from typing import Final

from msgspec.structs import replace

from legato.errors import InvalidDocument, InvalidInput
from legato.model.document.inputs import check_inputs
from legato.model.events import NodeError
from legato.model.ids import WorkspaceId
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signals import StartExecution
from legato.model.values import encode, load
from legato.ports.blobs import Blobs, json_of, keep_value
from legato.runtime.plan import Plan

_ANYTHING: Final = frozenset({b"", b"{}", b'{"type":"object"}'})
"""Schemas of inline bodies: they take whatever they are given."""


async def checked_start(
    start: StartExecution, plan: Plan, blobs: Blobs, workspace: WorkspaceId
) -> StartExecution:
    """Return the start of a child with its inputs filled in, or with the reason to refuse it.

    Raises:
        Unavailable: Large inputs cannot be read or stored now.
    """
    schema = bytes(plan.workflow.inputs_schema)
    given = start.started.inputs
    if start.started.parent is None or schema in _ANYTHING:
        return start
    data = await json_of(blobs, workspace, given)
    try:
        found = load(data)
        inputs = check_inputs(schema, found if isinstance(found, dict) else {})
        filled = encode(inputs, what="inputs")
    except InvalidInput as error:
        return replace(start, refusal=_refusal(plan.workflow.name, error))
    if filled == data:
        return start
    value = await keep_value(blobs, workspace, filled, INLINE_BYTES_MAX)
    return replace(start, started=replace(start.started, inputs=value))


def _refusal(workflow: str, error: InvalidInput) -> NodeError:
    """Name every input that does not fit; they have no line."""
    lines = [str(error)]
    if isinstance(error, InvalidDocument):
        lines = [str(each).removeprefix("inputs:1:1: ") for each in error.problems]
    message = f"the inputs of {workflow}: {'; '.join(lines)}"
    return NodeError("invalid_input", message[:500], may_have_happened=False, retryable=False)

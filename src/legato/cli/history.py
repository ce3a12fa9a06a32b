# SPDX-License-Identifier: Apache-2.0
"""What a command line adds to `runtime.history`: ids that are typed in part, owners in words.

Rules: CL6.
"""

from typing import Any, Final

from legato.errors import InvalidInput, NotFound
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId
from legato.model.values import Value
from legato.ports.executions import ExecutionRow
from legato.ports.stores import Stores
from legato.runtime import history
from legato.runtime.history import Ownership

PREFIX_LENGTH_MIN: Final = 4
_LISTED_MAX: Final = 5


async def fetch(stores: Stores, value: Value) -> Any:
    """Return a value of the local workspace, from the blob store if it is large.

    Raises:
        NotFound: The blob is gone.
        Unavailable: It cannot be read or is corrupt.
    """
    return await history.fetch(stores, LOCAL_WORKSPACE, value)


async def find_execution(stores: Stores, text: str) -> ExecutionRow:
    """Return the execution that an id, or the beginning of one, names.

    Raises:
        InvalidInput: The beginning is too short or names several.
        NotFound: It names none.
    """
    text = text.strip().lower()
    row = await stores.executions.get(ExecutionId(text))
    if row is not None:
        return row
    if len(text) < PREFIX_LENGTH_MIN:
        raise InvalidInput(
            f"an execution id needs at least {PREFIX_LENGTH_MIN} characters, got {text!r}",
            hint="legato executions list shows the ids.",
        )
    found = await stores.executions.find_by_prefix(LOCAL_WORKSPACE, text)
    if not found:
        raise NotFound(
            f"there is no execution {text}", hint="legato executions list shows the ids."
        )
    if len(found) > 1:
        names = ", ".join(found[:_LISTED_MAX]) + (" …" if len(found) > _LISTED_MAX else "")
        raise InvalidInput(f"{text} is the beginning of several ids: {names}")
    row = await stores.executions.get(found[0])
    assert row is not None, "its id was found a moment ago"
    return row


def ownership_text(found: Ownership) -> str:
    """Say who runs an execution."""
    if found.absence:
        return f"{found.absence}: nobody runs this execution now"
    if found.is_unattended:
        return "no engine is there; nothing happens before one runs it"
    if found.owner is not None:
        return f"process {found.owner.pid} on {found.owner.host} runs this execution"
    return "an engine looks after this execution"

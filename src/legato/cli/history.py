# SPDX-License-Identifier: Apache-2.0
"""Naming an execution as a person does, and its values. The rest is in `runtime.history`.

Rules: CL6.
"""

from typing import Any, Final

from legato.errors import InvalidInput, NotFound
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId
from legato.model.values import Value, load
from legato.ports.blobs import json_of
from legato.ports.executions import ExecutionRow
from legato.ports.stores import Stores
from legato.runtime.history import (
    History,
    LogReader,
    Ownership,
    live_engines,
    load_history,
    owner_among,
    ownership,
    ownership_text,
)

__all__ = [
    "History",
    "LogReader",
    "Ownership",
    "fetch",
    "find_execution",
    "live_engines",
    "load_history",
    "owner_among",
    "ownership",
    "ownership_text",
]

PREFIX_LENGTH_MIN: Final = 4
_LISTED_MAX: Final = 5


async def fetch(stores: Stores, value: Value) -> Any:
    """Return a value, from the blob store if it is large.

    Raises:
        NotFound: The blob is gone.
        Unavailable: It cannot be read or is corrupt.
    """
    return load(await json_of(stores.blobs, LOCAL_WORKSPACE, value))


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

# SPDX-License-Identifier: Apache-2.0
"""Read stored events of every released shape.

An event of an old shape is lifted step by step; an unknown event stops that execution with a
clear error and is never guessed at. Golden histories of every release must still fold.

Rules: LG.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from legato.errors import Conflict
from legato.model.events import AnyEvent, decode_event

LIFTS: Final[dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]]] = {}
"""(type, v) -> how to make v + 1 of it. Empty while there has been one shape only."""


def read_event(body: bytes) -> AnyEvent:
    """Return the event of a row, lifted to the current shape.

    Raises:
        Conflict: A newer Legato wrote it, or the row is damaged.
    """
    try:
        if not LIFTS:
            return decode_event(body)
        return decode_event(msgspec.json.encode(_lift(msgspec.json.decode(body))))
    except (msgspec.DecodeError, KeyError) as error:
        raise Conflict(
            f"an event cannot be read: {error}.",
            hint="It was written by a newer Legato or is damaged; use that version, or restore.",
        ) from None


def _lift(raw: dict[str, Any]) -> dict[str, Any]:
    while (lift := LIFTS.get((raw["type"], raw.get("v", 1)))) is not None:
        raw = lift(raw)
    return raw

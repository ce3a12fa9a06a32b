# SPDX-License-Identifier: Apache-2.0
"""Read stored events of every released shape.

An event of an old shape is lifted step by step; an unknown event or version stops that execution
with a clear error and is never guessed at. Golden histories of every release must still fold.

Rules: LG18, LG19, LG29.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from legato.errors import Conflict
from legato.model.events import AnyEvent, decode_event

Lift = Callable[[dict[str, Any]], dict[str, Any]]

LIFTS: Final[dict[tuple[str, int], Lift]] = {}
"""(type, v) -> how to make v + 1 of it. Empty while there has been one shape only."""

_HINT: Final = "It was written by a newer Legato or is damaged; use that version, or restore."


def read_event(body: bytes) -> AnyEvent:
    """Return the event of a row, lifted to the current shape.

    Raises:
        Conflict: A newer Legato wrote it, or the row is damaged.
    """
    try:
        event = decode_event(_lifted(body) if LIFTS else body)
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise Conflict(f"an event cannot be read: {error}.", hint=_HINT) from None
    if event.v != 1 and event.v != _current(type(event).__name__):
        message = f"an event cannot be read: {type(event).__name__} has the unknown version"
        raise Conflict(f"{message} {event.v}.", hint=_HINT)
    return event


def _current(kind: str) -> int:
    """Return the version of the shape that this program knows of an event type."""
    return 1 + sum(1 for known, _ in LIFTS if known == kind)


def _lifted(body: bytes) -> bytes:
    raw = msgspec.json.decode(body)
    while (lift := LIFTS.get((raw["type"], raw.get("v", 1)))) is not None:
        raw = lift(raw) | {"v": raw.get("v", 1) + 1}
    return msgspec.json.encode(raw)

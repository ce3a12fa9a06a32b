# SPDX-License-Identifier: Apache-2.0
"""One line for each kind of event, for a person who reads a log.

An event without a line here is shown by its fields. Pure. Rules: CL6.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from legato.cli.text import size, word
from legato.model import events as ev
from legato.model.instants import iso
from legato.model.values import Value

_TEXT_MAX: Final = 160
_ITEMS_SHOWN: Final = 6


def summary(event: ev.AnyEvent) -> str:
    """Return what an event says, without its type."""
    rule = _RULES.get(type(event))
    return rule(event) if rule is not None else _fields(event)


def _value(value: Value) -> str:
    if value.ref is not None:
        return f"{size(value.ref.size)} in blob {value.ref.hash[:12]}"
    text = bytes(value.json).decode("utf-8", "replace")
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}… ({size(len(text))})"


def _error(error: ev.NodeError | None) -> str:
    if error is None:
        return ""
    text = error.message if len(error.message) <= _TEXT_MAX else f"{error.message[:_TEXT_MAX]}…"
    return f"{error.kind}: {text}"


def _by(event: Any) -> str:
    reason = getattr(event, "reason", "")
    parts = [f"by {event.by}" if event.by else "", f"({reason})" if reason else ""]
    return "".join(f"  {part}" for part in parts if part)


def _items(items: Sequence[int]) -> str:
    """Return indices as ranges: `0-99, 101`."""
    ranges: list[list[int]] = []
    for item in sorted(items):
        if ranges and item == ranges[-1][1] + 1:
            ranges[-1][1] = item
        else:
            ranges.append([item, item])
    shown = [str(low) if low == high else f"{low}-{high}" for low, high in ranges[:_ITEMS_SHOWN]]
    return ", ".join([*shown, *(["…"] if len(ranges) > _ITEMS_SHOWN else [])])


def _place(event: Any) -> str:
    item = getattr(event, "item", None)
    return str(event.node) if item is None else f"{event.node}[{item}]"


def _again(at: int | None) -> str:
    return "" if at is None else f"  again at {iso(at)}"


def _started(event: ev.ExecutionStarted) -> str:
    text = (
        f"{event.workflow}  version {event.version[:12]}  inputs {_value(event.inputs)}{_by(event)}"
    )
    return text + (f"  forked from {event.forked_from.execution_id}" if event.forked_from else "")


def _ended(event: ev.ExecutionEnded) -> str:
    if event.status == "completed":
        return f"completed  outputs {_value(event.outputs)}"
    return "  ".join(
        part for part in (word(event.status), event.node or "", _error(event.error)) if part
    )


def _completed(event: ev.NodeCompleted) -> str:
    attempt = f"  attempt {event.attempt}" if event.attempt > 1 else ""
    case = f"  case {event.case}" if event.case is not None else ""
    return f"{event.node}{attempt}{case}  {_value(event.output)}{_by(event)}"


def _child_ended(event: ev.ChildEnded) -> str:
    what = _value(event.output) if event.error is None else _error(event.error)
    return f"{_place(event)}  {event.child}  {word(event.status)}  {what}"


def _rejected(event: ev.SignalRejected) -> str:
    by = f"  by {event.by}" if event.by else ""
    return f"{event.signal}  {event.code}: {event.reason}{by}"


def _waiting(event: ev.NodeWaiting) -> str:
    until = "" if event.until is None else f"  until {iso(event.until)}"
    return f"{event.node}  for {event.kind}{until}"


_RULES: Final[dict[type, Callable[[Any], str]]] = {
    ev.ExecutionStarted: _started,
    ev.ExecutionAdopted: lambda e: f"by {e.engine}  fence {e.fence}  because {word(e.cause)}",
    ev.CancelRequested: lambda e: f"{word(e.status)}{_by(e)}",
    ev.ExecutionPaused: lambda e: _by(e).strip(),
    ev.ExecutionResumed: lambda e: _by(e).strip(),
    ev.ExecutionEnded: _ended,
    ev.SignalReceived: lambda e: f"{e.name}  {_value(e.payload)}{_by(e)}",
    ev.SignalRejected: _rejected,
    ev.AttemptStarted: lambda e: (
        f"{e.node}  attempt {e.attempt}" + ("  in a process of its own" if e.isolated else "")
    ),
    ev.AttemptFailed: lambda e: (
        f"{e.node}  attempt {e.attempt}  {_error(e.error)}{_again(e.retry_at)}"
    ),
    ev.AttemptLost: lambda e: f"{e.node}  attempt {e.attempt}  {word(e.cause)}{_again(e.retry_at)}",
    ev.NodeWaiting: _waiting,
    ev.NodeCompleted: _completed,
    ev.NodeFailed: lambda e: f"{e.node}  attempt {e.attempt}  {_error(e.error)}{_by(e)}",
    ev.NodeSkipped: lambda e: f"{e.node}  because of {e.cause}{_by(e)}",
    ev.NodeCancelled: lambda e: e.node + ("  its outcome is unknown" if e.outcome_unknown else ""),
    ev.NodeParked: lambda e: f"{_place(e)}  {word(e.reason)}  {_error(e.error)}".rstrip(),
    ev.NodeUnparked: lambda e: f"{_place(e)}{_by(e)}",
    ev.NodeReused: lambda e: (
        f"{e.node}  from a {e.source}{'  edited' if e.edited else ''}  {_value(e.output)}{_by(e)}"
    ),
    ev.ItemsPlanned: lambda e: f"{e.node}  {e.count} items",
    ev.ItemsStarted: lambda e: f"{e.node}  items {_items(e.items)}",
    ev.ItemsEnded: lambda e: f"{e.node}  items {_items(e.items)}",
    ev.ItemFailed: lambda e: (
        f"{_place(e)}  attempt {e.attempt}  {_error(e.error)}{_again(e.retry_at)}"
    ),
    ev.ItemsLost: lambda e: f"{e.node}  items {_items(e.items)}  {word(e.cause)}",
    ev.ItemsReused: lambda e: f"{e.node}  items {_items(e.items)}",
    ev.ItemForced: lambda e: f"{_place(e)}  {_value(e.output)}{_by(e)}",
    ev.ChildStarted: lambda e: f"{_place(e)}  {e.child}  iteration {e.iteration}",
    ev.ChildEnded: _child_ended,
}


def _fields(event: msgspec.Struct) -> str:
    text = msgspec.json.encode(event).decode()
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"

# SPDX-License-Identifier: Apache-2.0
"""Events as everybody may see them who may see their execution: one for each seq, none missing.

A stored event is a fact for the engine; its public form, version 1, is a promise to clients and is
written out here field by field, so that a field that is added inside shows nowhere by itself. It
has no values of inputs and outputs, only their sizes: those are fetched by those who may. Numbers
of owners and engines never leave. What has no public form is of type `internal`.

Rules: XR30, XR31.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from legato.model import events as e
from legato.model.events import NodeError, Recorded
from legato.model.instants import instant, iso
from legato.model.values import Value

VERSION: Final = 1
INTERNAL: Final = "internal"
_MESSAGE_MAX: Final = 2_000


class PublicEvent(msgspec.Struct, frozen=True):
    """An event. `item` is an index from 0, of one item; times are RFC 3339."""

    v: int
    seq: int
    at: str
    type: str
    node: str | None
    item: int | None
    attempt: int | None
    data: dict[str, Any]


def public_event(recorded: Recorded) -> PublicEvent:
    """Return the public form of an event at its place."""
    event = recorded.event
    known = _DATA.get(type(event))
    attempt = getattr(event, "attempt", None)
    return PublicEvent(
        v=VERSION,
        seq=recorded.seq,
        at=instant(recorded.at),
        type=INTERNAL if known is None else type(event).__name__,
        node=None if known is None else getattr(event, "node", None),
        item=None if known is None else getattr(event, "item", None),
        attempt=None if known is None else attempt or None,
        data={} if known is None else known(event),
    )


def _error(error: NodeError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "kind": error.kind,
        "message": error.message[:_MESSAGE_MAX],
        "may_have_happened": error.may_have_happened,
    }


def _size(value: Value) -> int:
    return value.size


def _ranges(items: Iterable[int]) -> list[list[int]]:
    """Return indices as pairs of the first and the last of each run, rising."""
    found: list[list[int]] = []
    for item in sorted(items):
        if found and found[-1][1] == item - 1:
            found[-1][1] = item
        else:
            found.append([item, item])
    return found


def _source(source: e.Source | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {"execution_id": source.execution_id, "node": source.node, "seq": source.seq or None}


def _started(event: e.ExecutionStarted) -> dict[str, Any]:
    return {
        "workflow": event.workflow,
        "version_hash": event.version,
        "by": event.by,
        "inputs_size": _size(event.inputs),
        "parent": _source(event.parent),
        "forked_from": _source(event.forked_from),
    }


def _ended(event: e.ExecutionEnded) -> dict[str, Any]:
    return {
        "status": event.status,
        "outputs_size": _size(event.outputs),
        "error": _error(event.error),
    }


def _completed(event: e.NodeCompleted) -> dict[str, Any]:
    return {
        "output_size": _size(event.output),
        "case": event.case,
        "by": event.by,
        "reason": event.reason,
        "has_item_errors": event.errors is not None,
    }


def _waiting(event: e.NodeWaiting) -> dict[str, Any]:
    return {"kind": event.kind, "until": iso(event.until), "expires": event.expires}


def _child_ended(event: e.ChildEnded) -> dict[str, Any]:
    return {
        "child": event.child,
        "status": event.status,
        "iteration": event.iteration,
        "output_size": _size(event.output),
        "error": _error(event.error),
    }


def _reused(event: e.NodeReused) -> dict[str, Any]:
    return {
        "source": event.source,
        "edited": event.edited,
        "by": event.by,
        "case": event.case,
        "output_size": _size(event.output),
    }


def _started_items(event: e.ItemsStarted) -> dict[str, Any]:
    return {
        "count": len(event.items),
        "items": _ranges(event.items),
        "isolated": event.isolated,
    }


def _items(event: e.ItemsEnded | e.ItemsReused | e.ItemsLost) -> dict[str, Any]:
    return {"count": len(event.items), "items": _ranges(event.items)}


def _lost_items(event: e.ItemsLost) -> dict[str, Any]:
    retry_at = iso(event.retry_at or None)
    return {**_items(event), "cause": event.cause, "retry_at": retry_at}


def _item_failed(event: e.ItemFailed) -> dict[str, Any]:
    return {"error": _error(event.error), "retry_at": iso(event.retry_at)}


_DATA: Final[dict[type, Callable[[Any], dict[str, Any]]]] = {
    e.ExecutionStarted: _started,
    e.ExecutionAdopted: lambda x: {"cause": x.cause},
    e.CancelRequested: lambda x: {"by": x.by, "reason": x.reason, "status": x.status},
    e.ExecutionPaused: lambda x: {"by": x.by, "reason": x.reason},
    e.ExecutionResumed: lambda x: {"by": x.by},
    e.ExecutionEnded: _ended,
    e.SignalReceived: lambda x: {
        "name": x.name, "by": x.by, "payload_size": _size(x.payload),
    },
    e.SignalRejected: lambda x: {
        "signal": x.signal, "code": x.code, "reason": x.reason, "by": x.by,
    },
    e.AttemptStarted: lambda x: {"isolated": x.isolated},
    e.AttemptFailed: lambda x: {"error": _error(x.error), "retry_at": instant(x.retry_at)},
    e.AttemptLost: lambda x: {"cause": x.cause, "retry_at": iso(x.retry_at)},
    e.NodeWaiting: _waiting,
    e.NodeCompleted: _completed,
    e.NodeFailed: lambda x: {
        "error": _error(x.error), "by": x.by, "outcome_unknown": x.outcome_unknown,
    },
    e.NodeSkipped: lambda x: {"cause": x.cause, "by": x.by, "reason": x.reason},
    e.NodeCancelled: lambda x: {"outcome_unknown": x.outcome_unknown},
    e.NodeParked: lambda x: {"reason": x.reason, "error": _error(x.error)},
    e.NodeUnparked: lambda x: {"by": x.by, "reason": x.reason},
    e.NodeReused: _reused,
    e.ItemsPlanned: lambda x: {"count": x.count},
    e.ItemsStarted: _started_items,
    e.ItemsEnded: _items,
    e.ItemFailed: _item_failed,
    e.ItemsLost: _lost_items,
    e.ItemsReused: _items,
    e.ItemForced: lambda x: {"by": x.by, "reason": x.reason, "output_size": _size(x.output)},
    e.ChildStarted: lambda x: {
        "child": x.child, "iteration": x.iteration, "until": iso(x.until),
    },
    e.ChildEnded: _child_ended,
}  # fmt: skip

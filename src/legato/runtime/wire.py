# SPDX-License-Identifier: Apache-2.0
"""What `--json` prints and exports hold: frames, log lines, events and rows as plain JSON values.

Times are ISO-8601 with an offset or null, as on every other door. Rules: CL3, VW9.
"""

from typing import Any, Final

import msgspec

from legato.model.events import Recorded, encode_event
from legato.model.frames import Frame
from legato.model.instants import iso
from legato.model.values import load
from legato.ports.attempt_logs import LogLine
from legato.ports.catalogue import Publication
from legato.ports.executions import ExecutionRow
from legato.runtime.history import Ownership

_TIMES: Final = frozenset(
    {
        "at",
        "completed_at",
        "created_at",
        "ended_at",
        "retry_at",
        "started_at",
        "until",
        "wait_until",
    }
)
"""Fields that hold ms since the Unix epoch in the program and text outside."""
_EVENT_TIMES: Final = frozenset({"at", "retry_at", "until"})


def frame_json(frame: Frame) -> dict[str, Any]:
    """Return a frame with every field of its sets, the empty ones too."""
    return {
        "type": "frame",
        "execution_id": frame.execution_id,
        "epoch": frame.epoch,
        "from_seq": frame.from_seq,
        "to_seq": frame.to_seq,
        "sets": [{"set": each.__struct_config__.tag, **_plain(each)} for each in frame.sets],
    }


def line_json(line: LogLine) -> dict[str, Any]:
    """Return a log line."""
    found = {"type": "log", **_plain(line)}
    if line.item < 0:
        found["item"] = None
    return found


def row_json(row: ExecutionRow) -> dict[str, Any]:
    """Return one row of a list of executions."""
    return _plain(row)


def publication_json(publication: Publication) -> dict[str, Any]:
    """Return a publication."""
    return _plain(publication)


def ownership_json(found: Ownership) -> dict[str, Any]:
    """Return who runs an execution."""
    owner = None if found.owner is None else {"pid": found.owner.pid, "host": found.owner.host}
    return {
        "owned_by": owner,
        "owner_lost": found.is_lost,
        "stopped": found.is_stopped,
        "unattended": found.is_unattended,
    }


def event_json(recorded: Recorded) -> dict[str, Any]:
    """Return an event as it is stored, with its place and its times as text."""
    body: dict[str, Any] = load(encode_event(recorded.event))
    for name in _EVENT_TIMES & body.keys():
        if isinstance(body[name], int):
            body[name] = iso(body[name])
    return {"seq": recorded.seq, "at": iso(recorded.at), **{k: body[k] for k in body if k != "at"}}


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, msgspec.Struct):
            value = _plain(value)
        found[name] = iso(value) if name in _TIMES and isinstance(value, int) else value
    return found

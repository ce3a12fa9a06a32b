# SPDX-License-Identifier: Apache-2.0
"""What went wrong in a node, as a `NodeError` that may be stored and shown.

Text from a node is never trusted: secrets are replaced, control characters written out, length
bounded. Tracebacks are for the attempt's log only.

Rules: ND6, ND10, AT10.
"""

import asyncio
import re
import traceback
from collections.abc import Callable
from typing import Final

import msgspec

from legato.errors import LegatoError
from legato.model.events import NodeError
from legato.ports.node import NodeFailure
from legato.telemetry import escape_control

MESSAGE_BYTES_MAX: Final = 2 * 1024
"""An error's message is stored in an event and shown in a list."""
TRACEBACK_LINES_MAX: Final = 200
_LOOKED_AT_MAX: Final = 64 * 1024
"""Of a longer text only the beginning is looked at: a message of 100 MB is an attack or a bug."""
_KIND: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_PAUSE_MS_MAX: Final = 24 * 3_600 * 1_000

Redact = Callable[[str], str]


def plain(text: str) -> str:
    """Redact nothing: for attempts that have seen no secret."""
    return text


def shown(text: str, redact: Redact = plain, size_bytes_max: int = MESSAGE_BYTES_MAX) -> str:
    """Make text safe to store and show.

    Secrets go first: cutting or escaping before would leave parts of them.

    Returns:
        At most `size_bytes_max` bytes of UTF-8 without control characters.
    """
    looked_at = max(_LOOKED_AT_MAX, 2 * size_bytes_max)
    cut = len(text) > looked_at
    text = escape_control(redact(text[:looked_at]))
    if not cut and len(text) * 4 <= size_bytes_max:
        return text if text.isascii() else _without_surrogates(text)
    data = text.encode("utf-8", "replace")
    if not cut and len(data) <= size_bytes_max:
        return data.decode()
    return data[: size_bytes_max - 3].decode("utf-8", "ignore") + "…"


def error_of(error: BaseException, redact: Redact = plain) -> NodeError:
    """Describe what a node raised."""
    failure = _node_failure(error)
    if failure is not None:
        return _checked(failure.error, redact)
    if isinstance(error, LegatoError):
        return NodeError(error.code, shown(str(error), redact), retryable=error.retryable)
    if isinstance(error, asyncio.CancelledError):
        return NodeError("error", "the node cancelled itself")
    return NodeError("error", shown(f"{type(error).__name__}: {_text_of(error)}", redact))


def traceback_of(error: BaseException) -> list[str]:
    """Return the lines of a traceback, for the attempt's log.

    Frames of the runner itself are left out: they say nothing about the node.
    """
    if _node_failure(error) is not None:
        return []
    try:
        text = "".join(traceback.format_exception(error, limit=-40))
    except BaseException as second:  # noqa: BLE001 - a node's __str__ may raise anything
        text = f"{type(error).__name__} (its traceback cannot be shown: {type(second).__name__})"
    return text.splitlines()[-TRACEBACK_LINES_MAX:]


def refused(kind: str, message: str, *, retryable: bool = False) -> NodeError:
    """Make the error of an attempt whose node did not even begin."""
    return NodeError(kind, message, may_have_happened=False, retryable=retryable)


def _node_failure(error: BaseException) -> NodeFailure | None:
    """Find the node's own answer, also inside a group raised by a task group."""
    if isinstance(error, NodeFailure):
        return error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            found = _node_failure(each)
            if found is not None:
                return found
    return None


def _checked(error: NodeError, redact: Redact) -> NodeError:
    """Return a node's own error with every field within its bounds."""
    kind: object = error.kind  # a plugin's word: its type is a promise, not a fact
    if not isinstance(kind, str) or len(kind) > 64 or _KIND.fullmatch(kind) is None:
        kind = "error"
    pause: object = error.at_least_ms
    pause = pause if isinstance(pause, int) else 0
    return msgspec.structs.replace(
        error,
        kind=kind,
        message=shown(str(error.message), redact),
        may_have_happened=bool(error.may_have_happened),
        retryable=bool(error.retryable),
        at_least_ms=min(max(pause, 0), _PAUSE_MS_MAX),
        details=None,
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - a node's __str__ may raise anything
        return "(its message cannot be shown)"


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

# SPDX-License-Identifier: Apache-2.0
"""Distinct types for every identifier, so that one cannot be passed for another.

Ids are made at the edges (UUIDv7, RFC 9562); this module only names and derives them.
"""

import hashlib
from typing import Final, NewType

ExecutionId = NewType("ExecutionId", str)
"""UUID, lower-case, 36 characters; v7 for roots, derived (v5 layout) for children."""
WorkflowId = NewType("WorkflowId", str)
VersionHash = NewType("VersionHash", str)
"""Hex SHA-256 of the version's compiled form, 64 characters."""
WorkspaceId = NewType("WorkspaceId", str)
UserId = NewType("UserId", str)
"""UUIDv7 of an account."""
SessionId = NewType("SessionId", str)
"""UUIDv7 of a log-in, as lists show it; not what its access token carries."""
NodeId = NewType("NodeId", str)
"""Matches `[a-z][a-z0-9_]{0,62}` and is no CEL reserved word."""
EngineId = NewType("EngineId", str)
SignalKey = NewType("SignalKey", str)
"""Dedupe key of a signal, unique per execution until the execution ends."""

LOCAL_WORKSPACE: Final = WorkspaceId("01900000-0000-7000-8000-000000000001")
"""The first workspace of every installation: the command line works in it before there are
accounts, and set-up gives it to the first owner."""

_VERSION: Final = 14
"""Where the text of a UUID has its version."""


def time_of_id(text: str) -> int | None:
    """Return the ms since the Unix epoch that a UUIDv7 begins with; None for another id.

    Source: RFC 9562 section 5.7.
    """
    if text[_VERSION : _VERSION + 1] != "7":
        return None
    try:
        return int(text[:8] + text[9:13], 16)
    except ValueError:
        return None


_CHILD_NAMESPACE: Final = bytes.fromhex("6c656761746f4368696c644578656300")


def child_execution_id(
    parent: ExecutionId, node: NodeId, item: int | None, iteration: int
) -> ExecutionId:
    """Derive a child's id from its place, so that starting it twice starts it once.

    Args:
        parent: The execution that calls.
        node: The calling node.
        item: Index of the foreach item, or None.
        iteration: Iteration of `loop.until`, from 1; 1 for `workflow.call`.

    Source: RFC 9562 section 5.5 (name-based, SHA-1, version 5).
    """
    name = f"{parent}/{node}/{'' if item is None else item}/{iteration}".encode()
    digest = bytearray(hashlib.sha1(_CHILD_NAMESPACE + name, usedforsecurity=False).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    text = digest.hex()
    return ExecutionId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def idempotency_key(execution: ExecutionId, node: NodeId, item: int | None) -> str:
    """Return the key that is stable over every attempt of one node or item (promise P4)."""
    return f"{execution}:{node}" if item is None else f"{execution}:{node}:{item}"

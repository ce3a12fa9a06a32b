# SPDX-License-Identifier: Apache-2.0
"""Instants as text: ISO-8601 in UTC with its offset, to the millisecond.

Rules: VW9.
"""

from datetime import UTC, datetime


def iso(at_ms: int | None) -> str | None:
    """Return an instant in ms since the Unix epoch as text, or None."""
    return None if at_ms is None else instant(at_ms)


def instant(at_ms: int) -> str:
    """Return an instant in ms since the Unix epoch as text."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")

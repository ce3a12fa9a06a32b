# SPDX-License-Identifier: Apache-2.0
"""Times on the wire: RFC 3339 with an offset; inside they are ms since 1970 in UTC.

Rules: ID55.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})"
)


def time_text(ms: int) -> str:
    """Return a time as an answer shows it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def time_or_none(ms: int | None) -> str | None:
    """Return a time that may be missing."""
    return None if ms is None else time_text(ms)


def parse_time(text: str) -> int | None:
    """Return a time in ms, without what is smaller; None for what is no time with an offset.

    Source: RFC 3339 section 5.6, without leap seconds.
    """
    if not text.isascii() or not _RFC_3339.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:  # no such day, hour or offset
        return None

# SPDX-License-Identifier: Apache-2.0
"""Words of a comparison of two executions, of the store here or of a server.

Rules: CL27, CC30.
"""

from __future__ import annotations

from typing import Final, Protocol

from legato.cli.text import duration, word

WORDS: Final = {
    "only_one": "only in one",
    "definition": "defined otherwise",
    "input": "another input",
    "status": "another status",
    "case": "another case",
    "output": "another output",
}


class Side(Protocol):
    """What a node came to in one execution."""

    @property
    def status(self) -> str:
        """Its status."""
        ...

    @property
    def took_ms(self) -> int | None:
        """How long it took."""
        ...

    @property
    def reused(self) -> bool:
        """It was kept from another execution."""
        ...

    @property
    def edited(self) -> bool:
        """A person gave its output."""
        ...


def cells(side: Side | None) -> tuple[str, str]:
    """Return status and time of a node in one execution."""
    if side is None:
        return "-", "-"
    note = " (edited)" if side.edited else " (kept)" if side.reused else ""
    took = "-" if side.took_ms is None else duration(side.took_ms)
    return word(side.status) + note, took

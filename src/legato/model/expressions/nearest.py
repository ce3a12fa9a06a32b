# SPDX-License-Identifier: Apache-2.0
"""The nearest valid name to a misspelt one."""

import difflib
from collections.abc import Iterable
from typing import Final

_CANDIDATES_MAX: Final = 2_000
"""More names than this are narrowed down by their first letter first."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, or None if none is like it.

    Cost: linear in the number of known names; bounded.
    """
    names = list(known)
    folded = _folded(name)
    for candidate in names:
        if _folded(candidate) == folded:
            return candidate
    if len(names) > _CANDIDATES_MAX:
        names = [other for other in names if other[:1] == name[:1]][:_CANDIDATES_MAX]
    matches = difflib.get_close_matches(name[:80], names, n=1, cutoff=0.6)
    return matches[0] if matches else None


def _folded(name: str) -> str:
    """Return the name without what people mix up: case, dashes and underscores."""
    return name.casefold().replace("-", "").replace("_", "")

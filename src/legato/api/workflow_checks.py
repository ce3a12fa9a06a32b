# SPDX-License-Identifier: Apache-2.0
"""Documents checked apart from the loop, a few at once, the last ones remembered.

Rules: WF16.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from legato.errors import Refused
from legato.model.document.problems import Problem
from legato.model.document.read import read_with_report
from legato.model.document.validate import check_read
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import Limits
from legato.model.workflow import Workflow

CHECKED_MAX: Final = 64
CHECKED_BYTES_MAX: Final = 16 * 1024 * 1024
AT_ONCE: Final = 2
"""Documents that are checked at once: each takes a thread, and up to some seconds of it."""
WAITING_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a text.

    `document` is its content as JSON text, None if it cannot be read. `workflow` is compiled, None
    if there are problems. `name` and `title` are what it says, valid or not; `hash` is its SHA-256.
    """

    workflow: Workflow | None
    problems: tuple[Problem, ...]
    document: bytes | None
    name: str
    title: str
    hash: str


class Texts:
    """Checks documents, a few at once, and remembers the last ones."""

    def __init__(self) -> None:
        """Make it."""
        self._kept: OrderedDict[str, tuple[Checked, int]] = OrderedDict()
        self._size = 0
        self._room = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def check(
        self, source: bytes, limits: Limits, node_types: Callable[[], Mapping[str, NodeTypeInfo]]
    ) -> Checked:
        """Return what is known of a text.

        Args:
            source: The text.
            limits: Every bound.
            node_types: Gives those of this installation.

        Raises:
            Refused: `unavailable`: too many wait to be checked.
        """
        key = hashlib.sha256(source).hexdigest()
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known[0]
        if self._waiting >= WAITING_MAX:
            raise Refused("unavailable", "Too many documents wait to be checked.", retry_after_s=1)
        self._waiting += 1
        try:
            async with self._room:
                found = await asyncio.to_thread(_checked, key, source, limits, node_types)
        finally:
            self._waiting -= 1
        self._remember(key, found, len(source) + len(found.document or b""))
        return found

    def _remember(self, key: str, found: Checked, size: int) -> None:
        if key in self._kept:
            return
        self._kept[key] = (found, size)
        self._size += size
        while len(self._kept) > CHECKED_MAX or self._size > CHECKED_BYTES_MAX:
            _, (_, gone) = self._kept.popitem(last=False)
            self._size -= gone


def _checked(
    text_hash: str,
    source: bytes,
    limits: Limits,
    node_types: Callable[[], Mapping[str, NodeTypeInfo]],
) -> Checked:
    document, report = read_with_report(source, file="workflow", limits=limits)
    if document is None:
        return Checked(None, report.finish(), None, "", "", text_hash)
    workflow, problems = check_read(document, report, catalogue=node_types(), limits=limits)
    data = document.data if isinstance(document.data, dict) else {}
    name, title = (data[key] if isinstance(data.get(key), str) else "" for key in ("name", "title"))
    try:
        plain: bytes | None = orjson.dumps(document.data)
    except (TypeError, ValueError):
        plain = None  # a number or text that JSON does not have
    return Checked(workflow, problems, plain, name, title, text_hash)

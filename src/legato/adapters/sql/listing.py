# SPDX-License-Identifier: Apache-2.0
"""Lists by id on both databases: an index gives candidates, the newest first, a look judges them.

Each filter has an index in the order of ids; the first that is asked for, by how few it finds as a
rule, gives the candidates, in portions that grow while few of them pass. After `SCAN_MS` the page
ends where it is. No portion is larger than what is judged in a few milliseconds.

Rules: XR10-XR19.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from legato.adapters.search import ID_BITS, MS_MAX, terms_of, value_key
from legato.adapters.sql.script import Driver, Row
from legato.model.ids import ExecutionId, WorkspaceId, time_of_id
from legato.ports.executions import ExecutionRow
from legato.ports.listing import SCAN_MS, ExecutionLook, Listing, ListQuery

PORTION_MAX: Final = 1_000
GROUP_MAX: Final = 1 << ID_BITS
"""Texts of one millisecond, at most: ids have no room for more."""
SLACK_MS: Final = 2_000
"""Between the time in an execution's id and the one at which it was created."""
BEYOND: Final = "g"
"""Greater than every id."""
_SIDES: Final = ("inputs", "outputs")


class Words(Protocol):
    """Finds texts by their words."""

    async def find(
        self, terms: list[str], *, below: int, first: int, limit: int
    ) -> tuple[list[int], int | None]:
        """Return ids of texts in [first, below), falling, at most `limit`.

        The second value is set where it has not looked at all of them: down to where it has.
        """
        ...

    async def among(self, terms: list[str], texts: list[int]) -> set[int]:
        """Return which of these texts have them."""
        ...


class PlainWords:
    """Asks an index that keeps to the order of ids, as SQLite's does."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def find(
        self, terms: list[str], *, below: int, first: int, limit: int
    ) -> tuple[list[int], int | None]:
        """Keep `Words.find`."""
        rows = await self._driver.fetch(
            "list.by_words", words=_quoted(terms), below=below, first=first, limit=limit
        )
        return [row["id"] for row in rows], None

    async def among(self, terms: list[str], texts: list[int]) -> set[int]:
        """Keep `Words.among`."""
        rows = await self._driver.fetch(
            "list.with_words", words=_quoted(terms), ids=json.dumps(texts)
        )
        return {row["id"] for row in rows}


def _quoted(terms: list[str]) -> str:
    # Terms hold letters, digits, underscores and our mark: nothing in them is an operator.
    return " ".join(f'"{term}"' for term in terms)


class _Portion(msgspec.Struct):
    """Candidates below an id, falling. `low` is set if there may be more: go on before it."""

    ids: list[str]
    low: str | None


_Source = Callable[[str, int], Awaitable[_Portion]]


class SqlExecutionLists:
    """Keeps `ports.listing.ExecutionLists`."""

    def __init__(
        self,
        driver: Driver,
        words: Words,
        *,
        catch_up: Callable[[], Awaitable[object]],
        monotonic: Callable[[], float],
    ) -> None:
        """Make it.

        Args:
            driver: Runs the queries.
            words: Finds texts.
            catch_up: Indexes what waits, within a bound.
            monotonic: Seconds that only grow.
        """
        self._driver = driver
        self._words = words
        self._catch_up = catch_up
        self._monotonic = monotonic

    async def page(self, wanted: ListQuery) -> Listing:
        """Keep `ExecutionLists.page`."""
        terms: list[str] = []
        if wanted.search is not None:
            terms = terms_of(wanted.search, wanted.workspace)
            if not terms:
                return Listing([])
        if terms or wanted.values:
            await self._catch_up()
        source = self._source(wanted, terms)
        began = self._monotonic()
        end = began + SCAN_MS / 1000
        before = wanted.before or BEYOND
        if wanted.created_to is not None:
            before = min(before, _id_at(wanted.created_to + SLACK_MS))
        found: list[ExecutionRow] = []
        size = wanted.limit + 1
        while True:
            portion = await source(before, size)
            found += await self._judge(wanted, portion.ids)
            if len(found) > wanted.limit:
                return Listing(found[: wanted.limit + 1])
            if portion.low is None:
                return Listing(found)
            before = portion.low
            now = self._monotonic()
            if now + (now - began) > end:  # the next portion may take as long as this one
                return Listing(found, before)
            began = now
            size = min(2 * size, PORTION_MAX)

    async def look(self, execution_id: ExecutionId) -> ExecutionLook | None:
        """Keep `ExecutionLists.look`."""
        rows = await self._driver.look_up("list.look", execution_id=execution_id)
        if not rows:
            return None
        values = dict(rows[0])
        values.pop("n", None)  # its place among those that were asked for together
        bodies = [values.pop(name) for name in ("first_body", "last_body", "start")]
        return ExecutionLook(_row(values), *bodies)

    async def asking(
        self, workspace: WorkspaceId, *, before: str | None, limit: int
    ) -> list[ExecutionRow]:
        """Keep `ExecutionLists.asking`."""
        rows = await self._driver.fetch(
            "list.asking", workspace=workspace, before=before or BEYOND, limit=limit
        )
        return [_row(row) for row in rows]

    async def count_asking(self, workspace: WorkspaceId, *, limit: int) -> int:
        """Keep `ExecutionLists.count_asking`."""
        rows = await self._driver.fetch("list.count_asking", workspace=workspace, limit=limit)
        return int(rows[0]["count"])

    # --- where candidates come from --------------------------------------------------------------

    def _source(self, wanted: ListQuery, terms: list[str]) -> _Source:
        first = "" if wanted.created_from is None else _id_at(wanted.created_from - SLACK_MS)
        if wanted.values or terms:
            return _Texts(self._driver, self._words, wanted, terms, first)
        named: list[tuple[str, object]] = [
            ("parent", wanted.parent),
            ("workflow_id", wanted.workflow_id),
            ("workflow", wanted.workflow),
            ("number", wanted.number),
            ("trigger", wanted.trigger),
        ]
        for name, value in named:
            if value is not None and not (name == "trigger" and wanted.statuses):
                return self._by(f"list.by_{name}", wanted, first, [value])
        if wanted.statuses:
            return self._by("list.by_status", wanted, first, list(dict.fromkeys(wanted.statuses)))
        return self._by("list.by_all", wanted, first, [None])

    def _by(self, name: str, wanted: ListQuery, first: str, values: list[Any]) -> _Source:
        """Return a source that merges what an index has for each of the values."""

        async def source(before: str, limit: int) -> _Portion:
            ids: list[str] = []
            for value in values:
                rows = await self._driver.fetch(
                    name, workspace=wanted.workspace, value=value, before=before, first=first,
                    limit=limit,
                )  # fmt: skip
                ids += [row["id"] for row in rows]
            ids = sorted(ids, reverse=True)[:limit]
            return _Portion(ids, ids[-1] if len(ids) == limit else None)

        return source

    async def _judge(self, wanted: ListQuery, ids: list[str]) -> list[ExecutionRow]:
        if not ids:
            return []
        statuses = json.dumps(wanted.statuses) if wanted.statuses else None
        rows = await self._driver.fetch(
            "list.rows", ids=json.dumps(ids), workspace=wanted.workspace, parent=wanted.parent,
            statuses=statuses, workflow=wanted.workflow, workflow_id=wanted.workflow_id,
            number=wanted.number, trigger=wanted.trigger, created_from=wanted.created_from,
            created_to=wanted.created_to,
        )  # fmt: skip
        return sorted(map(_row, rows), key=lambda row: row.execution_id, reverse=True)


class _Texts:
    """Candidates by words or a value: texts by their ids, a millisecond whole, then executions."""

    def __init__(
        self, driver: Driver, words: Words, wanted: ListQuery, terms: list[str], first: str
    ) -> None:
        self._driver = driver
        self._words = words
        self._terms = terms
        self._keys = [_keys(wanted.workspace, *each) for each in wanted.values]
        self._first = _place(first) if first else 0

    async def __call__(self, before: str, limit: int) -> _Portion:
        # The millisecond of `before` again: within it the order of texts is another.
        below = 2**63 - 1 if before == BEYOND else _place(before) + GROUP_MAX
        while True:
            texts, low = await self._found(below, limit)
            if low is None and len(texts) == limit:
                low = texts[-1] >> ID_BITS << ID_BITS  # of that millisecond there may be more
                low += GROUP_MAX
            if low is None or low < below:
                break
            limit *= 2
        if low is not None:
            texts = [each for each in texts if each >= low]
        for keys in self._keys[1:]:
            texts = await self._with(keys, texts)
        if self._keys and self._terms and texts:
            having = await self._words.among(self._terms, texts)
            texts = [each for each in texts if each in having]
        rows = await self._driver.fetch("list.of_texts", ids=json.dumps(texts)) if texts else []
        ids = sorted({row["execution_id"] for row in rows if row["execution_id"] < before})
        return _Portion(ids[::-1], None if low is None else _id_at(low >> ID_BITS))

    async def _found(self, below: int, limit: int) -> tuple[list[int], int | None]:
        if not self._keys:
            return await self._words.find(self._terms, below=below, first=self._first, limit=limit)
        texts: set[int] = set()
        for key in self._keys[0]:
            rows = await self._driver.fetch(
                "list.by_value", key=key, below=below, first=self._first, limit=limit
            )
            texts |= {row["id"] for row in rows}
        return sorted(texts, reverse=True)[:limit], None

    async def _with(self, keys: list[bytes], texts: list[int]) -> list[int]:
        if not texts:
            return []
        found: set[int] = set()
        for key in keys:
            rows = await self._driver.fetch("list.with_value", key=key, ids=json.dumps(texts))
            found |= {row["id"] for row in rows}
        return [each for each in texts if each in found]


def _keys(workspace: str, path: str, text: str) -> list[bytes]:
    paths: Iterable[str] = [f"{side}.{path}" for side in _SIDES]
    if path in _SIDES or path.startswith(tuple(f"{side}." for side in _SIDES)):
        paths = [path]
    return [value_key(workspace, each, text) for each in paths]


def _place(execution_id: str) -> int:
    """Return the first id of a text in the millisecond of an execution's id."""
    return min(time_of_id(execution_id) or 0, MS_MAX) << ID_BITS


def _id_at(ms: int) -> str:
    """Return what is lower than every id of that millisecond, and higher than those before it."""
    digits = f"{max(ms, 0):012x}"
    return f"{digits[:8]}-{digits[8:12]}-7"


def _row(row: Row) -> ExecutionRow:
    return msgspec.convert(dict(row), ExecutionRow, strict=False)

# SPDX-License-Identifier: Apache-2.0
"""Moves what executions took and gave into the index of words and values, off the append path.

A turn only stores a text. A batch reads waiting texts, the newest first, adds to each what the
execution's log holds of inputs, outputs and nodes, cuts words and values outside any transaction,
and stores them. Who searches asks for a batch before: so what just ended is found.

Rules: LG25, XR10, XR13.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from legato.adapters.search import QUOTE, TEXT_MAX, VALUES_MAX, entries_of, leaves, value_key
from legato.adapters.sql.script import Driver, Row, Script, step, steps
from legato.model.values import Value, load

BATCH: Final = 50
"""Texts that are looked at together."""
ENTRIES_AT_ONCE: Final = 10_000
"""Of a transaction, about: they are some 10 ms of writing, during which turns wait."""
EVENTS_AT_ONCE: Final = 500
SMALL: Final = 4_096
"""A text up to this length is cut here; a longer one would hold up the event loop."""


class _Seen(msgspec.Struct):
    """What an event holds that is searched; other fields are passed over."""

    type: str
    workflow: str = ""
    inputs: Value | None = None
    output: Value | None = None
    outputs: Value | list[Value] | None = None


class _Text(msgspec.Struct):
    id: int
    text: str
    words: str
    count: int
    keys: list[bytes]


_events: Final = msgspec.json.Decoder(_Seen)
StoreWords = Callable[[int, str, str], Script[bool]]
"""Stores the words of a text by its id, if it still is that text; tells whether it was."""


class Indexing:
    """Indexes on one database."""

    def __init__(self, driver: Driver, store: StoreWords) -> None:
        """Args: store keeps words as the database does."""
        self._driver = driver
        self._store = store
        self._one_at_a_time = asyncio.Lock()

    async def batch(self) -> bool:
        """Index what waits, up to `BATCH` texts; tell whether there may be more."""
        async with self._one_at_a_time:
            waiting = await self._driver.fetch("index.waiting", limit=BATCH)
            made = [await self._made(row) for row in waiting]
            for part in _parts(made):
                await self._driver.run(lambda part=part: self._kept(part))  # type: ignore[misc]
        return len(waiting) == BATCH

    def _kept(self, texts: list[_Text]) -> Script[None]:
        for each in texts:
            if (yield from self._store(each.id, each.text, each.words)):
                rows = [{"key": key, "text_id": each.id} for key in each.keys]
                yield from steps("index.value_add", rows)

    async def _made(self, row: Row) -> _Text:
        text: str = row["text"]
        seen = await self._seen(row["execution_id"], TEXT_MAX - len(text))
        if len(text) + sum(map(_size, seen)) <= SMALL:
            return _text(row, seen)
        return await asyncio.to_thread(_text, row, seen)

    async def _seen(self, execution_id: str, room: int) -> list[_Seen]:
        """Return events with something to find, the last event first, until there is enough."""
        last = await self._driver.fetch("index.last", execution_id=execution_id)
        found = [*_read(row["body"] for row in last)]
        end: int = last[0]["seq"] if last else 0
        after = 0
        while room > 0 and after < end:
            rows = await self._driver.fetch(
                "index.events", execution_id=execution_id, after=after, limit=EVENTS_AT_ONCE
            )
            fresh = [*_read(row["body"] for row in rows if row["seq"] < end)]
            found += fresh
            room -= sum(map(_size, fresh))
            if len(rows) < EVENTS_AT_ONCE:
                break
            after = rows[-1]["seq"]
        return found


def store_words(row_id: int, text: str, words: str) -> Script[bool]:
    """Keep words where PostgreSQL has them: in the row of the text."""
    return bool((yield from step("index.words", row_id=row_id, was=text, words=words)))


def store_words_apart(row_id: int, text: str, words: str) -> Script[bool]:
    """Keep words where SQLite has them: in a table for searching."""
    if not (yield from step("index.taken", row_id=row_id, was=text)):
        return False
    yield from steps("index.drop", [{"row_id": row_id}])
    yield from steps("index.add", [{"row_id": row_id, "words": words}])
    return True


def _read(bodies: Iterator[bytes]) -> Iterator[_Seen]:
    for body in bodies:
        try:
            seen = _events.decode(body)
        except msgspec.DecodeError:
            continue  # of a newer program: it will index it
        if any(value.is_inline for value in _values(seen)):
            yield seen


def _values(seen: _Seen) -> Iterator[Value]:
    outputs = seen.outputs if isinstance(seen.outputs, list) else [seen.outputs]
    yield from (each for each in (seen.inputs, seen.output, *outputs) if each is not None)


def _size(seen: _Seen) -> int:
    return sum(len(bytes(value.json)) for value in _values(seen))


def _text(row: Row, seen: list[_Seen]) -> _Text:
    workspace: str = row["workspace"]
    parts = [row["text"], *(each.workflow for each in seen)]
    parts += (
        bytes(value.json).decode("utf-8", "ignore")
        for each in seen
        for value in _values(each)
        if value.is_inline
    )
    entries = entries_of(QUOTE.join(parts), workspace)
    keys = [value_key(workspace, path, text) for path, text in _leaves(seen)]
    return _Text(row["id"], row["text"], " ".join(entries), len(entries) + len(keys), keys)


def _leaves(seen: list[_Seen]) -> list[tuple[str, str]]:
    """Return the first values of inputs and outputs, each once."""
    every = (leaf for name, value in _whole(seen) for leaf in leaves(_loaded(value), name))
    found: dict[tuple[str, str], None] = {}
    for leaf in every:
        if len(found) == VALUES_MAX:
            break
        found[leaf] = None
    return list(found)


def _whole(seen: list[_Seen]) -> Iterator[tuple[str, Value]]:
    """Yield inputs and outputs as far as they stand in the events themselves."""
    given = (("inputs", each.inputs) for each in seen if each.type == "ExecutionStarted")
    made = (("outputs", each.outputs) for each in seen if each.type == "ExecutionEnded")
    for name, value in (*given, *made):
        if isinstance(value, Value) and value.is_inline:
            yield name, value


def _loaded(value: Value) -> Any:
    return load(value.json)


def _parts(texts: list[_Text]) -> Iterator[list[_Text]]:
    part: list[_Text] = []
    for each in texts:
        part.append(each)
        if sum(one.count for one in part) >= ENTRIES_AT_ONCE:
            yield part
            part = []
    if part:
        yield part

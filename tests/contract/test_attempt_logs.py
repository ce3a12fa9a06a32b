# SPDX-License-Identifier: Apache-2.0
"""The attempt logs port on every store."""

import asyncio
from typing import Any

from legato.model.ids import NodeId
from legato.model.policy import Limits
from legato.ports.attempt_logs import LogLine
from legato.ports.stores import Stores
from tests.contract.build import execution_id
from tests.contract.conftest import MakeStores

ONE = execution_id(1)


def line(offset: int, **changes: Any) -> LogLine:
    """Return a line of the first attempt of a node."""
    values: dict[str, Any] = {
        "execution_id": ONE,
        "node": NodeId("n"),
        "attempt": 1,
        "offset": offset,
        "at": 1_000 + offset,
        "text": f"line {offset}",
    }
    return LogLine(**{**values, **changes})


async def test_lines_come_back_in_order_of_arrival(store: Stores) -> None:
    """A reader goes on from the last row it saw [LG17]."""
    lines = [line(0, level="warning", progress=0.5), line(1, item=3), line(0, node=NodeId("m"))]
    await store.attempt_logs.append(lines)
    await store.attempt_logs.append([line(2), line(0, execution_id=execution_id(2))])
    rows = await store.attempt_logs.read(ONE)
    assert [each for _, each in rows] == [*lines, line(2)]
    row_ids = [row_id for row_id, _ in rows]
    assert row_ids == sorted(set(row_ids))
    assert [each for _, each in await store.attempt_logs.read(ONE, after=row_ids[1])] == [
        lines[2],
        line(2),
    ]
    assert [each for _, each in await store.attempt_logs.read(ONE, limit=1)] == [lines[0]]
    assert [each for _, each in await store.attempt_logs.read(ONE, node=NodeId("m"))] == [lines[2]]


async def test_a_line_is_stored_once(store: Stores) -> None:
    """The same offset of the same attempt changes nothing [LG17]."""
    await store.attempt_logs.append([line(0)])
    await store.attempt_logs.append([line(0, text="again"), line(1), line(1, text="again")])
    assert [each.text for _, each in await store.attempt_logs.read(ONE)] == ["line 0", "line 1"]
    await store.attempt_logs.append([line(0, attempt=2), line(0, item=1)])
    assert len(await store.attempt_logs.read(ONE)) == 4


async def test_the_number_of_lines_is_bounded(stores: MakeStores) -> None:
    """What an attempt says beyond the limit is dropped [LG17]."""
    store = await stores(limits=Limits(max_log_lines_per_attempt=3))
    await store.attempt_logs.append([line(each) for each in range(10)])
    assert [each.offset for _, each in await store.attempt_logs.read(ONE)] == [0, 1, 2]
    await store.attempt_logs.append([line(99)])
    await store.attempt_logs.append([])
    assert len(await store.attempt_logs.read(ONE)) == 3


async def test_any_text_can_be_stored(store: Stores) -> None:
    """Programs print what they like; NUL and lone surrogates are replaced [LG17]."""
    texts = ["null", "", '"', "\x1b[31m", "日本", "a\x00b", "\ud800", "x" * 100_000]
    await store.attempt_logs.append([line(each, text=text) for each, text in enumerate(texts)])
    found = [each.text for _, each in await store.attempt_logs.read(ONE)]
    assert found[:5] == texts[:5]
    assert found[5] in {"a\ufffdb", "a\x00b"}
    assert found[7] == texts[7]


async def test_many_writers_lose_nothing(store: Stores) -> None:
    """Lines of parallel attempts share commits [LG17, LG10]."""
    await asyncio.gather(
        *(
            store.attempt_logs.append([line(each, item=item) for each in range(5)])
            for item in range(40)
        )
    )
    assert len(await store.attempt_logs.read(ONE)) == 200

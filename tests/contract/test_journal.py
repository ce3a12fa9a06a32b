# SPDX-License-Identifier: Apache-2.0
"""The journal port on every store."""

import asyncio

from legato.model.ids import NodeId
from legato.ports.journal import StepKey, StepRow
from legato.ports.stores import Stores
from tests.contract.build import execution_id

KEY = StepKey(execution_id(1), NodeId("agent"), -1, "llm", 0)


async def test_a_finished_step_is_returned(store: Stores) -> None:
    """What a step gave is there for later attempts [JN2]."""
    assert await store.journal.get(KEY) is None
    assert await store.journal.finish(KEY, attempt=1, input_hash="h", output=b"\x00out\xff") is True
    assert await store.journal.get(KEY) == StepRow(
        key=KEY, attempt=1, input_hash="h", output=b"\x00out\xff"
    )


async def test_a_begun_step_shows_who_began_it(store: Stores) -> None:
    """A non-idempotent step commits its start; it is seen unfinished [JN5]."""
    assert await store.journal.begin(KEY, attempt=1, input_hash="h") is True
    assert await store.journal.get(KEY) == StepRow(key=KEY, attempt=1, input_hash="h")
    assert await store.journal.finish(KEY, attempt=1, input_hash="h", output=b"x") is True
    row = await store.journal.get(KEY)
    assert row is not None
    assert row.output == b"x"


async def test_each_part_of_the_key_tells_steps_apart(store: Stores) -> None:
    """Execution, node, item, name and ordinal name a step [JN1]."""
    others = [
        StepKey(execution_id(2), NodeId("agent"), -1, "llm", 0),
        StepKey(execution_id(1), NodeId("other"), -1, "llm", 0),
        StepKey(execution_id(1), NodeId("agent"), 0, "llm", 0),
        StepKey(execution_id(1), NodeId("agent"), -1, "tool", 0),
        StepKey(execution_id(1), NodeId("agent"), -1, "llm", 1),
    ]
    for number, key in enumerate(others):
        await store.journal.finish(key, attempt=1, input_hash="h", output=b"%d" % number)
    assert await store.journal.get(KEY) is None
    rows = [await store.journal.get(key) for key in others]
    assert [row.output for row in rows if row] == [b"0", b"1", b"2", b"3", b"4"]


async def test_an_older_attempt_changes_nothing(store: Stores) -> None:
    """An attempt that still runs somewhere is fenced by the newer one [JN3]."""
    assert await store.journal.begin(KEY, attempt=2, input_hash="new") is True
    assert await store.journal.begin(KEY, attempt=1, input_hash="old") is False
    assert await store.journal.finish(KEY, attempt=1, input_hash="old", output=b"old") is False
    assert await store.journal.get(KEY) == StepRow(key=KEY, attempt=2, input_hash="new")


async def test_a_newer_attempt_takes_an_unfinished_step_over(store: Stores) -> None:
    """What was begun and never ended may be begun anew [JN3]."""
    await store.journal.begin(KEY, attempt=1, input_hash="h")
    assert await store.journal.begin(KEY, attempt=2, input_hash="h") is True
    assert await store.journal.finish(KEY, attempt=2, input_hash="h", output=b"2") is True
    row = await store.journal.get(KEY)
    assert row is not None
    assert (row.attempt, row.output) == (2, b"2")


async def test_a_finished_step_is_not_begun_again(store: Stores) -> None:
    """A result is never thrown away by a new beginning [JN2]."""
    await store.journal.finish(KEY, attempt=1, input_hash="h", output=b"1")
    assert await store.journal.begin(KEY, attempt=2, input_hash="h") is False
    row = await store.journal.get(KEY)
    assert row is not None
    assert row.output == b"1"


async def test_finishing_twice_is_no_error(store: Stores) -> None:
    """An attempt whose first answer got lost may say it again [JN2]."""
    for _ in range(2):
        assert await store.journal.finish(KEY, attempt=1, input_hash="h", output=b"1") is True


async def test_many_steps_at_once_are_all_kept(store: Stores) -> None:
    """Steps of parallel nodes share commits [LG4, JN1]."""
    keys = [StepKey(execution_id(1), NodeId("agent"), -1, "llm", each) for each in range(60)]
    await asyncio.gather(
        *(store.journal.finish(key, attempt=1, input_hash="h", output=b"x") for key in keys)
    )
    assert all([await store.journal.get(key) for key in keys])

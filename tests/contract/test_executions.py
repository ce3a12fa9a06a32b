# SPDX-License-Identifier: Apache-2.0
"""The executions port on every store."""

import asyncio

import pytest

from legato.adapters.sql.postgres.stores import PostgresLifecycle
from legato.adapters.sql.sqlite.stores import SqliteLifecycle
from legato.model.frames import ExecutionStatus
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, WorkspaceId
from legato.ports.executions import ExecutionFilter, ExecutionRow
from legato.ports.stores import Stores
from tests.contract.build import LOCAL, VERSION, A, born, execution_id, new, turn
from tests.contract.conftest import MakeStores

ONE = execution_id(1)
OTHER = WorkspaceId("other")


def numbers(rows: list[ExecutionRow]) -> list[int]:
    """Return which executions were found, in order."""
    return [int(row.execution_id[-12:], 16) for row in rows]


async def find(store: Stores, **wanted: object) -> list[int]:
    """Find in the local workspace unless another is named."""
    return numbers(
        await store.executions.find(ExecutionFilter(**{"workspace": LOCAL, **wanted}))  # type: ignore[arg-type]
    )


async def test_a_row_shows_the_projection_of_the_last_turn(store: Stores) -> None:
    """Lists and doors read absolute values written with the events [LG8]."""
    forked = execution_id(77)
    ended = {"nodes_done": 2, "nodes_total": 5, "started_at": 2_000, "ended_at": 3_000}
    created = new(1, owner=A, start=None, forked_from=forked, trigger="cron")
    await store.log.append(
        [turn(new=created, events=2, status="failed", project={**ended, "error": "näh"})]
    )
    assert await store.executions.get(ONE) == ExecutionRow(
        execution_id=ONE,
        workspace=LOCAL,
        workflow="report",
        version=VERSION,
        status="failed",
        head_seq=2,
        nodes_done=2,
        nodes_total=5,
        created_at=1_001,
        started_at=2_000,
        ended_at=3_000,
        error="näh",
        forked_from=forked,
        trigger="cron",
    )
    assert await store.executions.get(execution_id(2)) is None


async def test_a_queued_row_shows_what_is_known(store: Stores) -> None:
    """Created and not begun: status queued, nothing done [ST1]."""
    await store.log.create([new(1)])
    row = await store.executions.get(ONE)
    assert row is not None
    assert (row.status, row.head_seq, row.nodes_done, row.nodes_total) == ("queued", 0, 0, 3)
    assert (row.owner, row.started_at, row.ended_at, row.error) == (None, None, None, None)


async def test_pages_go_from_newest_to_oldest_without_gap_or_double(store: Stores) -> None:
    """A page begins after the last row of the one before, whatever is new meanwhile [LG8]."""
    await store.log.create([new(each) for each in range(1, 8)])
    first = await find(store, limit=3)
    assert first == [7, 6, 5]
    await store.log.create([new(8)])
    assert await find(store, limit=3, before=execution_id(5)) == [4, 3, 2]
    assert await find(store, limit=3, before=execution_id(2)) == [1]
    assert await find(store, limit=3, before=execution_id(1)) == []
    assert await find(store, before=execution_id(99)) == []


async def test_filters_hold_together(store: Stores) -> None:
    """Workflow, statuses and pages in any combination [LG8]."""
    states: tuple[ExecutionStatus, ...] = ("running", "completed", "failed", "waiting")
    for number in range(1, 25):
        created = new(number, owner=A, start=None, workflow="ab"[number % 2])
        status = states[number % 4]
        ended = {"ended_at": 5} if status in {"completed", "failed"} else {}
        await store.log.append([turn(number, new=created, status=status, project=ended)])
    assert await find(store, statuses=("failed",), limit=3) == [22, 18, 14]
    assert await find(store, statuses=("failed", "waiting", "failed"), limit=4) == [23, 22, 19, 18]
    assert await find(store, workflow="b", limit=3) == [23, 21, 19]
    assert await find(store, workflow="b", statuses=("completed", "failed")) == [
        21, 17, 13, 9, 5, 1,
    ]  # fmt: skip
    assert await find(store, workflow="a", statuses=("running",), before=execution_id(12)) == [8, 4]
    assert await find(store, workflow="c") == []
    assert await store.executions.counts(LOCAL) == dict.fromkeys(states, 6)


async def test_what_has_not_ended_is_counted_by_status(store: Stores) -> None:
    """What has ended is not looked at [HT53]."""
    assert await store.executions.open_counts() == {}
    statuses: tuple[ExecutionStatus, ...] = ("running", "running", "waiting", "failed", "completed")
    for number, status in enumerate(statuses, 1):
        made = new(number, owner=A, start=None, workspace=LOCAL_WORKSPACE)
        await store.log.append([turn(number, new=made, status=status)])
    assert await store.executions.open_counts() == {"running": 2, "waiting": 1}


async def test_children_are_listed_only_when_asked_for(store: Stores) -> None:
    """A list shows what people started [LG8]."""
    child = ExecutionId("ffffffff-0000-5000-8000-000000000000")
    await store.log.append([born(1), born(3)])
    kids = (new(2, parent=ONE), new(50, execution_id=child, created_at=1_500, parent=ONE))
    await store.log.append([turn(1, after=1, children=kids)])
    assert await find(store) == [3, 1]
    assert await find(store, with_children=True) == [0, 3, 2, 1]
    assert await find(store, with_children=True, before=child) == [3, 2, 1]
    assert await find(store, statuses=("queued",)) == []
    assert await find(store, statuses=("queued",), with_children=True) == [0, 2]
    assert await find(store, workflow="report") == [3, 1]
    assert await find(store, workflow="report", with_children=True, limit=2) == [0, 3]


async def test_nothing_is_seen_across_workspaces(store: Stores) -> None:
    """Every query is scoped by workspace [LG26]."""
    await store.log.create([new(1), new(2, workspace=OTHER)])
    for number, name in ((3, LOCAL), (4, OTHER)):
        created = new(number, owner=A, start=None, workspace=name)
        await store.log.append([turn(number, new=created, project={"search": "needle"})])
    assert await find(store) == [3, 1]
    assert await find(store, workspace=OTHER) == [4, 2]
    assert await find(store, search="needle") == [3]
    assert await find(store, workspace=OTHER, search="needle") == [4]
    assert await find(store, statuses=("queued",), workspace=OTHER) == [2]
    assert await store.executions.counts(OTHER) == {"queued": 1, "running": 1}
    assert await store.executions.find_by_prefix(OTHER, "0193") == [
        execution_id(2), execution_id(4),
    ]  # fmt: skip


async def test_an_id_is_found_by_its_beginning(store: Stores) -> None:
    """A person types few characters; at most ten ids come back [CL6]."""
    await store.log.create([new(each) for each in range(1, 15)])
    special = ExecutionId("abcdef00-0000-7000-8000-000000000000")
    await store.log.create([new(50, execution_id=special)])
    assert await store.executions.find_by_prefix(LOCAL, "abc") == [special]
    assert await store.executions.find_by_prefix(LOCAL, special) == [special]
    assert len(await store.executions.find_by_prefix(LOCAL, "0193")) == 10
    for strange in ("abd", "zz", "%", "_", "a%", "' OR 1=1 --", "ABC", "ä"):
        assert await store.executions.find_by_prefix(LOCAL, strange) == []


async def make_texts(store: Stores, texts: dict[int, str], *, indexed: bool) -> None:
    """Create executions with these texts, and wait for the index if there is one."""
    for number, text in texts.items():
        await store.log.append([born(number, project={"search": text})])
    if indexed:
        await index(store)


async def index(store: Stores) -> None:
    """Have everything indexed, where a store has an indexer."""
    indexer = getattr(store.lifecycle, "indexer", None)
    if indexer is not None:
        await indexer.run_now()


TEXTS = {
    1: "the Quick brown fox",
    2: "quick_sort is O(n log n)",
    3: "Grüße aus der Café-Straße",
    4: '{"path": "/var/log/syslog", "n": 42}',
    5: "nothing of note",
}


@pytest.mark.parametrize("indexed", [False, True], ids=["fresh", "indexed"])
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("quick", [2, 1]),
        ("QUICK", [2, 1]),
        ("qui fo", [1]),
        ("fox quick the brown", [1]),
        ("quick_s", [2]),
        ("uick", []),
        ("cafe", [3]),
        ("café", [3]),
        ("GRÜSSE strasse", [3]),
        ("grusse", [3]),
        ("/var/log", [4]),
        ("syslog 42", [4]),
        ("42", [4]),
        ("nosuchword", []),
        ("quick nosuchword", []),
    ],
)
async def test_words_of_inputs_and_outputs_are_found(
    store: Stores, search: str, found: list[int], indexed: bool
) -> None:
    """Every word searched must begin a word of the text, indexed already or not yet [LG25]."""
    await make_texts(store, TEXTS, indexed=indexed)
    assert await find(store, search=search) == found


@pytest.mark.parametrize(
    "search",
    [
        "", "  ", "***", '"', "'", "' OR '1'='1", 'quick" OR words:"nothing', "quick OR nothing",
        "NEAR(quick fox)", "quick AND NOT nothing", "words:quick -fox", "quick* ^nothing",
        "{quick} zzz",
        "quick & nothing",
        "quick:* | nothing", "!nothing zzz", "\\", "a\\'b", "%", "_%",
        "quick\x00nothing", "$$ quick $$ zzz", "/* quick */ zzz", "; DROP TABLE executions; --",
    ],
)  # fmt: skip
async def test_a_search_cannot_speak_to_the_database(store: Stores, search: str) -> None:
    """Operators, quotes and comments are words like others, or nothing [LG25]."""
    await make_texts(store, TEXTS, indexed=True)
    assert await find(store, search=search) == []
    assert len(await find(store)) == 5


async def test_the_newest_text_of_an_execution_counts(store: Stores) -> None:
    """Inputs are found before outputs are there, then what the last turn said [LG25]."""
    await store.log.append([born(1, project={"search": "apples"})])
    assert await find(store, search="apples") == [1]
    await store.log.append([turn(1, after=1)])
    assert await find(store, search="apples") == [1]
    await index(store)
    assert await find(store, search="apples") == [1]
    await store.log.append([turn(1, after=2, project={"search": "pears"})])
    assert await find(store, search="apples") == []
    assert await find(store, search="pears") == [1]
    await index(store)
    assert await find(store, search="apples") == []
    assert await find(store, search="pears") == [1]


async def test_a_search_goes_with_every_other_filter(store: Stores) -> None:
    """Text, workflow, status and pages in one query [LG25]."""
    for number in range(1, 9):
        created = new(number, owner=A, start=None, workflow="ab"[number % 2])
        text = "needle" if number > 2 else "hay"
        status: ExecutionStatus = "waiting" if number > 4 else "running"
        await store.log.append(
            [turn(number, new=created, status=status, project={"search": f"{text} {number}"})]
        )
        if number == 6:
            await index(store)  # a part is indexed, a part waits
    assert await find(store, search="needle", workflow="b") == [7, 5, 3]
    assert await find(store, search="needle", statuses=("running",)) == [4, 3]
    assert await find(store, search="needle", statuses=("waiting",), workflow="a") == [8, 6]
    assert await find(store, search="needle", limit=2, before=execution_id(7)) == [6, 5]
    assert await find(store, search="needle", with_children=True, limit=1) == [8]


async def test_a_long_text_is_cut_and_still_found(store: Stores) -> None:
    """Only so much of a text is indexed; a huge one breaks nothing [LG25, EN19]."""
    text = "beginning " + "x" * 3_000 + " " + "word " * 40_000 + "ending"
    await make_texts(store, {1: text}, indexed=False)
    for _ in range(2):
        assert await find(store, search="beginning") == [1]
        assert await find(store, search="ending") == []
        await index(store)


async def test_texts_are_indexed_by_themselves(stores: MakeStores) -> None:
    """Nobody has to ask for it; what an earlier process left is done by the next [LG25]."""
    store = await stores("a")
    await make_texts(store, {each: f"word{each}" for each in range(1, 120)}, indexed=False)
    await store.lifecycle.close()
    store = await stores("b")
    indexer = getattr(store.lifecycle, "indexer", None)
    if indexer is not None:
        indexer.wake(0.0)
    async with asyncio.timeout(20):
        while indexer is not None and await waiting_texts(store):
            await store.changes.wait(0.05)
    assert await find(store, search="word117") == [117]
    assert len(await find(store, search="word", limit=200)) == 119


async def waiting_texts(store: Stores) -> int:
    """Return how many texts are not indexed yet."""
    query = "SELECT count(*) FROM search_texts WHERE text IS NOT NULL"
    if isinstance(store.lifecycle, SqliteLifecycle):
        rows = await store.lifecycle.readers.call(
            lambda connection: connection.execute(query).fetchone()
        )
        return int(rows[0])
    assert isinstance(store.lifecycle, PostgresLifecycle)
    async with store.lifecycle.database.transaction() as connection:
        return int(await connection.fetchval(query))

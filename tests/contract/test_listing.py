# SPDX-License-Identifier: Apache-2.0
"""Lists of executions by id, on both databases."""

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legato.adapters.sql.listing import SqlExecutionLists
from legato.adapters.sql.open import make_stores
from legato.model.events import (
    ExecutionEnded,
    ExecutionStarted,
    NodeCompleted,
    encode_event,
)
from legato.model.ids import ExecutionId, NodeId, WorkspaceId
from legato.model.values import encode, inline
from legato.ports.listing import Listing, ListQuery
from legato.ports.log import Projection, Turn
from legato.ports.stores import Stores
from tests.contract.build import LOCAL, START, VERSION, A, execution_id, new
from tests.contract.conftest import Backend, sqlite_backend

OTHER = WorkspaceId("other")
REPORT = "01930000-0000-7000-8000-00000000aaaa"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Return how a process makes its ports; a store in memory has no such lists."""
    if request.param == "sqlite":
        return sqlite_backend(tmp_path)
    url = request.getfixturevalue("empty_postgres_url")
    return lambda _process, limits: make_stores(url, "memory:", home=tmp_path, limits=limits)


def run(
    place: int, *, inputs: Any = None, outputs: Any = None, status: Any = "completed", **row: Any
) -> Turn:
    """Return the only turn of an execution."""
    workspace = row.get("workspace", LOCAL)
    started = ExecutionStarted(
        workspace=workspace,
        workflow="report",
        version=VERSION,
        inputs=inline(encode(inputs or {})),
    )
    middle = NodeCompleted(NodeId("a"), inline(encode({"node": f"output{place}"})))
    events = [encode_event(started), encode_event(middle)]
    if status in {"completed", "failed"}:
        events.append(encode_event(ExecutionEnded(status, inline(encode(outputs)))))
    made = msgspec.structs.replace(new(place, owner=A, start=None), **row)
    text = f"report {encode(inputs or {}).decode()} {encode(outputs).decode()}"
    return Turn(
        execution_id=made.execution_id,
        fence=1,
        prev_seq=0,
        at=5_000,
        events=tuple(events),
        projection=Projection(status=status, search=text, waiting_for=row.get("waiting_for")),
        new=made,
    )


def numbers(found: Listing) -> list[int]:
    """Return which executions were found, in order."""
    return [int(row.execution_id[-12:], 16) for row in found.rows]


async def listed(store: Stores, **wanted: Any) -> list[int]:
    """List what there is in the local workspace, unless another is named."""
    return numbers(await store.lists.page(ListQuery(**{"workspace": LOCAL, **wanted})))


def at(ms: int, number: int = 1) -> ExecutionId:
    """Return an id of a millisecond."""
    digits = f"{ms:012x}"
    return ExecutionId(f"{digits[:8]}-{digits[8:]}-7000-8000-{number:012x}")


async def test_pages_go_from_newest_to_oldest_without_gap_or_double(store: Stores) -> None:
    """Roots of one workspace by falling id, one more than asked for if there are more [XR10]."""
    await store.log.append([run(number) for number in range(1, 8)])
    await store.log.append([run(9, workspace=OTHER), run(10, parent=execution_id(3))])
    assert await listed(store, limit=3) == [7, 6, 5, 4]
    assert await listed(store, limit=3, before=execution_id(5)) == [4, 3, 2, 1]
    assert await listed(store, limit=3, before=execution_id(1)) == []
    assert await listed(store, workspace=OTHER) == [9]
    assert await listed(store, parent=execution_id(3)) == [10]
    assert await listed(store, workspace=OTHER, parent=execution_id(3)) == []


async def test_every_pair_of_filters_holds_together(store: Stores) -> None:
    """Each filter alone and with each other gives what a look at every row gives [XR10]."""
    facts: dict[int, dict[str, Any]] = {}
    turns = []
    for number in range(1, 33):
        facts[number] = {
            "statuses": ("failed",) if number % 2 else ("completed",),
            "workflow": "ab"[number // 2 % 2],
            "workflow_id": REPORT if number // 4 % 2 else None,
            "number": number // 8 % 2 + 1,
            "trigger": ("api", "cron")[number // 16 % 2],
            "search": "odd" if number % 3 else "even",
            "values": (("kind", "odd" if number % 3 else "even"),),
        }
        fact = facts[number]
        row = {name: fact[name] for name in ("workflow", "workflow_id", "number", "trigger")}
        inputs = {"kind": fact["search"]}
        turns.append(run(number, inputs=inputs, status=fact["statuses"][0], **row))
    await store.log.append(turns)
    wanted: dict[str, Any] = {
        "statuses": ("failed",), "workflow": "b", "workflow_id": REPORT, "number": 2,
        "trigger": "cron", "search": "odd", "values": (("kind", "odd"),),
    }  # fmt: skip
    for names in [*itertools.combinations(wanted, 1), *itertools.combinations(wanted, 2)]:
        asked = {name: wanted[name] for name in names}
        right = [n for n in range(32, 0, -1) if all(facts[n][k] == v for k, v in asked.items())]
        assert await listed(store, **asked) == right, names
        assert await listed(store, **asked, limit=2) == right[:3], names
        before = execution_id(16)
        assert await listed(store, **asked, before=before) == [n for n in right if n < 16], names
    assert len(await listed(store, statuses=("failed", "completed", "failed"))) == 32


async def test_times_are_those_of_creation(store: Stores) -> None:
    """From counts in, to does not, and pages go on within them [XR10]."""
    base = 1_800_000_000_000
    await store.log.append(
        [
            run(n, execution_id=at(base + n * 10_000), created_at=base + n * 10_000)
            for n in range(1, 6)
        ]
    )

    async def found(**wanted: Any) -> list[int]:
        page = await store.lists.page(ListQuery(workspace=LOCAL, **wanted))
        return [(row.created_at - base) // 10_000 for row in page.rows]

    assert await found(created_from=base + 20_000, created_to=base + 40_000) == [3, 2]
    assert await found(created_from=base + 20_001) == [5, 4, 3]
    assert await found(created_to=base + 20_000, statuses=("completed",)) == [1]
    assert await found(created_from=base + 20_000, search="report") == [5, 4, 3, 2]
    assert await found(created_from=base + 20_000, limit=2, before=at(base + 40_000)) == [3, 2]


async def test_words_of_inputs_outputs_and_nodes_are_found(store: Stores) -> None:
    """Whole words, all of them, whatever their case, as soon as they are committed [XR11]."""
    await store.log.append(
        [
            run(1, inputs={"customer": "Ärger GmbH"}, outputs={"total": 42}),
            run(2, inputs={"customer": "Arger"}, outputs={"note": "alpha beta gamma"}),
            run(3, inputs={"note": "gamma beta"}, status="running"),
        ]
    )
    assert await listed(store, search="ARGER") == [2, 1]
    assert await listed(store, search="arger gmbh") == [1]
    assert await listed(store, search="output2") == [2]
    assert await listed(store, search="gam") == []
    assert await listed(store, search="42") == [1]
    assert await listed(store, search="gamma", workspace=OTHER) == []
    assert await listed(store, search="  ?!  ") == []


async def test_phrases_are_words_side_by_side(store: Stores) -> None:
    """In quotes, also without the second one [XR12]."""
    await store.log.append(
        [run(1, inputs={"a": "alpha beta gamma"}), run(2, inputs={"a": "beta alpha gamma"})]
    )
    assert await listed(store, search='"alpha beta"') == [1]
    assert await listed(store, search='"alpha beta gamma') == [1]
    assert await listed(store, search='gamma "beta alpha"') == [2]
    assert await listed(store, search='"gamma"') == [2, 1]
    assert await listed(store, search='""') == []
    assert await listed(store, search='"gamma alpha"') == []
    assert await listed(store, search='"gamma node"') == []


NONE = (
    "a OR report", "NOT nothing", "rep*", "words:report", "NEAR(report nothing)", "report & !x",
    "report <-> y", "'", "\\", "\x00",
)  # fmt: skip
"""Searches that an engine would understand in its own way, and that find nothing here."""
ONE = ("-report", "^report", "(report", "report:*", "a | report")


@pytest.mark.parametrize("search", NONE + ONE)
async def test_nothing_in_a_search_is_an_operator(store: Stores, search: str) -> None:
    """What is no word only parts words [XR11]."""
    await store.log.append([run(1, inputs={"a": "report"})])
    assert await listed(store, search=search) == ([1] if search in ONE else [])


async def test_values_are_found_whole(store: Stores) -> None:
    """By path and text, of inputs and outputs, up to three together [XR13]."""
    deep: Any = "x"
    for _ in range(8):
        deep = {"d": deep}
    await store.log.append(
        [
            run(1, inputs={"id": 7, "tags": ["a", "b"], "ok": True, "deep": deep}),
            run(2, inputs={"id": "7", "none": None}, outputs={"id": 8.5}),
            run(3, inputs={"long": "y" * 257, **{f"k{n}": n for n in range(300)}}),
            run(4, outputs="done"),
        ]
    )

    async def found(*values: tuple[str, str]) -> list[int]:
        return await listed(store, values=values)

    assert await found(("id", "7")) == [2, 1]
    assert await found(("inputs.id", "7")) == [2, 1]
    assert await found(("outputs.id", "7")) == []
    assert await found(("id", "7"), ("id", "8.5")) == [2]
    assert await found(("tags.1", "b"), ("ok", "true"), ("inputs.id", "7")) == [1]
    assert await found(("none", "null")) == [2]
    assert await found(("outputs", "done")) == [4]
    assert await found(("deep.d.d.d.d.d.d.d.d", "x")) == []
    assert await found(("long", "y" * 257)) == []
    assert await found(("k0", "0")) == [3]
    assert await found(("k299", "299")) == []
    assert await listed(store, values=(("id", "7"),), workspace=OTHER) == []


async def test_a_page_that_looks_too_long_says_where_it_was(store: Stores) -> None:
    """It ends after 40 ms, and the next goes on from there: nothing is left out [XR14]."""
    await store.log.append(
        [run(n, status="failed" if n in {1, 60} else "completed") for n in range(1, 121)]
    )
    lists = store.lists
    assert isinstance(lists, SqlExecutionLists)
    ticks = itertools.count(0, 1.0)
    lists._monotonic = lambda: next(ticks)
    for wanted in ({"statuses": ("failed",), "workflow": "report"}, {"search": "output60"}):
        found: list[int] = []
        before, pages = None, 0
        while True:
            query = ListQuery(workspace=LOCAL, limit=5, before=before, **wanted)
            page = await lists.page(query)
            found += numbers(page)
            pages += 1
            if page.searched_to is None:
                break
            before = page.searched_to
        assert found == ([60, 1] if "statuses" in wanted else [60])
        assert pages > 1 or "search" in wanted


async def test_one_look_shows_an_execution_as_committed(store: Stores) -> None:
    """Row, first event, and the last one once it has ended [XR15]."""
    assert await store.lists.look(execution_id(1)) is None
    await store.log.create([new(1)])
    queued = await store.lists.look(execution_id(1))
    assert queued is not None
    assert (queued.row.status, queued.first, queued.last) == ("queued", None, None)
    assert queued.start == START
    ended, open_ = run(2, inputs={"a": 1}, outputs={"b": 2}), run(3, status="running")
    await store.log.append([ended, open_])
    found = await store.lists.look(execution_id(2))
    assert found is not None
    assert (found.first, found.last) == (ended.events[0], ended.events[-1])
    assert found.row == await store.executions.get(execution_id(2))
    running = await store.lists.look(execution_id(3))
    assert running is not None
    assert (running.first, running.last) == (open_.events[0], None)


async def test_open_executions_that_wait_are_listed_and_counted(store: Stores) -> None:
    """Of one workspace, children too, by falling id [XR16]."""
    await store.log.append(
        [
            waiting(1, "waiting"),
            waiting(2, "running"),
            waiting(3, "completed"),
            run(4, status="running"),
            waiting(5, "waiting", parent=execution_id(1)),
            waiting(6, "waiting", workspace=OTHER),
        ]
    )
    found = await store.lists.asking(LOCAL, before=None, limit=2)
    assert numbers(Listing(found)) == [5, 2]
    found = await store.lists.asking(LOCAL, before=execution_id(2), limit=2)
    assert numbers(Listing(found)) == [1]
    assert await store.lists.count_asking(LOCAL, limit=100) == 3
    assert await store.lists.count_asking(LOCAL, limit=2) == 2


def waiting(number: int, status: str, **row: Any) -> Turn:
    """Return the turn of an execution that waits for an approval."""
    made = run(number, status=status, **row)
    projection = msgspec.structs.replace(made.projection, waiting_for="ask: approval")
    return msgspec.structs.replace(made, projection=projection)

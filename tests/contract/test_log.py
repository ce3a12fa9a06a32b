# SPDX-License-Identifier: Apache-2.0
"""The log port on every store."""

import asyncio

import pytest

from legato.errors import LimitExceeded
from legato.model.policy import Limits
from legato.model.values import BlobRef
from legato.ports.stores import Stores
from tests.contract.build import LOCAL, START, A, B, body, born, execution_id, new, signal, turn
from tests.contract.conftest import MakeStores

ONE = execution_id(1)


async def test_events_get_the_seqs_one_two_three_without_a_gap(store: Stores) -> None:
    """The owner chooses seq; what is read is what was appended, byte for byte [LG1, LG30]."""
    assert await store.log.append([born(events=3)]) == [True]
    assert await store.log.append([turn(after=3, events=2)]) == [True]
    rows = await store.log.read(ONE)
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.body for row in rows] == [body(seq) for seq in range(1, 6)]
    assert [row.at for row in rows] == [5_000] * 3 + [5_003] * 2


async def test_a_turn_may_hold_many_events(store: Stores) -> None:
    """A turn of any length is one step of the log [LG1, LG4]."""
    for count in (4, 5, 19, 20, 300):
        number = 100 + count
        assert await store.log.append([born(number, events=count)]) == [True]
        rows = await store.log.read(execution_id(number))
        assert [row.seq for row in rows] == list(range(1, count + 1))
        assert [row.body for row in rows] == [body(seq) for seq in range(1, count + 1)]


async def test_a_large_batch_is_appended_whole(store: Stores) -> None:
    """Turns of many executions share one transaction [LG4]."""
    numbers = range(1, 701)
    assert await store.log.append([born(each) for each in numbers]) == [True] * 700
    assert await store.log.append([turn(each, after=1) for each in numbers]) == [True] * 700
    heads = await store.log.heads([execution_id(each) for each in numbers])
    assert set(heads.values()) == {2}
    assert len(heads) == 700


async def test_an_empty_batch_is_accepted(store: Stores) -> None:
    """Nothing to append is nothing to refuse [LG4]."""
    assert list(await store.log.append([])) == []
    assert list(await store.log.create([])) == []


async def test_a_stale_fence_is_refused_and_the_rest_of_the_batch_stands(store: Stores) -> None:
    """A former owner's turn changes nothing; the other turns are kept [LG3, OW1]."""
    await store.log.append([born(1), born(2), born(3)])
    accepted = await store.log.append(
        [turn(1, after=1), turn(2, after=1, fence=7), turn(3, after=1)]
    )
    assert list(accepted) == [True, False, True]
    assert await store.log.heads([execution_id(each) for each in (1, 2, 3)]) == {
        execution_id(1): 2,
        execution_id(2): 1,
        execution_id(3): 2,
    }


@pytest.mark.parametrize("after", [0, 2])
async def test_a_head_that_does_not_match_is_refused(store: Stores, after: int) -> None:
    """A turn taken on another state than the committed one is refused [LG3]."""
    await store.log.append([born()])
    assert list(await store.log.append([turn(after=after)])) == [False]
    assert [row.seq for row in await store.log.read(ONE)] == [1]


async def test_a_turn_of_an_unknown_execution_is_refused(store: Stores) -> None:
    """There is nothing that it could belong to [LG3]."""
    assert list(await store.log.append([turn(9)])) == [False]
    assert await store.log.read(execution_id(9)) == []


async def test_creating_what_exists_is_refused_and_changes_nothing(store: Stores) -> None:
    """The same start twice starts once [EN6]."""
    assert list(await store.log.append([born(events=2)])) == [True]
    assert list(await store.log.append([born(owner=B, events=1)])) == [False]
    row = await store.executions.get(ONE)
    assert row is not None
    assert (row.owner, row.head_seq) == (A, 2)
    assert list(await store.log.create([new(1), new(2), new(2)])) == [False, True, False]


async def test_a_refused_turn_leaves_nothing_of_itself_behind(owned: Stores) -> None:
    """Events, projection, children, signals and marks of a turn come or go together [LG3, LG8]."""
    await owned.log.append([born(1), born(2)])
    await owned.inbox.send(ONE, "k", b"{}")
    (pending,) = await owned.inbox.pending(A)
    refused = turn(
        1,
        after=1,
        fence=9,
        status="failed",
        project={"search": "needle"},
        consumed=(pending.id,),
        children=(new(50),),
        outbox=(signal(2, "from-one"),),
    )
    assert list(await owned.log.append([refused, turn(2, after=1)])) == [False, True]
    row = await owned.executions.get(ONE)
    assert row is not None
    assert (row.status, row.head_seq) == ("running", 1)
    assert [each.id for each in await owned.inbox.pending(A)] == [pending.id]
    assert await owned.executions.get(execution_id(50)) is None


async def test_a_turn_brings_children_signals_and_marks_with_it(owned: Stores) -> None:
    """All of a turn is durable with its events [LG8, LG14]."""
    await owned.log.append([born(1), born(2)])
    await owned.inbox.send(ONE, "k", b'{"a":1}')
    (pending,) = await owned.inbox.pending(A)
    whole = turn(
        1,
        after=1,
        events=2,
        project={"nodes_done": 1, "nodes_total": 4, "waiting_for": "child"},
        consumed=(pending.id,),
        children=(new(50, parent=ONE, root=ONE, owner=A), new(51, parent=ONE)),
        outbox=(signal(2, "from-one", b'{"b":2}'), signal(99, "nobody"), signal(50, "hello")),
        blobs=(BlobRef("0" * 64, 70_000),),
    )
    assert list(await owned.log.append([whole])) == [True]
    row = await owned.executions.get(ONE)
    assert row is not None
    assert (row.head_seq, row.nodes_done, row.nodes_total, row.waiting_for) == (3, 1, 4, "child")
    child = await owned.executions.get(execution_id(50))
    assert child is not None
    assert (child.status, child.owner, child.parent, child.head_seq) == ("queued", A, ONE, 0)
    left = await owned.inbox.pending(A)
    assert [(each.execution_id, each.body) for each in left] == [
        (execution_id(2), b'{"b":2}'),
        (execution_id(50), b'{"type":"FireTimers"}'),
    ]


async def test_a_child_that_exists_is_left_as_it_is(store: Stores) -> None:
    """Starting a child twice starts it once [EN6]."""
    await store.log.append([born(1, children=(new(50, owner=A),))])
    await store.log.append([turn(50, events=2)])
    assert list(await store.log.append([turn(1, after=1, children=(new(50),))])) == [True]
    child = await store.executions.get(execution_id(50))
    assert child is not None
    assert (child.owner, child.head_seq) == (A, 2)


async def test_turns_of_parent_and_new_child_may_meet_in_one_batch(store: Stores) -> None:
    """Turns are applied in their order [LG4]."""
    batch = [born(1, children=(new(50, owner=A),)), turn(50, events=2), turn(8)]
    assert list(await store.log.append(batch)) == [True, True, False]
    assert [row.seq for row in await store.log.read(execution_id(50))] == [1, 2]


async def test_a_turn_without_events_changes_the_projection_alone(store: Stores) -> None:
    """A refused or duplicate signal adds no event but is marked [LG8, EN5]."""
    await store.log.append([born()])
    quiet = turn(after=1, events=0, status="waiting", project={"wake_at": 9_000})
    assert list(await store.log.append([quiet])) == [True]
    row = await store.executions.get(ONE)
    assert row is not None
    assert (row.status, row.head_seq) == ("waiting", 1)


async def test_the_start_is_forgotten_once_the_log_holds_it(owned: Stores) -> None:
    """A start travels with the claim until a turn has recorded it [OW5]."""
    await owned.log.create([new()])
    (claim,) = await owned.owners.claim(A, limit=5)
    assert claim.start == START
    await owned.log.append([turn(fence=claim.fence, project={"is_busy": True})])
    await owned.owners.resign(A)
    await owned.owners.register(B, lease_ms=60_000, adopts=True)
    (again,) = await owned.owners.claim(B, limit=5)
    assert again.start is None
    assert again.head_seq == 1


async def test_a_turn_of_no_events_keeps_the_start(owned: Stores) -> None:
    """Nothing is lost if an execution is touched before it has begun [EN1]."""
    await owned.log.create([new()])
    await owned.owners.claim(A, limit=5)
    quiet = turn(events=0, status="queued", project={"is_busy": True})
    assert list(await owned.log.append([quiet])) == [True]
    await owned.owners.resign(A)
    await owned.owners.register(B, lease_ms=60_000, adopts=True)
    (again,) = await owned.owners.claim(B, limit=5)
    assert again.start == START


async def test_reading_pages_through_a_log(store: Stores) -> None:
    """A reader goes on from the last seq it saw [LG9]."""
    await store.log.append([born(events=10)])
    assert [row.seq for row in await store.log.read(ONE, after=4, limit=3)] == [5, 6, 7]
    assert await store.log.read(ONE, after=10) == []


async def test_reading_may_begin_inside_a_turn(store: Stores) -> None:
    """A watcher resumes from any seq, also from one in the middle of a turn [LG9]."""
    await store.log.append([born(events=7)])
    await store.log.append([turn(after=7, events=40)])
    for after in (0, 1, 6, 7, 8, 30, 46, 47):
        rows = await store.log.read(ONE, after=after)
        assert [row.seq for row in rows] == list(range(after + 1, 48))
        assert [row.seq for row in await store.log.read(ONE, after=after, limit=1)] == (
            [after + 1] if after < 47 else []
        )


async def test_several_logs_are_read_at_once(store: Stores) -> None:
    """Adoption reads whole logs in few round trips [EN17]."""
    await store.log.append([born(1, events=3), born(2, events=1)])
    await store.log.create([new(3)])
    ids = [execution_id(each) for each in (1, 2, 3, 4)]
    logs = await store.log.read_many(ids)
    assert {each: [row.seq for row in rows] for each, rows in logs.items()} == {
        ids[0]: [1, 2, 3],
        ids[1]: [1],
        ids[2]: [],
        ids[3]: [],
    }
    assert logs[ids[0]][2].body == body(3)
    assert await store.log.heads(ids) == {ids[0]: 3, ids[1]: 1, ids[2]: 0}


async def test_concurrent_batches_are_all_kept(store: Stores) -> None:
    """Whoever waits joins the next commit; nobody's turn is lost or doubled [LG4, LG5]."""
    await asyncio.gather(*(store.log.append([born(each)]) for each in range(1, 61)))
    for seq in range(1, 6):
        accepted = await asyncio.gather(
            *(store.log.append([turn(each, after=seq)]) for each in range(1, 61))
        )
        assert [list(each) for each in accepted] == [[True]] * 60
    heads = await store.log.heads([execution_id(each) for each in range(1, 61)])
    assert set(heads.values()) == {6}


async def test_of_two_turns_on_one_head_one_is_accepted(stores: MakeStores) -> None:
    """Two processes that both believe to own an execution cannot both append [LG3, OW1, LG5]."""
    first, second = await stores("a"), await stores("b")
    await first.log.append([born()])
    accepted = await asyncio.gather(
        *(process.log.append([turn(after=1)]) for process in (first, second) for _ in range(5))
    )
    assert sorted(list(each) for each in accepted) == [[False]] * 9 + [[True]]
    assert [row.seq for row in await second.log.read(ONE)] == [1, 2]


async def test_what_is_committed_is_read_by_every_process(stores: MakeStores) -> None:
    """After `append` returned, every reader sees it [LG7, LG9]."""
    first, second = await stores("a"), await stores("b")
    await first.log.append([born(events=2)])
    assert [row.seq for row in await second.log.read(ONE)] == [1, 2]
    await second.log.append([turn(after=2)])
    assert await first.log.heads([ONE]) == {ONE: 3}


async def test_more_queued_executions_than_admitted_are_refused(stores: MakeStores) -> None:
    """Over the limit a start is refused as a whole and nothing of it is kept [OW12]."""
    store = await stores(limits=Limits(max_queued_executions=3))
    assert list(await store.log.create([new(1), new(2)])) == [True, True]
    with pytest.raises(LimitExceeded):
        await store.log.create([new(3), new(4)])
    assert await store.executions.get(execution_id(3)) is None
    assert list(await store.log.create([new(1)])) == [False]
    await store.owners.register(A, lease_ms=60_000, adopts=True)
    for claim in await store.owners.claim(A, limit=1):
        await store.log.append([turn(1, fence=claim.fence)])
    assert list(await store.log.create([new(3), new(1), new(4)])) == [True, False, True]
    with pytest.raises(LimitExceeded):
        await store.log.create([new(5)])


async def test_messages_with_strange_characters_break_no_batch(store: Stores) -> None:
    """NUL and lone surrogates in an error message are replaced, not refused [LG11, LG30]."""
    odd = turn(1, after=1, status="failed", project={"error": "a\x00b\ud800c", "ended_at": 3})
    await store.log.append([born(1), born(2)])
    assert list(await store.log.append([odd, turn(2, after=1)])) == [True, True]
    row = await store.executions.get(ONE)
    assert row is not None
    assert row.error is not None
    assert row.error.startswith("a")
    assert row.error.endswith("c")


async def test_the_epoch_is_one_until_history_is_lost(store: Stores) -> None:
    """A new store begins with epoch 1 [VW1]."""
    assert await store.lifecycle.epoch() == 1
    assert await store.executions.counts(LOCAL) == {}

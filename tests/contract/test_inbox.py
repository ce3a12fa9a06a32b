# SPDX-License-Identifier: Apache-2.0
"""The inbox port on every store."""

import asyncio

import pytest

from legato.errors import Conflict, LimitExceeded, NotFound
from legato.model.policy import Limits
from legato.ports.stores import Stores
from tests.contract.build import LEASE_MS, A, B, born, execution_id, new, signal, turn
from tests.contract.conftest import MakeStores

ONE, TWO = execution_id(1), execution_id(2)


async def test_signals_arrive_in_order_at_the_owner(owned: Stores) -> None:
    """A signal is durable when `send` returns, and collected oldest first [EN1]."""
    await owned.log.append([born(1), born(2)])
    for number, key in ((1, "a"), (2, "b"), (1, "c")):
        assert await owned.inbox.send(execution_id(number), key, b'{"k":"%s"}' % key.encode())
    rows = await owned.inbox.pending(A)
    assert [(row.execution_id, row.body) for row in rows] == [
        (ONE, b'{"k":"a"}'),
        (TWO, b'{"k":"b"}'),
        (ONE, b'{"k":"c"}'),
    ]
    assert [row.id for row in rows] == sorted({row.id for row in rows})
    assert [row.id for row in await owned.inbox.pending(A, limit=2)] == [row.id for row in rows[:2]]
    assert [row.body for row in await owned.inbox.pending_for([TWO])] == [b'{"k":"b"}']


async def test_a_signal_is_stored_once_per_key(owned: Stores) -> None:
    """The dedupe key is unique per execution, also after it was consumed [LG14, EN5]."""
    await owned.log.append([born(1), born(2)])
    assert await owned.inbox.send(ONE, "k", b'{"n":1}') is True
    assert await owned.inbox.send(ONE, "k", b'{"n":2}') is False
    assert await owned.inbox.send(TWO, "k", b'{"n":3}') is True
    (row,) = await owned.inbox.pending_for([ONE])
    assert row.body == b'{"n":1}'
    await owned.log.append([turn(1, after=1, consumed=(row.id,))])
    assert await owned.inbox.pending_for([ONE]) == []
    assert await owned.inbox.send(ONE, "k", b'{"n":4}') is False
    assert await owned.inbox.pending_for([ONE]) == []


async def test_a_turn_consumes_only_signals_of_its_execution(owned: Stores) -> None:
    """A wrong id marks nobody else's signal [LG14]."""
    await owned.log.append([born(1), born(2)])
    await owned.inbox.send(TWO, "k", b"{}")
    (row,) = await owned.inbox.pending_for([TWO])
    await owned.log.append([turn(1, after=1, consumed=(row.id,))])
    assert [each.id for each in await owned.inbox.pending_for([TWO])] == [row.id]


async def test_only_the_owner_collects(owned: Stores) -> None:
    """Signals of executions that nobody owns wait for their owner [EN1]."""
    await owned.log.append([born(1), born(2, owner=B)])
    await owned.log.create([new(3)])
    for number in (1, 2, 3):
        await owned.inbox.send(execution_id(number), "k", b"{}")
    assert [row.execution_id for row in await owned.inbox.pending(A)] == [ONE]
    assert [row.execution_id for row in await owned.inbox.pending(B)] == [TWO]


async def test_a_signal_to_nobody_is_refused(store: Stores) -> None:
    """There is no such execution [EN7]."""
    with pytest.raises(NotFound):
        await store.inbox.send(ONE, "k", b"{}")


async def test_a_signal_after_the_end_is_refused(store: Stores) -> None:
    """An ended execution takes no signal and keeps none [LG14, ST3]."""
    await store.log.append([born(1), born(2)])
    await store.inbox.send(ONE, "k", b"{}")
    end = turn(1, after=1, status="completed", project={"ended_at": 9})
    await store.log.append([end, turn(2, after=1, outbox=(signal(1, "late"),))])
    assert await store.inbox.pending_for([ONE]) == []
    for key in ("k", "new"):
        with pytest.raises(Conflict):
            await store.inbox.send(ONE, key, b"{}")


async def test_a_flood_is_refused(stores: MakeStores) -> None:
    """Unconsumed signals are bounded per execution [EN9]."""
    store = await stores(limits=Limits(max_inbox_per_execution=3))
    await store.log.append([born(1), born(2)])
    for key in "abc":
        await store.inbox.send(ONE, key, b"{}")
    with pytest.raises(LimitExceeded):
        await store.inbox.send(ONE, "d", b"{}")
    assert await store.inbox.send(ONE, "a", b"{}") is False
    assert await store.inbox.send(TWO, "d", b"{}") is True
    rows = await store.inbox.pending_for([ONE])
    await store.log.append([turn(1, after=1, consumed=(rows[0].id,))])
    assert await store.inbox.send(ONE, "d", b"{}") is True


async def test_a_flood_at_once_is_refused_too(stores: MakeStores) -> None:
    """The bound holds for signals that share a commit [EN9]."""
    store = await stores(limits=Limits(max_inbox_per_execution=5))
    await store.log.append([born(1)])
    sent = await asyncio.gather(
        *(store.inbox.send(ONE, f"k{each}", b"{}") for each in range(20)), return_exceptions=True
    )
    assert sum(each is True for each in sent) == 5
    assert sum(isinstance(each, LimitExceeded) for each in sent) == 15
    assert len(await store.inbox.pending_for([ONE])) == 5


async def test_the_same_signal_from_many_senders_counts_once(stores: MakeStores) -> None:
    """At least once outside, once inside [LG14, EN5]."""
    first, second = await stores("a"), await stores("b")
    await first.log.append([born(1)])
    sent = await asyncio.gather(
        *(process.inbox.send(ONE, "k", b"{}") for process in (first, second) for _ in range(10))
    )
    assert sorted(sent) == [False] * 19 + [True]
    assert len(await first.inbox.pending_for([ONE])) == 1


async def test_a_signal_and_the_end_at_once_leave_nothing_unseen(stores: MakeStores) -> None:
    """A signal is either collected before the end or refused after it [EN1, ST3]."""
    first, second = await stores("a"), await stores("b")
    await first.owners.register(A, lease_ms=LEASE_MS, adopts=True)
    for number in range(1, 21):
        await first.log.append([born(number)])
        end = turn(number, after=1, status="completed", project={"ended_at": 9})
        sent, _ = await asyncio.gather(
            second.inbox.send(execution_id(number), "k", b"{}"),
            first.log.append([end]),
            return_exceptions=True,
        )
        assert sent is True or isinstance(sent, Conflict)
        assert await first.inbox.pending_for([execution_id(number)]) == []

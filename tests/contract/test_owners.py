# SPDX-License-Identifier: Apache-2.0
"""The owners port on every store."""

import asyncio

import pytest

from legato.errors import NotFound
from legato.model.ids import EngineId, WorkspaceId
from legato.ports.owners import Claim
from legato.ports.stores import Stores
from tests.contract.build import LEASE_MS, START, A, B, born, execution_id, new, turn
from tests.contract.conftest import MakeStores

ONE, TWO, THREE = execution_id(1), execution_id(2), execution_id(3)
BUSY = {"is_busy": True}


def ids(claims: list[Claim]) -> list[str]:
    """Return what was claimed, in order."""
    return [claim.execution_id for claim in claims]


async def register(store: Stores, engine: EngineId, *, lease_ms: int = LEASE_MS) -> None:
    """Register an engine that adopts; a lease of 0 is over at once."""
    await store.owners.register(engine, lease_ms=lease_ms, adopts=True)


async def test_a_queued_execution_is_claimed_with_its_start(owned: Stores) -> None:
    """A claim raises the fence and carries what is needed to begin [OW5]."""
    await owned.log.create([new(1)])
    (claim,) = await owned.owners.claim(A, limit=10)
    assert claim == Claim(
        execution_id=ONE,
        workspace=new(1).workspace,
        version=new(1).version,
        workflow="report",
        fence=1,
        head_seq=0,
        status="queued",
        start=START,
        cause=None,
        created_at=1_001,
    )
    assert await owned.owners.claim(A, limit=10) == []
    assert list(await owned.log.append([turn(fence=1)])) == [True]


async def test_a_live_engines_executions_are_its_own(owned: Stores) -> None:
    """Nobody else may claim while the lease runs [OW1, OW14]."""
    await register(owned, B)
    await owned.log.append([born(1, project=BUSY)])
    await owned.inbox.send(ONE, "k", b"{}")
    assert await owned.owners.claim(B, limit=10) == []
    assert await owned.owners.claim_one(B, ONE) is None
    assert await owned.owners.claim_one(A, ONE) is None


async def test_a_dead_engine_is_taken_over_and_can_append_no_more(store: Stores) -> None:
    """Its lease is over: its executions are claimed and its fence is passed [OW4, OW5, OW1]."""
    await register(store, A, lease_ms=0)
    await store.log.append([born(1, project=BUSY), born(2)])
    await register(store, B)
    claims = await store.owners.claim(B, limit=10)
    assert [(claim.execution_id, claim.fence, claim.cause, claim.head_seq) for claim in claims] == [
        (ONE, 2, "engine_died", 1),
        (TWO, 2, None, 1),
    ]
    assert list(await store.log.append([turn(1, after=1, fence=1)])) == [False]
    assert list(await store.log.append([turn(1, after=1, fence=2)])) == [True]
    assert [row.engine for row in await store.owners.engines()] == [B]


async def test_renewing_keeps_an_engine_alive(store: Stores) -> None:
    """A lease is prolonged as long as nobody has declared the engine dead [OW2, OW8]."""
    await register(store, A, lease_ms=0)
    assert await store.owners.renew(A, lease_ms=LEASE_MS) is True
    await store.log.append([born(1)])
    await register(store, B)
    assert await store.owners.claim(B, limit=10) == []
    assert await store.owners.renew(B, lease_ms=LEASE_MS) is True


async def test_an_engine_that_was_declared_dead_learns_it(store: Stores) -> None:
    """After others may have claimed, `renew` says so and claims nothing [OW8]."""
    await register(store, A, lease_ms=0)
    await store.log.append([born(1), born(2)])
    await register(store, B)
    assert len(await store.owners.claim(B, limit=1)) == 1
    assert await store.owners.renew(A, lease_ms=LEASE_MS) is False
    assert await store.owners.claim(A, limit=10) == []
    assert await store.owners.claim_one(A, TWO) is None
    assert ids(await store.owners.claim(B, limit=10)) == [TWO]
    await register(store, A)
    assert await store.owners.renew(A, lease_ms=LEASE_MS) is True


async def test_an_unknown_engine_has_no_lease(store: Stores) -> None:
    """There is nothing to renew [OW2]."""
    assert await store.owners.renew(A, lease_ms=LEASE_MS) is False


async def test_an_engine_that_registers_anew_has_forgotten_what_it_owned(store: Stores) -> None:
    """What it owned is there to be claimed, also by itself [OW8, EN13]."""
    await register(store, A)
    await store.log.append([born(1, project=BUSY)])
    await register(store, A)
    (claim,) = await store.owners.claim(A, limit=10)
    assert (claim.execution_id, claim.fence, claim.cause) == (ONE, 3, "drained")


async def test_resigning_lets_go_at_once(owned: Stores) -> None:
    """What was in flight is claimed as drained; what rests is left alone [OW2, EN14]."""
    await register(owned, B)
    await owned.log.append([born(1, project=BUSY), born(2, status="waiting")])
    await owned.owners.resign(A)
    (claim,) = await owned.owners.claim(B, limit=10)
    assert (claim.execution_id, claim.cause, claim.fence) == (ONE, "drained", 3)
    assert [row.engine for row in await owned.owners.engines()] == [B]
    assert await owned.owners.owner_of(TWO) is None
    await owned.inbox.send(TWO, "k", b"{}")
    (claim,) = await owned.owners.claim(B, limit=10)
    assert (claim.execution_id, claim.cause) == (TWO, None)


async def test_releasing_keeps_only_the_reasons_to_come_back(owned: Stores) -> None:
    """An evicted execution comes back on its timer or a signal, and not before [OW13]."""
    await owned.log.append(
        [
            born(1, status="waiting", project={"wake_at": 1}),
            born(2, status="waiting", project={"wake_at": 2**52}),
            born(3, status="waiting"),
        ]
    )
    await owned.owners.release(A, [(ONE, 1), (TWO, 1), (THREE, 1)])
    assert await owned.owners.owner_of(ONE) is None
    assert ids(await owned.owners.claim(A, limit=10)) == [ONE]
    await owned.inbox.send(THREE, "k", b"{}")
    assert ids(await owned.owners.claim(A, limit=10)) == [THREE]
    await owned.inbox.send(TWO, "k", b"{}")
    assert ids(await owned.owners.claim(A, limit=10)) == [TWO]


@pytest.mark.parametrize("resigns", [False, True])
async def test_a_commit_that_comes_after_letting_go_is_refused(
    owned: Stores, resigns: bool
) -> None:
    """What was still under way changes nothing that nobody owns any more [OW1, LG3]."""
    await owned.log.append([born(1, status="waiting")])
    if resigns:
        await owned.owners.resign(A)
    else:
        await owned.owners.release(A, [(ONE, 1)])
    assert await owned.log.append([turn(1, after=1)]) == [False]
    assert await owned.log.heads([ONE]) == {ONE: 1}


async def test_releasing_with_an_old_fence_does_nothing(store: Stores) -> None:
    """What another owner has claimed meanwhile stays with it [OW1]."""
    await register(store, A, lease_ms=0)
    await store.log.append([born(1)])
    await register(store, B)
    await store.owners.claim(B, limit=10)
    await store.owners.release(A, [(ONE, 1)])
    await store.owners.release(B, [(ONE, 1)])
    await store.owners.release(A, [])
    owner = await store.owners.owner_of(ONE)
    assert owner is not None
    assert owner.engine == B


async def test_a_consumed_signal_wakes_nobody(owned: Stores) -> None:
    """Only what nobody has considered yet needs an owner [OW13]."""
    await owned.log.append([born(1, status="waiting")])
    await owned.inbox.send(ONE, "k", b"{}")
    (row,) = await owned.inbox.pending(A)
    await owned.log.append([turn(1, after=1, status="waiting", consumed=(row.id,))])
    await owned.owners.release(A, [(ONE, 1)])
    assert await owned.owners.claim(A, limit=10) == []


async def test_ended_executions_are_never_claimed(owned: Stores) -> None:
    """Nobody owns what has ended [ST3]."""
    end = {"ended_at": 9, "wake_at": 1, "is_busy": True}
    await owned.log.append([born(1, status="completed", project=end)])
    row = await owned.executions.get(ONE)
    assert row is not None
    assert row.owner is None
    assert await owned.owners.claim(A, limit=10) == []
    assert await owned.owners.claim_one(A, ONE) is None


async def test_the_order_is_the_dead_the_woken_the_queued(store: Stores) -> None:
    """Work in flight comes first, new work last, within a limit [OW4, OW11]."""
    await register(store, A, lease_ms=0)
    await store.log.create([new(9), new(8), new(7, workspace=WorkspaceId("other"))])
    await store.log.append([born(5), born(6)])
    await store.log.append([born(3, status="waiting", project={"wake_at": 1})])
    await store.owners.release(A, [(THREE, 1)])
    await register(store, B)
    first = await store.owners.claim(B, limit=3)
    assert ids(first) == [execution_id(5), execution_id(6), THREE]
    rest = await store.owners.claim(B, limit=10)
    assert set(ids(rest)) == {execution_id(each) for each in (7, 8, 9)}


async def test_queued_executions_are_served_in_turn_by_workspace(owned: Stores) -> None:
    """One workspace's flood does not keep another waiting; inside it is first come [OW11]."""
    flood = [new(each, workspace=WorkspaceId("a"), created_at=each) for each in range(1, 31)]
    late = [new(40 + each, workspace=WorkspaceId("b"), created_at=900) for each in range(3)]
    await owned.log.create(flood)
    await owned.log.create(late)
    order: list[str] = []
    for limit in (1, 1, 1, 2, 3, 100):
        order += ids(await owned.owners.claim(A, limit=limit))
    assert len(order) == 33
    spaces = ["b" if int(each[-4:], 16) >= 40 else "a" for each in order]
    assert spaces[:6].count("b") == 3
    assert set(spaces[6:]) == {"a"}
    inside = [each for each, space in zip(order, spaces, strict=True) if space == "a"]
    assert inside == sorted(inside)


async def test_one_execution_is_claimed_by_name(owned: Stores) -> None:
    """`resume` takes what nobody alive owns [OW10]."""
    with pytest.raises(NotFound):
        await owned.owners.claim_one(A, ONE)
    await owned.log.create([new(1)])
    claim = await owned.owners.claim_one(A, ONE)
    assert claim is not None
    assert (claim.fence, claim.start) == (1, START)
    await register(owned, B, lease_ms=0)
    await owned.log.append([born(2, owner=B, project=BUSY)])
    claim = await owned.owners.claim_one(A, TWO)
    assert claim is not None
    assert (claim.fence, claim.cause) == (2, "engine_died")


async def test_a_childs_start_comes_with_its_claim(store: Stores) -> None:
    """A child whose owner died before its first turn can be begun by another [OW6, EN13]."""
    await register(store, A, lease_ms=0)
    await store.log.append([born(1, children=(new(50, owner=A, parent=ONE),))])
    await register(store, B)
    claims = {each.execution_id: each for each in await store.owners.claim(B, limit=10)}
    child = claims[execution_id(50)]
    assert (child.fence, child.start, child.cause, child.status) == (2, START, None, "queued")


async def test_engines_are_listed_with_their_leases(store: Stores) -> None:
    """What is alive, since when it would be dead, and whether it adopts [OW2, OW9]."""
    await store.owners.register(A, lease_ms=LEASE_MS, adopts=False)
    await store.owners.register(B, lease_ms=0, adopts=True)
    rows = {row.engine: row for row in await store.owners.engines()}
    assert 0 < rows[A].lease_left_ms <= LEASE_MS
    assert rows[B].lease_left_ms <= 0
    assert (rows[A].adopts, rows[B].adopts) == (False, True)
    await store.log.append([born(1)])
    assert await store.owners.owner_of(execution_id(9)) is None
    owner = await store.owners.owner_of(ONE)
    assert owner is not None
    assert (owner.engine, owner.adopts) == (A, False)


async def test_eight_who_claim_at_once_share_without_overlap(stores: MakeStores) -> None:
    """Each execution has one owner, whoever races [OW1, OW14]."""
    names = [EngineId(f"engine-{each}") for each in range(8)]
    processes = [await stores(name) for name in names]
    for process, name in zip(processes, names, strict=True):
        await register(process, name)
    await register(processes[0], A, lease_ms=0)
    await processes[0].log.append([born(each, project=BUSY) for each in range(1, 41)])
    await processes[0].log.create([new(each) for each in range(100, 160)])

    async def claim_all(process: Stores, name: EngineId) -> list[Claim]:
        mine: list[Claim] = []
        misses = 0
        while misses < 3:
            got = await process.owners.claim(name, limit=7)
            mine += got
            misses = 0 if got else misses + 1
        return mine

    claimed = await asyncio.gather(
        *(claim_all(process, name) for process, name in zip(processes, names, strict=True))
    )
    everything = [claim.execution_id for claims in claimed for claim in claims]
    assert len(everything) == len(set(everything)) == 100
    for process, claims in zip(processes, claimed, strict=True):
        turns = [
            turn(int(each.execution_id[-12:], 16), after=each.head_seq, fence=each.fence)
            for each in claims
        ]
        assert all(await process.log.append(turns))


async def test_a_thousand_interrupted_executions_are_adopted_together(store: Stores) -> None:
    """Adoption takes few statements, not one per execution [EN17, OW4]."""
    await register(store, A, lease_ms=0)
    for first in range(0, 1_000, 250):
        await store.log.append(
            [born(each, project=BUSY, events=8) for each in range(first, first + 250)]
        )
    await register(store, B)
    claims = await store.owners.claim(B, limit=1_000)
    logs = await store.log.read_many([claim.execution_id for claim in claims])
    assert len(claims) == 1_000
    assert {len(rows) for rows in logs.values()} == {8}

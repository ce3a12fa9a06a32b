# SPDX-License-Identifier: Apache-2.0
"""What a fork keeps alive, and what belongs to an execution, on every store."""

from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.stores import Stores
from tests.contract.build import LOCAL, A, born, execution_id, new, turn

SOURCE, FORK, CHILD = execution_id(1), execution_id(2), execution_id(50)
ONE, TWO, THREE = (
    BlobRef(letter * 64, size) for letter, size in (("a", 70_000), ("b", 5), ("c", 9))
)


async def with_source(store: Stores) -> None:
    """Store a source that refers to two payloads, and a child of it that refers to a third."""
    await store.log.append([born(1, blobs=(ONE, TWO), children=(new(50, owner=A, parent=SOURCE),))])
    await store.log.append([turn(50, blobs=(THREE,))])


async def test_an_execution_knows_its_payloads(store: Stores) -> None:
    """What its turns referred to, each once [LG16]."""
    await with_source(store)
    await store.log.append([turn(1, after=1, blobs=(ONE,))])
    assert await store.executions.blobs(SOURCE) == [ONE, TWO]
    assert await store.executions.blobs(CHILD) == [THREE]
    assert await store.executions.blobs(execution_id(9)) == []


async def test_a_fork_keeps_the_payloads_of_its_source_from_its_first_turn(store: Stores) -> None:
    """Of the source and of what it called, beside its own; both hold them on [CL23, LG16]."""
    await with_source(store)
    other = BlobRef("d" * 64, 1)
    fork = born(2, blobs=(ONE, other), blobs_of=(SOURCE, CHILD))
    assert list(await store.log.append([fork, born(3)])) == [True, True]
    assert await store.executions.blobs(FORK) == [ONE, TWO, THREE, other]
    assert await store.executions.blobs(SOURCE) == [ONE, TWO]
    assert await store.executions.blobs(execution_id(3)) == []


async def test_a_queued_fork_keeps_them_before_anybody_runs_it(store: Stores) -> None:
    """With the same commit that creates it; creating it twice changes nothing [CL23, EN6]."""
    await with_source(store)
    fork = new(2, blobs_of=(SOURCE,))
    assert list(await store.log.create([new(4), fork, new(5)])) == [True, True, True]
    assert await store.executions.blobs(FORK) == [ONE, TWO]
    assert list(await store.log.create([new(2, blobs_of=(CHILD,))])) == [False]
    assert await store.executions.blobs(FORK) == [ONE, TWO]


async def test_a_fork_that_is_refused_keeps_nothing(store: Stores) -> None:
    """Its id exists already: whoever has it gets nothing for it [CL23, LG3]."""
    await with_source(store)
    await store.log.append([born(2)])
    assert list(await store.log.append([born(2, blobs_of=(SOURCE,))])) == [False]
    assert await store.executions.blobs(FORK) == []


async def test_payloads_stay_in_their_workspace(store: Stores) -> None:
    """A fork in another workspace gets none of them [CL23, LG26]."""
    await with_source(store)
    stranger = WorkspaceId("other")
    assert stranger != LOCAL
    foreign = turn(2, new=new(2, owner=A, start=None, workspace=stranger, blobs_of=(SOURCE,)))
    await store.log.append([foreign])
    await store.log.create([new(3, workspace=stranger, blobs_of=(SOURCE,))])
    assert await store.executions.blobs(FORK) == []
    assert await store.executions.blobs(execution_id(3)) == []


async def test_many_forks_are_created_at_once(store: Stores) -> None:
    """More than fit into one statement [CL23, LG4]."""
    await with_source(store)
    many = [new(number, blobs_of=(SOURCE, CHILD)) for number in range(100, 400)]
    assert all(await store.log.create(many))
    for number in (100, 256, 399):
        assert await store.executions.blobs(execution_id(number)) == [ONE, TWO, THREE]


async def test_what_an_execution_called_is_found_at_any_depth(store: Stores) -> None:
    """The oldest first, without strangers; bounded [CL26, GR19]."""
    await store.log.append([born(1, children=(new(10, parent=SOURCE), new(11, parent=SOURCE)))])
    await store.log.append([born(20, children=(new(30, parent=execution_id(10)),))])
    await store.log.append([born(2, children=(new(40, parent=execution_id(30)),))])
    found = await store.executions.descendants(SOURCE, limit=10)
    assert [row.execution_id for row in found] == [execution_id(each) for each in (10, 11, 30, 40)]
    assert found[2].parent == execution_id(10)
    few = await store.executions.descendants(SOURCE, limit=2)
    assert [row.execution_id for row in few] == [execution_id(10), execution_id(11)]
    assert await store.executions.descendants(execution_id(40), limit=10) == []

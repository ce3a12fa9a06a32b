# SPDX-License-Identifier: Apache-2.0
"""Retention, purges, and the end of a restored store's old life, on both databases."""

from collections.abc import Sequence
from typing import Any

from legato.model.ids import ExecutionId, NodeId, UserId, WorkspaceId
from legato.model.signals import CancelExecution, ResumeExecution, encode_signal
from legato.model.values import BlobRef
from legato.ports.attempt_logs import LogLine
from legato.ports.keeping import LastBackup
from legato.ports.stores import Stores
from tests.contract.accounts import DATABASES, actions, entry, hashed, token, with_ann
from tests.contract.build import LEASE_MS, LOCAL, A, execution_id, new, turn
from tests.contract.test_api_keys import key

pytestmark = DATABASES


async def ended(
    store: Stores, number: int, *, at: int = 6_000, blobs: Sequence[BlobRef] = (), **changes: Any
) -> ExecutionId:
    """Make an execution that has ended."""
    await begun(store, number, blobs=blobs, **changes)
    project = {"ended_at": at, "search": f"words of {number}"}
    last = turn(number, after=3, status="completed", project=project)
    assert await store.log.append([last]) == [True]
    return execution_id(number)


async def begun(
    store: Stores, number: int, *, blobs: Sequence[BlobRef] = (), **changes: Any
) -> ExecutionId:
    """Make an execution that is under way, owned by engine A."""
    await store.owners.register(A, lease_ms=LEASE_MS, adopts=True)
    made = turn(
        number, events=3, new=new(number, owner=A, start=None, **changes), blobs=tuple(blobs)
    )
    assert await store.log.append([made]) == [True]
    return execution_id(number)


async def swept(store: Stores) -> None:
    """Sweep until nothing is left."""
    while await store.keeping.sweep(2):
        pass


async def test_what_is_purged_is_gone_with_all_it_called(store: Stores) -> None:
    """Rows, events, lines, payloads and words go; another one keeps its own [BK42, BK43]."""
    shared, own = BlobRef("a" * 64, 10), BlobRef("b" * 64, 10)
    root = await ended(store, 1, blobs=[shared, own])
    child = await ended(store, 2, parent=root, root=root)
    other = await ended(store, 3, blobs=[shared])
    line = LogLine(execution_id=root, node=NodeId("n"), attempt=1, offset=0, at=1, text="x")
    await store.attempt_logs.append([line])
    assert await store.keeping.purge(LOCAL, root, entry("execution.purge")) == "purged"
    for each in (root, child):
        assert await store.executions.get(each) is None
    await swept(store)
    for each in (root, child):
        assert await store.log.read(each) == []
        assert await store.executions.blobs(each) == []
    assert len(await store.log.read(other)) == 4
    assert await store.executions.blobs(other) == [shared]
    assert await store.files.referred(LOCAL, [shared.hash, own.hash]) == {shared.hash}
    assert "execution.purge" in await actions(store)
    assert await store.keeping.purge(LOCAL, root) == "unknown"


async def test_what_is_open_or_called_or_elsewhere_stays(store: Stores) -> None:
    """An open one, the root of an open one, a child by itself, another workspace's [BK42]."""
    running = await begun(store, 1)
    root = await ended(store, 2)
    await begun(store, 3, parent=root, root=root)
    free = await ended(store, 4)
    child = await ended(store, 5, parent=free, root=free)
    assert await store.keeping.purge(LOCAL, running) == "open"
    assert await store.keeping.purge(LOCAL, root) == "open"
    assert await store.keeping.purge(LOCAL, child) == "child"
    assert await store.keeping.purge(WorkspaceId("other"), free) == "unknown"
    assert await store.keeping.sweep() == 0


async def test_what_is_too_old_is_found_by_its_end(store: Stores) -> None:
    """Roots only, by status, the oldest first [BK40]."""
    await ended(store, 1, at=9_000)
    await ended(store, 2, at=7_000)
    await ended(store, 3, at=7_000, parent=execution_id(2), root=execution_id(2))
    await ended(store, 4, at=20_000)
    found = await store.keeping.expired("completed", before=10_000, limit=10)
    assert found == [(LOCAL, execution_id(2)), (LOCAL, execution_id(1))]
    assert await store.keeping.expired("failed", before=10_000, limit=10) == []


async def test_old_lines_go_but_not_those_of_open_executions(store: Stores) -> None:
    """By the age of the line, page by page [BK41]."""
    done, open_one = await ended(store, 1), await begun(store, 2)
    await store.attempt_logs.append(
        [
            LogLine(execution_id=each, node=NodeId("n"), attempt=1, offset=at, at=at, text="x")
            for at in range(5)
            for each in (done, open_one)
        ]
    )
    after: int | None = 0
    while after is not None:
        after = await store.keeping.forget_logs(before=3, after=after, limit=3)
    left = [len(await store.attempt_logs.read(each)) for each in (done, open_one)]
    assert left == [2, 5]


async def test_a_restored_store_has_lost_its_old_life(store: Stores) -> None:
    """Epoch, log-ins, tokens, keys of programs, owners, and consents from before [BK22, BK23]."""
    await with_ann(store)
    await store.accounts.add_key(key(), entry("key"))
    await store.accounts.add_token(token("t", user=UserId("u-ann")), entry("token"))
    running = await begun(store, 1)
    await store.inbox.send(running, "go", encode_signal(ResumeExecution("somebody")))
    await store.inbox.send(running, "stop", encode_signal(CancelExecution("somebody")))
    before = await store.lifecycle.epoch()
    done = await store.keeping.end_old_life()
    assert await store.lifecycle.epoch() == done.epoch == before + 1
    assert (done.api_keys, done.tokens) == (1, 1)
    row = await store.executions.get(running)
    assert row is not None and row.owner is None
    left = await store.inbox.pending_for([running])
    assert [b"CancelExecution" in each.body for each in left] == [True]
    assert await store.accounts.principal_of_key("k1", hashed("k1-secret")) is None
    assert await store.accounts.enable_key("k1", entry("auth.api_key_enable"))
    assert await store.accounts.principal_of_key("k1", hashed("k1-secret")) is not None
    assert not await store.accounts.enable_key("k1", entry("auth.api_key_enable"))
    assert (await store.accounts.keys(UserId("u-ann")))[0].disabled_at is None


async def test_the_last_backup_is_remembered(store: Stores) -> None:
    """With its time by the store's clock, until a restore [BK8]."""
    await store.keeping.finish_restore([])
    assert await store.keeping.last_backup() is None
    note = LastBackup(at=0, size_bytes=7, has_keys=True, name="monday.tar")
    await store.keeping.note_backup(note, entry("system.backup"))
    found = await store.keeping.last_backup()
    assert found is not None and found.at > 1_700_000_000_000
    assert (found.name, found.size_bytes) == ("monday.tar", 7)
    assert not await store.keeping.is_restoring()

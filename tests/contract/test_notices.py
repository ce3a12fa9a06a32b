# SPDX-License-Identifier: Apache-2.0
"""Notices on both databases: put down with their cause, taken by one, told at least once."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legato.adapters.sql.open import make_stores
from legato.model.frames import ExecutionStatus
from legato.ports.stores import Stores
from legato.ports.triggers import NoticeTarget
from tests.contract.accounts import entry, execute, select
from tests.contract.build import A, born, execution_id, new, turn
from tests.contract.conftest import Backend, MakeStores, sqlite_backend
from tests.contract.triggered import HERE, publish

OWNED = {"owner": A, "start": None}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Return how a process makes its ports; a store in memory has no notices."""
    if request.param == "sqlite":
        return sqlite_backend(tmp_path)
    url = request.getfixturevalue("empty_postgres_url")
    return lambda _process, limits: make_stores(url, "memory:", home=tmp_path, limits=limits)


async def run(store: Stores, number: int, *statuses: ExecutionStatus, **changes: Any) -> None:
    """Have an execution go through these statuses, turn by turn."""
    first, *rest = statuses
    made = new(number, **OWNED, **changes)
    begun = msgspec.structs.replace(born(number, status=first), new=made)
    assert await store.log.append([begun]) == [True]
    for after, status in enumerate(rest, start=1):
        assert await store.log.append([turn(number, after=after, status=status)]) == [True]


async def told(store: Stores) -> list[tuple[str, str | None, int]]:
    """Return kind, root and seq of what is due."""
    return [(each.kind, each.execution_id, each.seq) for each in await store.notices.take()]


async def test_troubles_are_put_down_with_the_turn(store: Stores) -> None:
    """Failed, timed out and waiting for a person, each time it comes to that [TR40]."""
    workflow = await publish(store)
    of: dict[str, Any] = {"workflow_id": workflow}
    await run(store, 1, "running", "failed", **of)
    await run(store, 2, "timed_out", **of)
    await run(store, 3, "running", "needs_attention", "needs_attention", "running", **of)
    await run(store, 4, "running", "completed", **of)
    await run(store, 5, "running", "cancelled", **of)
    assert await told(store) == [
        ("failed", execution_id(1), 2),
        ("failed", execution_id(2), 1),
        ("needs_attention", execution_id(3), 2),
    ]


async def test_nobody_hears_of_tests_and_of_what_was_never_published(store: Stores) -> None:
    """A test run is looked at by who made it; of a child only that it waits is told [TR40]."""
    workflow = await publish(store)
    await run(store, 1, "running", "failed")
    await run(store, 2, "running", "failed", workflow_id=workflow, is_test=True)
    await run(store, 3, "running", workflow_id=workflow)
    child: dict[str, Any] = {"parent": execution_id(3), "root": execution_id(3)}
    await run(store, 4, "running", "failed", **child)
    await run(store, 5, "running", "needs_attention", **child)
    orphan: dict[str, Any] = {"parent": execution_id(1), "root": execution_id(1)}
    await run(store, 6, "running", "needs_attention", **orphan)
    assert await told(store) == [("needs_attention", execution_id(3), 2)]
    assert await select(store, "SELECT count(*) FROM notices") == [(1,)]


async def test_a_notice_is_one_process_s_for_a_while(stores: MakeStores) -> None:
    """Of two that look one takes it; who died with it is followed; what is told is gone [TR42]."""
    one, two = await stores("a"), await stores("b")
    workflow = await publish(one)
    await run(one, 1, "running", "failed", workflow_id=workflow)
    taken = await asyncio.gather(one.notices.take(), two.notices.take())
    assert sorted(map(len, taken)) == [0, 1]
    await execute(one, "UPDATE notices SET due_at = 1")
    (notice,) = await two.notices.take()
    await two.notices.postpone(notice, 60_000)
    assert await two.notices.take() == []
    await execute(one, "UPDATE notices SET due_at = 1")
    (again,) = await one.notices.take()
    assert again.tries == 1
    assert await one.notices.waiting() == 1
    await one.notices.done(again)
    assert await one.notices.waiting() == 0


async def test_who_is_told_has_one_secret_after_another(store: Stores) -> None:
    """A wish without a new secret keeps the one there is; another one overlaps it [TR47]."""
    assert await store.notices.target(HERE) is None
    target = NoticeTarget(workspace=HERE, url="https://a.example", on=("failed",), secret=b"1")
    await store.notices.put_target(target, entry("webhook.change"))
    await store.notices.put_target(msgspec.structs.replace(target, url=None), ())
    found = await store.notices.target(HERE)
    assert found is not None
    assert (found.url, found.on, found.secret, found.old_secret) == (None, ("failed",), b"1", None)
    await store.notices.put_target(
        msgspec.structs.replace(target, secret=b"2"), (), overlap_ms=1_000
    )
    found = await store.notices.target(HERE)
    assert found is not None
    assert (found.secret, found.old_secret) == (b"2", b"1")
    assert found.old_until == found.changed_at + 1_000

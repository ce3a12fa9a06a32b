# SPDX-License-Identifier: Apache-2.0
"""Who asks, looked up many times at once, and where the short way is closed."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import pytest

from legato.adapters.sql.postgres.stores import PostgresLifecycle
from legato.adapters.sql.sqlite.stores import SqliteLifecycle
from legato.errors import StoreUnavailable, Unavailable
from legato.model.ids import WorkspaceId
from legato.ports.accounts import Member, Principal, Workspace
from legato.ports.stores import Stores
from tests.contract.accounts import DATABASES, HOME, hashed, logged_in, user, with_ann

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize(
    "backend", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


async def look_up(store: Stores, name: str, workspace: str | None = None) -> Principal | None:
    """Look a session up by the name that `session` gives it."""
    return await store.accounts.principal_of_session(hashed(f"{name}-sid"), workspace)


@DATABASES
async def test_each_of_many_at_once_gets_its_own_answer(store: Stores) -> None:
    """By log-in and workspace; who is unknown is nobody [HT63]."""
    await with_ann(store)
    other = Workspace(id=WorkspaceId("w-other"), slug="other", name="Other")
    assert await store.accounts.add_workspace(other, user().id, ())
    for name in ("bob", "eve"):
        member = Member(workspace=HOME.id, user=user(name).id, role="viewer")
        assert await store.accounts.add_user(user(name), (), member=member)
    await logged_in(store, "s-ann")
    await logged_in(store, "s-bob", of="bob")
    await logged_in(store, "s-eve", of="eve")
    asked = [
        (name, workspace)
        for _ in range(20)
        for name in ("s-ann", "s-bob", "s-nobody", "s-eve", "s\x00")
        for workspace in (None, "home", "w-home", "other", "none")
    ]
    found = await asyncio.gather(*(look_up(store, *each) for each in asked))
    for (name, workspace), principal in zip(asked, found, strict=True):
        if name not in {"s-ann", "s-bob", "s-eve"}:
            assert principal is None
            continue
        assert principal is not None
        who = name.removeprefix("s-")
        assert principal.user.id == user(who).id
        assert principal.session is not None
        assert principal.session.id == name
        slug = {None: "home", "w-home": "home", "none": None}.get(workspace, workspace)
        assert (principal.workspace.slug if principal.workspace else None) == slug
        own = {"home": "owner", "other": "owner"} if who == "ann" else {"home": "viewer"}
        assert principal.role == own.get(slug or "")


@DATABASES
async def test_who_gives_up_takes_nobody_along(store: Stores) -> None:
    """A request that is cut off costs the others nothing [HT63]."""
    await with_ann(store)
    await logged_in(store)
    tries = [asyncio.ensure_future(look_up(store, "s1")) for _ in range(9)]
    await asyncio.sleep(0)
    for each in tries[::2]:
        each.cancel()
    found = await asyncio.gather(*tries, return_exceptions=True)
    answered = [each for each in found if not isinstance(each, asyncio.CancelledError)]
    assert len(answered) >= 4
    assert all(isinstance(each, Principal) for each in answered)


@DATABASES
async def test_a_closed_store_looks_nobody_up(store: Stores) -> None:
    """Everybody who asks is told so [HT63]."""
    await with_ann(store)
    await logged_in(store)
    assert await look_up(store, "s1") is not None
    await store.lifecycle.close()
    found = await asyncio.gather(*(look_up(store, "s1") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in found), found


@POSTGRES
async def test_look_ups_of_one_moment_share_a_round_trip(
    store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are [HT63]."""
    await with_ann(store)
    await logged_in(store)
    assert isinstance(store.lifecycle, PostgresLifecycle)
    database = store.lifecycle.database
    fetch, names = database.fetch, []

    async def counted(name: str, /, **values: Any) -> list[Any]:
        names.append(name)
        return await fetch(name, **values)

    monkeypatch.setattr(database, "fetch", counted)
    found = await asyncio.gather(*(look_up(store, "s1") for _ in range(200)))
    assert all(found)
    assert len(names) == 1

    async def broken(name: str, /, **values: Any) -> list[Any]:
        raise StoreUnavailable

    monkeypatch.setattr(database, "fetch", broken)
    lost = await asyncio.gather(*(look_up(store, "s1") for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in lost] == [StoreUnavailable] * 3
    monkeypatch.setattr(database, "fetch", fetch)
    assert await look_up(store, "s1") is not None


@SQLITE
async def test_a_look_up_is_made_in_the_loop_and_waits_for_nothing_there(
    store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be made at once is made by a thread, which may wait [HT63]."""
    await with_ann(store)
    await logged_in(store)
    assert isinstance(store.lifecycle, SqliteLifecycle)
    readers = store.lifecycle.readers
    here, call, elsewhere = readers.call_here, readers.call, []

    async def noted(function: Callable[[sqlite3.Connection], Any]) -> Any:
        def run(connection: sqlite3.Connection) -> Any:
            elsewhere.append(threading.get_ident())
            return function(connection)

        return await call(run)

    monkeypatch.setattr(readers, "call", noted)
    assert await look_up(store, "s1") is not None
    assert elsewhere == []

    def locked(_connection: sqlite3.Connection) -> Any:
        raise sqlite3.OperationalError("database is locked")

    def busy(_function: Any) -> Any:
        return here(locked)

    monkeypatch.setattr(readers, "call_here", busy)
    assert await look_up(store, "s1") is not None
    (thread,) = elsewhere
    assert thread != threading.get_ident()
    monkeypatch.setattr(readers, "call_here", here)
    assert await look_up(store, "s1") is not None, "on a new connection"
    assert len(elsewhere) == 1
    assert here(lambda own: own.execute("PRAGMA busy_timeout").fetchone()) == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        here(lambda own: own.execute("DELETE FROM users"))
    assert await look_up(store, "s1") is not None

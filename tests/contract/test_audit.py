# SPDX-License-Identifier: Apache-2.0
"""The audit on both databases."""

import asyncio
import hashlib
from typing import Any

import pytest

from legato.adapters.sql.sqlite.stores import SqliteLifecycle
from legato.errors import Internal, LegatoError, NotFound
from legato.model.ids import UserId, WorkspaceId
from legato.ports.accounts import Member
from legato.ports.audit import NO_HEAD, SEQ_MIN, AuditEntry, AuditPage, AuditQuery, Head, follow
from legato.ports.stores import Stores
from tests.contract.accounts import (
    DATABASES,
    HOME,
    actions,
    entry,
    execute,
    select,
    user,
    with_ann,
)
from tests.contract.conftest import MakeStores

pytestmark = DATABASES


def full(**changes: Any) -> AuditEntry:
    """Return an entry with every field."""
    values: dict[str, Any] = {
        "action": "member.role",
        "result": "denied",
        "actor_kind": "user",
        "actor": "u-ann",
        "target_kind": "user",
        "target": "u-bob",
        "workspace": HOME.id,
        "ip": "192.0.2.7",
        "request_id": "request-1",
        "data": {"role": "éditor", "from": ["viewer", None, 1.5, True], "b": {"z": 1, "a": 2}},
    }
    return AuditEntry(**{**values, **changes})


async def unguarded(store: Stores, *statements: str) -> None:
    """Change the audit with its guards taken away, as only somebody with the database can."""
    if isinstance(store.lifecycle, SqliteLifecycle):
        guards = await select(store, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in guards:
            await execute(store, f"DROP TRIGGER {name}")
        for statement in statements:
            await execute(store, statement)
        for _, sql in guards:
            await execute(store, sql)
        return
    await execute(store, "ALTER TABLE audit DISABLE TRIGGER USER")
    for statement in statements:
        await execute(store, statement)
    await execute(store, "ALTER TABLE audit ENABLE TRIGGER USER")


async def test_rows_are_read_when_they_are_sealed(store: Stores) -> None:
    """As they were written, in order, with seq from 1 [AD3]."""
    assert await store.audit.seal() == NO_HEAD
    await store.audit.write([])
    await store.audit.write([full(), AuditEntry(action="second")])
    assert await store.audit.read() == []
    head = await store.audit.seal()
    first, second = await store.audit.read()
    for name in AuditEntry.__struct_fields__:
        assert getattr(first, name) == getattr(full(), name)
    assert (first.seq, second.seq, second.action) == (1, 2, "second")
    assert first.at > 0
    assert head == Head(2, second.hash or "")
    assert await store.audit.seal() == head


async def test_pages_follow_seq_and_workspace(store: Stores) -> None:
    """A page begins after a seq, holds so many, and of one workspace only its own [AD3]."""
    places = [HOME.id, None, WorkspaceId("w-two")]
    await store.audit.write([full(action=str(i), workspace=places[i % 3]) for i in range(9)])
    await store.audit.seal()

    async def read(**asked: Any) -> str:
        return "".join(each.action for each in await store.audit.read(**asked))

    assert await read() == "012345678"
    assert await read(after=2, limit=3) == "234"
    assert await read(workspace=HOME.id) == "036"
    assert await read(workspace=HOME.id, after=4, limit=1) == "6"
    assert await read(workspace=WorkspaceId("w-none")) == ""


async def newest(store: Stores, **asked: Any) -> tuple[str, int | None]:
    """Return the actions of a page, and where the next one begins."""
    page = await store.audit.newest(AuditQuery(**asked))
    return "".join(each.action for each in page.rows), page.before


async def test_the_newest_rows_come_first(store: Stores) -> None:
    """Page by page, each row once, until there is none [AD10]."""
    assert await newest(store) == ("", None)
    await store.audit.write([full(action=str(i)) for i in range(5)])
    assert (await newest(store), await store.audit.unsealed()) == (("", None), 5)
    head = await store.audit.seal()
    assert (await store.audit.head(), await store.audit.unsealed()) == (head, 0)
    assert await newest(store) == ("43210", None)
    assert await newest(store, limit=2) == ("43", 4)
    assert await newest(store, limit=2, before=4) == ("21", 2)
    assert await newest(store, limit=2, before=2) == ("0", None)
    assert await newest(store, limit=5) == ("43210", None)


async def test_rows_are_chosen_by_every_condition_at_once(store: Stores) -> None:
    """Workspace, action or group of them, actor, time; the same as `wants` says [AD10]."""
    entries = [
        full(action="auth.login", actor="u-ann", workspace=None),
        full(action="auth.logout", actor="u-bob", workspace=None),
        full(action="authority", actor="u-ann"),
        full(action="auth.login", actor="u-bob"),
        full(action="export", actor="u-ann", workspace=WorkspaceId("w-two")),
    ]
    for each in entries:
        await store.audit.write([each])
    await store.audit.seal()
    rows = await store.audit.read()
    asked: list[dict[str, Any]] = [
        {"action": "auth.login"},
        {"action": "auth."},
        {"action": "auth"},
        {"actor": "u-ann"},
        {"workspace": HOME.id},
        {"workspace": HOME.id, "actor": "u-bob", "action": "auth."},
        {"workspace": WorkspaceId("w-none")},
        {"action": "' OR 1=1 --"},
        {"action": "%."},
        {"since": rows[2].at},
        {"until": rows[2].at},
        {"since": rows[1].at, "until": rows[3].at, "actor": "u-bob"},
    ]
    for conditions in asked:
        query = AuditQuery(**conditions)
        wanted = [row for row in reversed(rows) if query.wants(row)]
        assert await store.audit.newest(query) == AuditPage(wanted, None), conditions
    assert [len((await store.audit.newest(AuditQuery(**some))).rows) for some in asked[:9]] == [
        2, 3, 0, 3, 2, 1, 0, 0, 0,
    ]  # fmt: skip


async def test_a_page_looks_at_so_many_rows_and_says_where_to_go_on(
    store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few are wanted: it may be empty and still not the last [AD10]."""
    monkeypatch.setattr("legato.adapters.sql.audit.LOOKED_AT_MAX", 4)
    places = [HOME.id if i % 2 else None for i in range(20)]
    names = ["wanted" if i in {2, 3} else "x" for i in range(20)]
    await store.audit.write(
        [full(action=name, workspace=at) for name, at in zip(names, places, strict=True)]
    )
    await store.audit.seal()
    for place, seq in ((None, 4), (HOME.id, 4)):
        before: int | None = None
        seen: list[tuple[str, int | None]] = []
        while not seen or before is not None:
            found, before = await newest(store, action="wanted", before=before, workspace=place)
            seen.append((found, before))
        assert "".join(each for each, _ in seen) == "wanted" * (1 if place else 2)
        assert seen[0] == ("", 21 - seq if place is None else 14)
        assert len(seen) < 8


async def test_a_row_that_somebody_spoilt_ends_no_reader(store: Stores) -> None:
    """It is shown as damaged, and breaks the chain at its seq [AD11]."""
    await store.audit.write([full(action=str(i)) for i in range(3)])
    await store.audit.seal()
    await unguarded(store, "UPDATE audit SET data = 'no JSON' WHERE seq = 2")
    rows = await store.audit.read()
    assert rows[1].data == {"damaged": "no JSON"}
    assert follow(NO_HEAD, rows)[1] == 2
    assert (await newest(store))[0] == "210"
    for spoilt in ("'[]'", "'9007199254740993'", "'{}'"):
        await unguarded(store, f"UPDATE audit SET data = {spoilt} WHERE seq = 2")
        assert follow(NO_HEAD, await store.audit.read())[1] == 2
    await unguarded(store, "UPDATE audit SET hash = NULL WHERE seq = 1")
    assert follow(NO_HEAD, await store.audit.read())[1] == 1
    await unguarded(store, "UPDATE audit SET seq = 0 WHERE seq = 1")
    assert follow(NO_HEAD, await store.audit.read(after=SEQ_MIN))[1] == 1


async def test_the_chain_can_be_computed_from_what_people_see(store: Stores) -> None:
    """SHA-256 over the previous hash and the canonical JSON, written here by hand [AD3]."""
    await store.audit.write([full(), AuditEntry(action="second")])
    await store.audit.seal()
    first, second = await store.audit.read()
    text = (
        '{"action":"member.role","actor":{"id":"u-ann","kind":"user"},"at":AT,'
        '"data":{"b":{"a":2,"z":1},"from":["viewer",null,1.5,true],"role":"éditor"},'
        '"ip":"192.0.2.7","request_id":"request-1","result":"denied","seq":1,'
        '"target":{"id":"u-bob","kind":"user"},"workspace_id":"w-home"}'
    ).replace("AT", str(first.at))
    assert first.hash == hashlib.sha256(bytes(32) + text.encode()).hexdigest()
    text = (
        '{"action":"second","actor":{"id":"","kind":"system"},"at":AT,"data":{},"ip":"",'
        '"request_id":"","result":"ok","seq":2,"target":{"id":"","kind":""},"workspace_id":null}'
    ).replace("AT", str(second.at))
    assert second.hash == hashlib.sha256(bytes.fromhex(first.hash) + text.encode()).hexdigest()


async def test_sealers_that_meet_make_one_chain(stores: MakeStores) -> None:
    """Two processes write and seal at once: no gap, no fork [AC3, AD3]."""
    both = [await stores("a"), await stores("b")]

    async def work(index: int) -> None:
        audit = both[index % 2].audit
        await audit.write([full(action=f"{index}"), full(action=f"{index}+")])
        await audit.seal(3)

    await asyncio.gather(*map(work, range(20)))
    head = NO_HEAD
    while head.seq < 40:
        head = await both[0].audit.seal(7)
    rows = await both[1].audit.read()
    assert [row.seq for row in rows] == list(range(1, 41))
    assert len({row.id for row in rows}) == 40
    assert follow(NO_HEAD, rows) == (head, None)
    assert follow(Head(20, rows[19].hash or ""), rows[20:]) == (head, None)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq IS NULL",
        "UPDATE audit SET action = 'x' WHERE seq = 1",
        "UPDATE audit SET action = 'x' WHERE seq IS NULL",
        "UPDATE audit SET seq = NULL, hash = NULL WHERE seq = 1",
        "UPDATE audit SET hash = '00' WHERE seq = 1",
        "UPDATE audit SET seq = 7 WHERE seq = 1",
        "UPDATE audit SET seq = 7, hash = '00', actor = 'x' WHERE seq IS NULL",
        "UPDATE audit SET seq = 7, hash = '00', workspace = NULL WHERE seq IS NULL",
        "UPDATE audit SET seq = 7 WHERE seq IS NULL",
        "UPDATE audit SET seq = 1, hash = '00' WHERE seq IS NULL",
        "INSERT INTO audit (at, actor_kind, actor, action, target_kind, target, result, ip,"
        " request_id, data, seq, hash) VALUES (1, '', '', '', '', '', '', '', '', '{}', 9, '00')",
    ],
)
async def test_the_database_refuses_to_change_the_audit(store: Stores, statement: str) -> None:
    """Sealed or not, whole or in part; nothing but a new row and its sealing [AD2]."""
    await store.audit.write([full()])
    await store.audit.seal()
    await store.audit.write([full()])
    before = await select(store, "SELECT * FROM audit ORDER BY id")
    with pytest.raises(LegatoError, match=r"append-only|unique"):
        await execute(store, statement)
    assert await select(store, "SELECT * FROM audit ORDER BY id") == before


async def test_no_database_has_a_way_around(store: Stores) -> None:
    """SQLite's REPLACE deletes without a trigger for it, PostgreSQL empties whole tables [AD2]."""
    await store.audit.write([full()])
    await store.audit.seal()
    await store.audit.write([full()])
    ways = ["TRUNCATE audit", "TRUNCATE audit CASCADE"]
    if isinstance(store.lifecycle, SqliteLifecycle):
        columns = "at, actor_kind, actor, action, target_kind, target, result, ip, request_id, data"
        ways = [
            f"INSERT OR REPLACE INTO audit (id, {columns}) SELECT 1, {columns} FROM audit LIMIT 1",
            f"REPLACE INTO audit (seq, hash, {columns}) SELECT 1, '00', {columns} FROM audit"
            " LIMIT 1",
            "UPDATE OR REPLACE audit SET seq = 1, hash = '00' WHERE seq IS NULL",
            "UPDATE OR REPLACE audit SET id = 1 WHERE seq IS NULL",
        ]
    before = await select(store, "SELECT * FROM audit ORDER BY id")
    for way in ways:
        with pytest.raises(LegatoError, match="append-only"):
            await execute(store, way)
    assert await select(store, "SELECT * FROM audit ORDER BY id") == before


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("UPDATE audit SET actor = 'u-eve' WHERE seq = 3", 3),
        ("UPDATE audit SET at = at + 1 WHERE seq = 1", 1),
        ("UPDATE audit SET workspace = NULL WHERE seq = 5", 5),
        ('UPDATE audit SET data = \'{"role":"owner"}\' WHERE seq = 2', 2),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("UPDATE audit SET seq = 9 - seq WHERE seq IN (4, 5)", 4),
    ],
)
async def test_what_was_tampered_with_breaks_the_chain(
    store: Stores, statement: str, bad: int
) -> None:
    """Also behind the guards' back: changed, taken out, put elsewhere [AD4]."""
    await store.audit.write([full(action=str(i)) for i in range(5)])
    head = await store.audit.seal()
    assert follow(NO_HEAD, await store.audit.read()) == (head, None)
    parts = [statement]
    if "9 - seq" in statement:
        parts = [
            "UPDATE audit SET seq = 99 WHERE seq = 4",
            "UPDATE audit SET seq = 4 WHERE seq = 5",
            "UPDATE audit SET seq = 5 WHERE seq = 99",
        ]
    await unguarded(store, *parts)
    good, found = follow(NO_HEAD, await store.audit.read())
    assert (good.seq, found) == (bad - 1, bad)


async def test_an_end_that_was_cut_off_does_not_reach_its_head(store: Stores) -> None:
    """The chain alone cannot tell: the head that was noted does [AD4]."""
    await store.audit.write([full(action=str(i)) for i in range(3)])
    head = await store.audit.seal()
    await unguarded(store, "DELETE FROM audit WHERE seq = 3")
    found, bad = follow(NO_HEAD, await store.audit.read())
    assert bad is None
    assert found.seq == head.seq - 1


async def test_an_effect_that_fails_leaves_no_row(store: Stores) -> None:
    """And an audit row that fails leaves no effect [AC2, AD1, AD5]."""
    nowhere = Member(workspace=WorkspaceId("w-none"), user=UserId("u-ann"), role="owner")
    with pytest.raises(NotFound):
        await store.accounts.put_member(nowhere, entry("never"))
    with pytest.raises(Internal):
        await store.accounts.add_user(user(), entry("never", data={"count": 2**60}))
    assert await store.accounts.user(UserId("u-ann")) is None
    assert await actions(store) == []
    await with_ann(store)


@pytest.mark.parametrize("value", [2**53, float("nan"), {1: "x"}, {"a", "b"}, object()])
async def test_what_could_not_be_sealed_is_refused(store: Stores, value: object) -> None:
    """The sealer never meets a row that it cannot hash [AD5]."""
    with pytest.raises(Internal, match="no JSON"):
        await store.audit.write([full(data={"value": value})])
    await store.audit.write([full(data={"value": ("\x00\ud800", 2**53 - 1)}, actor="\x00")])
    assert (await store.audit.seal()).seq == 1
    (row,) = await store.audit.read()
    assert row.actor == "\ufffd"
    assert row.data["value"][1] == 2**53 - 1

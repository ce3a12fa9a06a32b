# SPDX-License-Identifier: Apache-2.0
"""Keys of programs, and what is deleted in time, on both databases."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest

from legato.errors import LimitExceeded
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import ApiKey, Member
from legato.ports.stores import Stores
from tests.contract.accounts import (
    DATABASES,
    DAY_MS,
    HOME,
    HOUR_MS,
    actions,
    entry,
    hashed,
    let_pass,
    logged_in,
    select,
    session,
    token,
    user,
    with_ann,
)
from tests.contract.conftest import MakeStores

pytestmark = DATABASES
ANN = UserId("u-ann")
LATER = 1 << 50
MINUTE_MS = 60_000


def key(name: str = "k1", **changes: Any) -> ApiKey:
    """Return a key as one is added; its secret is `NAME-secret`."""
    values: dict[str, Any] = {
        "id": name,
        "secret_hash": hashed(f"{name}-secret"),
        "workspace": HOME.id,
        "user": ANN,
        "name": "ci",
        "scopes": ("executions:run", "workflows:read"),
    }
    return ApiKey(**{**values, **changes})


async def test_a_key_is_found_by_its_secret(store: Stores) -> None:
    """With user, scopes, workspace and role; another secret finds nothing [AC11, AD1]."""
    await with_ann(store)
    made = await store.accounts.add_key(key(expires_at=LATER), entry("key"))
    assert made.created_at > 0
    assert msgspec.structs.replace(made, created_at=0) == key(expires_at=LATER)
    found = await store.accounts.principal_of_key("k1", hashed("k1-secret"))
    assert found is not None
    assert (found.key, found.scopes, found.role) == ("k1", made.scopes, "owner")
    assert found.session is None
    assert found.workspace is not None
    assert found.workspace.id == HOME.id
    assert found.user == await store.accounts.user(ANN)
    assert await store.accounts.principal_of_key("k1", hashed("k2-secret")) is None
    assert await store.accounts.principal_of_key("k2", hashed("k1-secret")) is None
    assert await actions(store) == ["key"]


async def test_a_key_has_its_makers_role_of_now(store: Stores) -> None:
    """Lowered, removed, disabled [AC11]."""
    await with_ann(store, role="viewer")
    await store.accounts.add_key(key(), ())
    roles = []
    for role in ("editor", "viewer"):
        member = Member(workspace=HOME.id, user=ANN, role=role)
        await store.accounts.put_member(member, ())
        found = await store.accounts.principal_of_key("k1", hashed("k1-secret"))
        roles.append(found and found.role)
    await store.accounts.remove_member(HOME.id, ANN, ())
    found = await store.accounts.principal_of_key("k1", hashed("k1-secret"))
    roles.append(found and found.role)
    assert roles == ["editor", "viewer", None]
    ann = await store.accounts.user(ANN)
    assert ann is not None
    await store.accounts.change_user(msgspec.structs.replace(ann, is_disabled=True), ())
    assert await store.accounts.principal_of_key("k1", hashed("k1-secret")) is None


async def test_a_key_expires_by_the_database_clock(store: Stores) -> None:
    """It is not found, not listed and not revoked [AC4, AC11]."""
    await with_ann(store)
    made = await store.accounts.add_key(key("k0"), ())
    await store.accounts.add_key(key(expires_at=made.created_at + HOUR_MS), ())
    await let_pass(store, HOUR_MS - MINUTE_MS)
    assert await store.accounts.principal_of_key("k1", hashed("k1-secret")) is not None
    await let_pass(store, MINUTE_MS)
    assert await store.accounts.principal_of_key("k1", hashed("k1-secret")) is None
    assert [each.id for each in await store.accounts.keys(ANN)] == ["k0"]
    assert not await store.accounts.revoke_key("k1", entry("no"))
    assert await actions(store) == []


async def test_the_last_use_of_a_key_is_noted_now_and_then(store: Stores) -> None:
    """Once a minute, so that using a key is seldom a write [AC11]."""
    await with_ann(store)
    await store.accounts.add_key(key(), ())
    noted = [(await store.accounts.keys(ANN))[0].last_used]
    for wait_ms in (0, MINUTE_MS - 10_000, MINUTE_MS):
        await let_pass(store, wait_ms)
        before = (await store.accounts.keys(ANN))[0].last_used
        assert await store.accounts.principal_of_key("k1", hashed("k1-secret"))
        after = (await store.accounts.keys(ANN))[0].last_used
        noted.append(None if after == before else 1)
    assert noted == [None, 1, None, 1]


async def test_keys_are_listed_and_revoked(store: Stores) -> None:
    """The newest first; of one user, of one workspace [AC11, AD1]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    for name in ("k1", "k2", "k3"):
        where = WorkspaceId("w-two") if name == "k2" else HOME.id
        await store.accounts.add_key(key(name, workspace=where), ())
        await let_pass(store, 1_000, ("api_keys",))
    await store.accounts.add_key(key("b1", user=UserId("u-bob")), ())
    assert [each.id for each in await store.accounts.keys(ANN)] == ["k3", "k2", "k1"]
    assert [each.id for each in await store.accounts.keys(ANN, HOME.id)] == ["k3", "k1"]
    revoke = store.accounts.revoke_key
    assert not await revoke("b1", entry("no"), user=ANN)
    assert not await revoke("k2", entry("no"), workspace=HOME.id)
    assert await revoke("k2", entry("own"), user=ANN)
    assert not await revoke("k2", entry("no"), user=ANN)
    assert await revoke("b1", entry("theirs"), workspace=HOME.id)
    assert await store.accounts.principal_of_key("b1", hashed("b1-secret")) is None
    assert [each.id for each in await store.accounts.keys(ANN)] == ["k3", "k1"]
    assert await actions(store) == ["own", "theirs"]


async def test_the_keys_of_a_workspace_are_listed_by_id(store: Stores) -> None:
    """Page by page, of all its members, and only those that live [ID66, ID51]."""
    await with_ann(store)
    await store.accounts.add_key(key("k1"), ())
    await store.accounts.add_key(key("k3", user=UserId("u-bob")), ())
    await store.accounts.add_key(key("k2"), ())
    await store.accounts.add_key(key("k4", workspace=WorkspaceId("w-two")), ())
    await store.accounts.add_key(key("k5"), ())
    await store.accounts.revoke_key("k5", ())
    keys = store.accounts.keys_of_workspace
    assert [each.id for each in await keys(HOME.id)] == ["k3", "k2", "k1"]
    assert [each.id for each in await keys(HOME.id, limit=2)] == ["k3", "k2"]
    assert [each.id for each in await keys(HOME.id, after="k2")] == ["k1"]


async def test_a_user_has_so_many_keys(stores: MakeStores) -> None:
    """Everywhere; of many made at once exactly so many, and none while disabled [ID65, AC3]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    made = await asyncio.gather(
        *(
            both[i % 2].accounts.add_key(
                key(f"k{i}", workspace=(HOME.id, WorkspaceId("w-two"))[i % 2]),
                entry("key"),
                live_max=3,
            )
            for i in range(8)
        ),
        return_exceptions=True,
    )
    assert Counter(type(each) for each in made) == {ApiKey: 3, LimitExceeded: 5}
    assert await actions(both[0]) == ["key"] * 3
    live = [each.id for each in await both[0].accounts.keys(ANN)]
    await both[0].accounts.revoke_key(live[0], ())
    await both[0].accounts.add_key(key("room"), (), live_max=3)
    await both[0].accounts.disable_user(ANN, ())
    with pytest.raises(LimitExceeded):
        await both[0].accounts.add_key(key("late"), (), live_max=3)


async def test_what_is_long_over_is_deleted(store: Stores) -> None:
    """A day after its end, with all that belongs to it; the rest stays [AC12]."""
    await with_ann(store)
    await logged_in(store, "ended")
    await store.accounts.end_sessions(ANN, ())
    await logged_in(store, "idle", ttl_ms=9 * DAY_MS)
    await logged_in(store, "expired", ttl_ms=HOUR_MS, idle_ms=9 * DAY_MS)
    await logged_in(store, "alive", ttl_ms=9 * DAY_MS, idle_ms=9 * DAY_MS)
    await store.accounts.add_token(token("used", user=ANN), ())
    await store.accounts.add_session(session("by-link"), (), token_hash=hashed("used"))
    await store.accounts.add_token(token("expired", user=ANN), ())
    await store.accounts.add_token(token("long", kind="reset", user=ANN, ttl_ms=9 * DAY_MS), ())
    made = await store.accounts.add_key(key("k0"), ())
    await store.accounts.add_key(key("gone"), ())
    await store.accounts.revoke_key("gone", ())
    await store.accounts.add_key(key("old", expires_at=made.created_at + HOUR_MS), ())
    assert await store.accounts.clean() == 0
    await let_pass(store, DAY_MS - HOUR_MS)
    assert await store.accounts.clean() == 0
    await let_pass(store, 3 * HOUR_MS)
    # Four sessions with presence and refresh token each, two tokens, two keys.
    assert await store.accounts.clean() == 4 * 3 + 2 + 2
    assert [each.id for each in await store.accounts.sessions(ANN)] == [SessionId("alive")]
    assert await store.accounts.token(hashed("long"), "reset") is not None
    assert [each.id for each in await store.accounts.keys(ANN)] == ["k0"]
    for table in ("presence", "refresh_tokens"):
        assert await select(store, f"SELECT session_id FROM {table}") == [("alive",)]
    assert await store.accounts.clean() == 0

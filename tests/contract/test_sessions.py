# SPDX-License-Identifier: Apache-2.0
"""Log-ins and refresh tokens on both databases."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest

from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import Member, Renewal, Rotation, Workspace
from legato.ports.stores import Stores
from tests.contract.accounts import (
    DATABASES,
    DAY_MS,
    HOME,
    HOUR_MS,
    actions,
    entry,
    execute,
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
GRACE_MS = 10_000
MINUTE_MS = 60_000


async def rotate(store: Stores, parent: str, child: str) -> Rotation:
    """Exchange a refresh token."""
    return await store.accounts.rotate(
        hashed(parent),
        hashed(child),
        grace_ms=GRACE_MS,
        idle_ms=HOUR_MS,
        audit_reuse=entry("reused"),
    )


def renewal(name: str, **changes: Any) -> Renewal:
    """Return new secrets for the session `s1`, as `session` names them."""
    return Renewal(
        id=SessionId("s1"),
        sid_hash=hashed(name),
        refresh_hash=hashed(f"{name}-1"),
        **changes,
    )


async def is_alive(store: Stores, secret: str = "s1-sid") -> bool:
    """Tell whether a session is found."""
    return await store.accounts.principal_of_session(hashed(secret), None) is not None


async def test_a_session_is_found_with_user_workspace_and_role(store: Stores) -> None:
    """One read tells who asks, and what they may in a workspace [AC7]."""
    await with_ann(store)
    made = await logged_in(store)
    assert made.created_at == made.authenticated_at <= made.last_active
    assert made.expires_at == made.created_at + DAY_MS
    assert (made.ip, made.user_agent, made.version) == ("192.0.2.7", "test\ufffd", 1)
    for workspace in (None, "home", "w-home"):
        found = await store.accounts.principal_of_session(hashed("s1-sid"), workspace)
        assert found is not None
        assert found.workspace is not None
        assert (found.session, found.role, found.workspace.id) == (made, "owner", HOME.id)
        assert found.user == await store.accounts.user(ANN)
        assert (found.key, found.scopes) == (None, None)
    assert await store.accounts.principal_of_session(hashed("s1"), None) is None


async def test_somebody_who_is_no_member_has_no_role(store: Stores) -> None:
    """Elsewhere, nowhere, or with no default workspace [AC7]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    await logged_in(store, of="bob")
    there = await store.accounts.principal_of_session(hashed("s1-sid"), "home")
    assert there is not None
    assert there.workspace is not None
    assert there.role is None
    for nowhere in (None, "none", "\x00"):
        found = await store.accounts.principal_of_session(hashed("s1-sid"), nowhere)
        assert found is not None
        assert (found.workspace, found.role) == (None, None)


async def test_an_id_is_meant_before_a_slug_that_looks_like_it(store: Stores) -> None:
    """A workspace cannot be hidden behind another's slug [AC7]."""
    trap = Workspace(id=WorkspaceId("a-trap"), slug=HOME.id, name="Trap")
    assert await store.accounts.add_workspace(trap, ANN, ())
    await with_ann(store)
    await logged_in(store)
    found = await store.accounts.principal_of_session(hashed("s1-sid"), HOME.id)
    assert found is not None
    assert found.workspace is not None
    assert found.workspace.id == HOME.id


async def test_a_changed_role_is_seen_at_once(stores: MakeStores) -> None:
    """Also by another process [AC3, AC7]."""
    a, b = await stores("a"), await stores("b")
    await with_ann(a, role="viewer")
    await logged_in(a)
    for role in ("viewer", "editor"):
        member = Member(workspace=HOME.id, user=ANN, role=role)
        assert await a.accounts.put_member(member, ()) == "done"
        found = await b.accounts.principal_of_session(hashed("s1-sid"), None)
        assert found is not None
        assert found.role == role
    assert await b.accounts.remove_member(HOME.id, ANN, ()) == "done"
    found = await a.accounts.principal_of_session(hashed("s1-sid"), None)
    assert found is not None
    assert found.role is None


async def test_a_session_ends_by_the_database_clock(store: Stores) -> None:
    """Idle for its hour, or at the end of its life however much it is used [AC4, AC7]."""
    await with_ann(store)
    await logged_in(store)
    await let_pass(store, HOUR_MS - MINUTE_MS)
    assert await is_alive(store)
    await store.accounts.touch_session(SessionId("s1"), idle_ms=HOUR_MS)
    await let_pass(store, HOUR_MS - MINUTE_MS)
    assert await is_alive(store)
    await let_pass(store, MINUTE_MS)
    assert not await is_alive(store)
    await store.accounts.touch_session(SessionId("s1"), idle_ms=HOUR_MS)
    assert not await is_alive(store)
    await logged_in(store, "s2", idle_ms=30 * DAY_MS)
    await let_pass(store, DAY_MS)
    assert not await is_alive(store, "s2-sid")
    assert await store.accounts.sessions(ANN) == []


async def test_use_moves_presence_and_not_the_version(store: Stores) -> None:
    """A list shows when a session was last used [AC7]."""
    await with_ann(store)
    made = await logged_in(store)
    await let_pass(store, MINUTE_MS)
    await store.accounts.touch_session(made.id, idle_ms=HOUR_MS)
    (found,) = await store.accounts.sessions(ANN)
    assert found.version == made.version
    assert found.last_active >= found.created_at + MINUTE_MS


async def test_a_session_of_a_disabled_user_is_not_found(store: Stores) -> None:
    """Nor is one made, nor a refresh token exchanged [AC7]."""
    await with_ann(store)
    await logged_in(store)
    ann = await store.accounts.user(ANN)
    assert ann is not None
    assert await store.accounts.change_user(msgspec.structs.replace(ann, is_disabled=True), ())
    assert not await is_alive(store)
    assert await rotate(store, "s1-1", "s1-2") == Rotation(outcome="unknown")
    assert await store.accounts.add_session(session("s2"), entry("never")) is None
    assert await actions(store) == []


async def test_a_password_that_was_changed_meanwhile_makes_no_session(store: Stores) -> None:
    """The user's version was read with the password that was checked [AC1, AC2]."""
    await with_ann(store)
    ann = await store.accounts.user(ANN)
    assert ann is not None
    await store.accounts.add_token(token("mfa", kind="mfa", user=ANN), ())
    assert await store.accounts.change_user(msgspec.structs.replace(ann, password_hash="n"), ())
    late = await store.accounts.add_session(
        session(), (), token_hash=hashed("mfa"), user_version=ann.version
    )
    assert late is None
    assert await store.accounts.token(hashed("mfa"), "mfa") is not None
    assert await store.accounts.add_session(session(), (), user_version=ann.version + 1)


async def test_no_log_in_slips_through_a_change_of_the_password(stores: MakeStores) -> None:
    """Whichever comes first, the old password has no live session afterwards [AC2, AC3]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    for number in range(10):
        ann = await both[0].accounts.user(ANN)
        assert ann is not None
        made = [session(f"s{number}-{i}") for i in range(4)]
        _, changed, *_ = await asyncio.gather(
            both[0].accounts.add_session(made[0], (), user_version=ann.version),
            both[1].accounts.change_user(ann, (), ends_sessions_but="none"),
            *(
                both[1].accounts.add_session(each, (), user_version=ann.version)
                for each in made[1:]
            ),
        )
        assert changed
        assert await both[0].accounts.sessions(ANN) == []


async def test_a_link_logs_in_once(stores: MakeStores) -> None:
    """Of ten at once one gets a session [AC3, AC5, AD1]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    await both[0].accounts.add_token(token("link", user=ANN), ())
    made = await asyncio.gather(
        *(
            both[i % 2].accounts.add_session(
                session(f"s{i}"), entry("login"), token_hash=hashed("link")
            )
            for i in range(10)
        )
    )
    assert len([each for each in made if each is not None]) == 1
    assert len(await both[1].accounts.sessions(ANN)) == 1
    assert await actions(both[0]) == ["login"]


async def test_an_expired_link_logs_nobody_in(store: Stores) -> None:
    """By the database's clock, at the moment of use [AC4, AC5]."""
    await with_ann(store)
    await store.accounts.add_token(token("link", user=ANN), ())
    await let_pass(store, HOUR_MS)
    late = await store.accounts.add_session(session(), (), token_hash=hashed("link"))
    assert late is None


async def test_sessions_are_listed_newest_first_and_ended(store: Stores) -> None:
    """One, all but one, all; only live ones count, and only theirs [AC7, AD1]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    await logged_in(store, "b1", of="bob")
    for name in ("s1", "s2", "s3", "s4"):
        await logged_in(store, name)
        await let_pass(store, 1_000, ("sessions",))
    listed = await store.accounts.sessions(ANN)
    assert [each.id for each in listed] == ["s4", "s3", "s2", "s1"]
    end = store.accounts.end_sessions
    assert await end(ANN, entry("no"), only=SessionId("b1")) == 0
    assert await end(ANN, entry("one"), only=SessionId("s2")) == 1
    assert await end(ANN, entry("no"), only=SessionId("s2")) == 0
    assert await end(ANN, entry("others"), but=SessionId("s3")) == 2
    assert [each.id for each in await store.accounts.sessions(ANN)] == ["s3"]
    assert await end(ANN, entry("all")) == 1
    assert await end(ANN, entry("no")) == 0
    assert await is_alive(store, "b1-sid")
    assert not await is_alive(store, "s3-sid")
    assert await actions(store) == ["one", "others", "all"]


async def test_a_refresh_token_names_its_log_in_without_being_used(store: Stores) -> None:
    """Also one that was exchanged before, as long as the log-in lives [HT42]."""
    await with_ann(store)
    made = await logged_in(store)
    assert await store.accounts.session_of_refresh(hashed("unknown")) is None
    for _ in range(3):
        assert await store.accounts.session_of_refresh(hashed("s1-1")) == made.id
    assert (await rotate(store, "s1-1", "child")).outcome == "rotated"
    for each in ("s1-1", "child"):
        assert await store.accounts.session_of_refresh(hashed(each)) == made.id
    await store.accounts.end_sessions(ANN, entry("logout"))
    assert await store.accounts.session_of_refresh(hashed("child")) is None


async def test_a_refresh_token_is_exchanged_for_its_child(store: Stores) -> None:
    """And the child for its own; the session is used by it [AC8]."""
    await with_ann(store)
    made = await logged_in(store)
    await let_pass(store, HOUR_MS - MINUTE_MS)
    for number in range(1, 4):
        found = await rotate(store, f"s1-{number}", f"s1-{number + 1}")
        assert found.outcome == "rotated"
        assert found.session is not None
        assert (found.session.id, found.session.version) == (made.id, made.version)
    await let_pass(store, MINUTE_MS)
    assert await is_alive(store)
    unknown = await rotate(store, "s1-9", "s1-10")
    assert unknown == Rotation(outcome="unknown")
    assert await actions(store) == []


async def test_of_many_exchanges_at_once_one_rotates(stores: MakeStores) -> None:
    """The others get the same child; nobody is thrown out [AC3, AC8]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    await logged_in(both[0])
    found = await asyncio.gather(*(rotate(both[i % 2], "s1-1", "s1-2") for i in range(10)))
    assert Counter(each.outcome for each in found) == {"rotated": 1, "again": 9}
    assert all(each.session is not None and each.session.id == "s1" for each in found)
    assert (await rotate(both[1], "s1-2", "s1-3")).outcome == "rotated"


async def test_the_parent_gets_the_same_child_within_its_grace(store: Stores) -> None:
    """An answer that was lost is given again [AC4, AC8]."""
    await with_ann(store)
    await logged_in(store)
    assert (await rotate(store, "s1-1", "s1-2")).outcome == "rotated"
    await let_pass(store, GRACE_MS - 2_000)
    again = await rotate(store, "s1-1", "s1-2")
    assert again.outcome == "again"
    assert again.session is not None
    assert (await rotate(store, "s1-2", "s1-3")).outcome == "rotated"


@pytest.mark.parametrize("late", ["after grace", "child used", "older", "other child"])
async def test_a_token_that_is_used_again_ends_the_session(store: Stores, late: str) -> None:
    """Later than its grace, after its child, or older: one audit row [AC4, AC8, AD1]."""
    await with_ann(store)
    await logged_in(store)
    await logged_in(store, "s2")
    assert (await rotate(store, "s1-1", "s1-2")).outcome == "rotated"
    child = "s1-2"
    if late == "after grace":
        await let_pass(store, GRACE_MS + 1)
    elif late == "other child":
        child = "s1-x"
    else:
        assert (await rotate(store, "s1-2", "s1-3")).outcome == "rotated"
    if late == "older":
        assert (await rotate(store, "s1-3", "s1-4")).outcome == "rotated"
    assert await rotate(store, "s1-1", child) == Rotation(outcome="reused")
    assert not await is_alive(store)
    assert await is_alive(store, "s2-sid")
    for name in ("s1-1", "s1-2", "s1-3", "s1-4"):
        assert await rotate(store, name, "s1-5") == Rotation(outcome="unknown")
    told = "SELECT action, target_kind, target FROM audit ORDER BY id"
    assert await select(store, told) == [("reused", "session", "s1")]


async def test_reuse_raced_is_written_once(stores: MakeStores) -> None:
    """Ten thieves at once end one session, with one audit row [AC3, AC8]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    await logged_in(both[0])
    await rotate(both[0], "s1-1", "s1-2")
    await let_pass(both[0], GRACE_MS + 1)
    found = await asyncio.gather(*(rotate(both[i % 2], "s1-1", "s1-2") for i in range(10)))
    assert Counter(each.outcome for each in found) == {"reused": 1, "unknown": 9}
    assert await actions(both[0]) == ["reused"]


async def test_tokens_of_an_ended_session_are_unknown(store: Stores) -> None:
    """Ended, idle or expired: there is nothing left to end [AC7, AC8]."""
    await with_ann(store)
    for name in ("s1", "s2", "s3"):
        await logged_in(store, name)
    await store.accounts.end_sessions(ANN, (), only=SessionId("s1"))
    await execute(store, "UPDATE presence SET idle_at = 1 WHERE session_id = 's2'")
    await execute(store, "UPDATE sessions SET expires_at = 1 WHERE id = 's3'")
    for name in ("s1", "s2", "s3"):
        assert await rotate(store, f"{name}-1", f"{name}-2") == Rotation(outcome="unknown")
    assert await actions(store) == []


async def test_a_renewed_session_has_new_secrets(store: Stores) -> None:
    """The old ones are unknown and end nothing; times are as asked [AC9, AD1]."""
    await with_ann(store)
    made = await logged_in(store)
    await rotate(store, "s1-1", "s1-2")
    await let_pass(store, MINUTE_MS)
    renew = store.accounts.renew_session
    again = await renew(renewal("x"), entry("renewed"))
    assert again is not None
    assert (again.sid_hash, again.version) == (hashed("x"), made.version + 1)
    assert again.authenticated_at == again.created_at
    for old in ("s1-1", "s1-2"):
        assert await rotate(store, old, "s1-3") == Rotation(outcome="unknown")
    assert not await is_alive(store)
    assert await is_alive(store, "x")
    assert (await rotate(store, "x-1", "x-2")).outcome == "rotated"
    fresh = await renew(renewal("y", is_authenticated=True), ())
    assert fresh is not None
    assert fresh.authenticated_at >= fresh.created_at + MINUTE_MS
    await store.accounts.end_sessions(ANN, ())
    assert await renew(renewal("z"), entry("no")) is None
    assert await actions(store) == ["renewed"]


async def test_a_new_password_renews_its_session_or_is_not_set(store: Stores) -> None:
    """One transaction: nothing of it stands if the session has ended [AC2, AC9, ID39]."""
    await with_ann(store)
    for name in ("s1", "s2"):
        await logged_in(store, name)
    ann = await store.accounts.user(ANN)
    assert ann is not None
    changed = msgspec.structs.replace(ann, password_hash="new")
    change = store.accounts.change_user
    done = await change(
        changed, entry("set"), ends_sessions_but=SessionId("s1"), session=renewal("x")
    )
    assert done
    assert [each.sid_hash for each in await store.accounts.sessions(ANN)] == [hashed("x")]
    assert await rotate(store, "s1-1", "s1-2") == Rotation(outcome="unknown")
    assert (await rotate(store, "x-1", "x-2")).outcome == "rotated"
    await store.accounts.end_sessions(ANN, ())
    later = msgspec.structs.replace(ann, password_hash="later", version=2)
    assert not await change(later, entry("no"), session=renewal("y"))
    found = await store.accounts.user(ANN)
    assert found is not None
    assert (found.password_hash, found.version) == ("new", 2)
    assert await actions(store) == ["set"]


async def test_a_step_of_a_second_factor_logs_in_once(stores: MakeStores) -> None:
    """Ten at once, each with its own half log-in: one session, one token used [AC2, AC3, ID31]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    ann = await both[0].accounts.user(ANN)
    assert ann is not None
    for number in range(10):
        await both[0].accounts.add_token(token(f"mfa{number}", kind="mfa", user=ANN), ())
    stepped = msgspec.structs.replace(ann, totp_step=7)
    done = await asyncio.gather(
        *(
            both[i % 2].accounts.change_user(
                stepped, entry("in"), token_hash=hashed(f"mfa{i}"), session=session(f"s{i}")
            )
            for i in range(10)
        )
    )
    assert sorted(done) == [False] * 9 + [True]
    winner = done.index(True)
    assert [each.id for each in await both[0].accounts.sessions(ANN)] == [f"s{winner}"]
    for number in range(10):
        left = await both[0].accounts.token(hashed(f"mfa{number}"), "mfa")
        assert (left is None) == (number == winner)
    assert await actions(both[0]) == ["in"]

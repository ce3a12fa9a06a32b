# SPDX-License-Identifier: Apache-2.0
"""Workspaces, members, invitations and disabled users on both databases."""

import asyncio
from collections import Counter

import msgspec
import pytest

from legato.errors import LimitExceeded, NotFound
from legato.model.ids import UserId, WorkspaceId
from legato.ports.accounts import Member, Workspace
from legato.ports.memberships import Invitation
from legato.ports.stores import Stores
from tests.contract.accounts import (
    DATABASES,
    HOME,
    HOUR_MS,
    actions,
    entry,
    hashed,
    invitation,
    invite,
    let_pass,
    logged_in,
    session,
    token,
    user,
    with_ann,
)
from tests.contract.conftest import MakeStores
from tests.contract.test_api_keys import key

pytestmark = DATABASES
ANN, BOB = UserId("u-ann"), UserId("u-bob")
TWO = Workspace(id=WorkspaceId("w-two"), slug="two", name="Two")


async def test_an_invitation_is_good_until_it_expires(store: Stores) -> None:
    """By its hash and in the list of its workspace, with all that was stored [ID54, AC4]."""
    await with_ann(store)
    await store.accounts.add_workspace(TWO, ANN, ())
    made = await invite(store, "b")
    assert made.expires_at > 0
    assert msgspec.structs.replace(made, expires_at=0) == invitation("b")
    later = await invite(store, "c", by=None)
    assert await store.accounts.invitation(hashed("b")) == made
    assert await store.accounts.invitation(hashed("x")) is None
    assert await store.accounts.invitations(HOME.id) == [later, made]
    assert await store.accounts.invitations(TWO.id) == []
    await store.accounts.add_token(token("link", user=ANN), ())
    assert await store.accounts.invitation(hashed("link")) is None
    await let_pass(store, HOUR_MS)
    assert await store.accounts.invitation(hashed("b")) is None
    assert await store.accounts.invitations(HOME.id) == []
    with pytest.raises(NotFound):
        await invite(store, "d", workspace=WorkspaceId("w-none"))


async def test_the_later_of_two_invitations_counts(stores: MakeStores) -> None:
    """For one address and workspace, also of many at once; elsewhere both are good [ID54, AC3]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    await both[0].accounts.add_workspace(TWO, ANN, ())
    await invite(both[0], "other")
    await invite(both[0], "elsewhere", workspace=TWO.id, email="b@x.org")
    names = [f"t{i}" for i in range(8)]
    await asyncio.gather(
        *(invite(both[i % 2], name, email="b@x.org") for i, name in enumerate(names))
    )
    good = [await both[0].accounts.invitation(hashed(name)) is not None for name in names]
    assert sum(good) == 1
    assert await both[0].accounts.invitation(hashed("elsewhere")) is not None
    assert await both[0].accounts.invitation(hashed("other")) is not None


async def test_a_workspace_has_so_many_open_invitations(stores: MakeStores) -> None:
    """Of many at once exactly so many; a revoked one makes room, a foreign one is none [ID54]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    made = await asyncio.gather(
        *(invite(both[i % 2], f"t{i}", open_max=3) for i in range(8)), return_exceptions=True
    )
    kinds = Counter(type(each) for each in made)
    assert kinds == {Invitation: 3, LimitExceeded: 5}
    revoke = both[0].accounts.revoke_invitation
    first = next(each for each in made if isinstance(each, Invitation))
    assert not await revoke(TWO.id, first.id, entry("no"))
    assert await revoke(HOME.id, first.id, entry("revoked"))
    assert not await revoke(HOME.id, first.id, entry("no"))
    assert await both[0].accounts.invitation(first.hash) is None
    assert (await invite(both[1], "room", open_max=3)).id == "i-room"
    assert (await actions(both[0]))[3:] == ["revoked", "room"]


async def test_a_new_user_comes_with_role_and_log_in(store: Stores) -> None:
    """All of it or nothing [ID57, AC2]."""
    await with_ann(store)
    await invite(store, "bob")
    member = Member(workspace=HOME.id, user=BOB, role="editor")

    async def accept(secret: str) -> bool:
        return await store.accounts.add_user(
            user("bob"), (), member=member, token_hash=hashed(secret), session=session("s1", "bob")
        )

    assert not await accept("unknown")
    assert await store.accounts.user(BOB) is None
    assert await accept("bob")
    found = await store.accounts.principal_of_session(hashed("s1-sid"), None)
    assert found is not None
    assert (found.user.id, found.role, found.user.default_workspace) == (BOB, "editor", HOME.id)
    assert await store.accounts.invitation(hashed("bob")) is None


async def test_a_role_that_was_changed_meanwhile_stays(store: Stores) -> None:
    """Nothing is done, and an invitation stays good [ID52, ID56, AC2]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    await invite(store, "bob")
    bob = Member(workspace=HOME.id, user=BOB, role="editor")
    lower = msgspec.structs.replace(bob, role="viewer")
    accounts = store.accounts
    assert await accounts.put_member(bob, entry("no"), was="viewer") == "changed"
    assert await accounts.put_member(bob, entry("put"), was="none") == "done"
    secret = hashed("bob")
    again = await accounts.put_member(lower, entry("no"), was="none", token_hash=secret)
    assert again == "changed"
    assert await accounts.invitation(secret) is not None
    assert await accounts.put_member(lower, entry("no"), was="admin") == "changed"
    assert await accounts.remove_member(HOME.id, BOB, entry("no"), was="viewer") == "changed"
    assert await accounts.put_member(lower, entry("lowered"), was="editor") == "done"
    assert await accounts.remove_member(HOME.id, BOB, entry("removed"), was="viewer") == "done"
    assert await actions(store) == ["bob", "put", "lowered", "removed"]


async def test_who_leaves_takes_keys_and_default_along(store: Stores) -> None:
    """Keys of that workspace are dead, also after a return; another default is chosen [ID53]."""
    await with_ann(store)
    assert await store.accounts.add_user(user("bob"), ())
    accounts = store.accounts
    await accounts.add_workspace(TWO, ANN, ())
    here = Member(workspace=HOME.id, user=BOB, role="viewer")
    there = Member(workspace=TWO.id, user=BOB, role="viewer")
    defaults = []
    for change in (
        accounts.put_member(here, ()),
        accounts.put_member(there, ()),
        accounts.add_key(key("k1", user=BOB), ()),
        accounts.add_key(key("k2", user=BOB, workspace=TWO.id), ()),
        accounts.remove_member(HOME.id, BOB, ()),
        accounts.put_member(here, ()),
        accounts.remove_member(TWO.id, BOB, ()),
        accounts.remove_member(HOME.id, BOB, ()),
    ):
        await change
        bob = await accounts.user(BOB)
        assert bob is not None
        defaults.append(bob.default_workspace)
        if len(defaults) == 6:
            assert [each.id for each in await accounts.keys(BOB)] == ["k2"]
    w1, w2 = HOME.id, TWO.id
    assert defaults == [w1, w1, w1, w1, w2, w2, w1, None]
    assert await accounts.keys(BOB) == []


async def test_an_owner_who_is_disabled_is_none(store: Stores) -> None:
    """The last one who can log in stays [ID53, AC10]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    owner = Member(workspace=HOME.id, user=BOB, role="owner")
    assert await store.accounts.put_member(owner, ()) == "done"
    assert await store.accounts.disable_user(BOB, ()) == "done"
    assert await store.accounts.remove_member(HOME.id, ANN, ()) == "last_owner"
    lowered = Member(workspace=HOME.id, user=ANN, role="admin")
    assert await store.accounts.put_member(lowered, ()) == "last_owner"
    assert await store.accounts.remove_member(HOME.id, BOB, ()) == "done"


async def test_a_workspace_gets_another_name(store: Stores) -> None:
    """Not the slug of another one, and not without a trace [ID61, AC1]."""
    await with_ann(store)
    await store.accounts.add_workspace(TWO, ANN, ())
    taken = msgspec.structs.replace(TWO, slug="home", name="Three")
    assert not await store.accounts.change_workspace(taken, entry("no"))
    nobody = msgspec.structs.replace(taken, id=WorkspaceId("w-none"), slug="free")
    assert not await store.accounts.change_workspace(nobody, entry("no"))
    free = msgspec.structs.replace(taken, slug="three")
    assert await store.accounts.change_workspace(free, entry("renamed"))
    assert await store.accounts.change_workspace(free, entry("the same"))
    found = [(each.slug, each.name) for each, _ in await store.accounts.memberships(ANN)]
    assert found == [("home", "Home"), ("three", "Three")]
    assert await actions(store) == ["renamed", "the same"]


async def test_users_are_listed_by_id(store: Stores) -> None:
    """Page by page, all of them [ID51, ID67]."""
    for name in ("b", "a", "c"):
        await store.accounts.add_user(user(name), ())
    users = store.accounts.users
    assert [each.id for each in await users()] == ["u-c", "u-b", "u-a"]
    assert [each.id for each in await users(limit=2)] == ["u-c", "u-b"]
    assert [each.id for each in await users(after="u-b", limit=2)] == ["u-a"]


async def test_who_is_disabled_has_nothing_left(store: Stores) -> None:
    """Log-ins, keys, tokens and own invitations end, and do not come back [ID67, AD1]."""
    await with_ann(store)
    accounts = store.accounts
    await accounts.add_user(user("bob"), ())
    for name in ("ann", "bob"):
        who = UserId(f"u-{name}")
        await logged_in(store, f"s-{name}", of=name)
        await accounts.add_key(key(f"k-{name}", user=who), ())
        await accounts.add_token(token(f"t-{name}", kind="reset", user=who), ())
        await invite(store, f"i-{name}", by=who)
    assert await accounts.disable_user(BOB, entry("disabled")) == "done"
    assert await accounts.disable_user(BOB, entry("no")) == "done"
    assert await accounts.disable_user(UserId("u-none"), entry("no")) == "unknown"
    for is_disabled in (True, False):
        bob = await accounts.user(BOB)
        assert bob is not None
        assert bob.is_disabled is is_disabled
        assert (await accounts.sessions(BOB), await accounts.keys(BOB)) == ([], [])
        for name, is_there in (("ann", True), ("bob", False)):
            assert (await accounts.token(hashed(f"t-{name}"), "reset") is not None) is is_there
            assert (await accounts.invitation(hashed(f"i-{name}")) is not None) is is_there
        assert await accounts.disable_user(BOB, entry("enabled"), is_disabled=False) == "done"
    assert len(await accounts.sessions(ANN)) == len(await accounts.keys(ANN)) == 1
    assert (await actions(store))[2:] == ["disabled", "enabled"]


async def test_of_two_admins_who_disable_each_other_one_stays(stores: MakeStores) -> None:
    """From two processes at once [ID68, AC3]."""
    both = [await stores("a"), await stores("b")]
    for name in ("ann", "bob", "cat"):
        await both[0].accounts.add_user(user(name, is_instance_admin=name != "cat"), ())
    done = await asyncio.gather(
        both[0].accounts.disable_user(BOB, ()), both[1].accounts.disable_user(ANN, ())
    )
    assert sorted(done) == ["done", "last_admin"]
    enabled = [each.id for each in await both[0].accounts.users() if not each.is_disabled]
    assert enabled == ["u-cat", "u-ann" if done[0] == "done" else "u-bob"]
    assert await both[0].accounts.disable_user(UserId("u-cat"), ()) == "done"

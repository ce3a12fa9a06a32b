# SPDX-License-Identifier: Apache-2.0
"""Set-up, users, workspaces, members and tokens on both databases."""

import asyncio
from collections import Counter

import msgspec
import pytest

from legato.errors import Conflict, NotFound
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import Member, Session, User, Workspace
from legato.ports.stores import Stores
from tests.contract.accounts import (
    DATABASES,
    HOME,
    HOUR_MS,
    actions,
    entry,
    hashed,
    invite,
    let_pass,
    logged_in,
    session,
    token,
    user,
    with_ann,
)
from tests.contract.conftest import MakeStores

pytestmark = DATABASES
ANN, BOB = UserId("u-ann"), UserId("u-bob")


async def set_up(store: Stores, name: str = "ann", secret: str = "setup") -> Session | str:
    """Try to become the owner."""
    workspace = Workspace(id=WorkspaceId(f"w-{name}"), slug=f"of-{name}", name=name)
    return await store.accounts.set_up(
        hashed(secret), user(name), workspace, session(f"s-{name}", name), entry("setup")
    )


async def test_set_up_makes_an_owner_with_workspace_and_session(store: Stores) -> None:
    """All of it is there afterwards, and the token is used [AC6, AD1]."""
    assert not await store.accounts.is_set_up()
    await store.accounts.add_token(token("setup", kind="setup"), ())
    made = await set_up(store)
    assert isinstance(made, Session)
    assert await store.accounts.is_set_up()
    principal = await store.accounts.principal_of_session(hashed("s-ann-sid"), None)
    assert principal is not None
    assert (principal.session, principal.role) == (made, "owner")
    assert principal.user.default_workspace == principal.workspace.id == "w-ann"  # type: ignore[union-attr]
    assert await store.accounts.token(hashed("setup"), "setup") is None
    assert await actions(store) == ["setup"]


async def test_of_twenty_set_ups_at_once_one_succeeds(stores: MakeStores) -> None:
    """Two processes, twenty requests: one owner, one audit row [AC3, AC6]."""
    both = [await stores("a"), await stores("b")]
    await both[0].accounts.add_token(token("setup", kind="setup"), ())
    found = await asyncio.gather(*(set_up(both[i % 2], f"n{i}") for i in range(20)))
    kinds = Counter(each if isinstance(each, str) else "made" for each in found)
    assert kinds == {"made": 1, "claimed": 19}
    assert await actions(both[1]) == ["setup"]
    assert await set_up(both[1], "late", "whatever") == "claimed"


async def test_a_set_up_is_told_why_its_token_is_not_good(store: Stores) -> None:
    """Unknown, void and expired are told apart; nothing is made [AC2, AC4, AC5]."""
    await store.accounts.add_token(token("link", user=ANN), ())
    assert await set_up(store, secret="link") == "unknown"
    await store.accounts.add_token(token("old", kind="setup"), ())
    await store.accounts.add_token(token("setup", kind="setup"), ())
    assert await set_up(store, secret="old") == "used"
    await let_pass(store, HOUR_MS)
    assert await set_up(store) == "expired"
    assert not await store.accounts.is_set_up()
    assert await store.accounts.user(ANN) is None
    assert await actions(store) == []


async def test_a_set_up_over_somebody_who_is_there_leaves_nothing(store: Stores) -> None:
    """The token is good afterwards [AC2]."""
    await store.accounts.add_token(token("setup", kind="setup"), ())
    assert await store.accounts.add_user(user(), ())
    with pytest.raises(Conflict):
        await set_up(store)
    assert not await store.accounts.is_set_up()
    assert await store.accounts.token(hashed("setup"), "setup") is not None


async def test_a_user_comes_back_as_added(store: Stores) -> None:
    """Every field, by id and by address; the database sets time and version [AC1, AC4]."""
    added = user(
        is_instance_admin=True,
        totp=b"\x00sealed",
        totp_step=2**40,
        recovery=("a", "b"),
        default_workspace=HOME.id,
    )
    assert await store.accounts.add_user(added, ())
    found = await store.accounts.user(ANN)
    assert found is not None
    assert found.created_at > 0
    assert msgspec.structs.replace(found, created_at=0) == added
    assert await store.accounts.user_by_email("ann@example.org") == found
    assert await store.accounts.user_by_email("bob@example.org") is None


async def test_users_are_listed_by_id(store: Stores) -> None:
    """The highest first; a page goes on below an id [CL60]."""
    for name in ("bob", "ann", "eve"):
        assert await store.accounts.add_user(user(name), ())
    found = await store.accounts.users(limit=2)
    assert [each.id for each in found] == ["u-eve", "u-bob"]
    found = await store.accounts.users(after="u-bob")
    assert found == [await store.accounts.user(ANN)]
    assert await store.accounts.users(after="u-ann") == []


async def test_an_address_is_taken_once(stores: MakeStores) -> None:
    """Also by many at once; the losers leave nothing [AC1, AC2, AC3]."""
    both = [await stores("a"), await stores("b")]
    added = await asyncio.gather(
        *(
            both[i % 2].accounts.add_user(user(f"n{i}", email="ann@example.org"), entry(f"user{i}"))
            for i in range(10)
        )
    )
    assert sorted(added) == [False] * 9 + [True]
    assert await actions(both[0]) == [f"user{added.index(True)}"]


async def test_of_several_changes_at_once_one_stands(stores: MakeStores) -> None:
    """A time step of a second factor is accepted once, by the user's version [AC1, AC3]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    read = await both[0].accounts.user(ANN)
    assert read is not None
    changed = msgspec.structs.replace(read, totp_step=7, display_name="Anna")
    done = await asyncio.gather(
        *(both[i % 2].accounts.change_user(changed, entry("totp")) for i in range(10))
    )
    assert sorted(done) == [False] * 9 + [True]
    found = await both[1].accounts.user(ANN)
    assert found == msgspec.structs.replace(changed, version=read.version + 1)
    assert await actions(both[0]) == ["totp"]


async def test_an_address_cannot_be_changed_to_one_that_is_taken(store: Stores) -> None:
    """The user stays as it was [AC1]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    ann = await store.accounts.user(ANN)
    assert ann is not None
    taken = msgspec.structs.replace(ann, email="bob@example.org")
    assert not await store.accounts.change_user(taken, entry("never"))
    free = msgspec.structs.replace(ann, email="anna@example.org")
    assert await store.accounts.change_user(free, entry("address"))
    assert await actions(store) == ["address"]


async def test_a_change_consumes_its_token_or_is_undone(store: Stores) -> None:
    """A used token, or one of somebody else, changes nothing [AC2, AC5]."""
    await with_ann(store)
    ann = await store.accounts.user(ANN)
    assert ann is not None
    changed = msgspec.structs.replace(ann, password_hash="new")
    await store.accounts.add_token(token("theirs", kind="reset", user=BOB), ())
    await store.accounts.add_token(token("reset", kind="reset", user=ANN), ())
    await store.accounts.add_token(token("setup", kind="setup"), ())
    for wrong in ("theirs", "setup", "unknown"):
        assert not await store.accounts.change_user(changed, (), token_hash=hashed(wrong))
    assert await store.accounts.user(ANN) == ann
    assert await store.accounts.change_user(changed, (), token_hash=hashed("reset"))
    again = msgspec.structs.replace(changed, version=2)
    assert not await store.accounts.change_user(again, (), token_hash=hashed("reset"))
    assert await store.accounts.token(hashed("theirs"), "reset") is not None


async def test_a_change_ends_sessions(store: Stores) -> None:
    """All but one, or all [AC7]."""
    await with_ann(store)
    for name in ("s1", "s2", "s3"):
        await logged_in(store, name)
    ann = await store.accounts.user(ANN)
    assert ann is not None
    assert await store.accounts.change_user(ann, ())
    assert len(await store.accounts.sessions(ANN)) == 3
    ann = msgspec.structs.replace(ann, version=2)
    assert await store.accounts.change_user(ann, (), ends_sessions_but=SessionId("s2"))
    assert [each.id for each in await store.accounts.sessions(ANN)] == ["s2"]
    ann = msgspec.structs.replace(ann, version=3)
    assert await store.accounts.change_user(ann, (), ends_sessions_but="none")
    assert await store.accounts.sessions(ANN) == []


async def test_an_invitation_is_accepted_once(stores: MakeStores) -> None:
    """Ten accept it at once: one user with the role, and the token is used [AC2, AC3, AC5]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    await invite(both[0], "invite")

    async def accept(number: int) -> bool:
        made = user(f"n{number}")
        return await both[number % 2].accounts.add_user(
            made,
            entry("accepted"),
            member=Member(workspace=HOME.id, user=made.id, role="editor"),
            token_hash=hashed("invite"),
        )

    done = await asyncio.gather(*map(accept, range(10)))
    assert sorted(done) == [False] * 9 + [True]
    winner = f"u-n{done.index(True)}"
    found = [(each.user, each.role) for each in await both[1].accounts.members(HOME.id)]
    assert found == [(winner, "editor"), ("u-ann", "owner")]
    made = await both[0].accounts.user(UserId(winner))
    assert made is not None
    assert made.default_workspace == HOME.id
    for number in range(10):
        is_there = await both[0].accounts.user(UserId(f"u-n{number}")) is not None
        assert is_there is done[number]
    assert await actions(both[0]) == ["invite", "accepted"]


async def test_an_invitation_is_for_one_workspace(store: Stores) -> None:
    """Elsewhere it is not good, and stays good [AC2, AC5]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    await store.accounts.add_workspace(
        Workspace(id=WorkspaceId("w2"), slug="two", name="2"), ANN, ()
    )
    await invite(store, "invite", role="viewer")
    there = Member(workspace=WorkspaceId("w2"), user=BOB, role="viewer")
    here = Member(workspace=HOME.id, user=BOB, role="viewer")
    secret = hashed("invite")
    assert await store.accounts.put_member(there, entry("no"), token_hash=secret) == "token"
    assert await store.accounts.put_member(here, entry("yes"), token_hash=secret) == "done"
    assert await store.accounts.put_member(here, entry("no"), token_hash=secret) == "token"
    assert await store.accounts.memberships(BOB) == [
        (msgspec.structs.replace(HOME, created_at=(await home(store)).created_at), "viewer")
    ]
    assert await actions(store) == ["invite", "yes"]


async def home(store: Stores) -> Workspace:
    """Return HOME as it is stored."""
    found = {each.id: each for each, _ in await store.accounts.memberships(ANN)}
    return found[HOME.id]


async def test_a_token_is_found_as_it_was_made(store: Stores) -> None:
    """By its kind only, with everything but its life [AC4, AC5]."""
    made = token("half", kind="mfa", user=ANN, email="b@x.org", sealed=b"\x00")
    await store.accounts.add_token(made, entry("half"))
    found = await store.accounts.token(made.hash, "mfa")
    assert found is not None
    for name in ("hash", "kind", "user", "email", "sealed"):
        assert getattr(found, name) == getattr(made, name)
    assert found.expires_at > 0
    assert found.tries == 0
    assert await store.accounts.token(made.hash, "link") is None
    await let_pass(store, HOUR_MS)
    assert await store.accounts.token(made.hash, "mfa") is None
    assert await actions(store) == ["half"]


async def test_a_new_token_makes_the_old_one_void(stores: MakeStores) -> None:
    """For the same user and kind; of many made at once one is good [AC3, AC5]."""
    both = [await stores("a"), await stores("b")]
    await both[0].accounts.add_token(token("other", user=BOB), ())
    await both[0].accounts.add_token(token("reset", kind="reset", user=ANN), ())
    await with_ann(both[0])
    names = [f"link{i}" for i in range(30)]
    await asyncio.gather(
        *(both[i % 2].accounts.add_token(token(name, user=ANN), ()) for i, name in enumerate(names))
    )
    good = [await both[0].accounts.token(hashed(name), "link") is not None for name in names]
    assert sum(good) == 1
    assert await both[0].accounts.token(hashed("other"), "link") is not None
    assert await both[0].accounts.token(hashed("reset"), "reset") is not None


async def test_of_set_up_links_made_at_once_one_is_good(stores: MakeStores) -> None:
    """Servers that start together do not leave several ways in [AC3, AC5]."""
    both = [await stores("a"), await stores("b")]
    names = [f"setup{i}" for i in range(8)]
    made = [token(name, kind="setup") for name in names]
    await asyncio.gather(
        *(both[i % 2].accounts.add_token(each, entry("link")) for i, each in enumerate(made))
    )
    good = [await both[0].accounts.token(each.hash, "setup") is not None for each in made]
    assert sum(good) == 1
    assert await actions(both[0]) == ["link"] * 8


async def test_a_token_has_so_many_tries(stores: MakeStores) -> None:
    """Of twenty at once from two processes five are let in; of another kind none [AC3, AC5]."""
    both = [await stores("a"), await stores("b")]
    await both[0].accounts.add_token(token("mfa", kind="mfa", user=ANN), ())
    secret = hashed("mfa")
    assert not await both[0].accounts.try_token(secret, "link", tries_max=5)
    taken = await asyncio.gather(
        *(both[i % 2].accounts.try_token(secret, "mfa", tries_max=5) for i in range(20))
    )
    assert sum(taken) == 5
    found = await both[1].accounts.token(secret, "mfa")
    assert found is not None
    assert found.tries == 5
    await let_pass(both[0], HOUR_MS)
    assert not await both[0].accounts.try_token(secret, "mfa", tries_max=6)


async def test_several_half_log_ins_stand_side_by_side(store: Stores) -> None:
    """Who begins one does not end another's [AC5, ID30]."""
    await with_ann(store)
    for name in ("mfa1", "mfa2"):
        assert await store.accounts.add_token(token(name, kind="mfa", user=ANN), ())
    for name in ("mfa1", "mfa2"):
        assert await store.accounts.token(hashed(name), "mfa") is not None


async def test_a_pending_secret_is_found_by_its_user(store: Stores) -> None:
    """Sealed as it was given, until it expires or a newer one is made [AC5, ID34]."""
    await with_ann(store)
    for name in ("one", "two"):
        made = token(name, kind="totp", user=ANN, sealed=name.encode() + b"\x00")
        assert await store.accounts.add_token(made, ())
    found = await store.accounts.token_of(ANN, "totp")
    assert found is not None
    assert (found.hash, found.sealed) == (hashed("two"), b"two\x00")
    assert await store.accounts.token_of(BOB, "totp") is None
    assert await store.accounts.token_of(ANN, "link") is None
    await let_pass(store, HOUR_MS)
    assert await store.accounts.token_of(ANN, "totp") is None


async def test_a_token_is_made_in_exchange_for_another(store: Stores) -> None:
    """Of the user's version, by a token that is good: else nothing is done [AC2, AC5, ID42]."""
    await with_ann(store)
    await store.accounts.add_token(token("link", user=ANN), ())
    add, link = store.accounts.add_token, hashed("link")
    half = token("mfa", kind="mfa", user=ANN)
    assert not await add(half, entry("no"), token_hash=link, user_version=2)
    assert not await add(half, entry("no"), token_hash=hashed("none"), user_version=1)
    assert await add(half, entry("half"), token_hash=link, user_version=1)
    again = token("again", kind="mfa", user=ANN)
    assert not await add(again, entry("no"), token_hash=link, user_version=1)
    ann = await store.accounts.user(ANN)
    assert ann is not None
    assert await store.accounts.change_user(msgspec.structs.replace(ann, is_disabled=True), ())
    assert not await add(again, entry("no"), user_version=2)
    assert await store.accounts.token(again.hash, "mfa") is None
    assert await actions(store) == ["half"]


async def test_a_new_password_voids_what_could_become_a_log_in(store: Stores) -> None:
    """Links, resets, half log-ins and pending secrets of this user; no invitation [ID43]."""
    await with_ann(store)
    ann = await store.accounts.user(ANN)
    assert ann is not None
    mine = [token(kind, kind=kind, user=ANN) for kind in ("link", "reset", "mfa", "totp")]
    kept = token("theirs", kind="reset", user=BOB)
    for each in [*mine, kept]:
        await store.accounts.add_token(each, ())
    made = await invite(store, "invite", email=ann.email)

    async def good() -> list[bool]:
        found = [await store.accounts.token(each.hash, each.kind) for each in [*mine, kept]]
        return [each is not None for each in found]

    assert await store.accounts.change_user(ann, ())
    assert await good() == [True] * 5
    ann = msgspec.structs.replace(ann, version=2)
    assert await store.accounts.change_user(ann, (), ends_sessions_but="none")
    assert await good() == [False] * 4 + [True]
    assert await store.accounts.invitation(made.hash) == made


async def test_members_are_listed_by_id(store: Stores) -> None:
    """Page by page, with what a list shows; a new role changes nothing else [AC1, ID50]."""
    await with_ann(store)
    for name in ("zoe", "bob"):
        await store.accounts.add_user(user(name), ())
        member = Member(workspace=HOME.id, user=UserId(f"u-{name}"), role="viewer")
        assert await store.accounts.put_member(member, ()) == "done"
    before = await store.accounts.members(HOME.id)
    assert [each.display_name for each in before] == ["Zoe", "Bob", "Ann"]
    assert before[1].email == "bob@example.org"
    assert before[1].since > 0
    bob = Member(workspace=HOME.id, user=BOB, role="admin")
    assert await store.accounts.put_member(bob, ()) == "done"
    after = await store.accounts.members(HOME.id)
    assert after[1] == msgspec.structs.replace(before[1], role="admin")
    assert await store.accounts.member(HOME.id, BOB) == after[1]
    assert await store.accounts.members(HOME.id, limit=1) == after[:1]
    assert await store.accounts.members(HOME.id, after="u-zoe", limit=1) == after[1:2]
    assert await store.accounts.members(HOME.id, after="u-ann") == []
    assert await store.accounts.members(WorkspaceId("w-none")) == []
    assert await store.accounts.member(WorkspaceId("w-none"), BOB) is None


async def test_a_slug_is_taken_once(store: Stores) -> None:
    """The second workspace of that name is not made [AC1, AD1]."""
    await with_ann(store)
    twin = Workspace(id=WorkspaceId("w-twin"), slug="home", name="Twin")
    assert not await store.accounts.add_workspace(twin, ANN, entry("never"))
    other = Workspace(id=WorkspaceId("w-two"), slug="a-two", name="Two")
    assert await store.accounts.add_workspace(other, ANN, entry("workspace"))
    found = [(each.slug, role) for each, role in await store.accounts.memberships(ANN)]
    assert found == [("a-two", "owner"), ("home", "owner")]
    assert await actions(store) == ["workspace"]


async def test_the_last_owner_stays(store: Stores) -> None:
    """Neither lowered nor taken out, until there is another [AC10, AD1]."""
    await with_ann(store)
    await store.accounts.add_user(user("bob"), ())
    lowered = Member(workspace=HOME.id, user=ANN, role="admin")
    accounts = store.accounts
    assert await accounts.put_member(lowered, entry("no")) == "last_owner"
    assert await accounts.remove_member(HOME.id, ANN, entry("no")) == "last_owner"
    assert await accounts.remove_member(HOME.id, BOB, entry("no")) == "unknown"
    again = Member(workspace=HOME.id, user=ANN, role="owner")
    assert await accounts.put_member(again, ()) == "done"
    bob = Member(workspace=HOME.id, user=BOB, role="owner")
    assert await accounts.put_member(bob, entry("granted")) == "done"
    assert await accounts.put_member(lowered, entry("lowered")) == "done"
    assert await accounts.remove_member(HOME.id, ANN, entry("removed")) == "done"
    assert [each.user for each in await accounts.members(HOME.id)] == [BOB]
    assert await actions(store) == ["granted", "lowered", "removed"]
    nowhere = Member(workspace=WorkspaceId("w-none"), user=ANN, role="owner")
    with pytest.raises(NotFound):
        await accounts.put_member(nowhere, ())


async def test_owners_who_leave_together_leave_one(stores: MakeStores) -> None:
    """Four owners, each removed or lowered at once from two processes [AC3, AC10]."""
    both = [await stores("a"), await stores("b")]
    await with_ann(both[0])
    people = [ANN]
    for name in ("bob", "cat", "dan"):
        await both[0].accounts.add_user(user(name), ())
        people.append(UserId(f"u-{name}"))
        owner = Member(workspace=HOME.id, user=people[-1], role="owner")
        assert await both[0].accounts.put_member(owner, ()) == "done"

    async def leave(index: int) -> str:
        accounts = both[index % 2].accounts
        if index < 2:
            return await accounts.remove_member(HOME.id, people[index], ())
        lowered = Member(workspace=HOME.id, user=people[index], role="viewer")
        return await accounts.put_member(lowered, ())

    done = await asyncio.gather(*map(leave, range(4)))
    assert Counter(done) == {"done": 3, "last_owner": 1}
    found = [each.user for each in await both[0].accounts.members(HOME.id) if each.role == "owner"]
    assert found == [people[done.index("last_owner")]]


async def test_texts_that_a_database_cannot_hold_are_cleaned(store: Stores) -> None:
    """NUL and lone surrogates, in what is stored and in what is looked for [AC3]."""
    odd = "A\x00\ud800"
    assert await store.accounts.user_by_email(odd) is None
    await store.accounts.add_user(user(display_name=odd), ())
    await store.accounts.add_workspace(Workspace(id=HOME.id, slug="home", name=odd), ANN, ())
    found = await store.accounts.user(ANN)
    assert isinstance(found, User)
    assert found.display_name == "A" + 4 * "\ufffd"
    assert (await home(store)).name == "A" + 4 * "\ufffd"

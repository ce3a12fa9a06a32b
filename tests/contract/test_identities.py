# SPDX-License-Identifier: Apache-2.0
"""Identities of other issuers, and whose they are, on both databases."""

import asyncio

import msgspec

from legato.model.ids import UserId
from legato.ports.accounts import ExternalIdentity, Member
from legato.ports.stores import Stores
from tests.contract.accounts import DATABASES, HOME, actions, entry, select, user, with_ann
from tests.contract.conftest import MakeStores

pytestmark = DATABASES
ANN = UserId("u-ann")
ISSUER = "https://id.example.org"
HERS = ExternalIdentity(issuer=ISSUER, subject="s1")


async def test_an_identity_is_that_of_its_user(store: Stores) -> None:
    """With the role in the workspace that is asked for, or in the default one [AU109, AU110]."""
    await with_ann(store)
    assert await store.accounts.add_identity(HERS, ANN, entry("add"))
    for workspace in (None, HOME.id, HOME.slug):
        found = await store.accounts.principal_of_identity(HERS, workspace)
        assert found is not None
        assert (found.identity, found.session, found.key, found.scopes) == (HERS, None, None, None)
        assert found.workspace is not None
        assert (found.workspace.id, found.role) == (HOME.id, "owner")
        assert found.user == await store.accounts.user(ANN)
        assert found.at > 0
    elsewhere = await store.accounts.principal_of_identity(HERS, "nowhere")
    assert elsewhere is not None
    assert (elsewhere.workspace, elsewhere.role) == (None, None)
    assert await store.accounts.user_of_identity(HERS) == await store.accounts.user(ANN)
    assert await actions(store) == ["add"]


async def test_an_identity_is_compared_character_by_character(store: Stores) -> None:
    """By issuer and subject together, and by nothing else [AU109]."""
    await with_ann(store)
    assert await store.accounts.add_identity(HERS, ANN, ())
    for issuer, subject in (
        (ISSUER, "S1"), (ISSUER, "s1 "), (ISSUER, "s"), (ISSUER, "s_"), (ISSUER, "%"), (ISSUER, ""),
        (f"{ISSUER}/", "s1"), (ISSUER.upper(), "s1"), ("s1", ISSUER), (ISSUER, "ann@example.org"),
    ):  # fmt: skip
        other = ExternalIdentity(issuer=issuer, subject=subject)
        assert await store.accounts.principal_of_identity(other, None) is None
        assert await store.accounts.user_of_identity(other) is None


async def test_an_identity_has_the_role_of_now_and_ends_with_its_user(store: Stores) -> None:
    """Lowered, removed, disabled: at once [AU109]."""
    await with_ann(store, role="viewer")
    assert await store.accounts.add_identity(HERS, ANN, ())
    roles = []
    for role in ("editor", "viewer"):
        await store.accounts.put_member(Member(workspace=HOME.id, user=ANN, role=role), ())
        found = await store.accounts.principal_of_identity(HERS, None)
        roles.append(found and found.role)
    await store.accounts.remove_member(HOME.id, ANN, ())
    found = await store.accounts.principal_of_identity(HERS, None)
    roles.append(found and found.role)
    assert roles == ["editor", "viewer", None]
    ann = await store.accounts.user(ANN)
    assert ann is not None
    await store.accounts.change_user(msgspec.structs.replace(ann, is_disabled=True), ())
    assert await store.accounts.principal_of_identity(HERS, None) is None
    known = await store.accounts.user_of_identity(HERS)
    assert known is not None
    assert known.is_disabled


async def test_an_identity_is_one_users(store: Stores) -> None:
    """A second link, one to nobody or to somebody disabled leaves nothing [AU109]."""
    await with_ann(store)
    assert await store.accounts.add_user(user("bob"), ())
    assert await store.accounts.add_user(user("eve", is_disabled=True), ())
    assert await store.accounts.add_identity(HERS, ANN, entry("first"))
    for name in ("u-bob", "u-ann", "u-nobody"):
        assert not await store.accounts.add_identity(HERS, UserId(name), entry("again"))
    other = ExternalIdentity(issuer=ISSUER, subject="s2")
    for name in ("u-nobody", "u-eve"):
        assert not await store.accounts.add_identity(other, UserId(name), entry("again"))
    assert await store.accounts.user_of_identity(other) is None
    assert await store.accounts.add_identity(other, ANN, entry("second"))
    assert await actions(store) == ["first", "second"]


async def test_a_link_can_be_taken_back(store: Stores) -> None:
    """Once; then it can be another's [AU109, AU111]."""
    await with_ann(store)
    assert await store.accounts.add_user(user("bob"), ())
    assert await store.accounts.add_identity(HERS, ANN, ())
    assert await store.accounts.remove_identity(HERS, entry("remove"))
    assert not await store.accounts.remove_identity(HERS, entry("remove"))
    assert await store.accounts.principal_of_identity(HERS, None) is None
    assert await store.accounts.add_identity(HERS, UserId("u-bob"), ())
    assert await actions(store) == ["remove"]


async def test_of_many_provisions_at_once_one_makes_the_user(stores: MakeStores) -> None:
    """Two processes, ten requests: one user, one row of the audit; the rest leave none [AU109]."""
    both = [await stores("a"), await stores("b")]
    made = await asyncio.gather(
        *(both[i % 2].accounts.provision(HERS, user(f"n{i}"), entry(f"n{i}")) for i in range(10))
    )
    assert sorted(made) == [False] * 9 + [True]
    winner = f"n{made.index(True)}"
    found = await both[0].accounts.principal_of_identity(HERS, None)
    assert found is not None
    assert (found.user.id, found.workspace, found.role) == (f"u-{winner}", None, None)
    assert await select(both[1], "SELECT id FROM users") == [(f"u-{winner}",)]
    assert await actions(both[1]) == [winner]


async def test_nobody_is_provisioned_over_somebodys_address(store: Stores) -> None:
    """Neither a user nor a link is left [AU109]."""
    await with_ann(store)
    taken = user("other", email="ann@example.org")
    assert not await store.accounts.provision(HERS, taken, entry("no"))
    assert await store.accounts.user_of_identity(HERS) is None
    assert await actions(store) == []

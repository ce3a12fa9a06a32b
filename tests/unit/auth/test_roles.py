# SPDX-License-Identifier: Apache-2.0
"""Roles, scopes and the one table."""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.auth import roles
from legato.errors import InvalidInput
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import ExternalIdentity, Principal, Session, User, Workspace

# resource | verbs that begin with viewer | operator | editor | admin | owner
CONTRACT: Final = """
workflow   | read | | create draft validate publish archive run_draft run_graph | purge |
version    | read | | restore | purge |
schedule   | read | pause resume | test | rotate purge |
execution  | read events logs compare export | start cancel pause resume retry fork signal approve \
retry_node skip_node force_node | | purge |
credential | | names | use used_by | create update test delete |
file       | read | upload delete_own | delete_any | quota |
member     | list leave | | | invite change remove | grant_owner remove_owner
setting    | list | | | read update |
audit      | | | | read export |
api_key    | | | | revoke_any |
workspace  | | | | | delete
metrics    | | | | read |
account    | me profile preferences workspaces sessions password mfa api_keys | | | |
"""
ORDER: Final = ("viewer", "operator", "editor", "admin", "owner")


def contract() -> set[tuple[str, str, str]]:
    """Return every (role, resource, verb) that is allowed."""
    allowed = set()
    for line in CONTRACT.strip().splitlines():
        resource, *columns = (part.strip() for part in line.split("|"))
        for least, verbs in enumerate(columns):
            for verb in verbs.split():
                allowed |= {(role, resource, verb) for role in ORDER[least:]}
    return allowed


def person(role: str | None, **changes: Any) -> Principal:
    """Return somebody with a session."""
    user = User(id=UserId("u"), email="a@b", display_name="A", **changes)
    session = Session(
        id=SessionId("s"),
        sid_hash=b"",
        user=user.id,
        created_at=0,
        authenticated_at=0,
        expires_at=1,
        last_active=0,
    )
    workspace = Workspace(id=WorkspaceId("w"), slug="w", name="W")
    return Principal(user=user, session=session, workspace=workspace, role=role)  # type: ignore[arg-type]


def program(role: str | None, *scopes: str, **changes: Any) -> Principal:
    """Return somebody with an API key."""
    return msgspec.structs.replace(person(role, **changes), session=None, key="k", scopes=scopes)


def guest(role: str | None, **changes: Any) -> Principal:
    """Return somebody with an identity of another issuer."""
    identity = ExternalIdentity(issuer="https://id.example.org", subject="s")
    return msgspec.structs.replace(person(role, **changes), session=None, identity=identity)


def test_the_whole_table_is_the_contract() -> None:
    """Each role may do what the contract's table says, cell by cell, and nothing else [AU1]."""
    cells = list(roles.matrix())
    assert {(c.role, c.resource, c.verb) for c in cells if c.is_allowed} == contract()
    rows = {(resource, verb) for _, resource, verb in contract()}
    assert {(c.resource, c.verb) for c in cells} == rows
    assert len(cells) == 5 * len(rows)
    assert roles.ROLES == ORDER


@pytest.mark.parametrize(
    ("role", "resource", "verb"),
    [
        ("Owner", "workflow", "read"),
        ("", "workflow", "read"),
        (None, "workflow", "read"),
        ("superuser", "workflow", "read"),
        ("owner", "workflows", "read"),
        ("owner", "workflow", "write"),
        ("owner", "", ""),
        ("owner", "workflow", ""),
    ],
)
def test_what_the_table_does_not_name_is_refused(
    role: str | None, resource: str, verb: str
) -> None:
    """An unknown role, resource or verb is refused [AU2]."""
    assert not roles.allows(role, resource, verb)
    assert not roles.may(person(role), resource, verb)


@given(st.text(), st.text(), st.text())
def test_no_text_slips_through_the_table(role: str, resource: str, verb: str) -> None:
    """Whatever the texts, only the contract's cells are allowed [AU2]."""
    assert roles.allows(role, resource, verb) == ((role, resource, verb) in contract())


def test_a_key_has_its_scopes_within_the_role_of_its_maker() -> None:
    """A key's rights are its scopes and its maker's role now, whichever is less [AU3]."""
    assert roles.may(program("editor", "execution:run"), "execution", "start")
    assert not roles.may(program("viewer", "execution:run"), "execution", "start")
    assert not roles.may(program("editor", "execution:read"), "execution", "start")
    assert not roles.may(program("owner", "execution:run"), "execution", "read")
    assert not roles.may(
        program("owner", "execution:write", "execution:read"), "execution", "start"
    )
    assert not roles.may(program("owner"), "workflow", "read")
    assert not roles.may(program(None, "workflow:read"), "workflow", "read")


def test_scopes_imply_nothing_but_versions_of_workflows() -> None:
    """A scope reaches its own resource and kind; one for workflows also their versions [AU3]."""
    for cell in roles.matrix():
        right = roles.TABLE[cell.resource][cell.verb]
        for scope in roles.SCOPES:
            resource, _, kind = scope.partition(":")
            covers = resource == cell.resource or (resource, cell.resource) == (
                "workflow",
                "version",
            )
            expected = covers and kind == right.kind
            assert roles.scope_allows([scope], cell.resource, cell.verb) == expected
    assert not roles.scope_allows(["*", "workflow", "workflow:*", ":"], "workflow", "read")
    assert not roles.scope_allows(["nothing:read"], "nothing", "read")


def test_a_key_never_reaches_people() -> None:
    """No scope lets a key act on the own account, members, owners, keys or workspaces [AU4]."""
    key = program("owner", *roles.SCOPES, is_instance_admin=True)
    for cell in roles.matrix():
        if cell.resource in {"account", "member", "api_key", "workspace"}:
            is_me = (cell.resource, cell.verb) == ("account", "me")
            assert roles.may(key, cell.resource, cell.verb) == is_me
    assert not roles.instance_allows(key, "workspace", "create")


def test_an_identity_is_its_user_in_a_workspace_and_nowhere_else() -> None:
    """By role as in a session; of the own account `me`, of the installation nothing [AU110]."""
    for role in ORDER:
        who = guest(role, is_instance_admin=True)
        for cell in roles.matrix():
            here = roles.may(person(role), cell.resource, cell.verb)
            is_me = (cell.resource, cell.verb) == ("account", "me")
            expected = is_me if cell.resource == "account" else here
            assert roles.may(who, cell.resource, cell.verb) == expected
        assert not any(roles.instance_allows(who, *each) for each in roles.INSTANCE_TABLE)
    nobody = guest(None)
    reached = {
        (c.resource, c.verb) for c in roles.matrix() if roles.may(nobody, c.resource, c.verb)
    }
    assert reached == {("account", "me")}
    disabled = guest("owner", is_disabled=True)
    assert not any(roles.may(disabled, c.resource, c.verb) for c in roles.matrix())


def test_exactly_one_thing_stands_for_somebody() -> None:
    """Two at once would have the rights of whichever was looked at first [AU2, AU110]."""
    shown = {
        "session": person("owner").session,
        "key": "k",
        "identity": guest("owner").identity,
    }
    pairs = [("session", "key"), ("session", "identity"), ("key", "identity"), tuple(shown)]
    for names in pairs:
        both = msgspec.structs.replace(
            person("owner", is_instance_admin=True),
            scopes=tuple(roles.SCOPES),
            **{name: shown[name] if name in names else None for name in shown},
        )
        assert not any(roles.may(both, c.resource, c.verb) for c in roles.matrix())
        assert not roles.instance_allows(both, "system", "read")


def test_the_own_account_needs_no_workspace() -> None:
    """Somebody who is a member nowhere still reaches the own account, and nothing else [AU1]."""
    nobody = person(None)
    allowed = {
        (c.resource, c.verb) for c in roles.matrix() if roles.may(nobody, c.resource, c.verb)
    }
    verbs = (
        *("me", "profile", "preferences", "workspaces", "sessions"),
        *("password", "mfa", "api_keys"),
    )
    assert allowed == {("account", verb) for verb in verbs}
    assert not roles.may(nobody, "account", "delete")


def test_who_is_disabled_or_has_shown_nothing_may_do_nothing() -> None:
    """Without a live session or key, or disabled, all is refused [AU2]."""
    bare = msgspec.structs.replace(person("owner"), session=None)
    for who in (bare, person("owner", is_disabled=True, is_instance_admin=True)):
        assert not any(roles.may(who, c.resource, c.verb) for c in roles.matrix())
        assert not roles.instance_allows(who, "system", "read")


def test_the_flag_of_the_installation_is_no_role() -> None:
    """`is_instance_admin` allows its five verbs, and gives no role; no role allows them [AU4]."""
    admin, owner = person(None, is_instance_admin=True), person("owner")
    verbs = {
        ("workspace", "create"),
        ("user", "disable"),
        ("system", "read"),
        ("system", "crash"),
        ("audit", "read_instance"),
    }
    assert verbs == roles.INSTANCE_TABLE
    for resource, verb in verbs:
        assert roles.instance_allows(admin, resource, verb)
        assert not roles.instance_allows(owner, resource, verb)
        assert not roles.may(owner, resource, verb)
    assert not roles.instance_allows(admin, "system", "write")
    assert not roles.may(admin, "workflow", "read")


def test_only_an_owner_touches_owners() -> None:
    """Admins change members up to admin; owners are granted and removed by owners [AU5]."""
    some = (None, *ORDER)
    for actor in some:
        for before in some:
            for after in some:
                expected = False
                if before is not None or after is not None:
                    least = "owner" if "owner" in {before, after} else "admin"
                    expected = actor is not None and ORDER.index(actor) >= ORDER.index(least)
                assert roles.may_change_member(actor, before, after) == expected
    assert not roles.may_change_member("owner", "viewer", "emperor")
    assert not roles.may_change_member("owner", "emperor", "viewer")


def test_a_key_is_made_with_scopes_that_its_maker_has() -> None:
    """Scopes of a new key are known, 1 to 64, and within the maker's role [AU5]."""
    made = roles.check_scopes(["workflow:read", "execution:run", "workflow:read"], "operator")
    assert made == ("execution:run", "workflow:read")
    with pytest.raises(InvalidInput, match="more than your role"):
        roles.check_scopes(["workflow:write"], "operator")
    assert roles.check_scopes(["metrics:read"], "admin") == ("metrics:read",)
    bad: tuple[object, ...] = (
        None, [], "workflow:read", {}, ["member:read"], ["account:read"], [1], [["a"]],
        ["workflow:READ"], ["workflow:read "], ["workflow:read"] * 65, [None],
    )  # fmt: skip
    for scopes in bad:
        with pytest.raises(InvalidInput, match=r"1 to 64|is not known"):
            roles.check_scopes(scopes, "owner")
    with pytest.raises(roles.InvalidScopes) as found:
        roles.check_scopes(["workflow:read", "canary:read"], "viewer")
    assert found.value.index == 1
    assert "workflow:read" in found.value.expected
    assert "workflow:write" not in found.value.expected  # a viewer learns what a viewer may choose
    assert "canary" not in str(found.value)

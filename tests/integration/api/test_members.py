# SPDX-License-Identifier: Apache-2.0
"""Members, invitations and workspaces against a real server process and its database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from legato.auth.refresh import new_token
from legato.model.ids import LOCAL_WORKSPACE
from tests.integration.api.house import House, house_in
from tests.integration.api.people import Person, paths, said, token_of
from tests.integration.api.visitor import OTHER_PASSWORD, PASSWORD, Visitor

ABSENT = (404, "not_found")
FORBIDDEN = (403, "forbidden")
REAUTH = (403, "reauth_required")
ACCEPT = "/auth/invitations/accept"
UNKNOWN = "0190a000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of this module."""
    with house_in(tmp_path_factory.mktemp("members")) as made:
        yield made


@pytest.fixture(scope="module")
def boss(house: House) -> Person:
    """An owner beside the first one."""
    return house.member("owner", display_name="Boss")


@pytest.fixture(scope="module")
def admin(house: House) -> Person:
    """An admin."""
    return house.member("admin", display_name="Admin")


@pytest.fixture(scope="module")
def viewer(house: House) -> Person:
    """A viewer."""
    return house.member("viewer", display_name="Viewer")


@pytest.fixture(scope="module")
def stranger(house: House) -> Person:
    """Somebody who owns another workspace."""
    made = house.somebody(display_name="Stranger")
    house.workspace("elsewhere", made)
    return made


def invite(by: Visitor, email: str, role: str = "viewer", **headers: str) -> dict[str, str]:
    """Invite somebody, which must succeed."""
    answer = by.call("POST", "/members/invitations", {"email": email, "role": role}, **headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


def newcomer(url: str, **changes: Any) -> dict[str, Any]:
    """Return what somebody without an account sends."""
    token = token_of(url)
    return {"token": token, "display_name": "New", "password": OTHER_PASSWORD, **changes}


def test_members_see_each_other(
    house: House, admin: Person, viewer: Person, stranger: Person
) -> None:
    """Names and roles for all, addresses for admins; nobody else sees anything [ID50, ID51]."""
    own = {each["user_id"]: each for each in viewer.call("GET", "/members").json()["items"]}
    assert own[viewer.id]["display_name"] == "Viewer"
    assert own[viewer.id]["role"] == "viewer"
    assert {each["email"] for each in own.values()} == {None}
    seen = {each["user_id"]: each for each in admin.call("GET", "/members").json()["items"]}
    assert seen[viewer.id]["email"] == viewer.email
    first = admin.call("GET", "/members?limit=1").json()
    assert len(first["items"]) == 1
    rest = admin.call("GET", f"/members?limit=200&cursor={first['next_cursor']}").json()
    assert rest["next_cursor"] is None
    ids = [each["user_id"] for each in first["items"] + rest["items"]]
    assert ids == sorted(seen, reverse=True)
    for wrong in ("limit=0", "limit=201", "limit=x", "other=1"):
        assert admin.code("GET", f"/members?{wrong}") == (422, "invalid"), wrong
    for wrong in ("x", first["next_cursor"][:-1], ""):
        assert admin.code("GET", f"/members?cursor={wrong}") == (422, "cursor_invalid"), wrong
    other = f"/members/invitations?cursor={first['next_cursor']}"
    assert admin.code("GET", other) == (422, "cursor_invalid")
    assert stranger.code("GET", "/members", Legato_Workspace="main") == ABSENT
    assert stranger.code("GET", "/members", Legato_Workspace=UNKNOWN) == ABSENT
    assert Visitor(house.town.serving).code("GET", "/members") == (401, "unauthenticated")


def test_a_viewer_is_refused_to_write(house: House, viewer: Person, stranger: Person) -> None:
    """403 where reading is allowed, 404 for who is no member, with the same body [ID50, ID52]."""
    wish = {"email": "x@example.org", "role": "viewer"}
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/members/invitations", wish),
        ("GET", "/members/invitations", None),
        ("DELETE", f"/members/invitations/{UNKNOWN}", None),
        ("PATCH", f"/members/{stranger.id}", {"role": "viewer"}),
        ("DELETE", f"/members/{stranger.id}", None),
        ("GET", "/members/api-keys", None),
        ("DELETE", "/members/api-keys/aaaaaaaaaaaa", None),
        ("PATCH", "/workspaces/main", {"name": "Mine"}),
        ("POST", "/workspaces", {"name": "Mine"}),
    ]
    for method, path, value in calls:
        assert viewer.code(method, path, value) == FORBIDDEN, path
    for method, path, value in calls[:-1]:
        told = stranger.call(method, path, value, Legato_Workspace="main")
        assert said(told) == ABSENT, path
    assert stranger.code("POST", "/workspaces", {"name": "Mine"}) == FORBIDDEN


def test_an_admin_gives_roles_up_to_admin(house: House, admin: Person, viewer: Person) -> None:
    """It counts at the next request; owners are for owners [ID52, ID60]."""
    bob = house.member("viewer")
    path = f"/members/{bob.id}"
    assert bob.code("GET", "/members/invitations") == FORBIDDEN
    raised = admin.call("PATCH", path, {"role": "admin"})
    assert (raised.status_code, raised.json()["role"]) == (200, "admin")
    assert bob.call("GET", "/members/invitations").status_code == 200
    assert admin.call("PATCH", path, {"role": "admin"}).status_code == 200
    assert admin.call("PATCH", path, {"role": "operator"}).status_code == 200
    assert bob.code("GET", "/members/invitations") == FORBIDDEN
    assert admin.code("PATCH", path, {"role": "owner"}) == FORBIDDEN
    for wrong in ({"role": "king"}, {"role": None}, {}, {"role": "viewer", "is_admin": True}):
        assert admin.code("PATCH", path, wrong) == (422, "invalid"), wrong
        assert admin.code("PATCH", f"/members/{UNKNOWN}", wrong) == ABSENT
    rows = house.audit(bob.id)
    workspace = str(LOCAL_WORKSPACE)
    assert rows == [("member.role", admin.id, workspace, "ok")] * 2
    (data,) = house.town.select(
        f"SELECT data FROM audit WHERE target = '{bob.id}' ORDER BY id LIMIT 1"
    )
    assert data == ('{"from":"viewer","to":"admin"}',)
    assert viewer.code("PATCH", path, {"role": "admin"}) == FORBIDDEN


def test_owners_grant_owners_with_a_new_log_in(house: House, boss: Person, admin: Person) -> None:
    """To give and to take; an old log-in still does all else [ID52, ID21]."""
    bob = house.member("editor")
    path = f"/members/{bob.id}"
    assert boss.call("PATCH", path, {"role": "owner"}).json()["role"] == "owner"
    assert admin.code("PATCH", path, {"role": "admin"}) == FORBIDDEN
    assert admin.code("DELETE", path) == FORBIDDEN
    house.let_log_ins_age(boss)
    assert boss.code("PATCH", path, {"role": "admin"}) == REAUTH
    assert boss.code("DELETE", path) == REAUTH
    wish = {"email": "heir@example.org", "role": "owner"}
    assert boss.code("POST", "/members/invitations", wish) == REAUTH
    assert admin.code("POST", "/members/invitations", wish) == FORBIDDEN
    assert boss.code("POST", "/members/invitations", {**wish, "role": "admin"}) == (201, "")
    boss.log_in()
    assert boss.call("PATCH", path, {"role": "admin"}).json()["role"] == "admin"
    assert boss.call("DELETE", path).status_code == 204


def test_the_last_owner_stays(house: House) -> None:
    """Neither lowered nor removed nor leaving; somebody who leaves is gone at once [ID53]."""
    cat = house.somebody()
    place = house.workspace("cats", cat)
    there = {"Legato_Workspace": "cats"}
    for method, path, value in (
        ("PATCH", f"/members/{cat.id}", {"role": "viewer"}),
        ("DELETE", f"/members/{cat.id}", None),
        ("DELETE", "/members/me", None),
    ):
        assert cat.code(method, path, value, **there) == (409, "last_owner"), path
    dog = house.member("viewer", place)
    assert dog.call("GET", "/auth/me").json()["workspace"]["slug"] == "cats"
    assert dog.code("DELETE", f"/members/{dog.id}") == FORBIDDEN
    assert dog.call("DELETE", "/members/me").status_code == 204
    assert dog.code("GET", "/members", **there) == ABSENT
    assert dog.call("GET", "/auth/me").json()["workspace"] is None
    house.put(dog, "owner", place)
    assert cat.call("DELETE", "/members/me", **there).status_code == 204
    assert cat.code("DELETE", f"/members/{dog.id}", **there) == ABSENT
    assert [row[:3] for row in house.audit(cat.id)] == [("member.remove", cat.id, place)]


def test_owners_who_leave_together_leave_one(house: House) -> None:
    """Four at once, three go [ID53]."""
    people = [house.somebody()]
    place = house.workspace("crew", people[0])
    people += [house.member("owner", place) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(each.code, "DELETE", "/members/me", None, Legato_Workspace="crew")
            for each in people
        ]
    found = sorted(each.result() for each in calls)
    assert found == [(204, "")] * 3 + [(409, "last_owner")]


def test_an_invitation_makes_a_member(house: House, admin: Person) -> None:
    """Curl's way: invite a viewer, who gets in once [ID54, ID57, ID60]."""
    made = invite(admin, "Eve@Example.org")
    assert made.keys() == {"id", "url", "expires_at"}
    base, _, token = made["url"].partition("#token=")
    assert (base, len(token)) == (f"{house.town.serving.url}/invite", 43)
    (shown,) = [
        each
        for each in admin.call("GET", "/members/invitations").json()["items"]
        if each["id"] == made["id"]
    ]
    assert shown == {
        "id": made["id"],
        "email": "eve@example.org",
        "role": "viewer",
        "invited_by": admin.id,
        "expires_at": made["expires_at"],
    }
    eve = Visitor(house.town.serving)
    eve.take(eve.call("POST", ACCEPT, newcomer(made["url"])))
    me = eve.call("GET", "/auth/me").json()
    assert (me["email"], me["display_name"]) == ("eve@example.org", "New")
    assert (me["workspace"]["slug"], me["workspace"]["role"]) == ("main", "viewer")
    assert me["is_instance_admin"] is False
    wish = {"email": "x@example.org", "role": "viewer"}
    assert eve.code("POST", "/members/invitations", wish) == FORBIDDEN
    eve.take(eve.call("POST", "/auth/refresh"))
    assert eve.code("POST", ACCEPT, newcomer(made["url"])) == (400, "token_invalid")
    workspace = str(LOCAL_WORKSPACE)
    assert house.audit(made["id"]) == [
        ("auth.invite", admin.id, workspace, "ok"),
        ("auth.invitation_accept", me["id"], workspace, "ok"),
    ]
    assert token.encode() not in house.town.kept()
    again = {"email": "eve@example.org", "role": "admin"}
    assert admin.code("POST", "/members/invitations", again) == (409, "illegal_state")


def test_what_is_no_invitation_is_refused(house: House, admin: Person) -> None:
    """400 whatever it is, before anything is looked at that costs much [ID58]."""
    mallory = Visitor(house.town.serving)
    link = house.town.serving.ready["setup_url"]
    values: tuple[Any, ...] = (
        None, "", [], {}, 7, True, "x" * 43, new_token(), token_of(str(link)), [new_token()],
    )  # fmt: skip
    for value in values:
        sent = {"token": value, "display_name": "M", "password": "short"}
        assert mallory.code("POST", ACCEPT, sent) == (400, "token_invalid"), value
    assert mallory.code("POST", ACCEPT, {}) == (400, "token_invalid")
    made = invite(admin, "late@example.org")
    assert paths(mallory.call("POST", ACCEPT, {"token": token_of(made["url"])})) == [
        "/display_name",
        "/password",
    ]
    weak = newcomer(made["url"], password="password1234567")
    assert paths(mallory.call("POST", ACCEPT, weak)) == ["/password"]
    odd = newcomer(made["url"], display_name="\x07")
    assert paths(mallory.call("POST", ACCEPT, odd)) == ["/display_name"]
    house.town.execute(f"UPDATE one_time_tokens SET expires_at = 1 WHERE id = '{made['id']}'")
    assert mallory.code("POST", ACCEPT, newcomer(made["url"])) == (400, "token_invalid")
    assert admin.code("DELETE", f"/members/invitations/{made['id']}") == ABSENT


def test_an_invitation_is_revoked_or_followed_by_another(
    house: House, admin: Person, stranger: Person
) -> None:
    """The old link is void, and a foreign invitation is not there [ID54]."""
    first, second = (invite(admin, "twice@example.org") for _ in range(2))
    guest = Visitor(house.town.serving)
    assert guest.code("POST", ACCEPT, newcomer(first["url"])) == (400, "token_invalid")
    path = f"/members/invitations/{second['id']}"
    assert stranger.code("DELETE", path) == ABSENT
    assert admin.call("DELETE", path).status_code == 204
    assert admin.code("DELETE", path) == ABSENT
    assert guest.code("POST", ACCEPT, newcomer(second["url"])) == (400, "token_invalid")
    assert [row[0] for row in house.audit(second["id"])] == [
        "auth.invite",
        "auth.invitation_revoke",
    ]
    for wrong in ("", "nobody", "a@b@c", "\u0430dmin@example.org"):
        wish = {"email": wrong, "role": "viewer"}
        assert paths(admin.call("POST", "/members/invitations", wish)) == ["/email"]


def test_of_many_who_accept_at_once_one_gets_in(house: House, admin: Person) -> None:
    """With a new account and with one that is there [ID57]."""
    made = invite(admin, "race@example.org")
    racers = [Visitor(house.town.serving) for _ in range(4)]
    dan = house.somebody()
    twins = [dan, *(dan.elsewhere() for _ in range(3))]
    for each in twins:
        each.access = dan.access
    his = {"token": token_of(invite(admin, dan.email)["url"])}
    for sent, people in ((newcomer(made["url"]), racers), (his, twins)):
        with ThreadPoolExecutor(len(people)) as pool:
            calls = [pool.submit(each.code, "POST", ACCEPT, sent) for each in people]
        found = sorted(each.result() for each in calls)
        assert found == [(201, ""), *[(400, "token_invalid")] * 3]


def test_an_account_accepts_with_its_own_log_in(house: House, admin: Person) -> None:
    """Nobody else's, and none is 409; the log-in stays as it is [ID71, ID56]."""
    fay = house.somebody()
    made = invite(admin, fay.email, "editor")
    sent = {"token": token_of(made["url"])}
    nobody, other = Visitor(house.town.serving), house.somebody()
    exists = (409, "account_exists")
    assert nobody.code("POST", ACCEPT, newcomer(made["url"])) == exists
    assert nobody.code("POST", ACCEPT, sent, Authorization="Bearer nonsense") == exists
    assert other.code("POST", ACCEPT, sent) == exists
    cookie = fay.cookie
    answer = fay.take(fay.call("POST", ACCEPT, sent))
    assert "set-cookie" not in answer.headers
    assert fay.cookie == cookie
    me = fay.call("GET", "/auth/me").json()
    assert (me["workspace"]["slug"], me["workspace"]["role"]) == ("main", "editor")
    assert len(fay.call("GET", "/auth/sessions").json()["items"]) == 1
    fay.take(fay.call("POST", "/auth/refresh"))


def test_an_invitation_never_changes_a_role(house: House, admin: Person) -> None:
    """Who became a member meanwhile keeps the role, and the link stays good [ID56]."""
    gus = house.somebody()
    sent = {"token": token_of(invite(admin, gus.email)["url"])}
    house.put(gus, "editor")
    assert gus.code("POST", ACCEPT, sent) == (409, "illegal_state")
    assert gus.call("GET", "/auth/me").json()["workspace"]["role"] == "editor"
    assert gus.call("DELETE", "/members/me").status_code == 204
    gus.take(gus.call("POST", ACCEPT, sent))


def test_an_invitation_is_worth_what_its_maker_may_give(house: House) -> None:
    """Lowered, gone or disabled: nothing any more [ID56]."""
    guest = Visitor(house.town.serving)
    for number, role in enumerate(("editor", "", "disabled")):
        maker = house.member("admin")
        made = invite(maker, f"guest{number}@example.org")
        if role == "editor":
            house.put(maker, "editor")
        elif not role:
            assert maker.call("DELETE", "/members/me").status_code == 204
        else:
            house.town.ask(lambda accounts, of=maker.id: accounts.disable_user(of, ()))  # type: ignore[misc]
        assert guest.code("POST", ACCEPT, newcomer(made["url"])) == (400, "token_invalid")


def test_workspaces_are_made_by_instance_admins(house: House, viewer: Person) -> None:
    """Who makes one owns it; its slug is made of the name, and taken once [ID59, ID60]."""
    made = house.owner.call("POST", "/workspaces", {"name": "Data  Team 1"})
    assert made.status_code == 201
    assert made.json()["slug"] == "data-team-1"
    assert made.json()["name"] == "Data Team 1"
    assert made.json()["role"] == "owner"
    place = made.json()["id"]
    assert [row[0:3:2] for row in house.audit(place)] == [("workspace.create", place)]
    taken = {"name": "Other", "slug": "data-team-1"}
    assert house.owner.code("POST", "/workspaces", taken) == (409, "slug_taken")
    for wrong in ({"name": ""}, {"name": "X", "slug": "X"}, {"name": "X", "slug": UNKNOWN}, {}):
        assert house.owner.code("POST", "/workspaces", wrong) == (422, "invalid"), wrong
    own = house.owner.call("GET", "/workspaces").json()
    assert made.json() in own["items"]
    assert {each["slug"] for each in own["items"]} == {"main", "data-team-1"}
    first = house.owner.call("GET", "/workspaces?limit=1").json()
    rest = house.owner.call("GET", f"/workspaces?cursor={first['next_cursor']}").json()
    assert first["items"] + rest["items"] == own["items"]
    (seen,) = viewer.call("GET", "/workspaces").json()["items"]
    assert (seen["slug"], seen["role"]) == ("main", "viewer")


def test_a_workspace_is_named_by_its_path(house: House, viewer: Person, stranger: Person) -> None:
    """By id or slug, whatever the header says; changed by admins, foreign to others [ID61]."""
    ivy = house.somebody()
    place = house.workspace("ivy", ivy)
    house.workspace("oak", stranger)
    house.put(ivy, "viewer")
    for header in ("main", place, "elsewhere", UNKNOWN):
        found = ivy.call("GET", "/workspaces/ivy", Legato_Workspace=header)
        assert (found.json()["id"], found.json()["role"]) == (place, "owner")
    assert ivy.call("GET", f"/workspaces/{LOCAL_WORKSPACE}").json()["role"] == "viewer"
    assert ivy.code("PATCH", "/workspaces/main", {"name": "No"}, Legato_Workspace="ivy") == (
        FORBIDDEN
    )
    changed = ivy.call("PATCH", f"/workspaces/{place}", {"name": "Ivy", "slug": "poison"})
    assert (changed.json()["slug"], changed.json()["name"]) == ("poison", "Ivy")
    assert ivy.call("PATCH", "/workspaces/poison", {}).json() == changed.json()
    assert ivy.code("PATCH", "/workspaces/poison", {"slug": "oak"}) == (409, "slug_taken")
    for wrong in ({"name": None}, {"slug": ""}, {"slug": None}, {"id": place}):
        assert ivy.code("PATCH", "/workspaces/poison", wrong) == (422, "invalid"), wrong
    assert [row[0] for row in house.audit(place)] == ["workspace.change"]
    for path in ("/workspaces/poison", f"/workspaces/{place}", "/workspaces/ivy"):
        assert stranger.code("GET", path) == ABSENT
        assert stranger.code("PATCH", path, {"name": "No"}, Legato_Workspace="elsewhere") == ABSENT


def test_registration_is_closed(house: House) -> None:
    """Whatever is sent [ID69]."""
    guest = Visitor(house.town.serving)
    good = {"email": "new@example.org", "password": PASSWORD, "display_name": "N"}
    for value in (good, {}, {"email": 1}):
        assert guest.code("POST", "/auth/register", value) == (403, "registration_closed")

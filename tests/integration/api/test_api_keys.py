# SPDX-License-Identifier: Apache-2.0
"""API keys, the own profile, registration and disabled users against a real server process."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from legato.model.ids import LOCAL_WORKSPACE, UserId
from legato.ports.accounts import ApiKey
from tests.integration.api.house import House
from tests.integration.api.people import Person, Town, paths, said
from tests.integration.api.visitor import OTHER_PASSWORD, PASSWORD, Visitor
from tests.integration.cli.site import Site

ABSENT = (404, "not_found")
FORBIDDEN = (403, "forbidden")
GONE = (401, "session_ended")
UNKNOWN = "0190a000-0000-7000-8000-000000000000"
KEYS = "/auth/api-keys"
READ = ["setting:read"]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[tuple[int, str], House]]:
    """What who registers before the owner is told, and the house that has one now."""
    site = Site(tmp_path_factory.mktemp("keys"))
    site.more["LEGATO_AUTH__REGISTRATION"] = "open"
    try:
        town = Town(site)
        early = Visitor(town.serving).code("POST", "/auth/register", stranger(0))
        yield early, House(town)
    finally:
        site.close()


@pytest.fixture(scope="module")
def house(opened: tuple[tuple[int, str], House]) -> House:
    """A house that anybody may enter."""
    return opened[1]


@pytest.fixture(scope="module")
def admin(house: House) -> Person:
    """An admin."""
    return house.member("admin")


@pytest.fixture(scope="module")
def viewer(house: House) -> Person:
    """A viewer."""
    return house.member("viewer")


def stranger(number: int, **changes: Any) -> dict[str, Any]:
    """Return what somebody registers with."""
    email = f"stranger{number}@example.org"
    return {"email": email, "password": PASSWORD, "display_name": "S", **changes}


def new_key(person: Visitor, *scopes: str, **more: Any) -> dict[str, Any]:
    """Make a key, which must succeed."""
    sent = {"name": "ci", "scopes": scopes or READ, **more}
    answer = person.call("POST", KEYS, sent)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def program(house: House, key: dict[str, Any]) -> Visitor:
    """Return a program that has a key."""
    made = Visitor(house.town.serving)
    made.access = key["key"]
    return made


def soon(**later: float) -> str:
    """Return a time from now on."""
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


def test_a_key_is_shown_once(house: House, viewer: Person) -> None:
    """With a recent log-in only; the store knows a hash; it works in one workspace [ID63, ID60]."""
    made = new_key(viewer, expires_at=soon(hours=1))
    assert made.keys() == {
        "id", "key", "name", "scopes", "workspace_id", "created_at", "expires_at", "last_used",
    }  # fmt: skip
    assert re.fullmatch(rf"lgt_{made['id']}_[\w-]{{43}}", made["key"])
    assert (made["scopes"], made["last_used"]) == (READ, None)
    assert made["workspace_id"] == LOCAL_WORKSPACE
    robot = program(house, made)
    assert robot.call("GET", "/workspaces/main").json()["role"] == "viewer"
    assert robot.call("GET", "/auth/me").json()["id"] == viewer.id
    (shown,) = viewer.call("GET", KEYS).json()["items"]
    assert shown["last_used"] is not None
    assert shown == {
        name: each for name, each in made.items() if name != "key"
    } | {"last_used": shown["last_used"]}  # fmt: skip
    secret = made["key"].rpartition("_")[2]
    assert secret.encode() not in house.town.kept()
    workspace = str(LOCAL_WORKSPACE)
    assert house.audit(made["id"]) == [("auth.api_key_create", viewer.id, workspace, "ok")]
    house.let_log_ins_age(viewer)
    sent = {"name": "ci", "scopes": READ}
    assert viewer.code("POST", KEYS, sent) == (403, "reauth_required")
    assert viewer.call("GET", KEYS).status_code == 200
    viewer.log_in()
    assert viewer.call("DELETE", f"{KEYS}/{made['id']}").status_code == 204
    assert robot.code("GET", "/auth/me") == (401, "unauthenticated")


def test_a_key_reaches_no_people(house: House, admin: Person) -> None:
    """Neither keys nor members nor the account, and no other workspace [ID63, ID66, ID50]."""
    made = new_key(admin, "setting:read", "setting:write", "audit:read")
    robot = program(house, made)
    for method, path, value in (
        ("GET", KEYS, None),
        ("POST", KEYS, {"name": "x", "scopes": READ}),
        ("DELETE", f"{KEYS}/{made['id']}", None),
        ("GET", "/members", None),
        ("GET", "/members/api-keys", None),
        ("DELETE", f"/members/api-keys/{made['id']}", None),
        ("POST", "/members/invitations", {"email": "x@example.org", "role": "viewer"}),
        ("PATCH", f"/members/{admin.id}", {"role": "viewer"}),
        ("DELETE", "/members/me", None),
        ("GET", "/workspaces", None),
        ("POST", "/workspaces", {"name": "X"}),
        ("PATCH", "/auth/me", {"display_name": "X"}),
        ("GET", "/users", None),
    ):
        assert robot.code(method, path, value) == FORBIDDEN, path
    house.workspace("keyless", admin)
    assert robot.code("GET", "/workspaces/keyless") == ABSENT
    assert robot.code("PATCH", "/workspaces/keyless", {"name": "X"}) == ABSENT
    assert robot.call("PATCH", "/workspaces/main", {"name": "Main"}).status_code == 200
    assert robot.call("PATCH", "/workspaces/main", {"name": "Hall"}).json()["name"] == "Hall"
    (row,) = house.town.select(
        "SELECT actor_kind, actor FROM audit WHERE action = 'workspace.change'"
    )
    assert row == ("api_key", made["id"])
    house.put(admin, "viewer")
    assert robot.code("PATCH", "/workspaces/main", {"name": "Main"}) == FORBIDDEN
    house.put(admin, "admin")


def test_what_is_wrong_with_a_key_is_named(house: House, viewer: Person) -> None:
    """Each by its place, and never repeated [ID64]."""
    good = {"name": "ci", "scopes": READ}
    late = soon(days=3_700)
    for change, path in (
        ({"name": "\u202e"}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": "setting:read"}, "/scopes"),
        ({"scopes": ["setting:read", "canary:read"]}, "/scopes/1"),
        ({"scopes": ["setting:read", "workflow:read", "workflow:write"]}, "/scopes/2"),
        ({"scopes": ["member:read"]}, "/scopes/0"),
        ({"scopes": [1]}, "/scopes/0"),
        ({"scopes": READ * 65}, "/scopes"),
        ({"expires_at": 1_900_000_000}, "/expires_at"),
        ({"expires_at": "2030-01-01"}, "/expires_at"),
        ({"expires_at": soon(hours=1).replace("+00:00", "")}, "/expires_at"),
        ({"expires_at": soon(seconds=-1)}, "/expires_at"),
        ({"expires_at": late}, "/expires_at"),
        ({"workspace": "main"}, "/workspace"),
    ):
        answer = viewer.call("POST", KEYS, {**good, **change})
        assert paths(answer) == [path], change
        assert "canary" not in answer.text
        assert late not in answer.text
    assert viewer.code("POST", KEYS, good, Legato_Workspace=UNKNOWN) == ABSENT
    nobody = house.somebody()
    assert nobody.code("POST", KEYS, good) == ABSENT


def test_admins_revoke_the_keys_of_their_workspace(
    house: House, admin: Person, viewer: Person
) -> None:
    """Dead at once; those of others and elsewhere are not there [ID66, ID63, ID60]."""
    made = new_key(viewer)
    other = house.somebody()
    house.workspace("other", other)
    foreign = new_key(other)
    robot = program(house, made)
    for person in (other, house.member("viewer")):
        assert person.code("DELETE", f"{KEYS}/{made['id']}") == ABSENT
    assert other.code("DELETE", f"/members/api-keys/{made['id']}") == ABSENT
    assert admin.code("DELETE", f"/members/api-keys/{foreign['id']}") == ABSENT
    items = admin.call("GET", "/members/api-keys").json()["items"]
    assert foreign["id"] not in {each["id"] for each in items}
    (shown,) = [each for each in items if each["id"] == made["id"]]
    assert (shown["user_id"], shown["scopes"]) == (viewer.id, READ)
    assert "key" not in shown
    assert robot.call("GET", "/auth/me").status_code == 200
    path = f"/members/api-keys/{made['id']}"
    assert admin.call("DELETE", path).status_code == 204
    assert robot.code("GET", "/auth/me") == (401, "unauthenticated")
    assert admin.code("DELETE", path) == ABSENT
    assert viewer.call("GET", KEYS).json()["items"] == []
    rows = [(row[0], row[1]) for row in house.audit(made["id"])]
    assert rows == [("auth.api_key_create", viewer.id), ("auth.api_key_revoke", admin.id)]


def test_a_user_has_at_most_a_hundred_keys(house: House) -> None:
    """The next is 409; the list comes page by page [ID65, ID51]."""
    cat = house.member("viewer")
    made = [
        ApiKey(
            id=f"{number:012}".translate(str.maketrans("0189", "abcd")),
            secret_hash=b"",
            workspace=LOCAL_WORKSPACE,
            user=cat.id,
            name="old",
            scopes=("setting:read",),
        )
        for number in range(99)
    ]

    async def add(accounts: Any) -> None:
        for each in made:
            await accounts.add_key(each, ())

    house.town.ask(add)
    new_key(cat)
    sent = {"name": "ci", "scopes": READ}
    assert cat.code("POST", KEYS, sent) == (409, "quota_exceeded")
    first = cat.call("GET", KEYS).json()
    rest = cat.call("GET", f"{KEYS}?cursor={first['next_cursor']}").json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (50, 50, None)
    ids = [each["id"] for each in first["items"] + rest["items"]]
    assert ids == sorted(ids, reverse=True)
    assert cat.code("GET", f"/members?cursor={first['next_cursor']}") == (422, "cursor_invalid")


def test_the_own_name_and_workspace_can_be_changed(house: House) -> None:
    """By id or slug; that of others is not there [ID62, ID60]."""
    dan = house.member("viewer", display_name="Dan")
    place = house.workspace("dans", dan)
    before = dan.call("GET", "/auth/me").json()
    assert (before["display_name"], before["workspace"]["slug"]) == ("Dan", "main")
    changed = dan.call("PATCH", "/auth/me", {"display_name": "Dan  D", "default_workspace": "dans"})
    assert changed.json()["display_name"] == "Dan D"
    assert changed.json()["workspace"] == {
        "id": place, "slug": "dans", "name": "Dans", "role": "owner",
    }  # fmt: skip
    assert dan.call("GET", "/auth/me").json() == changed.json()
    assert dan.call("PATCH", "/auth/me", {}).json() == changed.json()
    there = dan.call("PATCH", "/auth/me", {"default_workspace": place}, Legato_Workspace="main")
    assert there.json()["workspace"]["slug"] == "main"
    for other in ("other", UNKNOWN, ""):
        assert dan.code("PATCH", "/auth/me", {"default_workspace": other}) == ABSENT
    for wrong in ({"display_name": ""}, {"display_name": None}, {"email": "x@example.org"}):
        assert dan.code("PATCH", "/auth/me", wrong) == (422, "invalid"), wrong
    assert house.audit(dan.id) == [("auth.profile", dan.id, None, "ok")]


def test_nobody_registers_before_the_owner(opened: tuple[tuple[int, str], House]) -> None:
    """Or somebody could take the owner's address [ID69]."""
    assert opened[0] == (403, "registration_closed")


def test_who_registers_is_a_member_nowhere(house: House) -> None:
    """And logged in; whose address has an account is told so, for the same work [ID70, ID60]."""
    new = Visitor(house.town.serving)
    answer = new.take(
        new.call("POST", "/auth/register", stranger(1, email="Stranger1@example.org"))
    )
    assert answer.status_code == 201
    me = new.call("GET", "/auth/me").json()
    assert (me["email"], me["workspace"]) == ("stranger1@example.org", None)
    assert me["is_instance_admin"] is False
    assert new.code("GET", "/members") == ABSENT
    assert new.code("GET", "/members", Legato_Workspace="main") == ABSENT
    assert new.call("GET", "/workspaces").json() == {"items": [], "next_cursor": None}
    new.take(new.call("POST", "/auth/refresh"))
    assert [row[:2] for row in house.audit(me["id"])] == [("auth.register", me["id"])]
    for change, path in (
        ({"email": "no address"}, "/email"),
        ({"password": "password1234567"}, "/password"),
        ({"display_name": " "}, "/display_name"),
    ):
        assert paths(new.call("POST", "/auth/register", stranger(2, **change))) == [path]
    racers = [Person(house.town, house.town.person().user, "192.0.2.200") for _ in range(4)]
    with ThreadPoolExecutor(len(racers)) as pool:
        calls = [pool.submit(each.code, "POST", "/auth/register", stranger(3)) for each in racers]
    found = sorted(each.result() for each in calls)
    assert found == [(201, ""), *[(409, "account_exists")] * 3]
    taken = stranger(3, password=OTHER_PASSWORD)
    for _ in range(2):
        assert racers[0].code("POST", "/auth/register", taken) == (409, "account_exists")
    assert racers[0].code("POST", "/auth/register", taken) == (429, "rate_limited")
    attempt = {"email": "stranger3@example.org", "password": PASSWORD}
    assert racers[0].code("POST", "/auth/login", attempt) == (429, "rate_limited")


def test_who_is_disabled_is_out_at_once(house: House, admin: Person) -> None:
    """Log-ins and keys end for good; only instance admins may [ID67, ID60]."""
    eve = house.member("editor")
    robot = program(house, new_key(eve))
    path = f"/users/{eve.id}"
    off = {"is_disabled": True}
    assert admin.code("PATCH", path, off) == FORBIDDEN
    assert admin.code("GET", "/users") == FORBIDDEN
    assert house.owner.code("PATCH", f"/users/{UNKNOWN}", {}) == ABSENT
    for wrong in ({}, {"is_disabled": None}, {"is_disabled": 1}, {**off, "email": "x@y.org"}):
        assert house.owner.code("PATCH", path, wrong) == (422, "invalid"), wrong
    shown = house.owner.call("PATCH", path, off)
    assert (shown.status_code, shown.json()["is_disabled"]) == (200, True)
    assert eve.code("GET", "/auth/me") == GONE
    assert robot.code("GET", "/auth/me") == (401, "unauthenticated")
    assert eve.code("POST", "/auth/refresh")[0] == 401
    assert said(eve.show_password()) == (401, "invalid_credentials")
    assert house.owner.call("PATCH", path, off).json() == shown.json()
    on = house.owner.call("PATCH", path, {"is_disabled": False})
    assert on.json()["is_disabled"] is False
    assert eve.code("GET", "/auth/me", Authorization=f"Bearer {eve.access}") == GONE
    assert robot.code("GET", "/auth/me") == (401, "unauthenticated")
    eve.log_in()
    assert eve.call("GET", "/auth/me").json()["workspace"]["role"] == "editor"
    assert [row[0] for row in house.audit(eve.id)] == ["user.disable", "user.enable"]
    found = {
        each["id"]: each for each in house.owner.call("GET", "/users?limit=200").json()["items"]
    }
    assert found[eve.id] == on.json()
    assert "password" not in str(found)
    first = house.owner.call("GET", "/users?limit=1").json()
    assert first["items"][0]["id"] == max(found)
    second = house.owner.call("GET", f"/users?limit=1&cursor={first['next_cursor']}").json()
    assert second["items"][0]["id"] < max(found)


def test_nobody_disables_the_own_account(house: House) -> None:
    """409, and it goes on; of two who disable each other one stays [ID68]."""
    own = house.owner.call("GET", "/auth/me").json()["id"]
    path = f"/users/{own}"
    assert house.owner.code("PATCH", path, {"is_disabled": True}) == (409, "illegal_state")
    assert house.owner.call("PATCH", path, {"is_disabled": False}).status_code == 200
    twin = house.somebody(is_instance_admin=True)
    assert house.owner.call("PATCH", f"/users/{twin.id}", {"is_disabled": True}).status_code == 200
    assert house.town.ask(lambda accounts: accounts.disable_user(UserId(own), ())) == "last_admin"
    assert house.owner.call("GET", "/auth/me").status_code == 200

# SPDX-License-Identifier: Apache-2.0
"""Set-up, log-in, refresh and log-out against a real server process and its database."""

import secrets
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from legato.auth.refresh import new_token
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import EMAIL, OTHER_PASSWORD, PASSWORD, Visitor
from tests.integration.cli.site import Site

GONE = (401, "session_ended")


@pytest.fixture
def serving(site: Site) -> Iterator[Serving]:
    """A server that nobody has set up."""
    made = Serving(site.start("serve", "--port", 0, "--json"))
    yield made
    made.close()


@pytest.fixture
def ada(serving: Serving) -> Visitor:
    """The owner, logged in."""
    made = Visitor(serving)
    made.set_up()
    return made


def test_the_first_to_claim_is_the_owner_and_nobody_after(serving: Serving) -> None:
    """The link is in the ready line; looking consumes nothing; of 8 at once one gets 201 [ID10]."""
    url, _, token = str(serving.ready["setup_url"]).partition("#token=")
    assert (url, len(token)) == (f"{serving.url}/setup", 43)
    look = Visitor(serving)
    for _ in range(2):
        assert look.call("GET", "/setup").json() == {"required": True}
    racers = [Visitor(serving) for _ in range(8)]
    with ThreadPoolExecutor(len(racers)) as pool:
        claims = [
            pool.submit(
                each.code, "POST", "/setup",
                {"token": token, "email": f"a{n}@example.org", "password": PASSWORD},
            )
            for n, each in enumerate(racers)
        ]  # fmt: skip
        answers = sorted(each.result() for each in claims)
    assert answers == [(201, ""), *[(409, "already_set_up")] * 7]
    assert look.call("GET", "/setup").json() == {"required": False}
    value = {"token": new_token(), "email": EMAIL, "password": PASSWORD}
    assert look.code("POST", "/setup", value) == (409, "already_set_up")


def test_a_set_up_token_that_is_none_is_refused(serving: Serving) -> None:
    """Whatever it is: 400 `token_invalid`, and the real one is still good [ID4, ID10]."""
    visitor = Visitor(serving)
    values: tuple[object, ...] = (
        {},
        {"token": None},
        {"token": ""},
        {"token": []},
        {"token": "x" * 43},
    )
    for value in values:
        assert visitor.code("POST", "/setup", value) == (400, "token_invalid"), value
    visitor.set_up()


def test_an_owner_needs_an_address_and_a_good_password(serving: Serving) -> None:
    """Each fault is named and nothing of the token is used up [ID12]."""
    visitor = Visitor(serving)
    token = str(serving.ready["setup_url"]).partition("#token=")[2]
    answer = visitor.call("POST", "/setup", {"token": token})
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["errors"]] == ["/email", "/password"]
    value = {"token": token, "email": EMAIL, "password": "password1234567"}
    answer = visitor.call("POST", "/setup", value)
    assert [each["path"] for each in answer.json()["errors"]] == ["/password"]
    assert "password1234567" not in answer.text
    visitor.set_up()


def test_each_start_makes_a_new_link_until_somebody_has_used_one(site: Site) -> None:
    """The older one is void; afterwards there is none, in JSON as in text [ID11]."""
    first = Serving(site.start("serve", "--port", 0, "--json"))
    old = str(first.ready["setup_url"]).partition("#token=")[2]
    result = first.stop()
    assert old not in result.err
    second = Serving(site.start("serve", "--port", 0, "--json"))
    visitor = Visitor(second)
    value = {"token": old, "email": EMAIL, "password": PASSWORD}
    assert visitor.code("POST", "/setup", value) == (400, "token_invalid")
    visitor.set_up()
    second.stop()
    third = Serving(site.start("serve", "--port", 0, "--json"))
    assert third.ready["setup_url"] is None
    third.stop()


def test_a_log_in_opens_the_own_account(ada: Visitor) -> None:
    """The owner of a workspace, who stays in across a second log-in [ID6, ID13]."""
    other = Visitor(ada.serving)
    answer = other.log_in()
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 900
    for each in (ada, other):
        me = each.call("GET", "/auth/me").json()
        assert (me["email"], me["display_name"]) == (EMAIL, "Ada")
        assert (me["workspace"]["slug"], me["workspace"]["role"]) == ("main", "owner")
        assert me["is_instance_admin"] is True
    foreign = ada.call("GET", "/auth/me", Legato_Workspace="another").json()
    assert foreign["workspace"] is None


def test_the_cookie_is_closed_to_scripts_and_other_sites(ada: Visitor) -> None:
    """Plain http on loopback: the port in the name; the token is in no body [ID5]."""
    answer = ada.log_in()
    (cookie,) = answer.headers.get_list("set-cookie")
    pair, *attributes = cookie.split("; ")
    assert pair.partition("=")[0] == f"legato_refresh_{ada.serving.port}"
    assert set(attributes) == {"Max-Age=604800", "Path=/", "HttpOnly", "SameSite=Strict"}
    assert ada.cookie not in answer.text


def test_an_unknown_user_and_a_wrong_password_look_alike(ada: Visitor) -> None:
    """Same status, text and headers; also for what is no address [ID6]."""
    stranger = Visitor(ada.serving)
    answers = [
        stranger.call("POST", "/auth/login", {"email": email, "password": "canary-wrong"})
        for email in (EMAIL, "nobody@example.org", "no address", "")
    ]
    seen = set()
    for each in answers:
        body = {name: value for name, value in each.json().items() if name != "request_id"}
        assert (each.status_code, body["code"]) == (401, "invalid_credentials")
        own = {"x-request-id", "date"}
        headers = sorted(pair for pair in each.headers.items() if pair[0] not in own)
        seen.add(str((body, headers)))
    assert len(seen) == 1


def test_too_many_failures_are_refused_before_a_password_is_looked_at(ada: Visitor) -> None:
    """The right one too, with the time to wait; unknown names count alike [ID4, ID6]."""
    stranger = Visitor(ada.serving)
    for email in (EMAIL, "nobody@example.org"):
        value = {"email": email, "password": "canary-wrong"}
        for _ in range(5):
            assert stranger.code("POST", "/auth/login", value)[0] == 401
        answer = stranger.call("POST", "/auth/login", {"email": email, "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 0 < int(answer.headers["retry-after"]) <= 900


def test_a_body_of_another_kind_is_refused_by_its_header(ada: Visitor) -> None:
    """415 that names Content-Type; an unknown field is 422 [ID6]."""
    answer = ada.call("POST", "/auth/login", Content_Type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "Content-Type" in answer.json()["detail"]
    value = {"email": EMAIL, "password": PASSWORD, "role": "owner"}
    assert ada.code("POST", "/auth/login", value) == (422, "invalid")


def test_a_refresh_token_is_good_once(ada: Visitor) -> None:
    """A repeated request gets the same child; an older token ends the log-in, once [ID7]."""
    first, access = ada.cookie, ada.access
    ada.take(ada.call("POST", "/auth/refresh", Authorization=""))
    child = ada.cookie
    assert child != first
    again = ada.call("POST", "/auth/refresh", Cookie=f"{ada.name}={first}")
    assert (again.status_code, ada.cookie) == (200, child)
    ada.take(ada.call("POST", "/auth/refresh"))
    assert ada.call("GET", "/auth/me").status_code == 200
    thief = Visitor(ada.serving)
    thief.cookie = first
    answer = thief.call("POST", "/auth/refresh")
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_reused")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert ada.code("GET", "/auth/me") == GONE
    assert ada.code("GET", "/auth/me", Authorization=f"Bearer {access}") == GONE
    assert ada.code("POST", "/auth/refresh") == GONE


def test_a_refresh_without_a_token_is_refused(ada: Visitor) -> None:
    """A token anywhere else than in the cookie is none, nor are two cookies [ID5, ID7]."""
    token, name = ada.cookie, ada.name
    twice = f"{name}={token}; {name}={new_token()}"
    for cookie in ("", "x", f"legato_refresh_1={token}", f"{name}=short", twice):
        answer = ada.call("POST", "/auth/refresh", {"refresh_token": token}, Cookie=cookie)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), cookie
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_foreign_page_cannot_use_the_cookie(ada: Visitor) -> None:
    """Neither to refresh nor to log out [ID5]."""
    for path in ("/auth/refresh", "/auth/logout"):
        refused = ada.code("POST", path, Origin="https://evil.example")
        assert refused == (403, "origin_refused")
        assert ada.code("POST", path, Sec_Fetch_Site="cross-site") == (403, "origin_refused")
    assert ada.call("POST", "/auth/refresh", Origin=ada.serving.url).status_code == 200


@pytest.mark.parametrize("keeps", ["cookie", "access"])
def test_a_log_out_ends_the_log_in_at_once(ada: Visitor, keeps: str) -> None:
    """By the cookie alone or the access token alone; twice is as good as once [ID8]."""
    other = Visitor(ada.serving)
    other.log_in()
    access, cookie = other.access, other.cookie
    leaving = Visitor(ada.serving)
    setattr(leaving, keeps, getattr(other, keeps))
    began = time.monotonic()
    answer = leaving.call("POST", "/auth/logout")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert other.code("GET", "/auth/me", Authorization=f"Bearer {access}") == GONE
    assert time.monotonic() - began < 1
    assert other.code("POST", "/auth/refresh", Cookie=f"{other.name}={cookie}")[0] == 401
    assert Visitor(ada.serving).call("POST", "/auth/logout").status_code == 204
    assert ada.call("GET", "/auth/me").status_code == 200


def test_logging_out_everywhere_ends_every_log_in(ada: Visitor) -> None:
    """The one that asks too [ID8]."""
    other = Visitor(ada.serving)
    other.log_in()
    assert ada.call("POST", "/auth/logout-all").status_code == 204
    assert other.code("GET", "/auth/me") == GONE
    assert ada.code("GET", "/auth/me") == GONE


def test_no_credential_and_a_bad_one_are_refused_alike(serving: Serving) -> None:
    """401 with what would be one [ID1]."""
    visitor = Visitor(serving)
    for sent in (
        "",
        "Basic YTpi",
        "Bearer",
        "Bearer x.y.z",
        f"Bearer {new_token()}",
        "Bearer lgt_",
    ):
        answer = visitor.call("GET", "/auth/me", Authorization=sent)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), sent
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_new_password_ends_the_other_log_ins(ada: Visitor) -> None:
    """This one goes on under a new id; the old password is no good any more [ID14]."""
    other = Visitor(ada.serving)
    other.log_in()
    access, cookie = ada.access, ada.cookie
    wrong = {"current_password": "canary-wrong", "new_password": OTHER_PASSWORD}
    assert ada.code("POST", "/auth/password", wrong) == (401, "invalid_credentials")
    weak = {"current_password": PASSWORD, "new_password": "short"}
    answer = ada.call("POST", "/auth/password", weak)
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["errors"]] == ["/new_password"]
    assert other.call("GET", "/auth/me").status_code == 200
    good = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    ada.take(ada.call("POST", "/auth/password", good))
    assert ada.call("GET", "/auth/me").status_code == 200
    assert ada.code("GET", "/auth/me", Authorization=f"Bearer {access}") == GONE
    assert ada.code("POST", "/auth/refresh", Cookie=f"{ada.name}={cookie}") == GONE
    assert other.code("GET", "/auth/me") == GONE
    ada.log_in(OTHER_PASSWORD)
    ada.take(ada.call("POST", "/auth/refresh"))
    old = {"email": EMAIL, "password": PASSWORD}
    assert other.code("POST", "/auth/login", old) == (401, "invalid_credentials")


def test_a_renewed_log_in_can_be_refreshed(ada: Visitor) -> None:
    """Its new id is found again, and its access token is good [ID7, ID14]."""
    good = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    ada.take(ada.call("POST", "/auth/password", good))
    cookie = ada.cookie
    ada.take(ada.call("POST", "/auth/refresh"))
    assert ada.cookie != cookie
    assert ada.call("GET", "/auth/me").status_code == 200


def test_log_ins_are_listed_and_ended_one_by_one(ada: Visitor) -> None:
    """Only one's own; the current one is marked [ID15]."""
    other = Visitor(ada.serving)
    answer = other.call(
        "POST", "/auth/login", {"email": EMAIL, "password": PASSWORD}, User_Agent="Other/1.0"
    )
    other.take(answer)
    items = ada.call("GET", "/auth/sessions").json()["items"]
    assert [each["current"] for each in items] == [False, True]
    assert items[0]["user_agent"] == "Other/1.0"
    assert items[0]["ip"] == "127.0.0.1"
    assert items[0]["created_at"].endswith("+00:00")
    assert ada.call("DELETE", f"/auth/sessions/{items[0]['id']}").status_code == 204
    assert other.code("GET", "/auth/me") == GONE
    assert ada.code("DELETE", f"/auth/sessions/{items[0]['id']}") == (404, "not_found")
    assert ada.code("DELETE", "/auth/sessions/nothing") == (404, "not_found")
    own = ada.call("DELETE", f"/auth/sessions/{items[1]['id']}")
    assert "Max-Age=0" in own.headers["set-cookie"]
    assert ada.code("GET", "/auth/me") == GONE


def test_the_audit_knows_and_nothing_holds_a_secret(ada: Visitor, site: Site) -> None:
    """Rows are sealed when the server ends; no canary is in logs or files [ID16, ID17]."""
    token = str(ada.serving.ready["setup_url"]).partition("#token=")[2]
    value = {"email": "typed-canary@example.org", "password": "canary-wrong"}
    assert ada.code("POST", "/auth/login", value)[0] == 401
    ada.take(ada.call("POST", "/auth/refresh"))
    hidden = [PASSWORD, token, ada.access, ada.cookie]
    ada.call("POST", "/auth/logout")
    result = ada.serving.stop()
    assert result.code == 0, result
    with sqlite3.connect(site.home / "legato.db") as database:
        rows = database.execute(
            "SELECT action, result, seq, data FROM audit ORDER BY id"
        ).fetchall()
    database.close()
    assert [row[:3] for row in rows] == [
        ("auth.setup_link", "ok", 1),
        ("auth.setup", "ok", 2),
        ("auth.login", "failed", 3),
        ("auth.logout", "ok", 4),
    ]
    assert "the audit is sealed" in result.err
    kept = b"".join(each.read_bytes() for each in site.home.glob("legato.db*"))
    told = result.err.encode()
    for secret in [*hidden, "canary", "typed-canary@example.org"]:
        assert secret.encode() not in kept
        assert secret.encode() not in told


def test_a_log_in_outlives_a_change_of_keys(site: Site) -> None:
    """After a restart its refresh token is good for a new id and token [ID7, ID20]."""
    first = Serving(site.start("serve", "--port", 0, "--json"))
    ada = Visitor(first)
    ada.set_up()
    first.stop()
    for name in ("LEGATO_JWT_SECRET_KEY", "LEGATO_MASTER_KEY"):
        site.more[f"{name}_OLD"], site.more[name] = site.more[name], secrets.token_urlsafe(48)
    second = Serving(site.start("serve", "--port", 0, "--json"))
    again = Visitor(second)
    again.cookie = ada.cookie
    for _ in range(2):
        again.take(again.call("POST", "/auth/refresh"))
        assert again.call("GET", "/auth/me").json()["email"] == EMAIL
    result = second.stop()
    assert not [key for key in site.more.values() if key in result.err + result.out]


@pytest.mark.postgres
def test_the_same_holds_on_postgresql(site: Site, fresh_postgres_url: str) -> None:
    """Log in, refresh, reuse, a new password, and log out [ID6, ID7, ID8, ID14]."""
    site.more["LEGATO_DATABASE_URL"] = fresh_postgres_url
    serving = Serving(site.start("serve", "--port", 0, "--json"))
    ada, other = Visitor(serving), Visitor(serving)
    ada.set_up()
    other.log_in()
    assert other.call("GET", "/auth/me").json()["workspace"]["role"] == "owner"
    parent = other.cookie
    for _ in range(2):
        other.take(other.call("POST", "/auth/refresh"))
    other.cookie = parent
    assert other.code("POST", "/auth/refresh") == (401, "refresh_reused")
    assert other.code("GET", "/auth/me") == GONE
    other.log_in()
    good = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    ada.take(ada.call("POST", "/auth/password", good))
    assert other.code("GET", "/auth/me") == GONE
    (item,) = ada.call("GET", "/auth/sessions").json()["items"]
    assert item["current"] is True
    assert ada.code("DELETE", "/auth/sessions/nothing") == (404, "not_found")
    assert ada.call("POST", "/auth/logout").status_code == 204
    assert ada.code("GET", "/auth/me", Authorization=f"Bearer {ada.access}") == GONE
    assert serving.stop().code == 0


def test_who_is_known_learns_which_server_answers(ada: Visitor, serving: Serving) -> None:
    """In every answer and by name; somebody unknown does not [HT65]."""
    info = ada.call("GET", "/system/info")
    assert info.json() == {
        "version": info.headers["x-legato-version"],
        "pid": serving.ready["pid"],
        "started_at": info.json()["started_at"],
        "supervised": False,
        "draining": False,
    }
    unknown = Visitor(serving)
    assert unknown.code("GET", "/system/info") == (401, "unauthenticated")
    assert "x-legato-version" not in unknown.call("GET", "/setup").headers

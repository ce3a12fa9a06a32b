# SPDX-License-Identifier: Apache-2.0
"""The second factor, log-in links and first passwords against a real server process."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from legato.api.links import new_login_link, new_reset_link
from legato.api.second_factor import drop_second_factor
from legato.auth.refresh import new_token
from legato.errors import Conflict
from tests.integration.api.people import (
    SHORT_PASSWORD,
    Factor,
    Person,
    Town,
    owed,
    paths,
    said,
    token_of,
    town_in,
)
from tests.integration.api.visitor import OTHER_PASSWORD, PASSWORD

GONE = (401, "session_ended")
WRONG = (401, "invalid_credentials")
INVALID = (400, "token_invalid")
STATE = (409, "illegal_state")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One server for all tests of this module."""
    with town_in(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def bea(town: Town) -> Person:
    """Somebody who is logged in."""
    made = town.person()
    made.take(made.call("POST", "/auth/login", {"token": link_of(made)}))  # no hash to wait for
    return made


def link_of(person: Person) -> str:
    """Print a log-in link, and return its token."""
    user = person.user
    link = person.town.ask(lambda accounts: new_login_link(accounts, user, "https://l.example"))
    assert link.startswith("https://l.example/login#token=")
    return token_of(link)


def test_a_second_factor_is_made_and_owed(bea: Person) -> None:
    """It acts from its confirmation on; the log-ins of before go on [ID30, ID34, ID35]."""
    other = bea.elsewhere()
    other.take(other.call("POST", "/auth/login", {"token": link_of(bea)}))
    begin, confirm = "/auth/mfa/totp", "/auth/mfa/totp/confirm"
    assert bea.code("POST", confirm, {"code": "123456"}) == STATE
    assert bea.code("POST", begin, {"current_password": "canary-wrong"}) == WRONG
    first = bea.call("POST", begin, {"current_password": PASSWORD}).json()
    found = bea.call("POST", begin, {"current_password": PASSWORD}).json()
    assert found.keys() == {"secret", "otpauth_uri"}
    assert parse_qs(urlsplit(found["otpauth_uri"]).query)["secret"] == [found["secret"]]
    assert bea.call("GET", "/auth/me").json()["has_totp"] is False
    other.log_in()
    factor = Factor(found["secret"])
    assert bea.code("POST", confirm, {"code": Factor(first["secret"]).code()}) == WRONG
    used = factor.code()
    answer = bea.call("POST", confirm, {"code": used})
    codes = answer.json()["recovery_codes"]
    assert (answer.status_code, len(set(codes))) == (200, 10)
    for person in (bea, other):
        assert person.call("GET", "/auth/me").json()["has_totp"] is True
    for path in (begin, confirm):
        body = {"current_password": PASSWORD} if path == begin else {"code": factor.at(0)}
        assert bea.code("POST", path, body) == STATE
    token = other.half()
    assert said(other.show_code(token, used)) == WRONG
    other.take(other.show_code(token, factor.code()))
    assert other.call("GET", "/auth/me").status_code == 200
    assert said(other.show_code(token, codes[0])) == INVALID
    other.take(other.show_code(other.half(), codes[0].upper().replace("-", " ")))


def test_a_token_for_a_code_that_is_none_is_refused(bea: Person) -> None:
    """Whatever it is, also one of another kind; a body without a code is 422 [ID4, ID30]."""
    factor = bea.add_factor()
    link = link_of(bea)
    wrong: tuple[object, ...] = (None, "", [], {}, 1, "x" * 43, new_token(), link)
    for token in wrong:
        assert said(bea.show_code(token, factor.recovery[0])) == INVALID, token
    assert bea.code("POST", "/auth/login/mfa", {"code": "1"}) == INVALID
    for body in ({"mfa_token": link}, {"mfa_token": link, "code": 1}):
        assert paths(bea.call("POST", "/auth/login/mfa", body)) == ["/code"]


@pytest.mark.parametrize("kind", ["code", "recovery", "same token"])
def test_of_log_ins_with_one_code_at_once_one_succeeds(bea: Person, kind: str) -> None:
    """The others had a wrong code, or a token that was used [ID31]."""
    factor = bea.add_factor()
    half = [bea.elsewhere().half() for _ in range(1 if kind == "same token" else 3)] * 3
    code = factor.recovery[3] if kind == "recovery" else factor.code()
    with ThreadPoolExecutor(3) as pool:
        tries = [pool.submit(bea.elsewhere().show_code, token, code) for token in half[:3]]
        found = Counter(said(each.result()) for each in tries)
    assert found[200, ""] == 1
    assert set(found) <= {(200, ""), WRONG, INVALID}
    assert len(bea.call("GET", "/auth/sessions").json()["items"]) == 2
    assert len(bea.user.recovery) == (9 if kind == "recovery" else 10)


def test_confirmed_at_once_a_factor_has_one_set_of_recovery_codes(bea: Person) -> None:
    """Two confirmations of one code do not leave codes that do not work [ID31, ID35]."""
    answer = bea.call("POST", "/auth/mfa/totp", {"current_password": PASSWORD})
    code = Factor(answer.json()["secret"]).code()
    with ThreadPoolExecutor(3) as pool:
        body = {"code": code}
        tries = [pool.submit(bea.call, "POST", "/auth/mfa/totp/confirm", body) for _ in range(3)]
        found = [each.result() for each in tries]
    assert Counter(map(said, found)) == {(200, ""): 1, STATE: 2}
    (codes,) = [each.json()["recovery_codes"] for each in found if each.status_code == 200]
    bea.take(bea.show_code(bea.half(), codes[9]))


def test_wrong_codes_are_throttled_as_wrong_passwords(bea: Person) -> None:
    """And a right password forgives none of them; a link gets in all the same [ID32, ID42]."""
    factor = bea.add_factor()
    token = bea.half()
    for code in ("000000", "", "x" * 100, "aaaa-aaaa-aaaa-aaaa"):
        assert said(bea.show_code(token, code)) == WRONG, code
    token = bea.half()
    assert said(bea.show_code(token, "0")) == WRONG
    answer = bea.show_code(token, factor.recovery[0])
    assert said(answer) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0
    assert said(bea.show_password()) == (429, "rate_limited")
    token = owed(bea.call("POST", "/auth/login", {"token": link_of(bea)}))
    bea.take(bea.show_code(token, factor.recovery[0]))


def test_a_token_has_five_tries(bea: Person) -> None:
    """After them the right code comes too late; they are not of the throttle [ID30, ID32]."""
    factor = bea.add_factor()
    token = owed(bea.call("POST", "/auth/login", {"token": link_of(bea)}))
    for _ in range(5):
        assert said(bea.show_code(token, "123")) == WRONG
    assert said(bea.show_code(token, factor.recovery[0])) == INVALID
    bea.take(bea.show_code(bea.half(), factor.recovery[0]))


def test_a_half_log_in_ends_with_a_new_password_and_a_disabled_user(bea: Person) -> None:
    """And with its 5 minutes; the code is not used up by that [ID30, ID33]."""
    factor = bea.add_factor()
    late = bea.half()
    bea.town.execute(
        f"UPDATE one_time_tokens SET expires_at = expires_at - 300000 WHERE user_id = '{bea.id}'"
    )
    assert said(bea.show_code(late, factor.recovery[0])) == INVALID
    other = bea.elsewhere()
    half = other.half()
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    bea.take(bea.call("POST", "/auth/password", body))
    assert said(other.show_code(half, factor.recovery[0])) == INVALID
    half, user = other.half(OTHER_PASSWORD), bea.user
    closed = msgspec.structs.replace(user, is_disabled=True)
    assert bea.town.ask(lambda accounts: accounts.change_user(closed, ()))
    assert said(other.show_code(half, factor.recovery[0])) == INVALID
    assert said(other.show_password(OTHER_PASSWORD)) == WRONG
    with pytest.raises(Conflict):
        link_of(bea)
    assert len(bea.user.recovery) == 10


def test_a_second_factor_is_ended_by_password_and_code(bea: Person) -> None:
    """A wrong one of them ends nothing; other log-ins go on [ID36]."""
    path, factor = "/auth/mfa/totp", Factor("A" * 32)
    body = {"current_password": PASSWORD, "code": factor.code()}
    assert bea.code("DELETE", path, body) == STATE
    factor = bea.add_factor()
    other = bea.elsewhere()
    other.take(other.show_code(other.half(), factor.recovery[0]))
    good = {"current_password": PASSWORD, "code": factor.code()}
    for wrong in ({"current_password": "canary-wrong"}, {"code": factor.recovery[0]}):
        assert bea.code("DELETE", path, good | wrong) == WRONG
    assert paths(bea.call("DELETE", path, {"current_password": PASSWORD})) == ["/code"]
    assert bea.code("DELETE", path, good, Content_Type="text/plain")[0] == 415
    answer = bea.call("DELETE", path, good)
    assert (answer.status_code, answer.content) == (204, b"")
    for person in (bea, other):
        assert person.call("GET", "/auth/me").json()["has_totp"] is False
    other.log_in()


def test_a_short_password_does_not_outlive_its_second_factor(bea: Person) -> None:
    """A new one is asked for, is judged as alone, and ends the other log-ins [ID36, ID43]."""
    new = {"current_password": PASSWORD, "new_password": SHORT_PASSWORD}
    assert paths(bea.call("POST", "/auth/password", new)) == ["/new_password"]
    factor = bea.add_factor()
    bea.take(bea.call("POST", "/auth/password", new))
    other = bea.elsewhere()
    other.take(other.show_code(other.half(SHORT_PASSWORD), factor.code()))
    link, path, access = link_of(bea), "/auth/mfa/totp", bea.access
    body = {"current_password": SHORT_PASSWORD, "code": factor.recovery[0]}
    assert paths(bea.call("DELETE", path, body)) == ["/new_password"]
    weak = bea.call("DELETE", path, {**body, "new_password": SHORT_PASSWORD + "x"})
    assert paths(weak) == ["/new_password"]
    assert SHORT_PASSWORD not in weak.text
    assert bea.call("GET", "/auth/me").json()["has_totp"] is True
    bea.take(bea.call("DELETE", path, {**body, "new_password": OTHER_PASSWORD}))
    assert bea.call("GET", "/auth/me").json()["has_totp"] is False
    assert bea.code("GET", "/auth/me", Authorization=f"Bearer {access}") == GONE
    assert other.code("GET", "/auth/me") == GONE
    assert bea.code("POST", "/auth/login", {"token": link}) == INVALID
    other.log_in(OTHER_PASSWORD)


def test_the_second_factor_is_changed_after_a_recent_log_in_only(bea: Person) -> None:
    """403 `reauth_required` ten minutes later, on each of its routes [ID37]."""
    calls = (
        ("POST", "/auth/mfa/totp", {"current_password": PASSWORD}),
        ("POST", "/auth/mfa/totp/confirm", {"code": "1"}),
        ("DELETE", "/auth/mfa/totp", {"current_password": PASSWORD, "code": "1"}),
    )
    for method, path, body in calls:
        assert bea.code(method, path, body, Authorization="") == (401, "unauthenticated")
    bea.town.execute(
        "UPDATE sessions SET authenticated_at = authenticated_at - 601000"
        f" WHERE user_id = '{bea.id}'"
    )
    for method, path, body in calls:
        assert bea.code(method, path, body) == (403, "reauth_required")
    bea.log_in()
    assert bea.code(*calls[0]) == (200, "")


def test_a_pending_secret_expires(bea: Person) -> None:
    """After 10 minutes its codes confirm nothing [ID34]."""
    answer = bea.call("POST", "/auth/mfa/totp", {"current_password": PASSWORD})
    bea.town.execute(
        f"UPDATE one_time_tokens SET expires_at = expires_at - 600000 WHERE user_id = '{bea.id}'"
    )
    code = Factor(answer.json()["secret"]).code()
    assert bea.code("POST", "/auth/mfa/totp/confirm", {"code": code}) == STATE


def test_a_first_password_needs_a_recent_log_in_and_no_current_one(town: Town) -> None:
    """Who has none logs in by a link; a second factor comes after a password [ID38, ID42]."""
    owner = town.person(email="owner@localhost", password_hash=None)
    owner.take(owner.call("POST", "/auth/login", {"token": link_of(owner)}))
    assert owner.code("POST", "/auth/mfa/totp", {"current_password": ""}) == STATE
    path, new = "/auth/password", {"new_password": PASSWORD}
    assert owner.code("POST", path, {**new, "current_password": PASSWORD}) == WRONG
    town.execute(
        "UPDATE sessions SET authenticated_at = authenticated_at - 601000"
        f" WHERE user_id = '{owner.id}'"
    )
    assert owner.code("POST", path, new) == (403, "reauth_required")
    owner.take(owner.call("POST", "/auth/login", {"token": link_of(owner)}))
    owner.take(owner.call("POST", path, {**new, "current_password": None}))
    assert paths(owner.call("POST", path, new)) == ["/current_password"]
    owner.log_in()


def test_a_link_logs_in_once(bea: Person) -> None:
    """A newer one voids it; what is no token is 400, what is neither way is 422 [ID4, ID42]."""
    path = "/auth/login"
    old, link = link_of(bea), link_of(bea)
    wrong: tuple[object, ...] = (old, None, "", [], {}, 1, new_token())
    for token in wrong:
        assert bea.code("POST", path, {"token": token}) == INVALID, token
    other = bea.elsewhere()
    other.take(other.call("POST", path, {"token": link}))
    assert other.call("GET", "/auth/me").json()["email"] == bea.email
    assert bea.code("POST", path, {"token": link}) == INVALID
    late = link_of(bea)
    bea.town.execute(
        f"UPDATE one_time_tokens SET expires_at = expires_at - 600000 WHERE user_id = '{bea.id}'"
    )
    assert bea.code("POST", path, {"token": late}) == INVALID
    assert paths(bea.call("POST", path, {"token": link, "email": bea.email})) == ["/email"]
    assert paths(bea.call("POST", path, {})) == ["/email", "/password"]
    assert paths(bea.call("POST", path, [])) == [""]


def test_a_lost_second_factor_is_taken_away_on_the_machine(bea: Person) -> None:
    """With the password, which may have been a short one, and every log-in [ID46]."""
    bea.add_factor()
    user, town = bea.user, bea.town
    half = bea.half()
    assert town.ask(lambda accounts: drop_second_factor(accounts, user))
    assert not town.ask(lambda accounts: drop_second_factor(accounts, user))
    assert bea.code("GET", "/auth/me") == GONE
    assert said(bea.show_password()) == WRONG
    assert said(bea.show_code(half, "1")) == INVALID
    bare = bea.user
    assert (bare.totp, bare.recovery, bare.password_hash) == (None, (), None)
    link = town.ask(lambda accounts: new_reset_link(accounts, bare, "https://l.example"))
    body = {"token": token_of(link), "password": OTHER_PASSWORD}
    assert bea.code("POST", "/auth/password/reset", body) == (204, "")
    bea.log_in(OTHER_PASSWORD)


def test_the_audit_tells_each_step_and_no_secret_is_kept(bea: Person) -> None:
    """Neither in the database nor in the log [ID16, ID30, ID42]."""
    factor = bea.add_factor()
    link = link_of(bea)
    first, second = bea.half(), owed(bea.call("POST", "/auth/login", {"token": link}))
    assert said(bea.show_code(first, "canary-code")) == WRONG
    bea.take(bea.show_code(first, factor.code()))
    bea.take(bea.show_code(second, factor.recovery[0]))
    rows = bea.town.select(
        f"SELECT action, result, data FROM audit WHERE actor = '{bea.id}' OR target = '{bea.id}'"
        " ORDER BY id"
    )
    assert rows == [
        ("auth.login_link", "ok", "{}"),
        ("auth.login", "ok", '{"by":"link"}'),
        ("auth.mfa_begin", "ok", "{}"),
        ("auth.mfa_on", "ok", "{}"),
        ("auth.login_link", "ok", "{}"),
        ("auth.mfa_required", "ok", '{"by":"password"}'),
        ("auth.mfa_required", "ok", '{"by":"link"}'),
        ("auth.login", "failed", '{"by":"password","factor":"wrong"}'),
        ("auth.login", "ok", '{"by":"password","factor":"totp"}'),
        ("auth.login", "ok", '{"by":"link","factor":"recovery"}'),
    ]
    kept = bea.town.kept()
    hidden = [factor.secret, *factor.recovery, link, first, second, bea.access, bea.cookie]
    for secret in [*hidden, "canary"]:
        assert secret.encode() not in kept


def test_the_description_tells_both_ways_to_log_in(town: Town) -> None:
    """The one or the other body, and the token for the code that is owed [ID44]."""
    api = town.serving.get("/api/v1/openapi.json").json()
    schemas, paths_of = api["components"]["schemas"], api["paths"]
    forms = [each["$ref"].rpartition("/")[2] for each in schemas["Credentials"]["oneOf"]]
    assert forms == ["ByPassword", "ByLink"]
    assert schemas["ByLink"]["required"] == ["token"]
    assert schemas["SecondStep"]["required"] == ["mfa_token", "code"]
    assert "default" not in str(schemas["SecondStep"])
    for name in [*forms, "NoFactor"]:
        assert schemas[name]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Credentials"]
    answers = paths_of["/api/v1/auth/login"]["post"]["responses"]
    assert "mfa_token" in str(answers["401"]["content"]["application/problem+json"])
    name = answers["400"]["$ref"].rpartition("/")[2]
    assert "token_invalid" in api["components"]["responses"][name]["description"]
    end = paths_of["/api/v1/auth/mfa/totp"]["delete"]
    ref = {"$ref": "#/components/schemas/NoFactor"}
    (kind,) = end["requestBody"]["content"].items()
    assert kind == ("application/json", {"schema": ref, "example": kind[1]["example"]})
    assert kind[1]["example"].keys() >= {"current_password", "code"}
    assert {"200", "204", "401", "403", "409", "422"} <= end["responses"].keys()

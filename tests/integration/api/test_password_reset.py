# SPDX-License-Identifier: Apache-2.0
"""Forgotten passwords and printed links for new ones, against a real server process."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from legato.api.links import new_login_link, new_reset_link
from legato.auth.refresh import new_token
from tests.integration.api.people import (
    SHORT_PASSWORD,
    Person,
    Town,
    paths,
    said,
    token_of,
    town_in,
)
from tests.integration.api.visitor import OTHER_PASSWORD, PASSWORD

GONE = (401, "session_ended")
INVALID = (400, "token_invalid")
RESET, FORGOT = "/auth/password/reset", "/auth/password/forgot"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One server for all tests of this module."""
    with town_in(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def cat(town: Town) -> Person:
    """Somebody who has forgotten the password."""
    return town.person()


def link_of(person: Person) -> str:
    """Print a link for a new password, and return its token."""
    user = person.user
    link = person.town.ask(lambda accounts: new_reset_link(accounts, user, "https://l.example"))
    assert link.startswith("https://l.example/reset#token=")
    return token_of(link)


def reset(person: Person, token: object, password: str = OTHER_PASSWORD) -> tuple[int, str]:
    """Try to set a password."""
    return person.code("POST", RESET, {"token": token, "password": password})


def test_who_has_forgotten_is_not_told_whether_the_account_is_known(cat: Person) -> None:
    """202 for everybody; an administrator finds it in the audit, without the address [ID40]."""
    unknown = "typed-canary@example.org"
    answers = [
        cat.call("POST", FORGOT, {"email": email})
        for email in (cat.email, cat.email.upper(), unknown, "no address", "")
    ]
    own = {"x-request-id", "date"}
    seen = {
        str(sorted(pair for pair in each.headers.items() if pair[0] not in own)) + each.text
        for each in answers
    }
    assert [each.status_code for each in answers] == [202] * 5
    assert len(seen) == 1
    rows = cat.town.select(
        "SELECT target, actor FROM audit WHERE action = 'auth.password_forgot' ORDER BY id"
    )
    assert rows[-5:] == [(cat.id, ""), (cat.id, "")] + [("", "")] * 3
    assert b"canary" not in cat.town.kept()


def test_to_forget_is_limited_by_itself(cat: Person) -> None:
    """Per account and address, known or not; nobody is kept from logging in by it [ID4, ID40]."""
    for email in (cat.email, "nobody@example.org"):
        for _ in range(5):
            assert cat.code("POST", FORGOT, {"email": email}) == (202, "")
        answer = cat.call("POST", FORGOT, {"email": email})
        assert said(answer) == (429, "rate_limited")
        assert 0 < int(answer.headers["retry-after"]) <= 900
    cat.log_in()


def test_a_printed_link_sets_a_password_once(cat: Person) -> None:
    """Every log-in ends and none begins; the old password is no good any more [ID41, ID43]."""
    cat.log_in()
    user = cat.user
    login = token_of(cat.town.ask(lambda accounts: new_login_link(accounts, user, "")))
    old, token = link_of(cat), link_of(cat)
    weak = cat.call("POST", RESET, {"token": token, "password": "password1234567"})
    assert paths(weak) == ["/password"]
    assert "password1234567" not in weak.text
    assert reset(cat, old) == INVALID
    answer = cat.call("POST", RESET, {"token": token, "password": OTHER_PASSWORD}, Cookie="")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "set-cookie" not in answer.headers
    assert cat.code("GET", "/auth/me") == GONE
    assert reset(cat, token) == INVALID
    assert cat.code("POST", "/auth/login", {"token": login}) == INVALID
    assert said(cat.show_password()) == (401, "invalid_credentials")
    cat.log_in(OTHER_PASSWORD)
    kept = cat.town.kept()
    for secret in (token, old, OTHER_PASSWORD, PASSWORD):
        assert secret.encode() not in kept


def test_a_reset_token_that_is_none_sets_nothing(cat: Person) -> None:
    """Null, empty, a list, absent, of another kind, expired, of a disabled user [ID4, ID41]."""
    user = cat.user
    login = token_of(cat.town.ask(lambda accounts: new_login_link(accounts, user, "")))
    wrong: tuple[object, ...] = (None, "", [], {}, 1, True, "x" * 43, new_token(), login)
    for token in wrong:
        assert reset(cat, token) == INVALID, token
    assert cat.code("POST", RESET, {"password": OTHER_PASSWORD}) == INVALID
    assert paths(cat.call("POST", RESET, {"token": login})) == ["/password"]
    late = link_of(cat)
    cat.town.execute(
        f"UPDATE one_time_tokens SET expires_at = expires_at - 3600000 WHERE user_id = '{cat.id}'"
    )
    assert reset(cat, late) == INVALID
    token = link_of(cat)
    cat.town.execute(f"UPDATE users SET is_disabled = 1 WHERE id = '{cat.id}'")
    assert reset(cat, token) == INVALID
    assert cat.user.version == user.version


def test_of_resets_with_one_token_at_once_one_succeeds(cat: Person) -> None:
    """The password is the one of who was told so [ID41]."""
    token = link_of(cat)
    passwords = [f"{OTHER_PASSWORD}-{number}" for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda each: reset(cat, token, each), passwords))
    assert Counter(found) == {(204, ""): 1, INVALID: 2}
    cat.log_in(passwords[found.index((204, ""))])


def test_a_reset_leaves_the_second_factor(cat: Person) -> None:
    """A link stands for the password alone; beside the factor it may be a short one [ID41]."""
    cat.log_in()
    factor = cat.add_factor()
    assert reset(cat, link_of(cat), SHORT_PASSWORD) == (204, "")
    cat.take(cat.show_code(cat.half(SHORT_PASSWORD), factor.recovery[0]))

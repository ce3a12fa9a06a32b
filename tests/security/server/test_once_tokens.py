# SPDX-License-Identifier: Apache-2.0
"""Tokens that are good once, at every route that takes one: what is no good is no good.

The model for this file is a reset of passwords that took null for a token (GHSA-f6hc-c5jr-878p).
"""

from collections.abc import Iterator
from typing import Any, Final, get_args

import pytest

from legato.auth.refresh import token_hash
from legato.model.ids import UserId
from legato.ports.accounts import TokenKind
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import EMAIL, PASSWORD, Visitor
from tests.security.server.conftest import fresh_home
from tests.security.server.crowd import HOUR_MS, Backdoor, Crowd, never
from tests.security.server.routes import SERVED, Offered, names
from tests.security.server.samples import Kind

INVALID: Final = (400, "token_invalid")
KINDS: Final[tuple[Kind, ...]] = (*get_args(TokenKind), "invitation")
ABSENT: Final = object()


def field_of(route: Offered) -> str | None:
    """Return the name of the token in a route's body."""
    found = {
        name
        for model in route.models
        for name in model.model_fields
        if name == "token" or name.endswith("_token")
    }
    return found.pop() if found else None


TAKING: Final = [route for route in SERVED if field_of(route) is not None]
EVERY = pytest.mark.parametrize("route", TAKING, ids=names)


def answer_to(serving: Serving, route: Offered, token: object) -> tuple[int, str]:
    """Send a body that is good but for its token; return status and code."""
    field = field_of(route)
    assert field is not None
    body: dict[str, Any] = {**(route.sample.token_body or route.sample.body), field: token}
    if token is ABSENT:
        del body[field]
    path = route.path().removeprefix("/api/v1")
    return Visitor(serving).code(route.spec.method, path, body)


@EVERY
def test_what_has_not_the_form_of_a_token_is_none(crowd: Crowd, route: Offered) -> None:
    """Null, empty, absent, a list, an object, a number, SQL, too long: 400 [SE15]."""
    good = never()
    values: list[object] = [
        *(ABSENT, None, "", " ", 0, 1, -1, 1.5, True, False, [], {}, [good], {"token": good}),
        *([None], {"$ne": None}, {"$gt": ""}, "null", "undefined", "' OR '1'='1", "%", "*"),
        *(good[:-1], f"{good}=", f" {good}", f"{good}\n", good * 100, "ä" * 43, "A" * 42 + "B"),
        f"\u2060{good}",
    ]
    if route.sample.token_body is not None:
        values.remove(ABSENT)  # without it the body is of another form
    for value in values:
        assert answer_to(crowd.serving, route, value) == INVALID, value


def _made(crowd: Crowd, kind: Kind, user: UserId, ttl_ms: int = HOUR_MS) -> str:
    """Return a new token of a kind."""
    if kind == "invitation":
        return crowd.invitation(ttl_ms=ttl_ms)[1]
    return crowd.token(kind, user, ttl_ms=ttl_ms)


@EVERY
def test_a_token_that_is_not_good_any_more_is_none(crowd: Crowd, route: Offered) -> None:
    """Unknown, void, expired, of another kind, or a bearer of another sort [SE15]."""
    kind, refusal = route.sample.token_kind, route.sample.token_refusal
    assert kind is not None, f"{route}: its sample needs `token_kind`"
    user = crowd.person("token", "viewer")
    void, expired = _made(crowd, kind, user), _made(crowd, kind, user, ttl_ms=-1)
    crowd.sql("UPDATE one_time_tokens SET used_at = 1 WHERE hash = ?", token_hash(void))
    given = crowd.log_in(user)
    others = [_made(crowd, each, user) for each in KINDS if each != kind]
    tokens: dict[str, str] = {
        "unknown": never(),
        "void": void,
        "expired": expired,
        "session": given.sid,
    }
    tokens["refresh"] = given.refresh
    tokens.update((f"of another kind {n}", each) for n, each in enumerate(others))
    for name, token in tokens.items():
        assert answer_to(crowd.serving, route, token) == refusal, name
    for token in (given.access, crowd.key(crowd.owner, ("workflow:read",))):
        assert answer_to(crowd.serving, route, token) == INVALID


@pytest.fixture(scope="module")
def unclaimed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Backdoor]]:
    """A server that nobody has set up, and its store."""
    site = fresh_home(tmp_path_factory)
    serving = Serving(site.start("serve", "--port", 0, "--json"))
    door = Backdoor(site)
    yield serving, door
    door.close()
    serving.close()
    site.close()


def test_no_other_token_makes_the_first_owner(unclaimed: tuple[Serving, Backdoor]) -> None:
    """Another kind, an expired or an older link; then the newest does, once [SE15]."""
    serving, door = unclaimed
    (route,) = [each for each in TAKING if each.sample.token_kind == "setup"]
    printed = str(serving.ready["setup_url"]).partition("#token=")[2]
    for kind in get_args(TokenKind):
        if kind != "setup":
            assert answer_to(serving, route, door.token(kind)) == INVALID, kind
    expired = door.token("setup", ttl_ms=-1)
    newest = door.token("setup")
    for token in (printed, expired, never(), None):
        assert answer_to(serving, route, token) == INVALID
    value = {"token": newest, "email": EMAIL, "password": PASSWORD}
    assert Visitor(serving).code("POST", "/setup", value) == (201, "")
    for token in (newest, printed, never()):
        assert answer_to(serving, route, token) == (409, "already_set_up")

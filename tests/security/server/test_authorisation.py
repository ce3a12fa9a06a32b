# SPDX-License-Identifier: Apache-2.0
"""Who may do what, asked of every route over the wire, and compared with the tables of rights."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx2
import pytest
from pydantic import BaseModel, ValidationError

from legato.api.access import Needs
from legato.auth.roles import INSTANCE_TABLE, ROLES, SCOPES, TABLE, allows
from legato.model.ids import LOCAL_WORKSPACE, UserId
from legato.ports.accounts import Role
from tests.integration.api.serving import PATIENCE_S
from tests.security.server.crowd import ELSEWHERE, Crowd, Pass, never
from tests.security.server.routes import GUARDED, PUBLIC, SERVED, Offered, names, offered
from tests.security.server.samples import APART, SAMPLES, UNKNOWN
from tests.security.server.samples import PUBLIC as PUBLIC_BY_CONTRACT

BROKEN_JSON: Final = b'{"broken'
"""Whoever may not use a route must not hear what is wrong with it."""
HIDDEN: Final = (404, "not_found")
FORBIDDEN: Final = (403, "forbidden")
LOWERED_S: Final = 1.0
"""Within this time a lowered role acts."""
EVERY = pytest.mark.parametrize("route", GUARDED, ids=names)
OF_WORKSPACES = pytest.mark.parametrize(
    "route",
    [each for each in GUARDED if each.needs.of == "workspace" and each.needs.resource != "account"],
    ids=names,
)


@dataclass(frozen=True)
class Roles:
    """Somebody of each kind."""

    by_role: dict[str, UserId]
    administrator: UserId
    nobody: UserId
    closed: Pass
    key_of_closed: str


@pytest.fixture
def people(crowd: Crowd) -> Roles:
    """Make them."""
    disabled = crowd.person("disabled", "owner", is_instance_admin=True)
    closed, key = crowd.log_in(disabled), crowd.key(disabled, tuple(SCOPES))
    crowd.disable(disabled)
    return Roles(
        by_role={role: crowd.person(role, role) for role in ROLES},
        administrator=crowd.person("administrator", None, is_instance_admin=True),
        nobody=crowd.person("nobody", None),
        closed=closed,
        key_of_closed=key,
    )


@pytest.fixture(scope="module")
def client(crowd: Crowd) -> Iterator[httpx2.Client]:
    """A client that keeps its connection."""
    with httpx2.Client(base_url=crowd.serving.url, timeout=PATIENCE_S) as made:
        yield made


def ask(
    client: httpx2.Client,
    route: Offered,
    bearer: str = "",
    *,
    workspace: str | None = None,
    **headers: str,
) -> httpx2.Response:
    """Call a route with a body that is no JSON, if it has one."""
    path, found = (route.path(), {}) if workspace is None else route.elsewhere(workspace)
    found |= {name.replace("_", "-"): value for name, value in headers.items()}
    if bearer:
        found.setdefault("Authorization", f"Bearer {bearer}")
    content = None
    if route.has_body:
        found["Content-Type"], content = route.declaration.accepts[0], BROKEN_JSON
    return client.request(route.spec.method, path, headers=found, content=content)


def outcome(answer: httpx2.Response) -> tuple[int, str]:
    """Return status and code."""
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, str(answer.json()["code"]) if is_problem else ""


def has_passed(route: Offered, answer: httpx2.Response) -> bool:
    """Tell whether a request came as far as its body, or as what its path names."""
    if route.has_body and not route.parameters:
        return outcome(answer) == (422, "invalid")
    if route.parameters:
        return outcome(answer) in {HIDDEN, (422, "invalid")}
    return answer.status_code < 300


def test_every_route_has_a_sample_and_every_sample_a_route() -> None:
    """What is not tried here is not served; no route is left out of the servers [SE1]."""
    unlisted = [str(route) for route in SERVED if route.key not in SAMPLES]
    assert unlisted == [], "add them to tests/security/server/samples.py"
    for route in SERVED:
        assert set(route.sample.path) == route.parameters, route
        is_form = route.sample.form is not None
        assert bool(route.models or is_form) == route.has_body, route
        if route.has_body and not is_form:
            assert any(_is_good(model, route.sample.body) for model in route.models), route
    assert set(SAMPLES) - {route.key for route in SERVED} == set()
    everywhere = {(spec.method, spec.path): spec for routes in offered() for spec in routes.specs}
    heads = {(method, path) for method, path in everywhere if method == "HEAD"}
    for _, path in heads:  # what tries a GET has tried it
        head, full = everywhere["HEAD", path], everywhere["GET", path]
        assert head.declaration == full.declaration
    assert everywhere.keys() - heads - {route.key for route in SERVED} == APART


def _is_good(model: type[BaseModel], body: object) -> bool:
    try:
        model.model_validate(body, extra="forbid")
    except ValidationError:
        return False
    return True


def test_what_is_public_is_what_the_contract_names() -> None:
    """Everything else needs somebody [SE1]."""
    assert {route.key for route in PUBLIC} <= PUBLIC_BY_CONTRACT


@EVERY
def test_who_is_not_known_is_refused_before_anything_is_looked_at(
    crowd: Crowd, client: httpx2.Client, people: Roles, route: Offered
) -> None:
    """No token, a bad one, an ended log-in, a disabled user: 401, whatever they send [SE2]."""
    ended = crowd.log_in(people.by_role["owner"])
    crowd.run(crowd.accounts.end_sessions(ended.user, [], only=ended.session))
    living = crowd.log_in(people.by_role["owner"])
    unknown = ["", "x.y.z", never(), f"lgt_{'a' * 12}_{never()}", living.refresh, living.sid]
    unknown.append(people.key_of_closed)
    for token in unknown:
        answer = ask(client, route, token)
        assert outcome(answer) == (401, "unauthenticated"), token
        assert answer.headers["www-authenticate"] == "Bearer"
    for token in (ended.access, people.closed.access):
        assert outcome(ask(client, route, token)) == (401, "session_ended")
    cookie = f"legato_refresh_{crowd.serving.port}={living.refresh}"
    assert outcome(ask(client, route, Cookie=cookie)) == (401, "unauthenticated")
    query = {"token": living.access, "access_token": living.access}
    asked = client.request(route.spec.method, route.path(), params=query)
    assert asked.status_code == 401
    two = [("Legato-Workspace", "a"), ("Legato-Workspace", "b"), ("Authorization", "Bearer x.y.z")]
    assert client.request(route.spec.method, route.path(), headers=two).status_code == 401


@EVERY
def test_each_role_may_what_the_tables_say(
    crowd: Crowd, client: httpx2.Client, people: Roles, route: Offered
) -> None:
    """A member without the right is 403, whoever is no member 404; a right passes [SE3]."""
    needs = route.needs
    roles: dict[str | None, UserId] = {None: people.nobody}
    roles.update(people.by_role)
    given = crowd.log_ins(*roles.values(), people.administrator, crowd.stranger)
    *by_role, administrator, stranger = given
    for role, holder in zip(roles, by_role, strict=True):
        answer = ask(client, route, holder.access)
        if needs.of == "instance":
            assert outcome(answer) == FORBIDDEN, role
        elif needs.resource == "account" or allows(role, needs.resource, needs.verb):
            assert has_passed(route, answer), (role, answer.text)
        else:
            assert outcome(answer) == (HIDDEN if role is None else FORBIDDEN), role
    answer = ask(client, route, administrator.access)
    if needs.of == "instance":
        assert (needs.resource, needs.verb) in INSTANCE_TABLE
        assert has_passed(route, answer), answer.text
    elif needs.resource != "account":
        assert outcome(answer) == HIDDEN
    if needs.of == "workspace" and needs.resource != "account":
        here = ask(client, route, stranger.access, workspace=LOCAL_WORKSPACE)
        assert outcome(here) == HIDDEN


@EVERY
def test_a_key_may_what_its_scopes_and_its_makers_role_say(
    crowd: Crowd, client: httpx2.Client, people: Roles, route: Offered
) -> None:
    """Every other scope is 403; nothing over the installation, of the account only `me` [SE4]."""
    needs = route.needs
    right = TABLE.get(needs.resource, {}).get(needs.verb) if needs.of == "workspace" else None
    others = ""
    for role, maker in people.by_role.items():
        is_allowed = allows(role, needs.resource, needs.verb) if right is not None else False
        reaching = {f"{needs.resource}:{right.kind}"} if right and right.kind else set()
        if reaching and needs.resource == "version" and right is not None:
            reaching.add(f"workflow:{right.kind}")
        others = crowd.key(maker, tuple(sorted(SCOPES - reaching)))
        if (needs.resource, needs.verb) == ("account", "me"):
            assert has_passed(route, ask(client, route, others))
        else:
            assert outcome(ask(client, route, others)) == FORBIDDEN, role
        for scope in reaching:
            answer = ask(client, route, crowd.key(maker, (scope,)))
            if is_allowed:
                assert has_passed(route, answer), (role, answer.text)
            else:
                assert outcome(answer) == FORBIDDEN, role
    own = crowd.key(people.administrator, tuple(SCOPES))
    is_hidden = needs.of == "workspace" and needs.resource != "account"
    if (needs.resource, needs.verb) != ("account", "me"):
        assert outcome(ask(client, route, own)) == (HIDDEN if is_hidden else FORBIDDEN)
    elsewhere = ask(client, route, others, workspace=ELSEWHERE)
    assert outcome(elsewhere) == (HIDDEN if needs.of == "workspace" else FORBIDDEN)


@OF_WORKSPACES
def test_a_foreign_workspace_is_one_that_is_not_there(
    crowd: Crowd, client: httpx2.Client, people: Roles, route: Offered
) -> None:
    """By its id, its slug, or as one of two [SE5]."""
    holder = crowd.log_in(people.by_role["owner"])
    answers = [
        ask(client, route, holder.access, workspace=named)
        for named in (
            ELSEWHERE,
            "elsewhere",
            UNKNOWN,
            "nowhere",
            "...",
            "main' OR '1'='1",
            "%",
            "*",
        )
    ]
    assert {outcome(each) for each in answers} == {HIDDEN}
    assert len({without_id(each) for each in answers}) == 1


@pytest.mark.parametrize("route", [each for each in GUARDED if each.parameters], ids=names)
def test_what_is_somebody_elses_is_what_is_not_there(
    crowd: Crowd, client: httpx2.Client, people: Roles, route: Offered
) -> None:
    """To the byte, but the request id; for an owner of another workspace too [SE5]."""
    sample = route.sample
    if sample.foreign is None:
        assert route.needs.of == "instance", f"{route}: its sample needs `foreign`"
        return
    token = crowd.log_in(people.by_role["owner"]).access
    answers = [
        client.request(
            route.spec.method,
            path,
            headers={"Authorization": f"Bearer {token}", **route.good_type},
            **route.good_body,
        )
        for path in (route.path(), route.path(**sample.foreign(crowd)))
    ]
    assert [outcome(each) for each in answers] == [HIDDEN, HIDDEN]
    assert without_id(answers[0]) == without_id(answers[1])


@pytest.mark.parametrize(
    "route", [each for each in GUARDED if each.has_body and not each.parameters], ids=names
)
def test_nothing_is_done_in_a_foreign_workspace(
    crowd: Crowd, client: httpx2.Client, people: Roles, route: Offered
) -> None:
    """With a body that is good, and by every way of naming it: no row of it changes [SE5]."""
    before = _rows_of(crowd, ELSEWHERE)
    for holder in (people.by_role["owner"], people.administrator, people.nobody):
        for named in (ELSEWHERE, "elsewhere"):
            path, headers = route.elsewhere(named)
            headers["Authorization"] = f"Bearer {crowd.log_in(holder).access}"
            headers |= route.good_type
            answer = client.request(route.spec.method, path, headers=headers, **route.good_body)
            assert ELSEWHERE not in answer.text
            if route.needs.of == "workspace" and route.needs.resource != "account":
                assert outcome(answer) == HIDDEN
    assert _rows_of(crowd, ELSEWHERE) == before


def _rows_of(crowd: Crowd, workspace: str) -> dict[str, list[object]]:
    """Return what is kept of a workspace."""
    tables = {"members": "workspace", "api_keys": "workspace", "workspaces": "id"}
    tables |= {"one_time_tokens": "workspace", "files": "workspace", "file_spaces": "workspace"}
    return {
        table: crowd.sql(f"SELECT * FROM {table} WHERE {column} = ?", workspace)
        for table, column in tables.items()
    }


@OF_WORKSPACES
def test_a_lowered_role_and_a_lost_membership_act_at_once(
    crowd: Crowd, client: httpx2.Client, route: Offered
) -> None:
    """On a log-in and on a key that were there before, within a second; the key is gone [SE6]."""
    needs = route.needs
    right = TABLE[needs.resource][needs.verb]
    user = crowd.person("falling", "owner")
    holders = [crowd.log_in(user).access]
    if right.kind is not None:
        holders.append(crowd.key(user, (f"{needs.resource}:{right.kind}",)))
    for holder in holders:
        assert has_passed(route, ask(client, route, holder))
    lower: Role | None = next((r for r in ROLES if not allows(r, needs.resource, needs.verb)), None)
    if lower is not None:
        crowd.put(user, lower)
        for holder in holders:
            _within_a_second(client, route, holder, FORBIDDEN)
    crowd.run(crowd.accounts.remove_member(LOCAL_WORKSPACE, user, []))
    _within_a_second(client, route, holders[0], HIDDEN)
    for key in holders[1:]:
        _within_a_second(client, route, key, (401, "unauthenticated"))


def _within_a_second(
    client: httpx2.Client, route: Offered, holder: str, wanted: tuple[int, str]
) -> None:
    began = time.monotonic()
    while outcome(ask(client, route, holder)) != wanted:
        assert time.monotonic() - began < LOWERED_S, wanted


@pytest.mark.parametrize("route", [each for each in GUARDED if each.needs.is_recent], ids=names)
def test_an_old_log_in_is_asked_for_a_new_one_only_where_it_may(
    crowd: Crowd, client: httpx2.Client, people: Roles, route: Offered
) -> None:
    """403 `reauth_required`; who has not the right hears of that and of nothing else [SE7]."""
    needs = route.needs
    holder = people.administrator if needs.of == "instance" else people.by_role["owner"]
    old, outsider = crowd.log_in(holder), crowd.log_in(people.nobody)
    crowd.age(old)
    crowd.age(outsider)
    assert outcome(ask(client, route, old.access)) == (403, "reauth_required")
    if needs.of == "workspace" and needs.resource != "account":
        assert outcome(ask(client, route, outsider.access)) == HIDDEN


def without_id(answer: httpx2.Response) -> str:
    """Return an answer without what differs from one to the next."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    own = {"x-request-id", "date"}
    headers = sorted(pair for pair in answer.headers.items() if pair[0] not in own)
    return str((answer.status_code, body, headers))


def test_a_route_that_needs_a_right_of_no_table_is_seen() -> None:
    """The oracle of this file knows every right that is asked for [SE3]."""
    for route in GUARDED:
        needs: Needs = route.needs
        known = (
            (needs.resource, needs.verb) in INSTANCE_TABLE
            if needs.of == "instance"
            else needs.verb in TABLE.get(needs.resource, {})
        )
        assert known, route

# SPDX-License-Identifier: Apache-2.0
"""Routes that say who may use them, and the order of their checks."""

from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Scope

from legato.api.access import Declaration, Gate, Needs, Public, Routes, check_routes
from legato.api.body import Sent, body, sent
from legato.api.frame import Frame
from legato.api.parts import Api
from legato.api.readiness import Readiness
from legato.api.server import RESOURCES, frame_of, make_api
from legato.app import memory_stores
from legato.errors import Internal, LimitExceeded, NotFound, Refused
from legato.settings import Settings
from legato.testing.clock import FakeClock
from tests.unit.api.calls import Answer, call, scope_of, sender

LISTED = "https://app.example.org"
JSON = (b"content-type", b"application/json")
OPEN = Public("a test")


class Login(BaseModel):
    email: str
    password: SecretStr
    tries: int = 1


@pytest.fixture
def api(tmp_path: Any) -> Api:
    """Parts over an empty store in memory."""
    settings, clock = Settings(home=tmp_path), FakeClock()
    readiness = Readiness({}, clock.monotonic)
    return Api(
        settings=settings, stores=memory_stores(clock, settings), clock=clock, readiness=readiness
    )


def some_routes() -> Routes:
    """Return routes of each kind."""
    routes = Routes("/api/v1/things", tag="things")

    @routes.get("/{thing_id}", OPEN)
    async def read(thing_id: int) -> dict[str, int]:
        return {"thing": thing_id}

    @routes.post("", OPEN, body_bytes_max=200)
    async def create(login: Annotated[Login, body(Login)]) -> dict[str, str]:
        return {"email": login.email}

    @routes.put("/{thing_id}", Needs("workflow", "draft"))
    async def replace(thing_id: int, found: Annotated[Sent[Login], sent(Login)]) -> Response:
        if thing_id != 1:
            raise NotFound("there is no such thing")
        await found.read()
        return Response(status_code=204)

    @routes.delete("/{thing_id}", OPEN)
    async def delete(thing_id: int) -> Response:
        raise LimitExceeded("full")

    return routes


class Doorman:
    """Says in which order it was asked, and refuses where it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses: set[str] = set()

    def _step(self, name: str, code: str) -> None:
        self.asked.append(name)
        if name in self.refuses:
            raise Refused(code)

    async def limit_address(self, request: Request, declaration: Declaration) -> None:
        self._step("address", "rate_limited")

    async def authenticate(self, request: Request, needs: Needs, *, is_fresh: bool = False) -> None:
        self._step("authenticate", "unauthenticated")

    async def limit_principal(self, request: Request, declaration: Declaration) -> None:
        self._step("principal", "rate_limited")

    async def authorise(self, request: Request, needs: Needs) -> None:
        assert needs == Needs("workflow", "draft")
        self._step("authorise", "forbidden")


@pytest.fixture
def doorman() -> Doorman:
    """The checks of later layers."""
    return Doorman()


@pytest.fixture
def frame(api: Api, doorman: Doorman) -> Frame:
    """A server with every check."""
    gate = Gate(
        allowed_origins=frozenset({LISTED}), limit_address=doorman.limit_address,
        authenticator=doorman, limit_principal=doorman.limit_principal,
    )  # fmt: skip
    return make_api(api, gate, [some_routes(), *RESOURCES])


async def _send(frame: Frame, method: str, path: str, data: bytes = b"", *headers: Any) -> Answer:
    length = [(b"content-length", str(len(data)).encode())] if data else []
    scope: Scope = scope_of(method, path, [*headers, *length])
    return await call(frame, scope, sender([data] if data else []))


async def test_the_checks_of_a_route_have_one_order(frame: Frame, doorman: Doorman) -> None:
    """Each refusal comes before all that follow, down to the body [HT12, HT14]."""
    evil, path = (b"origin", b"https://evil.example"), "/api/v1/things/2"
    doorman.refuses = {"address", "authenticate", "principal", "authorise"}
    nothing = b"no json"

    async def refused(*headers: tuple[bytes, bytes], path: str = path) -> tuple[int, str]:
        doorman.asked.clear()
        answer = await _send(frame, "PUT", path, nothing, *headers)
        return answer.status, answer.code

    assert await refused(evil, path="/api/v1/nothing") == (404, "not_found")
    assert await refused(evil, path="/health/live") == (405, "method_not_allowed")
    assert await refused(evil) == (403, "origin_refused")
    assert doorman.asked == []
    for name, expected in (
        ("address", (429, "rate_limited")),
        ("authenticate", (401, "unauthenticated")),
        ("principal", (429, "rate_limited")),
    ):
        assert await refused() == expected
        assert doorman.asked[-1] == name
        doorman.refuses.remove(name)
    assert await refused() == (415, "unsupported_media_type")
    assert await refused(JSON) == (403, "forbidden")
    assert doorman.asked == ["address", "authenticate", "principal", "authorise"]
    doorman.refuses.clear()
    assert await refused(JSON) == (404, "not_found")
    nothing = b"x" * (1024 * 1024 + 1)
    assert await refused(JSON) == (404, "not_found")
    assert await refused(JSON, path="/api/v1/things/1") == (413, "too_large")
    nothing = b"no json"
    assert await refused(JSON, path="/api/v1/things/1") == (422, "invalid")


async def test_what_may_have_changed_something_is_told_before_its_answer(
    api: Api, doorman: Doorman
) -> None:
    """Also where it was refused at the end; what only reads is not [HT60]."""
    told: list[str] = []
    gate = Gate(authenticator=doorman, on_change=lambda: told.append("changed"))
    frame = make_api(api, gate, [some_routes(), *RESOURCES])
    thing = b'{"email": "a", "password": "b"}'
    assert (await _send(frame, "GET", "/api/v1/things/7")).status == 200
    assert (await _send(frame, "GET", "/health/live")).status == 200
    assert told == []
    seen: list[int] = []

    async def note(scope: Scope) -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                seen.append(len(told))

        await frame(scope, sender([thing] if scope["method"] == "POST" else []), send)

    length = (b"content-length", str(len(thing)).encode())
    await note(scope_of("POST", "/api/v1/things", [JSON, length]))
    await note(scope_of("DELETE", "/api/v1/things/1"))
    assert seen == [1, 2]


async def test_a_public_route_asks_nobody_who_they_are(frame: Frame, doorman: Doorman) -> None:
    """Its address is still counted [HT14]."""
    assert (await _send(frame, "GET", "/api/v1/things/7")).json == {"thing": 7}
    assert doorman.asked == ["address"]


async def test_a_foreign_page_changes_nothing(api: Api) -> None:
    """Only our own pages, listed ones, and programs reach an unsafe route [HT12]."""
    done: list[str] = []
    routes = Routes("/api/v1", tag="x")

    @routes.post("/act", OPEN, accepts=())
    async def act() -> Response:
        done.append("acted")
        return Response(status_code=204)

    gate = Gate(allowed_origins=frozenset({LISTED}))
    frame = make_api(api, gate, [routes])
    cookie = (b"cookie", b"legato_refresh_8420=x")
    for origin in (b"https://evil.example", b"null"):
        form = (b"content-type", b"application/x-www-form-urlencoded")
        answer = await _send(
            frame, "POST", "/api/v1/act", b"a=1", cookie, (b"origin", origin), form
        )
        assert (answer.status, answer.code) == (403, "origin_refused")
    site = (b"sec-fetch-site", b"cross-site")
    assert (await _send(frame, "POST", "/api/v1/act", b"", cookie, site)).status == 403
    assert done == []
    for own in (b"http://127.0.0.1:8420", LISTED.encode()):
        assert (await _send(frame, "POST", "/api/v1/act", b"", (b"origin", own))).status == 204
    assert (await _send(frame, "POST", "/api/v1/act")).status == 204
    assert len(done) == 3


@pytest.mark.parametrize(
    "kinds",
    [[], [b"text/plain"], [b"application/json", b"text/plain"], [b"application/jsonx"], [b""]],
)
async def test_another_media_type_is_refused_by_name(frame: Frame, kinds: list[bytes]) -> None:
    """The answer names the header and what is accepted [HT15]."""
    headers = [(b"content-type", each) for each in kinds]
    answer = await _send(frame, "POST", "/api/v1/things", b"{}", *headers)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert "Content-Type" in answer.json["detail"]
    assert answer.headers["accept"] == "application/json"


async def test_parameters_of_a_media_type_do_not_matter(frame: Frame) -> None:
    """`charset=utf-8` is what browsers add [HT15]."""
    kind = (b"content-type", b"Application/JSON; charset=utf-8")
    data = b'{"email": "a@example.org", "password": "x"}'
    assert (await _send(frame, "POST", "/api/v1/things", data, kind)).json == {
        "email": "a@example.org"
    }


async def test_a_route_has_a_bound_of_its_own(frame: Frame) -> None:
    """Also below the server's [HT16]."""
    answer = await _send(frame, "POST", "/api/v1/things", b" " * 201, JSON)
    assert (answer.status, answer.code) == (413, "too_large")


@pytest.mark.parametrize(
    "data",
    [
        b'{"email": "a", "password": "hunter2-canary", "tries": "hunter2-canary"}',
        b'{"email": "a", "password": ["hunter2-canary"]}',
        b'{"password": "hunter2-canary", "password": "hunter2-canary"}',
        b'{"password": "hunter2-canary"',
        b'"hunter2-canary"',
    ],
)
async def test_a_refused_body_is_not_repeated(frame: Frame, data: bytes) -> None:
    """A password that was sent in the wrong form does not come back [HT1, HT19]."""
    answer = await _send(frame, "POST", "/api/v1/things", data, JSON)
    assert (answer.status, answer.code) == (422, "invalid")
    assert answer.json["errors"]
    assert b"canary" not in answer.body


async def test_a_wrong_parameter_has_the_form_of_every_error(frame: Frame) -> None:
    """The framework's own form, with the input, is never sent [HT1, HT3]."""
    answer = await _send(frame, "GET", "/api/v1/things/hunter2-canary")
    assert (answer.status, answer.code) == (422, "invalid")
    assert answer.json["errors"][0]["path"] == "/path/thing_id"
    assert b"canary" not in answer.body


async def test_405_names_every_method_of_the_path(frame: Frame) -> None:
    """They are routes of their own [HT5]."""
    answer = await _send(frame, "PATCH", "/api/v1/things/1")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, PUT"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_slash_too_many_is_no_other_address(frame: Frame) -> None:
    """There is no redirect that a method or body could get lost on [HT5]."""
    for path in (
        "/api/v1/things/7/",
        "/health/live/",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/api/v2/x",
    ):
        answer = await _send(frame, "GET", path)
        assert (answer.status, answer.code) == (404, "not_found"), path


async def test_an_error_of_a_lower_layer_says_when_to_come_back(frame: Frame) -> None:
    """Its class decides [HT2, HT6]."""
    answer = await _send(frame, "DELETE", "/api/v1/things/1")
    assert (answer.status, answer.code) == (429, "queue_full")
    assert answer.headers["retry-after"] == "1"


def _planted(kind: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return Response()

    if kind == "mount":
        return Mount("/assets", Response())
    if kind == "socket":
        return WebSocketRoute("/api/ws", Response())
    return Route("/health/planted", endpoint)


@pytest.mark.parametrize("kind", ["route", "mount", "socket", "framework"])
def test_an_undeclared_route_does_not_start(api: Api, kind: str) -> None:
    """Whatever its path looks like and however it got there [HT13]."""
    application = FastAPI(openapi_url=None)
    if kind == "framework":

        @application.get("/health/planted")
        async def planted() -> None: ...

    else:
        application.router.routes.append(_planted(kind))
    with pytest.raises(Internal, match="does not declare who may use it"):
        frame_of(application, Gate(), api)


def test_a_body_that_the_framework_reads_does_not_start(api: Api) -> None:
    """It would be read before anybody is authenticated [HT13, HT14]."""
    routes = Routes("/api/v1", tag="x")

    @routes.post("/x", OPEN)
    async def early(login: Login) -> None: ...

    with pytest.raises(Internal, match="read before its checks"):
        make_api(api, Gate(), [routes])


def test_a_route_that_needs_somebody_needs_who_knows_them(api: Api) -> None:
    """Without an authenticator there are public routes only [HT13]."""
    with pytest.raises(Internal, match="nothing here can tell who asks"):
        make_api(api, Gate(), [some_routes()])


@pytest.mark.parametrize(
    "needs", [Needs("workflow", "admire"), Needs("workflow", "read", of="instance")]
)
def test_a_route_with_a_right_that_no_table_names_does_not_start(api: Api, needs: Needs) -> None:
    """A slip of the pen opens nothing and closes nothing [ID21]."""
    routes = Routes("/api/v1", tag="x")

    @routes.get("/x", needs)
    async def look() -> None: ...

    with pytest.raises(Internal, match="no table of rights names"):
        make_api(api, Gate(authenticator=Doorman()), [routes])


def test_every_route_of_the_server_is_declared(api: Api) -> None:
    """The server as it is shipped starts, and its public routes are these [HT13]."""
    frame = make_api(api, Gate())
    specs = [spec for each in RESOURCES for spec in each.specs]
    check_routes([spec.build(Gate()) for spec in specs], has_authenticator=False)
    public = {spec.path for spec in specs if isinstance(spec.declaration.access, Public)}
    assert public == {
        "/health/live", "/health/ready", "/api/v1/openapi.json", "/schemas/workflow.json",
    }  # fmt: skip
    assert frame.options.max_body_bytes == 1024 * 1024


async def test_the_description_names_rights_bodies_and_refusals(frame: Frame) -> None:
    """OpenAPI 3.1, from the routes themselves [HT22]."""
    answer = await _send(frame, "GET", "/api/v1/openapi.json")
    found = answer.json
    assert found["openapi"].startswith("3.1")
    replace = found["paths"]["/api/v1/things/{thing_id}"]["put"]
    assert replace["x-legato-access"] == "workflow:draft"
    assert replace["security"] == [{"bearer": []}]
    ref = {"$ref": "#/components/schemas/Login"}
    content = replace["requestBody"]["content"]
    assert [(media, each["schema"]) for media, each in content.items()] == [
        ("application/json", ref)
    ]
    assert found["components"]["schemas"]["Login"]["additionalProperties"] is False
    expected = {"401", "403", "404", "408", "413", "415", "421", "422", "429", "431", "500", "503"}
    assert expected <= set(replace["responses"])
    assert "HTTPValidationError" not in str(found)
    paths = set(found["paths"])
    assert {"/health/live", "/health/ready", "/schemas/workflow.json"} <= paths
    create = found["paths"]["/api/v1/things"]["post"]
    assert "security" not in create


async def test_the_schema_of_documents_is_public(frame: Frame) -> None:
    """Editors fetch it [HT22]."""
    answer = await _send(frame, "GET", "/schemas/workflow.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/schema+json")
    assert answer.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"


async def test_health_says_one_word(api: Api) -> None:
    """Live asks nobody; ready asks each part; a part that fails is not named [HT20, HT21]."""

    async def broken() -> None:
        raise OSError("/var/lib/canary")

    def server(**probes: Any) -> Frame:
        readiness = Readiness(probes, api.clock.monotonic)
        other = Api(settings=api.settings, stores=api.stores, clock=api.clock, readiness=readiness)
        return make_api(other, Gate())

    stores = api.stores
    good, bad = server(store=stores.lifecycle.look), server(store=stores.lifecycle.look, bus=broken)
    for frame in (good, bad):
        answer = await _send(frame, "GET", "/health/live")
        assert (answer.status, answer.json) == (200, {"status": "ok"})
    answer = await _send(good, "GET", "/health/ready")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    answer = await _send(bad, "GET", "/health/ready")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})
    assert answer.headers["retry-after"] == "1"


async def test_a_server_that_drains_says_so_to_probes(api: Api) -> None:
    """It lives, it is not ready, and it answers nothing else [HT29]."""
    frame = make_api(api, Gate())
    api.readiness.is_draining = True
    assert (await _send(frame, "GET", "/health/live")).status == 200
    answer = await _send(frame, "GET", "/health/ready")
    assert (answer.status, answer.json) == (503, {"status": "draining"})
    answer = await _send(frame, "GET", "/api/v1/openapi.json")
    assert (answer.status, answer.code) == (503, "draining")

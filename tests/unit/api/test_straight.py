# SPDX-License-Identifier: Apache-2.0
"""Routes that skip the framework answer as with it."""

from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from legato.api import server
from legato.api.access import Gate, Public, Routes
from legato.api.frame import exchange_of
from legato.api.parts import Api, ApiPart
from legato.api.readiness import Readiness
from legato.api.server import make_api
from legato.api.straight import Straight
from legato.app import memory_stores
from legato.errors import NotFound, Refused
from legato.settings import Settings
from legato.testing.clock import FakeClock
from tests.unit.api.calls import call, scope_of, sender

OPEN = Public("a test")


def some_routes() -> Routes:
    """Return routes that may skip it, and routes that may not."""
    routes = Routes("/api", tag="things")

    @routes.get("/{name}", OPEN)
    async def by_name(name: str) -> dict[str, str]:
        return {"name": name}

    @routes.get("/hidden/by", OPEN)
    async def own() -> Response:
        return Response(b"{}", 202, headers={"x-own": "1"}, media_type="application/json")

    @routes.get("/shadowed", OPEN)
    async def shadowed() -> Response:
        raise AssertionError("another route comes first")

    @routes.post("/asked/for", OPEN, accepts=())
    async def asked(request: Request) -> Response:
        value = {"path": request.scope["path"], "here": request.app.state.api is not None}
        return Response(orjson.dumps({**value, "query": dict(request.query_params)}))

    @routes.get("/refuses/it", OPEN)
    async def refuses(request: Request) -> Response:
        if request.query_params:
            raise Refused("queue_full", "Not now.", retry_after_s=7)
        raise NotFound

    @routes.get("/with/part", OPEN)
    async def with_part(api: ApiPart) -> Response:
        return Response(str(api is not None))

    @routes.get("/things/known", OPEN)
    async def known() -> dict[str, bool]:
        return {"known": True}

    @routes.get("/things/{thing}", OPEN)
    async def thing(request: Request) -> Response:
        return Response(orjson.dumps({"thing": request.path_params["thing"]}))

    return routes


@pytest.fixture
def api(tmp_path: Any) -> Api:
    settings, clock = Settings(home=tmp_path), FakeClock()
    readiness = Readiness({}, clock.monotonic)
    return Api(
        settings=settings, stores=memory_stores(clock, settings), clock=clock, readiness=readiness
    )


def test_what_needs_nothing_of_the_framework_skips_it() -> None:
    """A fixed path, the request or nothing, a ready answer, and no route before it [HT62]."""
    application = FastAPI()
    application.router.routes[:] = [spec.build(Gate()) for spec in some_routes().specs]
    straight = Straight(application)
    assert set(straight.ways) == {
        ("GET", "/api/hidden/by"), ("POST", "/api/asked/for"), ("GET", "/api/refuses/it"),
    }  # fmt: skip
    assert set(straight.tails) == {("GET", "/api/things/")}


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/api/hidden/by", b""),
        ("POST", "/api/asked/for", b"a=1&b=%20"),
        ("GET", "/api/refuses/it", b""),
        ("GET", "/api/refuses/it", b"x=1"),
        ("GET", "/api/shadowed", b""),
        ("PUT", "/api/hidden/by", b""),
        ("GET", "/api/hidden/by/", b""),
        ("GET", "/api/things/one", b"a=1"),
        ("GET", "/api/things/a b\u00e4:%", b""),
        ("GET", "/api/things/known", b""),
        ("GET", "/api/things/", b""),
        ("GET", "/api/things/one/two", b""),
        ("PUT", "/api/things/one", b""),
    ],
)
async def test_answers_are_the_same_to_the_byte(
    api: Api, monkeypatch: pytest.MonkeyPatch, method: str, path: str, query: bytes
) -> None:
    """Status, headers and body, also of refusals, 404 and 405 [HT62, XR21]."""
    found = []
    for _ in ("straight", "through the framework"):
        frame = make_api(api, Gate(), [some_routes()])
        scope = scope_of(method, path, [(b"x-request-id", b"the-same-id")], query=query)
        answer = await call(frame, scope, sender())
        found.append((answer.messages[0], answer.body, exchange_of(scope).code))
        monkeypatch.setattr(server, "Straight", lambda application: application)
    assert found[0] == found[1]

# SPDX-License-Identifier: Apache-2.0
"""Requests that are made of the server's own description, as it says and as it does not.

The suite's run is short and the same each time. `LEGATO_TEST_FUZZ=500` makes so many requests of
each kind for each route, other ones each time.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from legato.api.openapi_examples import WORKFLOW_TEXT
from legato.model.ids import LOCAL_WORKSPACE
from tests import services
from tests.integration.api.serving import PATIENCE_S, Serving
from tests.security.server.conftest import fresh_home
from tests.security.server.crowd import Crowd
from tests.security.server.routes import SERVED, Offered, names

VARIABLE: Final = "LEGATO_TEST_FUZZ"
EXAMPLES: Final = int(os.environ.get(VARIABLE, "4"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MADE: Final = {"workflow_id", "execution_id"}
_numbers = itertools.count()
PROBLEM: Final = {"type", "title", "status", "detail", "code", "request_id", "errors"}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def crowd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crowd]:
    """A server that Ada has set up, on each database."""
    site = fresh_home(tmp_path_factory)
    site.more["LEGATO_AUTH__REGISTRATION"] = "open"
    with contextlib.ExitStack() as stack:
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            site.more["LEGATO_DATABASE_URL"] = stack.enter_context(services.database(server))
        serving = Serving(site.start("serve", "--port", 0, "--json"))
        serving.process.stay()
        made = Crowd(site, serving)
        yield made
        made.close()
        serving.close()
        site.close()


@pytest.fixture(scope="module")
def description(crowd: Crowd) -> Any:
    """What the server says of itself."""
    raw = crowd.serving.get("/api/v1/openapi.json").json()
    return schemathesis.openapi.from_dict(raw)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """A client that keeps its connection and no cookies of ours."""
    with requests.Session() as made:
        yield made


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(
    "route", [each for each in SERVED if each.route.include_in_schema], ids=names
)
def test_every_answer_is_one_that_the_description_names(
    crowd: Crowd,
    description: Any,
    session: requests.Session,
    route: Offered,
    mode: GenerationMode,
) -> None:
    """No 5xx, no status, type or body that is not written there, one form of errors [SE16, CC7]."""
    operation = description[route.spec.path][route.spec.method]
    asking = Asking(crowd, session, route)
    is_positive = mode is GenerationMode.POSITIVE
    if is_positive:
        asking.ask(example_of(operation, route), known_to(crowd, route))
    known = itertools.cycle([known_to(crowd, route) if is_positive else {}, {}])

    @settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=VARIABLE not in os.environ,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if is_positive:  # of a workspace that nobody has all is 404
            case.headers.pop("Legato-Workspace", None)
        asking.ask(case, next(known))

    with contextlib.suppress(Unsatisfiable):  # without parameters nothing can be wrong with them
        ask()
    assert crowd.serving.get("/health/live").status_code == 200


class Asking:
    """Makes the requests of one route as the owner, and holds the answers to the description."""

    def __init__(self, crowd: Crowd, session: requests.Session, route: Offered) -> None:
        self._crowd = crowd
        self._session = session
        self._route = route
        self._made = iter(crowd.log_ins(*[crowd.owner] * (2 * EXAMPLES + 3)))

    def ask(self, case: Any, known: dict[str, str]) -> None:
        """Make a request, with what is known to be there in its path."""
        bearer = next(self._made, None) or self._crowd.log_in(self._crowd.owner)
        headers = {"Authorization": f"Bearer {bearer.access}"}
        case.path_parameters.update(known)
        self._session.cookies.clear()
        answer = case.call(
            base_url=self._crowd.serving.url, session=self._session, headers=headers,
            timeout=PATIENCE_S,
        )  # fmt: skip
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400 and not self._route.spec.path.startswith("/health/"):
            assert answer.json().keys() >= PROBLEM
            assert answer.json()["status"] == answer.status_code


def example_of(operation: Any, route: Offered) -> Any:
    """Return the request that the description shows: its examples, nothing else."""
    raw = operation.definition.raw
    content = raw.get("requestBody", {}).get("content", {})
    body: dict[str, Any] = {}
    for media, described in content.items():
        if "example" in described:
            body = {"body": described["example"], "media_type": media}
    own = {**route.sample.path, "workspace_id": LOCAL_WORKSPACE}
    path = {name: own.get(name, "x") for name in places(route)}
    return operation.Case(path_parameters=path, headers={}, query={}, **body)


def places(route: Offered) -> set[str]:
    """Return the names in braces in a route's path: some read them without the framework."""
    return set(re.findall(r"{(\w+)}", route.spec.path))


def known_to(crowd: Crowd, route: Offered) -> dict[str, str]:
    """Make what the parameters of a path can name, anew for each route: some of them take it away.

    What another route makes is asked for over HTTP, as anybody would.
    """
    found: dict[str, str] = {}
    if places(route).isdisjoint(MADE):
        return found
    if not crowd.ada.access or crowd.ada.call("GET", "/auth/me").status_code != 200:
        crowd.ada.access = crowd.log_in(crowd.owner).access
    name = f"fuzz-{next(_numbers)}"
    text = WORKFLOW_TEXT.replace("name: hello", f"name: {name}")
    made = crowd.ada.call("POST", "/workflows", {"source": text})
    assert made.status_code == 201, made.text
    found["workflow_id"] = made.json()["id"]
    answer = crowd.ada.call("POST", f"/workflows/{name}/publish", {"revision": 1})
    assert answer.status_code == 201, answer.text
    if "execution_id" in places(route):
        started = crowd.ada.call("POST", f"/workflows/{name}/executions", {"inputs": {}})
        assert started.status_code == 202, started.text
        found["execution_id"] = started.json()["id"]
    found |= {"number": "1", "a": "1", "b": "1", "node": "greet"}
    return {name: each for name, each in found.items() if name in places(route)}

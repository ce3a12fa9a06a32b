# SPDX-License-Identifier: Apache-2.0
"""Requests that are made of the server's own description, as it says and as it does not.

The suite's run is short and the same each time. `LEGATO_TEST_FUZZ=500` makes so many requests of
each kind for each route, other ones each time.
"""

import contextlib
import os
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

from tests import services
from tests.integration.api.serving import PATIENCE_S, Serving
from tests.security.server.conftest import fresh_home
from tests.security.server.crowd import Crowd
from tests.security.server.routes import SERVED, Offered, names

VARIABLE: Final = "LEGATO_TEST_FUZZ"
EXAMPLES: Final = int(os.environ.get(VARIABLE, "6"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
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
    made = iter(crowd.log_ins(*[crowd.owner] * (2 * EXAMPLES + 2)))
    url = crowd.serving.url

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
        bearer = next(made, None) or crowd.log_in(crowd.owner)
        headers = {"Authorization": f"Bearer {bearer.access}"}
        session.cookies.clear()
        if mode is GenerationMode.POSITIVE:  # of a workspace that nobody has all is 404
            case.headers.pop("Legato-Workspace", None)
        answer = case.call(base_url=url, session=session, headers=headers, timeout=PATIENCE_S)
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400 and not route.spec.path.startswith("/health/"):
            assert answer.json().keys() >= PROBLEM
            assert answer.json()["status"] == answer.status_code

    with contextlib.suppress(Unsatisfiable):  # without parameters nothing can be wrong with them
        ask()
    assert crowd.serving.get("/health/live").status_code == 200

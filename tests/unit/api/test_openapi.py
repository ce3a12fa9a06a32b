# SPDX-License-Identifier: Apache-2.0
"""The description of the API says all that a client has to know."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

import orjson
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Gate, Guarded, Needs, Public, Routes
from legato.api.body import body, model_of, parse
from legato.api.openapi import describe_api, operation_id, refusals
from legato.api.openapi_examples import DOCUMENT, WORKFLOW_TEXT
from legato.api.problems import CODES_OF_STATUS, MEDIA_TYPE
from legato.api.server import IDENTITY, RESOURCES, describe
from legato.app import node_catalogue
from legato.cli.main import invoke
from legato.model.document.validate import load_workflow
from legato.model.policy import Limits

NAME: Final = re.compile(r"[a-z]+(_[a-z0-9]+)+")
FOUND: Final[dict[str, Any]] = describe()
ROUTES: Final[list[Guarded]] = [
    spec.build(Gate()) for resource in (*RESOURCES, *IDENTITY) for spec in resource.specs
]
SHOWN: Final = [each for each in ROUTES if each.include_in_schema]


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every operation with its method and path."""
    for path, item in FOUND["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def followed(value: dict[str, Any]) -> dict[str, Any]:
    """Return a part, where a reference leads to."""
    if "$ref" not in value:
        return value
    found: Any = FOUND
    for step in value["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    assert isinstance(found, dict)
    return found


def models(route: Guarded) -> list[type[BaseModel]]:
    """Return what a route's body should be."""
    found = [model_of(each.call) for each in route.dependant.dependencies]
    return [each for each in found if each is not None]


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    """Names are `verb_noun`, each once; summary, description and tag are there [CC1]."""
    names = [operation["operationId"] for _, operation in operations()]
    assert sorted(names) == sorted(set(names))
    assert [name for name in names if not NAME.fullmatch(name)] == []
    for place, operation in operations():
        assert operation["tags"], place
        assert operation["summary"] and not operation["summary"].endswith("."), place
        assert operation["summary"] in operation["description"].replace("\n", " "), place
        assert "Args:" not in operation["description"], place


def test_a_verb_alone_gets_the_noun_of_its_group() -> None:
    """Two groups may have a function of one name [CC1]."""
    routes = Routes("/api/v1/things", tag="things")

    @routes.get("/{thing_id}", Public("a test"))
    async def read(thing_id: str) -> None: ...

    (made,) = [spec.build(Gate()) for spec in routes.specs]
    assert operation_id(made) == "read_thing"


def test_every_parameter_and_every_answer_has_an_example() -> None:
    """Who reads it sees what it looks like [CC2]."""
    for place, operation in operations():
        for parameter in operation.get("parameters", ()):
            assert "example" in followed(parameter), (place, parameter)
        for status, answer in operation["responses"].items():
            for media, each in followed(answer).get("content", {}).items():
                if media in {"application/json", MEDIA_TYPE}:
                    assert each.keys() & {"example", "examples"}, (place, status)


@pytest.mark.parametrize("route", [each for each in SHOWN if each.declaration.accepts], ids=str)
def test_every_example_of_a_body_is_one_that_its_route_takes(route: Guarded) -> None:
    """An example is no invention: the model takes it as it stands [CC2]."""
    (method,) = [each.lower() for each in route.methods or ()]
    content = FOUND["paths"][route.path_format][method]["requestBody"]["content"]
    assert content.keys() == set(route.declaration.accepts)
    for media, each in content.items():
        if media == "application/json" and models(route):
            shown = [each["example"]] if "example" in each else []
            shown += [one["value"] for one in each.get("examples", {}).values()]
            assert shown, route.path
            for example in shown:
                for model in models(route):
                    parse(orjson.dumps(example), model)


def test_the_workflows_of_the_examples_are_valid() -> None:
    """Text and document can be published as they stand [CC2]."""
    for text in (WORKFLOW_TEXT.encode(), orjson.dumps(DOCUMENT)):
        load_workflow(text, file="example", catalogue=node_catalogue(), limits=Limits())


def test_headers_that_a_route_takes_and_gives_are_there() -> None:
    """Workspace, keys, conditions; request id, place and wait of answers [CC3]."""
    routes = Routes("/api/v1/things", tag="things")

    @routes.post(
        "",
        Needs("workflow", "draft"),
        accepts=(),
        takes=("Idempotency-Key", "If-Match"),
        gives=("ETag", "Location"),
        status_code=201,
    )
    async def make_thing(request: Request) -> Response:
        """Make one. It is kept."""
        return Response()

    app = FastAPI(openapi_url=None)
    app.router.routes.extend(spec.build(Gate()) for spec in routes.specs)
    made = describe_api(app)["paths"]["/api/v1/things"]["post"]
    asked = {each["$ref"].rpartition("/")[2] for each in made["parameters"]}
    assert asked == {"Legato-Workspace", "Idempotency-Key", "If-Match"}
    assert {"X-Request-ID", "ETag", "Location"} == made["responses"]["201"]["headers"].keys()
    assert {"412", "422", "428"} <= made["responses"].keys()
    assert made["summary"] == "Make one"
    answers = FOUND["components"]["responses"]
    assert "Retry-After" in answers["Problem429"]["headers"]
    assert "WWW-Authenticate" in answers["Problem401"]["headers"]
    for place, operation in operations():
        for answer in operation["responses"].values():
            assert "X-Request-ID" in followed(answer)["headers"], place


def test_every_refusal_says_its_codes_with_an_example_of_each() -> None:
    """A status alone says too little [CC4]."""
    for place, operation in operations():
        for status, answer in operation["responses"].items():
            described = followed(answer)["content"] if int(status) >= 400 else {}
            for each in [described[MEDIA_TYPE]] if MEDIA_TYPE in described else []:
                codes = {one["value"]["code"] for one in each["examples"].values()}
                assert codes and codes <= set(CODES_OF_STATUS[int(status)]), place
                assert all(
                    one["value"]["status"] == int(status) for one in each["examples"].values()
                )


def test_a_route_can_name_the_codes_that_its_status_means() -> None:
    """Of a status with many codes only those that are meant [CC4]."""
    found = refusals("slug_taken", "not_published", 404)
    assert found[409]["description"] == "slug_taken · not_published"
    assert found[404]["description"] == "not_found"


class Thing(BaseModel):
    """A thing."""

    name: str


def test_a_body_of_several_types_is_described_by_each() -> None:
    """YAML is text; only JSON is the model [CC2]."""
    routes = Routes("/api/v1/things", tag="things")

    @routes.post(
        "",
        Public("a test"),
        accepts=("application/yaml", "application/json", "multipart/form-data"),
    )
    async def make_thing(thing: Annotated[Thing, body(Thing)]) -> None:
        """Make one."""

    app = FastAPI(openapi_url=None)
    app.router.routes.extend(spec.build(Gate()) for spec in routes.specs)
    content = describe_api(app)["paths"]["/api/v1/things"]["post"]["requestBody"]["content"]
    assert content["application/yaml"]["schema"] == {"type": "string"}
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Thing"}
    assert content["multipart/form-data"]["schema"]["required"] == ["file"]


def test_the_command_prints_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    """Of this version, without a server or a home [CC5]."""
    assert invoke(["openapi", "--json"], {}) == 0
    assert orjson.loads(capsys.readouterr().out) == orjson.loads(orjson.dumps(FOUND))
    assert invoke(["openapi"], {}) == 0
    assert orjson.loads(capsys.readouterr().out)["openapi"].startswith("3.1")

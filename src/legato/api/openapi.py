# SPDX-License-Identifier: Apache-2.0
"""The description of the API (OpenAPI 3.1), from the routes: their bodies, rights and refusals.

A route says what does not follow from its function in its declaration: headers that it takes and
gives (`takes`, `gives`), and refusals of its own (`refusals`). Rules: HT22, CC1-CC4.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from legato import __version__
from legato.api.access import Declaration, Guarded, Needs, Public
from legato.api.body import model_of
from legato.api.openapi_examples import (
    WORKFLOW_TEXT,
    answer_example,
    body_example,
    parameter_example,
)
from legato.api.openapi_headers import ANSWERED, ASKED, header_refs
from legato.api.problems import CODES_OF_STATUS, MEDIA_TYPE, STATUS_OF_CODE

if TYPE_CHECKING:
    from fastapi import FastAPI

REF: Final = "#/components/schemas/{model}"
JSON: Final = "application/json"
_ALWAYS: Final = (400, 404, 408, 421, 429, 431, 500, 503)
_NAME: Final = re.compile(r"[a-z]+(_[a-z0-9]+)+")
_SECTIONS: Final = re.compile(r"\n\s*\n(Args|Raises|Returns|Yields):")
_SENTENCE: Final = re.compile(r"(?<=[.?!])\s")
_FAULT: Final = {
    "type": "object",
    "required": ["path", "message", "expected"],
    "properties": {
        "path": {"type": "string", "description": "JSON Pointer (RFC 6901)."},
        "message": {"type": "string"},
        "expected": {"type": "string"},
        "line": {"type": "integer", "minimum": 1},
        "column": {"type": "integer", "minimum": 1},
    },
}
_PROBLEM: Final = {
    "type": "object",
    "description": "An error, as RFC 9457 writes it.",
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:legato:not_found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {
            "type": "string",
            "enum": sorted({c for cs in CODES_OF_STATUS.values() for c in cs}),
        },
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": _FAULT},
    },
}
_TEXT: Final = {
    "description": "A workflow as JSON: its text, or the document itself; one of both.",
    "oneOf": [
        {
            "type": "object",
            "required": ["source"],
            "additionalProperties": False,
            "properties": {"source": {"type": "string", "description": "YAML or JSON text."}},
        },
        {
            "type": "object",
            "required": ["document"],
            "additionalProperties": False,
            "properties": {"document": {"type": "object"}},
        },
    ],
    "examples": [{"source": WORKFLOW_TEXT}],
}
"""What stands in JSON beside YAML, where a route takes the text of a workflow."""
_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of a log-in, or an API key (`lgt_…`).",
    }
}
_INFO: Final = """Self-hosted durable workflows.

Errors are `application/problem+json` (RFC 9457): `code` is stable, `request_id` is in the server's
log, `errors` names what is wrong in a body by JSON Pointer. Lists come page by page: `next_cursor`
of one is `cursor` of the next. A POST with an `Idempotency-Key` has its effect once, however often
it is sent."""


def refusals(*named: int | str) -> dict[int | str, dict[str, Any]]:
    """Return, for a route's `responses`, refusals that do not follow from its declaration.

    Args:
        named: Statuses, which stand for all their codes, or codes, for which alone a route says
            what else its status can mean.
    """
    codes: dict[int, list[str]] = {}
    for each in named:
        if isinstance(each, int):
            codes.setdefault(each, []).extend(CODES_OF_STATUS[each])
        else:
            codes.setdefault(STATUS_OF_CODE[each], []).append(each)
    return {status: _refusal(status, tuple(each)) for status, each in codes.items()}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Return the description of an application's routes."""
    found = get_openapi(
        title="Legato",
        version=__version__,
        openapi_version="3.1.0",
        summary="Self-hosted durable workflows.",
        description=_INFO,
        routes=app.routes,
    )
    found["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)  # the framework's own form of errors, which is never sent
    schemas["Problem"] = _PROBLEM
    parts["securitySchemes"] = _SCHEMES
    parts["parameters"] = ASKED
    parts["headers"] = ANSWERED
    parts["responses"] = {
        f"Problem{status}": _described(status, _refusal(status)) for status in CODES_OF_STATUS
    }
    for route in app.routes:
        if isinstance(route, Guarded) and route.include_in_schema:
            for method in route.methods or ():
                operation = found["paths"][route.path_format][method.lower()]
                _complete(operation, route, schemas)
    found["tags"] = [{"name": name} for name in sorted(_tags(found["paths"]))]
    return found


def operation_id(route: Guarded) -> str:
    """Return the stable name of what a route does: `verb_noun`.

    It is the route's own, or its function's name; a verb alone gets the noun of the tag.
    """
    name = route.operation_id or route.endpoint.__name__.strip("_")
    if _NAME.fullmatch(name):
        return name
    tag = str(route.tags[0]).lower().replace(" ", "_").replace("-", "_")
    return f"{name}_{tag.removesuffix('s')}"


def _tags(paths: dict[str, Any]) -> set[str]:
    return {tag for each in paths.values() for op in each.values() for tag in op.get("tags", ())}


def _complete(operation: dict[str, Any], route: Guarded, schemas: dict[str, Any]) -> None:
    declaration = route.declaration
    operation["operationId"] = operation_id(route)
    operation["summary"], operation["description"] = _words(route)
    needs = declaration.access
    if isinstance(needs, Needs):
        operation["security"] = [{"bearer": []}]
        operation["x-legato-access"] = f"{needs.resource}:{needs.verb}"
        operation["x-legato-of"] = needs.of
    has_parameters = _parameters(operation, route, schemas)
    _body(operation, route, schemas)
    responses = operation["responses"]
    if "422" in responses and "HTTPValidationError" in str(responses["422"]):
        del responses["422"]
    for status in _statuses(declaration, route.methods or set(), has_parameters=has_parameters):
        responses.setdefault(str(status), _refusal(status))
    if "If-None-Match" in declaration.takes:
        responses.setdefault("304", {"description": "It is what `If-None-Match` names."})
    for status, response in responses.items():
        _answer(response, int(status), declaration, schemas)
        if int(status) >= 400 and response == _described(int(status), _refusal(int(status))):
            responses[status] = {"$ref": f"#/components/responses/Problem{status}"}
    operation["responses"] = dict(sorted(responses.items()))


def _parameters(operation: dict[str, Any], route: Guarded, schemas: dict[str, Any]) -> bool:
    """Describe parameters; tell whether one of them can be wrong (422).

    A header that a route describes itself is described as it is everywhere.
    """
    own = operation.get("parameters", [])
    asked = list(dict.fromkeys([*(each["name"] for each in own), *_asked(route)]))
    others = [each for each in own if each["name"] not in ASKED]
    for parameter in others:
        parameter.setdefault("example", parameter_example(parameter, schemas))
    headers = [name for name in asked if name in ASKED]
    refs = [{"$ref": f"#/components/parameters/{name}"} for name in headers]
    if others or refs:
        operation["parameters"] = [*others, *refs]
    return bool(others) or "Idempotency-Key" in headers


def _words(route: Guarded) -> tuple[str, str]:
    """Return the first sentence about a route, and all that is said of it."""
    text = _SECTIONS.split(inspect.getdoc(route.endpoint) or "", maxsplit=1)[0].strip()
    first = _SENTENCE.split(text.replace("\n", " "), maxsplit=1)[0]
    access = route.declaration.access
    if isinstance(access, Public):
        right = f"Anybody may: {access.why}."
    elif access.of == "instance":
        right = "For an administrator of the installation."
    else:
        right = f"Needs the right `{access.resource}:{access.verb}`."
        if access.is_recent:
            right += " The log-in must be recent, else 403 `reauth_required`."
    return first.rstrip("."), f"{text}\n\n{right}"


def _asked(route: Guarded) -> Iterator[str]:
    """Yield the headers that a route looks at."""
    access = route.declaration.access
    if (
        isinstance(access, Needs)
        and access.of == "workspace"
        and "{workspace_id}" not in route.path
    ):
        yield "Legato-Workspace"
    yield from route.declaration.takes


def _body(operation: dict[str, Any], route: Guarded, schemas: dict[str, Any]) -> None:
    """Describe what is sent, media type by media type; what a route says itself stays."""
    accepts = route.declaration.accepts
    if "requestBody" in operation and not accepts:  # one that may be left out
        for media, described in operation["requestBody"]["content"].items():
            _hoist(described, schemas)
            if media == JSON:
                described.setdefault("example", body_example(described["schema"], schemas))
    if not accepts:
        return
    content = operation.setdefault("requestBody", {"required": True}).setdefault("content", {})
    for model in _models(route.dependant):
        schema = TypeAdapter(model).json_schema(ref_template=REF, mode="validation")
        for name, each in {**schema.pop("$defs", {}), model.__name__: schema}.items():
            # What takes one of several forms has no fields of its own.
            closed = {"additionalProperties": False} if "properties" in each else {}
            schemas[name] = {**each, **closed}
        if JSON in accepts:
            content.setdefault(JSON, {"schema": {"$ref": REF.format(model=model.__name__)}})
    if JSON in accepts and JSON not in content and any(each.endswith("yaml") for each in accepts):
        schemas["WorkflowText"] = _TEXT
        content[JSON] = {"schema": {"$ref": REF.format(model="WorkflowText")}}
    for media in accepts:
        described = content.setdefault(media, _media(media))
        if "example" not in described and "examples" not in described and media == JSON:
            described["example"] = body_example(described.get("schema", {}), schemas)
    operation["requestBody"]["content"] = {media: content[media] for media in accepts}


def _hoist(described: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give a schema that stands where it is used a name, by its title."""
    schema = described.get("schema", {})
    name = schema.get("title")
    if isinstance(name, str) and "properties" in schema and "$defs" not in schema:
        schemas.setdefault(name, schema)
        described["schema"] = {"$ref": REF.format(model=name)}


def _media(media: str) -> dict[str, Any]:
    """Describe a body that no model stands for."""
    if media.startswith("multipart/"):
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        part = {"type": "object", "required": ["file"], "properties": {"file": file}}
        return {"schema": {**part, "additionalProperties": False}}
    if media.endswith("yaml"):
        return {"schema": {"type": "string"}, "example": WORKFLOW_TEXT}
    return {"schema": {}}


def _models(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        model = model_of(each.call)
        if model is not None:
            yield model
        yield from _models(each)


def _statuses(
    declaration: Declaration, methods: set[str], *, has_parameters: bool
) -> Iterator[int]:
    yield from _ALWAYS
    if isinstance(declaration.access, Needs):
        yield from (401, 403)
    if methods - {"GET", "HEAD"}:
        yield from (403, 409, 507)
    if declaration.accepts:
        yield from (413, 415, 422)
    if has_parameters:
        yield 422
    if "If-Match" in declaration.takes:
        yield from (412, 428)


def _answer(
    response: dict[str, Any], status: int, declaration: Declaration, schemas: dict[str, Any]
) -> None:
    """Describe one answer: its words, headers and an example."""
    content = response.get("content", {})
    if status < 300:
        _good_answer(response, content, schemas)
    described = content.get(JSON)
    if described is not None and not described.keys() & {"example", "examples"}:
        described["example"] = answer_example(described.get("schema", {}), schemas)
    given = header_refs(status, declaration.gives, is_problem=MEDIA_TYPE in content)
    response["headers"] = {**given, **response.get("headers", {})}
    described = content.get(MEDIA_TYPE)
    if described is not None and not described.keys() & {"example", "examples"}:
        described["examples"] = _problem_examples(status, response["description"])


def _good_answer(
    response: dict[str, Any], content: dict[str, Any], schemas: dict[str, Any]
) -> None:
    if len(content) > 1 and content.get(JSON) in ({"schema": {}}, {}):
        del content[JSON]  # the framework's guess, where a route has named another type
    for media in [each for each in content if each.endswith("yaml")]:
        # A schema is one of the value that the text stands for, and the text may be any YAML.
        content[media] = {"schema": {}, "example": WORKFLOW_TEXT}
    if response.get("description") in {None, "Successful Response"}:
        schema = content.get(JSON, {}).get("schema", {})
        model = schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], {})
        response["description"] = model.get("description") or "Done."


def _refusal(status: int, codes: Iterable[str] | None = None) -> dict[str, Any]:
    named = dict.fromkeys(CODES_OF_STATUS[status] if codes is None else codes)
    content = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
    return {"description": " · ".join(named), "content": content}


def _described(status: int, refusal: dict[str, Any]) -> dict[str, Any]:
    """Return a refusal with headers and examples."""
    _answer(refusal, status, Declaration(Public("")), {})
    return refusal


def _problem_examples(status: int, description: str) -> dict[str, Any]:
    """Return an example for each code that the description of an answer names."""
    codes = [each for each in description.split(" · ") if each in CODES_OF_STATUS[status]]
    return {code: {"value": _problem(status, code)} for code in codes or CODES_OF_STATUS[status]}


def _problem(status: int, code: str) -> dict[str, Any]:
    fault = {"path": "/name", "message": "has another type", "expected": "text"}
    title = code.replace("_", " ").capitalize()
    return {
        "type": f"urn:legato:{code}",
        "title": title,
        "status": status,
        "detail": f"{title}.",
        "code": code,
        "request_id": "req-7Zk2mQ9xLw",
        "errors": [fault] if code == "invalid" else [],
    }

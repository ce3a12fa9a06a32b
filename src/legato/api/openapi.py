# SPDX-License-Identifier: Apache-2.0
"""The description of the API (OpenAPI 3.1), from the routes: their bodies, rights and refusals.

Rules: HT22.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from legato import __version__
from legato.api.access import JSON, Declaration, Guarded, Needs
from legato.api.body import model_of
from legato.api.problems import CODES_OF_STATUS, MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI

REF: Final = "#/components/schemas/{model}"
_ALWAYS: Final = (400, 404, 408, 421, 429, 431, 500, 503)
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


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return, for a route's `responses`, refusals that do not follow from its declaration."""
    return {status: _refusal(status) for status in statuses}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Return the description of an application's routes."""
    found = get_openapi(
        title="Legato",
        version=__version__,
        openapi_version="3.1.0",
        summary="Self-hosted durable workflows.",
        routes=app.routes,
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)  # the framework's own form of errors, which is never sent
    schemas["Problem"] = _PROBLEM
    found["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for route in app.routes:
        if isinstance(route, Guarded) and route.include_in_schema:
            for method in route.methods or ():
                operation = found["paths"][route.path_format][method.lower()]
                _complete(operation, route, schemas)
    return found


def _complete(operation: dict[str, Any], route: Guarded, schemas: dict[str, Any]) -> None:
    declaration = route.declaration
    needs = declaration.access
    if isinstance(needs, Needs):
        operation["security"] = [{"bearer": []}]
        operation["x-legato-access"] = f"{needs.resource}:{needs.verb}"
        operation["x-legato-of"] = needs.of
    for model in _models(route.dependant):
        schema = TypeAdapter(model).json_schema(ref_template=REF, mode="validation")
        for name, each in {**schema.pop("$defs", {}), model.__name__: schema}.items():
            # What takes one of several forms has no fields of its own.
            closed = {"additionalProperties": False} if "properties" in each else {}
            schemas[name] = {**each, **closed}
        content = {"schema": {"$ref": REF.format(model=model.__name__)}}
        # Other media types are texts that are taken as they are.
        text = {"schema": {"type": "string"}}
        contents = {each: content if each in JSON else text for each in declaration.accepts}
        operation["requestBody"] = {"required": True, "content": contents}
    responses = operation["responses"]
    if "422" in responses and "HTTPValidationError" in str(responses["422"]):
        del responses["422"]
    has_parameters = bool(operation.get("parameters"))
    for status in _statuses(declaration, route.methods or set(), has_parameters=has_parameters):
        responses.setdefault(str(status), _refusal(status))


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


def _refusal(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
    return {"description": " · ".join(CODES_OF_STATUS[status]), "content": content}

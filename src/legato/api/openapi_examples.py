# SPDX-License-Identifier: Apache-2.0
"""Examples for the description of the API: of parameters, bodies and answers.

A model's own example goes first, then its fields' own, then what a field of that name holds
everywhere, then the least value of its type. Rules: CC2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

ID: Final = "01932f6e-7a10-7c3e-9b1d-2f4a6c8e0b13"
OTHER_ID: Final = "01932f6f-11d2-7a40-8c55-9e7b3d1f0a26"
TIME: Final = "2026-11-30T09:00:00.000+00:00"
SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
WORKFLOW_TEXT: Final = """legato: 1
name: hello
inputs:
  type: object
  properties: {who: {type: string, default: world}}
nodes:
  greet:
    uses: data.template
    with: {text: "Hello ${{ inputs.who }}"}
outputs: {text: "${{ nodes.greet.output.text }}"}
"""
DOCUMENT: Final = {
    "legato": 1,
    "name": "hello",
    "nodes": {"greet": {"uses": "data.transform", "with": {"value": "${{ 1 + 1 }}"}}},
}
_NAMED: Final[Mapping[str, tuple[Any, ...]]] = {
    "a": (3,),
    "action": ("workflow.publish", "auth.login"),
    "actor": (ID, {"kind": "user", "id": ID}),
    "after": (41, TIME),
    "after_seq": (41,),
    "access_token": ("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",),
    "b": (2,),
    "base_version": (3,),
    "code": ("492039",),
    "comment": ("Looks right.",),
    "content_type": ("text/csv",),
    "correlation": ("order-4711",),
    "current_password": ("seven green bicycles",),
    "cursor": ("kJb2s0vYq1o3n5r7t9w1yA",),
    "decision": ("approve",),
    "display_name": ("Ada Lovelace",),
    "document": (DOCUMENT,),
    "email": ("ada@example.org",),
    "execution_id": (ID,),
    "expires_at": ("2027-11-30T09:00:00Z",),
    "expires_in": (900,),
    "from_node": ("greet",),
    "hash": (SHA256,),
    "head_seq": (42,),
    "hosts": (["api.example.org"],),
    "input": ({"who": "Ada"},),
    "inputs": ({"who": "Ada"},),
    "ip": ("192.0.2.7",),
    "key": ("lgt_k5p2m7q4x9ab_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6",),
    "last_active": (TIME,),
    "last_used": (TIME,),
    "key_id": ("k5p2m7q4x9ab",),
    "limit": (50,),
    "message": ("Ask before it is sent.",),
    "mfa_token": ("R3v1sEd-0nce-0nly-T0k3n-of-forty-three-chars",),
    "name": ("hello", "Hello"),
    "new_password": ("eight yellow trams",),
    "next_cursor": ("kJb2s0vYq1o3n5r7t9w1yA",),
    "node": ("greet",),
    "node_id": ("greet",),
    "number": (3,),
    "other": (OTHER_ID,),
    "outputs": ({"text": "Hello Ada"},),
    "password": ("seven green bicycles",),
    "q": ("order 4711",),
    "reason": ("The other side has answered by mail.",),
    "request_id": ("req-7Zk2mQ9xLw",),
    "revision": (7,),
    "role": ("editor",),
    "scopes": (["workflow:read", "execution:run"],),
    "sha256": (SHA256,),
    "size": (48_213,),
    "slug": ("hello",),
    "source": (WORKFLOW_TEXT,),
    "status": ("completed", "failed,timed_out"),
    "timezone": ("Europe/Berlin",),
    "title": ("Hello",),
    "token": ("R3v1sEd-0nce-0nly-T0k3n-of-forty-three-chars",),
    "user_agent": ("curl/8.11",),
    "version": (3, SHA256),
    "workflow": ("hello",),
    "workflow_slug": ("hello",),
    "workspace": ("main", ID),
}
"""Values of fields and parameters by their name; the first that fits is taken."""
_IDS: Final = ("id", "ids")
_DEPTH_MAX: Final = 8


def parameter_example(parameter: Schema, schemas: Mapping[str, Schema]) -> Any:
    """Return an example of a parameter of a path, query or header."""
    return _field(str(parameter["name"]), parameter.get("schema", {}), schemas, 0)


def body_example(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    """Return an example of a body that is sent: what it needs, and what is told by name."""
    return _value(schema, schemas, 0, is_whole=False)


def answer_example(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    """Return an example of an answer, with every field."""
    return _value(schema, schemas, 0, is_whole=True)


def _value(schema: Schema, schemas: Mapping[str, Schema], depth: int, *, is_whole: bool) -> Any:
    schema = _resolved(schema, schemas)
    for own in ("example", "const", "default"):
        if schema.get(own) is not None:
            return schema[own]
    for several in ("examples", "enum"):
        if schema.get(several):
            return schema[several][0]
    for joined in ("anyOf", "oneOf", "allOf"):
        if schema.get(joined):
            return _value(_first_form(schema[joined], schemas), schemas, depth, is_whole=is_whole)
    if schema.get("properties") and depth < _DEPTH_MAX:
        return _object(schema, schemas, depth, is_whole=is_whole)
    if _type(schema) == "array" and depth < _DEPTH_MAX and (is_whole or schema.get("minItems")):
        items = schema.get("items", {})
        return [_value(items, schemas, depth + 1, is_whole=is_whole)] if items else []
    return _least(schema)


def _object(
    schema: Schema, schemas: Mapping[str, Schema], depth: int, *, is_whole: bool
) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    found: dict[str, Any] = {}
    for name, each in schema["properties"].items():
        if is_whole or name in required:
            found[name] = _field(name, each, schemas, depth, is_whole=is_whole)
        elif _is_told(name, _resolved(each, schemas), schemas):
            found[name] = _field(name, each, schemas, depth, is_whole=False)
    return found


def _is_told(name: str, schema: Schema, schemas: Mapping[str, Schema]) -> bool:
    """Tell whether a field that may be absent has an example by itself or by its name."""
    return _has_own(schema) or any(_fits(each, schema, schemas) for each in _named(name, schema))


def _has_own(schema: Schema) -> bool:
    return bool(schema.get("examples")) or "example" in schema


def _field(
    name: str,
    schema: Schema,
    schemas: Mapping[str, Schema],
    depth: int,
    *,
    is_whole: bool = True,
) -> Any:
    schema = _resolved(schema, schemas)
    if not _has_own(schema):
        for each in _named(name, schema):
            if _fits(each, schema, schemas):
                return each
    return _value(schema, schemas, depth + 1, is_whole=is_whole)


def _named(name: str, schema: Schema) -> Iterator[Any]:
    name = name.lower().replace("-", "_")
    yield from _NAMED.get(name, ())
    if name in _IDS or name.endswith("_id"):
        yield ID
    if name.endswith(("_at", "_after", "_before", "_until")) or schema.get("format") == "date-time":
        yield TIME
    if name.endswith(("url", "uri")):
        yield "http://127.0.0.1:8420/setup#token=…"


def _fits(value: Any, schema: Schema, schemas: Mapping[str, Schema]) -> bool:
    """Tell whether a value may stand there, as far as type, choice and length say."""
    schema = _resolved(schema, schemas)
    forms = schema.get("anyOf") or schema.get("oneOf")
    if forms:
        return any(_fits(value, each, schemas) for each in forms)
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kind = _type(schema)
    if isinstance(value, str):
        short, long = schema.get("minLength", 0), schema.get("maxLength", len(value))
        return kind in {None, "string"} and short <= len(value) <= long
    if isinstance(value, int):
        return kind in {None, "integer", "number"}
    return kind in {None, "object" if isinstance(value, dict) else "array"} and not schema.get(
        "properties"
    )


def _resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    while "$ref" in schema:
        schema = schemas.get(str(schema["$ref"]).rpartition("/")[2], {})
    return schema


def _first_form(forms: list[Schema], schemas: Mapping[str, Schema]) -> Schema:
    """Return the first that is something."""
    known = [_resolved(each, schemas) for each in forms]
    return next((each for each in known if each.get("type") != "null"), {})


def _type(schema: Schema) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((each for each in kind if each != "null"), None)
    return kind


def _least(schema: Schema) -> Any:
    kind = _type(schema)
    if kind == "string":
        if schema.get("format") == "date-time":
            return TIME
        if schema.get("format") == "uuid":
            return ID
        return "text".ljust(schema.get("minLength", 0), "-")
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return {"boolean": True, "array": [], "object": {}}.get(str(kind))

# SPDX-License-Identifier: Apache-2.0
"""The `inputs` of a document, and the values given for them.

`inputs` is JSON Schema (2020-12) of an object, or its short form: a map from names to schemas,
where an input without `default` is required. Names that the schema does not have are refused in
both forms, unless it says `additionalProperties`. References lead nowhere but into the schema
itself: nothing is ever fetched or opened. Patterns are matched in linear time.

Rules: DO4, DO18, DO27.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from legato.errors import InvalidDocument, InvalidInput
from legato.model.document.fields import shown
from legato.model.document.problems import Path, Problem, path_text
from legato.model.document.scope import Scope
from legato.model.expressions.nearest import nearest_name
from legato.model.misfits import misfits_of
from legato.model.schema_cost import FORM_COST_MAX, INPUTS_COST_MAX, schema_cost, value_size
from legato.model.values import decode, encode

if TYPE_CHECKING:
    import jsonschema_rs

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = ("string", "integer", "number", "boolean", "object", "array", "null")
_DATA_KEYWORDS: Final = frozenset({"default", "const", "enum", "examples"})
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_PROBLEMS_MAX: Final = 100
_CHECKS_MAX: Final = 100_000_000
"""Values times schemas: some 2 s at 20 ns each (measured with jsonschema-rs 0.48)."""
_SEARCHES_MAX: Final = 10_000
"""The same where every mistake is looked for; what is found costs some 20 µs each."""

Schema = dict[str, Any]


def read_inputs(scope: Scope, data: object, path: Path, *, is_form: bool = False) -> Schema:
    """Return the schema of the inputs in its long form, and report what is wrong with it.

    Args:
        scope: Where problems go.
        data: What stands under `inputs`.
        path: Its place.
        is_form: They are the fields of a form, which a screen shows: no trees, and fewer of them.
    """
    what = "fields" if is_form else "inputs"
    if not isinstance(data, dict):
        expected = f"a JSON Schema or names of {what}"
        scope.report.add(path, f"{what} is not a map", expected=expected, got=shown(data))
        return {"type": "object"}
    is_long = isinstance(data.get("type"), str) or isinstance(data.get("properties"), dict)
    if is_long:
        schema = {"type": "object", **data}
        if schema["type"] != "object":
            expected = "object, or no type at all for the short form"
            scope.report.add((*path, "type"), f"{what} must be an object", expected=expected)
            return {"type": "object"}
        inner: Path = (*path, "properties")
    else:
        schema = _long_form(data)
        inner = path
    schema.setdefault("additionalProperties", "patternProperties" in schema)
    if not _refuse_references(scope, data, path) and _is_affordable(
        scope, schema, path, is_form=is_form
    ):
        _check_schema(scope, schema, inner)
    return schema


def _is_affordable(scope: Scope, schema: Schema, path: Path, *, is_form: bool) -> bool:
    """Report a schema that would take too long to check; before anything, defaults too, is."""
    most = FORM_COST_MAX if is_form else INPUTS_COST_MAX
    try:
        schema_cost(schema, most, may_recur=not is_form)
    except InvalidInput as error:
        what = "fields" if is_form else "inputs"
        scope.report.add(path, f"the {what} cannot be used: {error}")
        return False
    return True


def _long_form(data: Mapping[str, Any]) -> Schema:
    properties: dict[str, Any] = {}
    for name, schema in data.items():
        # `path: string` is short for `path: {type: string}`.
        properties[name] = {"type": schema} if schema in _TYPES else schema
    required = [
        name
        for name, schema in properties.items()
        if not (isinstance(schema, dict) and "default" in schema)
    ]
    schema = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _refuse_references(scope: Scope, schema: object, path: Path) -> bool:
    """Report references that lead out of the schema; tell whether there was one."""
    found = False
    for below, keyword, value in _keywords(schema, path):
        is_reference = keyword in {"$ref", "$dynamicRef"}
        if is_reference and not (isinstance(value, str) and value.startswith("#")):
            message, expected = "a reference out of the schema", "#/$defs/name"
        elif keyword in {"$id", "$anchor", "$dynamicAnchor"}:
            message, expected = f"{keyword} is not allowed here", "$defs and #/$defs/name"
        elif keyword == "$schema" and str(value).rstrip("#") != _DIALECT:
            message, expected = "another dialect of JSON Schema", _DIALECT
        else:
            continue
        found = True
        scope.report.add((*below, keyword), message, expected=expected, got=shown(value))
    return found


def _keywords(schema: object, path: Path) -> Iterator[tuple[Path, str, object]]:
    """Yield every keyword below a schema, without those inside of data; depth is bounded."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield path, key, value
            if key not in _DATA_KEYWORDS:
                yield from _keywords(value, (*path, key))
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from _keywords(value, (*path, index))


def _check_schema(scope: Scope, schema: Schema, path: Path) -> None:
    """Report what is no valid schema: per input, so that all are reported at once."""
    found = False
    properties = schema.get("properties", {})
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(inner, dict | bool):
            found = True
            expected = "a map such as {type: string}"
            message = "this is no schema of an input"
            scope.report.add((*path, name), message, expected=expected, got=shown(inner))
            continue
        part = {"properties": {name: inner}}
        if isinstance(schema.get("$defs"), dict):
            part["$defs"] = schema["$defs"]
        fault = _schema_fault(part)
        if fault is not None:
            found = True
            steps = list(fault[0])
            below = tuple(steps[1:]) if steps[:1] == ["properties"] else (name,)
            scope.report.add((*path, *below), fault[1])
            continue
        _check_default(scope, part, name, path)
    if not found:
        fault = _schema_fault(schema)
        if fault is not None:
            scope.report.add((*path[:1], *fault[0]), fault[1])


def _check_default(scope: Scope, part: Schema, name: str, path: Path) -> None:
    inner = part["properties"][name]
    if not isinstance(inner, dict) or "default" not in inner:
        return
    for error in _compile(part).iter_errors({name: inner["default"]}):
        message = f"the default does not fit: {error.message}"
        scope.report.add((*path, name, "default"), message[:300])
        return


def declared_inputs(schema: Schema) -> tuple[str, ...] | None:
    """Return the names that inputs may have; None if the schema takes others, too."""
    if schema.get("additionalProperties") is not False or "patternProperties" in schema:
        return None
    properties = schema.get("properties", {})
    return tuple(properties) if isinstance(properties, dict) else None


def _schema_fault(schema: Schema) -> tuple[Path, str] | None:
    import jsonschema_rs  # noqa: PLC0415

    try:
        _compile(schema)
    except jsonschema_rs.ValidationError as error:
        place = tuple(error.instance_path)
        message = error.message[:300]
        if place[-1:] == ("type",):
            message = f"unknown type; expected one of {', '.join(_TYPES)}"
        return place, message
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return (), f"the schema cannot be used: {error}"[:300]
    return None


def _compile(schema: Schema) -> "jsonschema_rs.Draft202012Validator":
    # Imported here: 5 MB of shared library, needed only where inputs are.
    import jsonschema_rs  # noqa: PLC0415

    return jsonschema_rs.Draft202012Validator(
        schema, offline=True, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    )


class _Compiled(NamedTuple):
    validator: "jsonschema_rs.Draft202012Validator"
    schema: Schema
    cost: int


@lru_cache(maxsize=256)
def _compile_cached(text: bytes) -> _Compiled:
    schema: Schema = decode(text, what="inputs schema")
    cost = schema_cost(schema, INPUTS_COST_MAX, may_recur=True)
    return _Compiled(_compile(schema), schema, cost)


def check_inputs(
    schema: bytes | Schema,
    given: Mapping[str, Any],
    *,
    file: str = "inputs",
    noun: str = "input",
    checks_max: int = _CHECKS_MAX,
) -> dict[str, Any]:
    """Return the inputs with defaults filled in.

    Args:
        schema: `Workflow.inputs_schema` (cached), or the same as data.
        given: Values by name.
        file: Named in problems.
        noun: What one value is called there.
        checks_max: Bound on values times schemas that they can meet, 20 ns each.

    Raises:
        InvalidDocument: Every unknown, missing or mistyped input, as problems without a line; of
            large values the first one.
        InvalidInput: A value is no strict JSON, or there is too much to check.
    """
    raw = bytes(schema) if isinstance(schema, bytes) else orjson.dumps(schema)
    compiled = _compile_cached(raw if raw else b"{}")
    encode(dict(given), what=file)
    filled = _with_defaults(compiled.schema, dict(given))
    checks = value_size(filled) * compiled.cost
    if checks > checks_max:
        raise InvalidInput(f"the {noun}s are too large to be checked against their schema")
    errors = _errors(compiled.validator, filled, checks)
    if errors:
        words = (file, noun)
        problems = [p for each in errors for p in _problems(each, compiled.schema, filled, words)]
        found = [misfit for each in errors for misfit in misfits_of(each)]
        raise InvalidDocument(tuple(dict.fromkeys(problems)), misfits=tuple(found))
    return filled


def _errors(
    validator: "jsonschema_rs.Draft202012Validator", value: Schema, checks: int
) -> "list[jsonschema_rs.ValidationError]":
    """Return what is wrong with a value; the first alone where the search would take long."""
    import jsonschema_rs  # noqa: PLC0415

    if checks <= _SEARCHES_MAX:
        return list(islice(validator.iter_errors(value), _PROBLEMS_MAX))
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []


def _with_defaults(schema: Schema, given: dict[str, Any]) -> dict[str, Any]:
    """Fill in defaults in the order of the schema, also inside given objects."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return given
    filled: dict[str, Any] = {}
    for name, inner in properties.items():
        if not isinstance(inner, dict):
            if name in given:
                filled[name] = given[name]
        elif name in given:
            value = given[name]
            filled[name] = _with_defaults(inner, value) if isinstance(value, dict) else value
        elif "default" in inner:
            filled[name] = inner["default"]
    return {**filled, **{name: value for name, value in given.items() if name not in filled}}


def _problems(
    error: "jsonschema_rs.ValidationError", schema: Schema, given: Schema, words: tuple[str, str]
) -> Iterator[Problem]:
    file, noun = words
    path: Path = tuple(error.instance_path)
    kind = error.kind.name
    unexpected: Iterable[object] | None = None
    if kind == "additionalProperties":
        unexpected = getattr(error.kind, "unexpected", ())
    elif kind == "falseSchema" and list(error.schema_path)[-1:] == ["additionalProperties"]:
        # Where nothing at all is allowed the validator names one value instead of the names.
        unexpected = _at(given, path)
    if unexpected is not None:
        known = _property_names(schema, path)
        for name in unexpected:
            near = nearest_name(str(name), known)
            expected = None if near else f"one of {', '.join(known)}" if known else f"no {noun}s"
            message = f"there is no such {noun}"
            yield _problem(file, (*path, str(name)), message, expected, near)
        return
    if kind == "required":
        name = str(getattr(error.kind, "property", "")).strip('"')
        yield _problem(file, (*path, name), f"this {noun} is missing", None, None)
        return
    message = error.message
    if len(message) > 300:
        message = f"{message[:150]} … {message[-100:]}"
    yield _problem(file, path, message, None, None)


def _at(value: object, path: Path) -> Iterable[object]:
    """Return the names in an object inside a value."""
    for step in path:
        value = value[step]  # type: ignore[index]
    return value if isinstance(value, dict) else ()


def _property_names(schema: Schema, path: Path) -> list[str]:
    inner: Any = schema
    for step in path:
        properties = inner.get("properties", {}) if isinstance(inner, dict) else {}
        inner = properties.get(step, {}) if isinstance(properties, dict) else {}
    names = inner.get("properties", {}) if isinstance(inner, dict) else {}
    return list(names)


def _problem(
    file: str, path: Path, message: str, expected: str | None, nearest: str | None
) -> Problem:
    return Problem(
        file=file, line=1, column=1, path=path_text(path), message=message, expected=expected,
        nearest=nearest,
    )  # fmt: skip


def path_inputs(schema: bytes | Schema) -> tuple[str, ...]:
    """Return the names of inputs with `format: path`.

    Such a value means a file or folder of whoever gives it: the command line makes it absolute
    before the workflow, which runs elsewhere, sees it.
    """
    parsed: Any = decode(bytes(schema) or b"{}") if isinstance(schema, bytes) else schema
    properties = parsed.get("properties")
    if not isinstance(properties, dict):
        return ()
    return tuple(
        name
        for name, inner in properties.items()
        if isinstance(inner, dict) and inner.get("format") == "path"
    )


def parse_cli_value(schema: bytes | Schema, name: str, text: str) -> object:
    """Turn the text of `--input name=text` into the type that the schema wants.

    Numbers, true/false and null are read as such where the schema allows them, lists and maps as
    JSON; a name whose schema allows text keeps the text. A name that the schema does not have gives
    text: `check_inputs` refuses it.

    Raises:
        InvalidInput: The text cannot be read as any type that the schema allows.
    """
    parsed: Any = decode(bytes(schema) or b"{}") if isinstance(schema, bytes) else schema
    inner = parsed.get("properties", {}).get(name, {})
    kinds = _kinds(parsed, inner)
    if not kinds:
        return text
    for kind in ("null", "integer", "number", "boolean"):
        if kind in kinds:
            value = _scalar(kind, text)
            if value is not _NOTHING:
                return value
    if "string" in kinds:
        return text
    if kinds & {"array", "object"}:
        try:
            value = decode(text, what=name)
        except InvalidInput as error:
            raise InvalidInput(f"the input {name} must be JSON: {error}") from None
        return value
    raise InvalidInput(f"the input {name} must be {' or '.join(sorted(kinds))}, got {shown(text)}")


_NOTHING: Final = object()


def _kinds(root: Any, schema: Any) -> set[str]:
    """Return the types that a schema allows, or none if it does not say."""
    for _ in range(32):
        if not isinstance(schema, dict) or "$ref" not in schema:
            break
        target: Any = root
        for step in str(schema["$ref"]).lstrip("#/").split("/"):
            target = target.get(step, {}) if isinstance(target, dict) else {}
        schema = target
    if not isinstance(schema, dict):
        return set()
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return {one for one in kind if isinstance(one, str)}
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    found: set[str] = set()
    for option in options:
        found |= _kinds(root, option)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return found or {_kind_of(value) for value in values}


def _kind_of(value: object) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array",
             dict: "object"}  # fmt: skip
    return names.get(type(value), "null")


def _scalar(kind: str, text: str) -> object:
    word = text.strip().lower()
    if kind == "null":
        return None if word == "null" else _NOTHING
    if kind == "boolean":
        return word in _TRUE if word in _TRUE | _FALSE else _NOTHING
    try:
        value = decode(text.strip())
    except InvalidInput:
        return _NOTHING
    allowed = int if kind == "integer" else (int, float)
    return value if isinstance(value, allowed) and not isinstance(value, bool) else _NOTHING

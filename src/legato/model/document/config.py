# SPDX-License-Identifier: Apache-2.0
"""A `with` block against the config schema of its node type.

A small reader of JSON Schema as pydantic writes it, for one reason: a value that holds an
expression passes every type, because it is not known before the run; the node checks it again when
it runs. Keywords that are not listed here are ignored.

Rules: DO16, DO17, ND30.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from legato.model.document.fields import shown
from legato.model.document.problems import Path
from legato.model.document.secrecy import is_reference, matches_field
from legato.model.document.tree import Report
from legato.model.expressions.nearest import nearest_name
from legato.model.expressions.template import has_hole
from legato.model.node_type import LITERAL

Schema = Mapping[str, Any]
_Add = Callable[..., None]

_KINDS: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
_WORDS: Final = {"string": "text", "array": "a list", "object": "a map", "integer": "an integer",
                 "number": "a number", "boolean": "true or false"}  # fmt: skip
_BOUNDS: Final[tuple[tuple[str, Callable[[Any, Any], bool], str], ...]] = (
    ("minimum", lambda value, bound: value >= bound, "{} or more"),
    ("maximum", lambda value, bound: value <= bound, "{} or less"),
    ("exclusiveMinimum", lambda value, bound: value > bound, "more than {}"),
    ("exclusiveMaximum", lambda value, bound: value < bound, "less than {}"),
)
_LENGTHS: Final = {
    str: ("minLength", "maxLength", "characters"),
    list: ("minItems", "maxItems", "elements"),
    dict: ("minProperties", "maxProperties", "entries"),
}


class ConfigCheck:
    """Checks one block; problems go to a report."""

    def __init__(self, report: Report, schema: Schema, secret_fields: tuple[str, ...]) -> None:
        """Args: schema is the whole config schema; secret_fields take `{secret: name}`."""
        self._report = report
        self._root = schema
        self._secret_fields = secret_fields

    def check(self, config: Mapping[str, Any], path: Path) -> None:
        """Report every problem of a `with` block that stands at path."""

        def add(below: Path, message: str, **notes: str | None) -> None:
            is_key = message.startswith("unknown field")
            self._report.add((*path, *below), message, at="key" if is_key else None, **notes)

        self._value(self._root, config, (), add)

    def _value(self, schema: Any, value: object, path: Path, add: _Add) -> None:
        schema = self._resolve(schema)
        if not isinstance(schema, Mapping):
            return
        if isinstance(value, str) and has_hole(value):
            if schema.get(LITERAL):
                expected = "text without ${{ }}; hand data over in another field"
                add(path, "an expression here would make code of data", expected=expected)
            return
        if is_reference(value) and matches_field(path, self._secret_fields):
            return
        if "anyOf" in schema or "oneOf" in schema:
            self._any_of(schema.get("anyOf") or schema["oneOf"], value, path, add)
            return
        for part in schema.get("allOf", ()):
            self._value(part, value, path, add)
        if not self._type(schema, value, path, add) or not self._words(schema, value, path, add):
            return
        self._sizes(schema, value, path, add)
        if isinstance(value, dict):
            self._map(schema, value, path, add)
        elif isinstance(value, list):
            self._list(schema, value, path, add)

    def _resolve(self, schema: Any) -> Any:
        """Follow `$ref` inside the schema; a chain longer than 32 accepts anything."""
        for _ in range(32):
            if not isinstance(schema, Mapping) or "$ref" not in schema:
                return schema
            target: Any = self._root
            for step in str(schema["$ref"]).lstrip("#/").split("/"):
                target = target.get(step, {}) if isinstance(target, Mapping) else {}
            schema = target
        return {}

    def _any_of(self, options: list[Any], value: object, path: Path, add: _Add) -> None:
        """Accept what one option accepts; else report the option that is most alike."""
        best: list[Callable[[], None]] | None = None
        for option in options:
            found: list[Callable[[], None]] = []

            def keep(
                *args: object,
                found: list[Callable[[], None]] = found,  # bound now: closures see the last
                **notes: object,
            ) -> None:
                found.append(lambda: add(*args, **notes))

            self._value(option, value, path, keep)
            if not found:
                return
            fits = self._kind_fits(option, value)
            if fits and (best is None or len(found) < len(best)):
                best = found
        if best is None:
            expected = " or ".join(dict.fromkeys(self._kind_words(option) for option in options))
            add(path, "the type is wrong", expected=expected, got=shown(value))
            return
        for problem in best:
            problem()

    def _kind_fits(self, schema: Any, value: object) -> bool:
        schema = self._resolve(schema)
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        kinds = [kind] if isinstance(kind, str) else kind or []
        return any(_KINDS[name](value) for name in kinds if name in _KINDS)

    def _kind_words(self, schema: Any) -> str:
        schema = self._resolve(schema)
        if not isinstance(schema, Mapping):
            return "anything"
        if "const" in schema:
            return shown(schema["const"])
        if "enum" in schema:
            return "one of " + ", ".join(map(shown, schema["enum"]))
        kind = schema.get("type", "anything")
        kinds = kind if isinstance(kind, list) else [kind]
        return " or ".join(_WORDS.get(str(name), str(name)) for name in kinds)

    def _type(self, schema: Schema, value: object, path: Path, add: _Add) -> bool:
        if "type" not in schema or self._kind_fits(schema, value):
            return True
        add(path, "the type is wrong", expected=self._kind_words(schema), got=shown(value))
        return False

    def _words(self, schema: Schema, value: object, path: Path, add: _Add) -> bool:
        options = [schema["const"]] if "const" in schema else schema.get("enum")
        if options is None or any(_same(value, option) for option in options):
            return True
        near = None
        if isinstance(value, str):
            near = nearest_name(value, [option for option in options if isinstance(option, str)])
        add(
            path, "the value is not known", expected="one of " + ", ".join(map(shown, options)),
            got=shown(value), nearest=near,
        )  # fmt: skip
        return False

    def _sizes(self, schema: Schema, value: object, path: Path, add: _Add) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            for keyword, holds, words in _BOUNDS:
                if keyword in schema and not holds(value, schema[keyword]):
                    expected = words.format(schema[keyword])
                    add(path, "the number is out of bounds", expected=expected, got=shown(value))
            return
        if not isinstance(value, str | list | dict):
            return
        least, most, unit = _LENGTHS[type(value)]
        if len(value) < schema.get(least, 0):
            add(path, "the value is too short", expected=f"{schema[least]} {unit} or more")
        if most in schema and len(value) > schema[most]:
            add(path, "the value is too long", expected=f"{schema[most]} {unit} at most")
        pattern = schema.get("pattern")
        if isinstance(value, str) and pattern is not None and not re.search(pattern, value):
            expected = f"text like {pattern}"
            add(path, "the text does not have the form", expected=expected, got=shown(value))

    def _map(self, schema: Schema, value: dict[str, Any], path: Path, add: _Add) -> None:
        properties: Mapping[str, Any] = schema.get("properties", {})
        # A node's own fields are all it knows; pydantic says so only if told to.
        rest = schema.get("additionalProperties", path != ())
        for name in schema.get("required", ()):
            if name not in value:
                wanted = self._kind_words(properties.get(name, {}))
                add(path, f"{name} is missing", expected=wanted)
        for key, element in value.items():
            if key in properties:
                self._value(properties[key], element, (*path, key), add)
            elif rest is False:
                near = nearest_name(key, properties)
                known = None if near else f"one of {', '.join(properties)}"
                add((*path, key), f"unknown field {shown(key)}", expected=known, nearest=near)
            else:
                self._value(rest, element, (*path, key), add)

    def _list(self, schema: Schema, value: list[Any], path: Path, add: _Add) -> None:
        first = schema.get("prefixItems", [])
        for index, element in enumerate(value):
            item = first[index] if index < len(first) else schema.get("items", {})
            self._value(item, element, (*path, index), add)


def _same(value: object, option: object) -> bool:
    return value == option and isinstance(value, bool) == isinstance(option, bool)

# SPDX-License-Identifier: Apache-2.0
"""Types of Python for schemas of the API.

What a client reads is taken as widely as it may be (a choice of words is text: a later server may
have a word more); what it sends is as narrow as the schema. A choice between objects that nothing
tells apart is `Any` where it is read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from codegen.names import model

Schema = Mapping[str, Any]
_SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


class Types:
    """The schemas of one description."""

    def __init__(self, schemas: Mapping[str, Schema], sent: frozenset[str]) -> None:
        """Take them.

        Args:
            schemas: By name.
            sent: Those that only stand in what is sent.
        """
        self.schemas = schemas
        self.sent = sent

    def is_model(self, name: str) -> bool:
        """Tell whether a schema is an object with fields of its own."""
        return bool(self.schemas.get(name, {}).get("properties"))

    def of(self, schema: Schema, *, is_sent: bool, prefix: str = "models.") -> str:
        """Return the type of a schema."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if self.is_model(name):
                return prefix + model(name)
            return self.of(self.schemas.get(name, {}), is_sent=is_sent, prefix=prefix)
        forms = schema.get("anyOf") or schema.get("oneOf")
        if forms:
            return self._union(forms, is_sent=is_sent, prefix=prefix)
        if schema.get("allOf"):
            if len(schema["allOf"]) == 1:
                return self.of(schema["allOf"][0], is_sent=is_sent, prefix=prefix)
            return "dict[str, Any]"
        choice = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if choice is not None and is_sent and all(isinstance(each, str) for each in choice):
            return "Literal[" + ", ".join(map(repr, choice)) + "]"
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(_SIMPLE.get(each, "Any") for each in kind)
        if kind == "array":
            items = schema.get("items", {})
            return f"list[{self.of(items, is_sent=is_sent, prefix=prefix)}]"
        if kind == "object":
            return self._mapping(schema, is_sent=is_sent, prefix=prefix)
        if choice is not None and kind is None:
            return "str" if all(isinstance(each, str) for each in choice) else "Any"
        return _SIMPLE.get(str(kind), "Any")

    def _mapping(self, schema: Schema, *, is_sent: bool, prefix: str) -> str:
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping) and more:
            return f"dict[str, {self.of(more, is_sent=is_sent, prefix=prefix)}]"
        return "dict[str, Any]"

    def _union(self, forms: list[Schema], *, is_sent: bool, prefix: str) -> str:
        found = list(dict.fromkeys(self.of(each, is_sent=is_sent, prefix=prefix) for each in forms))
        if "Any" in found:
            return "Any"
        kinds = [_kind(each, prefix) for each in found if each != "None"]
        if not is_sent and len(set(kinds)) < len(kinds):
            has_null = "None" in found
            return "Any" if has_null or len(found) > 1 else found[0]
        return " | ".join([*(each for each in found if each != "None"), *_null(found)])


def _null(found: list[str]) -> list[str]:
    return ["None"] if "None" in found else []


def _kind(text: str, prefix: str) -> str:
    """Return what JSON has of a type: two of one kind cannot be told apart."""
    if (text.startswith(prefix) and prefix) or text.startswith("dict") or text[:1].isupper():
        return "object"
    return "array" if text.startswith("list") else "number" if text in {"int", "float"} else text


def names_in(schema: Any) -> Iterator[str]:
    """Yield the schemas that a schema refers to."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield str(schema["$ref"]).rpartition("/")[2]
        for each in schema.values():
            yield from names_in(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from names_in(each)


def closure(names: set[str], schemas: Mapping[str, Schema]) -> set[str]:
    """Return names with all that they refer to."""
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name in found or name not in schemas:
            continue
        found.add(name)
        open_names.extend(names_in(schemas[name]))
    return found

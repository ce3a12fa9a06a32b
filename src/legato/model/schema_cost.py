# SPDX-License-Identifier: Apache-2.0
"""How much work a JSON Schema can make: a small one can take longer than the sun lasts.

Twenty definitions of which each says twice `anyOf` the next are a million checks of one value, and
forty never end. Whoever checks values on a loop that others wait for asks here first. Pure.

Rules: ND72, ND74.
"""

from collections.abc import Mapping
from typing import Any, Final

from legato.errors import InvalidInput

SCHEMA_COST_MAX: Final = 1_000
"""Schemas that one value of an answer to a form can meet: enough for some hundred fields."""
_DATA: Final = frozenset({"default", "const", "enum", "examples"})
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef"})
_UNUSED: Final = frozenset({"$defs", "definitions"})
"""What only references reach."""


def schema_cost(schema: Mapping[str, Any], most: int) -> int:
    """Return how many schemas one value can meet, references followed.

    Args:
        schema: A valid schema whose references lead into itself.
        most: Counting ends here.

    Raises:
        InvalidInput: More than `most`, or a reference that leads back to where it came from.

    Cost: O(size of the schema).
    """
    return _Counter(schema, most).count(schema, ())


def value_size(value: object) -> int:
    """Return how many values a value holds, itself included; its depth is bounded by the reader."""
    if isinstance(value, dict):
        return 1 + sum(value_size(inner) for inner in value.values())
    if isinstance(value, list):
        return 1 + sum(value_size(inner) for inner in value)
    return 1


class _Counter:
    def __init__(self, root: Mapping[str, Any], most: int) -> None:
        self._root = root
        self._most = most
        self._known: dict[str, int] = {}

    def count(self, schema: object, path: tuple[str, ...]) -> int:
        """Count a schema; `path` are the references that led to it."""
        if isinstance(schema, list):
            return sum(self.count(inner, path) for inner in schema)
        if not isinstance(schema, Mapping):
            return 0
        total = 1
        for keyword, inner in schema.items():
            if keyword in _REFERENCES and isinstance(inner, str):
                total += self._target(inner, path)
            elif keyword not in _DATA | _UNUSED:
                total += self.count(inner, path)
            if total > self._most:
                raise InvalidInput(f"it is too much to check: more than {self._most} schemas")
        return total

    def _target(self, reference: str, path: tuple[str, ...]) -> int:
        if reference in path:
            raise InvalidInput(f"the reference {reference} leads back to itself")
        if "%" in reference:
            raise InvalidInput(f"the reference {reference} has a %; write it plain")
        if reference not in self._known:
            self._known[reference] = self.count(self._resolved(reference), (*path, reference))
        return self._known[reference]

    def _resolved(self, reference: str) -> object:
        found: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(name)] if name.isdigit() and int(name) < len(found) else None
            else:
                found = found.get(name) if isinstance(found, Mapping) else None
        return found

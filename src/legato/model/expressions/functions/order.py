# SPDX-License-Identifier: Apache-2.0
"""How values compare: one order and one identity for every function that sorts or groups."""

from collections.abc import Callable
from typing import Any

from legato.model.expressions.functions.define import fault
from legato.model.expressions.functions.text import canonical
from legato.model.expressions.plain import kind_name


def order_key(name: str, values: list[object]) -> Callable[[object], Any]:
    """Return the sort key of a list whose elements are all numbers, all texts or all booleans.

    Raises:
        ExpressionError: The elements do not compare; the message names the index.
    """
    if values:
        first = _order(values[0])
        for index, value in enumerate(values):
            if _order(value) is None or _order(value) != first:
                raise fault(
                    f"{name}: element {index} is {kind_name(value)}, element 0 is "
                    f"{kind_name(values[0])}; only numbers, texts or booleans of one kind compare"
                )
    return lambda value: value


def _order(value: object) -> str | None:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def identity(value: object) -> object:
    """Return a key that is equal exactly for values that CEL's `==` calls equal.

    1 equals 1.0, but not true; maps are equal whatever the order of their keys.
    """
    if isinstance(value, bool):
        return ("bool", value)
    if value is None or isinstance(value, int | float | str):
        return value
    return ("json", canonical(_unified(value)))


def _unified(value: object) -> object:
    """Write whole doubles as integers, so that [1] and [1.0] have one text."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [_unified(element) for element in value]
    if isinstance(value, dict):
        return {key: _unified(element) for key, element in value.items()}
    return value


def field_of(name: str, index: int, element: object, field: str) -> object:
    """Return one field of one element of a list.

    Raises:
        ExpressionError: The element is no map or lacks the field.
    """
    if not isinstance(element, dict):
        raise fault(f"{name}: element {index} is {kind_name(element)}, not a map")
    try:
        return element[field]
    except KeyError:
        known = ", ".join(sorted(map(str, element))[:8]) or "nothing"
        raise fault(f"{name}: element {index} has no field {field!r}; it has {known}") from None

# SPDX-License-Identifier: Apache-2.0
"""Functions over lists of numbers. Rules: EX10, EX18."""

import math
from typing import cast

from legato.model.expressions.functions.define import LENGTH_MAX, define, fault
from legato.model.expressions.functions.order import order_key
from legato.model.expressions.plain import kind_name
from legato.model.values import INT64_MAX, INT64_MIN


def numbers_of(name: str, values: list[object]) -> list[int | float]:
    """Return the list if it holds numbers only.

    Raises:
        ExpressionError: It holds something else; the message names the index.
    """
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise fault(f"{name}: element {index} is {kind_name(value)}, not a number")
    return cast("list[int | float]", values)


@define(
    "sum(list) -> number",
    "The sum of a list of numbers, 0 for an empty one. Integers stay integers.",
    group="numbers",
    example=("sum([1, 2, 3.5])", "6.5"),
    takes=(("list",),),
    growth=0,
)
def total(values: list[object]) -> int | float:
    """Add numbers up."""
    numbers = numbers_of("sum", values)
    if any(isinstance(number, float) for number in numbers):
        # fsum is exact, hence the same on every version of Python.
        return math.fsum(numbers)
    result = sum(cast("list[int]", numbers))
    if not INT64_MIN <= result <= INT64_MAX:
        raise fault("sum: the result is an integer beyond 64 bits")
    return result


@define(
    "avg(list) -> double",
    "The mean of a list of numbers; an empty list is an error.",
    group="numbers",
    example=("avg([1, 2])", "1.5"),
    takes=(("list",),),
    growth=0,
)
def average(values: list[object]) -> float:
    """Return the mean."""
    if not values:
        raise fault("avg: the list is empty")
    return math.fsum(numbers_of("avg", values)) / len(values)


@define(
    "min(list) -> any",
    "The smallest element of a list of numbers, of texts or of booleans; an empty list is an error."
    " (`math.least(a, b)` compares arguments.)",
    group="numbers",
    example=("min([3, 1.5, 2])", "1.5"),
    takes=(("list",),),
    growth=1,
)
def smallest(values: list[object]) -> object:
    """Return the smallest element."""
    if not values:
        raise fault("min: the list is empty")
    return min(values, key=order_key("min", values))


@define(
    "max(list) -> any",
    "The largest element of a list of numbers, of texts or of booleans; an empty list is an error."
    " (`math.greatest(a, b)` compares arguments.)",
    group="numbers",
    example=("max(['a', 'c', 'b'])", '"c"'),
    takes=(("list",),),
    growth=1,
)
def largest(values: list[object]) -> object:
    """Return the largest element."""
    if not values:
        raise fault("max: the list is empty")
    return max(values, key=order_key("max", values))


@define(
    "range(end) | range(start, end) | range(start, end, step) -> list",
    f"The integers from start (0) up to, not including, end; at most {LENGTH_MAX}.",
    group="numbers",
    example=("range(10, 0, -4)", "[10,6,2]"),
    takes=(("int",), ("int", "int"), ("int", "int", "int")),
)
def integers(*bounds: int) -> list[int]:
    """Return consecutive integers."""
    if len(bounds) == 3 and bounds[2] == 0:
        raise fault("range: the step is 0")
    made = range(*bounds)
    # Not len(): a range over 64 bits has none.
    if (made.stop - made.start) // made.step > LENGTH_MAX:
        raise fault(f"range: more than {LENGTH_MAX} elements")
    return list(made)

# SPDX-License-Identifier: Apache-2.0
"""The functions as data: documentation, completion and checks read the same list.

Rules: EX18.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from legato.model.expressions.functions import lists, maps, numbers, tables, text, times
from legato.model.expressions.functions.define import Function, defined

_MODULES: Final = (lists, maps, numbers, tables, text, times)
"""Imported for what they list."""

DEFAULT: Final = Function(
    name="default",
    group="values",
    signature="default(value, fallback) -> any",
    doc=(
        "The fallback if the value is null or its last field is missing, else the value. "
        "The fallback is evaluated only if it is needed."
    ),
    example="default({'a': 1}.b, 'none')",
    result='"none"',
    takes=(("any", "any"),),
    growth=1,
    call=None,
)
"""Not called: `rewrite` turns it into an optional read and a condition."""


@cache
def catalogue() -> Mapping[str, Function]:
    """Return every function by name."""
    return MappingProxyType({DEFAULT.name: DEFAULT, **defined()})

# SPDX-License-Identifier: Apache-2.0
"""How a function is listed beside its code.

Rules: EX18.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

import msgspec

from legato.errors import ExpressionError

Kind = Literal["any", "text", "list", "map", "int", "number", "time", "null"]
"""What a parameter takes: `number` is int or double, `time` is RFC 3339 text, epoch milliseconds
or a CEL timestamp."""

_F = TypeVar("_F", bound=Callable[..., object])
UNBOUNDED: Final = None
LENGTH_MAX: Final = 100_000
"""Elements that `range` makes, and characters that a `pad_…` function pads to, at most."""

_SIGNATURE: Final = re.compile(r"([a-z_0-9]+)\((.*)\) -> .+")


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One function.

    `example` is an expression without variables, `result` its value as JSON text: a test runs it.
    `takes` lists the accepted arguments, one tuple of kinds per number of arguments. `growth` is
    the size of the result in sizes of the arguments, or None if the function is not to run inside
    the engine's turn: it builds lists or does more than a little work per byte.
    """

    name: str
    group: str
    signature: str
    doc: str
    example: str
    result: str
    takes: tuple[tuple[str, ...], ...]
    growth: int | None
    call: Callable[..., object] | None


_listed: dict[str, Function] = {}


def define(
    signature: str,
    doc: str,
    *,
    group: str,
    example: tuple[str, str],
    takes: tuple[tuple[str, ...], ...],
    growth: int | None = UNBOUNDED,
) -> Callable[[_F], _F]:
    """List the decorated function under the name in its signature.

    Args:
        signature: `name(parameters) -> result`, as documentation shows it.
        doc: One or two sentences.
        group: Heading in the documentation.
        example: An expression without variables, and its value as JSON text.
        takes: Kinds of the arguments, once per number of arguments; `a|b` is either.
        growth: See `Function`.
    """
    match = _SIGNATURE.fullmatch(signature)
    assert match is not None, f"not a signature: {signature}"

    def listed(call: _F) -> _F:
        name = match[1]
        assert name not in _listed, f"two functions are called {name}"
        _listed[name] = Function(
            name=name, group=group, signature=signature, doc=doc, example=example[0],
            result=example[1], takes=takes, growth=growth, call=call,
        )  # fmt: skip
        return call

    return listed


def defined() -> Mapping[str, Function]:
    """Return what has been listed so far; `catalogue` makes sure that it is everything."""
    return _listed


def fault(message: str) -> ExpressionError:
    """Return the error that a function raises; its text reaches the reader."""
    return ExpressionError(message)

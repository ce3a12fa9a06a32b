# SPDX-License-Identifier: Apache-2.0
"""The CEL runtime with our variables, functions and arithmetic: the one importer of it.

Two deviations from standard CEL, both so that JSON numbers behave: `+ - * /` between an integer and
a double give a double, and literals of different number types compare. The standard declarations
of those operators are left out of the standard library and declared again with the mixed overloads
added; only the mixed ones are carried out in Python, all others stay native.

Rules: EX1, EX3, EX11, EX18.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from legato.errors import LegatoError
from legato.model.expressions.functions.catalogue import catalogue
from legato.model.expressions.functions.define import Function

if TYPE_CHECKING:
    from cel_expr_python import cel  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression may read: its variables, and the fields of `nodes.<id>`."""

    roots: tuple[str, ...]
    node_fields: tuple[str, ...]


WORKFLOW: Final = Names(
    ("inputs", "nodes", "item", "index", "run", "trigger", "previous"),
    ("output", "status", "error", "errors"),
)
"""The names of every expression in a workflow; there is no other name to read from."""
ROOTS: Final = WORKFLOW.roots

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("STRING",),
    "list": ("LIST",),
    "map": ("MAP",),
    "int": ("INT", "UINT"),
    "number": ("INT", "UINT", "DOUBLE"),
    "time": ("STRING", "INT", "TIMESTAMP"),
    "null": ("NULL",),
    "any": (
        "LIST", "MAP", "STRING", "INT", "UINT", "DOUBLE", "BOOL", "NULL", "BYTES", "TIMESTAMP",
        "DURATION",
    ),
}  # fmt: skip

# Operator -> its standard overloads: id, result, arguments. None of them has an implementation
# here: the runtime's own is used.
_ARITHMETIC: Final[Mapping[str, tuple[tuple[str, str, str, str], ...]]] = {
    "_+_": (
        ("add_int64", "INT", "INT", "INT"),
        ("add_uint64", "UINT", "UINT", "UINT"),
        ("add_double", "DOUBLE", "DOUBLE", "DOUBLE"),
        ("add_string", "STRING", "STRING", "STRING"),
        ("add_bytes", "BYTES", "BYTES", "BYTES"),
        ("add_list", "LIST", "LIST", "LIST"),
        ("add_timestamp_duration", "TIMESTAMP", "TIMESTAMP", "DURATION"),
        ("add_duration_timestamp", "TIMESTAMP", "DURATION", "TIMESTAMP"),
        ("add_duration_duration", "DURATION", "DURATION", "DURATION"),
    ),
    "_-_": (
        ("subtract_int64", "INT", "INT", "INT"),
        ("subtract_uint64", "UINT", "UINT", "UINT"),
        ("subtract_double", "DOUBLE", "DOUBLE", "DOUBLE"),
        ("subtract_timestamp_timestamp", "DURATION", "TIMESTAMP", "TIMESTAMP"),
        ("subtract_timestamp_duration", "TIMESTAMP", "TIMESTAMP", "DURATION"),
        ("subtract_duration_duration", "DURATION", "DURATION", "DURATION"),
    ),
    "_*_": (
        ("multiply_int64", "INT", "INT", "INT"),
        ("multiply_uint64", "UINT", "UINT", "UINT"),
        ("multiply_double", "DOUBLE", "DOUBLE", "DOUBLE"),
    ),
    "_/_": (
        ("divide_int64", "INT", "INT", "INT"),
        ("divide_uint64", "UINT", "UINT", "UINT"),
        ("divide_double", "DOUBLE", "DOUBLE", "DOUBLE"),
    ),
}
_COMPARISONS: Final = {
    "_<_": "less",
    "_<=_": "less_equals",
    "_>_": "greater",
    "_>=_": "greater_equals",
}
_COMPARABLE: Final = ("BOOL", "STRING", "BYTES", "TIMESTAMP", "DURATION")
_NUMBERS: Final = ("INT", "UINT", "DOUBLE")
# Native for every kind at run time; only the checker refuses literals of different types.
_DYNAMIC: Final = {
    "_==_": ("equals", "BOOL", ("DYN", "DYN")),
    "_!=_": ("not_equals", "BOOL", ("DYN", "DYN")),
    "_?_:_": ("conditional", "DYN", ("BOOL", "DYN", "DYN")),
}
_REPLACED: Final = (*_ARITHMETIC, *_COMPARISONS, *_DYNAMIC, "@in")


def _divide(left: float, right: float) -> float:
    if right == 0:
        raise ValueError("divide by zero")
    return left / right


_MIXED: Final[Mapping[str, Callable[[float, float], float]]] = {
    "_+_": lambda left, right: float(left) + float(right),
    "_-_": lambda left, right: float(left) - float(right),
    "_*_": lambda left, right: float(left) * float(right),
    "_/_": lambda left, right: _divide(float(left), float(right)),
}


_CONFIG: Final = """
extensions:
  - {name: bindings}
  - {name: encoders}
  - {name: math, version: 2}
  - {name: optional, version: 1}
  - {name: strings, version: 2}
stdlib:
  exclude_functions: [%s]
"""
"""Versions are pinned: a new release must not add a name. Optional 2 has first() and last(),
strings 3 has reverse(), which ours replace. Named here, extensions cost nothing; their Python
modules bring 5 MB of shared library each."""


@cache
def environment(roots: tuple[str, ...] = ROOTS) -> "cel.Env":
    """Return the environment in which expressions with these variables are compiled.

    Cost: 20 ms, 12 MB, once for each set of variables.
    """
    # Imported here: a shared library of 14 MB that `legato --help` does not need.
    from cel_expr_python import cel  # noqa: PLC0415

    excluded = ", ".join(f'{{name: "{name}"}}' for name in _REPLACED)
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(_CONFIG % excluded),
        variables=dict.fromkeys(roots, cel.Type.DYN),
        functions=[*_operators(cel), *(_declare(cel, item) for item in catalogue().values())],
    )


def _operators(cel: Any) -> list[Any]:
    kinds, overload = cel.Type, cel.Overload
    declared: list[Any] = []
    for name, standard in _ARITHMETIC.items():
        overloads = [
            overload(id_, getattr(kinds, result), [getattr(kinds, left), getattr(kinds, right)])
            for id_, result, left, right in standard
        ]
        for left, right in (("INT", "DOUBLE"), ("DOUBLE", "INT")):
            arguments = [getattr(kinds, left), getattr(kinds, right)]
            id_ = f"legato_{name.strip('_')}_{left}_{right}".lower()
            overloads.append(overload(id_, kinds.DOUBLE, arguments, impl=_MIXED[name]))
        declared.append(cel.FunctionDecl(name, overloads))
    for name, stem in _COMPARISONS.items():
        pairs = [(kind, kind) for kind in _COMPARABLE] + list(product(_NUMBERS, repeat=2))
        overloads = [
            overload(
                f"{stem}_{left}_{right}".lower(),
                kinds.BOOL,
                [getattr(kinds, left), getattr(kinds, right)],
            )
            for left, right in pairs
        ]
        declared.append(cel.FunctionDecl(name, overloads))
    for name, (id_, result, arguments_) in _DYNAMIC.items():
        types = [getattr(kinds, kind) for kind in arguments_]
        declared.append(cel.FunctionDecl(name, [overload(id_, getattr(kinds, result), types)]))
    membership = [
        overload(f"in_{kind}".lower(), kinds.BOOL, [kinds.DYN, getattr(kinds, kind)])
        for kind in ("LIST", "MAP")
    ]
    declared.append(cel.FunctionDecl("@in", membership))
    return declared


def _declare(cel: Any, function: Function) -> Any:
    """Declare one of our functions: one overload per combination of concrete kinds.

    An overload with a parameter of type `dyn` is found by the checker but not at run time.
    """
    overloads = []
    for takes in function.takes:
        if function.call is None:
            types = [cel.Type.DYN] * len(takes)
            overloads.append(cel.Overload(f"legato_{function.name}", cel.Type.DYN, types))
            continue
        choices = [
            dict.fromkeys(kind for word in words.split("|") for kind in _KINDS[word])
            for words in takes
        ]
        for kinds in product(*choices):
            id_ = f"legato_{function.name}_{'_'.join(kinds)}".lower()
            types = [getattr(cel.Type, kind) for kind in kinds]
            overloads.append(cel.Overload(id_, cel.Type.DYN, types, impl=_guarded(function.call)))
    return cel.FunctionDecl(function.name, overloads)


def _guarded(call: Callable[..., object]) -> Callable[..., object]:
    """Return the function so that the text of its errors survives the runtime.

    The runtime keeps the text of a ValueError; of others it loses what is not ASCII.
    """

    def guarded(*args: object) -> object:
        try:
            return call(*args)
        except LegatoError as error:
            raise ValueError(str(error)) from None

    return guarded

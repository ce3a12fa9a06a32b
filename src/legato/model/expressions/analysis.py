# SPDX-License-Identifier: Apache-2.0
"""What an expression reads and how much work it can be, seen in its tree without evaluating it.

Rules: EX3, EX5, EX12, EX15.
"""

from dataclasses import dataclass, field
from typing import Final

from legato.errors import ExpressionError
from legato.model.expressions.environment import WORKFLOW, Names
from legato.model.expressions.functions.catalogue import catalogue
from legato.model.expressions.lexer import line_and_column, offset_of_path
from legato.model.expressions.nearest import nearest_name
from legato.model.expressions.syntax import (
    Call,
    Comprehension,
    Const,
    Expr,
    Ident,
    ListOf,
    MapOf,
    Select,
    children,
    walk,
)
from legato.model.ids import NodeId

GROWTH_MAX: Final = 8
"""A bounded expression makes no value larger than its inputs this many times."""
WORK_MAX: Final = 64
"""The inputs are touched at most this many times: 4 MiB at 64 KiB of inputs, about 5 ms."""
_INFINITE: Final = 1_000_000

# Size of the result in sizes of the arguments. What is not here is not bounded.
_GROWTH: Final = {
    "_+_": 1, "_-_": 0, "_*_": 0, "_/_": 0, "_%_": 0, "-_": 0, "!_": 0, "_&&_": 0, "_||_": 0,
    "_==_": 0, "_!=_": 0, "_<_": 0, "_<=_": 0, "_>_": 0, "_>=_": 0, "@in": 0,
    "_[_]": 1, "_[?_]": 1, "_?._": 1, "size": 0, "type": 0, "dyn": 1, "string": 1, "bytes": 1,
    "int": 0, "uint": 0, "double": 0, "bool": 0, "timestamp": 0, "duration": 0,
    "startsWith": 0, "endsWith": 0, "contains": 0, "charAt": 0, "indexOf": 0, "lastIndexOf": 0,
    "substring": 1, "trim": 1, "lowerAscii": 1, "upperAscii": 1,
    "optional.of": 1, "optional.ofNonZeroValue": 1, "optional.none": 0, "orValue": 1, "or": 1,
    "value": 1, "hasValue": 0, "base64.encode": 2, "base64.decode": 1,
}  # fmt: skip
_OPTIONAL_CALLS: Final = frozenset({"_?._", "_[?_]", "optional.of", "optional.ofNonZeroValue",
                                    "optional.none", "or"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was seen.

    `paths` are the longest constant paths read from each variable, none a prefix of another:
    `("nodes", "log", "output", "stdout")`. `growth` and `work` are in sizes of all inputs together.
    """

    roots: tuple[str, ...]
    node_refs: tuple[NodeId, ...]
    paths: tuple[tuple[str, ...], ...]
    growth: int
    work: int
    has_optional: bool

    @property
    def is_bounded(self) -> bool:
        """Tell whether it may be evaluated inside the engine's turn."""
        return self.growth <= GROWTH_MAX and self.work <= WORK_MAX


@dataclass(slots=True)
class _Findings:
    source: str
    names: Names
    paths: dict[tuple[str, ...], None] = field(default_factory=dict)
    work: int = 0


def analyse(source: str, tree: Expr, names: Names = WORKFLOW) -> Analysis:
    """Look at a checked tree that reads these names.

    Raises:
        ExpressionError: It reads `nodes` other than by a constant name, reads a field that no node
            has, hides a variable, or builds a message.
    """
    found = _Findings(source, names)
    has_optional = False
    for node in walk(tree):
        if isinstance(node, Call):
            has_optional = has_optional or node.function in _OPTIONAL_CALLS | {"default"}
        elif isinstance(node, Comprehension):
            _refuse_hidden(source, node, names)
        elif isinstance(node, MapOf) and node.message:
            raise _at(source, (node.message.split(".")[0],), "messages cannot be built here")
        elif isinstance(node, MapOf | ListOf):
            has_optional = has_optional or _has_optional_elements(node)
    _collect_paths(tree, found)
    paths = _without_longer(found.paths)
    for path in paths:
        _check_node_path(source, path, names)
    growth = _growth(tree, found)
    node_refs = dict.fromkeys(NodeId(path[1]) for path in found.paths if path[0] == "nodes")
    return Analysis(
        roots=tuple(root for root in names.roots if any(path[0] == root for path in paths)),
        node_refs=tuple(node_refs),
        paths=paths,
        growth=min(growth, _INFINITE),
        work=min(found.work, _INFINITE),
        has_optional=has_optional,
    )


def analyse_path(source: str, path: tuple[str, ...], names: Names = WORKFLOW) -> Analysis:
    """Do the same for a plain reference, which needs no tree."""
    _check_node_path(source, path, names)
    refs = (NodeId(path[1]),) if path[0] == "nodes" else ()
    return Analysis((path[0],), refs, (path,), 1, 0, has_optional=False)


def is_optional(expr: Expr) -> bool:
    """Tell whether an expression surely gives an optional value."""
    if isinstance(expr, Call):
        if expr.function == "_?_:_":
            return is_optional(expr.args[1]) or is_optional(expr.args[2])
        return expr.function in _OPTIONAL_CALLS
    if isinstance(expr, Select):
        return not expr.is_test and is_optional(expr.operand)
    return isinstance(expr, Comprehension) and expr.is_bind and is_optional(expr.result)


def _has_optional_elements(node: MapOf | ListOf) -> bool:
    if isinstance(node, ListOf):
        return bool(node.optional)
    return any(entry.is_optional for entry in node.entries)


def path_of(expr: Expr, roots: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the constant path that an expression reads, optional steps included, or None."""
    steps: list[str] = []
    while not isinstance(expr, Ident):
        if isinstance(expr, Select):
            steps.append(expr.field)
            expr = expr.operand
            continue
        if not isinstance(expr, Call) or expr.function not in {"_[_]", "_?._", "_[?_]"}:
            return None
        key = expr.args[1]
        if not isinstance(key, Const) or key.text is None:
            return None
        steps.append(key.text)
        expr = expr.args[0]
    if expr.name not in roots:
        return None
    return (expr.name, *reversed(steps))


def _collect_paths(tree: Expr, found: _Findings) -> None:
    stack = [tree]
    while stack:
        node = stack.pop()
        path = path_of(node, found.names.roots)
        if path is None:
            stack.extend(reversed(children(node)))
        else:
            found.paths[path] = None


def _without_longer(paths: dict[tuple[str, ...], None]) -> tuple[tuple[str, ...], ...]:
    """Drop every path that begins with another: the shorter one reads it too."""
    kept: list[tuple[str, ...]] = []
    for path in sorted(paths):
        if not (kept and path[: len(kept[-1])] == kept[-1]):
            kept.append(path)
    return tuple(kept)


def _check_node_path(source: str, path: tuple[str, ...], names: Names) -> None:
    if path[0] != "nodes":
        return
    if len(path) < 2:
        raise _at(
            source,
            ("nodes",),
            "a node must be named as nodes.<id>: which nodes are read is known before the run",
        )
    if len(path) > 2 and path[2] not in names.node_fields:
        near = nearest_name(path[2], names.node_fields)
        known = ", ".join(names.node_fields)
        message = f"nodes.{path[1]} has no {path[2]!r}; it has {known}"
        raise _at(source, path[:3], message, nearest=near)


def _refuse_hidden(source: str, node: Comprehension, names: Names) -> None:
    bound = {node.iter_var, node.iter_var2, *([node.accu_var] if node.is_bind else [])}
    hidden = bound & set(names.roots)
    if hidden:
        name = min(hidden)
        raise _at(source, (name,), f"{name!r} is a variable already; choose another name")


def _at(
    source: str, path: tuple[str, ...], message: str, nearest: str | None = None
) -> ExpressionError:
    place = line_and_column(source, offset_of_path(source, path))
    return ExpressionError(message, place=place, nearest=nearest)


def _growth(expr: Expr, found: _Findings) -> int:
    """Return how large a value can get, in sizes of all inputs; adds up the work on the way."""
    if path_of(expr, found.names.roots) is not None:
        return 1
    if isinstance(expr, Const | Ident):
        return 0
    if isinstance(expr, Comprehension):
        return _INFINITE
    if isinstance(expr, Select):
        return _growth(expr.operand, found)
    parts = [_growth(part, found) for part in children(expr)]
    total = sum(parts)
    found.work += total
    if isinstance(expr, ListOf | MapOf):
        return total
    if expr.function == "_?_:_":
        return max(parts[1:])
    factor = _factor(expr)
    return _INFINITE if factor is None else total * factor


def _factor(call: Call) -> int | None:
    if call.function == "matches":
        # A pattern that is data costs memory to compile; a written one is bounded by the source.
        return 0 if isinstance(call.inputs()[1], Const) else None
    if call.function.startswith("math."):
        return 0
    ours = catalogue().get(call.function)
    return ours.growth if ours is not None else _GROWTH.get(call.function)

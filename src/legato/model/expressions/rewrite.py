# SPDX-License-Identifier: Apache-2.0
"""Small changes to a checked tree, where standard CEL would not do what the documents promise.

- Iterating over a map takes its keys in alphabetical order: `r.map(x, …)` becomes
  `bind(v, r, type(v) == map ? keys(v) : v).map(x, …)`. A CEL map has a random order per process.
- Optional reading of null gives none: `a.?b` becomes `optional.ofNonZeroValue(a).?b`; standard CEL
  calls it an error. `a.?b.?c` reads through a null `b` in the same way.
- `default(a.b, c)` becomes `bind(v, a.?b.orValue(null), v == null ? c : v)`.

Rules: EX7, EX18.
"""

from typing import Final

from legato.model.expressions.analysis import is_optional
from legato.model.expressions.environment import WORKFLOW, Names
from legato.model.expressions.functions.catalogue import catalogue
from legato.model.expressions.syntax import (
    Call,
    Checked,
    Comprehension,
    Const,
    Expr,
    Ident,
    ListOf,
    MapOf,
    Select,
    bool_constant,
    null_constant,
    text_constant,
)

_OPTIONAL_STEPS: Final = frozenset({"_?._", "_[?_]"})


class Rewriter:
    """Rewrites one tree in place; new nodes get ids that the tree does not use."""

    def __init__(self, checked: Checked, names: Names = WORKFLOW) -> None:
        """Args: checked is the expression; its tree may be replaced. names are those it reads."""
        self._roots = names.roots
        self._last_id = checked.last_id
        self.changed = False

    def rewrite(self, expr: Expr) -> Expr:
        """Return the expression with all its parts rewritten."""
        if isinstance(expr, Select):
            expr.operand = self.rewrite(expr.operand)
        elif isinstance(expr, ListOf):
            expr.elements = [self.rewrite(element) for element in expr.elements]
        elif isinstance(expr, MapOf):
            for entry in expr.entries:
                entry.key = None if entry.key is None else self.rewrite(entry.key)
                entry.value = self.rewrite(entry.value)
        elif isinstance(expr, Comprehension):
            self._rewrite_comprehension(expr)
        elif isinstance(expr, Call):
            return self._rewrite_call(expr)
        return expr

    def or_null(self, expr: Expr) -> Expr:
        """Return `expr.orValue(null)`."""
        return self._call("orValue", [null_constant(self._id())], target=expr)

    def _rewrite_comprehension(self, expr: Comprehension) -> None:
        expr.range = self.rewrite(expr.range)
        expr.init = self.rewrite(expr.init)
        expr.condition = self.rewrite(expr.condition)
        expr.step = self.rewrite(expr.step)
        expr.result = self.rewrite(expr.result)
        if expr.is_bind or _is_surely_list(expr.range):
            return
        name = self._name("range")
        is_map = self._call("_==_", [self._call("type", [self._ident(name)]), self._ident("map")])
        ordered = self._call("keys", [self._ident(name)])
        expr.range = self._bind(name, expr.range, self._if(is_map, ordered, self._ident(name)))

    def _rewrite_call(self, call: Call) -> Expr:
        if call.function == "default":
            return self._rewrite_default(call)
        if call.target is not None:
            call.target = self.rewrite(call.target)
        call.args = [self.rewrite(arg) for arg in call.args]
        if call.function in _OPTIONAL_STEPS:
            call.args[0] = self._without_null(call.args[0])
        return call

    def _without_null(self, operand: Expr) -> Expr:
        """Return the operand of an optional step so that null counts as missing."""
        self.changed = True
        if isinstance(operand, Ident) and operand.name not in self._roots:
            # It may be bound to an optional already, which must not be wrapped again.
            null = self._call("_==_", [self._ident(operand.name), null_constant(self._id())])
            given = self._call("optional.of", [self._ident(operand.name)])
            plain = self._if(null, self._call("optional.none", []), given)
            optional = self._ident("optional_type")
            kind = self._call("_==_", [self._call("type", [operand]), optional])
            return self._if(kind, self._ident(operand.name), plain)
        if is_optional(operand):
            operand = self.or_null(operand)
        return self._call("optional.ofNonZeroValue", [operand])

    def _rewrite_default(self, call: Call) -> Expr:
        value, fallback = call.args
        if isinstance(value, Select) and not value.is_test:
            field = text_constant(self._id(), value.field)
            value = self._call("_?._", [value.operand, field])
        elif (
            isinstance(value, Call)
            and value.function == "_[_]"
            and isinstance(value.args[1], Const)
        ):
            value = self._call("_[?_]", value.args)
        value = self.rewrite(value)
        if is_optional(value):
            value = self.or_null(value)
        name = self._name("default")
        is_null = self._call("_==_", [self._ident(name), null_constant(self._id())])
        chosen = self._if(is_null, self.rewrite(fallback), self._ident(name))
        return self._bind(name, value, chosen)

    def _id(self) -> int:
        self.changed = True
        self._last_id += 1
        return self._last_id

    def _name(self, what: str) -> str:
        return f"@{what}{self._id()}"

    def _ident(self, name: str) -> Ident:
        return Ident(self._id(), name)

    def _call(self, function: str, args: list[Expr], target: Expr | None = None) -> Call:
        return Call(self._id(), function, target, args)

    def _if(self, condition: Expr, then: Expr, otherwise: Expr) -> Call:
        return self._call("_?_:_", [condition, then, otherwise])

    def _bind(self, name: str, value: Expr, body: Expr) -> Comprehension:
        """Return `cel.bind(name, value, body)` as its macro expands."""
        return Comprehension(
            id=self._id(),
            iter_var="#unused",
            iter_var2="",
            accu_var=name,
            range=ListOf(self._id(), [], b""),
            init=value,
            condition=bool_constant(self._id(), value=False),
            step=self._ident(name),
            result=body,
        )


def _is_surely_list(expr: Expr) -> bool:
    if isinstance(expr, ListOf):
        return True
    if isinstance(expr, Call):
        ours = catalogue().get(expr.function)
        return expr.function == "split" or (ours is not None and ours.signature.endswith("-> list"))
    return isinstance(expr, Comprehension) and isinstance(expr.init, ListOf)

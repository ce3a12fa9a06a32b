# SPDX-License-Identifier: Apache-2.0
"""The syntax tree of a checked expression, read from and written to its wire form.

The CEL runtime hands out its tree only as a protocol-buffer message (`cel.expr.CheckedExpr` inside
`google.protobuf.Any`). Reading the dozen fields that matter takes this one module, so the protobuf
package is not needed. Writing exists because some trees are rewritten (see `rewrite`).

Source: google/cel-spec, `proto/cel/expr/{checked,syntax}.proto`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from legato.errors import ExpressionError

DEPTH_MAX: Final = 200
"""Levels of a tree. The parser stops at 32; macros expand one level to a few."""
NODES_MAX: Final = 20_000
"""Nodes of a tree. 4 KiB of source make about 2 000; macros multiply them."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(slots=True)
class Const:
    """A literal. `payload` is its wire form; `text` is set for a string literal."""

    id: int
    payload: bytes
    text: str | None = None


@dataclass(slots=True)
class Ident:
    """A variable, a bound variable or a type name."""

    id: int
    name: str


@dataclass(slots=True)
class Select:
    """`operand.field`, or `has(operand.field)` with `is_test`."""

    id: int
    operand: "Expr"
    field: str
    is_test: bool


@dataclass(slots=True)
class Call:
    """A function or operator; a member call has a target."""

    id: int
    function: str
    target: "Expr | None"
    args: "list[Expr]"

    def inputs(self) -> "list[Expr]":
        """Return target and arguments."""
        return self.args if self.target is None else [self.target, *self.args]


@dataclass(slots=True)
class ListOf:
    """A list literal; `optional` are the indices written with `?`, in wire form."""

    id: int
    elements: "list[Expr]"
    optional: bytes


@dataclass(slots=True)
class Entry:
    """One entry of a map literal."""

    id: int
    field: str
    key: "Expr | None"
    value: "Expr"
    is_optional: bool


@dataclass(slots=True)
class MapOf:
    """A map literal, or a message literal if `message` is not empty."""

    id: int
    message: str
    entries: list[Entry]


@dataclass(slots=True)
class Comprehension:
    """What `map`, `filter`, `all`, `exists`, `exists_one` and `cel.bind` expand to."""

    id: int
    iter_var: str
    iter_var2: str
    accu_var: str
    range: "Expr"
    init: "Expr"
    condition: "Expr"
    step: "Expr"
    result: "Expr"

    @property
    def is_bind(self) -> bool:
        """Tell whether it only names a value (`cel.bind`) and iterates over nothing."""
        return isinstance(self.range, ListOf) and not self.range.elements

    def inputs(self) -> "list[Expr]":
        """Return its parts in the order of evaluation."""
        return [self.range, self.init, self.condition, self.step, self.result]


Expr = Const | Ident | Select | Call | ListOf | MapOf | Comprehension


@dataclass(slots=True)
class Checked:
    """A checked expression: its tree, and the other parts of the message as they were."""

    type_url: bytes
    tree: Expr
    rest: bytes
    last_id: int


def children(expr: Expr) -> list[Expr]:
    """Return the direct parts of a node."""
    if isinstance(expr, Call | Comprehension):
        return expr.inputs()
    if isinstance(expr, Select):
        return [expr.operand]
    if isinstance(expr, ListOf):
        return expr.elements
    if isinstance(expr, MapOf):
        return [part for e in expr.entries for part in (e.key, e.value) if part is not None]
    return []


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield a node and everything below it."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def read_checked(data: bytes) -> Checked:
    """Read what `Expression.serialize()` gave.

    Raises:
        ExpressionError: The tree is deeper or larger than the limits.
    """
    outer = _fields(data)
    type_url, message = outer[1][0], outer[2][0]
    assert isinstance(type_url, bytes), "the runtime serialised no type"
    assert isinstance(message, bytes), "the runtime serialised no message"
    rest: list[bytes] = []
    reader = _Reader()
    tree: Expr | None = None
    for number, wire, value in _iterate(message):
        if number == 4 and isinstance(value, bytes):
            tree = reader.read(value, 0)
        else:
            rest.append(_field(number, wire, value))
    assert tree is not None, "the runtime serialised no expression"
    return Checked(type_url, tree, b"".join(rest), reader.last_id)


def write_checked(checked: Checked) -> bytes:
    """Return the wire form that `Env.deserialize` reads."""
    message = checked.rest + _bytes_field(4, write(checked.tree))
    return _bytes_field(1, checked.type_url) + _bytes_field(2, message)


class _Reader:
    def __init__(self) -> None:
        self.count = 0
        self.last_id = 0

    def read(self, data: object, depth: int) -> Expr:
        self.count += 1
        if depth > DEPTH_MAX or self.count > NODES_MAX:
            raise ExpressionError(
                "the expression is too complex.", hint="Split it over several nodes."
            )
        assert isinstance(data, bytes), "an expression is a message"
        found = _fields(data)
        node_id = _int(found.pop(2, [0])[0])
        self.last_id = max(self.last_id, node_id)
        kind, values = next(iter(found.items()))
        body = values[0]
        assert isinstance(body, bytes), "an expression kind is a message"
        if kind == 3:
            return _constant(node_id, body)
        fields = _fields(body)
        if kind == 4:
            return Ident(node_id, _text(fields[1][0]))
        if kind == 5:
            operand = self.read(fields[1][0], depth + 1)
            return Select(node_id, operand, _text(fields[2][0]), 3 in fields)
        if kind == 6:
            target = self.read(fields[1][0], depth + 1) if 1 in fields else None
            args = [self.read(arg, depth + 1) for arg in fields.get(3, ())]
            return Call(node_id, _text(fields[2][0]), target, args)
        if kind == 7:
            elements = [self.read(element, depth + 1) for element in fields.get(1, ())]
            optional = b"".join(
                _field(2, _BYTES if isinstance(value, bytes) else _VARINT, value)
                for value in fields.get(2, ())
            )
            return ListOf(node_id, elements, optional)
        if kind == 8:
            entries = [self._entry(entry, depth) for entry in fields.get(2, ())]
            return MapOf(node_id, _text(fields.get(1, [b""])[0]), entries)
        return self._comprehension(node_id, fields, depth)

    def _entry(self, data: object, depth: int) -> Entry:
        assert isinstance(data, bytes), "an entry is a message"
        fields = _fields(data)
        key = self.read(fields[3][0], depth + 1) if 3 in fields else None
        return Entry(
            id=_int(fields.get(1, [0])[0]),
            field=_text(fields.get(2, [b""])[0]),
            key=key,
            value=self.read(fields[4][0], depth + 1),
            is_optional=5 in fields,
        )

    def _comprehension(
        self, node_id: int, fields: "dict[int, list[int | bytes]]", depth: int
    ) -> Comprehension:
        parts = {number: self.read(fields[number][0], depth + 1) for number in (2, 4, 5, 6, 7)}
        return Comprehension(
            id=node_id,
            iter_var=_text(fields.get(1, [b""])[0]),
            iter_var2=_text(fields.get(8, [b""])[0]),
            accu_var=_text(fields[3][0]),
            range=parts[2],
            init=parts[4],
            condition=parts[5],
            step=parts[6],
            result=parts[7],
        )


def write(expr: Expr) -> bytes:
    """Return the wire form of a node."""
    head = _field(2, _VARINT, expr.id)
    if isinstance(expr, Const):
        return head + _bytes_field(3, expr.payload)
    if isinstance(expr, Ident):
        return head + _bytes_field(4, _text_field(1, expr.name))
    if isinstance(expr, Select):
        body = _bytes_field(1, write(expr.operand)) + _text_field(2, expr.field)
        return head + _bytes_field(5, body + (_field(3, _VARINT, 1) if expr.is_test else b""))
    if isinstance(expr, Call):
        target = b"" if expr.target is None else _bytes_field(1, write(expr.target))
        args = b"".join(_bytes_field(3, write(arg)) for arg in expr.args)
        return head + _bytes_field(6, target + _text_field(2, expr.function) + args)
    if isinstance(expr, ListOf):
        elements = b"".join(_bytes_field(1, write(element)) for element in expr.elements)
        return head + _bytes_field(7, elements + expr.optional)
    if isinstance(expr, MapOf):
        entries = b"".join(_bytes_field(2, _write_entry(entry)) for entry in expr.entries)
        return head + _bytes_field(8, _text_field(1, expr.message) + entries)
    return head + _bytes_field(9, _write_comprehension(expr))


def _write_entry(entry: Entry) -> bytes:
    key = b"" if entry.key is None else _bytes_field(3, write(entry.key))
    return (
        _field(1, _VARINT, entry.id)
        + (_text_field(2, entry.field) if entry.field else b"")
        + key
        + _bytes_field(4, write(entry.value))
        + (_field(5, _VARINT, 1) if entry.is_optional else b"")
    )


def _write_comprehension(expr: Comprehension) -> bytes:
    parts = zip((2, 4, 5, 6, 7), expr.inputs(), strict=True)
    return (
        _text_field(1, expr.iter_var)
        + _text_field(3, expr.accu_var)
        + b"".join(_bytes_field(number, write(part)) for number, part in parts)
        + (_text_field(8, expr.iter_var2) if expr.iter_var2 else b"")
    )


def _constant(node_id: int, body: bytes) -> Const:
    ((number, values),) = _fields(body).items()
    return Const(node_id, body, _text(values[0]) if number == 6 else None)


def null_constant(node_id: int) -> Const:
    """Return the literal `null`."""
    return Const(node_id, _field(1, _VARINT, 0))


def bool_constant(node_id: int, *, value: bool) -> Const:
    """Return the literal `true` or `false`."""
    return Const(node_id, _field(2, _VARINT, int(value)))


def text_constant(node_id: int, text: str) -> Const:
    """Return a string literal."""
    return Const(node_id, _text_field(6, text), text)


def _iterate(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            number_value, at = _varint(data, at)
            yield number, wire, number_value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        else:
            assert wire in {_FIXED64, _FIXED32}, "the runtime uses no other wire type"
            size = 8 if wire == _FIXED64 else 4
        yield number, wire, data[at : at + size]
        at += size


def _fields(data: bytes) -> dict[int, list[int | bytes]]:
    found: dict[int, list[int | bytes]] = {}
    for number, _, value in _iterate(data):
        found.setdefault(number, []).append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 128:
        return byte, at + 1
    value, shift = byte & 127, 7
    while True:
        at += 1
        byte = data[at]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + 1
        shift += 7


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, wire: int, value: int | bytes) -> bytes:
    tag = _write_varint(number << 3 | wire)
    if isinstance(value, int):
        return tag + _write_varint(value)
    return tag + (_write_varint(len(value)) if wire == _BYTES else b"") + value


def _bytes_field(number: int, value: bytes) -> bytes:
    return _field(number, _BYTES, value)


def _text_field(number: int, value: str) -> bytes:
    return _field(number, _BYTES, value.encode())


def _text(value: object) -> str:
    assert isinstance(value, bytes), "a name is text"
    return value.decode()


def _int(value: object) -> int:
    assert isinstance(value, int), "an id is a number"
    return value

# SPDX-License-Identifier: Apache-2.0
"""Rows as text: one JSON object or one CSV line each, with every value a plain one.

Decimal, date, time, timestamp, UUID and address become text, bytes become base64; what JSON cannot
hold is refused, by the name of its column.

Rules: ND35, ND36.
"""

import base64
import csv
import ipaddress
import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, Literal

import orjson

from legato.model.values import INT64_MAX, INT64_MIN
from legato.ports.node import NodeFailure

CELL_BYTES_MAX: Final = 4 * 1024 * 1024
"""A larger value belongs into a file; one row has to fit into memory several times."""
CHUNK_BYTES: Final = 1024 * 1024
"""How much text is made at once, about."""

Format = Literal["jsonl", "csv"]
Row = Sequence[Any]
Line = Callable[[Row], bytes]
"""Writes one row, with its line end."""

_TEXTUAL: Final = (date, time, uuid.UUID, ipaddress.IPv4Address, ipaddress.IPv6Address,
                   ipaddress.IPv4Interface, ipaddress.IPv6Interface, ipaddress.IPv4Network,
                   ipaddress.IPv6Network)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows as text, how many they are, and whether there are more."""

    data: bytes
    count: int
    has_more: bool


class UnfitValue(Exception):
    """A value that cannot be passed on; says why."""


def chunk_of(rows: Iterator[Row], line: Line, rows_max: int) -> Chunk:
    """Write rows until the chunk is large enough or has `rows_max` (from 1).

    Raises:
        NodeFailure: `invalid_value` or `result_too_large`, with the name of the column.
    """
    parts: list[bytes] = []
    size = 0
    for row in rows:
        if len(parts) == rows_max:
            return Chunk(b"".join(parts), len(parts), has_more=True)
        data = line(row)
        parts.append(data)
        size += len(data)
        if size >= CHUNK_BYTES and len(parts) < rows_max:
            return Chunk(b"".join(parts), len(parts), has_more=True)
    return Chunk(b"".join(parts), len(parts), has_more=False)


def check_names(names: Sequence[str]) -> None:
    """Refuse columns with the same name: an object has every key once.

    Raises:
        NodeFailure: `invalid_query`.
    """
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise NodeFailure(
            "invalid_query",
            f"several columns are called {', '.join(map(repr, double))[:200]}; name them apart "
            "with AS",
            may_have_happened=False,
            retryable=False,
        )


def header(names: Sequence[str], form: Format) -> bytes:
    """Return what stands before the first row."""
    return _csv_line(list(names)) if form == "csv" else b""


def line_writer(names: Sequence[str], form: Format) -> Line:
    """Return what writes the rows of these columns."""
    return _csv_writer(names) if form == "csv" else _json_writer(names)


def rows_of(lines: bytes) -> list[dict[str, Any]]:
    """Read JSON lines back; a line end never stands inside one."""
    rows: list[dict[str, Any]] = orjson.loads(b"[" + lines.rstrip().replace(b"\n", b",") + b"]")
    return rows


def plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Raises:
        UnfitValue: There is no faithful way.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if INT64_MIN <= value <= INT64_MAX else str(value)
    if isinstance(value, float | Decimal):
        # Not math.isfinite for both: it takes a Decimal of 400 digits for an infinity.
        is_finite = math.isfinite(value) if isinstance(value, float) else value.is_finite()
        if not is_finite:
            raise UnfitValue(f"is {value}, which JSON does not have; select it as text")
        return value if isinstance(value, float) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, _TEXTUAL):
        return value.isoformat() if isinstance(value, date | time) else str(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    raise UnfitValue(f"is a {type(value).__name__}, which JSON does not have; select it as text")


def _text(value: str) -> str:
    if "\0" in value:
        raise UnfitValue("holds a NUL character, which no JSON text of Legato may hold")
    return value


def _json_writer(names: Sequence[str]) -> Line:
    """Write rows as objects: fast where the encoder knows the types, value by value where not."""
    names = tuple(names)
    dumps, options = orjson.dumps, orjson.OPT_APPEND_NEWLINE

    def write(row: Row) -> bytes:
        try:
            data = dumps(dict(zip(names, row, strict=True)), plain, options)
        except orjson.JSONEncodeError:
            data = dumps(_plain_row(names, row), None, options)
        # The encoder writes NaN and infinities as null, and lets NUL pass.
        if len(data) > CELL_BYTES_MAX or b"\\u0000" in data or _may_be_unfit(data, row):
            data = dumps(_plain_row(names, row), None, options)
        return data

    return write


def _may_be_unfit(data: bytes, row: Row) -> bool:
    return b"null" in data and any(isinstance(each, float | list | tuple) for each in row)


def _plain_row(names: Sequence[str], row: Row) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in zip(names, row, strict=True):
        try:
            made[name] = plain(value)
        except UnfitValue as error:
            raise NodeFailure(
                "invalid_value", f"a value of column {name!r:.80} {error}", retryable=False
            ) from None
        _check_size(name, made[name])
    return made


def _check_size(name: str, value: Any) -> None:
    size = len(value) if isinstance(value, str) else 0
    if isinstance(value, list):
        size = len(orjson.dumps(value))
    if size > CELL_BYTES_MAX or (
        size * 4 > CELL_BYTES_MAX and len(value.encode()) > CELL_BYTES_MAX
    ):
        raise NodeFailure(
            "result_too_large",
            f"a value of column {name!r:.80} is larger than {CELL_BYTES_MAX} bytes",
            retryable=False,
        )


class _Echo:
    """What the CSV writer writes to: hands the line back."""

    def write(self, text: str) -> str:
        return text


_csv = csv.writer(_Echo(), lineterminator="\r\n")  # RFC 4180


def _csv_line(values: Sequence[Any]) -> bytes:
    line: Any = _csv.writerow(values)  # what `write` returned
    return bytes(line, "utf-8")


def _csv_writer(names: Sequence[str]) -> Line:
    names = tuple(names)

    def write(row: Row) -> bytes:
        return _csv_line([_cell(value) for value in _plain_row(names, row).values()])

    return write


def _cell(value: Any) -> Any:
    """Write what CSV has no form for: null is empty, booleans and lists as in JSON."""
    if value is None or isinstance(value, str | float) or type(value) is int:
        return value
    return orjson.dumps(value).decode()

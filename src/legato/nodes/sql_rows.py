# SPDX-License-Identifier: Apache-2.0
"""Rows as text: one JSON object or one CSV line each, with every value a plain one.

Decimal, date, time, timestamp, UUID and address become text, bytes become base64; what JSON cannot
hold is refused, by the name of its column.

Rules: ND35, ND36.
"""

import base64
import csv
import io
import ipaddress
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import islice, starmap
from typing import Any, Final, Literal

import msgspec
import orjson

from legato.model.values import INT64_MAX, INT64_MIN
from legato.nodes.fields import refused
from legato.ports.node import NodeFailure

CELL_BYTES_MAX: Final = 4 * 1024 * 1024
"""A larger value belongs into a file; one row has to fit into memory several times."""
CHUNK_BYTES: Final = 1024 * 1024
"""How much text is made at once, about."""
GROUP_ROWS: Final = 128
"""Rows that are in memory at once, beside their text; more make it no faster."""

Format = Literal["jsonl", "csv"]
Row = Sequence[Any]
Column = Sequence[Any]
Write = Callable[[Sequence[Row]], bytes]
"""Writes rows, each with its line end."""

_ESCAPED: Final = ('"', "\\", *map(chr, range(32)))
_PLAIN_AS_THEY_ARE: Final = {str, bool, type(None)}
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


def chunk_of(
    rows: Iterator[Row], write: Write, rows_max: int, group_rows: int = GROUP_ROWS
) -> Chunk:
    """Write rows until the chunk is large enough or has `rows_max` (from 1).

    `has_more` is exact where the chunk has `rows_max`; else it may be true for nothing.

    Raises:
        NodeFailure: `invalid_value` or `result_too_large`, with the name of the column.
    """
    parts: list[bytes] = []
    count = size = 0
    while count < rows_max:
        group = list(islice(rows, min(group_rows, rows_max - count)))
        if not group:
            return Chunk(b"".join(parts), count, has_more=False)
        parts.append(write(group))
        count += len(group)
        size += len(parts[-1])
        if size >= CHUNK_BYTES and count < rows_max:
            return Chunk(b"".join(parts), count, has_more=True)
    return Chunk(b"".join(parts), count, has_more=next(rows, None) is not None)


def check_names(names: Sequence[str]) -> None:
    """Refuse columns with the same name: an object has every key once.

    Raises:
        NodeFailure: `invalid_query`.
    """
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise refused(
            "invalid_query",
            f"several columns are called {', '.join(map(repr, double))[:200]}; name them apart "
            "with AS",
        )


def header(names: Sequence[str], form: Format) -> bytes:
    """Return what stands before the first row."""
    return _csv_text([names]) if form == "csv" else b""


def writer(names: Sequence[str], form: Format, *, is_simple: bool = False) -> Write:
    """Return what writes the rows of these columns.

    Args:
        names: Of the columns, all different.
        form: JSON lines or CSV.
        is_simple: All values are text, bytes, numbers of 64 bits, booleans or None, which the
            encoder itself writes right; only NaN and infinities have to be looked for.
    """
    if form == "csv":
        return _csv_writer(names)
    return _simple_writer(names) if is_simple else _json_writer(names)


def rows_of(lines: bytes) -> list[dict[str, Any]]:
    """Read JSON lines back; a line end never stands inside one."""
    rows: list[dict[str, Any]] = orjson.loads(b"[" + lines.rstrip().replace(b"\n", b",") + b"]")
    return rows


def plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Raises:
        UnfitValue: There is no faithful way.
    """
    if value is None or isinstance(value, bool | str):
        return value
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


def _json_writer(names: Sequence[str]) -> Write:
    """Write rows as objects, many with one call of the encoder."""
    encode = _object_encoder(names)

    def write(rows: Sequence[Row]) -> bytes:
        columns = _plain_columns(names, rows)
        data = encode(zip(*columns, strict=True))
        if len(data) > CELL_BYTES_MAX or b"\\u0000" in data:
            _check_texts(names, columns)
        return data

    return write


def _simple_writer(names: Sequence[str]) -> Write:
    """Write rows as they are, and again with care where one of them may not be passed on."""
    encode, write_with_care = _object_encoder(names), _json_writer(names)

    def write(rows: Sequence[Row]) -> bytes:
        data = encode(rows)
        is_fine = len(data) <= CELL_BYTES_MAX and b"\\u0000" not in data
        # The encoder writes NaN and infinities as null.
        nulls = data.count(b"null") if is_fine else 0
        if is_fine and (nulls == 0 or nulls == sum(tuple(row).count(None) for row in rows)):
            return data
        return write_with_care(rows)

    return write


def _object_encoder(names: Sequence[str]) -> Callable[[Iterable[Row]], bytes]:
    """Return what writes rows as objects, a line each.

    Records of a class made for the columns take a third of the time of dicts.
    """
    if any(sign in name for name in names for sign in _ESCAPED):
        # The class cannot have such a name.
        return lambda rows: b"".join(
            orjson.dumps(dict(zip(names, row, strict=True)), plain, orjson.OPT_APPEND_NEWLINE)
            for row in rows
        )
    fields = [f"c{index}" for index in range(len(names))]
    record = msgspec.defstruct(
        "Row", [(each, Any) for each in fields], rename=dict(zip(fields, names, strict=True)),
        gc=False,
    )  # fmt: skip
    encode_lines = msgspec.json.Encoder().encode_lines
    return lambda rows: encode_lines(list(starmap(record, rows)))


def _csv_writer(names: Sequence[str]) -> Write:
    def write(rows: Sequence[Row]) -> bytes:
        columns = _plain_columns(names, rows)
        _check_texts(names, columns)
        cells = [[_cell(value) for value in column] for column in columns]
        return _csv_text(zip(*cells, strict=True))

    return write


def _csv_text(rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)  # RFC 4180
    return text.getvalue().encode()


def _plain_columns(names: Sequence[str], rows: Sequence[Row]) -> list[Column]:
    columns = zip(*rows, strict=True)
    return [_plain_column(name, column) for name, column in zip(names, columns, strict=True)]


def _plain_column(name: str, values: Column) -> Column:
    """Return the values of one column as JSON has them: at once where all are so already."""
    kinds = set(map(type, values))
    if kinds <= _PLAIN_AS_THEY_ARE:
        return values
    if kinds == {int} and min(values) >= INT64_MIN and max(values) <= INT64_MAX:
        return values
    if kinds == {float} and all(map(math.isfinite, values)):
        return values
    try:
        return [plain(value) for value in values]
    except UnfitValue as error:
        raise NodeFailure(
            "invalid_value", f"a value of column {name!r:.80} {error}", retryable=False
        ) from None


def _check_texts(names: Sequence[str], columns: Sequence[Column]) -> None:
    """Refuse NUL and what is too large, by column."""
    for name, column in zip(names, columns, strict=True):
        for value in column:
            text = orjson.dumps(value).decode() if isinstance(value, list) else value
            if not isinstance(text, str):
                continue
            if "\0" in text or (text is not value and "\\u0000" in text):
                message = "holds a NUL character, which no JSON text of Legato may hold"
                raise NodeFailure(
                    "invalid_value", f"a value of column {name!r:.80} {message}", retryable=False
                )
            if len(text) * 4 > CELL_BYTES_MAX and len(text.encode()) > CELL_BYTES_MAX:
                raise NodeFailure(
                    "result_too_large",
                    f"a value of column {name!r:.80} is larger than {CELL_BYTES_MAX} bytes",
                    retryable=False,
                )


def _cell(value: Any) -> Any:
    """Write what CSV has no form for: null is empty, booleans and lists as in JSON."""
    if value is None or isinstance(value, str | float) or type(value) is int:
        return value
    return orjson.dumps(value).decode()

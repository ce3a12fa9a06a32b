# SPDX-License-Identifier: Apache-2.0
"""data.csv: tables as text to rows, and rows to text.

Rules: ND64.
"""

import asyncio
import csv
import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from legato.model.values import INT64_MAX, INT64_MIN
from legato.nodes.content import content_of, kept
from legato.nodes.fields import Config, Output, refused, without_nul
from legato.ports.node import Blob, NodeContext, NodeFailure, node

TEXT_BYTES_MAX: Final = 64 * 1024 * 1024
ROWS_MAX: Final = 1_000_000
COLUMNS_MAX: Final = 1_000
CELL_CHARACTERS_MAX: Final = 128 * 1024
"""The bound of Python's reader, which is one for the whole process."""
_RECORD_CHARACTERS_MAX: Final = 4 * 1024 * 1024
"""A quote that never closes makes the rest of a file one record."""
_LOOK_EVERY: Final = 1_000
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet takes for a formula, in the wide forms of East Asia too."""
_QUOTED: Final = re.compile(r"""[",;\t|\r\n]|^\s|\s$""")
"""All delimiters, whichever is used: a reader that guesses another one must not see new cells."""


class CsvConfig(Config):
    """`with` of data.csv: exactly one of `text`, `blob` and `rows`."""

    text: str | None = Field(default=None, description="A table to read.")
    blob: Blob | None = Field(default=None, description="A payload that holds a table to read.")
    rows: list[dict[str, Any] | list[Any]] | None = Field(
        default=None, max_length=ROWS_MAX, description="Rows to write: maps, or lists of cells."
    )
    delimiter: Literal[",", ";", "\t", "|"] = Field(
        default=",", description="What stands between cells."
    )
    header: bool = Field(
        default=True, description="Whether the first line names the columns (read and written)."
    )
    columns: list[str] | None = Field(
        default=None,
        max_length=COLUMNS_MAX,
        description="Names of the columns: when there is no header, and the order when writing.",
    )
    types: Literal["text", "numbers"] = Field(
        default="text",
        description="text: every cell stays text; numbers: 12 and -1.5 become numbers, 007 stays.",
    )
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] = Field(
        default="utf-8", description="How a payload is to be read."
    )
    max_rows: int = Field(
        default=100_000, ge=1, le=ROWS_MAX, description="More rows than this fail the node."
    )
    escape_formulas: bool = Field(
        default=True,
        description="Write ' before text that a spreadsheet would take for a formula.",
    )
    to: Literal["text", "blob"] = Field(
        default="text", description="Where written text goes: into the output, or a payload."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = (self.text is not None) + (self.blob is not None) + (self.rows is not None)
        if given != 1:
            raise ValueError("exactly one of `text`, `blob` and `rows` is needed")
        if self.columns is not None and len(set(self.columns)) < len(self.columns):
            raise ValueError("a column is named twice in `columns`")
        return self


class CsvOutput(Output):
    """Output of data.csv."""

    rows: list[dict[str, str | int | float]] | None = Field(
        default=None, description="What was read: each row by the names of its columns."
    )
    columns: list[str] = Field(description="The names of the columns, in their order.")
    count: int = Field(description="How many rows there are.")
    text: str | None = Field(default=None, description="What was written.")
    blob: Blob | None = Field(default=None, description="What was written, with `to: blob`.")


@node(
    "data.csv",
    title="Read or write CSV",
    group="data",
    icon="table",
    effect="pure",
    timeout_ms=120_000,
    example="""\
uses: data.csv
with:
  text: "name;age\\nAda;36\\n"
  delimiter: ";"
  types: numbers
""",
)
async def run(ctx: NodeContext, config: CsvConfig) -> CsvOutput:
    """Read a table from CSV text, or write rows as CSV text.

    Reading gives rows by column name. Every row must have as many cells as there are columns;
    empty lines are left out. A column without a name is called `column_3`, the same name twice is
    refused. Bounds: 64 MiB, `max_rows`, 1 000 columns, 128 KiB in one cell.

    Writing quotes what needs it. Text that a spreadsheet would run as a formula (`=`, `+`, `-`,
    `@`) gets a `'` in front unless `escape_formulas` is false; numbers stay numbers. Null is an
    empty cell, a list or map is written as JSON.

    Fails with `invalid_data` (naming row and column) or `too_large`.
    """
    if config.rows is not None:
        columns, data = await asyncio.to_thread(_write, ctx, config)
        text, blob = await kept(ctx, data, to=config.to, media_type="text/csv; charset=utf-8")
        return CsvOutput(columns=columns, count=len(config.rows), text=text, blob=blob)
    content = await content_of(ctx, config.text, config.blob, size_max=TEXT_BYTES_MAX)
    columns, rows = await asyncio.to_thread(_read, ctx, config, content)
    return CsvOutput(rows=rows, columns=columns, count=len(rows))


def _read(
    ctx: NodeContext, config: CsvConfig, content: bytes
) -> tuple[list[str], list[dict[str, str | int | float]]]:
    encoding = config.encoding if config.blob is not None else "utf-8"
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        message = f"it is no {encoding}: byte {error.start} does not fit; name its `encoding`"
        raise refused("invalid_data", message) from None
    lines = _Lines(without_nul(text))
    records = _records(lines, config.delimiter)
    columns = config.columns
    if config.header:
        columns = _named(next(records, (1, []))[1])
    rows: list[dict[str, str | int | float]] = []
    for line, cells in records:
        columns = columns if columns is not None else _named([""] * len(cells))
        if len(cells) != len(columns):
            raise refused(
                "invalid_data",
                f"line {line}: expected {len(columns)} cells ({', '.join(columns)[:200]}), got "
                f"{len(cells)}",
            )
        if len(rows) >= config.max_rows:
            raise refused("too_large", f"there are more than {config.max_rows} rows (`max_rows`)")
        values = map(_number, cells) if config.types == "numbers" else cells
        rows.append(dict(zip(columns, values, strict=True)))
        if len(rows) % _LOOK_EVERY == 0:
            _stop_if_cancelled(ctx)
    return columns or [], rows


class _Lines:
    """Lines for the reader, which fail when one record takes too many of them."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._taken = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken += len(line)
        if self._taken > _RECORD_CHARACTERS_MAX:
            raise _TooLong
        return line

    def begin_record(self) -> None:
        """Count anew."""
        self._taken = 0


class _TooLong(Exception):
    """A record has too many characters."""


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it ends on; empty lines are left out."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begin = reader.line_num + 1
        lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            why = str(error) or f"it has more than {_RECORD_CHARACTERS_MAX} characters"
            hint = "; is a quote not closed?" if "field" in why or "end" in why else ""
            message = f"the record that begins on line {begin}: {why}{hint}"
            raise refused("invalid_data", message) from None
        if len(cells) > COLUMNS_MAX:
            message = f"line {begin} has {len(cells)} columns; the limit is {COLUMNS_MAX}"
            raise refused("too_large", message)
        if cells:
            yield begin, cells


def _named(cells: list[str]) -> list[str]:
    """Return the names of the columns; one without a name is called by its place."""
    names = [cell.strip() or f"column_{place}" for place, cell in enumerate(cells, 1)]
    places: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if name in places:
            message = (
                f"the column {name!r:.100} is there twice (columns {places[name]} and {place})"
            )
            raise refused("invalid_data", message)
        places[name] = place
    return names


def _number(cell: str) -> str | int | float:
    """Return the number that a cell holds as JSON would write it, or else the cell."""
    found = _NUMBER.fullmatch(cell)
    if found is None:
        return cell
    if found[2] is None and found[3] is None:
        number = int(cell)
        return number if INT64_MIN <= number <= INT64_MAX else cell
    value = float(cell)
    return value if math.isfinite(value) else cell


def _write(ctx: NodeContext, config: CsvConfig) -> tuple[list[str], bytes]:
    rows = config.rows or []
    columns = config.columns or _columns_of(rows)
    if len(columns) > COLUMNS_MAX:
        raise refused("too_large", f"{len(columns)} columns; the limit is {COLUMNS_MAX}")
    escape = config.escape_formulas
    out = io.StringIO()
    if config.header and columns:
        out.write(config.delimiter.join(_cell(name, escape=escape) for name in columns) + "\r\n")
    for index, row in enumerate(rows):
        cells = _cells_of(row, columns, index)
        out.write(config.delimiter.join(_cell(cell, escape=escape) for cell in cells) + "\r\n")
        if index % _LOOK_EVERY == 0:
            _stop_if_cancelled(ctx)
    return columns, out.getvalue().encode()


def _columns_of(rows: list[dict[str, Any] | list[Any]]) -> list[str]:
    """Return the names in the order in which they appear."""
    names: dict[str, None] = {}
    for row in rows:
        if isinstance(row, dict):
            names.update(dict.fromkeys(row))
        else:
            names.update(dict.fromkeys(f"column_{place + 1}" for place in range(len(row))))
    return list(names)


def _cells_of(row: dict[str, Any] | list[Any], columns: list[str], index: int) -> list[Any]:
    if isinstance(row, list):
        if len(row) != len(columns):
            message = f"rows[{index}]: expected {len(columns)} cells, got {len(row)}"
            raise refused("invalid_data", message)
        return row
    if unknown := next((name for name in row if name not in columns), None):
        message = f"rows[{index}] has {unknown!r:.100}, which is none of the `columns`"
        raise refused("invalid_data", message)
    return [row.get(name) for name in columns]


def _cell(value: Any, *, escape: bool) -> str:
    """Write one cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
        if escape and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
            text = "'" + text
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int | float):
        text = json.dumps(value)
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _stop_if_cancelled(ctx: NodeContext) -> None:
    if ctx.is_cancelled:
        raise NodeFailure("cancelled", "it was asked to stop", may_have_happened=False)

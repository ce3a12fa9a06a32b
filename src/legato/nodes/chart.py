# SPDX-License-Identifier: Apache-2.0
"""chart.render: rows to a bar, line or pie chart.

Must not import the plotting library: it costs a second and 60 MB, and is loaded by
`legato.nodes.chart_drawing` in a process of its own.

Rules: ND67, ND68.
"""

import asyncio
import base64
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from legato.model.expressions.nearest import nearest_name
from legato.nodes import apart
from legato.nodes.fields import Config, Output, refused
from legato.ports.node import Blob, NodeContext, node

POINTS_MAX: Final = 10_000
SERIES_MAX: Final = 20
INLINE_BYTES_MAX: Final = 256 * 1024
TITLE_CHARACTERS_MAX: Final = 200
LABEL_CHARACTERS_MAX: Final = 60
NUMBER_MAX: Final = 1e100
"""Axes are computed with sums and differences, which must stay finite."""
_DRAWING: Final = "legato.nodes.chart_drawing"
_TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}


class ChartConfig(Config):
    """`with` of chart.render."""

    kind: Literal["bar", "line", "pie"] = Field(description="Which form it has.")
    rows: list[dict[str, Any]] = Field(
        min_length=1, max_length=POINTS_MAX, description="The rows, each by names of columns."
    )
    x: str = Field(description="The column of names, dates or numbers along the axis.")
    y: str | list[str] = Field(description="The column of numbers, or several; one for a pie.")
    title: str = Field(default="", max_length=TITLE_CHARACTERS_MAX, description="Its heading.")
    x_label: str = Field(
        default="", max_length=LABEL_CHARACTERS_MAX, description="What stands at the x axis."
    )
    y_label: str = Field(
        default="", max_length=LABEL_CHARACTERS_MAX, description="What stands at the y axis."
    )
    stacked: bool = Field(default=False, description="Put the bars of several columns together.")
    horizontal: bool = Field(default=False, description="Lay the bars, for long names.")
    width: int = Field(default=800, ge=200, le=2_400, description="In pixels.")
    height: int = Field(default=450, ge=150, le=1_600, description="In pixels.")
    format: Literal["svg", "png"] = Field(default="svg", description="How it is written.")
    scale: int = Field(
        default=1, ge=1, le=3, description="PNG: points for each pixel, 2 for sharp screens."
    )
    alt: str = Field(
        default="",
        max_length=1_000,
        description="What somebody hears who cannot see it; else made from the data.",
    )
    to: Literal["auto", "blob"] = Field(
        default="auto",
        description="auto: SVG up to 256 KiB stands in the output, all else becomes a payload.",
    )

    @model_validator(mode="after")
    def _one_pie(self) -> Self:
        if not 1 <= len(self.series) <= SERIES_MAX:
            raise ValueError(f"`y` should name 1 to {SERIES_MAX} columns")
        if self.kind == "pie" and len(self.series) > 1:
            raise ValueError("a pie shows one column; `y` names several")
        if len(self.rows) * len(self.series) > POINTS_MAX:
            raise ValueError(f"rows times columns of `y` should be at most {POINTS_MAX} points")
        return self

    @property
    def series(self) -> list[str]:
        """The columns of numbers."""
        return [self.y] if isinstance(self.y, str) else self.y


class ChartOutput(Output):
    """Output of chart.render."""

    svg: str | None = Field(default=None, description="The SVG text, if it stands here.")
    blob: Blob | None = Field(default=None, description="The payload, if it does not.")
    alt: str = Field(description="A description in words.")
    width: int = Field(description="In pixels.")
    height: int = Field(description="In pixels.")


@node(
    "chart.render",
    title="Draw a chart",
    group="report",
    icon="chart",
    effect="pure",
    timeout_ms=60_000,
    example="""\
uses: chart.render
with:
  kind: bar
  rows: [{author: Ada, commits: 42}, {author: Grace, commits: 35}]
  x: author
  y: commits
  title: Commits by author
""",
)
async def render(ctx: NodeContext, config: ChartConfig) -> ChartOutput:
    """Draw rows as a bar, line or pie chart, as SVG or PNG.

    The same rows give the same SVG to the byte. The colours are chosen for colour blindness;
    the fonts are those of the plotting library. Null leaves a gap. The x column of a line may hold
    numbers, dates (`2027-03-01`) or names. Of more than 50 bars some are named; slices of a pie
    beyond the largest 50 are put together. At most 10 000 points.

    It is drawn in a process of its own, which ends with the node's time-out.

    Fails with `invalid_data`, which names row and column, or `killed`.
    """
    asked = await asyncio.to_thread(_spec_of, config)
    drawn = base64.b64decode(await apart.run(ctx, _DRAWING, asked))
    size = {"width": config.width * _scale(config), "height": config.height * _scale(config)}
    if config.format == "svg" and config.to == "auto" and len(drawn) <= INLINE_BYTES_MAX:
        return ChartOutput(svg=drawn.decode(), alt=asked["alt"], **size)
    ref = await ctx.blobs.put(drawn)
    blob = Blob.of(ref, _TYPES[config.format], f"chart.{config.format}")
    return ChartOutput(blob=blob, alt=asked["alt"], **size)


def _scale(config: ChartConfig) -> int:
    return config.scale if config.format == "png" else 1


def _spec_of(config: ChartConfig) -> dict[str, Any]:
    """Return what is to be drawn, every value checked.

    Raises:
        NodeFailure: `invalid_data`.
    """
    values = [
        [_number(config, name, index) for index in range(len(config.rows))]
        for name in config.series
    ]
    if config.kind == "pie":
        _check_pie(config, values[0])
    names = [label(name) for name in config.series]
    spec = {
        "kind": config.kind,
        "x": [_name(config, index) for index in range(len(config.rows))],
        "series": [
            {"name": name, "values": each} for name, each in zip(names, values, strict=True)
        ],
        "title": label(config.title, TITLE_CHARACTERS_MAX),
        "x_label": label(config.x_label),
        "y_label": label(config.y_label),
        "stacked": config.stacked,
        "horizontal": config.horizontal,
        "width": config.width,
        "height": config.height,
        "format": config.format,
        "scale": _scale(config),
    }
    return {**spec, "alt": label(config.alt, 1_000) or _description(config, spec)}


def label(text: object, length_max: int = LABEL_CHARACTERS_MAX) -> str:
    """Return text as it may stand in a chart: one line, no control characters, short."""
    line = "".join(each if each.isprintable() else " " for each in str(text)).strip()
    return line if len(line) <= length_max else line[: length_max - 1] + "…"


def _cell(config: ChartConfig, column: str, index: int) -> Any:
    row = config.rows[index]
    if column not in row:
        near = nearest_name(column, list(row))
        hint = f"did you mean {near!r:.80}?" if near else f"it has {', '.join(row)}"
        raise refused("invalid_data", f"rows[{index}] has no {column!r:.80}; {hint:.200}")
    return row[column]


def _number(config: ChartConfig, column: str, index: int) -> float | None:
    value = _cell(config, column, index)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"rows[{index}].{column:.80}: expected a number, got {_kind(value)} {value!r:.80}"
        raise refused("invalid_data", message)
    return _drawable(value, column, index)


def _drawable(value: float, column: str, index: int) -> float:
    if abs(value) > NUMBER_MAX:
        message = f"rows[{index}].{column:.80}: {value:g} is too large to be drawn"
        raise refused("invalid_data", message)
    return float(value)


def _name(config: ChartConfig, index: int) -> str | float:
    value = _cell(config, config.x, index)
    if isinstance(value, dict | list):
        message = f"rows[{index}].{config.x:.80}: expected a name or number, got {_kind(value)}"
        raise refused("invalid_data", message)
    if isinstance(value, int | float) and not isinstance(value, bool) and config.kind == "line":
        return _drawable(value, config.x, index)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # an expression makes 2027.0 of 2027
    return label("" if value is None else value)


def _kind(value: object) -> str:
    words = {str: "text", bool: "true or false", list: "a list", dict: "a map"}
    return words.get(type(value), type(value).__name__)


def _check_pie(config: ChartConfig, values: list[float | None]) -> None:
    for index, value in enumerate(values):
        if value is not None and value < 0:
            message = f"rows[{index}].{config.series[0]:.80}: a slice cannot be {value:g}"
            raise refused("invalid_data", message)
    if not sum(value or 0 for value in values):
        raise refused("invalid_data", "the slices of the pie have no size")


def _description(config: ChartConfig, spec: dict[str, Any]) -> str:
    """Say in words what the chart shows."""
    heading = f": {spec['title']}" if spec["title"] else ""
    parts = [f"{config.kind.capitalize()} chart{heading}."]
    names = spec["x"]
    for series in spec["series"]:
        known = [(value, name) for value, name in zip(series["values"], names, strict=True)
                 if value is not None]  # fmt: skip
        if not known:
            parts.append(f"{series['name']}: no values.")
            continue
        least, most = min(known, key=_first), max(known, key=_first)
        parts.append(
            f"{series['name']}: {len(known)} values, least {least[0]:g} ({_said(least[1])}), "
            f"largest {most[0]:g} ({_said(most[1])})."
        )
    return label(" ".join(parts), 1_000)


def _first(pair: tuple[float, object]) -> float:
    return pair[0]


def _said(name: object) -> str:
    return f"{name:g}" if isinstance(name, float) else str(name)

# SPDX-License-Identifier: Apache-2.0
"""Draws one chart with matplotlib: the process of its own that `chart.render` starts.

What comes in was checked by `legato.nodes.chart`. Text is only ever drawn, never read as the
library's own notation (`$…$` for formulas).

Rules: ND67, ND68.
"""

import base64
import html
import io
import itertools
import math
import re
import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from legato.nodes import apart
from legato.nodes.fields import refused

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI: Final = 100
NAMED_MAX: Final = 50
PALETTE: Final = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#5d4b8c", "#7f7f7f",
)  # fmt: skip
"""Okabe and Ito's colours, chosen to be told apart with the common kinds of colour blindness; a
violet and a grey stand for their yellow and black, which vanish on a white or a dark page."""
_INK: Final = "#24292f"
_FAINT: Final = "#d8dee4"
_OTHERS: Final = "#b8bec5"
_NAME_PIXELS: Final = 24
"""Room that one turned name needs along an axis."""
_SETTINGS: Final[Any] = {
    "svg.hashsalt": "legato", "svg.fonttype": "none", "text.parse_math": False,
    "text.usetex": False, "font.family": ["DejaVu Sans", "sans-serif"],
    "font.sans-serif": ["DejaVu Sans"], "font.size": 10,
    "axes.edgecolor": _INK, "axes.labelcolor": _INK, "text.color": _INK, "xtick.color": _INK,
    "ytick.color": _INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "legend.frameon": False,
}  # fmt: skip
_SIZE: Final = re.compile(r'(width|height)="[0-9.]+pt"')
"""The library writes points, three quarters of the pixels that were asked for."""
_NO_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw(spec: dict[str, Any]) -> str:
    """Return the picture in base64.

    Raises:
        NodeFailure: `invalid_data`: the library cannot draw it, for example dates before year 1.
    """
    import matplotlib as mpl  # noqa: PLC0415 - only in this process, a second

    warnings.simplefilter("ignore")  # a character that the font lacks is drawn as a box
    with mpl.rc_context(_SETTINGS):
        from matplotlib.figure import Figure  # noqa: PLC0415
        from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415

        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
        size = (spec["width"] / DPI, spec["height"] / DPI)
        figure = Figure(figsize=size, dpi=DPI, layout=layout, facecolor="white")
        axes = figure.add_subplot()
        _FORMS[spec["kind"]](axes, spec)
        if spec["title"]:
            axes.set_title(_wrapped(spec), loc="left", fontsize=13, fontweight="bold", pad=12)
        _add_legend(figure, axes, spec)
        try:
            return base64.b64encode(_written(figure, spec)).decode()
        except (ValueError, OverflowError) as error:
            raise refused("invalid_data", f"it cannot be drawn: {error}") from None


def _written(figure: "Figure", spec: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    if spec["format"] == "png":
        figure.savefig(out, format="png", dpi=DPI * spec["scale"], metadata={"Software": None})
        return out.getvalue()
    figure.savefig(out, format="svg", dpi=DPI, metadata=_NO_METADATA)
    text = out.getvalue().decode()
    # From the element on, so that it can stand inside a page; with words for who cannot see it.
    start = text.index("<svg")
    end = text.index(">", start)
    element = _SIZE.sub(lambda found: f'{found[1]}="{spec[found[1]]}"', text[start:end])
    words = f"<title>{html.escape(spec['alt'])}</title>"
    return f'{element} role="img">\n {words}{text[end + 1 :]}'.encode()


def _wrapped(spec: dict[str, Any]) -> str:
    """Break a title into lines that fit; a bold letter at this size is some 11 pixels wide."""
    room = max(10, (spec["width"] - 80) // 11)
    lines: list[str] = [""]
    for word in spec["title"].split(" "):
        if lines[-1] and len(lines[-1]) + len(word) + 1 > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(each[:room] for each in lines)


def _draw_bars(axes: "Axes", spec: dict[str, Any]) -> None:
    count, series = len(spec["x"]), spec["series"]
    bar = axes.barh if spec["horizontal"] else axes.bar
    share = 0.8 if spec["stacked"] or len(series) == 1 else 0.8 / len(series)
    above, below = [0.0] * count, [0.0] * count
    for index, (each, color) in enumerate(zip(series, itertools.cycle(PALETTE), strict=False)):
        values = [0.0 if value is None else value for value in each["values"]]
        shift = 0.0 if spec["stacked"] else (index - (len(series) - 1) / 2) * share
        places = [place + (shift if len(series) > 1 else 0.0) for place in range(count)]
        # Negative values are stacked downwards.
        base = [above[at] if values[at] >= 0 else below[at] for at in range(count)]
        start: Any = {"left" if spec["horizontal"] else "bottom": base} if spec["stacked"] else {}
        bar(places, values, share, color=color, label=each["name"], **start)
        for at, value in enumerate(values):
            above[at], below[at] = above[at] + max(value, 0), below[at] + min(value, 0)
    _name_bars(axes, spec)


def _name_bars(axes: "Axes", spec: dict[str, Any]) -> None:
    room = (spec["height"] if spec["horizontal"] else spec["width"]) // _NAME_PIXELS
    places = _some(len(spec["x"]), min(NAMED_MAX, max(2, room)))
    names = [str(spec["x"][place]) for place in places]
    if spec["horizontal"]:
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.grid(axis="x", color=_FAINT)
        axes.set_xlabel(spec["y_label"])
        axes.set_ylabel(spec["x_label"])
        return
    axes.set_xticks(places, names, **_turn(names, spec["width"]))
    axes.grid(axis="y", color=_FAINT)
    axes.set_xlabel(spec["x_label"])
    axes.set_ylabel(spec["y_label"])


def _draw_lines(axes: "Axes", spec: dict[str, Any]) -> None:
    places: Sequence[Any] = spec["x"]
    dates = _dates_of(places)
    is_named = not dates and not all(isinstance(each, float) for each in places)
    if dates:
        places = dates
    elif is_named:
        places = range(len(places))
    dots = "o" if len(places) <= NAMED_MAX else ""
    for each, color in zip(spec["series"], itertools.cycle(PALETTE), strict=False):
        values = [math.nan if value is None else value for value in each["values"]]
        axes.plot(
            places, values, color=color, label=each["name"], linewidth=2, marker=dots, markersize=4
        )
    if is_named:
        shown = _some(len(places), min(NAMED_MAX, max(2, spec["width"] // _NAME_PIXELS // 2)))
        names = [str(spec["x"][place]) for place in shown]
        axes.set_xticks(shown, names, **_turn(names, spec["width"]))
    elif dates:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415

        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        shape = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(shape)
    axes.grid(axis="y", color=_FAINT)
    axes.set_xlabel(spec["x_label"])
    axes.set_ylabel(spec["y_label"])


def _draw_pie(axes: "Axes", spec: dict[str, Any]) -> None:
    """Draw slices from the largest on; those that are too thin to be named are in the legend."""
    values = spec["series"][0]["values"]
    slices = sorted(
        ((value or 0.0, str(name)) for value, name in zip(values, spec["x"], strict=True)),
        key=lambda each: -each[0],
    )
    if len(slices) > NAMED_MAX:
        rest = slices[NAMED_MAX - 1 :]
        total = sum(value for value, _ in rest)
        slices = [*slices[: NAMED_MAX - 1], (total, f"{len(rest)} others")]
    total = sum(value for value, _ in slices)
    names = [f"{name}  {value / total:.1%}" for value, name in slices]
    colors = list(itertools.islice(itertools.cycle(PALETTE), len(slices)))
    if len(values) > NAMED_MAX:
        colors[-1] = _OTHERS
    wedges, *_ = axes.pie(
        [value for value, _ in slices], colors=colors, startangle=90, counterclock=False,
        wedgeprops={"edgecolor": "white", "linewidth": 1},
    )  # fmt: skip
    room = spec["height"] - 60
    size, line = (10, 20) if len(slices) * 20 <= room else (7, 14)
    columns = math.ceil(len(slices) / max(1, room // line))
    axes.legend(
        wedges, names, loc="center left", bbox_to_anchor=(1.02, 0.5), ncols=columns, fontsize=size
    )


_FORMS: Final = {"bar": _draw_bars, "line": _draw_lines, "pie": _draw_pie}


def _add_legend(figure: "Figure", axes: "Axes", spec: dict[str, Any]) -> None:
    if spec["kind"] == "pie" or len(spec["series"]) == 1:
        return
    columns = max(1, min(len(spec["series"]), spec["width"] // 150))
    # By hand: what the library gathers lacks the names that begin with "_".
    handles: Any = axes.containers or axes.lines
    names = [each["name"] for each in spec["series"]]
    figure.legend(handles, names, loc="outside lower left", ncols=columns)


def _some(count: int, count_max: int) -> list[int]:
    """Return the places of those that are named: all, or every n-th."""
    step = math.ceil(count / count_max)
    return list(range(0, count, step))


def _turn(names: list[str], width: int) -> dict[str, Any]:
    """Turn names that have no room side by side; a letter is some 7 pixels wide."""
    room = (width - 80) / max(1, len(names))
    if max((len(name) for name in names), default=0) * 7 <= room:
        return {}
    return {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}


def _dates_of(places: Sequence[Any]) -> list[datetime]:
    """Return the places as times if each of them is one, in one kind of zone."""
    found: list[datetime] = []
    for each in places:
        if not isinstance(each, str) or not each[:4].isdigit() or each[4:5] != "-":
            return []
        try:
            found.append(datetime.fromisoformat(each))
        except ValueError:
            return []
    return found if len({each.tzinfo is None for each in found}) == 1 else []


if __name__ == "__main__":
    apart.serve(draw)

# SPDX-License-Identifier: Apache-2.0
"""chart.render with the real plotting library, in the process that the node starts."""

import struct
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from legato.nodes import chart, data_markdown, data_validate
from tests.unit.nodes.world import World

ROWS = [
    {"day": f"2027-03-{day:02d}", "runs": day * 3 % 17, "failed": None if day == 5 else day % 4}
    for day in range(1, 13)
]
SVG = "{http://www.w3.org/2000/svg}"


async def drawn(world: World, **config: Any) -> tuple[dict[str, Any], ET.Element]:
    config = {"kind": "line", "rows": ROWS, "x": "day", "y": ["runs", "failed"], **config}
    output = await world.output(chart.render, config)
    return output, ET.fromstring(output["svg"])  # noqa: S314 - made here, a moment ago


def texts(svg: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"kind": "line", "title": "Runs"}, {"Runs", "runs", "failed", "2027-Mar"}),
        ({"kind": "bar", "x_label": "Day"}, {"Day", "2027-03-01", "2027-03-12"}),
        ({"kind": "bar", "stacked": True, "horizontal": True, "y_label": "n"}, {"n", "2027-03-01"}),
        ({"kind": "pie", "y": "runs"}, {"2027-03-05  15.3%"}),
        ({"kind": "line", "x": "runs", "y": "failed"}, {"2", "0.5"}),
        (
            {"kind": "bar", "rows": [{"day": 2027.0, "_n": 1, "m": 2}], "y": ["_n", "m"]},
            {"2027", "_n", "m"},
        ),
        ({"kind": "line", "rows": [{"day": "a", "runs": 1, "failed": 2}]}, {"a"}),
    ],
)
async def test_each_kind_is_drawn_with_its_words(
    world: World, config: dict[str, Any], expected: set[str]
) -> None:
    """Bars, lines and pies with title, axes and legend; text stays text [ND67]."""
    output, svg = await drawn(world, **config)
    assert (svg.get("width"), svg.get("height"), svg.get("role")) == ("800", "450", "img")
    assert svg[0].text == output["alt"]
    assert expected <= set(texts(svg)), texts(svg)
    assert "DejaVu Sans" in output["svg"]


async def test_the_same_rows_give_the_same_svg(world: World) -> None:
    """No date, no chance, no path of the machine is in it [ND67]."""
    one, _ = await drawn(world, width=400, height=200)
    two, _ = await drawn(world, width=400, height=200)
    assert one == two
    assert one["svg"].startswith("<svg ")
    assert str(world.folder) not in one["svg"]
    assert "<metadata" not in one["svg"]


async def test_a_png_has_the_wanted_size(world: World) -> None:
    """PNG is a payload of width times height, times the scale [ND67]."""
    config = {
        "kind": "bar", "rows": ROWS, "x": "day", "y": "runs", "format": "png", "scale": 2,
        "width": 300, "height": 200,
    }  # fmt: skip
    output = await world.output(chart.render, config)
    png = world.blobs.payloads[output["blob"]["hash"]]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (600, 400) == (output["width"], output["height"])
    assert (output["blob"]["type"], output["svg"]) == ("image/png", None)


async def test_many_points_are_drawn_and_some_of_them_named(world: World) -> None:
    """10 000 points are drawn; at most 50 bars are named, small slices put together [ND67]."""
    rows = [{"day": f"item {number}", "runs": number + 1} for number in range(10_000)]
    output = await world.output(
        chart.render, {"kind": "line", "rows": rows, "x": "day", "y": "runs"}
    )
    assert output["svg"] or output["blob"]
    _, bars = await drawn(world, kind="bar", rows=rows[:400], y="runs", width=2_400)
    assert 10 <= len([each for each in texts(bars) if each.startswith("item")]) <= 50
    _, pie = await drawn(world, kind="pie", rows=rows[:400], y="runs")
    names = [each for each in texts(pie) if "%" in each]
    assert len(names) == 50
    assert names[-1].startswith("351 others")


async def test_an_svg_that_is_large_is_a_payload(world: World) -> None:
    """Over 256 KiB, or when asked, the SVG goes to a blob [ND67]."""
    config = {"kind": "bar", "rows": ROWS, "x": "day", "y": "runs", "to": "blob"}
    output = await world.output(chart.render, config)
    assert output["svg"] is None
    assert (output["blob"]["type"], output["blob"]["name"]) == ("image/svg+xml", "chart.svg")
    rows = [{"day": str(number), "runs": number} for number in range(3_000)]
    large = await world.output(chart.render, {"kind": "bar", "rows": rows, "x": "day", "y": "runs"})
    assert large["svg"] is None
    assert large["blob"]["size"] > 256 * 1024


async def test_what_the_library_cannot_draw_is_told(world: World) -> None:
    """Dates at the end of its calendar fail the node with the reason [ND67]."""
    rows = [{"x": "0001-01-01", "y": 1}, {"x": "9999-12-31", "y": 2}]
    error = await world.error(chart.render, {"kind": "line", "rows": rows, "x": "x", "y": "y"})
    assert (error.kind, error.retryable) == ("invalid_data", False)
    assert "between year 0001 and 9999" in error.message


async def test_a_chart_that_takes_too_long_is_killed(world: World) -> None:
    """The process ends with the time-out of the node [ND68, ND9]."""
    config = {"kind": "bar", "rows": ROWS, "x": "day", "y": "runs"}
    error = await world.error(chart.render, config, timeout_ms=50)
    assert error.kind == "timeout"


async def test_long_markdown_is_rendered_apart(world: World) -> None:
    """What could take long runs in a process of its own, with the same result [ND66, ND68]."""
    part = "A *b* and `c`.\n\n"
    short = await world.output(data_markdown.run, {"text": part})
    long = await world.output(data_markdown.run, {"text": part * 4_000})
    assert long["html"] == short["html"] * 4_000
    error = await world.error(data_markdown.run, {"text": "[a](" * 250_000}, timeout_ms=1_000)
    assert error.kind == "timeout"


async def test_a_schema_without_end_is_killed(world: World) -> None:
    """References that double the work at each step end with the time-out [ND63, ND68]."""
    steps = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    schema = {"$defs": {**steps, "d60": {"type": "integer"}}, "$ref": "#/$defs/d0"}
    error = await world.error(
        data_validate.validate, {"value": 1, "schema": schema}, timeout_ms=2_000
    )
    assert error.kind == "timeout"


async def test_what_the_work_apart_says_no_with_is_the_nodes_failure(world: World) -> None:
    """A refusal keeps its kind and message over the process [ND63]."""
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"pattern": "("}}}
    error = await world.error(data_validate.validate, {"value": "x", "schema": schema})
    assert (error.kind, error.retryable) == ("invalid_schema", False)
    long = await world.error(data_markdown.run, {"text": "x " * 20_000 + "![](chart:none)"})
    assert long.kind == "unknown_chart"

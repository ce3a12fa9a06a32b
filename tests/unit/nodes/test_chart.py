# SPDX-License-Identifier: Apache-2.0
"""chart.render: what is checked before anything is drawn."""

import subprocess
import sys
from typing import Any

import pytest

from legato.nodes import chart
from legato.nodes.chart_drawing import PALETTE
from tests.unit.nodes.world import World

ROWS = [{"x": "a", "y": 1, "z": 2}, {"x": "b", "y": 2.5, "z": None}]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rows": [{"x": "a", "y": 1}, {"x": "b", "y": "2"}]},
         "rows[1].y: expected a number, got text '2'"),
        ({"rows": [{"x": "a", "y": "NaN"}]}, "rows[0].y: expected a number, got text 'NaN'"),
        ({"rows": [{"x": "a", "y": True}]}, "rows[0].y: expected a number, got true or false"),
        ({"rows": [{"x": "a", "y": [1]}]}, "rows[0].y: expected a number, got a list"),
        ({"rows": [{"x": {}, "y": 1}]}, "rows[0].x: expected a name or number, got a map"),
        ({"rows": [{"x": "a", "y": 1e300}]}, "rows[0].y: 1e+300 is too large to be drawn"),
        ({"kind": "line", "rows": [{"x": -1e300, "y": 1}]}, "rows[0].x: -1e+300 is too large"),
        ({"y": "yy"}, "rows[0] has no 'yy'; did you mean 'y'?"),
        ({"x": "name"}, "rows[0] has no 'name'"),
        ({"kind": "pie", "rows": [{"x": "a", "y": -1}]}, "rows[0].y: a slice cannot be -1"),
        ({"kind": "pie", "rows": [{"x": "a", "y": 0}]}, "the slices of the pie have no size"),
    ],
)  # fmt: skip
async def test_data_that_cannot_be_drawn_is_named(
    world: World, changes: dict[str, Any], says: str
) -> None:
    """Row and column of what is no number, or is missing, are told [ND67]."""
    config = {"kind": "bar", "rows": ROWS, "x": "x", "y": "y", **changes}
    error = await world.error(chart.render, config)
    assert (error.kind, error.retryable, error.may_have_happened) == ("invalid_data", False, False)
    assert says in error.message


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "area"},
        {"rows": []},
        {"rows": [{"x": "a", "y": 1}] * 10_001},
        {"rows": [{"x": "a", "y": 1, "z": 1}] * 6_000, "y": ["y", "z"]},
        {"y": []},
        {"y": [f"c{number}" for number in range(21)]},
        {"kind": "pie", "y": ["y", "z"]},
        {"width": 10},
        {"width": 100_000},
        {"height": 10_000},
        {"scale": 9},
        {"title": "x" * 201},
        {"format": "pdf"},
        {"rows": [1]},
    ],
)
async def test_bounds_are_checked_before_the_run(world: World, changes: dict[str, Any]) -> None:
    """Points, columns, size and lengths have bounds [ND67]."""
    config = {"kind": "bar", "rows": ROWS, "x": "x", "y": "y", **changes}
    assert (await world.error(chart.render, config)).kind == "invalid_config"


def test_labels_are_one_short_line() -> None:
    """Control characters and line ends become spaces, long text is shortened [ND67]."""
    assert chart.label("a\nb\x1b\u202ec") == "a b  c"
    assert chart.label("x" * 100) == "x" * 59 + "…"
    assert chart.label(3) == "3"


def test_the_colours_differ() -> None:
    """No colour is there twice [ND67]."""
    assert len(set(PALETTE)) == len(PALETTE) == 8


def test_no_plotting_library_is_loaded_by_the_engine() -> None:
    """Node types are there without the libraries of their work [ND68, CL13]."""
    code = (
        "import sys, legato.nodes.registry as r; r.load_node_types();"
        "import legato.nodes.chart_drawing;"
        "names = ('matplotlib', 'numpy', 'markdown_it', 'nh3', 'jsonschema_rs');"
        "print([m for m in names if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

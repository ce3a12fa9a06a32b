# SPDX-License-Identifier: Apache-2.0
"""data.transform and data.template."""

from typing import Any

import pytest

from legato.model.signals import ReportSuccess
from legato.model.values import encode
from legato.nodes import data
from tests.unit.nodes.world import World, request


@pytest.mark.parametrize("value", [None, 1, 2.5, "text", [1, {"a": None}], {"k": [True]}, ""])
async def test_transform_returns_its_value_with_its_type(world: World, value: Any) -> None:
    """A list stays a list, null stays null [ND24]."""
    assert await world.output(data.transform, {"value": value}) == value


async def test_transform_needs_a_value(world: World) -> None:
    """A forgotten value is an error, null is a value [ND24]."""
    assert (await world.error(data.transform, {})).kind == "invalid_config"


async def test_transform_hands_on_what_it_is_given_as_text(world: World) -> None:
    """Its output is the field of its config, byte for byte, and has the same limits [ND24, ND8]."""
    value: dict[str, Any] = {"z": [1, 2.50, "ä\n\u2028"], "a": {"b": []}, "n": None}
    world.types["data.transform"] = data.transform
    report = await world.runner().run(request(data.transform, {"value": value}))
    assert isinstance(report, ReportSuccess)
    assert bytes(report.output.json) == encode(value)
    assert (await world.error(data.transform, {"value": 1, "other": 2})).kind == "invalid_config"
    world.limit(max_output_bytes=100)
    assert (await world.error(data.transform, {"value": "x" * 100})).kind == "output_too_large"
    large = await world.output(data.transform, {"value": "x" * 98})
    assert large == "x" * 98


async def test_template_returns_its_text_untouched(world: World) -> None:
    """What looks like an expression in data stays text [ND25, EX2]."""
    for text in ("", "plain", "${{ inputs.x }}", "{{ 7*7 }}", "={{ 1 }}"):
        assert await world.output(data.template, {"text": text}) == {"text": text}
    assert (await world.error(data.template, {"text": 5})).kind == "invalid_config"

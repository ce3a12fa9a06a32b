# SPDX-License-Identifier: Apache-2.0
"""data.transform and data.template."""

from typing import Any

import pytest

from legato.nodes import data
from tests.unit.nodes.world import World


@pytest.mark.parametrize("value", [None, 1, 2.5, "text", [1, {"a": None}], {"k": [True]}, ""])
async def test_transform_returns_its_value_with_its_type(world: World, value: Any) -> None:
    """A list stays a list, null stays null [ND24]."""
    assert await world.output(data.transform, {"value": value}) == value


async def test_transform_needs_a_value(world: World) -> None:
    """A forgotten value is an error, null is a value [ND24]."""
    assert (await world.error(data.transform, {})).kind == "invalid_config"


async def test_template_returns_its_text_untouched(world: World) -> None:
    """What looks like an expression in data stays text [ND25, EX2]."""
    for text in ("", "plain", "${{ inputs.x }}", "{{ 7*7 }}", "={{ 1 }}"):
        assert await world.output(data.template, {"text": text}) == {"text": text}
    assert (await world.error(data.template, {"text": 5})).kind == "invalid_config"

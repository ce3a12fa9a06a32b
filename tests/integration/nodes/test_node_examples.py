# SPDX-License-Identifier: Apache-2.0
"""The examples that node types show do what they say."""

from collections.abc import Mapping
from typing import Any

import pytest
from ruamel.yaml import YAML

from legato.nodes.registry import builtin_node_types
from tests.support.box import allow_code
from tests.unit.nodes.world import World

GIVEN: Mapping[str, Any] = {"${{ nodes.chart.output }}": "<svg></svg>"}
"""What the expressions of examples stand for."""
OUTPUTS: Mapping[str, Mapping[str, Any]] = {
    "data.validate": {"valid": True},
    "data.csv": {"rows": [{"name": "Ada", "age": 36}]},
    "data.json": {"text": '{\n  "authors": [\n    "Ada",\n    "Grace"\n  ],\n  "week": 12\n}\n'},
    "data.markdown": {"text": "Week 12\n\nAll is well."},
    "code.python": {"median": 17},
    "chart.render": {"width": 800, "blob": None},
    "report.markdown": {"text": None},
}


@pytest.mark.parametrize("uses", OUTPUTS)
async def test_an_example_runs(world: World, uses: str) -> None:
    """Whoever copies the example gets an output [ND2]."""
    if uses == "code.python":
        allow_code(world)
    node_type = builtin_node_types()[uses]
    config = _filled(YAML(typ="safe").load(node_type.info.example)["with"])
    output = await world.output(node_type, config)
    assert {name: output[name] for name in OUTPUTS[uses]} == OUTPUTS[uses]


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each) for key, each in value.items()}
    return GIVEN.get(value, value) if isinstance(value, str) else value

# SPDX-License-Identifier: Apache-2.0
"""data.validate, in this process and apart."""

from typing import Any

import pytest

from legato.nodes import data_validate
from tests.unit.nodes.world import World

ORDERS: dict[str, Any] = {
    "type": "object",
    "required": ["orders"],
    "additionalProperties": False,
    "properties": {
        "orders": {
            "type": "array",
            "items": {"type": "object", "properties": {"price": {"type": "number", "minimum": 0}}},
        },
    },
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (ORDERS, {"orders": [{"price": 1.5}, {}]}),
        (True, None),
        ({}, {"any": ["thing"]}),
        ({"type": ["null", "string"]}, None),
        ({"format": "date"}, "2027-03-01"),
    ],
)
async def test_a_value_that_fits_passes(world: World, schema: Any, value: Any) -> None:
    """What fits is valid and has no errors [ND63]."""
    output = await world.output(data_validate.validate, {"value": value, "schema": schema})
    assert output == {"valid": True, "errors": []}


async def test_every_place_that_does_not_fit_is_named(world: World) -> None:
    """Path, rule and what stands there are told for each error [ND63]."""
    config = {
        "value": {"extra": 1, "orders": [{"price": "much"}, {"price": -1}]},
        "schema": ORDERS,
        "on_invalid": "report",
    }
    output = await world.output(data_validate.validate, config)
    assert output["valid"] is False
    assert {each["path"]: (each["expected"], each["got"]) for each in output["errors"]} == {
        "$.orders[0].price": ('type: "number"', '"much"'),
        "$.orders[1].price": ("minimum: 0", "-1"),
        "$": (
            "additionalProperties: false",
            '{"extra":1,"orders":[{"price":"much"},{"price":-1}]}',
        ),
    }
    assert 'is not of type "number"' in output["errors"][0]["message"]


async def test_a_value_that_does_not_fit_fails_the_node(world: World) -> None:
    """By default the node fails with the first places [ND63]."""
    config = {"value": {"orders": [{"price": n} for n in "abcdefgh"]}, "schema": ORDERS}
    error = await world.error(data_validate.validate, config)
    assert (error.kind, error.retryable, error.may_have_happened) == ("invalid_data", False, False)
    assert error.message.startswith('the value does not fit: $.orders[0].price: "a" is not')
    assert error.message.endswith("; and 3 more")


async def test_errors_are_bounded(world: World) -> None:
    """A hundred errors are listed, and long values are shortened [ND63]."""
    config = {
        "value": ["x" * 10_000] * 1_000,
        "schema": {"items": {"type": "number"}},
        "on_invalid": "report",
    }
    output = await world.output(data_validate.validate, config)
    assert len(output["errors"]) == 100
    assert all(len(text) <= 240 for each in output["errors"] for text in each.values())


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "numbr"}, "$.type"),
        ({"pattern": "("}, "$.pattern"),
        ({"minimum": "3"}, "$.minimum"),
        ({"$ref": "#/$defs/none"}, "schema, $"),
        ({"properties": 3}, "$.properties"),
    ],
)
async def test_a_schema_that_is_none_is_named(world: World, schema: Any, says: str) -> None:
    """The place in the schema is told [ND63]."""
    error = await world.error(data_validate.validate, {"value": 1, "schema": schema})
    assert error.kind == "invalid_schema"
    assert says in error.message


async def test_references_inside_the_schema_work(world: World) -> None:
    """A schema may refer to its own parts, itself included [ND63]."""
    below = {"items": {"$ref": "#/$defs/node"}}
    node = {"required": ["name"], "properties": {"below": below}}
    tree = {"$defs": {"node": node}, "$ref": "#/$defs/node"}
    value = {"name": 1, "below": [{"name": 2, "below": [{"nam": 3}]}]}
    config = {"value": value, "schema": tree, "on_invalid": "report"}
    output = await world.output(data_validate.validate, config)
    assert [each["path"] for each in output["errors"]] == ["$.below[0].below[0]"]
    assert output["errors"][0]["expected"] == 'required: ["name"]'

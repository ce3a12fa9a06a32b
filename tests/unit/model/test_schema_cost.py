# SPDX-License-Identifier: Apache-2.0

from typing import Any

import pytest

from legato.errors import InvalidInput
from legato.model.schema_cost import schema_cost

Schema = dict[str, Any]

MOST = 10_000
BACK: Schema = {"$ref": "#/$defs/tree"}


def cost(tree: Schema, **more: Schema) -> int:
    """Count a schema whose definition `tree` is given."""
    root = {"type": "object", "properties": {"x": BACK}, "$defs": {"tree": tree, **more}}
    return schema_cost(root, MOST, may_recur=True)


@pytest.mark.parametrize(
    "tree",
    [
        {"properties": {"left": BACK, "right": BACK}},
        {"anyOf": [{"type": "string"}, {"type": "array", "items": BACK}]},
        {"properties": {"and": {"items": BACK}, "or": {"items": BACK}, "not": BACK}},
        {"properties": {"a": BACK}, "additionalProperties": BACK},
        {"patternProperties": {"^x": BACK}},
        {"properties": {"head": {"$ref": "#/$defs/list"}}},
    ],
)
def test_a_schema_of_a_tree_counts_for_every_level(tree: Schema) -> None:
    """A value of depth d meets it d times, not 2^d times [DO27]."""
    found = cost(tree, list={"properties": {"tail": BACK, "more": {"$ref": "#/$defs/list"}}})
    assert 64 < found <= 20 * 64


@pytest.mark.parametrize(
    "tree",
    [
        {"anyOf": [{"items": BACK}, {"items": BACK}]},
        {"allOf": [{"properties": {"a": BACK}}, {"additionalProperties": BACK}]},
        {"properties": {"a": BACK}, "patternProperties": {"^a": BACK}},
        {"patternProperties": {"^a": BACK, "^b": BACK}},
        {"items": {"allOf": [BACK, BACK]}},
        {"if": {"items": BACK}, "then": {"items": BACK}},
        {"anyOf": [{"items": {"$ref": "#/$defs/other"}}, {"prefixItems": [BACK]}]},
    ],
)
def test_a_schema_that_doubles_with_every_level_is_refused(tree: Schema) -> None:
    """A value of depth 64 would meet it 2^64 times [DO27]."""
    with pytest.raises(InvalidInput, match="in two ways at one place"):
        cost(tree, other={"items": BACK})


@pytest.mark.parametrize(
    "tree",
    [
        {"$ref": "#/$defs/tree"},
        {"anyOf": [{"type": "string"}, BACK]},
        {"if": {"not": {"$ref": "#/$defs/other"}}},
    ],
)
def test_a_schema_that_never_goes_into_the_value_is_refused(tree: Schema) -> None:
    """A validator that follows it does not come back [DO27]."""
    with pytest.raises(InvalidInput, match="leads back to itself"):
        cost(tree, other={"allOf": [BACK]})


def test_circles_in_circles_are_multiplied() -> None:
    """Each level of the outer one goes down a whole inner one [DO27]."""
    inner: Schema = {"properties": {"next": {"$ref": "#/$defs/inner"}}}
    outer: Schema = {"properties": {"next": BACK, "inner": {"$ref": "#/$defs/inner"}}}
    assert cost(outer, inner=inner) >= 64 * 64
    for name in "abc":
        outer["properties"][name] = {"properties": {"y": {"$ref": "#/$defs/inner"}}}
    with pytest.raises(InvalidInput, match="too much to check"):
        cost(outer, inner=inner)


def test_a_schema_that_is_large_to_count_is_refused_soon() -> None:
    """A chain of references with properties of their own, and one that is merely long [DO27]."""
    wide: Schema = {
        f"d{i}": {
            "allOf": [{"$ref": f"#/$defs/d{i + 1}"}],
            "properties": {f"p{i}-{j}": {} for j in range(80)},
        }
        for i in range(90)
    }
    with pytest.raises(InvalidInput, match="too much to check"):
        cost({"$ref": "#/$defs/d0"}, **wide)
    long: Schema = {f"d{i}": {"not": {"$ref": f"#/$defs/d{i + 1}"}} for i in range(5_000)}
    with pytest.raises(InvalidInput, match="nested too deeply"):
        cost({"$ref": "#/$defs/d0"}, **long)


def test_what_is_no_schema_costs_nothing() -> None:
    """The validator names it [DO27]."""
    odd: Schema = {"properties": 1, "items": "x", "anyOf": {"a": 1}, "dependencies": {"a": ["b"]}}
    assert schema_cost({**odd, "not": True}, MOST) == 2

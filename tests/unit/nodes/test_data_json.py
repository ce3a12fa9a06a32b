# SPDX-License-Identifier: Apache-2.0
"""data.json: reading and writing."""

from typing import Any

import pytest

from legato.nodes import data_json
from tests.unit.nodes.world import World


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"value": {"b": 1, "a": [1, 2.5, None, "ü"]}}, '{"b":1,"a":[1,2.5,null,"ü"]}'),
        ({"value": {"b": 1, "a": {"d": 1, "c": 2}}, "sort_keys": True},
         '{"a":{"c":2,"d":1},"b":1}'),
        ({"value": {"a": [1]}, "pretty": True}, '{\n  "a": [\n    1\n  ]\n}\n'),
        ({"value": None}, "null"),
    ],
)  # fmt: skip
async def test_a_value_is_written(world: World, config: Any, text: str) -> None:
    """Plain, sorted or pretty, as text or as a payload; null is a value [ND65]."""
    assert (await world.output(data_json.run, config))["text"] == text
    blob = (await world.output(data_json.run, {**config, "to": "blob"}))["blob"]
    assert world.blobs.payloads[blob["hash"]] == text.encode()
    assert blob["type"] == "application/json"
    read = await world.output(data_json.run, {"blob": blob})
    assert read["value"] == config["value"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("[NaN]", "is not valid JSON"),
        ('{"a":1,"a":2}', "'a' twice"),
        ('"\\u0000"', "NUL"),
        ('"\\ud800"', "is not valid JSON"),
        ("[9223372036854775808]", "beyond 64 bits"),
        ("[" * 80 + "]" * 80, "nested deeper"),
        ("[" * 100_000, "not valid JSON"),
        ("1 2", "is not valid JSON"),
    ],
)
async def test_text_that_is_no_strict_json_is_refused(world: World, text: str, says: str) -> None:
    """NaN, a key twice, NUL, lone surrogates, large integers and depth are named [ND65]."""
    error = await world.error(data_json.run, {"text": text})
    assert (error.kind, error.retryable) == ("invalid_data", False)
    assert says in error.message


@pytest.mark.parametrize("config", [{}, {"text": "1", "value": None}, {"text": 5}, {"blob": "x"}])
async def test_one_source_is_needed(world: World, config: Any) -> None:
    """Exactly one of text, blob and value [ND65]."""
    assert (await world.error(data_json.run, config)).kind == "invalid_config"


async def test_a_payload_over_the_limit_is_not_fetched(world: World) -> None:
    """The size is looked at first [ND65]."""
    blob = {"hash": "0" * 64, "size": 10**10}
    assert (await world.error(data_json.run, {"blob": blob})).kind == "too_large"

# SPDX-License-Identifier: Apache-2.0
"""Reading the evaluated configs of waiting nodes."""

from typing import Any

import pytest

from legato.engine.waits import chosen_case, end_of_delay, signal_name
from legato.errors import InvalidInput
from legato.model.values import BlobRef, Value
from tests.support.build import START_MS, node, val

SPEC = node("mine", uses="wait.signal")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (val({"name": "paid"}), "paid"),
        (val({"name": 7}), "7"),
        (val({"name": None}), "mine"),
        (val({}), "mine"),
        (val("text"), "mine"),
        (Value(ref=BlobRef("0" * 64, 5)), "mine"),
    ],
)
def test_a_signals_name_is_the_configs_or_the_nodes(config: Value, name: str) -> None:
    """Whatever the log holds, the name can be told [EN16, EN3]."""
    assert signal_name(SPEC, config) == name


@pytest.mark.parametrize(
    ("config", "end"),
    [
        ({"for": "1h30m"}, START_MS + 5_400_000),
        ({"for": 90}, START_MS + 90_000),
        ({"until": "2025-06-15T15:06:40.001Z"}, START_MS + 1),
        ({"until": "2025-06-15T16:06:40+01:00", "for": None}, START_MS),
    ],
)
def test_a_delay_ends_after_a_duration_or_at_a_time(config: dict[str, Any], end: int) -> None:
    """To the millisecond [ND26, DO25]."""
    assert end_of_delay(START_MS, config) == end


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "a delay needs"),
        ({"for": None}, "a delay needs"),
        ({"for": 1.5}, "a delay needs"),
        ({"for": True}, "a delay needs"),
        ({"for": "0s"}, "not positive"),
        ({"until": 12}, "is no time"),
        ({"until": "tomorrow"}, "is no time"),
        ({"until": "2025-06-15T15:06:40"}, "no time zone"),
    ],
)
def test_a_delay_that_cannot_be_read_is_refused_by_name(config: dict[str, Any], says: str) -> None:
    """The message says what is missing [ND26, DO25]."""
    with pytest.raises(InvalidInput, match=says):
        end_of_delay(START_MS, config)


@pytest.mark.parametrize(
    ("config", "case"),
    [
        ({"case": "a"}, "a"),
        ({"case": None}, None),
        ({}, None),
        ({"cases": {"a": False, "b": True, "c": True}}, "b"),
        ({"cases": {"a": False}, "default": "z"}, "z"),
        ({"cases": {"a": False}}, "default"),
        ({"cases": {}, "case": "ignored"}, "default"),
    ],
)
def test_a_switch_chooses_the_first_case_that_holds(
    config: dict[str, Any], case: str | None
) -> None:
    """Else the one named for it, by default `default`; or the one that is named [GR7, ND70]."""
    assert chosen_case(config) == case


@pytest.mark.parametrize(
    "config", [{"case": 1}, {"cases": [True]}, {"cases": {"a": "yes"}}, {"cases": {}, "default": 3}]
)
def test_a_choice_is_never_guessed(config: dict[str, Any]) -> None:
    """Anything but text and bools is refused [GR7]."""
    with pytest.raises(InvalidInput):
        chosen_case(config)

# SPDX-License-Identifier: Apache-2.0
"""Properties of strict JSON values."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from legato.errors import InvalidInput
from legato.model.values import JSON_DEPTH_MAX, decode, encode

TRAPS = st.text('[]{}"\\,:0123456789 \n', max_size=30)
"""Texts of what the search for nested values and long numbers looks for."""
WRAPS = st.lists(st.tuples(st.sampled_from("lmt"), TRAPS), max_size=JSON_DEPTH_MAX + 6)
NUMBERS = st.integers(-(10**21), 10**21)


def wrapped(value: Any, wraps: list[tuple[str, str]]) -> Any:
    """Put a value into lists and maps, with texts beside it."""
    for kind, text in wraps:
        value = {"l": [text, value, text], "m": {text: value}, "t": [value]}[kind]
    return value


@given(WRAPS, TRAPS)
@example([("l", '"[')] * JSON_DEPTH_MAX, "]")
@example([("l", "\\")] * (JSON_DEPTH_MAX + 1), "")
@example([("m", ']"}' * 9)] * (JSON_DEPTH_MAX + 1), "")
def test_brackets_in_texts_neither_hide_nor_make_depth(
    wraps: list[tuple[str, str]], text: str
) -> None:
    """A value is refused exactly if its own lists and maps go too deep [DO7, DO8]."""
    value = wrapped([text] * JSON_DEPTH_MAX + [[]] * JSON_DEPTH_MAX, wraps)
    is_deep = len(wraps) + 2 > JSON_DEPTH_MAX
    for text_of in (encode, json.dumps):
        try:
            assert decode(text_of(value)) == value
            assert not is_deep
        except InvalidInput as error:
            assert is_deep
            assert "nested deeper" in error.message


@given(NUMBERS, TRAPS)
@example(2**63, '":[')
@example(-(2**63), "12345678901234567890")
def test_a_long_number_is_found_among_texts(number: int, text: str) -> None:
    """An integer beyond 64 bits is refused, digits in a text are not [DO7, EX10]."""
    value = {"a": [text, {text: text}, number], "b": [text, str(number)]}
    fits = -(2**63) <= number < 2**63
    for text_of in (encode, json.dumps):
        try:
            assert decode(text_of(value)) == value
            assert fits
        except InvalidInput as error:
            assert not fits
            assert "beyond 64 bits" in error.message

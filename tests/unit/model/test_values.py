# SPDX-License-Identifier: Apache-2.0
"""JSON values: strict on the way in and on the way out."""

from typing import Any

import pytest

from legato.errors import InvalidInput, LimitExceeded
from legato.model.values import (
    INT64_MAX,
    INT64_MIN,
    JSON_DEPTH_MAX,
    NULL,
    BlobRef,
    Value,
    decode,
    encode,
    inline,
    load,
)


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, INT64_MAX, INT64_MIN, 1.5, "", "ä€😀", [], {}, [None, [{}]],
        {"a": [1, {"b": None}]}, "null", "\\u0000 as text", "1" * 30, _nested(JSON_DEPTH_MAX),
        [[]] * 100,
    ],
)  # fmt: skip
def test_what_is_strict_json_comes_back_as_it_was(value: Any) -> None:
    """Encoding and decoding change nothing [DO7]."""
    assert decode(encode(value)) == value
    assert load(encode(value)) == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), r"\$ is nan"),
        ({"a": [1.0, float("inf")]}, r"\$\.a\[1\] is inf"),
        ("a\x00b", r"\$ holds a NUL"),
        ({"k\x00": 1}, r"\$ \(key\) holds a NUL"),
        ({"a": "\ud800"}, r"\$\.a holds a lone surrogate"),
        ({1: 2}, r"\$ has the key 1; keys must be text"),
        ([object()], r"\$\[0\] is a object"),
        ((1, b"x"), r"\$\[1\] is a bytes"),
        ({"a": {"b": {1, 2}}}, r"\$\.a\.b is a set"),
        (_nested(JSON_DEPTH_MAX + 1), "nested deeper than 64"),
        (_nested(5_000), "nested deeper than 64"),
    ],
)
def test_what_is_no_strict_json_is_refused_by_name_and_place(value: Any, says: str) -> None:
    """NaN, infinities, NUL, lone surrogates, other types and depth [DO7, DO9]."""
    with pytest.raises(InvalidInput, match=f"^answer: .*{says}"):
        encode(value, what="answer")


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 10**40])
def test_an_integer_beyond_64_bits_is_refused_by_name(value: int) -> None:
    """On the way out and on the way in, never rounded to a float [EX10]."""
    with pytest.raises(InvalidInput, match="beyond 64 bits; send it as text"):
        encode({"a": [value]})
    with pytest.raises(InvalidInput, match=r"\$\.a\[0\] is an integer beyond 64 bits"):
        decode(f'{{"a": [{value}]}}')


def test_a_long_number_that_is_no_integer_is_taken() -> None:
    """Digits alone do not make it suspect [EX10]."""
    assert decode("1234567890123456789.25") == 1234567890123456789.25
    assert decode('"12345678901234567890123"') == "12345678901234567890123"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("NaN", "not valid JSON"),
        ("[Infinity]", "not valid JSON"),
        ("1e999", "not valid JSON"),
        ('"\\ud800"', "not valid JSON"),
        ('"\ud800"', "not valid JSON"),
        (b'"\xff"', "not valid JSON"),
        ('"\\u0000"', "holds a NUL"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "has the key 'c' twice"),
        ("[" * 65 + "]" * 65, "nested deeper than 64"),
        ("[" * 1_000 + "]" * 1_000, "nested deeper than 64"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_text_that_is_no_strict_json_is_refused(text: str | bytes, says: str) -> None:
    """Also duplicate keys, which a lenient reader would drop [DO6, DO7, DO9]."""
    with pytest.raises(InvalidInput, match=f"^body .*{says}|^body: .*{says}"):
        decode(text, what="body")


def test_a_limit_on_the_size_is_kept() -> None:
    """The error says how large it is and what is allowed [ND8]."""
    assert encode("x" * 8, size_bytes_max=10) == b'"xxxxxxxx"'
    with pytest.raises(LimitExceeded, match="output has 11 bytes; the limit is 10"):
        encode("x" * 9, what="output", size_bytes_max=10)


def test_a_value_is_inline_or_a_reference() -> None:
    """The size is that of the text, wherever it is [LG15]."""
    here, there = inline(b"[1,2]"), Value(ref=BlobRef("0" * 64, 10_000_000))
    assert (here.is_inline, here.size, load(here.json)) == (True, 5, [1, 2])
    assert (there.is_inline, there.size) == (False, 10_000_000)
    assert load(NULL.json) is None
    assert load(memoryview(b"7")) == 7

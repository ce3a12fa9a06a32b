# SPDX-License-Identifier: Apache-2.0
"""The decoder of request bodies, given whatever somebody may send."""

import json
import time
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from legato.api.body import parse
from legato.api.problems import InvalidBody, problem_of
from legato.errors import InvalidJson
from legato.model.values import JSON_DEPTH_MAX, decode, encode

SCALARS: Final = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
VALUES: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner)
)
TRAPS: Final = st.sampled_from(
    [
        *(b"NaN", b"-Infinity", b"Infinity", b"1e999", b"-0", b"01", b"1.", b".5", b"0x1", b"+1"),
        *(
            b"\\u0000",
            b"\\ud800",
            b"\\udc00\\ud800",
            b"\x00",
            b"\xff",
            b"\xed\xa0\x80",
            b"\xc0\x80",
        ),
        *(
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\xe2\x80\xa8",
            b"//x",
            b"/*",
            b",",
            b",,",
            b"'a'",
            b"\\x",
        ),
        *(b'"a":1,"a":2,', b'{"a":1,"a":1}', b'{"":0,"":0}', b'{"a":1,"\\u0061":2}'),
        *(b"[" * 70, b"]" * 70, b'{"a":' * 70, b"[" * 100_000, b'[{"a":' * 100, b"9" * 400, b"1e5"),
        *(
            str(2**63).encode(),
            str(-(2**63) - 1).encode(),
            b"9223372036854775807.5",
            b"true",
            b"nul",
        ),
    ]
)


class Anything(BaseModel):
    """A body of any value."""

    value: Any = None


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Return JSON text with traps put into it anywhere."""
    text = json.dumps({"value": draw(VALUES)}, ensure_ascii=draw(st.booleans()))
    data = text.encode("utf-8", "replace")
    for trap in draw(st.lists(TRAPS, max_size=3)):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + trap + data[at:]
    return data


@given(st.binary(max_size=200) | spoilt())
@example(b"[" * 100_000)
@example(b'{"value":' + b"[" * 63 + b"]" * 63 + b"}")
@example(b'{"value":1e999}')
@example(b'{"value":"\\ud800\\udc00"}')
@example("﻿{}".encode())
@example('{"value":1}'.encode("utf-16"))
@example(b"")
def test_whatever_is_sent_is_a_value_or_a_refusal(data: bytes) -> None:
    """Never another error; what is taken is the same to both parsers and can be kept [SE17]."""
    try:
        value = decode(data)
    except InvalidJson as error:
        problem = problem_of(error)
        assert problem.status == 422
        problem.body("request-1")
        return
    assert decode(encode(value)) == value
    try:
        model = parse(data, Anything)
    except InvalidBody as error:
        problem_of(error).body("request-1")
        assert not isinstance(value, dict) or value.keys() - {"value"}
        return
    assert encode(model.value) == encode(value.get("value"))


def is_strict(value: object, depth: int = 0) -> bool:
    """Tell whether a value may be in a body: said a second time, in the plainest way."""
    if isinstance(value, str):
        return "\x00" not in value and not any(0xD800 <= ord(each) < 0xE000 for each in value)
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, list):
        return depth < JSON_DEPTH_MAX and all(is_strict(each, depth + 1) for each in value)
    if isinstance(value, dict):
        inside = (is_strict(part, depth + 1) for pair in value.items() for part in pair)
        return depth < JSON_DEPTH_MAX and all(inside)
    return True


LOOSE: Final = st.recursive(
    st.floats()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(codec=None, categories=["Cs", "L", "Cc"]), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\x00\ud800"), inner),
)


@given(LOOSE)
@example(float("nan"))
@example(float("-inf"))
@example("\ud800")
@example({"\udfff": 1})
@example({"a\x00": 1})
@example(2**63)
@example(-(2**63) - 1)
def test_what_is_not_strict_is_refused_and_nothing_else(value: Any) -> None:
    """NaN, infinities, NUL, lone surrogates in texts and keys, long integers [SE17]."""
    try:
        found = decode(json.dumps(value))
    except InvalidJson:
        assert not is_strict(value)
    else:
        assert is_strict(value)
        assert found == value


@given(st.dictionaries(st.text(max_size=3), SCALARS, min_size=1, max_size=4), st.data())
def test_a_name_that_stands_twice_is_refused_however_it_is_written(
    value: dict[str, Any], data: st.DataObject
) -> None:
    """Also escaped, also deep inside [SE17]."""
    name = data.draw(st.sampled_from(sorted(value)))
    written = json.dumps(name)
    if data.draw(st.booleans()):
        written = '"' + "".join(f"\\u{each:04x}" for each in _units(name)) + '"'
    text = json.dumps(value)
    double = f"{text[:-1]}, {written}: 1}}"
    for wrapped in (double, f"[[{double}]]", f'{{"a": {{"b": {double}}}}}'):
        try:
            decode(wrapped)
        except InvalidJson as error:
            assert "twice" in error.reason or "NUL" in error.reason
        else:
            raise AssertionError(wrapped)


KEYS = ",".join(f'"{each}":0' for each in range(90_000))
HOSTILE: Final = {
    "one of many names twice, at the end": f'{{{KEYS},"89999":0}}',
    "many names twice": f"{{{KEYS[:500_000]},{KEYS[:500_000]}}}",
    "many unknown names": f"{{{KEYS}}}",
    "many short lists": "[" + "[]," * 340_000 + "[]]",
    "many nested lists": "[" + ("[" * 60 + "]" * 60 + ",") * 8_000 + "1]",
    "brackets in texts": "[" + '"[[[[",' * 140_000 + "1]",
    "backslashes": '"' + "\\\\" * 500_000 + '"',
    "escapes": '"' + "\\ud83d\\ude00" * 80_000 + '"',
    "NUL": '"' + "\\u0000" * 170_000 + '"',
    "long integers": "[" + "12345678901234567890," * 48_000 + "1]",
    "integers of 64 bits": "[" + "1234567890123456789," * 50_000 + "1]",
    "one long number": "9" * 1_000_000,
    "one long fraction": "0." + "9" * 1_000_000,
    "depth without end": "[" * 1_000_000,
}
"""Bodies of about a MiB, each made to take long."""
CPU_S: Final = 10.0
"""Of processor time, on a slow and busy machine; what is quadratic in these takes minutes."""


@pytest.mark.parametrize("name", HOSTILE)
def test_no_body_takes_long(name: str) -> None:
    """However it is built: its time grows with its length [SE17]."""
    data = HOSTILE[name].encode()
    assert len(data) < 1_100_000
    began = time.thread_time()
    try:
        parse(data, Anything)
    except (InvalidJson, InvalidBody) as error:
        assert len(problem_of(error).body("request-1")) < 50_000
    assert time.thread_time() - began < CPU_S


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]

# SPDX-License-Identifier: Apache-2.0
"""The protocol of Redis."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.adapters.redis.resp import BYTES_MAX, Refusal, Replies, Reply, encode

ANSWERS = (
    b":42\r\n:-1\r\n+OK\r\n$5\r\nab\r\nc\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
    b"*3\r\n:1\r\n*1\r\n$1\r\nx\r\n-OOM no memory for canary\r\n-oops\r\n:7\r\n"
)
MEANT: list[Reply] = [
    42, -1, b"OK", b"ab\r\nc", b"", None, None, [], [1, [b"x"], Refusal("OOM")], Refusal(""), 7,
]  # fmt: skip


@given(st.lists(st.integers(0, len(ANSWERS)), max_size=6))
def test_answers_are_read_however_they_are_cut(cuts: list[int]) -> None:
    """Bytes come as the network likes; of an error only its code is kept [AU95]."""
    replies, found = Replies(), list[Reply]()
    bounds = [0, *sorted(cuts), len(ANSWERS)]
    for start, end in itertools.pairwise(bounds):
        found += replies.feed(ANSWERS[start:end])
    assert found == MEANT
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b":x\r\n",
        b"$-2\r\n",
        b"$x\r\n",
        b"*99999999\r\n",
        b"*1\r\n" * 9,
        b"%1\r\n+a\r\n:1\r\n",
        b"\r\n",
        b"+" + b"x" * BYTES_MAX,
        b"$3\r\nabcdef",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    """Without end or depth it is no answer of ours [AU93]."""
    with pytest.raises(ValueError):
        list(Replies().feed(data))


def test_a_command_is_written_with_its_lengths() -> None:
    """So nothing in an argument is taken for a command [AU92]."""
    sent = encode(b"SET", b"a\r\nFLUSHALL\r\n", b"")
    assert sent == b"*3\r\n$3\r\nSET\r\n$13\r\na\r\nFLUSHALL\r\n\r\n$0\r\n\r\n"

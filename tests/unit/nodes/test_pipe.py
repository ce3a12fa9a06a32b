# SPDX-License-Identifier: Apache-2.0
"""Messages between the engine and the process of an isolated attempt."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato import errors
from legato.errors import LimitExceeded
from legato.runtime.attempt import pipe


@given(st.lists(st.text(max_size=50), max_size=10), st.integers(1, 40))
def test_messages_arrive_whole_in_whatever_pieces(texts: list[str], size: int) -> None:
    """Cutting the stream anywhere changes nothing [AT15]."""
    sent = [pipe.Said(level="info", text=text) for text in texts]
    stream = b"".join(pipe.encode_message(each) for each in sent)
    messages = pipe.Messages(10_000)
    got = []
    for start in range(0, len(stream), size):
        for body in messages.feed(stream[start : start + size]):
            got.append(pipe.to_engine_decoder.decode(body))
    assert got == sent


def test_a_message_over_the_limit_is_refused_before_it_is_read() -> None:
    """The announced length is enough to refuse [EN19]."""
    with pytest.raises(LimitExceeded):
        pipe.Messages(100).feed(b"\x00\x00\x00\x65")
    messages = pipe.Messages(100)
    assert messages.feed(pipe.encode_message(pipe.Stop())[:-1]) == []
    with pytest.raises(LimitExceeded):
        messages.feed(pipe.encode_message(pipe.Stop())[-1:] + b"\xff\xff\xff\xff")


def test_nonsense_is_no_message() -> None:
    """What a node writes to the pipe by itself is not taken for a message [ND9]."""
    with pytest.raises(msgspec.DecodeError):
        pipe.to_engine_decoder.decode(b'{"type":"begin"}')


def test_every_error_crosses_the_pipe_as_itself() -> None:
    """A port's error in the engine is the same class in the child [JN4]."""
    classes = pipe.error_classes()
    assert classes["conflict"] is errors.Conflict
    assert classes["not_found"] is errors.NotFound
    assert classes["store_unavailable"] is errors.StoreUnavailable

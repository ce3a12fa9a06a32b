# SPDX-License-Identifier: Apache-2.0
"""Opaque tokens and API keys."""

import base64
import hashlib
import hmac
import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.auth import refresh
from legato.errors import Internal, InvalidToken, LegatoError, Unauthenticated

KEY: Final = bytes(range(32))
ANYTHING: Final = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.lists(st.text())
)


def test_a_child_is_the_same_however_often_it_is_made() -> None:
    """The child of a refresh token is base64url(HMAC-SHA256(refresh_key, parent)) [AU20]."""
    parent = refresh.new_token()
    digest = hmac.new(KEY, parent.encode(), hashlib.sha256).digest()
    child = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert refresh.child_of(KEY, parent) == refresh.child_of(KEY, parent) == child
    assert refresh.is_token(child), "a child can be a parent"
    assert refresh.child_of(KEY[::-1], parent) != child
    assert refresh.child_of(KEY, refresh.new_token()) != child


def test_a_child_needs_a_key_and_a_parent_of_the_right_form() -> None:
    """A short key or a malformed parent makes no child [AU20]."""
    for key, parent in ((KEY[:31], refresh.new_token()), (KEY, "short"), (KEY, "")):
        with pytest.raises(Internal):
            refresh.child_of(key, parent)


def test_tokens_and_session_ids_are_long_and_random() -> None:
    """Tokens and session ids hold 256 random bits, as 43 characters of base64url [AU21]."""
    drawn = {make() for make in (refresh.new_token, refresh.new_sid) for _ in range(200)}
    assert len(drawn) == 400
    for each in drawn:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", each)
        assert len(base64.urlsafe_b64decode(each + "=")) == 32


def test_a_token_has_one_spelling() -> None:
    """Another spelling of the same bytes is no token; its SHA-256 is what is stored [AU21]."""
    token = "A" * 43
    assert refresh.is_token(token)
    assert base64.urlsafe_b64decode("A" * 42 + "B=") == base64.urlsafe_b64decode(token + "=")
    others = ("A" * 42 + "B", token + "=", " " + token, token + "\n", "A" * 42, "A" * 44, "é" * 43)
    assert not any(refresh.is_token(each) for each in others)
    assert refresh.token_hash(token) == hashlib.sha256(token.encode()).digest()
    with pytest.raises(Internal):
        refresh.token_hash("A" * 42)


@pytest.mark.parametrize(
    "value", [None, "", [], [refresh.new_token()], {}, 0, True, b"A" * 43, "A"]
)
def test_a_token_that_is_none_is_refused_by_type(value: object) -> None:
    """Null, empty, a list or anything else but a token's text is `token_invalid` [AU22]."""
    with pytest.raises(InvalidToken) as caught:
        refresh.once_hash(value)
    assert caught.value.code == "token_invalid"
    with pytest.raises(Unauthenticated):
        refresh.refresh_hash(value)


def test_a_good_token_gives_its_hash() -> None:
    """What has the form of a token is looked for by its hash [AU22]."""
    token = refresh.new_token()
    assert refresh.once_hash(token) == refresh.refresh_hash(token) == refresh.token_hash(token)


def test_an_api_key_is_made_and_taken_apart() -> None:
    """A key is `lgt_<12 base32 id>_<43 base64url>`; of its secret a SHA-256 is kept [AU23]."""
    made = refresh.new_api_key()
    found = re.fullmatch(r"lgt_([a-z2-7]{12})_([A-Za-z0-9_-]{43})", made.text)
    assert found is not None
    assert refresh.parse_api_key(made.text) == made.parts
    assert made.parts.id == found[1]
    assert made.parts.secret_hash == hashlib.sha256(found[2].encode()).digest()
    assert found[2] not in repr(made)
    assert refresh.new_api_key().parts.id != made.parts.id
    assert refresh.looks_like_api_key(made.text)
    assert not refresh.looks_like_api_key("eyJhbGciOi.A.B")


def test_an_api_key_is_taken_strictly() -> None:
    """Anything but the exact form of a key is refused [AU23]."""
    text = refresh.new_api_key().text
    wrong: tuple[Any, ...] = (
        text.upper(), text + " ", " " + text, text[:-1], text + "A", text.replace("lgt", "LGT"),
        text.replace("_", "-", 1), text[4:], "lgt_" + "1" * 12 + "_" + "A" * 43, "lgt__", "", None,
        text.encode(), [text], text + "\n", "lgt_" + "a" * 12 + "_" + "A" * 42 + "B",
    )  # fmt: skip
    for each in wrong:
        with pytest.raises(Unauthenticated):
            refresh.parse_api_key(each)


def test_hashes_are_compared_whole() -> None:
    """Two hashes are equal only in every byte [AU23]."""
    one = refresh.token_hash(refresh.new_token())
    assert refresh.are_equal(one, bytes(one))
    assert not refresh.are_equal(one, one[:-1])
    assert not refresh.are_equal(one, one[:-1] + bytes([one[-1] ^ 1]))


@given(ANYTHING)
def test_whatever_is_sent_as_a_token_gives_a_typed_refusal(value: object) -> None:
    """No value makes a parser of tokens fail in another way than its refusal [AU24]."""
    for parse, refusal in (
        (refresh.once_hash, InvalidToken),
        (refresh.refresh_hash, Unauthenticated),
        (refresh.parse_api_key, Unauthenticated),
    ):
        with pytest.raises(LegatoError) as caught:
            parse(value)
        assert type(caught.value) is refusal


@given(st.text(max_size=12), st.text(max_size=43))
def test_no_text_in_the_shape_of_a_key_fails_otherwise(key_id: str, secret: str) -> None:
    """A key of odd parts is refused, never an error of another kind [AU24]."""
    with pytest.raises(Unauthenticated):
        refresh.parse_api_key(f"lgt_{key_id}_{secret}\0")

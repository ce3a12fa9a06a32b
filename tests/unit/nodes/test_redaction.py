# SPDX-License-Identifier: Apache-2.0
"""Secrets by value, in every form an attempt could let them out."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.runtime.attempt.failures import shown
from legato.runtime.attempt.redaction import SecretRedactor

SECRET = 'p4ss/w+rd "ü" \\end'


def redactor_of(*values: str) -> SecretRedactor:
    redactor = SecretRedactor()
    for value in values:
        redactor.add(value)
    return redactor


@pytest.mark.parametrize(
    "form",
    [
        SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        *(base64.b64encode(("x" * shift + SECRET + "y").encode()).decode() for shift in range(6)),
        *(base64.urlsafe_b64encode(("x" * n + SECRET + "y").encode()).decode() for n in range(3)),
    ],
)  # fmt: skip
def test_a_secret_is_replaced_in_every_encoding(form: str) -> None:
    """Plain, URL, JSON and base64 at any alignment [ND10]."""
    text = redactor_of(SECRET)(f"before {form} after")
    assert "[redacted]" in text
    for encoded in (SECRET, quote(SECRET), base64.b64encode(SECRET.encode()).decode()[:16]):
        assert encoded not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


def test_each_line_of_a_secret_of_several_lines_is_replaced() -> None:
    """A private key is logged line by line [ND10]."""
    key = "-----BEGIN KEY-----\nMIIBVwIBADANBgkqhkiG\nab\n-----END KEY-----"
    redact = redactor_of(key)
    assert redact(key) == "[redacted]"
    assert redact("got MIIBVwIBADANBgkqhkiG") == "got [redacted]"
    assert redact("ab stays") == "ab stays"


def test_a_json_value_is_cleaned_in_texts_keys_and_numbers() -> None:
    """No part of an output is left out, and nothing else is touched [ND10]."""
    redact = redactor_of("12345678", "hunter22")
    value = {"hunter22": [12345678, 1.5, True, None, "x hunter22 y", {"n": 912345678}], "ok": 1}
    assert redact.clean(value) == {
        "[redacted]": ["[redacted]", 1.5, True, None, "x [redacted] y", {"n": "[redacted]"}],
        "ok": 1,
    }


@given(st.text(min_size=4, max_size=20), st.text(max_size=30), st.data())
def test_no_cut_of_a_stream_shows_a_whole_secret(
    secret: str, around: str, data: st.DataObject
) -> None:
    """However a stream is cut, what is shown and then joined holds no secret [ND10]."""
    text = around + secret + around
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    redact = redactor_of(secret)
    held, seen = "", ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        ready, held = redact.split(held + text[start:end])
        seen += ready
    seen += redact(held)
    assert secret not in seen.replace("[redacted]", "\0") or secret in "[redacted]"


def test_text_is_redacted_before_it_is_cut_or_escaped() -> None:
    """A cut or an escape would leave half a secret behind [ND10]."""
    secret = "line one\x07 and more"
    redact = redactor_of(secret)
    assert shown(f"x {secret}", redact) == "x [redacted]"
    cut = shown("y" * 90 + secret, redact, 100)
    assert "line" not in cut
    assert len(cut.encode()) <= 100


def test_shown_text_is_bounded_in_bytes() -> None:
    """The limit is in bytes and no character is cut in half [ND6]."""
    assert shown("short") == "short"
    assert shown("ü" * 100, size_bytes_max=50).endswith("ü…")
    assert len(shown("ü" * 100, size_bytes_max=50).encode()) <= 50
    assert len(shown("z" * 10**6).encode()) == 2048

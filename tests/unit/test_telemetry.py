# SPDX-License-Identifier: Apache-2.0
"""Logs: form, level, escaping, redaction."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from legato.telemetry import REDACTED, Redactor, configure_logging, escape_control, logger


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where this test's records go; logging is as before afterwards."""
    root = logging.getLogger()
    level = root.level
    yield io.StringIO()
    for handler in [each for each in root.handlers if getattr(each, "_legato", False)]:
        root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


def _records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_records_are_json_lines_with_time_level_and_name(stream: io.StringIO) -> None:
    """Each record is one JSON line with time, level, logger and values [CL16]."""
    configure_logging(as_json=True, stream=stream)
    logger("legato.test").info("taken over", execution="x1", count=3, tags=("a", {"b": None}))
    (record,) = _records(stream)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "taken over",
        "level": "info",
        "logger": "legato.test",
        "execution": "x1",
        "count": 3,
        "tags": ["a", {"b": None}],
    }


def test_the_level_holds_for_ours_and_for_libraries(stream: io.StringIO) -> None:
    """Records under the level are not written; those of libraries take the same way [CL16]."""
    configure_logging("warning", as_json=True, stream=stream)
    logger("a").info("quiet")
    logging.getLogger("library").info("quiet")
    logger("a").warning("loud")
    logging.getLogger("library").warning("%s is loud", "it")
    assert [record["event"] for record in _records(stream)] == ["loud", "it is loud"]


def test_configuring_again_replaces_the_handler(stream: io.StringIO) -> None:
    """A second set-up leaves one line per record [CL16]."""
    configure_logging(as_json=True, stream=io.StringIO())
    configure_logging(as_json=True, stream=stream)
    logger("a").error("once")
    assert len(_records(stream)) == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_control_characters_cannot_forge_a_record(stream: io.StringIO, as_json: bool) -> None:
    """No text of a record can begin a new line or steer the terminal [CL9, CL16]."""
    configure_logging(as_json=as_json, stream=stream)
    evil = "x\n{}\r\x1b[2J\x00\x9b\u2028\u202e"
    logger("a").info(evil, **{"key\n": evil}, deep={"k\x1b": [evil]})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert not set(text[:-1]) & set("\n\r\x1b\x00\x9b\u2028\u202e")
    assert "x\\n{}\\r\\x1b[2J\\x00\\x9b\\u2028\\u202e" in text.replace("\\\\", "\\")


def test_text_without_control_characters_is_left_alone() -> None:
    """Letters of every script and signs pass unchanged [CL9]."""
    text = "Grüße, 你好 ✓ café 😀"
    assert escape_control(text) == text


def test_a_console_record_is_a_line_and_a_traceback_stands_under_a_bar(
    stream: io.StringIO,
) -> None:
    """For a person a record is one line; a traceback is set off below it [CL16]."""
    configure_logging(as_json=False, stream=stream)
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logger("a").exception("it broke", node="n1")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("error   it broke node=n1")
    assert rest
    assert all(line.startswith("  | ") for line in rest)


def test_secret_values_are_replaced_everywhere(stream: io.StringIO) -> None:
    """A registered value appears in no field, nested value or traceback [LG24, CL16]."""
    redactor = Redactor()
    configure_logging(as_json=True, stream=stream, redact=redactor)
    secret = 'canary "7f\u00e9" /+='
    redactor.add(secret)
    try:
        raise RuntimeError(f"refused {secret}")
    except RuntimeError:
        logger("a").exception(f"with {secret}", header={"auth": [f"Bearer {secret}"]})
    logging.getLogger("library").error("url %s", quote(secret))
    text = stream.getvalue()
    assert "canary" not in text
    assert text.count(REDACTED) >= 4


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "!", "!!"])
def test_a_secret_is_found_inside_base64(before: str, after: str) -> None:
    """A value is found in base64 at every alignment, too [LG24]."""
    redactor = Redactor()
    redactor.add("correct-horse-battery")
    encoded = base64.b64encode(f"{before}correct-horse-battery{after}".encode()).decode()
    cleaned = redactor(f"Basic {encoded}")
    assert REDACTED in cleaned
    left = cleaned.removeprefix("Basic ").replace(REDACTED, "")
    assert len(left) <= 4 + len(before + after) * 4 // 3 + 2, "at most a character at each end"


def test_libraries_that_log_requests_are_quiet(stream: io.StringIO) -> None:
    """Their URLs and headers hold what nodes were given to keep [HT58]."""
    configure_logging("debug", as_json=True, stream=stream)
    for name in ("httpx2", "httpcore2.http11"):
        logging.getLogger(name).info("HTTP Request: GET https://x.example/?key=hunter2-canary")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("before", [b"", b"a", b"ab"])
def test_a_key_of_bytes_is_found_however_it_is_written(before: bytes) -> None:
    """As hex, as base64 at every alignment, as Python shows it [HT58]."""
    key = bytes(range(200, 232))
    redactor = Redactor()
    redactor.add_bytes(key)
    shown = [key.hex(), key.hex().upper(), str(key), base64.b64encode(before + key + b"!").decode()]
    shown.append(base64.urlsafe_b64encode(before + key).decode())
    for each in shown:
        text = redactor(f"with {each}")
        assert REDACTED in text, each
        assert len(text) < 30
    redactor.add_bytes(b"x")
    assert redactor("x") == "x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /reset#token=abcdefghijklmnop&x=1", "GET /reset#token=[redacted]&x=1"),
        ("wss://h/ws?session_token=abcdefgh x", "wss://h/ws?session_token=[redacted] x"),
        ("key lgt_abcdef234567_abcDEF-_0123 was", "key lgt_abcdef234567_[redacted] was"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "Bearer [redacted]"),
        ("'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln'", "'eyJ[redacted]'"),
        ("authorization: bearer abcdefghijklmnopqrst", "authorization: bearer [redacted]"),
        ("Cookie: legato_refresh_84=abcdefgh; a=b", "Cookie: legato_refresh_84=[redacted]; a=b"),
        ("__Host-legato_refresh=abcdefghijkl", "__Host-legato_refresh=[redacted]"),
        ("a bearer token is needed for this route", "a bearer token is needed for this route"),
        ("lgt_ and eyJ alone are no secrets", "lgt_ and eyJ alone are no secrets"),
    ],
)  # fmt: skip
def test_what_has_the_form_of_a_credential_is_not_logged(
    stream: io.StringIO, text: str, shown: str
) -> None:
    """Whoever logs it, at every level, in a text, a value or a traceback [HT58]."""
    configure_logging("debug", as_json=True, stream=stream)
    logger("a").debug(text, value={"x": [text]})
    logging.getLogger("library").debug(text)
    assert [each["event"] for each in _records(stream)] == [shown, shown]
    assert _records(stream)[0]["value"] == {"x": [shown]}


def test_a_longer_secret_is_replaced_whole() -> None:
    """A value that contains another one leaves nothing of itself behind [LG24]."""
    redactor = Redactor()
    redactor.add("abcd")
    redactor.add("abcdefgh")
    assert redactor("xabcdefghx") == f"x{REDACTED}x"


def test_a_value_too_short_to_be_a_secret_is_not_replaced() -> None:
    """A value under four characters would hit every other word [CL16]."""
    redactor = Redactor()
    redactor.add("a")
    redactor.add("")
    assert redactor("a cat") == "a cat"


def test_a_flat_record_passes_the_same_gates_as_a_deep_one(stream: io.StringIO) -> None:
    """The short look at it finds what a look at each value would [CL16, HT57]."""
    redactor = Redactor()
    redactor.add("s3cret value")
    redactor.add("p1n!")
    configure_logging(as_json=True, stream=stream, redact=redactor)
    for text in (
        "fine",
        "p1n!",
        "x p1n! y",
        "é\u00a0",
        "a s3cret value b",
        "lgt_abcdefghij23_SECRETSECRET",
        "x\ny\x1b",
    ):
        logger("a").info(text, key=text, number=1, nothing=None)
        logger("a").info(text, **{"key": text, "deep": [text], "odd key": text})
    records = _records(stream)
    for flat, deep in zip(records[::2], records[1::2], strict=True):
        assert (flat["event"], flat["key"]) == (deep["event"], deep["deep"][0])
        assert deep["odd key"] == flat["key"] == deep["key"]
        assert (flat["number"], flat["nothing"]) == (1, None)
    shown = stream.getvalue()
    assert "s3cret" not in shown
    assert "p1n!" not in shown
    assert "SECRETSECRET" not in shown
    assert shown.count("\n") == len(records)


def test_texts_of_a_record_are_no_secret_together(stream: io.StringIO) -> None:
    """Two values that only beside each other look like one stay what they are [CL16]."""
    redactor = Redactor()
    redactor.add("abcd efgh")
    configure_logging(as_json=True, stream=stream, redact=redactor)
    logger("a").info("both", first="abcd", second="efgh")
    (record,) = _records(stream)
    assert (record["first"], record["second"]) == ("abcd", "efgh")


def test_an_object_of_a_library_passes_the_gates(stream: io.StringIO) -> None:
    """Only records of ours have passed them already [CL16]."""
    redactor = Redactor()
    redactor.add("s3cret value")
    configure_logging(as_json=True, stream=stream, redact=redactor)
    logging.getLogger("library").error({"key\n": "s3cret value"})
    (record,) = _records(stream)
    assert REDACTED in record["event"]
    assert "s3cret" not in stream.getvalue()
    assert record["level"] == "error"

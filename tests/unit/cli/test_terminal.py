# SPDX-License-Identifier: Apache-2.0

import io
import json
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from legato.cli.terminal import Terminal, encode_json
from tests.unit.cli.frames import Screen


def test_in_json_mode_stdout_holds_json_values_only() -> None:
    """Lines for people do not appear there; notes and errors go to stderr [CL3]."""
    screen = Screen(as_json=True)
    screen.terminal.line("for people")
    screen.terminal.styled("for people")
    screen.terminal.json({"a": 1})
    screen.terminal.note("a note")
    screen.terminal.error("invalid", "wrong", "Do it right.")
    assert screen.values == [{"a": 1}]
    assert screen.err.splitlines()[0] == "a note"
    assert json.loads(screen.err.splitlines()[1]) == {
        "error": {"code": "invalid", "message": "wrong", "hint": "Do it right."}
    }


def test_without_json_mode_there_is_no_json() -> None:
    """One of the two is written, never both [CL3]."""
    screen = Screen()
    screen.terminal.json({"a": 1})
    screen.terminal.line("for people")
    assert screen.out == "for people\n"


def test_an_error_is_one_clear_message_with_what_to_do() -> None:
    """Each line is marked, the hint stands below [CL10]."""
    screen = Screen()
    screen.terminal.error("invalid", "first\nsecond", "Do it right.")
    assert screen.err == "error: first\nerror: second\n  Do it right.\n"


def test_control_characters_are_written_out() -> None:
    """Neither results nor notes nor errors can steer the terminal [CL9]."""
    screen = Screen()
    screen.terminal.line("a\x1b[2Jb\nc")
    screen.terminal.note("\u202ex")
    screen.terminal.error("c", "m\x07", "h\x9b")
    assert screen.out == "a\\x1b[2Jb\\nc\n"
    assert screen.err == "\\u202ex\nerror: m\\x07\n  h\\x9b\n"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_one_harmless_line_and_means_the_same(text: str) -> None:
    r"""C1 controls and marks that reorder text stand as \uXXXX [CL3, CL9]."""
    encoded = encode_json({text: text})
    assert json.loads(encoded) == {text: text}
    hidden = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\u2028"}
    assert not hidden & set(encoded)


def test_a_narrow_locale_does_not_end_a_command(tmp_path: Path) -> None:
    """What a stream cannot write is written as an escape."""
    with open(tmp_path / "out", "w", encoding="ascii") as out:
        terminal = Terminal(as_json=False, env={}, out=out, err=io.StringIO())
        terminal.line("ä 漢")
        assert not terminal.style.is_unicode
    assert (tmp_path / "out").read_text() == "\\xe4 \\u6f22\n"


def test_a_reader_that_goes_away_ends_the_output_not_the_work() -> None:
    """`| head` closes the pipe; the command goes on and its code is its own."""
    read, write = os.pipe()
    with os.fdopen(write, "w", encoding="utf-8") as out:
        terminal = Terminal(as_json=False, env={}, out=out, err=io.StringIO())
        os.close(read)
        terminal.line("nobody reads this")
        terminal.line("nor this")


def test_a_stream_that_is_no_terminal_is_neither_live_nor_coloured() -> None:
    """Logs and pipes get plain lines and nobody is asked."""
    terminal = Screen().terminal
    assert not terminal.is_live
    assert not terminal.can_ask
    assert not terminal.style.is_coloured

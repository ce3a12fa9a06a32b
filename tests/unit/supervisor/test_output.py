# SPDX-License-Identifier: Apache-2.0

import io
import threading

import pytest

from legato.supervisor import output as module
from legato.supervisor.output import LINE_CHARACTERS_MAX, LineCutter, Output


class Terminal(io.StringIO):
    """A stream that can stand still."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.is_asked = threading.Event()

    def write(self, text: str) -> int:
        self.is_asked.set()
        self.goes_on.wait()
        return super().write(text)


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_lines_are_found_whatever_pieces_they_come_in(size: int) -> None:
    """Also the last one, which has no end; what is no text is shown as such [SU2]."""
    data = "one\ntwo\r\n\nä\n".encode() + b"\xff\nlast"
    cutter = LineCutter()
    found: list[str] = []
    for start in range(0, len(data), size):
        found += cutter.feed(data[start : start + size])
    assert [*found, *cutter.close()] == ["one", "two", "", "ä", "�", "last"]
    assert cutter.close() == []


@pytest.mark.parametrize("character", ["x", "ä", "\U0001f600"])
def test_a_long_line_is_cut_and_the_next_one_is_whole(character: str) -> None:
    """In bounded memory, whatever its length [SU2]."""
    cutter = LineCutter()
    found = []
    for _ in range(100):
        found += cutter.feed((character * 1_000).encode())
        assert len(cutter._rest) <= 4 * LINE_CHARACTERS_MAX
    found += cutter.feed(b"\nnext\n")
    assert found == [character * LINE_CHARACTERS_MAX + " …", "next"]


def test_a_line_of_just_the_length_is_whole() -> None:
    """The cut begins beyond it [SU2]."""
    line = "x" * LINE_CHARACTERS_MAX
    assert LineCutter().feed(f"{line}\n{line}y\n".encode()) == [line, f"{line} …"]


def test_lines_come_with_their_name_and_cannot_steer_the_terminal() -> None:
    """A child cannot look like another one [SU2]."""
    stream = io.StringIO()
    with Output(stream) as output:
        output.line("server", "a\x1b[2J\n[practice] b")
    assert stream.getvalue() == "[server] a\\x1b[2J\\n[practice] b\n"


def test_a_terminal_that_stands_still_stops_nobody() -> None:
    """What does not fit is left out, and how much is said [SU2]."""
    terminal = Terminal()
    output = Output(terminal, lines_max=2)
    output.line("a", "0")
    terminal.is_asked.wait()  # the first is being written, two more may wait
    for number in range(1, 6):
        output.line("a", str(number))
    terminal.goes_on.set()
    output._lines.join()
    output.line("a", "6")
    output.close()
    assert terminal.getvalue().splitlines() == [
        "[a] 0", "[a] 1", "[a] 2", "[a] (3 lines left out)", "[a] 6"
    ]  # fmt: skip


def test_closing_does_not_wait_for_a_terminal_that_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Longer than a moment [SU2]."""
    monkeypatch.setattr(module, "CLOSE_WAIT_S", 0.01)
    terminal = Terminal()
    output = Output(terminal, lines_max=1)
    for number in range(3):
        output.line("a", str(number))
    output.close()
    assert terminal.getvalue() == ""
    terminal.goes_on.set()


def test_a_terminal_that_is_gone_stops_nobody() -> None:
    """Lines after it are dropped [SU2]."""
    stream = io.StringIO()
    stream.close()
    with Output(stream, lines_max=1) as output:
        for _ in range(3):
            output.line("a", "x")
            output._lines.join()

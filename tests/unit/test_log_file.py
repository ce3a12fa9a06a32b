# SPDX-License-Identifier: Apache-2.0
"""The rotating log file: what is written, what is left out, and who waits for nothing."""

import errno
import json
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from legato.errors import InvalidInput
from legato.telemetry import Redactor, configure_logging, lines_dropped, log_file, logger
from legato.telemetry.log_file import LogFile

Make = Callable[..., LogFile]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return what makes a log file and sends all logs there; logging is as before afterwards."""
    root = logging.getLogger()
    level = root.level

    def begin(**changes: Any) -> LogFile:
        options: dict[str, Any] = {"max_bytes": 1_000_000, "keep": 2, **changes}
        made = LogFile(options.pop("path", tmp_path / "log" / "a.log"), **options)
        configure_logging(as_json=False, stream=StringIO(), file=made)
        return made

    yield begin
    for handler in [each for each in root.handlers if getattr(each, "_legato", False)]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file; every line must be one."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_same_lines_stand_in_the_file_as_json(make: Make, tmp_path: Path) -> None:
    """Its own, and those of libraries; redacted and escaped before [HT55, HT57]."""
    made = make()
    redactor = Redactor()
    redactor.add("hunter2-canary")
    stream = StringIO()
    configure_logging(as_json=True, stream=stream, redact=redactor, file=made)
    with structlog.contextvars.bound_contextvars(request_id="request-1"):
        logger("legato.test").info("with hunter2-canary", text="a\nb\x1b[2J")
        logging.getLogger("uvicorn.error").error("a\r\nforged %s", "line")
    made.close()
    found = lines(tmp_path / "log" / "a.log")
    assert [each["event"] for each in found] == ["with [redacted]", "a\\r\\nforged line"]
    assert [each["request_id"] for each in found] == ["request-1", "request-1"]
    assert found[0]["text"] == "a\\nb\\x1b[2J"
    assert found == [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_level_of_its_own(make: Make, tmp_path: Path) -> None:
    """The terminal may be quieter than the file [HT55]."""
    made = make()
    stream = StringIO()
    configure_logging("warning", as_json=True, stream=stream, file=made)
    logger("legato.test").debug("no")
    logger("legato.test").info("yes")
    logger("legato.test").warning("both")
    made.close()
    assert [each["event"] for each in lines(tmp_path / "log" / "a.log")] == ["yes", "both"]
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["both"]


def test_files_begin_anew_and_are_private(make: Make, tmp_path: Path) -> None:
    """Whatever the umask is; no more of them than are kept, and no line is cut [HT55]."""
    before = os.umask(0)
    try:
        made = make(max_bytes=20_000, keep=2)
        for number in range(3_000):
            logger("legato.test").info("line", number=number)
            if number % 100 == 99:
                _until_written(made)
        made.close()
    finally:
        os.umask(before)
    folder = tmp_path / "log"
    names = {each.name for each in folder.iterdir()}
    assert names == {"a.log", "a.log.1", "a.log.2", ".__a.lock"}
    assert {stat.S_IMODE((folder / each).stat().st_mode) for each in names} == {0o600}
    numbers = [
        each["number"] for name in ("a.log.2", "a.log.1", "a.log") for each in lines(folder / name)
    ]
    assert numbers == list(range(numbers[0], 3_000))
    assert (folder / "a.log.1").stat().st_size >= 20_000


def _until_written(made: LogFile) -> None:
    with made._wake:
        is_empty = made._wake.wait_for(lambda: not made._lines, 0)
    while not is_empty:
        with made._wake:
            is_empty = not made._lines


def test_nobody_waits_for_the_disk(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it stands still lines wait in bounded memory; the rest is counted and said [HT56]."""
    monkeypatch.setattr(log_file, "WAITING_BYTES_MAX", 5_000)
    goes_on, write, stands = threading.Event(), os.write, threading.Event()

    def slow(descriptor: int, data: Any) -> int:
        stands.set()
        assert goes_on.wait(30)
        return write(descriptor, data)

    made = make()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", slow)
        logger("legato.test").info("first")
        assert stands.wait(60)
        for number in range(500):
            logger("legato.test").info("more", number=number)
        assert made.dropped > 400
        assert lines_dropped() == made.dropped
        goes_on.set()
        _until_written(made)
        logger("legato.test").info("last")
        made.close()
    found = lines(tmp_path / "log" / "a.log")
    (told,) = [each for each in found if each["event"] == "log lines were left out"]
    assert told["lines"] == made.dropped
    assert found[0]["event"] == "first"
    assert [each["number"] for each in found if each["event"] == "more"] == list(
        range(500 - made.dropped)
    )


def test_a_full_disk_stops_nothing_and_leaves_no_half_line(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and what waited is written when there is room again [HT56]."""
    monkeypatch.setattr(log_file, "RETRY_S", 0.01)
    write, failed = os.write, threading.Event()
    tries: list[int] = []

    def full(descriptor: int, data: Any) -> int:
        tries.append(1)
        if len(tries) > 6:
            failed.set()
        if len(tries) % 2:
            return write(descriptor, bytes(data[:7]))  # half a line, and then no room
        raise OSError(errno.ENOSPC, "No space left on device")

    made = make()
    stream = StringIO()
    configure_logging(as_json=True, stream=stream, file=made)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        logger("legato.test").info("first")
        assert failed.wait(60)
        assert (tmp_path / "log" / "a.log").stat().st_size <= 7
    logger("legato.test").info("second")
    while not (tmp_path / "log" / "a.log").read_text(encoding="utf-8").count("second"):
        pass
    made.close()
    events = [each["event"] for each in lines(tmp_path / "log" / "a.log")]
    assert events[0] == "first"
    assert "second" in events
    said = [line for line in stream.getvalue().splitlines() if "cannot be written" in line]
    assert len(said) == 1
    assert "No space left" in said[0]


def test_a_disk_that_stays_full_does_not_hold_the_end_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written is lost, the process ends [HT56]."""

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    made = make()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        logger("legato.test").info("first")
        made.close()
    assert not made._thread.is_alive()


def test_a_file_that_cannot_be_ours_ends_the_start(tmp_path: Path) -> None:
    """A folder, a link, a pipe, or where everybody may write: one clear line for each [HT55]."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "everybodys").mkdir()
    (tmp_path / "everybodys").chmod(0o1777)
    for name in ("folder", "link", "pipe", "file/below", "everybodys/a.log"):
        with pytest.raises(InvalidInput, match="the log file"):
            LogFile(tmp_path / name, max_bytes=100_000, keep=1)
    assert not (tmp_path / "elsewhere").exists()


def test_a_child_that_was_forked_writes_nothing(make: Make, tmp_path: Path) -> None:
    """It has no thread for it; its parent goes on [HT56]."""
    made = make()
    logger("legato.test").info("before")
    child = os.fork()
    if child == 0:
        logger("legato.test").info("in the child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    logger("legato.test").info("after")
    made.close()
    assert [each["event"] for each in lines(tmp_path / "log" / "a.log")] == ["before", "after"]

# SPDX-License-Identifier: Apache-2.0

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.practice.desk import LETTER, SORTED
from tests.integration.practice.program import COMMAND, Program, running


def test_the_first_line_says_the_port(tmp_path: Path) -> None:
    """And SIGTERM ends it with 0, without a word [PR9]."""
    with running(tmp_path, "--delay-factor", "0") as program:
        assert program.ready == {
            "event": "ready", "port": program.port, "pid": program.popen.pid
        }  # fmt: skip
        assert program.ask("/sort", LETTER, "a") == SORTED
        assert program.end(signal.SIGTERM) == (0, "")


def test_it_ends_when_the_pipe_of_its_supervisor_closes(tmp_path: Path) -> None:
    """Also with work in progress and a caller that waits [PR9]."""
    ours, theirs = socket.socketpair()
    with theirs:
        pipe = theirs.fileno()
        program = Program(tmp_path, "--pipe", str(pipe), pass_fds=(pipe,))
    body = json.dumps(LETTER).encode()
    head = (
        f"POST /sort HTTP/1.1\r\nHost: 127.0.0.1:{program.port}\r\nIdempotency-Key: a\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", program.port)) as caller:
        caller.sendall(head.encode() + body)
        program.until(requests_received=1)
        ours.close()
        assert program.finish() == (0, "")
    with running(tmp_path) as again:
        assert again.counts() == {"requests_received": 1, "requests_cut_off": 1}


@pytest.mark.linux
def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    """Another address of this computer is not answered [PR8]."""
    with running(tmp_path) as program:
        socket.create_connection(("127.0.0.1", program.port)).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", program.port))


def test_a_port_or_ledger_in_use_is_refused(tmp_path: Path) -> None:
    """And a pipe that is none: exit 3 and one line each [PR9]."""
    with running(tmp_path / "one") as program:
        for arguments, said in (
            (("--ledger", tmp_path / "two", "--port", program.port), "cannot listen on 127.0.0.1:"),
            (("--ledger", tmp_path / "one"), "another process writes"),
            (("--ledger", tmp_path / "two", "--pipe", 99), "--pipe 99: Bad file descriptor"),
        ):
            result = subprocess.run(
                [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                check=False,
            )  # fmt: skip
            assert (result.returncode, result.stdout) == (3, "")
            assert said in result.stderr
            assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("option", [("--port", "65536"), ("--delay-factor", "11"), ("--port", "x")])
def test_wrong_options_are_refused(tmp_path: Path, option: tuple[str, str]) -> None:
    """With exit 2; how slow it is cannot be set to any number [PR7, PR9]."""
    result = subprocess.run(
        [*COMMAND, "--ledger", tmp_path, *option], capture_output=True, timeout=60, check=False
    )
    assert result.returncode == 2
    assert option[0].encode() in result.stderr


def test_a_killed_service_goes_on_from_its_ledger(tmp_path: Path) -> None:
    """Killed in the middle of a row, with one answer given and one open [PR6]."""
    with running(tmp_path, "--delay-factor", "0") as program:
        assert program.ask("/sort", LETTER, "x:a") == SORTED
        program.until(answers_handed_over=1)
        assert program.end()[0] == -signal.SIGKILL
    with (tmp_path / "ledger.jsonl").open("ab") as file:
        file.write(b'{"row":4,"at_ms":1,"event":"rece')
    with running(tmp_path, "--delay-factor", "0") as program:
        assert program.counts() == {
            "requests_received": 1, "work_done": 1, "answers_handed_over": 1
        }  # fmt: skip
        assert program.ask("/sort", LETTER, "x:a") == SORTED
        assert program.until(answers_handed_over=2)["finished_work_asked_again"] == 1


def test_it_shares_nothing_with_legato() -> None:
    """No module of Legato but `errors`, no package of others [PR11]."""
    code = "import sys, legato.practice.__main__; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True,
        check=True, timeout=60,
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    loaded = set(result.stdout.split()) - set(bare.stdout.split())
    others = {each for each in loaded if each.partition(".")[0] not in sys.stdlib_module_names}
    shared = {each for each in others if not each.startswith("legato.practice")}
    assert shared == {"legato", "legato.errors"}

# SPDX-License-Identifier: Apache-2.0
"""What the author of a piece of Python might try, in a real box."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from legato.model.signals import ReportCancelled
from legato.nodes import code
from legato.ports.grants import Grants
from legato.runtime.attempt.processes import Launcher
from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions
from tests.support.box import allow_code
from tests.unit.nodes.world import World, request

pytestmark = pytest.mark.linux


@pytest.fixture
def box(world: World) -> World:
    """Allow code to run."""
    allow_code(world)
    return world


async def test_without_a_grant_or_a_sandbox_no_code_runs(world: World) -> None:
    """The refusal names the line to add; without bubblewrap a grant is not enough [ND61]."""
    error = await world.error(code.python, {"code": "output = 1"})
    assert (error.kind, error.may_have_happened, error.retryable) == ("not_granted", False, False)
    assert "legato.toml: [grants.code] python = true" in error.message
    world.grants = Grants(python=True)
    for sandbox in (None, Sandbox(SandboxOptions(places="/nowhere")),
                    Sandbox(SandboxOptions(mode="off"))):  # fmt: skip
        world.launcher = Launcher(sandbox=sandbox)
        error = await world.error(code.python, {"code": "output = 1"})
        assert (error.kind, error.may_have_happened) == ("not_started", False)
        assert "install bubblewrap" in error.message


async def test_a_sandbox_that_does_not_work_is_not_done_without(
    world: World, tmp_path: Path
) -> None:
    """Where user namespaces are forbidden the code does not run, and it is said why [ND61]."""
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2; exit 1\n", encoding="utf-8")
    fake.chmod(0o755)
    world.launcher = Launcher(sandbox=Sandbox(SandboxOptions(places=str(tmp_path))))
    world.grants = Grants(python=True)
    for _ in range(2):
        error = await world.error(code.python, {"code": "output = 1"})
        assert error.kind == "not_started"
        assert "bwrap: No permissions" in error.message


REFUSED = {
    "fork": "import os; os.fork()",
    "a program": "import subprocess; subprocess.run(['/bin/true'])",
    "exec": "import os; os.execv('/bin/sh', ['sh'])",
    "the loader": "import os; os.execv('/lib64/ld-linux-x86-64.so.2', ['x'])",
    "spawn": "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "a pool": "import multiprocessing; multiprocessing.Process(target=print).start()",
    "a thread": "import threading; threading.Thread(target=print).start()",
    "a socket": "import socket; socket.socket()",
    "a local socket": "import socket; socket.socket(socket.AF_UNIX)",
    "passwd": "open('/etc/passwd')",
    "shadow": "open('/etc/shadow')",
    "its memory": "open('/proc/self/mem')",
    "the environment of others": "open('/proc/1/environ')",
    "a disk": "open('/dev/sda')",
    "the user's home": "import os; os.listdir(os.path.expanduser('~root/.ssh'))",
    "outside": "open('/x', 'w')",
    "the library": "import os; open(os.__file__, 'a')",
    "shared memory": "open('/dev/shm/x', 'w')",
    "memory that no limit counts": "import os; os.memfd_create('x')",
    "a device": "import os; os.mknod('/box/d', 0o60666, os.makedev(8, 0))",
    "a mount": "import ctypes; c = ctypes.CDLL(None, use_errno=True)\n"
               "if c.mount(b'none', b'/box', b'tmpfs', 0, None): raise OSError(ctypes.get_errno())",
    "a namespace": "import ctypes; c = ctypes.CDLL(None, use_errno=True)\n"
                   "if c.unshare(0x10000000): raise OSError(ctypes.get_errno())",
    "a raw fork": "import ctypes; c = ctypes.CDLL(None, use_errno=True)\n"
                  "if c.fork() == -1: raise OSError(ctypes.get_errno())",
    "tracing": "import ctypes; c = ctypes.CDLL(None, use_errno=True)\n"
               "if c.ptrace(16, 1, 0, 0) == -1: raise OSError(ctypes.get_errno())",
    "ten gigabytes": "x = bytearray(10**10)",
    "a large file": "open('a', 'wb').write(bytes(10**8))",
    "many files": "for n in range(99): open(str(n), 'wb').write(bytes(10**6))",
    "many open files": "files = [open('/dev/null') for _ in range(99)]",
}  # fmt: skip


@pytest.mark.parametrize("attempt", REFUSED)
async def test_what_reaches_out_of_the_box_is_refused(box: World, attempt: str) -> None:
    """No process, program, thread, socket, file of the machine, or memory over the limit [ND61]."""
    error = await box.error(code.python, {"code": REFUSED[attempt] + "\noutput = 'reached'"})
    assert error.kind == "code_error", error
    assert any(each in error.message for each in ("Error", "can't start new thread")), error


async def test_no_variable_and_no_file_of_the_engine_is_seen(
    box: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, Legato's home, the scratch folder and /etc are not there [ND61]."""
    monkeypatch.setenv("LEGATO_SECRET_TOKEN", "canary")
    home = box.folder / "home"
    home.mkdir()
    (home / "secrets.toml").write_text("canary", encoding="utf-8")
    text = f"""
import os
output = {{
    "env": sorted(os.environ), "cwd": os.getcwd(), "there": os.listdir("."),
    "home": os.path.exists({str(home)!r}), "folder": os.path.exists({str(box.folder)!r}),
    "etc": sorted(os.listdir("/etc")), "proc": os.path.exists("/proc/self"),
    "uid": os.getuid(), "user": os.path.exists("/home"),
}}
"""
    seen = await box.output(code.python, {"code": text})
    assert set(seen["env"]) <= {"HOME", "LANG", "PWD", "TMPDIR"}
    assert (seen["cwd"], seen["there"]) == ("/box", [])
    assert not seen["home"] and not seen["folder"] and not seen["proc"] and not seen["user"]
    assert set(seen["etc"]) <= {"ld.so.cache"}
    assert seen["uid"] == 65534


async def test_a_server_on_this_machine_is_not_reached(box: World) -> None:
    """A raw connect, past Python's own module, gets nowhere [ND61]."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.setblocking(False)
        text = f"""
import ctypes
c = ctypes.CDLL(None, use_errno=True)
s = c.socket(2, 1, 0)
output = [s, ctypes.get_errno(), c.connect(0, bytes([2, 0, {port >> 8}, {port & 255}, 127, 0, 0, 1])
          + bytes(8), 16)]
"""
        assert await box.output(code.python, {"code": text}) == [-1, 1, -1]
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "text",
    [
        "import os; os._exit(0)",
        "import os; os._exit(7)",
        "import os; os.closerange(0, 64); output = 1",
        "import os; os.write(3, b'+{'); os._exit(0)",
        'import os; os.write(3, b\'-{"kind": "not_granted"\'); os._exit(0)',
        "import os; os.write(3, b'-[]'); os._exit(0)",
        "import os; os.write(3, b'garbage'); os._exit(0)",
        "import ctypes; ctypes.string_at(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    ],
)
async def test_an_answer_that_is_none_fails_the_node_alone(box: World, text: str) -> None:
    """Exits, crashes, closed and forged channels end in a failure of the node [ND62]."""
    error = await box.error(code.python, {"code": text})
    assert error.kind in {"code_error", "killed", "invalid_output"}
    assert error.may_have_happened is False


async def test_an_output_that_the_code_writes_itself_is_checked_like_any(box: World) -> None:
    """The channel is data: duplicate keys and NaN in it are refused [ND62]."""
    for forged in ('+{"a":1,"a":2}', "+NaN", "+[1e999]"):
        text = f"import os; os.write(3, {forged.encode()!r}); os._exit(0)"
        assert (await box.error(code.python, {"code": text})).kind == "invalid_output"


async def test_killing_everything_it_can_see_kills_nothing_outside(box: World) -> None:
    """The box has process ids of its own: its parent is out of reach [ND61]."""
    text = """
import contextlib, os
for pid in (1, os.getppid(), -1):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 9)
output = "alive"
"""
    assert await box.output(code.python, {"code": text}) == "alive"
    assert await box.output(code.python, {"code": "output = 1"}) == 1


async def test_endless_code_ends_with_the_time_out(box: World) -> None:
    """Loops that catch everything are killed with the attempt [ND61, ND9]."""
    text = """
import signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
    error = await box.error(code.python, {"code": text}, timeout_ms=1_500)
    assert error.kind == "timeout"


async def test_endless_code_stops_when_it_is_cancelled(box: World) -> None:
    """A cancel ends the process [ND61, EN12]."""
    box.types["code.python"] = code.python
    runner = box.runner()
    asked = request(code.python, {"code": "print('begun')\nwhile True: pass"})
    attempt = asyncio.ensure_future(runner.run(asked))
    await box.heard("begun")
    runner.stop(asked.key)
    assert isinstance(await attempt, ReportCancelled)


async def test_a_gigabyte_of_prints_is_dropped(box: World) -> None:
    """Lines over the limit of the log are dropped unread, and the code still ends [ND61, LG17]."""
    box.limit(max_log_lines_per_attempt=50)
    text = "line = 'x\\n' * 500_000\nfor _ in range(1000): print(line, end='')\noutput = 1"
    assert await box.output(code.python, {"code": text}) == 1
    assert len(box.logs.lines) == 51


async def test_a_text_of_data_is_never_code(box: World) -> None:
    """What comes in as input stays data, whatever it looks like [ND60]."""
    for text in ("__import__('os')._exit(1)", "${{ inputs.x }}", "'); raise SystemExit #"):
        config = {"code": "output = input", "input": text}
        assert await box.output(code.python, config) == text


async def test_nothing_of_an_attempt_is_left_behind(box: World) -> None:
    """The scratch folder is gone; what the code wrote was in memory [ND61]."""
    await box.output(code.python, {"code": "open('here', 'w').write('x')\noutput = 1"})
    scratch = box.folder / "scratch"
    assert not scratch.exists() or os.listdir(scratch) == []

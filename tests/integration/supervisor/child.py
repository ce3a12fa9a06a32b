# SPDX-License-Identifier: Apache-2.0
"""A small program for the supervisor: `python -m tests.integration.supervisor.child PIPE WHAT`.

It says its process id first, as JSON, and then does one thing; every wait ends with its supervisor.
"""

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys

from legato.supervisor.link import SupervisorLink


def say(**said: object) -> None:
    """Write one JSON line."""
    print(json.dumps(said), flush=True)


async def serve(link: SupervisorLink, what: str, sockets: int) -> int:
    """End with 0 on SIGTERM, with 7 when the supervisor is gone."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    loop.add_signal_handler(signal.SIGTERM, ended.set_result, 0)
    link.watch(lambda: ended.set_result(7))
    say(pid=os.getpid(), sockets=sockets)
    if what == "ask-for-crash":
        link.ask_for_crash()
    code = await ended
    say(ended=code)
    return code


def stubborn() -> None:
    """Heed no signal and no pipe."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say(pid=os.getpid(), name="stubborn")
    while True:
        signal.pause()


def parent(pipe: int) -> None:
    """Start a program that outlives this one, say which descriptors it has, and end with 3."""
    code = "import os, signal; print(os.listdir('/proc/self/fd'), flush=True); signal.pause()"
    left = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, close_fds=False
    )
    assert left.stdout is not None
    has_pipe = f"'{pipe}'" in left.stdout.readline()
    say(pid=os.getpid(), left=left.pid, has_pipe=has_pipe)
    os._exit(3)


def sockets_held() -> int:
    """Count the sockets among the descriptors of this process."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the folder itself is closed again
            count += stat.S_ISSOCK(os.fstat(int(name)).st_mode)
    return count


def main(pipe: int, what: str) -> None:
    """Do one thing."""
    if what == "stubborn":
        stubborn()
    sockets = sockets_held()
    link = SupervisorLink(pipe)
    if what == "parent":
        parent(pipe)
    if what == "talk":
        say(pid=os.getpid())
        print("out \x1b[2J", "z" * 10_000, flush=True)
        print("err", file=sys.stderr, flush=True)
        print("last, without an end", end="", flush=True)
        what = "exit-0"
    if what.startswith("exit-"):
        sys.exit(int(what.removeprefix("exit-")))
    with contextlib.closing(link):
        sys.exit(asyncio.run(serve(link, what, sockets)))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

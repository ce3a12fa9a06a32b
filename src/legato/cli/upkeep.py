# SPDX-License-Identifier: Apache-2.0
"""`python -m legato.cli.upkeep PLAN`: what `legato up` becomes, the supervisor and what it says.

It lives as long as all the rest and must stay small: it imports neither settings nor web nor store.
The lines of the children go to stderr; stdout gets what a person or a program waits for.

Rules: UP1, UP7-UP9, UP18, UP19.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from legato.cli.browser import Door, can_open, make_door, open_page
from legato.cli.plan import Plan, decode_plan
from legato.errors import Unavailable
from legato.supervisor.output import Output
from legato.supervisor.spec import PIPE, Change, ChildSpec
from legato.supervisor.supervisor import SIGNALS, Supervisor

SERVER: Final = "server"
PRACTICE: Final = "practice"
DOOR_S: Final = 60.0
"""So long a browser has to come up and read the file that leads to the link."""
_FINAL: Final = frozenset({2, 3})
"""What is wrong with settings, keys or ledger is wrong again a moment later."""


def main(text: str, env: Mapping[str, str]) -> int:
    """Run everything to its end; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    plan = decode_plan(text)
    with Output(sys.stderr) as output, Output(sys.stdout) as answers:
        return asyncio.run(_Upkeep(plan, env, output, answers).run())


def specs_of(plan: Plan, env: Mapping[str, str]) -> list[ChildSpec]:
    """Return what is started, in order."""
    python = (sys.executable, "-P", "-m")
    found = []
    if plan.practice is not None:
        given = plan.practice
        options = {
            "--ledger": str(Path(plan.home) / PRACTICE),
            "--listening": str(given.descriptor),
            "--delay-factor": str(given.delay_factor),
            "--pipe": PIPE,
        }
        pairs = (part for pair in options.items() for part in pair)
        argv = (*python, "legato.practice", *pairs)
        found.append(
            ChildSpec(
                PRACTICE,
                argv,
                env,
                descriptors=(given.descriptor,),
                announces=True,
                is_essential=False,
                final_codes=_FINAL,
            )
        )
    arguments = ["--json"] if plan.as_json else []
    argv = (*python, "legato.cli", "--home", plan.home, "up-server", PIPE, plan.encode())
    found.append(
        ChildSpec(
            SERVER,
            (*argv, *arguments),
            env,
            descriptors=(plan.listening,),
            announces=True,
            may_ask_for_crash=True,
            final_codes=_FINAL,
        )
    )
    return found


class _Upkeep:
    """The supervisor with its voice."""

    def __init__(self, plan: Plan, env: Mapping[str, str], output: Output, answers: Output) -> None:
        self._plan = plan
        self._env = env
        self._output = output
        self._answers = answers
        self._began = asyncio.Event()
        self._door: Door | None = None
        self._pid = 0

    async def run(self) -> int:
        """Start all, and wait for the end."""
        plan = self._plan
        given = () if plan.practice is None else (plan.practice.descriptor,)
        for descriptor in (plan.listening, plan.lock, *given):
            os.set_inheritable(descriptor, False)
        async with Supervisor(self._output, on_change=self._hear) as supervisor:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            for spec in specs_of(plan, self._env):
                supervisor.start(spec)
            telling = asyncio.create_task(self._tell(supervisor))
            try:
                return await supervisor.wait()
            finally:
                # From here on nobody is kept waiting at a door that does not open again.
                os.close(plan.listening)
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
                self._close_door()

    def _hear(self, change: Change) -> None:
        if change.name == SERVER and change.state == "running":
            self._began.set()
        practice = self._plan.practice
        if change.name == PRACTICE and change.state == "given_up" and practice is not None:
            os.close(practice.descriptor)

    async def _tell(self, supervisor: Supervisor) -> None:
        """Say where each process of the server answers; the first time that is the ready line."""
        while True:
            await self._began.wait()
            self._began.clear()
            with contextlib.suppress(Unavailable):
                said = await supervisor.announcement(SERVER)
                if said["pid"] != self._pid:
                    self._say(said, is_first=not self._pid)
                    self._pid = said["pid"]

    def _say(self, said: Mapping[str, Any], *, is_first: bool) -> None:
        url, setup_url = said["url"], said["setup_url"]
        self._close_door()  # the link behind it is void
        if not is_first:
            if setup_url is not None:
                text = f"The link before is void; this one is good once, for an hour: {setup_url}"
                self._tell_again(text)
            return
        if self._plan.as_json:
            ready = {"event": "ready", "url": url, "setup_url": setup_url}
            self._answers.plain(json.dumps(ready, separators=(",", ":")))
            return
        is_opening = self._plan.opens and can_open(self._env) and self._open(url, setup_url)
        opening = "opening your browser · " if is_opening else ""
        self._answers.plain(f"Legato is running at {url} · {opening}data in {self._plan.home}")
        if setup_url is not None:
            text = "If no browser opens, open" if is_opening else "Open"
            self._answers.plain(f"{text} this link, good once and for an hour: {setup_url}")

    def _tell_again(self, text: str) -> None:
        if self._plan.as_json:
            self._output.line("legato", text)
        else:
            self._answers.plain(text)

    def _open(self, url: str, setup_url: str | None) -> bool:
        """Ask for a browser; tell whether that could be done."""
        if setup_url is not None:
            home = Path(self._plan.home)
            folders = (Path(self._env.get("HOME") or home), home)
            name = f"legato-open-{url.rpartition(':')[2]}.html"
            self._door = make_door(folders, name, setup_url)
            if self._door is None:
                return False
            asyncio.get_running_loop().call_later(DOOR_S, self._close_door)
            url = self._door.url
        process = open_page(url, self._env)
        if process is not None:
            threading.Thread(target=process.wait, daemon=True).start()  # its end is nobody's wait
        return process is not None

    def _close_door(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], dict(os.environ)))  # noqa: TID251 - read once, for the children

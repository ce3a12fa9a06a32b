# SPDX-License-Identifier: Apache-2.0
"""Programs whose keepers are forked by a nursery, as those are that follow each other."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from legato.runtime.attempt.leftovers import PidFile
from legato.runtime.attempt.nursery import Forked
from legato.runtime.attempt.processes import Launcher, Running
from tests.integration.nodes.test_programs import sh, start
from tests.unit.nodes.world import is_alive, wait_gone

pytestmark = pytest.mark.linux

PROGRAMS_MAX = 500


async def forked(launcher: Launcher, folder: Path, script: str) -> tuple[Running, list[int]]:
    """Start a program under a forked keeper; return it and the pids that it says first."""
    for _ in range(PROGRAMS_MAX):
        running, heard = start(launcher, folder, script)
        if isinstance(running._keeper, Forked):
            return running, [int(each) for each in (await heard.line()).split()]
        running.kill()
        await running.ended
    raise AssertionError("the nursery never became ready")


def parent_of(pid: int) -> int:
    """Return a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


@pytest.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[Launcher]:
    """A launcher that notes what it runs."""
    made = Launcher(pids=PidFile(tmp_path / "engine.pids"))
    yield made
    await made.close()


async def test_a_forked_keeper_is_like_a_started_one(launcher: Launcher, tmp_path: Path) -> None:
    """Streams, exit codes, limits, an empty environment and no descriptors [ND75, ND14, ND15]."""
    running, (pid,) = await forked(launcher, tmp_path, "echo $$; exec sleep 1000")
    nursery = parent_of(running._keeper.pid)
    assert parent_of(pid) == running._keeper.pid
    assert (parent_of(nursery), os.getsid(pid)) == (os.getpid(), pid)
    running.kill()
    assert (await running.ended).exit_code == -signal.SIGKILL
    result = await sh(launcher, tmp_path, "cat; echo err >&2; exit 3", stdin=b"x" * 200_000)
    assert (result.stdout, result.stderr, result.exit_code) == (b"x" * 200_000, b"err\n", 3)
    seen = await sh(launcher, tmp_path, "env | sort; ls /proc/self/fd; umask")
    names = [line.partition("=")[0] for line in seen.stdout.decode().split("\n") if "=" in line]
    assert set(names) <= {"HOME", "LANG", "PATH", "PWD", "TMPDIR", "SHLVL", "_", "OLDPWD"}
    assert seen.stdout.decode().split("\n")[-6:-1] == ["0", "1", "2", "3", "0022"]  # 3 is ls's own


async def test_many_at_once_do_not_mix(launcher: Launcher, tmp_path: Path) -> None:
    """Each has its own input and output [ND75]."""
    running, _ = await forked(launcher, tmp_path, "echo $$; exec sleep 1000")
    results = await asyncio.gather(
        *(sh(launcher, tmp_path, "cat; exit $0", stdin=b"%d" % n) for n in range(40))
    )
    assert [each.stdout for each in results] == [b"%d" % n for n in range(40)]
    assert not running.ended.done()
    running.kill()


async def test_a_nursery_that_dies_takes_its_programs_along(
    launcher: Launcher, tmp_path: Path
) -> None:
    """They are said to be killed; the next programs start all the same [ND75, ND9]."""
    script = "sh -c 'exec sleep 1000' & echo $$ $!; exec sleep 1000"
    running, pids = await forked(launcher, tmp_path, script)
    os.kill(parent_of(running._keeper.pid), signal.SIGKILL)
    assert (await asyncio.wait_for(running.ended, 20)).exit_code == -signal.SIGKILL
    assert not any(is_alive(pid) for pid in pids)
    assert (await sh(launcher, tmp_path, "echo on")).stdout == b"on\n"
    again, _ = await forked(launcher, tmp_path, "echo $$; exec sleep 1000")
    again.kill()


async def test_closing_leaves_no_nursery(tmp_path: Path) -> None:
    """Nor does a launcher that is just forgotten [ND75, EN14]."""
    for is_closed in (True, False):
        launcher = Launcher()
        running, _ = await forked(launcher, tmp_path, "echo $$; exec sleep 1000")
        nursery = parent_of(running._keeper.pid)
        if is_closed:
            await launcher.close()
        else:
            running.kill()
            await running.ended
            del running, launcher
        assert await asyncio.to_thread(wait_gone, nursery)


ENGINE = """\
import asyncio, sys
from pathlib import Path
from tests.integration.nodes.test_nursery import forked
from legato.runtime.attempt.processes import Launcher

async def main():
    script = "setsid sh -c 'exec sleep 1000' & echo $$ $!; exec sleep 1000"
    running, pids = await forked(Launcher(), Path(sys.argv[1]), script)
    print(running._keeper.pid, *pids, flush=True)
    await running.ended

asyncio.run(main())
"""


def test_forked_programs_die_with_an_engine_that_is_killed(tmp_path: Path) -> None:
    """`kill -9` of the engine leaves neither programs nor keepers nor the nursery [ND75, OW7]."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pids = [int(each) for each in process.stdout.readline().split()]
    nursery = parent_of(pids[0])
    process.kill()
    process.communicate()
    assert len(pids) == 3
    assert all(wait_gone(pid) for pid in [*pids, nursery])

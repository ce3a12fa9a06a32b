# SPDX-License-Identifier: Apache-2.0
"""Real programs: output, ends, process trees, what they see."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from legato.model.signals import ReportCancelled
from legato.nodes import shell
from legato.ports.grants import Grants
from legato.ports.node import NodeFailure, ProgramCall, ProgramResult
from legato.runtime.attempt.command import Command, ProcessEnd, ProcessLimits
from legato.runtime.attempt.leftovers import PidFile, kill_leftovers
from legato.runtime.attempt.processes import Launcher, Running
from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions
from tests.unit.nodes.world import World, is_alive, request, wait_gone

pytestmark = pytest.mark.linux

SH = Path("/bin/sh")


def ignore(data: bytes) -> None:
    """Take nothing."""


async def sh(launcher: Launcher, scratch: Path, script: str, **more: object) -> ProgramResult:
    call = ProgramCall(program=SH, args=("-c", script), **more)  # type: ignore[arg-type]
    return await launcher.run(call, scratch, ignore)


class Heard:
    """Collects output and waits for words in it."""

    def __init__(self) -> None:
        self.data = b""
        self._more = asyncio.Event()

    def add(self, data: bytes) -> None:
        self.data += data
        self._more.set()

    async def line(self) -> str:
        while b"\n" not in self.data:
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), 20)
        line, _, self.data = self.data.partition(b"\n")
        return line.decode()


def start(launcher: Launcher, scratch: Path, script: str) -> tuple[Running, Heard]:
    heard = Heard()
    command = Command(program=str(SH), argv=("/bin/sh", "-c", script), folder=scratch, home=scratch)
    return launcher.start(command, b"", heard.add, ignore), heard


async def test_a_program_gets_its_input_and_says_its_output(world: World, tmp_path: Path) -> None:
    """Standard input in; stdout, stderr and exit code out [ND15]."""
    result = await sh(world.launcher, tmp_path, "cat; echo err >&2; exit 3", stdin=b"x" * 200_000)
    assert result.stdout == b"x" * 200_000
    assert (result.stderr, result.exit_code, result.truncated) == (b"err\n", 3, False)


async def test_a_program_sees_an_empty_environment_and_no_descriptors(
    world: World, tmp_path: Path
) -> None:
    """Four variables and those of the config; streams only; a scratch folder [ND14]."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        result = await sh(
            world.launcher, tmp_path, "env; echo; ls /proc/self/fd; pwd; umask", env={"A": "1"}
        )
    finally:
        os.close(read)
        os.close(write)
    variables, _, rest = result.stdout.decode().partition("\n\n")
    names = {line.partition("=")[0] for line in variables.split("\n")}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "LANG", "HOME", "TMPDIR", "A"}
    *descriptors, folder, umask = rest.split()
    assert descriptors == ["0", "1", "2", "3"]  # 3 is what ls reads the folder with
    assert folder == str(tmp_path)
    assert umask == "0022"


async def test_limits_hold_for_the_program(world: World, tmp_path: Path) -> None:
    """Files, core dumps, open files and CPU time are bounded [ND14]."""
    launcher = Launcher(limits=ProcessLimits(file_bytes=4_096, open_files=16, cpu_s=1))
    result = await sh(launcher, tmp_path, "ulimit -n; ulimit -c; ulimit -f")
    assert result.stdout.split() == [b"16", b"0", b"8"]
    big = await sh(launcher, tmp_path, "dd if=/dev/zero of=big bs=4096 count=9 2>/dev/null")
    assert big.exit_code != 0
    assert (tmp_path / "big").stat().st_size == 4_096
    spin = await sh(launcher, tmp_path, "while :; do :; done")
    assert spin.exit_code in {-signal.SIGXCPU, -signal.SIGKILL}


@pytest.mark.parametrize(
    ("program", "kind"), [("missing", "not_found"), ("plain", "not_started"), (".", "not_started")]
)
async def test_what_cannot_be_started_did_not_happen(
    world: World, tmp_path: Path, program: str, kind: str
) -> None:
    """A missing or unusable program is a failure of its own kind [ND15]."""
    (tmp_path / "plain").write_text("no program", encoding="utf-8")
    (tmp_path / "plain").chmod(0o755 if program != "plain" else 0o644)
    with pytest.raises(NodeFailure) as caught:
        await world.launcher.run(ProgramCall(program=tmp_path / program), tmp_path, ignore)
    assert (caught.value.error.kind, caught.value.error.may_have_happened) == (kind, False)


async def test_a_folder_that_became_a_link_is_not_entered(world: World, tmp_path: Path) -> None:
    """What was checked is what is used, also for the folder a program runs in [ND14]."""
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(NodeFailure) as caught:
        await sh(world.launcher, tmp_path, "pwd", cwd=tmp_path / "link")
    assert caught.value.error.kind == "not_started"


async def test_output_over_the_limit_is_dropped_and_the_program_ends(
    world: World, tmp_path: Path
) -> None:
    """A program that prints without end is read, cut and never held in memory [ND15]."""
    result = await sh(
        world.launcher, tmp_path, "head -c 50000000 /dev/zero; echo end >&2", max_output_bytes=1_000
    )
    assert (len(result.stdout), result.truncated, result.stderr) == (1_000, True, b"end\n")


async def test_what_a_program_leaves_behind_ends_with_it(world: World, tmp_path: Path) -> None:
    """Children in the background and in sessions of their own are gone afterwards [ND9, ND14]."""
    script = """
        sleep 1000 & echo $!
        setsid sh -c 'echo $$; exec sleep 1000' &
        ( setsid sh -c 'setsid sleep 1000 & echo $!' & )
        read line < gate
        exit 4
    """
    os.mkfifo(tmp_path / "gate")
    running, heard = start(world.launcher, tmp_path, script)
    pids = [int(await heard.line()) for _ in range(3)]
    assert all(is_alive(pid) for pid in pids)
    await asyncio.to_thread((tmp_path / "gate").write_text, "go\n", encoding="utf-8")
    assert await running.ended == ProcessEnd(exit_code=4)
    assert not any(is_alive(pid) for pid in pids)


STUBBORN = """
    trap '' TERM
    echo $$
    ( trap '' TERM; setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 1000; done' ) &
    while :; do sleep 1000; done
"""


async def test_cancelling_ends_a_whole_tree_that_ignores_sigterm_within_two_seconds(
    world: World,
) -> None:
    """SIGTERM, then SIGKILL, to every descendant [EN12, ND9]."""
    world.types["shell.run"] = shell.run
    world.grants = Grants(programs=("sh",))
    runner = world.runner()
    script = STUBBORN.replace("echo $$;", "echo pid inner $$ >&2;").replace(
        "echo $$\n", "echo pid outer $$ >&2\n"
    )
    asked = request(shell.run, {"program": "sh", "args": ["-c", script]}, effect="non_idempotent")
    attempt = asyncio.ensure_future(runner.run(asked))
    loop = asyncio.get_running_loop()
    await world.heard("pid inner ")
    pids = [int(line.text.split()[2]) for line in world.seen]
    begin = loop.time()
    assert runner.stop(asked.key)
    report = await attempt
    took_s = loop.time() - begin
    assert isinstance(report, ReportCancelled)
    assert report.outcome_unknown is True
    assert took_s < 2.0
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)


async def test_a_program_that_tidies_up_on_sigterm_may(world: World, tmp_path: Path) -> None:
    """SIGTERM comes first, and a program that ends on it is not killed [EN12]."""
    script = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do read x < gate; done"
    os.mkfifo(tmp_path / "gate")
    running, heard = start(world.launcher, tmp_path, script)
    assert await heard.line() == "ready"
    await running.end(5.0)
    assert running.ended.result() == ProcessEnd(exit_code=0)
    assert await heard.line() == "tidy"


async def test_a_timeout_ends_a_program(world: World) -> None:
    """An attempt out of time leaves no process behind [AT18, ND9]."""
    world.grants = Grants(programs=("sh",))
    script = "echo pid $$ >&2; exec sleep 1000"
    config = {"program": "sh", "args": ["-c", script]}
    error = await world.error(shell.run, config, timeout_ms=400)
    assert (error.kind, error.may_have_happened) == ("timeout", True)
    pids = [int(line.text.split()[1]) for line in world.seen if line.text.startswith("pid")]
    assert not any(is_alive(pid) for pid in pids)


async def test_a_keeper_that_is_killed_takes_the_program_along(
    world: World, tmp_path: Path
) -> None:
    """Whoever kills the keeper ends the program too, and the end is not called a success
    [ND9].
    """
    running, heard = start(world.launcher, tmp_path, "echo $$; exec sleep 1000")
    pid = int(await heard.line())
    os.kill(running._keeper.pid, signal.SIGKILL)
    assert await running.ended == ProcessEnd(exit_code=None)
    assert wait_gone(pid)


ENGINE = """
import asyncio, sys
from pathlib import Path
from legato.ports.node import ProgramCall
from legato.runtime.attempt.leftovers import PidFile
from legato.runtime.attempt.processes import Launcher

async def main():
    home = Path(sys.argv[1])
    launcher = Launcher(pids=PidFile(home / "engine.pids"))
    script = "echo $$ >&2; setsid sh -c 'echo $$ >&2; exec sleep 1000' & exec sleep 1000"
    call = ProgramCall(program=Path("/bin/sh"), args=("-c", script))
    await launcher.run(call, home, lambda data: print(data.decode(), end="", flush=True))

asyncio.run(main())
"""


def engine(folder: Path) -> tuple["subprocess.Popen[str]", list[int]]:
    """Start a program under an engine of its own; return the engine and the program's tree."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pids = [int(process.stdout.readline()) for _ in range(2)]
    return process, pids


def keeper_of(folder: Path) -> int:
    record = (folder / "engine.pids").read_text(encoding="utf-8")
    return int(record.partition('"pid": ')[2].partition(",")[0])


def test_programs_die_with_an_engine_that_is_killed(tmp_path: Path) -> None:
    """`kill -9` of the engine leaves no program running [OW7]."""
    process, pids = engine(tmp_path)
    process.kill()
    process.communicate()
    assert all(wait_gone(pid) for pid in [*pids, keeper_of(tmp_path)])
    assert kill_leftovers(tmp_path / "engine.pids") == 0
    assert not (tmp_path / "engine.pids").exists()


def test_leftovers_of_a_dead_engine_are_killed_by_the_next(tmp_path: Path) -> None:
    """If the keeper was killed too, the file of process ids says what is left [OW7]."""
    process, pids = engine(tmp_path)
    keeper = keeper_of(tmp_path)
    os.kill(keeper, signal.SIGSTOP)  # it cannot notice the engine's death
    process.kill()
    process.communicate()
    assert all(is_alive(pid) for pid in pids)
    assert kill_leftovers(tmp_path / "engine.pids") == 3
    assert not any(is_alive(pid) for pid in [keeper, *pids])
    assert kill_leftovers(tmp_path / "engine.pids") == 0


def test_a_process_id_that_was_given_to_somebody_else_is_spared(tmp_path: Path) -> None:
    """Boot, start time and home folder have to agree before anything is killed [OW7]."""
    file = tmp_path / "engine.pids"
    bystander = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    try:
        pids = PidFile(file)
        pids.add(bystander.pid, bystander.pid, tmp_path)
        line = file.read_text(encoding="utf-8")
        start = line.partition('"start": ')[2].partition(",")[0]
        for wrong in (
            line.replace(start, str(int(start) + 1)),
            line.replace('"boot": "', '"boot": "x'),
            "not json\n{}\n[]\n",
        ):
            file.write_text(wrong, encoding="utf-8")
            assert kill_leftovers(file) == 0
            assert is_alive(bystander.pid)
        file.write_text(line, encoding="utf-8")
        assert kill_leftovers(file) == 1
        assert bystander.wait(5) == -signal.SIGKILL
    finally:
        bystander.kill()
        bystander.wait()


def test_the_file_of_process_ids_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many programs it holds the living only [EN19]."""
    monkeypatch.setattr("legato.runtime.attempt.leftovers._COMPACT_AFTER", 10)
    pids = PidFile(tmp_path / "deep" / "engine.pids")
    for _ in range(25):
        pids.add(os.getpid(), 1, tmp_path)
        pids.discard(os.getpid())
    pids.add(2**30, 1, tmp_path)
    assert len((tmp_path / "deep" / "engine.pids").read_bytes().splitlines()) <= 11
    pids.remove()
    pids.remove()


async def test_the_launcher_ends_everything_when_it_closes(tmp_path: Path) -> None:
    """A drained engine leaves nothing running and no file behind [EN14, OW7]."""
    launcher = Launcher(pids=PidFile(tmp_path / "engine.pids"))
    running, heard = start(launcher, tmp_path, "echo $$; exec sleep 1000")
    pid = int(await heard.line())
    assert (tmp_path / "engine.pids").exists()
    await launcher.close()
    assert not is_alive(pid)
    assert running.ended.done()
    assert not (tmp_path / "engine.pids").exists()


async def test_standard_error_is_logged_while_the_program_runs(world: World) -> None:
    """People see what a long program says before it ends [ND3]."""
    world.types["shell.run"] = shell.run
    world.grants = Grants(programs=("sh",), roots=(world.folder,))
    os.mkfifo(world.folder / "gate")
    config = {
        "program": "sh", "args": ["-c", "echo half way >&2; read x < gate; echo done"], "cwd": ".",
    }  # fmt: skip
    attempt = asyncio.ensure_future(world.runner().run(request(shell.run, config)))
    assert await world.heard("half way")
    assert not attempt.done()
    await asyncio.to_thread((world.folder / "gate").write_text, "go\n", encoding="utf-8")
    await attempt


def repository(folder: Path) -> Path:
    """Make a git repository with one commit."""
    folder.mkdir(parents=True)
    base = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    env = {"PATH": os.defpath, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    git = shutil.which("git")
    assert git is not None
    for args in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([git, *base[1:], *args], check=True, env=env)
    return folder


async def test_git_reads_a_repository_by_its_path(world: World) -> None:
    """The sample workflow's first node works on a real repository [ND12]."""
    folder = repository(world.folder / "repo")
    world.grants = Grants(programs=("git",))
    args = ["-C", str(folder), "log", "--pretty=%an%x09%s"]
    output = await world.output(shell.run, {"program": "git", "args": args})
    assert output["stdout"] == "A\tfirst\n"


@pytest.fixture
def boxed(world: World, tmp_path: Path) -> Callable[..., Launcher]:
    """Make a launcher with a sandbox; skips loudly where bubblewrap is missing."""
    if shutil.which("bwrap") is None:
        pytest.skip("SKIP bubblewrap (bwrap) is not installed")

    def make(**options: object) -> Launcher:
        places = str(Path(shutil.which("bwrap") or "").parent)
        return Launcher(sandbox=Sandbox(SandboxOptions(places=places, **options)))  # type: ignore[arg-type]

    return make


async def test_the_sandbox_hides_legato_and_lets_git_read(
    world: World, tmp_path: Path, boxed: Callable[..., Launcher]
) -> None:
    """Legato's folder is empty inside, other folders are readable, none is writable but the
    scratch folder and granted roots [ND14].
    """
    home, root = tmp_path / "home", tmp_path / "root"
    scratch = home / "scratch" / "one"
    for folder in (scratch, root):
        folder.mkdir(parents=True)
    (home / "secrets.toml").write_text("secret", encoding="utf-8")
    repo = repository(tmp_path / "repo")
    launcher = boxed(hidden=(home,), writable=(root,))
    script = f"""
        cat {home}/secrets.toml; ls {home}; echo --
        touch {repo}/x {tmp_path}/x; touch here {root}/x && echo written
        git -C {repo} log --pretty=%s
        ls /run | wc -l; cat /proc/net/dev | wc -l
    """
    result = await sh(launcher, scratch, script)
    assert launcher._sandbox is not None and launcher._sandbox.is_on
    assert result.stdout.decode().split() == ["scratch", "--", "written", "first", "0", "3"]
    assert (root / "x").exists() and (scratch / "here").exists()
    assert not (repo / "x").exists() and not (tmp_path / "x").exists()
    missing = await sh(launcher, scratch, "exit 7")
    assert missing.exit_code == 7


async def test_a_sandboxed_tree_is_asked_and_then_killed(
    world: World, tmp_path: Path, boxed: Callable[..., Launcher]
) -> None:
    """SIGTERM reaches the program and not the sandbox around it; nothing stays [EN12]."""
    launcher = boxed()
    heard = Heard()
    sandbox = launcher._sandbox
    assert sandbox is not None
    script = "trap 'echo tidy; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    command = Command(
        program=str(SH), argv=("/bin/sh", "-c", script), folder=tmp_path, home=tmp_path
    )
    command = await sandbox.around(command, launcher.start)
    running = launcher.start(command, b"", heard.add, ignore)
    assert await heard.line() == "ready"
    await running.end(5.0)
    assert running.ended.result() == ProcessEnd(exit_code=5)
    assert await heard.line() == "tidy"

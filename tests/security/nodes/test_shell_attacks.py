# SPDX-License-Identifier: Apache-2.0
"""What an author of workflows might try with shell.run, against real programs."""

import asyncio
import os
from pathlib import Path

import pytest

from legato.model.signals import ReportCancelled
from legato.nodes import shell
from legato.ports.grants import Grants
from legato.runtime.attempt.processes import Launcher
from tests.unit.nodes.world import CANARY, World, is_alive, request

pytestmark = pytest.mark.linux

ARGUMENTS = [
    "$(id)", "`id`", ";id", "&& id", "| id", "> out", "a\nb", "a\rb", "\t", "--output=/etc/x", "-x",
    "'", '"', "\\", "*", "~", "$HOME", "${IFS}", "%s%n", "", " ", "é\u202e", "x" * 100_000,
]  # fmt: skip


async def test_arguments_arrive_byte_for_byte(world: World) -> None:
    """Nothing between the document and the program looks into an argument [ND12]."""
    world.grants = Grants(programs=("printf",))
    config = {"program": "printf", "args": ["%s\\0", *ARGUMENTS], "max_output_bytes": 200_000}
    output = await world.output(shell.run, config)
    assert output["stdout"].split("\ufffd") == [*ARGUMENTS, ""]


async def test_output_options_write_nowhere_they_should_not(world: World) -> None:
    """`--output=/etc/x` is an argument of the program, nothing else [ND12]."""
    target = world.folder / "x"
    world.grants = Grants(programs=("echo",))
    output = await world.output(shell.run, {"program": "echo", "args": [f"--output={target}"]})
    assert output["stdout"] == f"--output={target}\n"
    assert not target.exists()


@pytest.mark.parametrize("program", ["sh", "/bin/sh", "echo;id", "echo id", "../bin/sh", "~/sh"])
async def test_programs_that_are_not_granted_do_not_start(world: World, program: str) -> None:
    """A grant of one program opens no other [ND13]."""
    world.grants = Grants(programs=("echo",))
    error = await world.error(shell.run, {"program": program, "args": ["-c", "id"]})
    assert (error.kind, error.may_have_happened) == ("not_granted", False)


async def test_a_link_or_program_in_the_scratch_folder_is_not_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are looked up in a fixed path, whatever the engine's own is [ND13]."""
    evil = world.folder / "echo"
    evil.write_text("#!/bin/sh\necho evil\n", encoding="utf-8")
    evil.chmod(0o755)
    monkeypatch.setenv("PATH", str(world.folder))
    monkeypatch.chdir(world.folder)
    world.grants = Grants(programs=("echo",), roots=(world.folder,))
    output = await world.output(shell.run, {"program": "echo", "args": ["good"], "cwd": "."})
    assert output["stdout"] == "good\n"


async def test_a_gigabyte_of_output_costs_no_memory(world: World) -> None:
    """Output over the limit is read and dropped while the loop goes on [ND15]."""
    world.grants = Grants(programs=("head",))
    world.types["shell.run"] = shell.run
    config = {
        "program": "head", "args": ["-c", 1_000_000_000, "/dev/zero"], "max_output_bytes": 10,
    }  # fmt: skip
    attempt = asyncio.ensure_future(world.runner().run(request(shell.run, config)))
    loop = asyncio.get_running_loop()
    longest, before = 0.0, loop.time()
    while not attempt.done():
        await asyncio.sleep(0)
        longest, before = max(longest, loop.time() - before), loop.time()
    assert longest < 0.5
    report = await attempt
    assert b'"truncated":true' in bytes(report.output.json)  # type: ignore[union-attr]


async def test_a_program_that_forks_without_end_is_ended_whole(world: World) -> None:
    """A tree that grows while it is killed is killed all the same [ND9, EN12]."""
    world.grants = Grants(programs=("sh",))
    world.types["shell.run"] = shell.run
    mark = world.folder / "pids"
    script = f"""
        grow() {{ setsid sh -c 'echo $$ >> {mark}; sleep 0.02; exec sleep 1000' & }}
        echo started >&2
        for i in 1 2 3 4 5 6 7 8 9 10; do grow; sleep 0.01; done; echo grown >&2
        while :; do grow; sleep 0.05; done
    """
    runner = world.runner()
    asked = request(shell.run, {"program": "sh", "args": ["-c", script]})
    attempt = asyncio.ensure_future(runner.run(asked))
    await world.heard("grown")
    runner.stop(asked.key)
    assert isinstance(await attempt, ReportCancelled)
    pids = [int(line) for line in mark.read_text(encoding="utf-8").split()]
    assert len(pids) > 5
    assert not any(is_alive(pid) for pid in pids)


async def test_a_daemon_does_not_survive(world: World) -> None:
    """Double fork, new session, closed streams: the tree still ends with the program [ND9]."""
    world.grants = Grants(programs=("sh",))
    mark = world.folder / "pid"
    script = (
        f"( setsid sh -c '( echo $$ > {mark}.new; mv {mark}.new {mark}; exec sleep 1000 ) "
        f"</dev/null >/dev/null 2>&1 & ' & ); while [ ! -e {mark} ]; do sleep 0.01; done"
    )
    await world.output(shell.run, {"program": "sh", "args": ["-c", script]})
    assert not is_alive(int(mark.read_text(encoding="utf-8")))


async def test_secrets_are_in_no_arguments_or_environment(world: World) -> None:
    """Other users of the machine see no secret in `ps` [ND14]."""
    world.grants = Grants(programs=("sh",))
    script = "tr '\\0' '\\n' < /proc/$$/environ; tr '\\0' ' ' < /proc/$$/cmdline; wc -c"
    config = {"program": "sh", "args": ["-c", script], "stdin": {"secret": "token"}}
    report = await world.run(shell.run, config)
    said = await world.everything_said(report)
    assert CANARY not in said
    assert str(len(CANARY.encode())) in said
    assert "[redacted]" not in said


async def test_a_program_that_prints_a_secret_is_redacted(world: World) -> None:
    """Standard input that comes back does not leave the attempt [ND10]."""
    world.grants = Grants(programs=("sh",))
    for script in ("cat", "cat >&2; exit 3", "base64 -w0", "cat; cat >&2; exit 1"):
        config = {"program": "sh", "args": ["-c", script], "stdin": {"secret": "token"}}
        report = await world.run(shell.run, config)
        said = await world.everything_said(report)
        assert CANARY not in said
        assert CANARY[:12] not in said
        assert "[redacted]" in said


async def test_the_home_of_a_program_is_empty_and_gone_afterwards(world: World) -> None:
    """No configuration of the engine's user is read, nothing stays [ND14]."""
    world.grants = Grants(programs=("sh",))
    config = {"program": "sh", "args": ["-c", "ls -A ~; touch ~/.profile; cd; pwd"]}
    output = await world.output(shell.run, config)
    folder = Path(output["stdout"].strip())
    assert folder.parent == world.folder / "scratch"
    assert folder.name not in os.listdir(folder.parent)


async def test_a_program_has_no_terminal_and_no_parents_group(world: World, tmp_path: Path) -> None:
    """It cannot type into a terminal or signal the engine's group [ND14]."""
    world.grants = Grants(programs=("sh",))
    script = "kill -TERM 0; echo unreachable"
    error = await world.error(shell.run, {"program": "sh", "args": ["-c", script]})
    assert error.kind == "killed"
    assert isinstance(world.launcher, Launcher)
    tty = await world.output(
        shell.run, {"program": "sh", "args": ["-c", "sh -c ': < /dev/tty' || echo none"]}
    )
    assert tty["stdout"] == "none\n"

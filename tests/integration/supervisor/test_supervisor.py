# SPDX-License-Identifier: Apache-2.0

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from legato.errors import Conflict, InvalidInput, NotFound, Unavailable
from legato.supervisor import process
from legato.supervisor.link import SupervisorLink
from legato.supervisor.spec import Bounds, ChildSpec
from tests.integration.supervisor.site import child, supervised, wait_gone

pytestmark = pytest.mark.linux


async def test_children_are_drained_the_last_one_first() -> None:
    """Each has ended before the next is asked to; every change is a line [SU1, SU6]."""
    async with supervised() as site:
        for name in ("practice", "server"):
            site.supervisor.start(child("serve", name))
        pids = {name: (await site.said(name))["pid"] for name in ("practice", "server")}
        assert site.supervisor.pid("server") == pids["server"]
        os.kill(os.getpid(), signal.SIGTERM)
        assert await site.supervisor.wait() == 0
    assert site.states == [
        ("practice", "running"), ("server", "running"),
        ("server", "stopping"), ("server", "stopped"),
        ("practice", "stopping"), ("practice", "stopped"),
    ]  # fmt: skip
    lines = site.lines()
    assert f"[legato] server: running, process {pids['server']}" in lines
    assert "[legato] practice: stopped, exit code 0" in lines
    assert '[server] {"ended": 0}' in lines
    assert [_is_there(pid) for pid in pids.values()] == [False, False]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_each_of_the_signals_ends_it(number: signal.Signals) -> None:
    """Ctrl-C, a closed terminal and `kill` alike [SU6]."""
    async with supervised() as site:
        site.supervisor.start(child("serve"))
        await site.said("serve")
        os.kill(os.getpid(), number)
        await site.supervisor.wait()
    assert site.states[-1] == ("serve", "stopped")


async def test_who_does_not_end_in_time_is_killed() -> None:
    """The time is for all children together [SU6]."""
    async with supervised(Bounds(drain_s=0.2)) as site:
        for name in ("a", "b"):
            site.supervisor.start(child("stubborn", name))
            await site.said(name)
    assert [change.name for change in site.changes("killed")] == ["b", "a"]
    assert {change.why for change in site.changes("killed")} == {"SIGKILL"}


async def test_a_second_signal_kills_at_once() -> None:
    """Nobody has to wait for what does not end [SU6]."""
    async with supervised(Bounds(drain_s=3_600)) as site:
        site.supervisor.start(child("stubborn"))
        await site.said("stubborn")
        os.kill(os.getpid(), signal.SIGINT)
        await site.supervisor.wait()
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
    assert site.states[-1] == ("stubborn", "killed")


async def test_a_crash_loop_is_given_up() -> None:
    """After pauses that double; the others are drained, and the whole fails [SU3, SU4]."""
    async with supervised() as site:
        site.supervisor.start(child("serve"))
        await site.said("serve")
        site.supervisor.start(child("exit-3", "server"))
        assert await site.supervisor.wait() == 1
        with pytest.raises(Unavailable):
            await site.said("server")
        with pytest.raises(Conflict):
            site.supervisor.start(child("serve", "late"))
    assert [change.delay_s for change in site.changes("crashed")] == [0.01, 0.02]
    (given_up,) = site.changes("given_up")
    assert given_up.why == "it ended 3 times within 60 s, last with exit code 3"
    assert site.states.count(("server", "running")) == 3
    assert site.states[-2:] == [("serve", "stopping"), ("serve", "stopped")]


async def test_the_others_go_on_without_a_child_that_is_not_essential() -> None:
    """And stay supervised [SU4, SU3]."""
    async with supervised() as site:
        site.supervisor.start(child("exit-0", "practice", is_essential=False))
        site.supervisor.start(child("serve"))
        await site.until_state("given_up")
        pid = (await site.said("serve"))["pid"]
        os.kill(pid, signal.SIGSEGV)
        await site.until(lambda: site.states.count(("serve", "running")) == 2)
        assert (await site.said("serve"))["pid"] != pid
    assert [(each.name, each.why) for each in site.changes("crashed")][-1] == ("serve", "SIGSEGV")


async def test_a_final_exit_code_is_not_tried_again() -> None:
    """Wrong settings stay wrong: the whole ends with that code [SU4]."""
    async with supervised() as site:
        site.supervisor.start(child("exit-2", "server", final_codes=frozenset({2, 3})))
        assert await site.supervisor.wait() == 2
    assert site.states == [("server", "running"), ("server", "given_up")]


async def test_a_program_that_is_not_there_is_named() -> None:
    """As is a folder that is not there [SU1, SU4]."""
    async with supervised() as site:
        site.supervisor.start(ChildSpec("gone", ("/no/such/program",), is_essential=False))
        folder = Path("/no/such/folder")
        spec = ChildSpec("lost", (sys.executable,), folder=folder, is_essential=False)
        site.supervisor.start(spec)
        await site.until_state("given_up", 2)
    lines = site.lines()
    assert "[gone] cannot start /no/such/program: No such file or directory" in lines
    assert any("cannot be started: No such file or directory" in each for each in lines)


async def test_a_crash_that_was_asked_for_starts_again_at_once() -> None:
    """However often: it is no crash loop; nothing of the program runs at its end [SU5]."""
    async with supervised(Bounds(delay_first_s=3_600, crashes_max=2)) as site:
        site.supervisor.start(child("serve"))
        pids = []
        for number in range(1, 4):
            pid = (await site.said("serve"))["pid"]
            assert site.supervisor.crash("serve") == pid
            pids.append(pid)
            await site.until_state("running", number + 1)
        assert [change.pid for change in site.changes("running")][:3] == pids
        assert len(set(pids)) == 3
        os.kill((await site.said("serve"))["pid"], signal.SIGSEGV)
        await site.until_state("crashed")
    assert [change.why for change in site.changes("crashed")] == ["SIGSEGV"]
    assert {each.why for each in site.changes("restarting")} == {"killed as asked for (SIGKILL)"}
    assert not any("ended" in each for each in site.lines())


async def test_only_what_runs_can_be_crashed() -> None:
    """A child in its pause, or that there is none of, is named [SU5]."""
    async with supervised(Bounds(delay_first_s=3_600)) as site:
        site.supervisor.start(child("exit-1"))
        await site.until_state("crashed")
        with pytest.raises(Conflict, match="exit-1 does not run now"):
            site.supervisor.crash("exit-1")
        with pytest.raises(NotFound, match="no child other"):
            site.supervisor.crash("other")
        with pytest.raises(Conflict):
            site.supervisor.start(child("exit-1"))


async def test_a_child_that_may_can_ask_for_its_own_crash() -> None:
    """Over its pipe, each of its processes anew [SU5, SU9]."""
    async with supervised(Bounds(delay_first_s=3_600)) as site:
        site.supervisor.start(child("ask-for-crash", may_ask_for_crash=True))
        await site.until_state("running", 3)
        pids = [change.pid for change in site.changes("running")]
        assert len(set(pids)) == 3
    assert len(site.changes("restarting")) >= 2


async def test_a_child_that_may_not_cannot_ask_for_a_crash() -> None:
    """It is said, and the child goes on [SU5]."""
    async with supervised() as site:
        site.supervisor.start(child("ask-for-crash"))
        pid = (await site.said("ask-for-crash"))["pid"]
        await site.until(lambda: "and may not" in site.stream.getvalue())
        assert site.supervisor.pid("ask-for-crash") == pid
    assert site.states == [("ask-for-crash", each) for each in ("running", "stopping", "stopped")]


async def test_lines_come_with_the_name_of_their_child() -> None:
    """Cut, escaped, also the last one before its end; its announcement is none [SU2, SU9]."""
    async with supervised() as site:
        site.supervisor.start(child("talk", is_essential=False))
        await site.until_state("given_up")
    mine = [each for each in site.lines() if each.startswith("[talk]")]
    assert mine.count("[talk] err") == mine.count("[talk] last, without an end") == 3
    (cut,) = {each for each in mine if each.startswith("[talk] out")}
    assert cut.startswith("[talk] out \\x1b[2J zzz")
    assert cut.endswith("zzz …")
    assert len(cut) < 4_200
    assert not any("pid" in each for each in mine)


async def test_a_first_line_that_announces_nothing_is_a_line() -> None:
    """Text, or JSON that is no object [SU9]."""
    async with supervised() as site:
        for number, name in enumerate(("text", "[1]")):
            argv = (sys.executable, "-c", f"print('{name}')")
            site.supervisor.start(ChildSpec(name, argv, announces=True, is_essential=False))
            await site.until_state("given_up", number + 1)
            with pytest.raises(Unavailable):
                await site.said(name)
    assert {"[text] text", "[[1]] [1]"} <= set(site.lines())


async def test_what_a_child_left_in_its_session_ends_with_it() -> None:
    """And its programs did not get its pipe [SU10, SU8]."""
    async with supervised(Bounds(delay_first_s=3_600)) as site:
        site.supervisor.start(child("parent"))
        said = await site.said("parent")
        assert said["has_pipe"] is False
        await site.until_state("crashed")
        await wait_gone(said["left"])


async def test_a_child_sees_the_end_of_its_pipe() -> None:
    """The ends of the others are not held by its siblings [SU7, SU8]."""
    async with supervised(Bounds(delay_first_s=3_600)) as site:
        for name in ("a", "b"):
            site.supervisor.start(child("serve", name))
            assert (await site.said(name))["sockets"] == 1
        kept = site.supervisor._find("a")
        assert kept.process is not None
        kept.process._link.shutdown(socket.SHUT_RDWR)
        await site.until_state("crashed")
    assert [(each.name, each.why) for each in site.changes("crashed")] == [("a", "exit code 7")]


async def test_ends_are_seen_where_there_are_no_process_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on other systems than Linux: a thread waits [SU3, SU10]."""
    monkeypatch.delattr(process.os, "pidfd_open")  # type: ignore[attr-defined]
    async with supervised() as site:
        site.supervisor.start(child("exit-3", is_essential=False))
        site.supervisor.start(child("serve"))
        await site.until_state("given_up")
        await site.said("serve")
    assert site.states[-1] == ("serve", "stopped")


async def test_a_descriptor_that_is_no_pipe_is_refused(tmp_path: Path) -> None:
    """None at all, or a file [SU8]."""
    with pytest.raises(InvalidInput, match="no pipe of a supervisor"):
        SupervisorLink(-1)
    with (tmp_path / "file").open("wb") as file, pytest.raises(InvalidInput):
        SupervisorLink(file.fileno())


async def test_a_child_whose_supervisor_is_gone_cannot_ask_it() -> None:
    """It is told so [SU5]."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(SupervisorLink(theirs.detach())) as link:
        ours.close()
        with pytest.raises(Unavailable, match="does not answer"):
            link.ask_for_crash()


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

# SPDX-License-Identifier: Apache-2.0
"""Attempts in a process of their own."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from legato.model.signals import ReportCancelled, ReportFailure, ReportLost, ReportSuccess
from legato.ports.grants import Grants
from legato.ports.node import NodeContext, node
from legato.runtime.attempt.request import RunnerOptions
from tests.unit.nodes import samples
from tests.unit.nodes.world import CANARY, EXECUTION, World, is_alive, request

pytestmark = pytest.mark.linux


async def test_a_node_runs_in_another_process_with_the_same_context(world: World) -> None:
    """Ids, key, attempt and output are those of an attempt here [AT15, ND3]."""
    output = await world.output(samples.whoami, {}, isolated=True, item=3, attempt=2)
    assert output["pid"] != os.getpid()
    assert (output["execution"], output["item"], output["attempt"]) == (EXECUTION, 3, 2)
    assert output["key"] == f"{EXECUTION}:step_one:3"
    threaded = await world.output(samples.in_thread, {"value": 1}, isolated=True)
    assert threaded["name"] == "legato-node"
    assert "from a thread" in world.logs.texts


async def test_services_are_reached_through_the_engine(world: World) -> None:
    """Secrets, blobs, scratch folder, programs; what is printed is a log line and no message
    [ND3, ND10].
    """
    report = await world.run(samples.services, {}, isolated=True)
    assert isinstance(report, ReportSuccess)
    said = await world.everything_said(report)
    assert CANARY not in said
    assert "the secret is [redacted]" in said
    assert "printed, and not a message" in said
    assert "kept" in said
    assert "piece" * 60 in said
    assert world.secrets.asked == ["token"]
    assert list((world.folder / "scratch").iterdir()) == []


async def test_log_progress_and_deltas_cross_the_pipe(world: World) -> None:
    """People see the same as from an attempt here [ND4]."""
    await world.run(samples.talk, {}, isolated=True)
    said = [(line.level, line.text, line.progress) for line in world.logs.lines]
    assert sorted(said, key=str) == sorted(
        [
            ("info", "first line", None),
            ("info", "second line", None),
            ("warning", "be careful", None),
            ("info", "a quarter", 0.25),
            ("delta", "token", None),
        ],
        key=str,
    )


@pytest.mark.parametrize("value", ["segfault", "exit", "kill"])
async def test_a_process_that_dies_is_lost_and_says_how(world: World, value: str) -> None:
    """Segfault, `os._exit` and SIGKILL are no answer of the node [AT16, ND9]."""
    report = await world.run(samples.die, {"value": value}, isolated=True)
    assert isinstance(report, ReportLost)
    assert report.cause == "process_died"
    assert "last words" in world.logs.texts
    how = {"segfault": "SIGSEGV", "exit": "exit code 0", "kill": "SIGKILL"}[value]
    assert any("without an answer" in text and how in text for text in world.logs.texts)
    if value == "segfault":
        assert any("Segmentation fault" in text for text in world.logs.texts)


@pytest.mark.parametrize("value", ["value", "exit", "interrupt", "base", "failure"])
async def test_what_a_node_raises_there_is_the_same_failure(world: World, value: str) -> None:
    """An exception in the child is a failure, not a death [ND6]."""
    here = await world.error(samples.raise_it, {"value": value})
    there = await world.error(samples.raise_it, {"value": value}, isolated=True)
    assert there == here


@pytest.mark.parametrize(
    ("node_type", "config", "kind"),
    [
        (samples.typed, {"count": "x"}, "invalid_config"),
        (samples.bad_output, {"value": "nan"}, "invalid_output"),
        (samples.bad_output, {"value": "huge"}, "output_too_large"),
        (samples.login, {"password": {"secret": "nowhere"}}, "not_found"),
    ],
)
async def test_checks_are_the_same_there(
    world: World, node_type: Any, config: Any, kind: str
) -> None:
    """Configs, outputs and secrets are checked as in the engine [ND7, ND8]."""
    error = await world.error(node_type, config, isolated=True)
    assert error.kind == kind


async def test_a_large_output_goes_to_the_blob_store_from_there(world: World) -> None:
    """The engine stores what the child returns [LG15]."""
    value = "x" * 3_000_000
    assert await world.output(samples.echo, {"value": value}, isolated=True) == value
    assert len(world.blobs.payloads) == 1


@pytest.mark.parametrize("effect", ["idempotent", "non_idempotent"])
async def test_steps_survive_a_process_that_dies_between_them(
    world: World, tmp_path: Path, effect: str
) -> None:
    """The journal is the engine's: finished steps stay finished, begun ones stay begun
    [JN2, JN5].
    """
    config = {"value": {"file": str(tmp_path / "did"), "die_in": "two", "effect": effect}}
    assert isinstance(await world.run(samples.steps, config, isolated=True), ReportLost)
    report = await world.run(samples.steps, config, isolated=True, attempt=2)
    did = (tmp_path / "did").read_text(encoding="utf-8").split()
    if effect == "idempotent":
        assert isinstance(report, ReportSuccess)
        assert did == ["one", "two", "two", "three"]
    else:
        assert isinstance(report, ReportFailure)
        assert report.error.kind == "step_outcome_unknown"
        assert did == ["one", "two"]


async def test_errors_of_ports_arrive_as_themselves(world: World, tmp_path: Path) -> None:
    """A journalled step with another input is a conflict there too [JN4]."""
    config = {"value": {"file": str(tmp_path / "did"), "input": 1}}
    await world.run(samples.steps, config)
    config["value"]["input"] = 2
    error = await world.error(samples.steps, config, isolated=True, attempt=2)
    assert (error.kind, error.retryable) == ("conflict", False)


async def test_a_forked_process_does_not_outlive_the_attempt(world: World) -> None:
    """Not even in a session of its own [ND9]."""
    output = await world.output(samples.fork, {}, isolated=True)
    assert not is_alive(output["pid"])


async def stopped(world: World, node_type: Any, hears: str, **config: Any) -> tuple[Any, float]:
    world.types[node_type.info.uses] = node_type
    runner = world.runner()
    asked = request(node_type, config, isolated=True)
    attempt = asyncio.ensure_future(runner.run(asked))
    await world.heard(hears)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert runner.stop(asked.key)
    return await attempt, loop.time() - begin


async def test_stopping_asks_the_node_first(world: World) -> None:
    """A node that listens ends at once, with its tree [EN12]."""
    report, took_s = await stopped(world, samples.fork, "pid", value="hang")
    assert isinstance(report, ReportCancelled)
    assert report.outcome_unknown is False
    assert took_s < 1.5
    assert not is_alive(int((await world.heard("pid")).split()[1]))


@pytest.mark.parametrize("node_type", [samples.die, samples.stubborn, samples.hang_thread])
async def test_stopping_kills_a_node_that_does_not_listen(world: World, node_type: Any) -> None:
    """A node that holds its loop or thread for ever is gone within 2 s [EN12, ND9]."""
    hears = "last words" if node_type is samples.die else "hanging"
    report, took_s = await stopped(world, node_type, hears, value="spin")
    assert isinstance(report, ReportCancelled)
    assert took_s < 2.3
    assert world.launcher._running == set()


async def test_a_node_that_never_ends_runs_into_its_timeout(world: World) -> None:
    """The engine's clock counts, not the child's [AT18]."""
    world.options = RunnerOptions(cancel_grace_s=0.4, scratch_root=world.folder / "scratch")
    error = await world.error(samples.die, {"value": "spin"}, isolated=True, timeout_ms=1_000)
    assert (error.kind, error.may_have_happened) == ("timeout", True)
    assert world.launcher._running == set()


async def test_tearing_down_kills_the_process(world: World) -> None:
    """An engine that ends leaves no child behind [EN14, OW7]."""
    world.types["test.fork"] = samples.fork
    asked = request(samples.fork, {"value": "hang"}, isolated=True)
    attempt = asyncio.ensure_future(world.runner().run(asked))
    pid = int((await world.heard("pid")).split()[1])
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert not is_alive(pid)


async def test_a_node_that_no_other_process_can_import_is_refused(world: World) -> None:
    """It killed its engine before, so it is not tried here again [AT15]."""

    @node("test.local", title="Local")
    async def local(ctx: NodeContext, config: samples.Plain) -> None:
        """Be made inside a function."""

    error = await world.error(local, {}, isolated=True)
    assert (error.kind, error.may_have_happened, error.retryable) == ("not_isolated", False, False)


@pytest.mark.parametrize("noise", ["nonsense", "huge", "stranger"])
async def test_a_child_that_talks_nonsense_is_lost(world: World, noise: str) -> None:
    """What is no message, too long, or about another attempt ends the child [ND9]."""
    report = await world.run(samples.babble, {"value": noise}, isolated=True)
    assert isinstance(report, ReportLost)
    assert any("broke the protocol" in text for text in world.logs.texts)


async def test_grants_are_handed_to_the_child(world: World) -> None:
    """A granted program runs from there, another one is refused there [ND13]."""
    from legato.nodes import shell

    world.grants = Grants(programs=("echo",), roots=(world.folder,), hosts=("a:1",))
    config = {"program": "echo", "args": ["$(id)"]}
    output = await world.output(shell.run, config, isolated=True)
    assert output["stdout"] == "$(id)\n"
    error = await world.error(shell.run, {"program": "id"}, isolated=True)
    assert error.kind == "not_granted"

# SPDX-License-Identifier: Apache-2.0
"""One attempt in, one report out: configs, outputs, failures, context."""

import asyncio
import threading
from typing import Any

import pytest

from legato.model.ids import LOCAL_WORKSPACE
from legato.model.signals import ReportFailure, ReportSuccess
from legato.runtime.attempt.failures import MESSAGE_BYTES_MAX
from tests.unit.nodes import samples
from tests.unit.nodes.world import EXECUTION, World, request


async def test_a_node_returns_its_output_with_its_type(world: World) -> None:
    """What an async node returns is the output [ND1, ND24]."""
    values: list[Any] = [None, True, 3, 2.5, "text", [1, "a"], {"a": {"b": []}}]
    for value in values:
        assert await world.output(samples.echo, {"value": value}) == value
    assert await world.output(samples.typed, {"count": 4}) == {"total": 4, "share": 0.5}


async def test_a_report_says_which_attempt_it_is_about(world: World) -> None:
    """Node, attempt and item stand in the report [AT17]."""
    report = await world.run(samples.echo, {"value": 1}, attempt=3, item=7)
    assert isinstance(report, ReportSuccess)
    assert (report.node, report.attempt, report.item) == ("step_one", 3, 7)


async def test_the_context_tells_a_node_who_it_is(world: World) -> None:
    """The context gives ids, attempt, deadline and a key that is the same for every attempt
    [ND3, AT7].
    """
    first = await world.output(samples.whoami, {}, item=2, timeout_ms=60_000)
    assert first["execution"] == EXECUTION
    assert (first["workspace"], first["node"], first["item"]) == (LOCAL_WORKSPACE, "step_one", 2)
    assert (first["attempt"], first["cancelled"]) == (1, False)
    assert first["deadline"] == "2027-01-15T08:01:00+00:00"
    again = await world.output(samples.whoami, {}, item=2, attempt=5)
    assert (again["key"], again["attempt"], again["deadline"]) == (first["key"], 5, None)
    other = await world.output(samples.whoami, {}, item=3)
    assert other["key"] != first["key"]


async def test_a_synchronous_node_runs_in_a_thread(world: World) -> None:
    """The loop's thread is not the one that runs it, and its context works there [ND5]."""
    output = await world.output(samples.in_thread, {"value": 1})
    assert output == {"name": "legato-node", "value": 1}
    assert output["name"] != threading.current_thread().name
    assert world.logs.texts == ["from a thread"]


async def test_a_blocking_node_does_not_hold_the_loop(world: World) -> None:
    """While a synchronous node blocks, others go on [ND5]."""
    samples.LET_GO.clear()
    try:
        blocked = asyncio.ensure_future(world.run(samples.hang_thread, {}))
        await world.heard("hanging")
        assert await world.output(samples.echo, {"value": 1}) == 1
        assert not blocked.done()
    finally:
        samples.LET_GO.set()
    assert isinstance(await blocked, ReportSuccess)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"count": "many"}, ["with.count", "integer", 'text "many"']),
        ({}, ["with.count is missing"]),
        ({"count": 1, "cuont": 2}, ["with.cuont is not a field of this node"]),
        ({"count": 1, "tags": [1, None]}, ["with.tags.0", "string", "number 1", "with.tags.1"]),
        ({"count": 1, "name": {"a": 1}}, ["with.name", 'an object {"a":1}']),
        ([], ["with", "list"]),
    ],
)
async def test_a_config_that_does_not_fit_names_field_expected_and_got(
    world: World, config: Any, says: list[str]
) -> None:
    """An invalid config never reaches the node and is not retried [ND1, DO17]."""
    error = await world.error(samples.typed, config)
    assert (error.kind, error.retryable, error.may_have_happened) == (
        "invalid_config",
        False,
        False,
    )
    for part in says:
        assert part in error.message


async def test_many_mistakes_are_counted_and_not_all_listed(world: World) -> None:
    """An error stays short however many mistakes there are [ND1]."""
    error = await world.error(samples.typed, {"count": 1, "tags": list(range(50))})
    assert "and 45 more" in error.message
    assert len(error.message.encode()) <= MESSAGE_BYTES_MAX


async def test_an_unknown_node_type_is_a_failure_that_did_not_happen(world: World) -> None:
    """An attempt of a type that is not installed here fails by name."""
    runner = world.runner()
    report = await runner.run(request(samples.echo, {"value": 1}))
    assert isinstance(report, ReportFailure)
    assert (report.error.kind, report.error.may_have_happened) == ("unknown_node_type", False)
    assert "test.echo" in report.error.message


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ("value", "error", "ValueError: no such thing"),
        ("exit", "error", "SystemExit: 7"),
        ("interrupt", "error", "KeyboardInterrupt"),
        ("generator", "error", "GeneratorExit"),
        ("stop", "error", "StopAsyncIteration"),
        ("base", "error", "Unspeakable: (its message cannot be shown)"),
        ("cancelled", "error", "the node cancelled itself"),
        ("memory", "error", "MemoryError"),
        ("group", "exit.4", "inner no"),
        ("failure", "http.429", "too many"),
        ("bad_failure", "error", "\\x1b[31mred"),
    ],
)
async def test_whatever_a_node_raises_is_its_own_failure(
    world: World, value: str, kind: str, says: str
) -> None:
    """Even a BaseException fails that node alone, with a kind and a safe message [ND6]."""
    error = await world.error(samples.raise_it, {"value": value})
    assert error.kind == kind
    assert says in error.message
    assert await world.output(samples.echo, {"value": "still here"}) == "still here"


async def test_a_failure_keeps_what_the_node_said_about_it(world: World) -> None:
    """`may_have_happened` and the wished pause pass into the report [AT10]."""
    error = await world.error(samples.raise_it, {"value": "failure"})
    assert (error.may_have_happened, error.at_least_ms, error.retryable) == (False, 1500, True)


async def test_a_long_message_is_cut_and_a_traceback_goes_to_the_log_only(world: World) -> None:
    """An error is at most 2 KiB; where it came from stands in the attempt's log [ND6]."""
    error = await world.error(samples.raise_it, {"value": "long"})
    assert len(error.message.encode()) <= MESSAGE_BYTES_MAX
    assert "Traceback" not in error.message
    assert any(line.startswith("Traceback") for line in world.logs.texts)
    assert any("samples.py" in line for line in world.logs.texts)
    assert {line.level for line in world.logs.lines} == {"error"}


@pytest.mark.parametrize(("value", "says"), [("exit", "SystemExit: 7"), ("stop", "StopIteration")])
async def test_what_a_thread_raises_is_contained_too(world: World, value: str, says: str) -> None:
    """A synchronous node that exits or raises StopIteration fails alone [ND6]."""
    error = await world.error(samples.raise_in_thread, {"value": value})
    assert error.kind == "error"
    assert says in error.message


@pytest.mark.parametrize(
    "value",
    [
        "nan",
        "infinity",
        "object",
        "set",
        "bytes",
        "big",
        "key",
        "surrogate",
        "nul",
        "cycle",
        "deep",
    ],
)
async def test_an_output_that_is_no_strict_json_is_refused(world: World, value: str) -> None:
    """NaN, big integers, objects and the like fail the node, and are not retried [ND7]."""
    error = await world.error(samples.bad_output, {"value": value})
    assert (error.kind, error.retryable, error.may_have_happened) == ("invalid_output", False, True)


@pytest.mark.parametrize("value", ["nan", "mutated", "text"])
async def test_an_output_that_breaks_its_own_type_is_refused(world: World, value: str) -> None:
    """A model does not turn NaN into null or let a wrong field through [ND7]."""
    error = await world.error(samples.bad_model, {"value": value})
    assert error.kind == "invalid_output"


async def test_an_output_of_another_shape_is_refused(world: World) -> None:
    """Where an object is promised a list is refused; objects pass as they are [ND7]."""
    error = await world.error(samples.returns_list, {"value": [1]})
    assert (error.kind, "expected an object" in error.message) == ("invalid_output", True)
    assert await world.output(samples.returns_list, {"value": {"a": 1}}) == {"a": 1}


async def test_an_output_over_the_limit_is_refused(world: World) -> None:
    """100 MB from a node end as `output_too_large` [ND8]."""
    error = await world.error(samples.bad_output, {"value": "huge"})
    assert (error.kind, error.retryable) == ("output_too_large", False)
    assert len(error.message) < 200


async def test_a_large_output_goes_to_the_blob_store(world: World) -> None:
    """Over 64 KiB the report holds a reference, and a store that is away is asked again
    [LG15, LG27].
    """
    world.blobs.away = 2
    report = await world.run(samples.echo, {"value": "x" * 70_000})
    assert isinstance(report, ReportSuccess)
    assert report.output.ref is not None
    assert report.output.ref.size == 70_002
    small = await world.run(samples.echo, {"value": "x" * 60_000})
    assert isinstance(small, ReportSuccess)
    assert small.output.is_inline


async def test_an_output_that_cannot_be_stored_is_a_failure_that_may_be_retried(
    world: World,
) -> None:
    """A store that stays away fails the attempt, clearly [LG27]."""
    world.blobs.away = 99
    error = await world.error(samples.echo, {"value": "x" * 70_000})
    assert (error.kind, error.retryable, error.may_have_happened) == ("unavailable", True, True)
    assert "the disk is full" in error.message


async def test_services_of_the_context_work_together(world: World) -> None:
    """Secrets, blobs, scratch folder and programs are there, and the folder is gone after
    [ND3].
    """
    output = await world.output(samples.services, {})
    assert output["secret"] == "[redacted]"
    assert output["length"] > 4
    assert (output["blob"], output["cat"]) == ("payload", "kept")
    assert output["stream"] == "piece" * 60
    assert output["long"]["size"] == 300
    assert output["scratch"].startswith(str(world.folder))
    assert list((world.folder / "scratch").iterdir()) == []


@pytest.mark.parametrize("isolated", [False, True])
async def test_what_an_attempt_stores_is_reported_with_its_success(
    world: World, isolated: bool
) -> None:
    """The engine is told every payload that the execution has to keep [LG16, LG31]."""
    report = await world.run(samples.services, {}, isolated=isolated)
    assert isinstance(report, ReportSuccess)
    assert sorted(each.size for each in report.blobs) == [7, 300]
    for each in report.blobs:
        assert each.hash in world.blobs.payloads


async def test_lines_progress_and_deltas_reach_the_log_in_order(world: World) -> None:
    """Lines have levels and offsets from 0, progress its message, deltas are joined
    [ND3, ND4, LG17].
    """
    await world.run(samples.talk, {}, item=1, attempt=2)
    lines = sorted(world.logs.lines, key=lambda line: line.offset)
    assert [(line.level, line.text, line.progress) for line in lines] == [
        ("info", "first line", None),
        ("info", "second line", None),
        ("warning", "be careful", None),
        ("info", "a quarter", 0.25),
        ("delta", "token", None),
    ]
    assert [line.offset for line in lines] == [0, 1, 2, 3, 4]
    assert {(line.node, line.item, line.attempt) for line in lines} == {("step_one", 1, 2)}
    assert {line.at for line in lines} == {world.clock.ms}


async def test_secrets_are_resolved_only_where_the_document_names_them(world: World) -> None:
    """A marked field gets the value, wrapped; nothing else is taken for a reference [EX14]."""
    reference = {"secret": "token"}
    output = await world.output(samples.login, {"password": reference, "value": reference})
    assert output["length"] == len(world.secrets.values["token"])
    assert "**" in output["repr"]
    assert world.secrets.asked == ["token"]


async def test_a_reference_that_came_in_as_data_is_not_resolved(world: World) -> None:
    """An expression cannot bring in the name of a secret [EX2, EX14]."""
    error = await world.error(
        samples.login,
        {"password": {"secret": "token"}},
        written={"password": "${{ inputs.password }}"},
    )
    assert error.kind == "invalid_config"
    assert world.secrets.asked == []


async def test_a_missing_secret_is_named_and_the_node_does_not_begin(world: World) -> None:
    """The failure says where to put it [EX14]."""
    error = await world.error(samples.login, {"password": {"secret": "nowhere"}})
    assert (error.kind, error.may_have_happened, error.retryable) == ("not_found", False, False)
    assert "'nowhere'" in error.message
    assert "secrets.toml" in error.message


async def test_the_same_attempt_is_not_run_twice_at_once(world: World) -> None:
    """Both callers of one attempt get its one report [AT17]."""
    world.types["test.hang_thread"] = samples.hang_thread
    samples.LET_GO.clear()
    runner = world.runner()
    asked = request(samples.hang_thread, {})
    first = asyncio.ensure_future(runner.run(asked))
    second = asyncio.ensure_future(runner.run(asked))
    await world.heard("hanging")
    assert runner.running == 1
    assert runner.is_running(asked.key)
    samples.LET_GO.set()
    one, two = await first, await second
    assert one is two
    assert [line.text for line in world.seen].count("hanging") == 1
    assert runner.running == 0

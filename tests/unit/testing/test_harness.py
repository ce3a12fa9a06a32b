# SPDX-License-Identifier: Apache-2.0
"""The harness for one node: the real runner, services in memory, time in the test's hand."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from legato.errors import InvalidInput
from legato.nodes import shell
from legato.ports.grants import Grants
from legato.ports.node import NodeContext, NodeFailure, Secret, node
from legato.testing import FakeClock, NodeHarness
from tests.unit.nodes import samples


class Order(BaseModel):
    """A typed config with a secret."""

    amount: int
    key: Secret


@node("test.charge", title="Charge", effect="non_idempotent", secret_fields=("key",))
async def charge(ctx: NodeContext, config: Order) -> dict[str, Any]:
    """Do two steps and leave every trace."""

    async def pay() -> dict[str, int]:
        return {"paid": config.amount}

    ctx.log(f"using {config.key.get_secret_value()}")
    ctx.progress(0.5, "half")
    ctx.delta("tok")
    ctx.delta("en")
    receipt = await ctx.blobs.put(b"receipt")
    first = await ctx.step("pay", pay, input=config.amount)
    if ctx.attempt == 1 and config.amount == 13:
        raise NodeFailure("http.503", "come back", may_have_happened=True, at_least_ms=1500)
    return {"paid": first["paid"], "receipt": receipt.hash}


GOOD = {"amount": 5, "key": {"secret": "stripe"}}


def harness(**options: Any) -> NodeHarness:
    """Return a harness for the sample."""
    return NodeHarness(charge, secrets={"stripe": "sk_test_4711"}, **options)


async def test_a_result_shows_what_the_attempt_gave_and_left() -> None:
    """Output, lines, progress, stream, steps and blobs, with secrets redacted [TK1, TK5]."""
    result = await harness().run(GOOD)
    assert result.outcome == "completed"
    assert result.output["paid"] == 5
    ((level, text),) = result.lines
    assert (level, "sk_test" in text, text.startswith("using ")) == ("info", False, True)
    assert result.progress == ((0.5, "half"),)
    assert result.deltas == "token"
    assert result.blobs == (b"receipt",)
    (step,) = result.steps
    assert (step.name, step.output, step.is_finished) == ("pay", {"paid": 5}, True)
    assert (result.kind, result.message) == (None, None)


async def test_a_failure_is_what_the_engine_would_be_told() -> None:
    """Its kind, message, whether it may have happened, and the pause that was asked for [TK5]."""
    result = await harness().run({**GOOD, "amount": 13})
    assert (result.outcome, result.kind, result.message) == ("failed", "http.503", "come back")
    assert result.failure is not None
    assert (result.failure.may_have_happened, result.failure.at_least_ms) == (True, 1500)
    assert result.output is None


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"amount": "many", "key": {"secret": "stripe"}}, "invalid_config"),
        ({"key": {"secret": "stripe"}}, "invalid_config"),
        ({"amount": 5, "key": {"secret": "gone"}}, "not_found"),
    ],
)
async def test_config_and_secrets_are_checked_as_in_production(
    config: dict[str, Any], kind: str
) -> None:
    """What does not fit never reaches the node [TK1]."""
    result = await harness().run(config)
    assert (result.outcome, result.kind, result.lines) == ("failed", kind, ())


async def test_a_config_that_is_no_json_is_a_mistake_of_the_test() -> None:
    """It is refused before anything runs [TK1]."""
    with pytest.raises(InvalidInput, match="config"):
        await harness().run({"amount": object()})


async def test_an_output_is_checked_as_in_production() -> None:
    """NaN is no output, in a test as little as in a run [TK1]."""
    result = await NodeHarness(samples.bad_output).run({"value": "nan"})
    assert (result.outcome, result.kind) == ("failed", "invalid_output")


async def test_the_next_attempt_finds_the_journal_and_has_the_same_key() -> None:
    """A finished step is not made again; another item has a key and steps of its own [TK4]."""
    kit = harness()
    config = {**GOOD, "amount": 13}
    first = await kit.run(config)
    second = await kit.run(config, attempt=2)
    assert (first.kind, second.outcome) == ("http.503", "completed")
    assert [step.attempt for step in second.steps] == [1]
    assert second.idempotency_key == first.idempotency_key
    other = await kit.run(config, item=3, attempt=2)
    assert other.idempotency_key != first.idempotency_key
    assert [step.attempt for step in other.steps] == [2]
    assert len(other.lines) == 1


async def test_time_runs_out_when_the_clock_is_moved() -> None:
    """Not a moment before, and never by real time [TK2]."""
    kit = NodeHarness(samples.hang, timeout_s=30)
    running = asyncio.create_task(kit.run({}))
    await kit.until_said("hanging")
    kit.clock.advance(29.999)
    await asyncio.sleep(0)
    assert not running.done()
    kit.clock.advance(0.001)
    result = await running
    assert (result.outcome, result.kind) == ("failed", "timeout")


async def test_the_deadline_is_by_the_fake_clock() -> None:
    """A node that looks at its deadline sees the test's time [TK2]."""
    clock = FakeClock(datetime(2030, 5, 1, 12, tzinfo=UTC))
    kit = NodeHarness(samples.whoami, clock=clock, timeout_s=60)
    assert (await kit.run()).output["deadline"] == "2030-05-01T12:01:00+00:00"


@pytest.mark.parametrize("sample", [samples.hang, samples.polite_thread])
async def test_cancelling_is_reported_as_in_production(sample: Any) -> None:
    """It is cancelled; of a non_idempotent one the outcome is unknown [TK3]."""
    kit = NodeHarness(sample)
    running = asyncio.create_task(kit.run({}))
    await kit.until_said("hanging")
    kit.cancel()
    result = await running
    assert (result.outcome, result.output, result.outcome_unknown) == ("cancelled", None, True)
    kit.cancel()  # nothing runs: nothing happens


async def test_nothing_is_granted_that_the_test_does_not_grant(tmp_path: Path) -> None:
    """A program is refused by name, and started for real once it is granted [TK6]."""
    config = {"program": "printf", "args": ["%s", "$(id)"]}
    refused = await NodeHarness(shell.run).run(config)
    assert (refused.kind, "[grants.shell]" in str(refused.message)) == ("not_granted", True)
    kit = NodeHarness(shell.run, grants=Grants(programs=("printf",)))
    assert (await kit.run(config)).output["stdout"] == "$(id)"
    await kit.close()


def test_a_fake_clock_repeats_itself_by_seed() -> None:
    """The same seed gives the same chance and ids, another one others [TK2]."""
    one, same, other = FakeClock(seed=1), FakeClock(seed=1), FakeClock(seed=2)
    assert [one.chance(), one.new_id()] == [same.chance(), same.new_id()]
    assert one.new_id() != other.new_id()
    ids = [one.new_id() for _ in range(5_000)]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    one.advance(1)
    assert one.new_id() > ids[-1]


def test_a_fake_clock_refuses_what_no_clock_does() -> None:
    """Time does not go back, and has a zone [TK2]."""
    with pytest.raises(ValueError, match="back"):
        FakeClock().advance(-1)
    with pytest.raises(ValueError, match="zone"):
        FakeClock(datetime(2030, 1, 1))  # noqa: DTZ001 - that is what is refused


async def test_alarms_ring_in_order_unless_they_are_cancelled() -> None:
    """What is due at one move is called in the order of its time [TK2]."""
    clock = FakeClock()
    rung: list[str] = []
    clock.call_later(2, rung.append, "second")
    clock.call_later(1, rung.append, "first")
    clock.call_later(1.5, rung.append, "never").cancel()
    clock.call_later(9, rung.append, "later")
    clock.advance(5)
    await asyncio.sleep(0)
    assert rung == ["first", "second"]
    assert (clock.monotonic(), clock.now_ms() - FakeClock().now_ms()) == (5.0, 5_000)

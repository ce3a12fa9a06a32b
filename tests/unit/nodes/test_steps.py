# SPDX-License-Identifier: Apache-2.0
"""Durable sub-steps over failed and lost attempts."""

from pathlib import Path
from typing import Any

import pytest

from legato.errors import InvalidInput
from legato.model.signals import ReportFailure, ReportSuccess
from legato.ports.journal import StepKey, StepRow
from legato.ports.node import NodeContext, node
from tests.unit.nodes import samples
from tests.unit.nodes.world import CANARY, EXECUTION, World

DONE = [{"did": "one"}, {"did": "two"}, {"did": "three"}]


def plan(folder: Path, **extra: Any) -> dict[str, Any]:
    return {"value": {"file": str(folder / "did"), **extra}}


def did(folder: Path) -> list[str]:
    return (folder / "did").read_text(encoding="utf-8").split()


async def test_a_finished_step_is_not_run_again_after_a_failed_attempt(
    world: World, tmp_path: Path
) -> None:
    """What the first attempt finished the second one takes from the journal [JN2]."""
    config = plan(tmp_path, fail_in="three")
    failed = await world.run(samples.steps, config)
    assert isinstance(failed, ReportFailure)
    assert await world.output(samples.steps, config, attempt=2) == DONE
    assert did(tmp_path) == ["one", "two", "three", "three"]


async def test_the_place_of_a_step_is_node_item_name_and_ordinal(
    world: World, tmp_path: Path
) -> None:
    """Other nodes and items have steps of their own, and so has the second of a name [JN1]."""

    @node("test.twice", title="Twice")
    async def twice(ctx: NodeContext, config: samples.Plain) -> list[Any]:
        """Run two steps of one name."""
        counted = iter(range(100))

        async def body() -> int:
            return next(counted)

        return [await ctx.step("same", body), await ctx.step("same", body)]

    assert await world.output(twice, {}) == [0, 1]
    assert await world.output(twice, {}, attempt=2) == [0, 1]
    assert await world.output(twice, {}, item=4) == [0, 1]
    assert await world.output(twice, {}, node="other") == [0, 1]
    places = {(key.node, key.item, key.name, key.ordinal) for key in world.journal.rows}
    assert places == {
        (name, item, "same", ordinal)
        for name, item in (("step_one", -1), ("step_one", 4), ("other", -1))
        for ordinal in (0, 1)
    }


async def test_another_input_is_refused(world: World, tmp_path: Path) -> None:
    """A journalled step is not returned for another input [JN4]."""
    await world.run(samples.steps, plan(tmp_path, input={"a": 1}))
    error = await world.error(samples.steps, plan(tmp_path, input={"a": 2}), attempt=2)
    assert (error.kind, error.retryable) == ("conflict", False)
    assert "another input" in error.message
    assert did(tmp_path) == ["one", "two", "three"]


async def test_a_non_idempotent_step_that_was_begun_is_not_run_again(
    world: World, tmp_path: Path
) -> None:
    """Nobody knows whether it happened, so a person has to say [JN5]."""
    config = plan(tmp_path, effect="non_idempotent", fail_in="two")
    assert isinstance(await world.run(samples.steps, config), ReportFailure)
    error = await world.error(samples.steps, config, attempt=2)
    assert (error.kind, error.may_have_happened, error.retryable) == (
        "step_outcome_unknown",
        True,
        False,
    )
    assert "attempt 1 began step 'two'" in error.message
    assert did(tmp_path) == ["one", "two"]


async def test_an_idempotent_step_that_was_begun_runs_again(world: World, tmp_path: Path) -> None:
    """Only non_idempotent steps commit their start [JN5]."""
    config = plan(tmp_path, fail_in="two")
    await world.run(samples.steps, config)
    assert len(world.journal.rows) == 1
    assert await world.output(samples.steps, config, attempt=2) == DONE


async def test_an_attempt_that_is_over_writes_nothing(world: World, tmp_path: Path) -> None:
    """Where a newer attempt holds a step the older one fails and changes nothing [JN3]."""
    key = StepKey(EXECUTION, "step_one", -1, "one", 0)  # type: ignore[arg-type]
    world.journal.rows[key] = StepRow(key=key, attempt=5, input_hash=_null_hash())
    error = await world.error(samples.steps, plan(tmp_path), attempt=2)
    assert (error.kind, error.retryable, error.may_have_happened) == ("superseded", False, True)
    world.journal.rows[key] = StepRow(key=key, attempt=5, input_hash=_null_hash())
    error = await world.error(samples.steps, plan(tmp_path, effect="non_idempotent"), attempt=2)
    assert error.kind == "step_outcome_unknown"
    assert world.journal.rows[key].attempt == 5


async def test_a_journal_that_is_away_for_a_moment_loses_no_work(
    world: World, tmp_path: Path
) -> None:
    """A finished step is written again, not done again [JN2, LG27]."""
    world.journal.away["finish"] = 2
    assert await world.output(samples.steps, plan(tmp_path)) == DONE
    assert did(tmp_path) == ["one", "two", "three"]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb"])
async def test_a_step_has_a_printable_name(world: World, name: str) -> None:
    """A name that could break a log or a key is refused [JN1]."""

    @node("test.named", title="Named")
    async def named(ctx: NodeContext, config: samples.Plain) -> bool:
        """Give a step a bad name."""
        with pytest.raises(InvalidInput, match="a step's name"):
            await ctx.step(name, _nothing)
        return True

    assert await world.output(named, {}) is True


async def test_what_a_step_returns_is_the_same_at_first_and_from_the_journal(
    world: World,
) -> None:
    """A tuple becomes a list at once, and a secret is replaced in both [JN2, ND10]."""

    @node("test.shapes", title="Shapes")
    async def shapes(ctx: NodeContext, config: samples.Plain) -> Any:
        """Return a tuple and a secret from a step."""
        secret = await ctx.secret("token")

        async def body() -> Any:
            return (1, {"seen": secret})

        return await ctx.step("shape", body)

    first = await world.output(shapes, {})
    assert first == [1, {"seen": "[redacted]"}]
    assert await world.output(shapes, {}, attempt=2) == first
    assert CANARY not in await world.everything_said()


@pytest.mark.parametrize(
    ("value", "kind"), [(float("nan"), "invalid_output"), ("x" * 2_000, "output_too_large")]
)
async def test_a_step_cannot_return_what_a_node_cannot(world: World, value: Any, kind: str) -> None:
    """Step results are strict JSON within the limits [ND7, ND8]."""
    world.limit(max_output_bytes=1_000)

    @node("test.step_output", title="Step output")
    async def bad(ctx: NodeContext, config: samples.Plain) -> None:
        """Return the value from a step."""

        async def body() -> Any:
            return value

        await ctx.step("bad", body)

    assert (await world.error(bad, {})).kind == kind
    assert world.journal.rows == {}


async def test_a_node_may_handle_a_step_that_failed(world: World) -> None:
    """What a step's body raises arrives at the node [JN2]."""

    @node("test.careful", title="Careful")
    async def careful(ctx: NodeContext, config: samples.Plain) -> str:
        """Catch a failing step."""

        async def body() -> Any:
            raise KeyError("inner")

        with pytest.raises(KeyError):
            await ctx.step("inner", body)
        return "went on"

    report = await world.run(careful, {})
    assert isinstance(report, ReportSuccess)


async def _nothing() -> None:
    return None


def _null_hash() -> str:
    import hashlib

    return hashlib.sha256(b"null").hexdigest()[:32]

# SPDX-License-Identifier: Apache-2.0
"""Retry rules, back-off, unknown outcomes, limits."""

from typing import Literal

import pytest

from legato.model.policy import (
    INLINE_BYTES_MAX,
    LOST_RETRY_DELAY_MS_MAX,
    Limits,
    RetryPolicy,
    is_outcome_unknown,
    lost_delay_ms,
)


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        ("constant", [100, 100, 100, 100, 100]),
        ("linear", [100, 200, 300, 400, 450]),
        ("exponential", [100, 200, 400, 450, 450]),
    ],
)
def test_the_pause_follows_backoff_initial_and_max(
    backoff: Literal["constant", "linear", "exponential"], pauses: list[int]
) -> None:
    """Without jitter it is exactly that [AT22]."""
    policy = RetryPolicy(backoff=backoff, initial_ms=100, max_ms=450, jitter="none")
    assert [policy.delay_ms(n, 0.1) for n in range(1, 6)] == pauses


def test_full_jitter_spreads_over_the_whole_pause() -> None:
    """From nothing to the pause itself [AT22]."""
    policy = RetryPolicy(initial_ms=1_000, max_ms=60_000)
    assert [policy.delay_ms(1, chance) for chance in (0.0, 0.25, 0.999999)] == [0, 250, 1_000]


def test_the_thousandth_pause_is_still_a_small_number() -> None:
    """The exponent is bounded [AT22]."""
    policy = RetryPolicy(max_attempts=10**6, jitter="none")
    assert policy.delay_ms(1_000_000, 0.5) == 60_000


@pytest.mark.parametrize(
    ("on", "kind", "covers"),
    [
        ((), "anything", True),
        (("timeout",), "timeout", True),
        (("timeout",), "timeouts", False),
        (("http.5xx",), "http.500", True),
        (("http.5xx",), "http.599", True),
        (("http.5xx",), "http.404", False),
        (("http.5xx",), "http.5", False),
        (("http.5xx",), "http.5000", False),
        (("http.429", "http.5xx"), "http.429", True),
        (("exit",), "exit.1", True),
        (("exit",), "exits.1", False),
        (("xx",), "ax", False),
    ],
)
def test_a_pattern_covers_its_kind_and_what_is_below_it(
    on: tuple[str, ...], kind: str, covers: bool
) -> None:
    """`http.5xx` covers http.500 to http.599; an empty list covers all [AT21]."""
    assert RetryPolicy(on=on).covers(kind) is covers


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        ("timeout", True), ("network", True), ("killed", True), ("step_outcome_unknown", True),
        ("http.500", True), ("http.404", False), ("exit.1", False), ("error", False),
    ],
)  # fmt: skip
def test_only_what_nobody_answered_is_unknown(kind: str, unknown: bool) -> None:
    """And nothing that certainly did not happen [AT10, AT11]."""
    assert is_outcome_unknown(kind, may_have_happened=True) is unknown
    assert not is_outcome_unknown(kind, may_have_happened=False)


def test_losses_wait_longer_each_time() -> None:
    """The first new attempt starts at once; the pause is bounded [AT14, AT22]."""
    assert [lost_delay_ms(n) for n in range(1, 6)] == [0, 200, 400, 800, 1_600]
    assert lost_delay_ms(10**6) == LOST_RETRY_DELAY_MS_MAX


def test_the_limits_have_the_stated_defaults() -> None:
    """What the rules promise is what a settings file without any limit gives [DO24]."""
    limits = Limits()
    assert (limits.max_nodes, limits.max_foreach_items) == (10_000, 100_000)
    assert (limits.max_expression_bytes, limits.max_document_bytes) == (4_096, 2 * 1024 * 1024)
    assert (limits.max_json_depth, limits.max_inline_bytes) == (64, INLINE_BYTES_MAX)
    assert INLINE_BYTES_MAX == 64 * 1024
    assert (limits.max_call_depth, limits.max_loop_iterations) == (10, 1_000)
    assert (limits.max_running_executions, limits.max_running_attempts) == (500, 256)
    assert (limits.max_queued_executions, limits.max_inbox_per_execution) == (100_000, 10_000)

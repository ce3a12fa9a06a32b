# SPDX-License-Identifier: Apache-2.0
"""Limits, retry rules and back-off: every bound in one place, as plain values.

Rules: DO limits, AT retries. Settings build a `Limits`; nothing else invents a bound.
"""

from typing import Final, Literal

import msgspec

EffectClass = Literal["pure", "idempotent", "non_idempotent"]

ENGINE_DEATHS_BEFORE_ISOLATION: Final = 2
"""After this many engine deaths during one node its next attempt gets a process of its own."""
CHILD_DEATHS_BEFORE_POISON: Final = 3
"""After this many deaths of that process the node is parked as poison."""
CALL_DEPTH_MAX: Final = 10
"""Executions below a root: a workflow that calls itself ends here."""
LOST_ATTEMPTS_MAX: Final = 20
"""Losses of one node or item, of whatever cause, after which a person has to look at it."""
SIGNAL_REJECTIONS_MAX: Final = 1_000
"""`SignalRejected` events an execution may hold; later refusals add no event."""
INLINE_BYTES_MAX: Final = 64 * 1024
"""A payload above this goes to the blob store; the event keeps a reference."""
ITEM_CONCURRENCY_DEFAULT: Final = 8
"""Items of one foreach node that run at once unless the file says otherwise."""
ITEM_ERRORS_LISTED_MAX: Final = 200
"""Failed items that `nodes.x.errors` lists; the rest is fetched by page."""
ITEM_EVENT_BYTES_MAX: Final = 256 * 1024
"""Inline outputs that one `ItemsEnded` event may hold; a larger batch makes several events."""
CHILD_FAILED: Final = "child_failed"
"""Kind of a call whose child did not complete; its message says where it began."""
STEP_OUTCOME_UNKNOWN: Final = "step_outcome_unknown"
"""Failure kind of an attempt whose journal holds a step that began and never said how it ended."""
LOST_RETRY_DELAY_MS: Final = 200
"""Pause before an attempt that was lost is made again; doubles per loss up to 30 s."""
LOST_RETRY_DELAY_MS_MAX: Final = 30_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what a document, a value or an execution may be; all are settings."""

    max_nodes: int = 10_000
    max_foreach_items: int = 100_000
    max_expression_bytes: int = 4 * 1024
    max_document_bytes: int = 2 * 1024 * 1024
    max_document_values: int = 250_000
    max_json_depth: int = 64
    max_inline_bytes: int = INLINE_BYTES_MAX
    max_output_bytes: int = 64 * 1024 * 1024
    max_call_depth: int = CALL_DEPTH_MAX
    max_loop_iterations: int = 1_000
    max_running_executions: int = 500
    max_running_attempts: int = 256
    max_queued_executions: int = 100_000
    max_inbox_per_execution: int = 10_000
    max_log_lines_per_attempt: int = 10_000


class RetryPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """When and how often a failed attempt is made again.

    `max_attempts` counts the first try. `on` names failure kinds; `http.5xx` covers
    `http.500` to `http.599`; an empty tuple means every retryable failure.
    """

    max_attempts: int = 1
    backoff: Literal["constant", "linear", "exponential"] = "exponential"
    initial_ms: int = 1_000
    max_ms: int = 60_000
    jitter: Literal["none", "full"] = "full"
    on: tuple[str, ...] = ()

    def covers(self, kind: str) -> bool:
        """Tell whether a failure of this kind may be retried."""
        return not self.on or any(_kind_matches(pattern, kind) for pattern in self.on)

    def delay_ms(self, failures: int, chance: float) -> int:
        """Return the pause before the next attempt.

        Args:
            failures: Failed attempts so far, from 1.
            chance: Uniform in [0, 1), chosen by the caller and written into the event.
        """
        if self.backoff == "constant":
            base = self.initial_ms
        elif self.backoff == "linear":
            base = self.initial_ms * failures
        else:
            base = self.initial_ms << min(failures - 1, 40)
        base = min(base, self.max_ms)
        return round(base * chance) if self.jitter == "full" else base


def is_outcome_unknown(kind: str, *, may_have_happened: bool) -> bool:
    """Tell whether a failure leaves open if its effect took place.

    A node that answered no (exit code, 4xx, an exception) has answered; a time-out, a lost
    connection or a 5xx has not.
    """
    return may_have_happened and (
        kind in {"timeout", "network", "killed", STEP_OUTCOME_UNKNOWN} or kind.startswith("http.5")
    )


def lost_delay_ms(losses: int) -> int:
    """Return the pause after the n-th loss of an attempt, n from 1; the first is free.

    Loss is not failure: the worker or engine died, so the first new attempt starts at once.
    """
    if losses <= 1:
        return 0
    return min(LOST_RETRY_DELAY_MS << min(losses - 2, 20), LOST_RETRY_DELAY_MS_MAX)


def _kind_matches(pattern: str, kind: str) -> bool:
    if pattern == kind:
        return True
    head, _, tail = pattern.rpartition(".")
    if tail.endswith("xx") and head:
        return kind.startswith(f"{head}.{tail[0]}") and len(kind) == len(pattern)
    return kind.startswith(pattern + ".")

# SPDX-License-Identifier: Apache-2.0
"""Durable sub-steps: done once, remembered over lost and failed attempts.

Rules: JN1-JN5.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from legato.crashpoints import crash_point
from legato.errors import Conflict, InvalidInput, LimitExceeded
from legato.model.policy import STEP_OUTCOME_UNKNOWN, EffectClass
from legato.model.values import encode, load
from legato.ports.journal import Journal, StepKey, StepRow
from legato.ports.node import NodeFailure
from legato.runtime.attempt.host import Host
from legato.runtime.attempt.patience import patiently
from legato.runtime.attempt.request import AttemptRequest, RunnerOptions

STEP_NAME_LENGTH_MAX: Final = 200
STEPS_MAX: Final = 100_000


class Steps:
    """The sub-steps of one attempt; ordinals count calls of the same name in this attempt."""

    __slots__ = ("_count", "_journal", "_options", "_ordinals", "_request")

    def __init__(self, journal: Journal, request: AttemptRequest, options: RunnerOptions) -> None:
        self._journal = journal
        self._request = request
        self._options = options
        self._ordinals: dict[str, int] = {}
        self._count = 0

    async def run(
        self,
        name: str,
        body: Callable[[], Awaitable[Any]],
        *,
        input: object,
        effect: EffectClass,
        attempt: Host,
    ) -> Any:
        """Return the journalled result, or run the body and journal what it returns.

        Raises:
            Conflict: The journal holds another input at this place.
            NodeFailure: `step_outcome_unknown`, `superseded`, `invalid_output` or
                `output_too_large`.
        """
        key = self._key(name)
        input_hash = _hash(input, name)
        pauses = self._options.store_retry_s
        row = await patiently(lambda: self._journal.get(key), pauses)
        if row is not None:
            self._refuse_other_input(row, input_hash)
            if row.output is not None:
                return load(row.output)
            if effect == "non_idempotent":
                raise NodeFailure(
                    STEP_OUTCOME_UNKNOWN,
                    f"attempt {row.attempt} began step {name!r:.100} and never said how it ended",
                    retryable=False,
                )
        number = self._request.attempt
        if effect == "non_idempotent":
            crash_point("journal.before_begin")
            begun = await patiently(
                lambda: self._journal.begin(key, attempt=number, input_hash=input_hash), pauses
            )
            if not begun:
                raise _superseded(name, may_have_happened=False)
            crash_point("journal.after_begin")
        data = self._checked(await body(), name, attempt)
        crash_point("journal.before_finish")
        finished = await patiently(
            lambda: self._journal.finish(key, attempt=number, input_hash=input_hash, output=data),
            pauses,
        )
        crash_point("journal.after_finish")
        if not finished:
            raise _superseded(name, may_have_happened=True)
        return load(data)

    def _key(self, name: str) -> StepKey:
        if not name or len(name) > STEP_NAME_LENGTH_MAX or not name.isprintable():
            raise InvalidInput(
                f"a step's name has 1 to {STEP_NAME_LENGTH_MAX} printable characters, "
                f"got {name!r:.80}"
            )
        self._count += 1
        if self._count > STEPS_MAX:
            raise LimitExceeded(f"one attempt may have {STEPS_MAX} steps")
        ordinal = self._ordinals.get(name, 0)
        self._ordinals[name] = ordinal + 1
        request = self._request
        item = -1 if request.item is None else request.item
        return StepKey(request.execution_id, request.node.id, item, name, ordinal)

    def _refuse_other_input(self, row: StepRow, input_hash: str) -> None:
        if row.input_hash != input_hash:
            raise Conflict(
                f"the step {row.key.name!r:.100} (number {row.key.ordinal + 1} of that name) was "
                "journalled with another input",
                hint="Pass everything the step depends on as its input, and nothing that varies "
                "from one attempt to the next.",
            )

    def _checked(self, output: Any, name: str, attempt: Host) -> bytes:
        """Return the output as JSON text without secrets: a later attempt gets the same."""
        limit = self._options.limits.max_output_bytes
        what = f"the output of step {name!r:.100}"
        try:
            data = encode(output, what=what, size_bytes_max=limit)
            redactor = attempt.redactor
            if redactor is not None and redactor.may_be_in(data):
                data = encode(redactor.clean(load(data)), what=what)
        except InvalidInput as error:
            raise NodeFailure("invalid_output", str(error), retryable=False) from None
        except LimitExceeded as error:
            raise NodeFailure("output_too_large", str(error), retryable=False) from None
        return data


def _hash(value: object, name: str) -> str:
    return hashlib.sha256(encode(value, what=f"the input of step {name!r:.100}")).hexdigest()[:32]


def _superseded(name: str, *, may_have_happened: bool) -> NodeFailure:
    return NodeFailure(
        "superseded",
        f"a newer attempt holds the step {name!r:.100}; this one is over",
        may_have_happened=may_have_happened,
        retryable=False,
    )

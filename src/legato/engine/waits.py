# SPDX-License-Identifier: Apache-2.0
"""What a waiting node's config means: the name of a signal, the end of a delay, a switch's choice.

Pure functions of evaluated configs; nothing here looks at a state.

Rules: GR7, AT18, EN16, ND70, ND71.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from legato.errors import InvalidInput
from legato.model.durations import parse_duration
from legato.model.signal_names import (
    CORRELATION_RULE,
    SIGNAL_NAME_RULE,
    correlated,
    is_correlation,
    is_signal_name,
)
from legato.model.values import Value, load
from legato.model.workflow import DEFAULT_CASE, NodeSpec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def signal_name(spec: NodeSpec, config: Value) -> str:
    """Return what a `wait.signal` node waits for: name and correlation; by default its own id."""
    loaded = load(config.json) if config.is_inline else None
    if not isinstance(loaded, dict):
        return spec.id
    name, correlation = loaded.get("name"), loaded.get("correlation")
    name = spec.id if name is None else str(name)
    return name if correlation is None else correlated(name, str(correlation))


def check_signal(config: Mapping[str, Any]) -> None:
    """Refuse a name or correlation that no signal can have.

    Raises:
        InvalidInput: It is no text of the allowed form.
    """
    name, correlation = config.get("name"), config.get("correlation")
    if name is not None and not is_signal_name(name):
        raise InvalidInput(f"name: {name!r:.80} is no name of a signal; {SIGNAL_NAME_RULE}")
    if correlation is not None and not is_correlation(correlation):
        raise InvalidInput(f"correlation: {correlation!r:.80} is not one; {CORRELATION_RULE}")


def end_of_delay(now: int, config: Mapping[str, Any]) -> int:
    """Return when a delay ends, in ms; `for` counts from now, `until` is an RFC 3339 instant.

    Raises:
        InvalidInput: Neither is given, or it cannot be read.
    """
    until = config.get("until")
    if until is None:
        duration = config.get("for")
        if not isinstance(duration, str | int) or isinstance(duration, bool):
            raise InvalidInput("a delay needs `for: <duration>` or `until: <time>`")
        return now + parse_duration(duration)
    try:
        instant = datetime.fromisoformat(str(until))
    except ValueError:
        raise InvalidInput(f"until: {until!r:.80} is no time; write it as RFC 3339") from None
    if instant.tzinfo is None:
        raise InvalidInput(f"until: {until} has no time zone; write it as RFC 3339")
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def chosen_case(config: Mapping[str, Any]) -> str | None:
    """Return the case that a `flow.switch` chose, None for none.

    `case` names it. Or `cases` maps names to conditions: the first that is true, else the case
    that `default` names, by default `default`.

    Raises:
        InvalidInput: A name is no text, or a condition is neither true nor false.
    """
    chosen: Any = config.get("case")
    cases = config.get("cases")
    if cases is not None:
        if not isinstance(cases, dict):
            raise InvalidInput("`cases` must map names to conditions")
        for name, condition in cases.items():
            if not isinstance(condition, bool):
                raise InvalidInput(f"the case {name} must be true or false, got {condition!r:.60}")
        otherwise = config.get("default", DEFAULT_CASE)
        chosen = next((name for name, holds in cases.items() if holds), otherwise)
    if chosen is not None and not isinstance(chosen, str):
        raise InvalidInput(f"a case is named by text, got {chosen!r:.60}")
    return chosen

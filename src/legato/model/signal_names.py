# SPDX-License-Identifier: Apache-2.0
"""Names of the signals that `wait.signal` waits for, alone or with what they are about.

A signal with a correlation reaches only who waits for the same one: in the log both stand as one
name, `order-paid#4711`. A name never holds the sign between them.

Rules: EN16, ND71.
"""

import re
from typing import Final

SIGNAL_NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$"
SIGNAL_NAME_RULE: Final = "use up to 100 letters, digits and _ . : / -, for example order-paid"
CORRELATION_CHARS_MAX: Final = 200
CORRELATION_RULE: Final = f"use a text of 1 to {CORRELATION_CHARS_MAX} characters"
_NAME: Final = re.compile(SIGNAL_NAME_PATTERN[:-1] + r"\Z")
_SIGN: Final = "#"


def is_signal_name(name: object) -> bool:
    """Tell whether a signal can have this name."""
    return isinstance(name, str) and _NAME.match(name) is not None


def is_correlation(value: object) -> bool:
    """Tell whether a signal can be about this."""
    return isinstance(value, str) and 0 < len(value) <= CORRELATION_CHARS_MAX


def correlated(name: str, correlation: str) -> str:
    """Return what stands in the log for a name and what it is about."""
    return f"{name}{_SIGN}{correlation}"

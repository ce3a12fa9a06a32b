# SPDX-License-Identifier: Apache-2.0
"""What the parts of an attempt may ask of the attempt that they are part of.

Rules: ND10.
"""

from typing import Protocol

from legato.ports.attempt_logs import LogLine
from legato.runtime.attempt.failures import Redact
from legato.runtime.attempt.redaction import SecretRedactor


class Host(Protocol):
    """An attempt, as its live output and its sub-steps see it."""

    @property
    def redactor(self) -> SecretRedactor | None:
        """What knows the secrets that the attempt has resolved, if there are any."""
        ...

    @property
    def redact(self) -> Redact:
        """A function that takes those secrets out of a text."""
        ...

    def line(self, text: str, level: str, progress: float | None = None) -> LogLine:
        """Return a numbered line of the attempt's log."""
        ...

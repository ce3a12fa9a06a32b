# SPDX-License-Identifier: Apache-2.0
"""Replaces secret values wherever an attempt could let them out: output, error, log, stream.

By value, in plain text and in base64, URL and JSON encoding; line by line for a secret of several
lines, because logs are written by line. A value under four characters is not replaced: it would
be found in every other word.

Rules: ND10, LG24.
"""

import re
from typing import Any, Final

from legato.telemetry import REDACTED, Redactor

LINE_LENGTH_MIN: Final = 8
"""A shorter line of a longer secret (`}`, `-----`) says nothing and is found everywhere."""


class SecretRedactor(Redactor):
    """The secrets that one attempt has seen."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: re.Pattern[str] | None = None
        self._line_values: set[str] = set()

    def add(self, value: str) -> None:
        """Replace this value, in all its forms, from now on."""
        super().add(value)
        lines = {line.strip() for line in value.splitlines()} if "\n" in value else set()
        lines = {line for line in lines if len(line) >= LINE_LENGTH_MIN}
        if lines:
            self._line_values |= lines
            ordered = sorted(self._line_values, key=len, reverse=True)
            self._lines = re.compile("|".join(map(re.escape, ordered)))

    def __call__(self, text: str) -> str:
        """Return the text with every known value replaced."""
        text = super().__call__(text)
        return self._lines.sub(REDACTED, text) if self._lines is not None else text

    def may_be_in(self, data: bytes) -> bool:
        """Tell whether JSON text may hold a secret.

        It is found as it stands; one that JSON writes otherwise may hide behind every escape.
        """
        text = data.decode()
        return self(text) != text or (not self.is_plain and "\\" in text)

    def clean(self, value: Any) -> Any:
        """Return a JSON value with secrets replaced in every text, key and number."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(key): self.clean(element) for key, element in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(element) for element in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if self(repr(value)) == repr(value) else REDACTED
        return value

    def split(self, text: str) -> tuple[str, str]:
        """Redact streamed text and split off what may be half a secret.

        Whole secrets are replaced first: else a secret that begins the way it ends would be cut.

        Returns:
            What may be shown now, and the longest end that could be the beginning of a secret.
        """
        text = self(text)
        held = 0
        for needle in self._values | self._line_values:
            longest = min(len(needle) - 1, len(text))
            for length in range(longest, held, -1):
                if text.endswith(needle[:length]):
                    held = length
                    break
        return (text[: len(text) - held], text[len(text) - held :]) if held else (text, "")

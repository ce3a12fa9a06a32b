# SPDX-License-Identifier: Apache-2.0
"""Text that a database can hold: no NUL, no lone surrogate.

Messages of programs and exceptions may hold both; they must not make a whole batch fail.

Rules: LG11.
"""


def clean(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced by U+FFFD."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return (
        text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\x00", "\ufffd")
    )


def clean_or_none(text: str | None) -> str | None:
    """Do the same to a text that may be missing."""
    return None if text is None else clean(text)

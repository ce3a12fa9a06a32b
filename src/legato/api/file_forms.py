# SPDX-License-Identifier: Apache-2.0
"""Names and media types of files: what is taken in, and what a browser is told.

Rules: FI5, FI6, FI15, FI16.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

NAME_BYTES_MAX: Final = 255
"""What file systems take."""
UNNAMED: Final = "file"
BYTES: Final = "application/octet-stream"
_LOOKED_AT_MAX: Final = 4_096
_SEPARATORS: Final = re.compile(r"[/\\\u2044\u2215\u29f8\uff0f\uff3c]")
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, marks that turn the direction of text, halves of characters, and what is none."""
_WORD: Final = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
_TYPE: Final = re.compile(rf"{_WORD}/{_WORD}")
_CHARSET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")
_SAFE_MEDIA: Final = frozenset({"image", "audio", "video", "font"})
_SAFE_TYPES: Final = frozenset(
    {
        *("application/json", "application/pdf", "application/zip", "application/gzip"),
        *("application/yaml", "application/x-ndjson", "application/jsonl", "application/msword"),
        *("application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/rtf"),
        *("text/plain", "text/csv", "text/markdown", "text/yaml", "text/tab-separated-values"),
    }
)
_SAFE_PREFIXES: Final = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
)
_ACTIVE_MARKS: Final = ("xml", "svg", "html", "script", "flash", "wasm")
"""A type with one of these in its name may be run or drawn by a browser."""


def clean_file_name(given: str | None) -> str:
    """Return a name that is safe to show, to store and to send, and as near to the given as can be.

    The last part of a path, in NFC, without control characters and marks of direction, without dots
    at its beginning, of 255 bytes at most with its ending kept.
    """
    text = unicodedata.normalize("NFC", (given or "")[-_LOOKED_AT_MAX:])
    text = _SEPARATORS.split(text)[-1]
    text = "".join(each for each in text if unicodedata.category(each) not in _DROPPED)
    text = " ".join(text.split()).lstrip(". ").rstrip(". ")
    return _shortened(text) or UNNAMED


def _shortened(name: str) -> str:
    size = len(name.encode())
    if size <= NAME_BYTES_MAX:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = f".{ending}" if dot and len(ending.encode()) <= 16 else ""
    room = NAME_BYTES_MAX - len(tail.encode())
    kept = (stem if tail else name).encode()[:room].decode(errors="ignore")
    return f"{kept.rstrip('. ')}{tail}"


def media_type_of(declared: str | None, charset: str | None) -> str | None:
    """Return a declared media type in one spelling, bytes if none is declared, None if it is none.

    Nothing is ever concluded from the content. A charset is kept for text.
    """
    if not declared:
        return BYTES
    kind = declared.strip().lower()
    if not _TYPE.fullmatch(kind):
        return None
    if charset and kind.startswith("text/") and _CHARSET.fullmatch(charset):
        return f"{kind}; charset={charset.lower()}"
    return kind


def safe_media_type(stored: str) -> str:
    """Return what a browser is told: the type itself only if nothing runs in it."""
    kind, _, parameters = stored.partition(";")
    kind = kind.strip().lower()
    if not _TYPE.fullmatch(kind) or any(mark in kind for mark in _ACTIVE_MARKS):
        if not kind.startswith(_SAFE_PREFIXES):
            return BYTES
    elif kind not in _SAFE_TYPES and kind.partition("/")[0] not in _SAFE_MEDIA:
        return BYTES
    if not kind.startswith("text/"):
        return kind
    charset = parameters.strip().removeprefix("charset=")
    return f"{kind}; charset={charset if _CHARSET.fullmatch(charset) else 'utf-8'}"


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves a file under its name (RFC 6266 and 8187)."""
    clean = clean_file_name(name)
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode()
    # Some browsers decode %41 in the plain form, and some take \ for an escape.
    plain = re.sub(r"[^A-Za-z0-9 !#$&'()+,.=@^_`{}~-]", "_", plain).strip() or UNNAMED
    if plain == clean:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(clean, safe='')}"

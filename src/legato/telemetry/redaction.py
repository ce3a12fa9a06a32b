# SPDX-License-Identifier: Apache-2.0
"""Secrets in text: replaced by their value, also where they are encoded, and tokens by their form.

Rules: CL16, HT57, LG24, CR25.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

REDACTED: Final = "[redacted]"
SECRET_LENGTH_MIN: Final = 4
"""A shorter value would be found in every other word; it is not replaced."""

MARKED_MIN: Final = 20
"""A shorter text holds no credential of those forms."""
_MARK: Final = re.compile("lgt_|eyJ|token=|ticket=|earer |legato_refresh")
"""Stands in every text that `_TOKENS` finds something in: looking for it is quick."""
_TOKENS: Final = re.compile(
    r"(lgt_[a-z2-7]{12}_)[A-Za-z0-9_-]+"
    r"|(eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+"
    r"|((?:token|ticket)=)[^&\s\"']+"
    r"|([Bb]earer )[A-Za-z0-9._~+/=-]{16,}"
    r"|(legato_refresh\w*=)[^;,\s\"']+"
)
"""API keys, JSON Web Tokens, tokens in URLs, bearer credentials, the cookie; what tells the kind is
kept."""


def hide_tokens(text: str) -> str:
    """Return the text without what has the form of a credential.

    Nobody logs one on purpose; an exception of a library may quote a URL or a header.
    """
    if len(text) < MARKED_MIN or _MARK.search(text) is None:
        return text
    return _TOKENS.sub(lambda found: f"{found[found.lastindex or 0]}{REDACTED}", text)


class Redactor:
    """Replaces secret values in text, also where they stand encoded.

    Values are added as they are resolved and stay for the life of the process.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self.shortest = 0
        """Characters of the shortest value or form; 0: there is none."""
        self.is_plain = True
        """JSON writes every value and form as it is; else what JSON says has to be looked at."""
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Have this value and its base64, URL and JSON forms replaced from now on."""
        if len(value) >= SECRET_LENGTH_MIN:
            self._add(_forms(value))

    def add_bytes(self, value: bytes) -> None:
        """Have these bytes replaced from now on, where they stand as base64, hex or escapes."""
        if len(value) >= SECRET_LENGTH_MIN:
            self._add({*_base64(value), value.hex(), value.hex().upper(), repr(value)[2:-1]})

    def __call__(self, text: str) -> str:
        """Return the text with every known value replaced."""
        if self._pattern is None or len(text) < self.shortest:
            return text
        return self._pattern.sub(REDACTED, text)

    def _add(self, forms: set[str]) -> None:
        self._values.update(form for form in forms if len(form) >= SECRET_LENGTH_MIN)
        # Longest first, so that a form is not cut by a shorter one inside it.
        ordered = sorted(self._values, key=len, reverse=True)
        self.shortest = len(ordered[-1])
        self.is_plain = all(_IN_JSON.fullmatch(form) for form in ordered)
        self._pattern = re.compile("|".join(map(re.escape, ordered)))


def _forms(value: str) -> set[str]:
    found = {value, *_quoted(value), *_base64(value.encode("utf-8", "surrogatepass"))}
    if not _PLAIN.fullmatch(value):
        found.add(html.escape(value))
        # JSON in a text of JSON, as a server's answer stands in an output, escapes it twice.
        once = _in_json(value)
        found.update(once, *map(_in_json, once))
    return found


_IN_JSON: Final = re.compile(r"[ !#-\[\]-~]*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~=+-]*")
"""What neither JSON nor HTML writes otherwise."""
_ESCAPE: Final = re.compile("%[0-9A-F]{2}")
_WEB: Final = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"})


def _quoted(value: str) -> Iterator[str]:
    """Yield a value as it stands in a URL or form; the digits of an escape have two cases."""
    for text in (
        quote_plus(value, errors="replace"),
        *(quote(value, safe=kept, errors="replace") for kept in ("", "/")),
    ):
        yield text
        yield _ESCAPE.sub(lambda found: found[0].lower(), text)


def _in_json(value: str) -> set[str]:
    """Return a value as it stands in JSON; some writers escape what HTML or PHP would."""
    found = {json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (False, True)}
    found.update([each.replace("/", r"\/") for each in found])
    found.update([each.translate(_WEB) for each in found])
    return found


def _base64(raw: bytes) -> Iterator[str]:
    """Yield what stands for bytes inside a longer base64 text, at each of the three alignments.

    The characters that also depend on the neighbours are left out.
    """
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + raw).decode("ascii").rstrip("=")
            core = text[(0, 2, 3)[shift] : len(text) if (shift + len(raw)) % 3 == 0 else -1]
            if len(core) >= 2 * SECRET_LENGTH_MIN:
                yield core

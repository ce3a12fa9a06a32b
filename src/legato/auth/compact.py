# SPDX-License-Identifier: Apache-2.0
"""The compact form of a signed token (RFC 7515), read strictly and without believing it.

What is read here says only which key may be tried. Rules: AU12, AU102.
"""

import base64
import json
import re
from typing import Any, Final, NoReturn

from legato.errors import Unauthenticated

TOKEN_BYTES_MAX: Final = 8 * 1024
HEADER: Final = 0
CLAIMS: Final = 1
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def compact(token: object) -> str:
    """Return the token as text if it has three parts of base64url and is no longer than allowed.

    Raises:
        Unauthenticated: It is anything else, such as encrypted or detached.
    """
    if isinstance(token, str | bytes) and len(token) <= TOKEN_BYTES_MAX:
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        if _COMPACT.fullmatch(text):
            return text
    raise Unauthenticated


def part_of(text: str, number: int) -> dict[str, Any]:
    """Return the header or the claims of a compact token.

    Args:
        text: As `compact` returned it.
        number: `HEADER` or `CLAIMS`.

    Raises:
        Unauthenticated: It is no JSON object in UTF-8, or names something twice: two readers could
            each take another one.
    """
    segment = text.split(".")[number]
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        value = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Unauthenticated from None
    if not isinstance(value, dict):
        raise Unauthenticated
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(_text: str) -> NoReturn:
    raise ValueError("no number of JSON")

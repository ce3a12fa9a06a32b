# SPDX-License-Identifier: Apache-2.0
"""Names of people and workspaces: which are taken, and how they are written to be compared.

Two addresses that a reader cannot tell apart shall not be two accounts: an address is folded (NFKC,
casefold), and a part of it that mixes scripts, as a Cyrillic letter among Latin ones, is refused.
What is only shown loses the characters that change how the text around it is read.

Rules: AU40-AU44. Source: UTS 39 section 5.2 (restriction level "highly restrictive").
"""

import re
import unicodedata
from typing import Final

from legato.errors import InvalidInput

EMAIL_MAX: Final = 254
"""RFC 5321 section 4.5.3.1.3: a path of 256 with its brackets."""
LOCAL_PART_MAX: Final = 64
DISPLAY_NAME_MAX: Final = 100
SLUG_MAX: Final = 63
SLUG: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_RAW_MAX: Final = 1_000
"""Characters that are looked at: normalising long runs of marks takes quadratic time."""
_LOCAL_SIGNS: Final = frozenset(".!#$%&'*+/=?^_`{|}~-")
_ASCII_DIGITS: Final = frozenset("0123456789")
_UNSEEN: Final = frozenset(
    chr(code)
    for codes in (
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
    for code in codes
)
"""Letters, marks and signs that show nothing: fillers, joiners, variation selectors, a blank.

Source: Unicode's property Default_Ignorable_Code_Point, without what has category Cf anyway.
"""
_SHAPING: Final = frozenset("\u200c\u200d\ufe0e\ufe0f")
"""They shape Persian and Indic names and emoji: kept between characters of a display name."""
_TOGETHER: Final = tuple(
    frozenset(group)
    for group in (
        ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"),
        ("LATIN", "CJK", "HANGUL"),
        ("LATIN", "CJK", "BOPOMOFO"),
    )
)
"""Scripts that one word may mix, as Japanese, Korean and Chinese do."""


def fold_email(value: object) -> str:
    """Return an address as it is stored and compared.

    Args:
        value: Whatever the caller sent; spaces around it do not count.

    Raises:
        InvalidInput: It is no address, or could be taken for another one; the message says why.
    """
    if not isinstance(value, str):
        raise InvalidInput("the e-mail address should be a text")
    text = value.strip()
    if not text or len(text) > EMAIL_MAX:
        raise InvalidInput(f"the e-mail address should have 3 to {EMAIL_MAX} characters")
    _refuse_unseen(text)
    folded = _folded(text)
    _refuse_unseen(folded)
    local, at, domain = folded.partition("@")
    if not at or not local or not domain or "@" in domain:
        raise InvalidInput("the e-mail address should be written name@domain")
    if len(folded.encode()) > EMAIL_MAX or len(local.encode()) > LOCAL_PART_MAX:
        raise InvalidInput(
            f"the e-mail address is too long: at most {EMAIL_MAX} bytes, {LOCAL_PART_MAX} before @"
        )
    _check_local_part(local)
    _check_domain(domain)
    return folded


def clean_display_name(value: object) -> str:
    """Return a name as it is shown: NFC, one space between words, no invisible characters.

    Raises:
        InvalidInput: It holds control characters, nothing that is seen, or too much.
    """
    if not isinstance(value, str) or len(value) > _RAW_MAX:
        raise InvalidInput(f"the name should be a text of 1 to {DISPLAY_NAME_MAX} characters")
    if any(unicodedata.category(each) in {"Cc", "Cs", "Cn"} for each in value):
        raise InvalidInput("the name holds characters that cannot be shown")
    seen = "".join(each for each in value if each in _SHAPING or not _is_unseen(each))
    words = [word.strip("".join(_SHAPING)) for word in seen.split()]
    name = unicodedata.normalize("NFC", " ".join(word for word in words if word))
    if not 0 < len(name) <= DISPLAY_NAME_MAX:
        raise InvalidInput(f"the name should have 1 to {DISPLAY_NAME_MAX} characters that are seen")
    return name


def check_slug(value: object) -> str:
    """Return a slug if it is one: `[a-z][a-z0-9-]{0,62}`, and not of the shape of a UUID.

    Raises:
        InvalidInput: It is none.
    """
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        raise InvalidInput(
            f"the slug should be 1 to {SLUG_MAX} of a-z, 0-9 and -, beginning with a letter"
        )
    if UUID.fullmatch(value):
        raise InvalidInput("the slug has the shape of an id; choose another one")
    return value


def make_slug(name: str, *, otherwise: str) -> str:
    """Return a slug made of a name: ASCII letters and digits, words joined by `-`.

    Args:
        name: Any text; its first 1000 characters count.
        otherwise: The slug for a name that holds nothing of the kind.
    """
    plain = unicodedata.normalize("NFKD", name[:_RAW_MAX]).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower())
    slug = re.sub(r"^[^a-z]+", "", words)[:SLUG_MAX].strip("-")
    return otherwise if not slug or UUID.fullmatch(slug) else slug


def mixes_scripts(text: str) -> bool:
    """Tell whether letters of scripts that do not go together stand in one text."""
    scripts = {script for each in text if (script := _script(each)) is not None}
    return len(scripts) > 1 and not any(scripts <= group for group in _TOGETHER)


def _folded(text: str) -> str:
    """NFKC, casefold, and NFKC again: folding can make what is no longer composed."""
    once = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", once)


def _refuse_unseen(text: str) -> None:
    """Refuse controls, bidi and other format characters, blanks, and what Unicode does not know."""
    for each in text:
        if _is_unseen(each) or unicodedata.category(each)[0] in "CZ":
            raise InvalidInput(
                f"the e-mail address holds a character that is not seen (U+{ord(each):04X})"
            )


def _is_unseen(each: str) -> bool:
    """Tell format and private characters, and others that show nothing; not controls and spaces."""
    return each in _UNSEEN or unicodedata.category(each) in {"Cf", "Co"}


def _check_local_part(local: str) -> None:
    for each in local:
        if not _is_word_character(each) and each not in _LOCAL_SIGNS:
            raise InvalidInput(f"the e-mail address holds U+{ord(each):04X} before the @")
    if local[0] == "." or local[-1] == "." or ".." in local:
        raise InvalidInput("the e-mail address has a dot too much before the @")
    _refuse_mixed(local)


def _check_domain(domain: str) -> None:
    for label in domain.split("."):
        if not 0 < len(label.encode()) <= 63 or label[0] == "-" or label[-1] == "-":
            raise InvalidInput("the e-mail address has no valid domain after the @")
        if not all(_is_word_character(each) or each == "-" for each in label):
            raise InvalidInput("the e-mail address has no valid domain after the @")
        _refuse_mixed(label)


def _refuse_mixed(text: str) -> None:
    if mixes_scripts(text):
        raise InvalidInput(
            "the e-mail address mixes letters of different scripts, which look alike; "
            "write it with the letters of one"
        )


def _is_word_character(each: str) -> bool:
    """Tell letters, marks and ASCII digits; other digits look like each other."""
    return each in _ASCII_DIGITS or unicodedata.category(each)[0] in "LM"


def _script(each: str) -> str | None:
    """Return the first word of a letter's name, which is its script; None for what has none."""
    if each.isascii():
        return "LATIN" if each.isalpha() else None
    if unicodedata.category(each)[0] != "L":
        return None
    return unicodedata.name(each, "unnamed").partition(" ")[0]

# SPDX-License-Identifier: Apache-2.0
"""Which passwords may be set, and why one may not.

By default as NIST SP 800-63B-4 asks: long, on no list, not easy to guess, and no rule about kinds
of characters; those are a setting for who must have them. Every refusal says all that is wrong.

Rules: AU60-AU65. Cost: up to 60 ms of processor time for 64 characters; call it in a thread.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

PasswordPolicy = Literal["nist", "composition"]

LENGTH_MIN: Final = 15
"""Of a password that is the only factor."""
LENGTH_MIN_WITH_TOTP: Final = 8
LENGTH_MAX: Final = 1024
SCORE_MIN: Final = 3
"""Of zxcvbn's 0 to 4: more than 10^8 guesses, by somebody who knows the lists it knows."""
SCORE_MIN_WITH_TOTP: Final = 2
"""10^6: it gives 8 random characters no more than that, and a second factor stands beside them."""
JUDGED_MAX: Final = 64
"""Characters that zxcvbn sees: its time grows with the square of the length. 64 take 60 ms."""
PRODUCT_WORDS: Final = ("legato", "workflow", "workflows", "dagstudio", "admin", "owner")

_ADDED_MAX: Final = 4
"""Digits and signs before or after a listed word that do not make it another password."""
_RUN_MIN: Final = 3
"""So many times the same character at an end add nothing."""
_WORD_MIN: Final = 3
_ABOUT_MAX: Final = 256
_LEET: Final = tuple(str.maketrans("03457@$!1", "oeastasi" + one) for one in "il")
_ENDS: Final = re.compile(
    rf"\A[\W\d_]{{0,{_ADDED_MAX}}}(.*?[^\W\d_])[\W\d_]{{0,{_ADDED_MAX}}}\Z", re.S
)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a password is for: what is known of the person cannot be the password."""

    email: str = ""
    display_name: str = ""
    has_totp: bool = False


def normalised(password: str) -> str:
    """Return the password as it is counted, judged and hashed: NFC.

    Only for at most 1024 characters: long runs of marks would take quadratic time.
    """
    return unicodedata.normalize("NFC", password)


def problems(password: str, about: About, policy: PasswordPolicy = "nist") -> list[str]:
    """Return what is wrong with a password, each as a whole sentence; empty if it may be set.

    The first use loads the lists, which takes some 100 ms.
    """
    if len(password) > LENGTH_MAX:
        return [f"The password should have at most {LENGTH_MAX} characters."]
    text = normalised(password)
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        return ["The password holds control characters, which cannot be typed everywhere."]
    found = list(_length_problems(text, about))
    if policy == "composition":
        found += _composition_problems(text)
    if _is_listed(text):
        found.append("The password is a common one, or a common one with little added.")
    else:
        found += _guess_problems(text, about)
    return found


def _length_problems(text: str, about: About) -> Iterator[str]:
    least = LENGTH_MIN_WITH_TOTP if about.has_totp else LENGTH_MIN
    if len(text) >= least:
        return
    also = "" if about.has_totp else f", or {LENGTH_MIN_WITH_TOTP} while a second factor is active"
    yield f"The password should have at least {least} characters{also}; this has {len(text)}."


def _composition_problems(text: str) -> Iterator[str]:
    kinds = (
        ("an upper-case letter", any(each.isupper() for each in text)),
        ("a lower-case letter", any(each.islower() for each in text)),
        ("a digit", any(each.isdigit() for each in text)),
        ("a sign that is no letter or digit", not text.isalnum()),
    )
    missing = [name for name, is_there in kinds if not is_there]
    if missing:
        yield f"The password needs {', '.join(missing)}: this installation asks for it."


def _is_listed(text: str) -> bool:
    """Tell whether a password is a common one, as it is or with little around it."""
    from zxcvbn import matching  # type: ignore[import-untyped]  # noqa: PLC0415 - 100 ms

    common = matching.RANKED_DICTIONARIES["passwords"]
    return any(core in common for core in _cores(text))


def _guess_problems(text: str, about: About) -> Iterator[str]:
    """Yield why a password is easy to guess. What everybody knows of its owner counts nothing."""
    from zxcvbn import zxcvbn  # noqa: PLC0415 - 100 ms

    counting = _without_words(text, _words_about(about))
    judged: dict[str, Any] = {"score": 0, "feedback": {"warning": "", "suggestions": []}}
    if counting:
        judged = zxcvbn(counting[:JUDGED_MAX])
    if judged["score"] >= (SCORE_MIN_WITH_TOTP if about.has_totp else SCORE_MIN):
        return
    if counting != text:
        yield (
            "The password is too easy to guess: it is made of your name, your e-mail address or "
            "words of this product, and little else."
        )
        return
    said = [judged["feedback"]["warning"], *judged["feedback"]["suggestions"]]
    yield " ".join(["The password is too easy to guess.", *(each for each in said if each)])


def _words_about(about: About) -> set[str]:
    """Return words of the product, and of the person's name and address, folded."""
    local, _, domain = about.email[:_ABOUT_MAX].casefold().partition("@")
    parts = [*re.split(r"[\W_]+", f"{local} {about.display_name[:_ABOUT_MAX].casefold()}")]
    # Not the last part of a domain: `org` stands in too many words.
    parts += re.split(r"[\W_]+", domain.rpartition(".")[0])
    return {*PRODUCT_WORDS, *(part for part in parts if len(part) >= _WORD_MIN)}


def _without_words(text: str, words: set[str]) -> str:
    """Return the text without the words, also those in l33t; itself if there are none of them."""
    folded = text.casefold()
    known = [False] * len(folded)
    for spelling in (folded, *(folded.translate(table) for table in _LEET)):
        for word in words:
            at = spelling.find(word)
            while at >= 0:
                known[at : at + len(word)] = [True] * len(word)
                at = spelling.find(word, at + 1)
    if not any(known):
        return text
    left = "".join(" " if is_known else each for each, is_known in zip(folded, known, strict=True))
    return " ".join(left.split())


def _cores(text: str) -> Iterator[str]:
    """Yield the password, and what is left of it without what adds little. Cost: linear, few."""
    seen: set[str] = set()
    left = [text.casefold()]
    while left:
        core = left.pop()
        if not core or core in seen:
            continue
        seen.add(core)
        yield core
        unit = (core + core).find(core, 1)
        left += [core[:unit], _without_runs(core), *(core.translate(table) for table in _LEET)]
        inner = _ENDS.match(core)
        if inner is not None:
            left.append(inner[1])


def _without_runs(core: str) -> str:
    """Cut a character that stands three times or more at an end."""
    for ended in (core.rstrip(core[-1]), core.lstrip(core[0])):
        if len(core) - len(ended) >= _RUN_MIN:
            return ended
    return core

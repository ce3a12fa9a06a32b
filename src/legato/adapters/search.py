# SPDX-License-Identifier: Apache-2.0
"""Words for the full-text index: the same for both databases and for what is not indexed yet.

A word is a run of letters, digits and underscores, without case and accents. A search finds what
has, for every word of the search, a word that begins with it.

Rules: LG25.
"""

import re
import unicodedata
from typing import Final

TEXT_MAX: Final = 64 * 1024
"""Characters of an execution's inputs and outputs that are indexed."""
WORD_MAX: Final = 64
"""Characters of a word that count: longer runs are base64 and the like."""
SEARCH_WORDS_MAX: Final = 16
"""Words of a search that count."""

_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Return the distinct words of a text, sorted."""
    return sorted({word[:WORD_MAX] for word in _WORD.findall(_fold(text[:TEXT_MAX]))})


def search_words(search: str) -> list[str]:
    """Return the words that must be found, in their order, each once.

    An empty list means that the search holds no word at all: it finds nothing.
    """
    found = _WORD.findall(_fold(search[:TEXT_MAX]))
    return [word[:WORD_MAX] for word in dict.fromkeys(found)][:SEARCH_WORDS_MAX]


def holds(text: str, wanted: list[str]) -> bool:
    """Tell whether every wanted word begins some word of the text."""
    have = words_of(text)
    return bool(wanted) and all(any(word.startswith(each) for word in have) for each in wanted)


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    return "".join(mark for mark in apart if unicodedata.category(mark) != "Mn").casefold()

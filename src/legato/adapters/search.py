# SPDX-License-Identifier: Apache-2.0
"""Words for the full-text index: the same for both databases and for what is not indexed yet.

A word is a run of letters, digits and underscores, without case and accents. A search of the
command line finds what has, for every word of the search, a word that begins with it (`holds`); one
of the API finds whole words and phrases (`terms_of`). For phrases the index has each two words that
stand side by side as one more word, joined by a mark that is in no word.

Rules: LG25, XR10, XR11, XR12.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from legato.model.ids import time_of_id

TEXT_MAX: Final = 64 * 1024
"""Characters of an execution's inputs and outputs that are indexed."""
WORD_MAX: Final = 64
"""Characters of a word that count: longer runs are base64 and the like."""
SEARCH_WORDS_MAX: Final = 16
"""Words of a search that count."""

PAIR: Final = "\u00b7"
"""Joins two words, and begins what is no word of the text. No word has it, no tokenizer cuts it."""
QUOTE: Final = '"'
VALUES_MAX: Final = 200
VALUE_CHARS_MAX: Final = 256
VALUE_DEPTH_MAX: Final = 6
ID_BITS: Final = 22
"""Of a text's id, below the milliseconds."""

_WORD: Final = re.compile(r"\w+")
_PHRASE: Final = re.compile(r'"([^"]*)"?')
MS_MAX: Final = 2 ** (63 - ID_BITS) - 1


def words_of(text: str) -> list[str]:
    """Return the distinct words of a text, sorted."""
    return sorted({word[:WORD_MAX] for word in _WORD.findall(_fold(text[:TEXT_MAX]))})


def entries_of(text: str, workspace: str) -> list[str]:
    """Return what the index keeps of a text: its words, its pairs of words, and whose it is.

    Args:
        text: JSON values, one after the other, with a quote between two of them.
        workspace: Whose.
    """
    found = {_mark(workspace)}
    folded = _fold(text[:TEXT_MAX])
    before, end = "", 0
    for match in _WORD.finditer(folded):
        word = match[0][:WORD_MAX]
        found.add(word)
        # Words of two values are not side by side; a quote within a value has a backslash.
        if before and QUOTE not in folded[end : match.start()].replace("\\" + QUOTE, ""):
            found.add(before + PAIR + word)
        before, end = word, match.end()
    return sorted(found)


def terms_of(search: str, workspace: str) -> list[str]:
    """Return the entries that must all be there; an empty list finds nothing.

    A phrase of more than two words is found where each of its words is followed by the next.
    """
    found: dict[str, None] = {}
    folded = _fold(search[:TEXT_MAX])
    for phrase in _PHRASE.findall(folded):
        words = [word[:WORD_MAX] for word in _WORD.findall(phrase)]
        found |= dict.fromkeys(words if len(words) == 1 else map(PAIR.join, pairwise(words)))
    found |= dict.fromkeys(word[:WORD_MAX] for word in _WORD.findall(_PHRASE.sub(" ", folded)))
    return [*list(found)[:SEARCH_WORDS_MAX], _mark(workspace)] if found else []


def _mark(workspace: str) -> str:
    return PAIR + workspace.replace("-", "")


def search_id(execution_id: str, at: int) -> int:
    """Return the id of an execution's text: it rises with the time in the execution's id.

    Within a millisecond the order is any: a reader takes all of one together. Even, so that of two
    that meet one can step aside.

    Args:
        execution_id: Whose text.
        at: The time now in ms, for an id that has none.
    """
    ms = time_of_id(execution_id)
    digest = hashlib.sha256(execution_id.encode()).digest()
    low = int.from_bytes(digest[:4]) % (1 << (ID_BITS - 1))
    return min(at if ms is None else ms, MS_MAX) << ID_BITS | low << 1


def value_key(workspace: str, path: str, text: str) -> bytes:
    """Return what stands for a value at a path, such as `inputs.customer.id`."""
    return hashlib.sha256("\0".join((workspace, path, text)).encode()).digest()[:16]


def leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of what a JSON value holds that is neither long, deep nor a container.

    Unbounded in number: the caller takes the first `VALUES_MAX`.
    """
    if isinstance(value, dict | list):
        if path.count(".") >= VALUE_DEPTH_MAX:
            return
        named = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in named:
            yield from leaves(each, f"{path}.{name}")
        return
    text = value_text(value)
    if len(text) <= VALUE_CHARS_MAX:
        yield path, text


def value_text(value: Any) -> str:
    """Return a scalar as it is asked for: a text as it is, else as JSON writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)


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

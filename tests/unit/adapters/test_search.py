# SPDX-License-Identifier: Apache-2.0
"""Words of texts and searches, and text that a database can hold."""

import pytest

from legato.adapters.search import TEXT_MAX, WORD_MAX, holds, search_words, words_of
from legato.adapters.sql.clean import clean, clean_or_none


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("... --- ", []),
        ("The the THE", ["the"]),
        ("b a", ["a", "b"]),
        ("foo_bar-baz", ["baz", "foo_bar"]),
        ('{"key": [1.5, true]}', ["1", "5", "key", "true"]),
        ("Ärger über Größe", ["arger", "grosse", "uber"]),
        ("\ufb01ne \uff21\uff22", ["ab", "fine"]),
        ("日本語 テスト", ["テスト", "日本語"]),
    ],
)
def test_a_text_is_its_words(text: str, words: list[str]) -> None:
    """Runs of letters, digits and underscores, without case and accents [LG25]."""
    assert words_of(text) == words


def test_long_words_and_texts_are_cut() -> None:
    """What counts is bounded [EN19]."""
    assert words_of("x" * 1_000) == ["x" * WORD_MAX]
    assert words_of("a " * TEXT_MAX + "late") == ["a"]
    assert len(search_words(" ".join(f"w{each}" for each in range(100)))) == 16


def test_every_word_of_a_search_has_to_begin_a_word() -> None:
    """What is indexed and what waits are judged alike [LG25]."""
    assert holds("The quick brown fox", search_words("QUI bro"))
    assert not holds("The quick brown fox", search_words("uick"))
    assert not holds("The quick brown fox", search_words("quick cat"))
    assert not holds("anything", search_words("  "))
    assert holds("x" * 1_000, search_words("x" * 2_000))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("näh 日本 😀", "näh 日本 😀"),
        ("a\x00b", "a\ufffdb"),
        ("ä\x00b", "ä\ufffdb"),
        ("tab\tline\nend\x1b", "tab\tline\nend\x1b"),
    ],
)
def test_text_is_made_storable(text: str, stored: str) -> None:
    """NUL and lone surrogates would make a whole batch fail [LG11]."""
    assert clean(text) == stored


def test_lone_surrogates_are_replaced() -> None:
    """Programs print them, databases refuse them [LG11]."""
    assert clean("a\ud800b").encode() == "a\ufffd\ufffd\ufffdb".encode()
    assert clean_or_none(None) is None
    assert clean_or_none("x") == "x"

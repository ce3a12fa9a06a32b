# SPDX-License-Identifier: Apache-2.0
"""Glob patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.nodes.files.patterns import PATTERN_LENGTH_MAX, Pattern


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.pdf", "a.pdf", True), ("*.pdf", "a.pdfx", False), ("*.pdf", "in/here/a.pdf", True),
        ("*.pdf", ".pdf", True), ("a?c", "abc", True), ("a?c", "ac", False), ("*", "x", True),
        ("in/*.pdf", "in/a.pdf", True), ("in/*.pdf", "in/x/a.pdf", False),
        ("in/*.pdf", "a.pdf", False), ("in?a", "in/a", False), ("in/?", "in//", False),
        ("**/a", "a", True), ("**/a", "x/y/a", True), ("**/a", "x/ba", False),
        ("in/**/a", "in/a", True), ("in/**/a", "in/x/y/a", True), ("in/**/a", "in/xa", False),
        ("in/**", "in/x/y", True), ("in/**", "out/x", False), ("**/**/a", "a", True),
        ("**/x/**/a", "x/a", True), ("**/x/**/a", "1/x/2/3/a", True), ("a**b", "axxb", True),
        ("in/a**b", "in/a/b", False), ("***/a", "x/a", True), ("***/a", "x/y/a", False),
        ("[abc].t", "b.t", True), ("[abc].t", "d.t", False), ("[a-c0-9]", "7", True),
        ("[!a-c]", "d", True), ("[!a-c]", "b", False), ("in[!x]a/b", "in/a/b", False),
        ("[]x]", "]", True), ("[a-]", "-", True), ("[x", "[x", True), ("[!", "[!", True),
        ("ü*", "über", True), ("a.c", "abc", False), ("(a+)+$", "aaaa", False),
        ("\\d", "\\d", True),
    ],
)  # fmt: skip
def test_a_pattern_covers_what_it_says(pattern: str, path: str, fits: bool) -> None:
    """By name, or with a slash by path; nothing in it is a regular expression [ND41]."""
    assert Pattern(pattern).matches(path) is fits


def _reference(pattern: str, text: str) -> bool:
    """Match `*` and `?` in one name by trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return _reference(pattern[1:], text) or (bool(text) and _reference(pattern, text[1:]))
    return bool(text) and pattern[0] in {"?", text[0]} and _reference(pattern[1:], text[1:])


@given(st.text("ab*?", min_size=1, max_size=8), st.text("ab", max_size=8))
def test_the_matcher_agrees_with_trying_everything(pattern: str, text: str) -> None:
    """The quick way finds the same as the obvious one [ND41]."""
    assert Pattern(pattern).matches(text) is _reference(pattern, text)


class Counted(str):
    """Counts how many of its characters were looked at."""

    looked = 0

    def __iter__(self):  # type: ignore[no-untyped-def]
        for character in str(self):
            Counted.looked += 1
            yield character


def test_a_hostile_pattern_looks_at_each_character_once() -> None:
    """There is nothing to go back to, however many stars there are [ND41]."""
    pattern = Pattern("/" + "*a" * 499 + "b")
    text = Counted("/" + "a" * 100_000)
    assert not pattern.matches(text)
    assert Counted.looked == len(text)


@pytest.mark.parametrize("pattern", ["", "x" * (PATTERN_LENGTH_MAX + 1)])
def test_a_pattern_has_a_length(pattern: str) -> None:
    """An empty or endless pattern is refused [ND41]."""
    with pytest.raises(ValueError, match="1 to 1000 characters"):
        Pattern(pattern)

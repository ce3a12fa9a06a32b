# SPDX-License-Identifier: Apache-2.0
"""Glob patterns of users, matched in time linear in the text, whatever the pattern.

A pattern becomes a row of tokens; the set of places reached in it is one integer, moved on by
each character. There is no backtracking that a pattern could be made to blow up.

Rules: ND41.
"""

from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator

PATTERN_LENGTH_MAX: Final = 1_000
"""Each character of a text costs a few operations on integers of so many bits."""

Single = Callable[[str], bool]


class Pattern:
    """`*`, `?`, `[a-z]`, `[!a-z]` within a name; `**` as a whole name is any number of folders.

    Without a `/` it is matched with the name alone, else with the whole path.
    """

    __slots__ = ("_enters", "_found", "_goal", "_leaps", "_singles", "_stars", "is_path")

    def __init__(self, pattern: str) -> None:
        """Compile.

        Raises:
            ValueError: It is empty or longer than `PATTERN_LENGTH_MAX` characters.
        """
        if not 0 < len(pattern) <= PATTERN_LENGTH_MAX:
            raise ValueError(f"a pattern has 1 to {PATTERN_LENGTH_MAX} characters")
        self.is_path = "/" in pattern
        self._singles: list[Single | None] = []
        self._stars = self._leaps = self._enters = 0
        self._found: dict[str, int] = {}
        index = 0
        while index < len(pattern):
            index = self._add(pattern, index)
        self._goal = 1 << len(self._singles)

    def matches(self, path: str) -> bool:
        """Tell whether it covers a path, written with `/` and relative to the folder looked at."""
        text = path if self.is_path else path.rpartition("/")[2]
        places = self._closure(1)
        for character in text:
            stays = places & (self._leaps if character == "/" else self._stars)
            places = self._closure((places & self._taking(character)) << 1 | stays)
            if not places:
                return False
        return bool(places & self._goal)

    def _closure(self, places: int) -> int:
        """Add the places that are reached without a character."""
        entered = places & self._enters
        # Into the any-folders loop, and past it and the slash behind it.
        places |= entered << 1 | entered << 3
        return places | (places & self._stars) << 1

    def _taking(self, character: str) -> int:
        """Return the places whose token takes the character."""
        taking = self._found.get(character)
        if taking is None:
            taking = sum(
                1 << place
                for place, single in enumerate(self._singles)
                if single is not None and single(character)
            )
            self._found[character] = taking
        return taking

    def _add(self, pattern: str, index: int) -> int:
        """Add the token at an index; return the index after it."""
        here = 1 << len(self._singles)
        if pattern[index] == "*":
            end = index
            while end < len(pattern) and pattern[end] == "*":
                end += 1
            whole_name = index == 0 or pattern[index - 1] == "/"
            if end - index == 2 and whole_name and end == len(pattern):
                self._stars |= here
                self._leaps |= here
                self._singles.append(None)
            elif end - index == 2 and whole_name and pattern[end] == "/":
                end += 1
                if not self._enters << 3 & here:  # `**/**/` is `**/`
                    self._enters |= here
                    self._stars |= here << 1
                    self._leaps |= here << 1
                    self._singles += [None, None, _is("/")]
            else:
                self._stars |= here
                self._singles.append(None)
            return end
        single, end = _single(pattern, index)
        self._singles.append(single)
        return end


def _single(pattern: str, index: int) -> tuple[Single, int]:
    """Return the test for one character, and the index after its token."""
    if pattern[index] == "?":
        return _is_in_name, index + 1
    if pattern[index] == "[":
        begin = index + 2 if pattern[index + 1 : index + 2] == "!" else index + 1
        end = pattern.find("]", begin + 1)
        if end > 0:
            return _in_set(pattern[begin:end], negated=begin == index + 2), end + 1
    return _is(pattern[index]), index + 1


def _is(wanted: str) -> Single:
    return lambda character: character == wanted


def _is_in_name(character: str) -> bool:
    return character != "/"


def _in_set(members: str, *, negated: bool) -> Single:
    ranges: list[tuple[str, str]] = []
    index = 0
    while index < len(members):
        last = members[index + 2 : index + 3] if members[index + 1 : index + 2] == "-" else ""
        ranges.append((members[index], last or members[index]))
        index += 3 if last else 1

    def test(character: str) -> bool:
        found = any(first <= character <= last for first, last in ranges)
        return character != "/" and found is not negated

    return test


def _checked(pattern: str) -> str:
    Pattern(pattern)
    return pattern


Glob = Annotated[str, AfterValidator(_checked)]
"""Type of a config field that holds a pattern."""

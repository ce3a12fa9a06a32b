# SPDX-License-Identifier: Apache-2.0
"""The rules of files.organise: which file goes where. No file is touched here.

Rules: ND49.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from legato.model.durations import parse_duration
from legato.nodes.control import Duration
from legato.nodes.fields import Config
from legato.nodes.files.disk import time_of
from legato.nodes.files.patterns import Glob, Pattern
from legato.nodes.safe_paths import names_of
from legato.ports.node import NodeFailure

RULES_MAX: Final = 100
_HOLE: Final = re.compile(r"\{([a-z_]*)\}")
_NS_PER_MS: Final = 1_000_000

Fill = Callable[[str, datetime], str]

_FILLS: Final[dict[str, Fill]] = {
    "year": lambda _, when: f"{when.year:04}",
    "month": lambda _, when: f"{when.month:02}",
    "day": lambda _, when: f"{when.day:02}",
    "extension": lambda name, _: extension_of(name) or "none",
    "stem": lambda name, _: name.rpartition(".")[0] or name,
    "first_letter": lambda name, _: name[0].upper() if name[0].isalnum() else "_",
}
"""The closed set of placeholders: from a file's name and the time of its last change."""


def extension_of(name: str) -> str:
    """Return the part after the last dot in lower case; empty if there is none."""
    stem, _, extension = name.rpartition(".")
    return extension.lower() if stem else ""


def _checked_target(target: str) -> str:
    unknown = [each for each in _HOLE.findall(target) if each not in _FILLS]
    if unknown or re.search(r"[{}]", _HOLE.sub("", target)):
        names = ", ".join(f"{{{each}}}" for each in _FILLS)
        raise ValueError(f"should hold no other placeholders than {names}")
    try:
        names_of(_HOLE.sub("x", target))
    except NodeFailure as failure:
        raise ValueError(f"should be the path of a folder: {failure}") from None
    return target


def _checked_extension(extension: str) -> str:
    if not extension or extension.startswith(".") or "/" in extension:
        raise ValueError("should be an extension without its dot, such as pdf")
    return extension.lower()


Extension = Annotated[str, AfterValidator(_checked_extension)]


class Match(Config):
    """Which files a rule covers: those that fit everything that is given; `{}` covers all."""

    pattern: Glob | None = Field(
        default=None, description="By name: `invoice*`, or by path below the folder: `**/in/*`."
    )
    extensions: tuple[Extension, ...] | None = Field(
        default=None, max_length=100, description="By extension, in any case: [pdf, docx]."
    )
    larger_than: int | None = Field(default=None, ge=0, description="More bytes than this.")
    smaller_than: int | None = Field(default=None, ge=0, description="Fewer bytes than this.")
    older_than: Duration | None = Field(
        default=None, description="Last changed longer ago than this: 30d."
    )
    newer_than: Duration | None = Field(
        default=None, description="Last changed less long ago than this: 12h."
    )

    @property
    def needs_time(self) -> bool:
        """Tell whether it depends on what time it is."""
        return self.older_than is not None or self.newer_than is not None


class Rule(Config):
    """One rule: what it covers, and the folder that this goes to."""

    match: Match = Field(description="Which files.")
    to: Annotated[str, AfterValidator(_checked_target)] = Field(
        description="The folder for them, with {year}, {month}, {day}, {extension}, {stem} and "
        "{first_letter} filled in: invoices/{year}/{month}."
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file as rules see it: `path` below the folder, its size and its times."""

    path: str
    name: str
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: str, name: str, found: os.stat_result) -> "Candidate":
        """Describe a file."""
        return cls(path, name, found.st_size, found.st_mtime_ns)


class RuleBook:
    """Rules in order, ready to be asked."""

    def __init__(self, rules: Sequence[Rule], *, now_ns: int, zone: tzinfo) -> None:
        """Compile.

        Args:
            rules: In order; the first that covers a file decides.
            now_ns: Nanoseconds since 1970, for ages.
            zone: In which {year}, {month} and {day} are told.
        """
        self._rules = [(_test_of(rule.match, now_ns), rule.to) for rule in rules]
        self._zone = zone

    def target_of(self, file: Candidate) -> tuple[int, str] | None:
        """Return the number of the rule, from 1, and the folder; None if no rule covers it."""
        for number, (test, target) in enumerate(self._rules, start=1):
            if test(file):
                return number, self._filled(target, file)
        return None

    def _filled(self, target: str, file: Candidate) -> str:
        local = time_of(file.modified_ns).astimezone(self._zone)
        # Filled in at once: what a name holds is not looked at for placeholders again.
        return _HOLE.sub(lambda hole: _FILLS[hole[1]](file.name, local), target)


def _test_of(match: Match, now_ns: int) -> Callable[[Candidate], bool]:
    tests: list[Callable[[Candidate], bool]] = []
    if match.pattern is not None:
        pattern = Pattern(match.pattern)
        tests.append(lambda file: pattern.matches(file.path))
    if match.extensions is not None:
        extensions = frozenset(match.extensions)
        tests.append(lambda file: extension_of(file.name) in extensions)
    if match.larger_than is not None:
        least = match.larger_than
        tests.append(lambda file: file.size > least)
    if match.smaller_than is not None:
        most = match.smaller_than
        tests.append(lambda file: file.size < most)
    if match.older_than is not None:
        before_ns = now_ns - parse_duration(match.older_than) * _NS_PER_MS
        tests.append(lambda file: file.modified_ns < before_ns)
    if match.newer_than is not None:
        after_ns = now_ns - parse_duration(match.newer_than) * _NS_PER_MS
        tests.append(lambda file: file.modified_ns > after_ns)
    return lambda file: all(test(file) for test in tests)

# SPDX-License-Identifier: Apache-2.0
"""The results of tests as JUnit XML, which every CI system reads. Rules: CL45."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

from legato.errors import Unavailable

if TYPE_CHECKING:
    from legato.testing.workflow.outcome import Verdict

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def write_junit(file: Path, verdicts: Sequence[Verdict]) -> None:
    """Write one suite per test file, one case per case.

    Raises:
        Unavailable: The file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(junit_text(verdicts), encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from None


def junit_text(verdicts: Sequence[Verdict]) -> str:
    """Return the XML."""
    by_file: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_file.setdefault(verdict.file, []).append(verdict)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f"<testsuites {_counts(verdicts)}>"]
    for name, cases in by_file.items():
        lines.append(f"  <testsuite name={_quoted(name)} {_counts(cases)}>")
        for case in cases:
            lines += _case(case)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _case(case: Verdict) -> list[str]:
    head = (
        f"    <testcase classname={_quoted(case.file)} name={_quoted(case.name)} "
        f'file={_quoted(case.file)} line="{case.line}" time="{case.seconds:.3f}"'
    )
    if case.ok:
        return [f"{head}/>"]
    text = "\n".join(case.failures)
    first = case.failures[0].splitlines()[0]
    return [
        f"{head}>",
        f"      <failure message={_quoted(first)}>{_escaped(text)}</failure>",
        "    </testcase>",
    ]


def _counts(cases: Sequence[Verdict]) -> str:
    failed = sum(not case.ok for case in cases)
    seconds = sum(case.seconds for case in cases)
    return f'tests="{len(cases)}" failures="{failed}" errors="0" time="{seconds:.3f}"'


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _escaped(text: str) -> str:
    clean = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

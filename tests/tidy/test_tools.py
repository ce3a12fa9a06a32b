# SPDX-License-Identifier: Apache-2.0
"""The tools of `script/test`: what they count and what they let pass."""

import datetime as dt
from typing import Any

import pytest

from tests.audit import exceptions_of, judge
from tests.tally import count

TODAY = dt.date(2026, 11, 22)


def _found(name: str = "lib") -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"]}]}


def _exception(until: dt.date, package: str = "lib") -> dict[str, Any]:
    return {"id": "CVE-1", "package": package, "until": until, "reason": "not reachable"}


def test_a_known_vulnerability_fails_the_audit() -> None:
    """Without an exception a known vulnerability fails, under all its names."""
    verdict = judge([_found(), {"name": "ok", "version": "2", "vulns": []}], [], TODAY)
    assert verdict.failures == ["lib 1.0: CVE-1, PYSEC-1"]
    assert verdict.audited == 2


def test_an_exception_counts_until_its_day_and_for_its_package() -> None:
    """A dated exception is honoured to its last day, then fails; another package's is none."""
    assert judge([_found()], [_exception(TODAY)], TODAY).failures == []
    late = judge([_found()], [_exception(TODAY - dt.timedelta(days=1))], TODAY)
    assert late.failures == ["lib 1.0: CVE-1, PYSEC-1: its exception ran out on 2026-11-21"]
    assert judge([_found()], [_exception(TODAY, "other")], TODAY).failures != []


def test_a_package_the_database_does_not_know_is_not_passed_over() -> None:
    """A package that was skipped is counted as not audited."""
    verdict = judge([{"name": "lib", "skip_reason": "not found"}], [], TODAY)
    assert (verdict.audited, verdict.unanswered) == (0, ["lib"])


@pytest.mark.parametrize(
    "text",
    [
        '[[exception]]\nid = "CVE-1"\npackage = "lib"\nreason = "x"',
        '[[exception]]\nid = "CVE-1"\npackage = "lib"\nreason = "x"\nuntil = "2026-12-01"',
    ],
)
def test_an_exception_without_a_date_is_refused(text: str) -> None:
    """An exception needs a date, as a date."""
    with pytest.raises(ValueError, match="needs id, package"):
        exceptions_of(text)


def test_the_closing_line_adds_tests_and_stages() -> None:
    """Errors count as failures, stages as tests."""
    report = (
        '<testsuites><testsuite tests="10" failures="1" errors="1" skipped="3"/>'
        '<testsuite tests="2" failures="0" errors="0" skipped="0"/></testsuites>'
    )
    assert count([report], ["ok static checks", "FAILED sample"]) == (8, 3, 3)

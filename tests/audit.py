# SPDX-License-Identifier: Apache-2.0
"""Audit the locked dependencies: `python -m tests.audit`.

A known vulnerability fails unless `security-exceptions.toml` holds an exception for it that has not
run out. What the advisory database could not answer is printed as a loud SKIP, never passed over:
pip-audit itself reports such packages as skipped and still exits 0.
"""

import datetime as dt
import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
TIMEOUT_S: Final = 180


@dataclass
class Verdict:
    """What the audit found: `failures` break the build, the rest is printed."""

    failures: list[str] = field(default_factory=list)
    excepted: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    audited: int = 0


def judge(
    dependencies: Sequence[Mapping[str, Any]],
    exceptions: Sequence[Mapping[str, Any]],
    today: dt.date,
) -> Verdict:
    """Judge a pip-audit report.

    Args:
        dependencies: `{name, version, vulns: [{id, aliases}]}` or `{name, skip_reason}` each.
        exceptions: `{id, package, until: date, reason}` each.
        today: Exceptions with an earlier `until` no longer count.
    """
    verdict = Verdict()
    for dependency in dependencies:
        name = str(dependency["name"])
        if "skip_reason" in dependency:
            verdict.unanswered.append(name)
            continue
        verdict.audited += 1
        for found in dependency.get("vulns", ()):
            ids = {str(found["id"]), *map(str, found.get("aliases", ()))}
            what = f"{name} {dependency.get('version', '?')}: {', '.join(sorted(ids))}"
            granted = [one for one in exceptions if one["id"] in ids and one["package"] == name]
            if any(one["until"] >= today for one in granted):
                verdict.excepted.append(f"{what} ({granted[0]['reason']})")
            elif granted:
                verdict.failures.append(f"{what}: its exception ran out on {granted[0]['until']}")
            else:
                verdict.failures.append(what)
    return verdict


def exceptions_of(text: str) -> list[Mapping[str, Any]]:
    """Read the exceptions; each must have id, package, until (a date) and reason."""
    entries = tomllib.loads(text).get("exception", [])
    for entry in entries:
        if (
            set(entry) != {"id", "package", "until", "reason"}
            or type(entry["until"]) is not dt.date
        ):
            raise ValueError(f"an exception needs id, package, until = <date> and reason: {entry}")
    return list(entries)


def main() -> int:
    """Audit `requirements.lock` and return the exit code."""
    exceptions = exceptions_of((ROOT / "security-exceptions.toml").read_text(encoding="utf-8"))
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "requirements.lock"),
        "--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json",
        "--desc", "off",
    ]  # fmt: skip
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        print("SKIP audit: the advisory database did not answer in time; nothing was audited")
        return 0
    try:
        report = json.loads(run.stdout)
    except json.JSONDecodeError:
        print(
            f"SKIP audit: the advisory database gave no answer; nothing was audited: {run.stderr}"
        )
        return 0
    verdict = judge(report["dependencies"], exceptions, dt.datetime.now(dt.UTC).date())
    for line in verdict.excepted:
        print(f"excepted  {line}")
    for line in verdict.failures:
        print(f"FAIL      {line}")
    if verdict.unanswered:
        print(
            f"SKIP audit: the advisory database answered for {verdict.audited} of "
            f"{verdict.audited + len(verdict.unanswered)} packages; NOT audited: "
            + ", ".join(verdict.unanswered)
        )
    else:
        print(f"{verdict.audited} packages audited, {len(verdict.failures)} known vulnerabilities")
    return 1 if verdict.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

# SPDX-License-Identifier: Apache-2.0
"""Close a `script/test` run: `python -m tests.tally FOLDER STAGE…` prints one last line.

FOLDER holds pytest's JUnit files; each STAGE is `ok NAME` or `FAILED NAME` and counts as one test.
"""

import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path


def count(reports: Iterable[str], stages: Iterable[str]) -> tuple[int, int, int]:
    """Return (passed, failed, skipped) over JUnit documents and stages."""
    passed = failed = skipped = 0
    for report in reports:
        for suite in ET.fromstring(report).iter("testsuite"):  # noqa: S314 - written by pytest
            total, bad, off = (
                int(suite.get("tests", 0)),
                int(suite.get("failures", 0)) + int(suite.get("errors", 0)),
                int(suite.get("skipped", 0)),
            )
            passed, failed, skipped = passed + total - bad - off, failed + bad, skipped + off
    for stage in stages:
        if stage.startswith("ok "):
            passed += 1
        else:
            failed += 1
    return passed, failed, skipped


def main(arguments: Sequence[str]) -> int:
    """Print the stages that failed and the closing line; return 1 if anything failed."""
    folder, stages = Path(arguments[0]), arguments[1:]
    reports = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.xml"))]
    passed, failed, skipped = count(reports, stages)
    print()
    for stage in stages:
        print(stage)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

# SPDX-License-Identifier: Apache-2.0
"""How long a person waits for `legato --help`."""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

RUNS: Final = 7


def measure(_task: dict[str, Any]) -> dict[str, Any]:
    """Return `help_s`, the median of several calls of the installed program."""
    program = Path(sys.executable).with_name("legato")
    times = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return {"help_s": statistics.median(times[1:]), "first_s": times[0]}

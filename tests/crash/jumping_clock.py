# SPDX-License-Identifier: Apache-2.0
"""`legato` on a machine whose wall clock somebody sets: by as many seconds as a file says.

    python -m tests.crash.jumping_clock FILE COMMAND…

The steady clock is left alone, as a person who sets the time leaves it alone.
"""

import sys
import time
from pathlib import Path

from legato.cli.main import main

_real_ns = time.time_ns


def jump_by(file: Path) -> None:
    """Have the wall clock of this process follow the file from now on."""

    def time_ns() -> int:
        return _real_ns() + int(file.read_text(encoding="ascii") or "0") * 1_000_000_000

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if __name__ == "__main__":
    jump_by(Path(sys.argv.pop(1)))
    main()

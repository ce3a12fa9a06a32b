# SPDX-License-Identifier: Apache-2.0
"""Identity over processes: one makes the keys, and none loads what it does not need."""

import subprocess
import sys
from pathlib import Path

from legato.auth.keys import load_or_create


def test_of_processes_that_start_at_once_one_makes_the_keys(tmp_path: Path) -> None:
    """Many first starts at the same time end with the same keys [AU80]."""
    code = (
        "import pathlib, sys; from legato.auth.keys import load_or_create;"
        "sys.stdin.read(1);"
        "print(load_or_create(pathlib.Path(sys.argv[1])).refresh_key.hex())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    said = {each.communicate()[0] for each in started}
    assert [each.returncode for each in started] == [0] * 4
    assert said == {load_or_create(tmp_path).refresh_key.hex() + "\n"}


def test_the_lists_are_loaded_by_who_needs_them() -> None:
    """Importing the module does not load zxcvbn and its lists [AU65]."""
    code = "import sys, legato.auth.passwords; sys.exit('zxcvbn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

# SPDX-License-Identifier: Apache-2.0
"""Which files the tidy tests look at."""

import ast
import functools
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
SCRIPTS: Final = ("script", ".ci")


@functools.cache
def files() -> tuple[Path, ...]:
    """Return every file of the project, committed or about to be, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = (Path(name) for name in listed.stdout.split("\0") if name)
    return tuple(sorted({path for path in paths if (ROOT / path).is_file()}))


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below the given folders of the root."""
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in folders]


def text(path: Path) -> str:
    """Return a file's text; a file that is not UTF-8 has none."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@functools.cache
def tree(path: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(text(path), str(path))

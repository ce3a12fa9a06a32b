# SPDX-License-Identifier: Apache-2.0
"""Layers: imports go one way, and the contracts notice when they do not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy import places

PLANTED = [
    ("runtime/planted.py", "import legato.adapters\n", "adapters"),
    ("model/planted.py", "import asyncio\n", "asyncio"),
    (
        "engine/planted.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import legato.settings\n",
        "legato.settings",
    ),
    ("practice/planted.py", "import legato.telemetry\n", "legato.telemetry"),
    ("undeclared/__init__.py", "", "undeclared"),
]


def _lint(source: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command as main; main()"
    config = places.ROOT / "pyproject.toml"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-logo", "--no-cache", "--config", config],
        cwd=cwd, env={"PATH": os.defpath, "PYTHONPATH": str(source)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_imports_go_one_way(tmp_path: Path) -> None:
    """All contracts of pyproject.toml are kept."""
    result = _lint(places.ROOT / "src", tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("file", "content", "word"), PLANTED)
def test_a_planted_violation_is_caught(tmp_path: Path, file: str, content: str, word: str) -> None:
    """A copy of the package with one forbidden import or package breaks a contract."""
    shutil.copytree(
        places.ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__")
    )
    planted = tmp_path / "src" / "legato" / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(content, encoding="utf-8")
    result = _lint(tmp_path / "src", tmp_path)
    assert result.returncode != 0
    assert word in result.stdout + result.stderr

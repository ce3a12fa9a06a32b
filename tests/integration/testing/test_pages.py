# SPDX-License-Identifier: Apache-2.0
"""The code that the pages show is code that runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)


def _write_blocks(page: Path, folder: Path) -> list[str]:
    """Write every code block that names its file; return the names."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    for name, text in found:
        (folder / name).write_text(text, encoding="utf-8")
    return [name for name, _ in found]


def _run(folder: Path, *command: str) -> str:
    env = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder, env={**env, "LEGATO_HOME": str(folder / "home")}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_on_writing_a_node_runs(tmp_path: Path) -> None:
    """Its node passes the test that stands below it [TK20]."""
    names = _write_blocks(DOCS / "nodes" / "writing-a-node.md", tmp_path)
    assert names == ["weather.py", "test_weather.py"]
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "-o", "asyncio_mode=auto"]
    loop = ["-o", "asyncio_default_fixture_loop_scope=function"]
    assert "4 passed" in _run(tmp_path, "pytest", *options, *loop)


def test_the_page_on_testing_workflows_runs(tmp_path: Path) -> None:
    """Its workflow passes the cases that stand below it [TK20]."""
    names = _write_blocks(DOCS / "workflow-tests.md", tmp_path)
    assert names == ["order.yaml", "order.test.yaml"]
    assert _run(tmp_path, "legato.cli", "test").splitlines()[-1] == "3 passed"

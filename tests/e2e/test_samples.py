# SPDX-License-Identifier: Apache-2.0
"""The samples as their README shows them: on the playground, one after the other."""

import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.site import Process, Result, Site, completed

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


class Playground:
    """The playground, and a command line on its home."""

    def __init__(self, folder: Path) -> None:
        """Start it on a free port and read what it says."""
        self.folder = folder
        self.popen = subprocess.Popen(
            [sys.executable, "-I", str(EXAMPLES / "playground.py"), str(folder), "--port", "0"],
            stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        assert self.popen.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "\n":
            lines.append(self.popen.stdout.readline())
            assert lines[-1], "the playground ended"
        self.home = Path(lines[1].removeprefix("export LEGATO_HOME=").strip())
        runs = [shlex.split(line) for line in lines[2:-1]]
        assert {tuple(each[:2]) for each in runs} == {("legato", "run")}
        self.runs = {Path(each[2]).stem: each[1:] for each in runs}

    def __enter__(self) -> "Playground":
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def playground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Playground]:
    """A fresh playground, seen from the clone's folder as a person sees it."""
    monkeypatch.chdir(ROOT)
    with Playground(tmp_path / "playground") as made:
        yield made


@pytest.fixture
def site(tmp_path: Path, playground: Playground) -> Iterator[Site]:
    """The command line with the playground's home."""
    (tmp_path / "site").mkdir()
    made = Site(tmp_path / "site")
    made.is_cold = True  # as a person starts it
    made.home = playground.home
    yield made
    made.close()


def outputs(result: Result) -> dict[str, Any]:
    """Return the outputs of a run that completed."""
    assert result.code == 0, result
    return dict(result.values[-1]["outputs"])


def run(site: Site, playground: Playground, name: str, **env: str) -> Result:
    """Run a sample as the playground prints it."""
    return site.run(*playground.runs[name], "--json", **env)


def test_the_samples_run_one_after_the_other(site: Site, playground: Playground) -> None:
    """With what the playground grants and nothing else; each does what its page says
    [CL15, CL50].
    """
    files = playground.folder / "files"
    assert len(playground.runs) == 6

    assert outputs(run(site, playground, "repo-report"))["file"] == f"{files}/repo.html"
    assert (
        b"<svg" in (files / "repo.html").read_bytes()
        or b"image/svg" in (files / "repo.html").read_bytes()
    )

    assert outputs(run(site, playground, "sales-report"))["days"] == 14
    assert (files / "sales.html").stat().st_size > 5_000

    first = outputs(run(site, playground, "log-triage"))
    assert first["new"] == 40
    assert first["services"][0] == {"service": "billing", "errors": 16, "warnings": 0}
    assert outputs(run(site, playground, "log-triage"))["new"] == 0
    with sqlite3.connect(playground.folder / "triage.db") as triage:
        assert triage.execute("SELECT count(*) FROM findings").fetchone() == (40,)

    process = site.start(*playground.runs["folder-organiser"], "--json")
    tidied = outputs(_approved(site, process))
    assert (tidied["moved"], len(tidied["planned"])) == (6, 6)
    assert (files / "inbox" / "tables" / "customers.csv").exists()
    assert (files / "inbox" / "list.txt").exists()
    assert (files / tidied["undo"]).exists()

    checked = outputs(run(site, playground, "site-check"))
    assert [(each["url"].rsplit("/", 1)[-1], each["status"]) for each in checked["broken"]] == [
        ("gone", 404), ("c", 0),
    ]  # fmt: skip
    assert checked["reasons"][0]["error"]["kind"] == "http.500"

    exported = outputs(run(site, playground, "export-data"))
    assert (exported["rows"], exported["columns"]) == (3, ["id", "name", "orders"])
    assert (files / "export.csv").read_text(encoding="utf-8").startswith("id,name,orders\n")


def _approved(site: Site, process: Process) -> Result:
    started = process.until_value(lambda line: line.get("type") == "started")
    process.until_node("ask", "waiting")
    site.ok("executions", "approve", started["execution_id"])
    return process.finish()


@pytest.mark.parametrize("place", ["append.after_commit:4", "append.after_commit:12"])
def test_an_export_survives_a_kill(site: Site, playground: Playground, place: str) -> None:
    """Killed while it waits for another service and resumed it ends: call, loop and order once
    [CL50, ST6].
    """
    killed = run(site, playground, "export-data", LEGATO_CRASH_POINT=place)
    assert killed.code == -9, killed
    (row,) = site.ok("executions", "list", "--json").values
    resumed = site.run("executions", "resume", row["execution_id"], "--json")
    assert outputs(resumed)["rows"] == 3
    done = completed(site.events(row["execution_id"]))
    assert sorted(done) == ["fetch", "order", "save", "table", "wait"]

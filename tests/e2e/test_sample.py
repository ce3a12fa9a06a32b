# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.site import Site, completed, fresh_site

SAMPLE = Path(__file__).parents[2] / "examples" / "repo-report.yaml"
RUN = ("run", SAMPLE, "--allow-program", "git", "--json")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A fresh home: nothing is granted."""
    with fresh_site(tmp_path) as made:
        made.is_cold = True  # as a person starts it
        yield made


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with three commits by two people."""
    folder = tmp_path / "repository"
    folder.mkdir()
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def git(*arguments: str, author: str = "Ada") -> None:
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", author), ("EMAIL", f"{author.lower()}@example.org"))
        }
        env = {**os.environ, **nobody, **who}
        subprocess.run(["git", "-C", str(folder), *arguments], env=env, check=True)

    git("init", "--quiet", "--initial-branch=main")
    for number, author in enumerate(("Ada", "Ada", "Grace")):
        (folder / f"file{number % 2}.txt").write_text(f"{number}\n", encoding="utf-8")
        git("add", ".")
        git("commit", "--quiet", "--message", f"Change {number}", author=author)
    return folder


def test_the_sample_reports_on_a_repository(
    site: Site, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From where one stands, with one grant for this run, to a report: exit 0 [CL15, CL2, CL14]."""
    monkeypatch.chdir(repository)
    monkeypatch.setenv("PYTHONPATH", str(SAMPLE.parents[1]))
    result = site.run(*RUN, "--input", "path=.")
    assert result.code == 0, result
    outputs = result.values[-1]["outputs"]
    assert outputs["commits"] == 3
    assert outputs["authors"] == [{"key": "Ada", "count": 2}, {"key": "Grace", "count": 1}]
    assert f"# Repository report: {repository}" in outputs["report"]
    assert "Change 2" in outputs["report"]


def test_the_sample_is_refused_on_a_fresh_home(site: Site, repository: Path) -> None:
    """Nothing is granted by default: the way to allow it is named, nothing ran [CL1, ND13]."""
    result = site.run("run", SAMPLE, "--input", f"path={repository}")
    assert result.code == 3
    assert "--allow-program git" in result.err
    assert site.ok("executions", "list", "--json").values == []


@pytest.mark.parametrize("place", ["append.after_commit:3", "attempt.before_report:3"])
def test_the_sample_survives_a_kill(site: Site, repository: Path, place: str) -> None:
    """Killed in the middle and resumed it ends, each node completed once [CL15, ST6, AT5]."""
    killed = site.run(*RUN, "--input", f"path={repository}", LEGATO_CRASH_POINT=place)
    assert killed.code == -9, killed
    (row,) = site.ok("executions", "list", "--json").values
    assert row["owner_lost"] is True
    execution_id = row["execution_id"]
    before = completed(site.events(execution_id))
    resumed = site.run("executions", "resume", execution_id, "--allow-program", "git", "--json")
    assert resumed.code == 0, resumed
    assert resumed.values[-1]["outputs"]["commits"] == 3
    events = site.events(execution_id)
    after = completed(events)
    assert after[: len(before)] == before
    nodes = ["log", "changes", "commits", "authors", "days", "files", "latest", "report"]
    assert sorted(after) == sorted(nodes)
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))

# SPDX-License-Identifier: Apache-2.0
"""`legato nodes new` and `nodes docs`: a node of one's own, from nothing to a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.packages import install_sources
from tests.integration.cli.site import Site

USES_IT = """\
legato: 1
name: uses-it
nodes:
  count: {uses: acme.enrich, with: {text: "as long as the longest"}}
outputs: {words: "${{ nodes.count.output.words }}"}
"""


def _pytest(package: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=package, env=clean, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("style", ["--function", "--class"])
def test_a_new_package_passes_its_test_and_runs_in_a_workflow(site: Site, style: str) -> None:
    """Not installed its test passes; installed a workflow with it validates and runs [CL40]."""
    package = site.folder / "acme"
    made = site.ok("nodes", "new", "acme.enrich", "--into", package, style)
    assert made.out.splitlines()[-3:] == [
        f"  cd {package}",
        "  pip install -e '.[test]' && pytest",
        "  legato nodes show acme.enrich",
    ]
    tested = _pytest(package)
    assert (tested.returncode, "3 passed" in tested.stdout) == (0, True), tested.stdout
    path = install_sources(package, site.folder / "site")
    file = site.write(USES_IT)
    assert site.run("validate", file, PYTHONPATH=path).code == 0
    ran = site.run("run", file, "--json", PYTHONPATH=path)
    assert (ran.code, ran.values[-1]["outputs"]) == (0, {"words": 5})
    shown = site.run("nodes", "show", "acme.enrich", PYTHONPATH=path)
    assert "Count the words of a text." in shown.out
    docs = site.folder / "docs"
    assert site.run("nodes", "docs", "acme.enrich", "--into", docs, PYTHONPATH=path).code == 0
    page = (docs / "acme-enrich.md").read_text(encoding="utf-8")
    assert "| `words_max` | integer | 100 | A longer text fails the node. At least 1. |" in page
    assert [each.name for each in docs.iterdir()] == ["acme-enrich.md"]


def test_the_sources_keep_the_house_rules_of_their_reader(site: Site) -> None:
    """What is made has no finding of the linter and the type checker [CL40]."""
    package = site.folder / "acme"
    site.ok("nodes", "new", "acme.enrich", "--into", package)
    for tool in (["ruff", "check", "--isolated"], ["ruff", "format", "--check", "--isolated"]):
        done = subprocess.run(
            [sys.executable, "-m", *tool, "--line-length", "100", "."],
            cwd=package, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten_without_force(site: Site) -> None:
    """All of the files or none; with --force all [CL41, CL1]."""
    package = site.folder / "acme"
    (package / "tests").mkdir(parents=True)
    mine = package / "tests" / "test_enrich.py"
    mine.write_text("mine", encoding="utf-8")
    refused = site.run("nodes", "new", "acme.enrich", "--into", package)
    assert (refused.code, str(mine) in refused.err) == (3, True)
    assert sorted(each for each in package.rglob("*") if each.is_file()) == [mine]
    site.ok("nodes", "new", "acme.enrich", "--into", package, "--force")
    assert mine.read_text(encoding="utf-8") != "mine"
    denied = site.run("nodes", "new", "acme.enrich", "--into", "/proc/none")
    assert (denied.code, "cannot write" in denied.err) == (3, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("enrich", "Did you mean acme.enrich?"),
        ("Acme.Enrich", "Did you mean acme.enrich?"),
        ("acme-tools/enrich", "Did you mean acme.tools_enrich?"),
        ("acme.a.b", "Did you mean acme.a_b?"),
        ("acme.", "Did you mean acme.acme?"),
        ("../x.y", "Did you mean x.y?"),
        ("acme.x;id", "Did you mean acme.x_id?"),
        ("9lives.go", "Did you mean n9lives.go?"),
        ("data.enrich", "Take one of yours, for example my_data.enrich."),
        ("legato.enrich", "my_legato.enrich"),
        ("acme.import", "Did you mean acme.import_it?"),
        ("class.x", "Did you mean my_class.x?"),
        ("", "Did you mean acme.enrich?"),
    ],
)
def test_a_name_that_will_not_do_is_refused(site: Site, name: str, said: str) -> None:
    """With one that would; nothing is written [CL42, CL10]."""
    result = site.run("nodes", "new", name, "--into", site.folder / "new")
    assert (result.code, said in result.err) == (2, True), result
    assert not (site.folder / "new").exists()


def test_pages_are_written_checked_and_cleared_away(site: Site) -> None:
    """One page per type and an index; --check writes nothing and says what is stale [CL48]."""
    docs = site.folder / "docs"
    stale = site.run("nodes", "docs", "--into", docs, "--check", "--json")
    assert (stale.code, "http-request.md" in stale.value["stale"]) == (1, True)
    assert not docs.exists()
    site.ok("nodes", "docs", "--into", docs)
    assert site.ok("nodes", "docs", "--into", docs, "--check").code == 0
    page = docs / "http-request.md"
    gone = docs / "gone-away.md"
    gone.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    page.write_text("edited", encoding="utf-8")
    (docs / "by-hand.md").write_text("# Mine", encoding="utf-8")
    checked = site.run("nodes", "docs", "--into", docs, "--check")
    assert checked.out.splitlines() == [f"not current: {page}", f"not current: {gone}"]
    site.ok("nodes", "docs", "--into", docs)
    assert (gone.exists(), (docs / "by-hand.md").exists()) == (False, True)
    wrong = site.run("nodes", "docs", "shel.run", "--into", docs)
    assert (wrong.code, "Did you mean shell.run?" in wrong.err) == (2, True)

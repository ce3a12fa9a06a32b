# SPDX-License-Identifier: Apache-2.0
"""`legato test` as people and CI systems run it."""

import json
import shutil
import socket
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from tests.integration.cli.packages import install
from tests.integration.cli.site import Site

ROOT = Path(__file__).parents[3]
WORKFLOW = """\
legato: 1
name: greet
inputs: {who: {type: string, default: world}}
nodes:
  say: {uses: data.template, with: {text: "Hello, ${{ inputs.who }}"}}
outputs: {text: "${{ nodes.say.output.text }}"}
"""
TESTS = """\
legato_test: 1
workflow: greet.yaml
cases:
  - name: the world
    expect: ["outputs.text == 'Hello, world'"]
  - name: somebody
    inputs: {who: Ada}
    expect: ["outputs.text == 'Hello, Ada'"]
"""


@pytest.fixture
def folder(site: Site) -> Path:
    """A folder with a workflow and its tests."""
    made = site.folder / "flows"
    made.mkdir()
    (made / "greet.yaml").write_text(WORKFLOW, encoding="utf-8")
    (made / "greet.test.yaml").write_text(TESTS, encoding="utf-8")
    return made


def test_passing_failing_and_broken_files_have_their_exit_codes(site: Site, folder: Path) -> None:
    """0 if all pass, 1 if one fails, 2 if a file cannot be used; the rest runs all the same
    [CL43, CL1, TK7].
    """
    result = site.ok("test", folder)
    assert result.out.splitlines()[-1] == "2 passed"
    bad = folder / "bad.test.yaml"
    bad.write_text(TESTS.replace("Hello, Ada", "Bye, Ada"), encoding="utf-8")
    result = site.run("test", folder)
    assert result.code == 1
    assert 'outputs.text = "Hello, Ada"' in result.out
    assert result.out.splitlines()[-1] == "3 passed, 1 failed"
    bad.write_text(TESTS.replace("expect", "expct"), encoding="utf-8")
    result = site.run("test", folder)
    assert result.code == 2
    assert f"error: {bad}:5:5: cases[0].expct: unknown key 'expct'" in result.err
    assert result.out.splitlines()[-1] == "2 passed, 1 of the files cannot be used"
    assert not (site.home / "legato.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.test.yaml",), "there is no file or folder none.test.yaml"),
        (("{folder}/greet.yaml",), "a test file is called NAME.test.yaml"),
        (("{folder}/empty",), "there is no test below"),
        (("{folder}", "-k", "nobody"), "no case matches"),
        (("{folder}", "-n", "0"), "-n"),
    ],
)
def test_what_cannot_be_run_is_said(
    site: Site, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    """A word that matches nothing must not look like success [CL43, CL44]."""
    (folder / "empty").mkdir()
    result = site.run("test", *(each.format(folder=folder) for each in arguments))
    assert (result.code, said in result.err) == (2, True), result


def test_a_workflow_with_a_mistake_is_told_at_its_own_place(site: Site, folder: Path) -> None:
    """Its problems are those that `validate` prints [CL43, TK7]."""
    (folder / "greet.yaml").write_text(WORKFLOW.replace("data.template", "data.tmplate"))
    result = site.run("test", folder)
    assert result.code == 2
    assert f"error: {folder}/greet.yaml:5:" in result.err
    (folder / "greet.yaml").unlink()
    assert "there is no file" in site.run("test", folder).err


def test_several_processes_give_the_same_results(site: Site, folder: Path) -> None:
    """Each case once, whichever process runs it; -k chooses by file and name [CL44, TK16]."""
    many = "".join(
        f"  - name: case {number}\n    inputs: {{who: N{number}}}\n"
        f"    expect: [\"outputs.text == 'Hello, N{number}'\"]\n"
        for number in range(12)
    )
    (folder / "many.test.yaml").write_text(
        f"legato_test: 1\nworkflow: greet.yaml\ncases:\n{many}", encoding="utf-8"
    )
    one = site.ok("test", folder, "-n", 1, "--json").values
    three = site.ok("test", folder, "-n", 3, "--json").values
    names = [each["name"] for each in one[:-1]]
    assert len(names) == len(set(names)) == 14
    assert sorted(names) == sorted(each["name"] for each in three[:-1])
    assert one[-1] == three[-1] == {"type": "summary", "passed": 14, "failed": 0, "broken_files": 0}
    chosen = site.ok("test", folder, "-k", "GREET.test", "--json").values
    assert [each["name"] for each in chosen[:-1]] == ["the world", "somebody"]
    assert len(site.ok("test", folder, "-k", "case 1", "--json").values) == 4


def test_json_says_everything_and_nothing_else(site: Site, folder: Path) -> None:
    """One value per case and broken file, then the summary; each with its place [CL46, CL3]."""
    (folder / "greet.test.yaml").write_text(TESTS.replace("Hello, Ada", "x"), encoding="utf-8")
    (folder / "odd.test.yaml").write_text("legato_test: 1\n", encoding="utf-8")
    result = site.run("test", folder, "--json")
    broken, first, second, summary = result.values
    assert (broken["type"], broken["ok"], len(broken["problems"])) == ("file", False, 2)
    assert (first["ok"], first["line"], first["status"]) == (True, 4, "completed")
    assert (second["ok"], len(second["failures"])) == (False, 1)
    assert (summary["passed"], summary["failed"], summary["broken_files"]) == (1, 1, 1)


def test_junit_holds_every_case_whatever_is_in_it(site: Site, folder: Path) -> None:
    """Quotes, angle brackets and control characters of a name or value do not break the XML
    [CL45].
    """
    text = TESTS.replace("the world", "\"<a> & 'b' \\e[31m ]]>\"").replace("Hello, Ada", "<&>]]>")
    (folder / "greet.test.yaml").write_text(text, encoding="utf-8")
    file = site.folder / "out" / "results.xml"
    result = site.run("test", folder, "--junit", file)
    assert result.code == 1
    assert "\x1b" not in result.out
    root = ET.parse(file).getroot()  # noqa: S314 - a file of our own
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    (group,) = root
    names = [case.get("name") for case in group]
    assert names == ["<a> & 'b' \N{REPLACEMENT CHARACTER}[31m ]]>", "somebody"]
    (failure,) = group[1]
    assert "<&>]]>" in str(failure.text)
    assert group[1].get("line") == "6"
    unwritable = site.run("test", folder, "--junit", "/proc/none/x.xml")
    assert (unwritable.code, "cannot write" in unwritable.err) == (3, True)


def test_golden_outputs_are_written_and_compared(site: Site, folder: Path) -> None:
    """Missing and different ones fail; --update takes them, and then they pass [TK15]."""
    (folder / "greet.test.yaml").write_text(
        TESTS.replace("    inputs:", "    golden: out/ada.json\n    inputs:"), encoding="utf-8"
    )
    missing = site.run("test", folder)
    assert (missing.code, "there is no golden file" in missing.out) == (1, True)
    assert f"wrote {folder}/out/ada.json" in site.ok("test", folder, "--update").out
    golden = folder / "out" / "ada.json"
    assert json.loads(golden.read_text()) == {"text": "Hello, Ada"}
    assert "wrote" not in site.ok("test", folder, "--update").out
    golden.write_text('{"text": "Hello, Eve"}', encoding="utf-8")
    result = site.run("test", folder)
    assert result.code == 1
    assert 'outputs.text: expected "Hello, Eve", got "Hello, Ada"' in result.out


def test_a_golden_file_is_not_written_through_a_link_out_of_the_folder(
    site: Site, folder: Path
) -> None:
    """A test file from somebody else cannot have --update write elsewhere [TK15]."""
    away = site.folder / "away"
    away.mkdir()
    (folder / "out").symlink_to(away)
    (folder / "greet.test.yaml").write_text(
        TESTS.replace("    inputs:", "    golden: out/ada.json\n    inputs:"), encoding="utf-8"
    )
    result = site.run("test", folder, "--update")
    assert (result.code, "golden cannot be there" in result.err) == (2, True)
    assert list(away.iterdir()) == []


def test_programs_and_folders_need_the_command_line(site: Site, folder: Path) -> None:
    """Neither the settings nor the test file alone grant anything [TK17]."""
    (folder / "greet.yaml").write_text(
        "legato: 1\nname: greet\nnodes:\n"
        "  run: {uses: shell.run, effect: pure, with: {program: git, args: [--version]}}\n"
        "  keep: {uses: files.write, with: {path: kept/x.txt, text: hi, make_parents: true}}\n",
        encoding="utf-8",
    )
    tests = folder / "greet.test.yaml"
    tests.write_text("legato_test: 1\nworkflow: greet.yaml\ncases: [{name: a}]\n")
    plain = site.run("test", folder, "--allow-program", "git")
    assert (plain.code, "not_granted" in plain.out) == (1, True)
    tests.write_text(
        "legato_test: 1\nworkflow: greet.yaml\ngrants: {programs: [git], roots: [.]}\n"
        "cases: [{name: a, expect: [\"nodes.run.output.stdout.startsWith('git')\"]}]\n"
    )
    refused = site.run("test", folder)
    assert refused.code == 2
    assert "expected --allow-program git on the command line" in refused.err
    allowed = site.run("test", folder, "--allow-program", "git", "--allow-root", folder)
    assert allowed.code == 0, allowed
    assert (folder / "kept" / "x.txt").read_text() == "hi"


REACHING = '''\
"""A node with a client of its own."""

import socket
import urllib.request

from pydantic import BaseModel

from legato.ports.node import NodeContext, node


class Config(BaseModel):
    port: int
    how: str


def node_types():
    return [reach]


@node("stray.reach", title="Reach", effect="pure")
def reach(ctx: NodeContext, config: Config) -> str:
    """Try to get out."""
    if config.how == "tcp":
        socket.create_connection(("127.0.0.1", config.port), timeout=5).close()
    elif config.how == "http":
        urllib.request.urlopen(f"http://127.0.0.1:{config.port}/", timeout=5)
    elif config.how == "udp":
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", config.port))
    else:
        socket.getaddrinfo("legato.invalid", 80)
    return "out"
'''


@pytest.mark.parametrize("processes", [1, 2])
def test_no_connection_leaves_a_test(site: Site, folder: Path, processes: int) -> None:
    """A node that brings a client of its own is stopped too, and a server hears nothing [TK11]."""
    path = install(site.folder / "stray", "stray", {"stray.py": REACHING}, "stray:node_types")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        (folder / "greet.yaml").write_text(
            "legato: 1\nname: greet\ninputs: {how: string}\nnodes:\n  out: {uses: stray.reach, "
            f"with: {{port: {port}, how: '${{{{ inputs.how }}}}'}}}}\n",
            encoding="utf-8",
        )
        cases = "".join(
            f"  - {{name: {how}, inputs: {{how: {how}}}}}\n"
            for how in ("tcp", "http", "udp", "dns")
        )
        (folder / "greet.test.yaml").write_text(
            f"legato_test: 1\nworkflow: greet.yaml\ncases:\n{cases}", encoding="utf-8"
        )
        result = site.run("test", folder, "-n", processes, "--json", PYTHONPATH=path)
        assert result.code == 1, result
        for value in result.values[:-1]:
            assert "; pin the node" in "\n".join(value["failures"]), value
        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_sample_has_a_test_that_runs_offline(site: Site) -> None:
    """The report of examples/ is tested without git and without a repository [TK8, CL43]."""
    copied = site.folder / "examples"
    copied.mkdir()
    for file in (ROOT / "examples").glob("repo-report*"):
        shutil.copy(file, copied / file.name)
    assert site.ok("test", copied).out.splitlines()[-1] == "4 passed"


def test_the_schema_of_test_files_is_printed(site: Site) -> None:
    """Readable and in one line, and the sample fits it [CL49, TK7]."""
    schema = json.loads(site.ok("schema", "test").out)
    assert schema == site.ok("schema", "test", "--json").value
    text = (ROOT / "examples" / "repo-report.test.yaml").read_text(encoding="utf-8")
    sample = YAML(typ="safe", pure=True).load(text)
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(sample)

# SPDX-License-Identifier: Apache-2.0

import tomllib
from pathlib import Path

import msgspec
import pytest

from legato.cli.grants import allow_programs, missing_grant, missing_programs, programs_of
from legato.errors import InvalidInput, Unavailable
from legato.model.ids import NodeId
from legato.model.workflow import CallSpec, NodeSpec, Workflow


def shell(name: str, program: str) -> NodeSpec:
    """Return a node that runs a program."""
    config = msgspec.Raw(msgspec.json.encode({"program": program}))
    return NodeSpec(id=NodeId(name), uses="shell.run", config=config)


def workflow(*nodes: NodeSpec) -> Workflow:
    """Return a workflow."""
    return Workflow(name="demo", nodes=nodes)


def test_programs_are_found_without_executing_anything() -> None:
    """Also in inline bodies; a name that an expression makes is not known [ND13, DO4]."""
    body = workflow(shell("x", "rg"))
    loop = NodeSpec(id=NodeId("l"), uses="loop.until", kind="loop", call=CallSpec(body=body))
    made = workflow(
        shell("a", "git"), shell("b", "git"), shell("c", "${{ inputs.program }}"), loop,
        NodeSpec(id=NodeId("d"), uses="data.transform"),
    )  # fmt: skip
    assert programs_of([made]) == ["git", "rg"]


def test_a_grant_covers_a_program_by_name_or_path() -> None:
    """As the node itself decides it [ND13]."""
    found = programs_of([workflow(shell("a", "sh"), shell("b", "/bin/other"), shell("c", "tool"))])
    assert missing_programs(found, ["sh"]) == ["/bin/other", "tool"]
    assert missing_programs(found, ["/usr/bin/tool", "/bin/other"]) == ["sh"]


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# mine\nlog_level = 'debug'\n",
        "[grants.shell]\n",
        "[grants.shell] # programs\nprograms = ['ls'] # few\n\n[limits]\nmax_nodes = 5\n",
        "[grants.shell]\nprograms = [\n  'ls', # list\n  'cat',\n]\n[engine]\nlease_s = 20.0\n",
        "[limits]\nmax_nodes = 5\n[grants.http]\nallow_private = ['127.0.0.1:80']",
    ],
)
def test_a_grant_is_added_and_everything_else_stays(tmp_path: Path, before: str) -> None:
    """The settings mean what they meant, and the programs more; comments outside stay [CL10]."""
    file = tmp_path / "legato.toml"
    file.write_text(before, encoding="utf-8")
    allow_programs(file, ["git"])
    after = tomllib.loads(file.read_text(encoding="utf-8"))
    was = tomllib.loads(before)
    had = was.get("grants", {}).get("shell", {}).get("programs", [])
    was.setdefault("grants", {}).setdefault("shell", {})["programs"] = [*had, "git"]
    assert after == was
    assert before.startswith("# mine") <= file.read_text(encoding="utf-8").startswith("# mine")


def test_a_new_settings_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It is made with mode 0600 in a folder of mode 0700."""
    file = tmp_path / "home" / "legato.toml"
    allow_programs(file, ['odd"name'])
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert tomllib.loads(file.read_text())["grants"]["shell"]["programs"] == ['odd"name']


@pytest.mark.parametrize(
    "before",
    ["grants = {shell = {programs = ['ls']}}\n", "grants.shell.programs = ['ls']\n", "x = [\n"],
)
def test_a_file_that_cannot_be_edited_safely_is_left_alone(tmp_path: Path, before: str) -> None:
    """The person is told what to write [CL10]."""
    file = tmp_path / "legato.toml"
    file.write_text(before, encoding="utf-8")
    with pytest.raises(InvalidInput):
        allow_programs(file, ["git"])
    assert file.read_text(encoding="utf-8") == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No traceback of the operating system [CL10]."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot write"):
        allow_programs(tmp_path / "file" / "legato.toml", ["git"])


def test_a_refusal_by_a_node_says_what_to_add_where(tmp_path: Path) -> None:
    """The exact lines and the file [CL10]."""
    file = tmp_path / "legato.toml"
    message = 'no folder; the operator can add to legato.toml: [grants.files] roots = ["/data"]'
    assert missing_grant(message, file) == [
        f"If you want to allow it, add this to {file}:",
        "  [grants.files]",
        '  roots = ["/data"]',
    ]
    assert missing_grant("something else", file) == []

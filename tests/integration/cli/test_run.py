# SPDX-License-Identifier: Apache-2.0

import json

import pytest

from tests.integration.cli.site import Site, completed
from tests.integration.cli.workflows import FAIL, GATE, HELLO, PARK


def test_a_run_shows_its_steps_and_outputs(site: Site) -> None:
    """One command from a file to its outputs, exit 0 [CL1, CL2]."""
    result = site.run("run", site.write(HELLO), "--input", "who=you")
    assert (result.code, result.err) == (0, "")
    assert "greet             completed" in result.out
    assert "again             completed  3/3 items" in result.out
    assert '  greeting: "hello you"' in result.out
    assert "  again: [2, 4, 6]" in result.out
    assert "look again: legato executions show" in result.out


def test_json_lines_tell_the_whole_run(site: Site) -> None:
    """Every line is a JSON object; frames follow each other without a gap [CL3, VW1, VW2]."""
    result = site.run("run", site.write(HELLO), "--input", "times=7", "--json")
    assert (result.code, result.err) == (0, "")
    values = result.values
    assert [values[0]["type"], values[-1]["type"]] == ["started", "ended"]
    assert {each["execution_id"] for each in values} == {values[0]["execution_id"]}
    frames = [each for each in values if each["type"] == "frame"]
    seq = 0
    for each in frames:
        assert each["from_seq"] == seq
        seq = each["to_seq"]
    last = {
        each["node_id"]: each["status"]
        for frame in frames
        for each in frame["sets"]
        if each["set"] == "node"
    }
    assert last == {"greet": "completed", "again": "completed"}
    assert values[-1]["outputs"] == {"greeting": "hello world", "again": [7, 14, 21]}
    assert values[-1]["exit_code"] == 0
    assert len(site.events(values[0]["execution_id"])) == seq


def test_a_failed_run_names_node_error_and_last_lines(site: Site) -> None:
    """Exit 1; what a program printed cannot steer the terminal [CL1, CL9]."""
    result = site.run("run", site.write(FAIL))
    assert result.code == 1
    assert "boom: exit.3:" in result.out
    assert "  | on \\x1b[2J the way" in result.out
    assert "\x1b" not in result.out + result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--input", "times=many"), "times"),
        (("--input", "whom=x"), "did you mean who?"),
        (("--inputs-file", "none.json"), "there is no file none.json"),
    ],
)
def test_wrong_inputs_are_refused_before_anything_is_stored(
    site: Site, arguments: tuple[str, ...], said: str
) -> None:
    """Exit 2, the input named, and no database made [CL1, CL10, CL14]."""
    result = site.run("run", site.write(HELLO), *arguments)
    assert result.code == 2
    assert result.out == ""
    assert said in result.err
    assert "Traceback" not in result.err
    assert not (site.home / "legato.db").exists()


def test_a_wrong_document_is_refused_with_all_its_problems(site: Site) -> None:
    """The same lines as `validate`, exit 2 [CL1, CL5]."""
    file = site.write("legato: 1\nname: x\nnodes:\n  a: {uses: nope}\n  b: {uses: nada}\n")
    result = site.run("run", file)
    assert result.code == 2
    assert result.err.count(f"error: {file}:") == 2
    assert not (site.home / "legato.db").exists()


def test_a_file_or_name_that_is_not_there_is_named(site: Site) -> None:
    """Exit 2 [CL1, CL10]."""
    assert "there is no file gone.yaml" in site.run("run", "gone.yaml").err
    result = site.run("run", "gone")
    assert result.code == 2
    assert "no workflow of that name" in result.err


def test_a_program_that_is_not_granted_is_refused_before_the_start(site: Site) -> None:
    """Exit 3; the flag and the line for the settings file are named; nothing ran [CL1, ND13]."""
    site.grant("git")
    result = site.run("run", site.write(PARK))
    assert result.code == 3
    assert "this workflow runs: sleep" in result.err
    assert "--allow-program sleep" in result.err
    assert f"{site.home}/legato.toml" in result.err
    assert 'programs = ["git", "sleep"]' in result.err
    assert site.ok("executions", "list", "--json").values == []


def test_a_program_may_be_granted_for_one_run(site: Site) -> None:
    """The settings stay as they are; `--yes` writes them [CL1, ND13]."""
    site.grant()
    before = (site.home / "legato.toml").read_text()
    file = site.write(FAIL)
    assert site.run("run", file, "--allow-program", "sh").code == 1
    assert (site.home / "legato.toml").read_text() == before
    assert site.run("run", file).code == 3
    assert site.run("run", file, "--yes").code == 1
    assert 'programs = ["sh"]' in (site.home / "legato.toml").read_text()
    assert site.run("run", file).code == 1


def test_a_grant_that_only_the_run_can_see_missing_is_named_at_its_end(site: Site) -> None:
    """A program named by an expression: the last lines say what to add where [CL10, ND13]."""
    site.grant()
    file = site.write(
        "legato: 1\nname: dynamic\ninputs: {p: {type: string, default: git}}\n"
        'nodes: {a: {uses: shell.run, effect: pure, with: {program: "${{ inputs.p }}"}}}\n'
    )
    result = site.run("run", file)
    assert result.code == 1
    assert f"add this to {site.home}/legato.toml:" in result.out
    assert '  programs = ["git"]' in result.out


def test_a_parked_node_ends_the_command_and_not_the_execution(site: Site) -> None:
    """Exit 4 with every way out; settled by hand it goes on where it was [CL1, ST12, AT11, XW5]."""
    result = site.run("run", site.write(PARK))
    assert result.code == 4
    (row,) = site.ok("executions", "list", "--json").values
    assert (row["status"], row["owner_lost"], row["unattended"]) == ("needs_attention", False, True)
    execution_id = row["execution_id"]
    assert f"legato executions force-node {execution_id} send" in result.out
    settle = ("executions", "force-node", execution_id, "send", "--output")
    refused = site.run(*settle, '{"sent": true}')
    assert (refused.code, "output.exit_code is required" in refused.err) == (2, True)
    output = {"exit_code": 0, "stdout": "sent", "stderr": "", "truncated": False}
    stored = site.ok(*settle, json.dumps(output), "--reason", "seen")
    assert f"legato executions resume {execution_id}" in stored.out
    ended = site.ok("executions", "resume", execution_id, "--json").values[-1]
    assert ended["outputs"] == {"after": output}
    assert completed(site.events(execution_id)) == ["send", "after"]


def test_a_parked_node_can_be_left_out_or_done_again(site: Site) -> None:
    """Skip propagates; retry-node makes a new attempt; neither works twice [ST8, ST12, CL1]."""
    file = site.write(PARK)
    ids = []
    for _ in range(2):
        assert site.run("run", file).code == 4
        ids.append(site.ok("executions", "list", "--json").values[0]["execution_id"])
    site.ok("executions", "skip-node", ids[0], "send")
    ended = site.run("executions", "resume", ids[0], "--json")
    assert (ended.code, ended.values[-1]["status"]) == (0, "completed")
    site.ok("executions", "retry-node", ids[1], "send", "--reason", "again")
    assert site.run("executions", "resume", ids[1]).code == 4
    attempts = [each for each in site.events(ids[1]) if each["type"] == "AttemptStarted"]
    assert [each["attempt"] for each in attempts] == [1, 2]
    refused = site.run("executions", "retry-node", ids[1], "after")
    assert (refused.code, "does not need attention" in refused.err) == (3, True)


def test_two_runs_on_one_new_home_do_not_disturb_each_other(site: Site) -> None:
    """Both make the database, both complete, each under its own owner [LG21, OW9, OW14]."""
    file = site.write(HELLO)
    both = [site.start("run", file, "--json") for _ in range(2)]
    results = [each.finish() for each in both]
    assert [each.code for each in results] == [0, 0], results
    assert len(site.ok("executions", "list", "--json").values) == 2


def test_a_run_that_did_not_end_is_mentioned(site: Site) -> None:
    """The next run of the same workflow names the command that goes on with it [CL15]."""
    gate = site.write(GATE)
    arguments = ("run", gate, "--input", f"file={site.folder / 'open'}", "--json")
    process = site.start(*arguments)
    execution_id = process.until_node("gate", "running")["execution_id"]
    process.kill()
    (site.folder / "open").touch()
    result = site.run(*arguments)
    assert result.code == 0
    assert f"legato executions resume {execution_id}" in result.err


def test_a_called_workflow_is_found_beside_its_caller(site: Site) -> None:
    """By its name and the usual endings; a missing one is named before the start [GR24, CL2]."""
    caller = site.write(
        "legato: 1\nname: caller\nnodes:\n"
        "  call: {uses: workflow.call, with: {workflow: hello, input: {who: child, times: 2}}}\n"
        'outputs: {said: "${{ nodes.call.output.greeting }}"}\n',
        "caller.yaml",
    )
    missing = site.run("run", caller)
    assert missing.code == 2
    assert "calls the workflow hello" in missing.err
    site.write(HELLO, "hello.yml")
    result = site.run("run", caller, "--json")
    assert result.values[-1]["outputs"] == {"said": "hello child"}, result


def test_a_workflow_that_ran_can_be_run_by_its_name(site: Site) -> None:
    """The newest version that was run, with inputs checked as ever [CL2]."""
    site.ok("run", site.write(HELLO))
    result = site.run("run", "hello", "--input", "who=again", "--json")
    assert result.values[-1]["outputs"]["greeting"] == "hello again"
    assert site.run("run", "hello", "--input", "times=x").code == 2


def test_inputs_may_come_from_a_file(site: Site) -> None:
    """A JSON object; the command line wins [CL14]."""
    file = site.folder / "inputs.json"
    file.write_text(json.dumps({"who": "file", "times": 5}), encoding="utf-8")
    workflow = site.write(HELLO)
    result = site.run("run", workflow, "--inputs-file", file, "--input", "times=1", "--json")
    assert result.values[-1]["outputs"] == {"greeting": "hello file", "again": [1, 2, 3]}

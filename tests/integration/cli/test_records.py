# SPDX-License-Identifier: Apache-2.0
"""Log lines and exports: what is stored of a run, on stdout or in a file."""

import json
import signal
import stat

from tests.integration.cli.site import Site
from tests.integration.cli.workflows import GATE, HELLO

SPEAKING = """\
legato: 1
name: speaking
nodes:
  first:
    uses: shell.run
    effect: pure
    with: {program: sh, args: [-c, 'printf "one\\033[2J\\n" >&2']}
  each:
    needs: [first]
    foreach: [a, b]
    uses: shell.run
    effect: pure
    with: {program: sh, args: [-c, 'echo "item $0" >&2', "${{ item }}"]}
  again:
    needs: [each]
    uses: shell.run
    effect: pure
    retry: {max_attempts: 2, initial: 1ms, on: [exit]}
    with: {program: sh, args: [-c, 'echo try >&2; exit 1']}
"""
TALKING = GATE.replace("until [", "echo before >&2; until [").replace(
    "done'", "done; echo after >&2'"
)


def test_log_lines_are_printed_and_chosen(site: Site) -> None:
    """All, or those of a node, an item, an attempt; harmless in a terminal [CL28, CL9, LG17]."""
    run = site.run("run", site.write(SPEAKING), "--json")
    execution_id = run.values[0]["execution_id"]

    def texts(*arguments: str) -> list[str]:
        found = site.ok("executions", "logs", execution_id, *arguments, "--json").values
        return [each["text"] for each in found]

    assert texts("first") == ["one\\x1b[2J"]
    assert sorted(texts("each")) == ["item a", "item b"]
    assert texts("each", "--item", "1") == ["item b"]
    assert texts("again") == ["try", "try"]
    assert texts("again", "--attempt", "2") == ["try"]
    assert len(texts()) == 5
    text = site.ok("executions", "logs", execution_id).out
    assert "one\\x1b[2J" in text
    assert "again attempt 2 stderr:  try" in text
    assert "each[1] stderr:  item b" in text
    assert "no log lines" in site.ok("executions", "logs", execution_id, "--item", "7").err
    wrong = site.run("executions", "logs", execution_id, "frist")
    assert (wrong.code, "Did you mean first?" in wrong.err) == (2, True)


def test_log_lines_are_followed_to_the_end(site: Site) -> None:
    """While another process writes them; Ctrl-C ends only the looking [CL28]."""
    opened = site.folder / "opened"
    process = site.start("run", site.write(TALKING), "--input", f"file={opened}", "--json")
    execution_id = process.until_node("gate", "running")["execution_id"]
    impatient = site.start("executions", "logs", execution_id, "--follow", "--json")
    patient = site.start("executions", "logs", execution_id, "gate", "--follow", "--json")
    for each in (impatient, patient):
        each.until_value(lambda line: line["text"] == "before")
    impatient.send(signal.SIGINT)
    assert impatient.finish().code == 0
    opened.touch()
    seen = patient.finish()
    assert seen.code == 0
    assert [each["text"] for each in seen.values] == ["before", "after"]
    assert process.finish().code == 0


def test_an_export_holds_everything(site: Site) -> None:
    """Execution, workflow as written, every event, log lines; as one JSON document [CL29]."""
    file = site.write(SPEAKING)
    execution_id = site.run("run", file, "--json").values[0]["execution_id"]
    document = json.loads(site.ok("executions", "export", execution_id).out)
    assert (document["format"], document["version"]) == ("legato-execution", 1)
    assert document["execution"]["execution_id"] == execution_id
    assert document["workflow"]["source"] == file.read_text()
    assert document["events"] == site.events(execution_id)
    assert len([each for each in document["logs"] if each["text"]]) == 5
    assert (document["payloads"], document["called"], document["left_out"]) == ({}, [], [])


def test_an_export_into_a_file_is_private(site: Site) -> None:
    """Written whole, never over something else unasked; the same again is fine [CL29]."""
    execution_id = site.ok("run", site.write(HELLO), "--json").values[0]["execution_id"]
    target = site.folder / "out" / "run.json"
    missing = site.run("executions", "export", execution_id, "--output", target)
    assert (missing.code, "cannot be written" in missing.err) == (2, True)
    target.parent.mkdir()
    said = site.ok("executions", "export", execution_id, "--output", target, "--json").value
    assert (said["left_out"], said["events"]) == ([], len(site.events(execution_id)))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads(target.read_text())["execution"]["status"] == "completed"
    target.write_text("mine")
    refused = site.run("executions", "export", execution_id, "--output", target)
    assert (refused.code, target.read_text()) == (3, "mine")
    site.ok("executions", "export", execution_id, "--output", target, "--force")
    assert [each.name for each in target.parent.iterdir()] == ["run.json"]


def test_payloads_are_exported_up_to_a_bound(site: Site) -> None:
    """What is left out is said, with its size and why [CL29]."""
    text = (
        "legato: 1\nname: large\nnodes:\n  large:\n    uses: shell.run\n    effect: pure\n"
        "    with: {program: sh, args: [-c, \"head -c 100000 /dev/zero | tr '\\\\0' x\"]}\n"
    )
    execution_id = site.ok("run", site.write(text), "--json").values[0]["execution_id"]
    whole = site.ok("executions", "export", execution_id, "--json").value
    ((name, payload),) = whole["payloads"].items()
    assert payload["json"]["stdout"] == "x" * 100_000
    bare = site.ok("executions", "export", execution_id, "--payload-bytes", "0", "--json").value
    assert bare["payloads"] == {}
    assert bare["left_out"] == [
        f"payload {name} ({payload['size']} bytes): over 0 bytes of payloads"
    ]

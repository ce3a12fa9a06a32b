# SPDX-License-Identifier: Apache-2.0
"""`legato executions record`: real runs become tests that pass at once."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.site import Site

SEEN = """\
legato: 1
name: seen
inputs: {who: {type: string, default: Ada}}
nodes:
  host: {uses: shell.run, effect: pure, with: {program: sh, args: [-c, "printf 'one\\ntwo\\n'"]}}
  each:
    uses: shell.run
    needs: host
    foreach: ${{ nodes.host.output.stdout.trim().split('\\n') }}
    effect: pure
    with: {program: sh, args: [-c, 'printf "$1-$$"', x, "${{ item }}"]}
  ask: {uses: human.approval, needs: each, with: {message: "Go on?"}}
  text:
    needs: ask
    uses: data.template
    with: {text: "${{ inputs.who }}: ${{ nodes.each.output.map(e, e.stdout).join(', ') }}"}
outputs:
  text: ${{ nodes.text.output.text }}
  approved: ${{ nodes.ask.output.approved }}
"""


def _last(site: Site) -> str:
    return str(site.ok("executions", "list", "--json").values[0]["execution_id"])


def _run(site: Site, file: Path, *arguments: str, approves: bool = False) -> str:
    """Run a workflow to its end; answer its approval if it has one."""
    process = site.start("run", file, "--json", *arguments)
    if approves:
        started = process.until_value(lambda line: line.get("type") == "started")
        process.until_node("ask", "waiting")
        site.ok("executions", "approve", started["execution_id"], "ask", "--comment", "fine")
    process.finish()
    return _last(site)


def test_a_run_becomes_a_test_that_passes_at_once(site: Site) -> None:
    """Pins, items, the approval and the outputs; the workflow is written beside it
    [CL47, TK19].
    """
    execution = _run(site, site.write(SEEN, "seen.yaml"), approves=True)
    into = site.folder / "tests" / "seen.test.yaml"
    recorded = site.ok("executions", "record", execution, "--into", into, "--json").value
    assert recorded["files"] == [str(into.with_name("seen.yaml")), str(into)]
    assert (recorded["notes"], recorded["redacted"]) == ([], [])
    tested = site.run("test", into)
    assert tested.code == 0, tested
    text = into.read_text(encoding="utf-8")
    assert "comment: fine" in text
    assert "outputs.approved == true" in text
    site.grant()  # not even a program is needed any more
    assert site.run("test", into).code == 0


def test_a_declined_form_is_declined_again(site: Site) -> None:
    """Who declined it and why; nothing is filled in [CL47, TK19]."""
    workflow = (
        "legato: 1\nname: form\nnodes:\n"
        "  ask: {uses: human.form, with: {message: Which?, schema: {n: integer}}}\n"
        "outputs: {said: '${{ nodes.ask.output.approved }}'}\n"
    )
    process = site.start("run", site.write(workflow, "form.yaml"), "--json")
    started = process.until_value(lambda line: line.get("type") == "started")
    process.until_node("ask", "waiting")
    site.ok("executions", "reject", started["execution_id"], "ask", "--comment", "none fits")
    assert process.finish().code == 0
    into = site.folder / "form.test.yaml"
    site.ok("executions", "record", started["execution_id"], "--into", into)
    assert "comment: none fits" in into.read_text(encoding="utf-8")
    assert site.run("test", into).code == 0


def test_a_test_notices_a_changed_workflow(site: Site) -> None:
    """What runs in the test is the workflow of today [TK19]."""
    file = site.write(SEEN, "seen.yaml")
    into = site.folder / "seen.test.yaml"
    site.ok("executions", "record", _run(site, file, approves=True), "--into", into)
    assert site.run("test", into).code == 0
    file.write_text(SEEN.replace("}}: ${{", "}} has ${{"), encoding="utf-8")
    changed = site.run("test", into)
    assert (changed.code, "outputs.text" in changed.out) == (1, True)
    assert (
        "is not the version that ran"
        in site.ok("executions", "record", _last(site), "--into", into, "--force").out
    )


def test_large_outputs_become_a_golden_file(site: Site) -> None:
    """Beside the test, with a readable text [CL47, TK15]."""
    workflow = (
        "legato: 1\nname: large\nnodes:\n"
        "  run: {uses: shell.run, effect: pure, with: {program: sh, args: [-c, 'seq 1 500']}}\n"
        "outputs: {numbers: '${{ nodes.run.output.stdout }}'}\n"
    )
    execution = _run(site, site.write(workflow, "large.yaml"))
    into = site.folder / "large.test.yaml"
    recorded = site.ok("executions", "record", execution, "--into", into, "--json").value
    assert recorded["files"] == [str(into), str(site.folder / "large.golden.json")]
    assert site.run("test", into).code == 0


def test_a_failed_run_becomes_a_test_of_its_failure(site: Site) -> None:
    """Its attempts fail again as they did [CL47, TK9]."""
    workflow = (
        "legato: 1\nname: failing\nnodes:\n"
        "  run:\n    uses: shell.run\n    effect: pure\n"
        "    retry: {max_attempts: 2, initial: 10ms}\n"
        "    with: {program: sh, args: [-c, 'echo no >&2; exit 4']}\n"
    )
    execution = _run(site, site.write(workflow, "failing.yaml"))
    into = site.folder / "failing.test.yaml"
    site.ok("executions", "record", execution, "--into", into)
    text = into.read_text(encoding="utf-8")
    assert ("kind: exit.4" in text, "times: 2" in text) == (True, True)
    assert site.run("test", into).code == 0


def test_what_differs_from_run_to_run_is_said_and_not_expected(site: Site) -> None:
    """An output that holds the execution's id cannot be expected [CL47]."""
    workflow = (
        "legato: 1\nname: own\nnodes:\n"
        "  a: {uses: data.transform, with: {value: '${{ run.id }}'}}\n"
        "outputs: {id: '${{ nodes.a.output }}', same: 7}\n"
    )
    execution = _run(site, site.write(workflow, "own.yaml"))
    into = site.folder / "own.test.yaml"
    recorded = site.ok("executions", "record", execution, "--into", into, "--json").value
    assert recorded["notes"] == ["outputs.id differs from run to run and is not expected."]
    assert "outputs.same == 7" in into.read_text(encoding="utf-8")
    assert site.run("test", into).code == 0


def test_a_secret_is_in_no_recorded_file(site: Site) -> None:
    """Where one was replaced the test says so and passes all the same [TK19, LG24]."""
    (site.home / "secrets.toml").write_text('token = "k4nari-Vogel"\n', encoding="utf-8")
    (site.home / "secrets.toml").chmod(0o600)
    workflow = (
        "legato: 1\nname: hush\nnodes:\n"
        "  run: {uses: shell.run, effect: pure, with: {program: sh, args: [-c, cat], "
        "stdin: {secret: token}}}\n"
        "outputs: {said: '${{ nodes.run.output.stdout }}'}\n"
    )
    execution = _run(site, site.write(workflow, "hush.yaml"))
    into = site.folder / "hush.test.yaml"
    recorded = site.ok("executions", "record", execution, "--into", into, "--json")
    assert recorded.value["redacted"] == ["pin.run.stdout"]
    assert "pin.run.stdout" in into.read_text(encoding="utf-8").partition("legato_test")[0]
    for file in site.folder.glob("hush*"):
        assert "Vogel" not in file.read_text(encoding="utf-8")
    assert "Vogel" not in recorded.out + recorded.err
    assert site.run("test", into).code == 0


def test_a_run_that_calls_and_loops_is_recorded_whole(site: Site) -> None:
    """A body that touches the outside is pinned, one that does not runs [TK19]."""
    workflow = (
        "legato: 1\nname: outer\nnodes:\n"
        "  out:\n    uses: loop.until\n    with:\n      do:\n"
        "        run: {uses: shell.run, effect: pure, with: {program: sh, args: [-c, 'echo $$']}}\n"
        "      until: ${{ true }}\n"
        "  pure:\n    uses: loop.until\n    needs: out\n    with:\n      do:\n"
        "        add: {uses: data.transform, with: {value: 3}}\n      until: ${{ true }}\n"
        "outputs: {a: '${{ nodes.out.output.run.stdout }}', b: '${{ nodes.pure.output.add }}'}\n"
    )
    execution = _run(site, site.write(workflow, "outer.yaml"))
    into = site.folder / "outer.test.yaml"
    site.ok("executions", "record", execution, "--into", into)
    text = into.read_text(encoding="utf-8")
    assert ("      out:" in text, "      pure:" in text) == (True, False)
    assert site.run("test", into).code == 0


@pytest.mark.parametrize(
    ("into", "code", "said"),
    [
        ("seen.yaml", 2, "a test file is called NAME.test.yaml"),
        ("there.test.yaml", 3, "there already, nothing was written"),
        ("/proc/none/x.test.yaml", 3, "cannot write"),
    ],
)
def test_what_cannot_be_recorded_is_said(site: Site, into: str, code: int, said: str) -> None:
    """A wrong name, a file that is there, a place that cannot be written [CL47, CL1, CL10]."""
    file = site.write(
        "legato: 1\nname: a\nnodes: {a: {uses: data.transform, with: {value: 1}}}\n", "a.yaml"
    )
    execution = _run(site, file)
    (site.folder / "there.test.yaml").write_text("mine", encoding="utf-8")
    arguments: list[Any] = ["executions", "record", execution, "--into", site.folder / into]
    result = site.run(*arguments, "--workflow", file)
    assert (result.code, said in result.err) == (code, True), result
    assert (site.folder / "there.test.yaml").read_text(encoding="utf-8") == "mine"


def test_a_run_that_has_not_ended_is_not_recorded(site: Site) -> None:
    """Nor one that somebody stopped: a test could not repeat it [CL47]."""
    process = site.start("run", site.write(SEEN, "seen.yaml"), "--json")
    process.until_node("ask", "waiting")
    execution = _last(site)
    open_run = site.run("executions", "record", execution)
    assert (open_run.code, "has not ended" in open_run.err) == (3, True)
    site.ok("executions", "cancel", execution)
    process.finish()
    cancelled = site.run("executions", "record", execution)
    assert (cancelled.code, "cancelled, which a test cannot repeat" in cancelled.err) == (3, True)

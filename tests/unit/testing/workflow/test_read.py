# SPDX-License-Identifier: Apache-2.0
"""Test files: what they may say, and how mistakes in them are told."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from legato.testing.workflow.schema import suite_schema
from tests.unit.testing.workflow.files import SHOP, case, problems, suite

EVERYTHING = case("""\
inputs: {city: Paris}
pin:
  send:
    - {stdout: a, stderr: "", exit_code: 0, truncated: false}
    - {stdout: b, stderr: "", exit_code: 0, truncated: false}
  again/inner: 3
fail:
  fetch: [{kind: http.503, times: 2, message: later}, timeout]
http:
  - request: {method: POST, url: "https://shop.example/x", json: {a: 1}}
    response: {status: 201, headers: {x-a: b}, json: {id: 7}}
    times: any
  - request: {url: "https://shop.example/y", body: text}
    response: {trouble: lost}
approve:
  ask: [false, {approved: true, by: ada, comment: go}]
signals: [{name: paid, payload: {amount: 3}}]
expect: ["status == 'completed'", "nodes.send.attempts == 2"]
golden: shop.golden.json
timeout: 30s
""")


def _schema_accepts(text: str) -> bool:
    data = YAML(typ="safe", pure=True).load(text)
    return bool(jsonschema_rs.Draft202012Validator(suite_schema()).is_valid(data))


def test_a_file_with_everything_is_read() -> None:
    """Inputs with defaults, pins, failures, exchanges, answers, signals, expectations [TK7]."""
    assert problems(EVERYTHING) == []
    (one,) = suite(EVERYTHING).cases
    assert dict(one.inputs) == {"city": "Paris", "count": 1}
    assert [failure.kind for failure in one.failures["fetch"]] == ["http.503", "timeout"]
    assert [failure.times for failure in one.failures["fetch"]] == [2, None]
    assert [reply.approved for reply in one.replies["ask"]] == [False, True]
    assert (one.exchanges[0].times, one.exchanges[1].answer.trouble) == (None, "lost")
    assert json.loads(one.exchanges[0].answer.body) == {"id": 7}
    assert one.signals == (("paid", {"amount": 3}),)
    assert (one.line, one.timeout_s, one.golden) == (4, 30.0, Path("shop.golden.json"))
    assert one.replaced == {"send", "again/inner", "fetch"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("inputs: {town: Paris}", "5:20: cases[0].inputs.town: inputs.town: there is no such"),
        ("inputs: {count: many}", "5:21: cases[0].inputs.count: inputs.count:"),
        (
            "pin: {fetsh: 1}",
            "5:11: cases[0].pin.fetsh: there is no node fetsh (did you mean fetch?)",
        ),
        ("pin: {wait: null}", "a delay takes no time in a test and needs no pin"),
        ("pin: {ask: {}}", "an approval is answered with `approve`"),
        ("pin: {send: {stdout: a}}", "this node runs once per item"),
        ("pin: {send: [{stdout: a}]}", "stderr is missing"),
        ("pin: {fetch: {status: ok}}", "5:27: cases[0].pin.fetch.status: the type is wrong"),
        ("pin: {fetch: {statsu: 200}}", "did you mean status?"),
        ("fail: {fetch: {kind: Bad Kind}}", "this is no kind of failure"),
        ("fail: {fetch: {message: x}}", "kind is missing"),
        ("fail: {fetch: 3}", "this is no failure"),
        ("fail: {fetch: {kind: timeout, tims: 1}}", "did you mean times?"),
        ("http: {}", "http is not a list"),
        ("http: [{request: {url: x}}]", "response is missing"),
        ("http: [{request: {metod: GET, url: x}, response: {}}]", "did you mean method?"),
        ("http: [{request: {method: get, url: x}, response: {}}]", "did you mean GET?"),
        ("http: [{request: {url: x, body: a, json: 1}, response: {}}]", "both body and json"),
        ("http: [{request: {url: x}, response: {trouble: gone}}]", "trouble is not known"),
        ("http: [{request: {url: x}, response: {status: 99}}]", "status is out of bounds"),
        ("approve: {ask: maybe}", "this is no answer"),
        ("approve: {fetch: true}", "fetch is http.request (expected human.approval)"),
        ("answer: {ask: {}}", "ask is human.approval (expected human.form)"),
        ("signals: [{payload: 1}]", "name is missing"),
        ("expect: [1]", "an expectation is text"),
        ("expect: ['stauts == 1']", "did you mean status?"),
        ("expect: ['nodes.fetsh.status == 1']", "5:15: cases[0].expect[0]: there is no node fetsh"),
        ("expect: ['nodes.fetch.outptu == 1']", "did you mean output?"),
        ("expect: ['run.id == 1']", "there is no variable or function 'run'"),
        ("expect: ['1 +']", "expression:"),
        ("expect: ['[1].all(status, true)']", "'status' is a variable already"),
        ("golden: ../out.json", "golden cannot be there"),
        ("golden: /tmp/out.json", "golden cannot be there"),
        ("golden: out.py", "golden cannot be there"),
        ("timeout: soon", "timeout"),
        ("timeout: 2h", "an hour at most"),
        ("expected: []", "did you mean expect?"),
    ],
)
def test_a_mistake_is_told_with_its_place(body: str, said: str) -> None:
    """File, line, column, path, and the nearest valid name [TK7, TK8, TK15]."""
    found = problems(case(body))
    assert any(said in each for each in found), found
    assert all(each.startswith("shop.test.yaml:") for each in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a test file is a map"),
        ("legato_test: 2\nworkflow: x\ncases: [{name: a}]", "this format is not known"),
        ("legato_test: true\nworkflow: x\ncases: [{name: a}]", "this format is not known"),
        ("legato_test: 1\ncases: [{name: a}]", "workflow is missing"),
        ("legato_test: 1\nworkflow: x\ncases: []", "a list of 1 to"),
        ("legato_test: 1\nworkflow: x\ncases: [7]", "a case is a map"),
        ("legato_test: 1\nworkflow: x\ncases: [{}]", "name is missing"),
        ("legato_test: 1\nworkflow: x\ncases: [{name: a}, {name: a}]", "a second case"),
        ("legato_test: 1\nworkflow: x\ncases: &x [{name: a}]", "anchor"),
        ("legato_test: 1\nlegato_test: 1\nworkflow: x\ncases: [{name: a}]", "stands twice"),
        ("x: \0", "NUL"),
    ],
)
def test_a_file_that_is_no_test_is_told(text: str, said: str) -> None:
    """The reader is that of workflow files, as strict [TK7]."""
    found = problems(text)
    assert any(said in each for each in found), found


def test_all_problems_are_told_at_once_in_the_order_of_their_place() -> None:
    """One run of the command is enough to mend a file [TK7]."""
    found = problems(case("pin: {a: 1}\nexpect: ['nope']\ntimeout: x\n"))
    assert [each.split(":")[1] for each in found] == ["5", "6", "7"]


@pytest.mark.parametrize(
    "body",
    [
        "inputs: []", "pin: 1", "fail: {fetch: 3}", "fail: {fetch: {message: x}}", "http: {}",
        "http: [{request: {url: x}}]", "http: [{request: {method: get, url: x}, response: {}}]",
        "approve: {ask: maybe}", "signals: [{payload: 1}]", "expect: [1]", "timeout: soon",
        "unknown: 1", "golden: 3",
    ],
)  # fmt: skip
def test_the_schema_and_the_reader_agree_on_the_shape(body: str) -> None:
    """A wrong shape is refused by both, what the reader takes by neither [TK7, CL49]."""
    assert not _schema_accepts(case(body))
    assert problems(case(body)) != []
    assert _schema_accepts(EVERYTHING)
    jsonschema_rs.meta.validate(suite_schema())


def test_grants_of_a_file_need_the_command_line(tmp_path: Path) -> None:
    """A program or folder is refused by name, and `..` does not lead out of one [TK17]."""
    head = "legato_test: 1\nworkflow: x\ncases: [{name: a}]\n"
    text = head + "grants: {programs: [git], roots: [data]}\n"
    found = problems(text)
    assert "git may not be started by tests here (expected --allow-program git" in found[0]
    assert "may not be used by tests here (expected --allow-root" in found[1]
    allowed = suite(text, programs=("git", "rm"), roots=(Path.cwd(),))
    assert (allowed.programs, allowed.roots) == (("git",), (Path.cwd() / "data",))
    outside = head + f"grants: {{roots: ['{tmp_path}/in/../out']}}\n"
    assert problems(outside, roots=(tmp_path / "in",)) != []
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    linked = head + f"grants: {{roots: ['{tmp_path}/in/link']}}\n"
    assert problems(linked, roots=(tmp_path / "in",)) != []
    assert problems(head + "grants: {programs: git, shell: []}") != []


def test_a_workflow_that_is_not_there_can_only_be_pinned() -> None:
    """A call to what is not beside the workflow is named [TK8]."""
    caller = SHOP.replace(
        "outputs:", "  call: {uses: workflow.call, with: {workflow: other}}\noutputs:"
    )
    found = problems(case("expect: []"), caller, "other")
    assert any("call calls other, which is not beside the workflow" in each for each in found)
    assert problems(case("pin: {call: {x: 1}}"), caller, "other") == []

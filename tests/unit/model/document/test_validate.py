# SPDX-License-Identifier: Apache-2.0
"""Documents -> workflows: defaults filled in, shape and names checked."""

import json

import pytest

from legato.errors import InvalidDocument
from legato.model.document import validate
from legato.model.document.problems import PROBLEMS_MAX
from legato.model.document.validate import check_workflow, load_workflow
from legato.model.expressions import compile as compile_module
from legato.model.graph import Graph
from legato.model.policy import Limits, RetryPolicy
from legato.model.workflow import (
    Budget,
    OverlapRule,
    decode_workflow,
    encode_workflow,
    version_hash,
)
from tests.unit.model.document.types import CATALOGUE, LIMITS, check, good, node, nodes, problems

EVERYTHING = """
legato: 1
name: everything
title: Every key
description: Nothing is left out.
inputs:
  path: {type: string, default: .}
  n: integer
nodes:
  log:
    title: Read
    uses: shell.run
    effect: pure
    with: {program: git, args: [-C, "${{ inputs.path }}", log]}
  people:
    needs: log
    uses: data.transform
    with: {value: "${{ nodes.log.output.stdout }}"}
    notes: Just for people.
  send:
    needs: [people]
    when: ${{ nodes.people.output != null }}
    join: any
    foreach: ${{ nodes.people.output }}
    concurrency: 8
    uses: http.request
    with: {url: "https://example.org/${{ item }}", json: {n: "${{ index }}"}}
    retry: {max_attempts: 4, backoff: linear, initial: 1s, max: 1m, jitter: none, on: [http.5xx]}
    timeout: 1h30m
    effect: idempotent
    pool: gpu
    on_error: continue
outputs: {people: "${{ nodes.people.output }}", n: "${{ inputs.n }}"}
triggers: [{uses: schedule.cron, with: {expression: "0 9 * * MON"}}]
budget: {cost_usd: 2.5, tokens: 1000, duration: 1h}
concurrency: 5
layout: {log: [0, 0], people: [240, 0.5], gone: [1, 2]}
"""


def test_every_key_is_read() -> None:
    """The whole format is read into a workflow with its defaults [DO1, DO17]."""
    workflow = good(EVERYTHING)
    assert (workflow.name, workflow.title, workflow.concurrency) == ("everything", "Every key", 5)
    assert workflow.budget == Budget(duration_ms=3_600_000, cost_usd=2.5, tokens=1000)
    assert json.loads(bytes(workflow.triggers)) == [
        {"uses": "schedule.cron", "with": {"expression": "0 9 * * MON"}}
    ]
    assert json.loads(bytes(workflow.outputs))["n"] == "${{ inputs.n }}"
    assert workflow.outputs_refs == ("people",)
    log, people, send = workflow.nodes
    assert (log.title, log.effect, log.timeout_ms, log.refs) == ("Read", "pure", 600_000, ())
    assert [need.node for need in people.needs] == ["log"]
    assert people.refs == ("log",)
    assert send.refs == ("people",)
    assert (send.join, send.concurrency, send.pool, send.on_error) == ("any", 8, "gpu", "continue")
    assert send.timeout_ms == 5_400_000
    assert send.when == "${{ nodes.people.output != null }}"
    assert json.loads(bytes(send.foreach)) == "${{ nodes.people.output }}"
    assert send.has_foreach
    assert not log.has_foreach
    assert send.retry == RetryPolicy(
        max_attempts=4,
        backoff="linear",
        initial_ms=1000,
        max_ms=60_000,
        jitter="none",
        on=("http.5xx",),
    )


def test_a_workflow_survives_its_canonical_form() -> None:
    """What is stored reads back as the same workflow [DO23]."""
    workflow = good(EVERYTHING)
    again = decode_workflow(encode_workflow(workflow))
    assert encode_workflow(again) == encode_workflow(workflow)
    assert [one.has_foreach for one in again.nodes] == [False, False, True]
    assert Graph(again).total_phases == 3


def test_the_same_logic_has_the_same_hash() -> None:
    """YAML and JSON, comments, layout and descriptions do not change the version [DO22, DO23]."""
    from legato.model.document.read import read_document

    one = good(EVERYTHING)
    data = read_document(EVERYTHING.encode(), file="w.yaml", limits=LIMITS).data
    as_json = good(json.dumps(data), file="w.json")
    data["layout"] = {"log": [9, 9]}
    moved = good(json.dumps(data), file="w.json")
    del data["layout"], data["description"]
    bare = good(json.dumps(data), file="w.json")
    commented = good(EVERYTHING.replace("    effect: pure\n", "    effect: pure # yes\n\n"))
    hashes = {version_hash(each) for each in (one, as_json, moved, bare, commented)}
    assert hashes == {version_hash(one)}
    data["concurrency"] = 6
    assert version_hash(good(json.dumps(data), file="w.json")) != version_hash(one)


def test_defaults_of_the_node_type_are_filled_in() -> None:
    """Effect, time-out and retry come from the node type unless the file names them [DO17]."""
    get = node("  a: {uses: http.request, with: {method: GET, url: x}}")
    post = node("  a: {uses: http.request, with: {method: POST, url: x}, retry: {initial: 2s}}")
    assert (get.effect, get.retry, get.timeout_ms) == (
        "pure",
        RetryPolicy(max_attempts=3, initial_ms=500),
        None,
    )
    assert post.effect == "non_idempotent"
    assert post.retry == RetryPolicy(max_attempts=3, initial_ms=2000)
    assert node("  a: {uses: http.request, with: {url: x}}").effect == "non_idempotent"
    assert node("  a: {uses: delay}").kind == "delay"
    assert node("  a: {uses: human.approval, with: {message: ok?}}").kind == "approval"
    assert node("  a: {uses: delay, when: true}").when is None
    assert node("  a: {uses: delay, when: false}").when == "${{ false }}"


def test_nothing_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking compiles expressions and evaluates none [DO4]."""

    def fail(*_: object) -> None:
        raise AssertionError("evaluated")

    monkeypatch.setattr(compile_module.Program, "evaluate", fail)
    monkeypatch.setattr(compile_module.Reference, "evaluate", fail)
    assert check(EVERYTHING) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[]", ["1:1: a workflow is a map (expected legato, name and nodes, got a list)"]),
        (
            "{}",
            [
                "1:1: legato is missing (expected legato: 1)",
                "1:1: name is missing (expected a short name such as weekly-report)",
                "1:1: nodes is missing (expected a map of nodes)",
            ],
        ),
        (
            "legato: 2\nname: A b\nnodes: {}\n",
            [
                "1:9: legato: this format is not known (expected 1, got 2)",
                "2:7: name: this is no name of a workflow (expected a name like "
                "^[a-z][a-z0-9-]{0,62}$, got 'A b')",
                "3:8: nodes: there are no nodes (expected a map of nodes, got a map)",
            ],
        ),
        (
            nodes("  a: {uses: delay}\n", "legatos: 1\ntitel: x\n"),
            [
                "3:1: legatos: unknown key 'legatos' (did you mean legato?)",
                "4:1: titel: unknown key 'titel' (did you mean title?)",
            ],
        ),
        (
            nodes("  a: {uses: delay}\n", "zzzzz: 1\n"),
            [
                "3:1: zzzzz: unknown key 'zzzzz' (expected one of legato, name, title, "
                "description, "
                "inputs, nodes, outputs, triggers, budget, concurrency, overlap, layout)",
            ],
        ),
        (
            nodes("  a: {uses: delay}\n", "title: 5\nconcurrency: 0\ndescription: []\n"),
            [
                "3:8: title: title is not text (expected text, got 5)",
                "4:14: concurrency: concurrency is out of bounds (expected an integer from 1 to "
                "10000, got 0)",
                "5:14: description: description is not text (expected text, got a list)",
            ],
        ),
        (
            nodes(
                "  a: {uses: delay}\n", "budget: {cost_usd: 0, tokens: x, duration: 1y, time: 1}\n"
            ),
            [
                "3:20: budget.cost_usd: cost_usd is not a positive number (expected a number above "
                "0, "
                "got 0)",
                "3:31: budget.tokens: tokens is out of bounds (expected an integer from 1 to "
                "1000000000000000, got 'x')",
                "3:44: budget.duration: '1y' is no duration; write it as 500ms, 30s, 1h30m or 2d "
                "(expected a duration such as 500ms, 30s or 1h30m, got '1y')",
                "3:48: budget.time: unknown key 'time' (expected one of cost_usd, tokens, "
                "duration)",
            ],
        ),
        (
            nodes("  a: {uses: delay}\n", "layout: {a: [1], b: [1, x], c: 5, d: [true, 1]}\n"),
            [
                "3:13: layout.a: this is no place on the canvas (expected [x, y], got a list)",
                "3:21: layout.b: this is no place on the canvas (expected [x, y], got a list)",
                "3:32: layout.c: this is no place on the canvas (expected [x, y], got 5)",
                "3:38: layout.d: this is no place on the canvas (expected [x, y], got a list)",
            ],
        ),
        (
            nodes("  a: {uses: delay}\n", "triggers: [1, {with: []}, {uses: x, foo: 1}]\n"),
            [
                "3:12: triggers[0]: a trigger is a map (expected a map with `uses`)",
                "3:15: triggers[1]: uses is missing (expected the type of the trigger, such as "
                "schedule.cron)",
                "3:22: triggers[1].with: with is not a map (expected a map, got a list)",
                "3:37: triggers[2].foo: unknown key 'foo' (expected one of uses, with, name, "
                "input)",
            ],
        ),
        (
            nodes("  a: {uses: delay}\n", "triggers: {}\noutputs: []\nlayout: 1\nbudget: 1\n"),
            [
                "3:11: triggers: triggers is not a list (expected a list of 100 at most, got a "
                "map)",
                "4:10: outputs: outputs is not a map (expected a map, got a list)",
                "5:9: layout: layout is not a map (expected a map, got 1)",
                "6:9: budget: budget is not a map (expected a map, got 1)",
            ],
        ),
    ],
)
def test_problems_of_the_document(text: str, lines: list[str]) -> None:
    """Each problem names its place, path, what was expected and what was got [DO2, DO3, DO16]."""
    assert check(text) == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("  a: 5\n", ["4:6: nodes.a: a node is a map (expected a map with `uses`, got 5)"]),
        (
            "  a: {}\n",
            ["4:6: nodes.a: uses is missing (expected the type of the node, such as http.request)"],
        ),
        (
            "  a: {uses: [x]}\n",
            ["4:13: nodes.a.uses: uses is not text (expected text, got a list)"],
        ),
        (
            "  a: {uses: http.requst, with: {x: 1}}\n",
            [
                "4:13: nodes.a.uses: there is no node type 'http.requst' (did you mean "
                "http.request?)"
            ],
        ),
        (
            "  a: {uses: zzz}\n",
            [
                "4:13: nodes.a.uses: there is no node type 'zzz' (expected one of data.transform, "
                "delay, "
                "flow.switch, http.request, human.approval, human.form, loop.until, shell.run, "
                "wait.signal, workflow.call)"
            ],
        ),
        (
            "  a: {uses: delay, neds: []}\n",
            ["4:20: nodes.a.neds: unknown key 'neds' (did you mean needs?)"],
        ),
        (
            "  My-Node: {uses: delay}\n",
            [
                "4:3: nodes.My-Node: 'My-Node' is no node id (expected a name like "
                "^[a-z][a-z0-9_]{0,62}$; did you mean my_node?)"
            ],
        ),
        (
            "  9a: {uses: delay}\n",
            ["4:3: nodes['9a']: '9a' is no node id (expected a name like ^[a-z][a-z0-9_]{0,62}$)"],
        ),
        (
            "  in: {uses: delay}\n",
            [
                "4:3: nodes.in: 'in' is a word of the expression language and cannot be a node id "
                "(expected another name)"
            ],
        ),
        (
            "  a: {uses: delay, needs: 5}\n",
            [
                "4:27: nodes.a.needs: needs is not a list (expected a node id or a list of them, "
                "got 5)"
            ],
        ),
        (
            "  a: {uses: delay, needs: [1]}\n",
            ["4:28: nodes.a.needs[0]: a need is a node id (expected text, got 1)"],
        ),
        (
            "  a: {uses: delay, join: most}\n",
            [
                "4:26: nodes.a.join: join is not known (expected one of all, any, all_done, got "
                "'most')"
            ],
        ),
        (
            "  a: {uses: delay, effect: pur}\n",
            [
                "4:28: nodes.a.effect: effect is not known (expected one of pure, idempotent, "
                "non_idempotent, got 'pur'; did you mean pure?)"
            ],
        ),
        (
            "  a: {uses: delay, when: nodes.x}\n",
            [
                "4:26: nodes.a.when: when is not a condition (expected ${{ … }} that gives true or "
                "false, got 'nodes.x')"
            ],
        ),
        (
            "  a: {uses: delay, when: 'a ${{ true }}'}\n",
            [
                "4:26: nodes.a.when: when is not a condition (expected ${{ … }} that gives true or "
                "false, got 'a ${{ true }}')"
            ],
        ),
        (
            "  a: {uses: data.transform, foreach: 5, with: {value: 1}}\n",
            [
                "4:38: nodes.a.foreach: foreach is not a list (expected ${{ … }} that gives a "
                "list, or a "
                "list, got 5)"
            ],
        ),
        (
            "  a: {uses: delay, pool: My Pool, title: [], notes: 1, concurrency: true}\n",
            [
                "4:26: nodes.a.pool: this is no name of a pool (expected a name like "
                "^[a-z][a-z0-9-]{0,62}$, got 'My Pool')",
                "4:42: nodes.a.title: title is not text (expected text, got a list)",
                "4:53: nodes.a.notes: notes is not text (expected text, got 1)",
                "4:69: nodes.a.concurrency: concurrency is out of bounds (expected an integer from "
                "1 to "
                "100000, got true)",
            ],
        ),
        (
            "  a: {uses: delay, retry: 3, with: x, on_error: 1}\n",
            [
                "4:27: nodes.a.retry: retry is not a map (expected a map, got 3)",
                "4:36: nodes.a.with: with is not a map (expected a map of the fields of the node "
                "type, "
                "got 'x')",
                "4:49: nodes.a.on_error: on_error is not text (expected text, got 1)",
            ],
        ),
        (
            "  a: {uses: delay, retry: {on: {}, max: 0, backof: x}}\n",
            [
                "4:32: nodes.a.retry.on: on is not a list (expected kinds of failure such as "
                "[timeout, "
                "http.5xx], got a map)",
                "4:41: nodes.a.retry.max: the duration 0 is not positive (expected a duration such "
                "as "
                "500ms, 30s or 1h30m, got 0)",
                "4:44: nodes.a.retry.backof: unknown key 'backof' (did you mean backoff?)",
            ],
        ),
        (
            "  a: {uses: delay, retry: {on: [Time Out, 5]}}\n",
            [
                "4:33: nodes.a.retry.on[0]: this is no kind of failure (expected a kind such as "
                "timeout, "
                "http.429 or http.5xx, got 'Time Out')",
                "4:43: nodes.a.retry.on[1]: this is no kind of failure (expected a kind such as "
                "timeout, "
                "http.429 or http.5xx, got 5)",
            ],
        ),
    ],
)
def test_problems_of_a_node(text: str, lines: list[str]) -> None:
    """Node ids, types, keys and values are checked with the nearest name [DO15, DO16, EX12]."""
    assert check(nodes(text)) == lines


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("30s", 30_000),
        ("2d", 172_800_000),
        ("1h30m", 5_400_000),
        ("500ms", 500),
        ("1.5s", 1_500),
        ("1d2h3m4s5ms", 93_784_005),
        ("90", 90_000),
        ("1m500ms", 60_500),
        ("2.0", 2_000),
    ],
)
def test_durations(written: str, milliseconds: int) -> None:
    """A duration is a number and a unit, or whole seconds [DO25]."""
    assert node(f"  a: {{uses: delay, timeout: {written}}}").timeout_ms == milliseconds


@pytest.mark.parametrize(
    "written",
    [
        "0s",
        "0",
        "-1s",
        "-5",
        "1w",
        "s",
        "''",
        "1 h",
        "30m1h",
        "1.5h",
        "99999d",
        "true",
        "[]",
        "1s1s",
        "99999999999999999999s",
        "٣s",
        "1.5",
        "null",
    ],
)
def test_what_is_no_duration(written: str) -> None:
    """Other units, zero, negative and endless durations are refused [DO25]."""
    (line,) = check(nodes(f"  a: {{uses: delay, timeout: {written}}}"))
    assert "expected a duration such as 500ms, 30s or 1h30m" in line


def test_a_blind_retry_is_refused() -> None:
    """Retry on time-out needs a node that is idempotent [AT12]."""
    text = "  a: {{uses: shell.run, with: {{program: x}}, retry: {{on: {on}}}{more}}}"
    (line,) = check(nodes(text.format(on="[http.5xx, timeout]", more="")))
    assert line.startswith("4:56: nodes.a.retry.on: a node that is not idempotent cannot be")
    assert check(nodes(text.format(on="timeout", more=""))) != []
    assert check(nodes(text.format(on="[timeout]", more=", effect: idempotent"))) == []
    assert check(nodes(text.format(on="[http.5xx]", more=""))) == []


def test_the_number_of_nodes_is_bounded() -> None:
    """More nodes than the limit are refused, inline bodies counted [DO10, DO24]."""
    text = nodes("".join(f"  n{at}: {{uses: delay}}\n" for at in range(4)))
    assert check(text, limits=Limits(max_nodes=4)) == []
    assert (
        "too many nodes (expected 3 at most, got 4)" in check(text, limits=Limits(max_nodes=3))[0]
    )
    body = "  a: {uses: loop.until, with: {do: {x: {uses: delay}, y: {uses: delay}}, until: true}}"
    assert check(nodes(body), limits=Limits(max_nodes=3)) == []
    assert "too many nodes" in check(nodes(body), limits=Limits(max_nodes=2))[0]


def test_ten_thousand_nodes_are_accepted() -> None:
    """A document with 10 000 nodes is a workflow; one more is refused [DO10]."""
    made = {
        f"n{at}": {
            "uses": "data.transform",
            "needs": [f"n{at - 1}"] if at else [],
            "with": {"value": f"${{{{ nodes.n{at // 2}.output }}}}" if at else 1},
        }
        for at in range(10_000)
    }
    data = {"legato": 1, "name": "big", "nodes": made}
    workflow = good(json.dumps(data), file="w.json")
    assert Graph(workflow).total_phases == 10_000
    made["one_more"] = {"uses": "delay"}
    assert "too many nodes" in check(json.dumps(data), file="w.json")[0]


def test_a_broken_generator_does_not_flood() -> None:
    """The same problem in every node is reported up to a bound and the rest is counted [DO2]."""
    text = nodes("".join(f"  n{at}: {{uses: dlay}}\n" for at in range(PROBLEMS_MAX + 7)))
    found = check(text)
    assert len(found) == PROBLEMS_MAX + 1
    assert "and 7 more problems" in found[-1]


def test_problems_come_in_the_order_of_their_place() -> None:
    """All problems of a file are reported at once, from top to bottom [DO2]."""
    text = nodes(
        "  b: {uses: x}\n  a: {uses: y, needs: [d]}\n  c: {uses: z}\n  c: 5", "inputs: 5\n"
    )
    places = [(problem.line, problem.column) for problem in problems(text)]
    assert places == sorted(places)
    assert len(places) == 6


def test_loading_raises_all_problems() -> None:
    """`load_workflow` raises what `check_workflow` returns [DO2]."""
    with pytest.raises(InvalidDocument) as caught:
        load_workflow(b"name: x", file="x.yaml", catalogue=CATALOGUE, limits=LIMITS)
    assert str(caught.value) == (
        "x.yaml:1:1: legato is missing (expected legato: 1)\n"
        "x.yaml:1:1: nodes is missing (expected a map of nodes)"
    )
    assert check_workflow(b"a: *b", file="x.yaml", catalogue={}, limits=LIMITS)[0] is None
    loaded = load_workflow(EVERYTHING.encode(), file="x.yaml", catalogue=CATALOGUE, limits=LIMITS)
    assert loaded.format == validate.FORMAT


def test_a_foreach_list_is_bounded() -> None:
    """A written list of items is bounded by the limit of items [DO11]."""
    text = nodes("  a: {uses: data.transform, foreach: [1, 2, 3], with: {value: '${{ item }}'}}")
    assert check(text) == []
    (line,) = check(text, limits=Limits(max_foreach_items=2))
    assert "the list is too long (expected 2 items at most)" in line


@pytest.mark.parametrize("uses", ["delay", "human.approval"])
def test_foreach_over_a_wait_is_refused(uses: str) -> None:
    """A wait cannot be repeated; the problem names the way, a called workflow [DO26]."""
    config = {"delay": "for: 1s", "human.approval": "message: ok"}[uses]
    (line,) = check(nodes(f"  a: {{uses: {uses}, foreach: [1, 2], with: {{{config}}}}}"))
    assert f"nodes.a.foreach: {uses} cannot be repeated by foreach" in line
    assert "workflow.call" in line


def test_an_input_that_is_not_declared_cannot_be_read() -> None:
    """A misspelt input is found before the run, with the nearest name [EX3, DO3]."""
    text = nodes(
        "  a: {uses: data.transform, with: {value: '${{ inputs.pth }}'}}\n"
        "  b: {uses: data.transform, with: {value: '${{ inputs.path + inputs.zzz }}'}}\n",
        "inputs: {path: string}\n",
    )
    assert check(text) == [
        "5:48: nodes.a.with.value: there is no input pth (did you mean path?)",
        "6:62: nodes.b.with.value: there is no input zzz (expected one of path)",
    ]
    (line,) = check(
        "legato: 1\nname: x\nnodes:\n  a: {uses: delay, with: {for: '${{ inputs.t }}'}}"
    )
    assert "there is no input t (expected it declared in `inputs`)" in line


@pytest.mark.parametrize("is_json", [False, True])
def test_values_that_json_cannot_hold_are_reported_with_everything_else(is_json: bool) -> None:
    """An integer beyond 64 bits, NUL and half characters have a place like any problem [DO2, DO7].

    Written as escapes they come through the text's own check.
    """
    values = ("99999999999999999999999", '"a\\u0000"', '"a\\ud800"', "1e999")
    nodes = ", ".join(
        f'"n{at}": {{"uses": "data.transform", "with": {{"value": {value}}}}}'
        for at, value in enumerate(values)
    )
    text = f'{{"legato": 1, "name": "x", "nodes": {{{nodes}, "z": {{"uses": "data.transfrm"}}}}}}'
    found = check(
        text if is_json else f"# not JSON\n{text}", file="x.json" if is_json else "x.yaml"
    )
    said = (
        "an integer beyond 64 bits", "holds a NUL", "a lone surrogate", "too large",
        "no node type 'data.transfrm'",
    )  # fmt: skip
    assert len(found) == len(said)
    for line, words in zip(found, said, strict=True):
        assert words in line
        assert line.split(":")[0].isdigit() or line.startswith("x.")


def test_overlap_is_compiled_and_leaves_other_versions_as_they_were() -> None:
    """A document that says nothing of it has the hash that it always had [WF12]."""
    plain = good(nodes("  a: {uses: delay, with: {for: 1s}}\n"))
    assert b"overlap" not in encode_workflow(plain)
    said = good(nodes("  a: {uses: delay, with: {for: 1s}}\n", "overlap: {policy: allow}\n"))
    assert version_hash(said) == version_hash(plain)
    queued = good(
        nodes("  a: {uses: delay, with: {for: 1s}}\n", "overlap: {policy: queue, max: 3}\n")
    )
    assert queued.overlap == OverlapRule(policy="queue", max=3)
    assert decode_workflow(encode_workflow(queued)) == queued
    assert version_hash(queued) != version_hash(plain)


def test_a_wrong_overlap_is_told() -> None:
    """Every part of it is checked at its place [WF12]."""
    wrong = "overlap: {policy: stop, max: 0, min: 1}\n"
    found = [str(each) for each in problems(nodes("  a: {uses: delay}\n", wrong))]
    for part in ("overlap.policy: policy is not known", "overlap.max: max is out", "unknown key"):
        assert any(part in each for each in found), part


def test_a_name_is_never_formed_like_an_id() -> None:
    """What names a workflow must not mean two of them [WF13]."""
    text = nodes("  a: {uses: delay, with: {for: 1s}}\n")
    name = "abcdef01-0000-7000-8000-000000000001"
    found = [str(each) for each in problems(text.replace("name: test", f"name: {name}"))]
    assert len(found) == 1
    assert "has the form of an id" in found[0]

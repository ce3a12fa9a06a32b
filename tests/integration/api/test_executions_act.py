# SPDX-License-Identifier: Apache-2.0
"""Executions over HTTP, on a real server on both databases: started, told, answered, made again."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests import services
from tests.integration.api.people import paths, said
from tests.integration.api.stage import ASK, FINAL, SAY, Stage, stage_in
from tests.integration.api.visitor import Visitor

UNKNOWN = "01900000-0000-7000-8000-000000000404"
WAIT = {"Prefer": "wait=30"}
LONG = """
legato: 1
name: {name}
nodes:
  nap: {{uses: shell.run, effect: pure, with: {{program: sleep, args: ["60"]}}}}
"""
PARKS = """
legato: 1
name: {name}
nodes:
  nap: {{uses: shell.run, timeout: 100ms, with: {{program: sleep, args: ["60"]}}}}
  after: {{needs: [nap], uses: data.transform, with: {{value: "${{{{ nodes.nap.output }}}}"}}}}
outputs: {{seen: "${{{{ nodes.after.output }}}}"}}
"""
FORM = """
legato: 1
name: {name}
nodes:
  fill:
    uses: human.form
    with: {{message: "How much?", schema: {{amount: integer}}}}
outputs: {{got: "${{{{ nodes.fill.output }}}}"}}
"""
SIGNAL = """
legato: 1
name: {name}
nodes:
  go: {{uses: wait.signal, with: {{name: go}}}}
outputs: {{got: "${{{{ nodes.go.output }}}}"}}
"""
CHAIN = """
legato: 1
name: {name}
inputs: {{word: {{type: string, default: a}}}}
nodes:
  a: {{uses: data.transform, with: {{value: "${{{{ inputs.word }}}}"}}}}
  b: {{needs: [a], uses: data.transform, with: {{value: "${{{{ nodes.a.output + 'b' }}}}"}}}}
  c: {{needs: [b], uses: data.transform, with: {{value: "${{{{ nodes.b.output + 'c' }}}}"}}}}
outputs: {{all: "${{{{ nodes.c.output }}}}"}}
"""
HOLDS = """
legato: 1
name: {name}
overlap: {{policy: {policy}, max: 1}}
nodes:
  ask: {{uses: human.approval, with: {{message: "Go on?"}}}}
"""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One server for all tests here; each has workflows of its own."""
    folder = tmp_path_factory.mktemp("stage")
    if request.param == "sqlite":
        with stage_in(folder) as made:
            yield made
        return
    server = request.getfixturevalue("postgres_server")
    with (
        services.database(server) as url,
        stage_in(folder, LEGATO_DATABASE_URL=url) as made,
    ):
        yield made


def start(stage: Stage, name: str, value: Any = None, **headers: str) -> Any:
    """Start what is published and return the answer."""
    path = f"/workflows/{name}/executions"
    return stage.owner.call("POST", path, {} if value is None else value, **headers)


def asked(stage: Stage, text: str = ASK) -> str:
    """Return a run that waits for a person."""
    run = stage.run(stage.workflow(text))
    stage.until(run, "waiting")
    return run


def parked(stage: Stage) -> str:
    """Return a run whose node needs a person."""
    run = stage.run(stage.workflow(PARKS))
    stage.until(run, "needs_attention")
    return run


def test_a_start_is_answered_when_it_is_durable_and_waits_for_the_end_if_asked(
    stage: Stage,
) -> None:
    """202 with its place and itself as it was taken in; 200 at its end [XW8, XW9, XW10]."""
    name = stage.workflow()
    answer = start(stage, name, {"inputs": {"word": "hi"}})
    body = answer.json()
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/executions/{body['id']}"
    assert (body["status"], body["head_seq"], answer.headers["etag"]) == ("queued", 0, '"0"')
    assert (body["inputs"], body["outputs"], body["version"]) == ({"word": "hi"}, None, 1)
    assert body["trigger"] == {"kind": "api", "id": None, "scheduled_at": None}
    stage.until(body["id"], "completed")
    answer = start(stage, name, **WAIT)
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (body["status"], body["outputs"]) == ("completed", {"said": "hello"})
    assert answer.headers["etag"] == f'"{body["head_seq"]}"' != '"0"'
    assert answer.headers["preference-applied"] == "wait=30"
    late = start(stage, stage.workflow(ASK), Prefer="wait=1")
    assert (late.status_code, late.json()["status"]) == (202, "queued")


def test_what_cannot_start_says_where_it_is_wrong_and_nothing_of_what_was_sent(
    stage: Stage,
) -> None:
    """Unknown workflow, version, input, nothing published [XW7, XW8]."""
    name = stage.workflow()
    assert said(start(stage, "nowhere")) == (404, "not_found")
    assert said(start(stage, name, {"version": 7})) == (404, "not_found")
    answer = start(stage, name, {"inputs": {"word": 4711, "canary": 1}})
    assert sorted(paths(answer)) == ["/inputs/canary", "/inputs/word"]
    assert "4711" not in answer.text
    assert paths(start(stage, name, {"input": {}})) == ["/input"]
    text = SAY.format(name=f"{name}-draft")
    assert stage.owner.call("POST", "/workflows", {"source": text}).status_code == 201
    assert said(start(stage, f"{name}-draft")) == (409, "not_published")


def test_of_many_requests_with_one_key_one_starts_an_execution(stage: Stage) -> None:
    """At once and later, to the byte; with another body it is refused [XW11]."""
    name = stage.workflow()
    value = {"inputs": {"word": "once"}}

    def send(_: int) -> tuple[int, str, str]:
        answer = start(stage, name, value, Idempotency_Key="k1")
        return answer.status_code, answer.text, answer.headers.get("idempotency-replayed", "")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(send, range(16)))
    assert Counter(each[2] for each in found) == {"": 1, "true": 15}
    assert {each[:2] for each in found} == {found[0][:2]}
    other = start(stage, name, {"inputs": {"word": "other"}}, Idempotency_Key="k1")
    assert said(other) == (422, "idempotency_mismatch")
    assert (
        start(stage, name, value, Idempotency_Key="k2").json()["id"]
        != json.loads(found[0][1])["id"]
    )
    first = start(stage, name, value, Idempotency_Key="k3", **WAIT)
    again = start(stage, name, value, Idempotency_Key="k3", **WAIT)
    assert (first.status_code, again.status_code, again.text) == (200, 200, first.text)
    bad = start(stage, name, {"inputs": {"word": 1}}, Idempotency_Key="k4")
    assert bad.status_code == 422
    good = start(stage, name, {"inputs": {"word": "w"}}, Idempotency_Key="k4")
    assert good.status_code == 202


def test_the_rule_about_overlaps_is_decided_at_the_door(stage: Stage) -> None:
    """Skip is refused, a key that was used is answered before; queue waits its turn [XW12]."""
    name = stage.workflow(HOLDS, policy="skip")
    first = start(stage, name, Idempotency_Key="held")
    assert first.status_code == 202
    assert said(start(stage, name)) == (409, "overlap_skipped")
    again = start(stage, name, Idempotency_Key="held")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    name = stage.workflow(HOLDS, policy="queue")
    one, two = stage.run(name), stage.run(name)
    stage.until(one, "waiting")
    assert stage.status(two)["detail"] == "queued"
    assert stage.act(two, "cancel").status_code in {200, 202}
    stage.until(two, "cancelled")
    assert stage.act(one, "cancel").status_code == 200


def test_cancel_stops_work_within_two_seconds(stage: Stage) -> None:
    """It is taken before it is answered, and a second one is no fault [XW15]."""
    run = stage.run(stage.workflow(LONG))
    stage.until(run, "running")
    answer = stage.act(run, "cancel", {"reason": "typo"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] in {"running", "cancelled"}
    second = stage.act(run, "cancel")
    assert second.status_code in {200, 409}
    assert stage.until(run, "cancelled")["status"] == "failed"
    assert said(stage.act(run, "cancel")) == (409, "illegal_state")
    assert stage.act(run, "cancel", {"because": 1}).status_code == 422


def test_pause_and_resume_answer_when_they_are_taken(stage: Stage) -> None:
    """What is not possible is a conflict, and says so [XW15, XW16]."""
    run = asked(stage)
    assert said(stage.act(run, "resume")) == (409, "illegal_state")
    answer = stage.act(run, "pause", {"reason": "lunch"})
    assert (answer.status_code, answer.json()["status"]) == (200, "paused")
    assert said(stage.act(run, "pause")) == (409, "illegal_state")
    assert stage.status(run)["detail"] == "paused"
    answer = stage.act(run, "resume")
    assert (answer.status_code, answer.json()["status"]) == (200, "waiting")


def test_of_two_people_who_answer_at_once_one_decides_and_the_other_hears_it(
    stage: Stage,
) -> None:
    """Also if one person answers twice: exactly one answer is taken [XW1, XW17]."""
    ann, ben = stage.member("operator"), stage.member("editor")
    for people in ((ann, ben), (ann, ann)):
        for _ in range(3):
            run = asked(stage)

            def answer(who: Visitor, decision: str, run: str = run) -> tuple[int, str]:
                value = {"decision": decision, "comment": decision}
                return said(who.call("POST", f"/executions/{run}/approvals/ask", value))

            with ThreadPoolExecutor(2) as pool:
                found = list(pool.map(answer, people, ("approve", "reject")))
            assert sorted(found) == [(200, ""), (409, "already_decided")]
            stage.until(run, "completed")
            winner = ("approve", "reject")[found.index((200, ""))]
            final = stage.act(run, "fork", {"from_node": "after"}, **WAIT).json()
            assert final["outputs"]["answer"]["comment"] == winner
            by = people[found.index((200, ""))].call("GET", "/auth/me").json()["id"]
            assert final["outputs"]["answer"]["by"] == by
            late = ben.call("POST", f"/executions/{run}/approvals/ask", {"decision": "approve"})
            assert said(late) in {(409, "already_decided"), (409, "illegal_state")}


def test_a_form_is_checked_by_its_fields_before_it_is_taken(stage: Stage) -> None:
    """What does not fit is said by its place, and the form waits on [XW7, XW17]."""
    run = asked(stage, FORM)
    path = "approvals/fill"
    wrong = {"decision": "approve", "data": {"amount": "canary-many"}}
    answer = stage.act(run, path, wrong)
    assert paths(answer) == ["/data/amount"]
    assert "canary" not in answer.text
    assert paths(stage.act(run, path, {"decision": "approve"})) == ["/data"]
    assert paths(stage.act(run, path, {**wrong, "item": 1})) == ["/item"]
    assert paths(stage.act(run, path, {"decision": "maybe"})) == ["/decision"]
    assert said(stage.act(run, "approvals/nosuch", wrong)) == (404, "not_found")
    assert stage.act(run, path, {"decision": "approve", "data": {"amount": 5}}).status_code == 200
    assert stage.until(run, "completed")["phases"][0]["status"] == "completed"


def test_a_signal_reaches_the_node_that_waits_or_is_kept(stage: Stage) -> None:
    """With a key it is given once [XW11, XW18]."""
    run = asked(stage, SIGNAL)
    assert stage.act(run, "signals/other", Idempotency_Key="s").status_code == 200
    assert paths(stage.act(run, "signals/go", {"payload": 1})) == ["/payload"]
    first = stage.act(run, "signals/go", {"data": {"n": 1}}, Idempotency_Key="g")
    assert first.status_code == 200, first.text
    stage.until(run, "completed")
    again = stage.act(run, "signals/go", {"data": {"n": 1}}, Idempotency_Key="g")
    assert (again.status_code, again.text) == (200, first.text)
    assert said(stage.act(run, "signals/go", {"data": 1})) == (409, "illegal_state")


def test_a_parked_node_is_tried_again_left_out_or_settled_by_hand(stage: Stage) -> None:
    """By a reason, and with an output that its type could give [XW19]."""
    run = parked(stage)
    assert said(stage.act(run, "nodes/nosuch/skip")) == (404, "not_found")
    assert said(stage.act(run, "nodes/after/retry")) == (409, "illegal_state")
    assert said(stage.act(run, "nodes/nap/skip", {"item": 3})) == (409, "illegal_state")
    assert stage.act(run, "nodes/nap/retry", {"reason": "again"}).status_code == 200
    stage.until(run, "needs_attention")
    assert "/reason" in paths(stage.act(run, "nodes/nap/force", {"output": 1}))
    wrong = stage.act(run, "nodes/nap/force", {"reason": "seen", "output": {"canary-x": 1}})
    assert all(each.startswith("/output") for each in paths(wrong))
    output = {"exit_code": 0, "stdout": "out", "stderr": "", "truncated": False}
    answer = stage.act(run, "nodes/nap/force", {"reason": "seen", "output": output})
    assert answer.status_code == 200, answer.text
    stage.until(run, "completed")
    run = parked(stage)
    assert stage.act(run, "nodes/nap/skip").status_code == 200
    assert stage.until(run, "completed", "failed")["phases"][0]["status"] == "completed"
    run = parked(stage)
    failed = {"reason": "it bounced", "outcome": "failed"}
    assert stage.act(run, "nodes/nap/force", failed).status_code == 200
    found = stage.until(run, "failed")
    assert "it bounced" in found["detail"]
    answer = stage.act(run, "retry", Idempotency_Key="r")
    assert answer.status_code == 202, answer.text
    assert answer.json()["forked_from"] == run
    assert stage.act(run, "retry", Idempotency_Key="r").json()["id"] == answer.json()["id"]


def test_a_fork_keeps_what_is_before_and_takes_edited_outputs_and_inputs(stage: Stage) -> None:
    """A new execution of the same workflow; what is wrong is named by its place [XW24, XW25]."""
    name = stage.workflow(CHAIN)
    first = start(stage, name, **WAIT).json()
    run = first["id"]
    assert first["outputs"] == {"all": "abc"}
    edited = stage.act(run, "fork", {"edits": {"outputs": {"b": "X"}}}, **WAIT)
    assert (edited.status_code, edited.json()["outputs"]) == (200, {"all": "Xc"})
    assert (edited.json()["forked_from"], edited.json()["workflow_id"]) == (
        run, first["workflow_id"],
    )  # fmt: skip
    again = stage.act(
        run, "fork", {"from_node": "a", "edits": {"inputs": {"word": "z"}}}, **WAIT
    ).json()
    assert again["outputs"] == {"all": "zbc"}
    assert paths(stage.act(run, "fork", {})) == ["/from_node"]
    assert paths(stage.act(run, "fork", {"from_node": "q"})) == ["/from_node"]
    assert paths(stage.act(run, "fork", {"edits": {"outputs": {"q": 1}}})) == ["/edits/outputs/q"]
    wrong = {"from_node": "a", "edits": {"inputs": {"word": 1}}}
    assert paths(stage.act(run, "fork", wrong)) == ["/edits/inputs/word"]
    assert paths(stage.act(run, "fork", {"from_node": "a", "version": 9})) == ["/version"]
    assert said(stage.act(run, "retry")) == (409, "illegal_state")
    waiting = asked(stage)
    assert said(stage.act(waiting, "retry")) == (409, "illegal_state")
    assert stage.act(run, "fork", {"from_node": "c", "version": 1}).status_code == 202


def test_a_draft_is_run_whole_until_a_node_or_one_node_alone(stage: Stage) -> None:
    """With pins in place of nodes; as a test, which makes no version [XW20, XW21, XW22, XW23]."""
    name = stage.workflow(CHAIN)
    path = f"/workflows/{name}/draft/executions"
    owner = stage.owner

    def run(**value: Any) -> Any:
        return owner.call("POST", path, {"revision": 1, **value}, **WAIT)

    def phases(answer: Any) -> dict[str, str]:
        found = owner.call("GET", f"/workflows/{name}").json()
        assert found["version"] == 1
        body = answer.json()
        assert (answer.status_code, body["status"], body["is_test"]) == (200, "completed", True)
        assert (body["version"], body["workflow_id"]) == (None, found["id"])
        return {each["node_id"]: each["started_at"] for each in stage.status(body["id"])["phases"]}

    assert run().json()["outputs"] == {"all": "abc"}
    until = phases(run(until="b"))
    assert [until[each] is None for each in "abc"] == [False, False, True]
    assert paths(run(only="b")) == ["/only"]
    only = phases(run(only="b", pins={"a": "P"}))
    assert [only[each] is None for each in "abc"] == [False, False, True]
    assert owner.call("PUT", f"/workflows/{name}/pins/b", {"output": "Q"}).status_code < 300
    assert run(pins=["b"]).json()["outputs"] == {"all": "Qc"}
    pinned = phases(run(until="c", pins=True))
    assert [pinned[each] is None for each in "abc"] == [True, False, False]
    assert paths(run(pins=["a"])) == ["/pins/0"]
    assert paths(run(pins=["zz"])) == ["/pins/0"]
    assert paths(run(until="zz")) == ["/until"]
    assert paths(run(until="a", only="b")) == ["/only"]
    assert said(owner.call("POST", path, {"revision": 9})) == (409, "draft_conflict")
    either = start(stage, name, {"draft_revision": 1, "until": "a"})
    assert (either.status_code, either.json()["is_test"]) == (202, True)
    published = start(stage, name, {"version": 1, "only": "a"}).json()
    assert (published["version"], published["is_test"]) == (1, True)
    operator = stage.member("operator")
    for value in ({"draft_revision": 1}, {"pins": True}, {"until": "a"}):
        answer = operator.call("POST", f"/workflows/{name}/executions", value)
        assert said(answer) == (403, "forbidden")
    assert operator.call("POST", f"/workflows/{name}/executions", {}).status_code == 202


def test_every_deed_is_in_the_audit_with_who_did_it(stage: Stage) -> None:
    """A person or a key; the event names the user [XW14]."""
    key = stage.owner.call(
        "POST", "/auth/api-keys", {"name": "k", "scopes": ["execution:run", "workflow:read"]}
    ).json()
    run = asked(stage)
    machine = Visitor(stage.serving)
    machine.access = key["key"]
    value = {"decision": "approve"}
    answer = machine.call("POST", f"/executions/{run}/approvals/ask", value)
    assert answer.status_code == 200, answer.text
    rows: list[Any] = []
    pause = threading.Event()
    for _ in range(100):  # a row is sealed within a second
        rows = stage.owner.call("GET", "/audit?limit=50").json()["items"]
        if any(
            each["action"] == "execution.approve" and each["target"]["id"] == run for each in rows
        ):
            break
        pause.wait(0.05)
    mine = {each["action"]: each for each in rows if each["target"]["id"] == run}
    assert mine.keys() == {"execution.start", "execution.approve"}
    assert mine["execution.start"]["actor"]["kind"] == "user"
    assert mine["execution.approve"]["actor"] == {"kind": "api_key", "id": key["id"]}
    assert mine["execution.approve"]["data"] == {"node": "ask", "decision": "approve"}
    me = stage.owner.call("GET", "/auth/me").json()["id"]
    forked = stage.act(run, "fork", {"from_node": "after"}, **WAIT).json()
    assert forked["outputs"]["answer"]["by"] == me


def test_everything_of_another_workspace_is_not_there(stage: Stage) -> None:
    """In a path or in a body [XW6]."""
    run, name = asked(stage), stage.workflow()
    made = stage.owner.call("POST", "/workspaces", {"name": f"Other {name}"}).json()
    there = {"Legato_Workspace": made["id"]}
    for what in ("cancel", "pause", "resume", "retry", "signals/go", "nodes/ask/skip"):
        assert said(stage.act(run, what, **there)) == (404, "not_found")
    assert said(stage.act(run, "fork", {"from_node": "ask"}, **there)) == (404, "not_found")
    answer = stage.owner.call("POST", f"/workflows/{name}/executions", {}, **there)
    assert said(answer) == (404, "not_found")
    assert said(stage.act(UNKNOWN, "cancel")) == (404, "not_found")
    assert stage.status(run)["detail"] not in FINAL

# SPDX-License-Identifier: Apache-2.0
"""Executions are read over HTTP, from a real server on both databases."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests import services
from tests.integration.api.people import said
from tests.integration.api.reading import LARGE, LISTS, TALKS
from tests.integration.api.stage import ASK, SAY, Stage, stage_in
from tests.integration.api.visitor import Visitor

UNKNOWN = "01900000-0000-7000-8000-000000000404"


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


def get(stage: Stage, path: str, who: Visitor | None = None, **headers: str) -> Any:
    """Return the body of what must be there."""
    answer = (who or stage.owner).call("GET", path, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[str]:
    """Return which executions a page has."""
    return [each["id"] for each in page["items"]]


def test_an_execution_is_what_was_committed_before(stage: Stage) -> None:
    """Body, tag and 304; what changed a moment ago is there [XR20, XR22]."""
    name = stage.workflow(ASK)
    run = stage.run(name)
    stage.until(run, "waiting")
    answer = stage.owner.call("GET", f"/executions/{run}")
    found, tag = answer.json(), answer.headers["etag"]
    assert tag == f'"{found["head_seq"]}"'
    assert (found["id"], found["workflow_slug"], found["version"]) == (run, name, 1)
    assert (found["status"], found["outputs"], found["error"]) == ("waiting", None, None)
    assert found["waiting_for"] == [{"node": "ask", "waits_for": "approval"}]
    assert found["trigger"] == {"kind": "api", "id": None, "scheduled_at": None}
    assert (found["owner"], found["unattended"], found["is_test"]) == ("alive", False, False)
    again = stage.owner.call("GET", f"/executions/{run}", If_None_Match=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    answer = stage.act(run, "approvals/ask", {"decision": "approve"})
    assert answer.status_code == 200, answer.text
    later = stage.owner.call("GET", f"/executions/{run}", If_None_Match=tag)
    assert later.status_code == 200
    assert later.json()["head_seq"] > found["head_seq"]
    stage.until(run, "completed")
    ended = get(stage, f"/executions/{run}")
    assert ended["outputs"]["answer"]["approved"] is True
    assert ended["completed_at"] is not None
    assert (ended["waiting_for"], ended["owner"]) == ([], "none")


def actions(body: Any) -> dict[str, bool]:
    """Return which actions are allowed."""
    return {each["action"]: each["allowed"] for each in body["allowed_actions"]}


def test_what_may_be_done_depends_on_state_and_role(stage: Stage) -> None:
    """Each action says whether, and if not why [XR22]."""
    run = stage.run(stage.workflow(ASK))
    stage.until(run, "waiting")
    viewer, operator = stage.member("viewer"), stage.member("operator")
    path = f"/executions/{run}"
    open_ = actions(get(stage, path, operator))
    assert [name for name, is_allowed in open_.items() if is_allowed] == [
        "cancel", "pause", "fork", "signal", "approve", "compare", "export",
    ]  # fmt: skip
    seen = get(stage, path, viewer)["allowed_actions"]
    assert [each["action"] for each in seen if each["allowed"]] == ["compare", "export"]
    assert {each["reason"] for each in seen if not each["allowed"]} == {
        "Your role or key does not allow this."
    }
    assert stage.act(run, "cancel").status_code in {200, 202}
    stage.until(run, "cancelled")
    ended = actions(get(stage, path))
    assert (ended["cancel"], ended["retry"], ended["fork"], ended["purge"]) == (
        False, True, True, True,
    )  # fmt: skip


def test_the_past_is_what_the_log_says_up_to_an_event(stage: Stage) -> None:
    """Each seq shows its own state; nothing can be done there [XR23]."""
    run = stage.run(stage.workflow(SAY), {"word": "now"})
    stage.until(run, "completed")
    head = get(stage, f"/executions/{run}")["head_seq"]
    seen = [get(stage, f"/executions/{run}?at_seq={seq}") for seq in range(1, head + 1)]
    assert [each["nodes"][0]["status"] for each in seen] == [
        "pending", "running", "completed", "completed",
    ]  # fmt: skip
    assert [each["status"] for each in seen] == ["running", "running", "running", "completed"]
    assert [each["outputs"] for each in seen[:-1]] == [None] * 3
    assert seen[-1]["outputs"] == {"said": "now"}
    assert {each["head_seq"] for each in seen} == {head}
    assert all(each["allowed_actions"] == [] for each in seen)
    for wrong in (0, head + 1, "x"):
        answer = stage.owner.call("GET", f"/executions/{run}?at_seq={wrong}")
        assert answer.json()["errors"][0]["path"] == "/query/at_seq"
    assert said(stage.owner.call("GET", f"/executions/{run}?at_seq=1&at_seq=2"))[0] == 422


def test_a_large_value_is_named_and_read_piece_by_piece(stage: Stage) -> None:
    """By reference in the body, by pointers beside it [XR24, XR26]."""
    rows = [{"id": number, "text": "x" * 900} for number in range(150)]
    run = stage.run(stage.workflow(LARGE), {"rows": rows})
    stage.until(run, "completed")
    body = get(stage, f"/executions/{run}")
    for name in ("inputs", "outputs"):
        assert set(body[name]) == {"$ref", "size", "sha256"}
        assert body[name]["size"] > 64 * 1024
    whole = get(stage, f"/executions/{run}/outputs")
    assert (whole["type"], whole["is_cut"], whole["value"]) == ("object", True, None)
    assert [part["key"] for part in whole["parts"]] == ["rows"]
    cut = get(stage, f"/executions/{run}/outputs?pointer=/rows")
    assert (cut["type"], cut["count"], len(cut["parts"])) == ("array", 150, 100)
    more = get(stage, f"/executions/{run}/outputs?pointer=/rows&after=100")
    assert [part["key"] for part in more["parts"]] == [str(number) for number in range(100, 150)]
    one = get(stage, f"/executions/{run}/inputs?pointer=/rows/149/id")
    assert (one["value"], one["type"], one["is_cut"]) == (149, "integer", False)
    node = get(stage, f"/executions/{run}/nodes/keep?pointer=/149/text")
    assert node["output"]["value"] == "x" * 900
    assert node["output_size"] > 64 * 1024
    for pointer in ("/nothing", "/rows/150", "/rows/-1", "/rows/01", "/rows/0/id/x"):
        path = f"/executions/{run}/outputs?pointer={pointer}"
        assert said(stage.owner.call("GET", path)) == (404, "not_found")
    assert said(stage.owner.call("GET", f"/executions/{run}/outputs?pointer=rows"))[0] == 422


def test_a_node_shows_its_tries_and_what_it_was_given(stage: Stage) -> None:
    """The `with` block as written and as evaluated then [XR25, XR27]."""
    run = stage.run(stage.workflow(TALKS), {"word": "you"})
    stage.until(run, "waiting")
    talk = get(stage, f"/executions/{run}/nodes/talk")
    (only,) = talk["attempts"]
    assert (only["attempt"], only["outcome"], only["error"]) == (1, "completed", None)
    assert only["started_at"] <= only["ended_at"]
    assert (talk["status"], talk["phase_number"], talk["needs"]) == ("completed", 1, [])
    assert talk["input"]["value"]["program"] == "sh"
    ask = get(stage, f"/executions/{run}/nodes/ask")
    assert ask["input"]["written"] == {"message": "Go on with ${{ inputs.word }}?"}
    assert ask["input"]["value"] == {"message": "Go on with you?"}
    assert (ask["status"], ask["wait"], ask["output"]) == ("waiting", "approval", None)
    last = get(stage, f"/executions/{run}/nodes/last")
    assert (last["input"]["value"], last["input"]["why"]) == (None, "not_begun")
    every = get(stage, f"/executions/{run}/nodes")
    assert [each["node"] for each in every["nodes"]] == ["talk", "ask", "last"]
    assert said(stage.owner.call("GET", f"/executions/{run}/nodes/no")) == (404, "not_found")


def test_items_are_paged_by_what_they_do(stage: Stage) -> None:
    """By rising index, with the error of each that failed [XR25, XR27]."""
    run = stage.run(stage.workflow(LISTS))
    stage.until(run, "completed")
    path = f"/executions/{run}/nodes/each"
    first = get(stage, f"{path}/items?limit=3")
    assert [each["item"] for each in first["items"]] == [0, 1, 2]
    rest = get(stage, f"{path}/items?limit=3&cursor={first['next_cursor']}")
    assert ([each["item"] for each in rest["items"]], rest["next_cursor"]) == ([3], None)
    (failed,) = get(stage, f"{path}/items?state=failed")["items"]
    assert (failed["item"], failed["error"]["kind"]) == (2, "expression_error")
    done = get(stage, f"{path}/items?state=completed")["items"]
    assert [each["item"] for each in done] == [0, 1, 3]
    one = get(stage, f"{path}?item=3")
    assert (one["output"]["value"], one["input"]["value"]) == (3, {"value": 3})
    assert one["items"] == {
        "total": 4, "running": 0, "completed": 3, "failed": 1, "retrying": 0,
        "needs_attention": 0,
    }  # fmt: skip
    assert said(stage.owner.call("GET", f"{path}?item=4")) == (404, "not_found")
    assert said(stage.owner.call("GET", f"{path}/items?state=lost"))[0] == 422
    cursor = first["next_cursor"]
    other = stage.owner.call("GET", f"{path}/items?state=failed&cursor={cursor}")
    assert said(other) == (422, "cursor_invalid")


def test_lines_are_followed_by_their_cursor(stage: Stage) -> None:
    """What comes later follows the cursor of before; the end is said [XR28, XR1]."""
    run = stage.run(stage.workflow(TALKS))
    stage.until(run, "waiting")
    path = f"/executions/{run}/logs"
    first = get(stage, f"{path}?limit=1")
    assert [(each["node"], each["text"]) for each in first["items"]] == [("talk", "one")]
    assert (first["items"][0]["level"], first["is_final"]) == ("stderr", False)
    rest = get(stage, f"{path}?limit=1&cursor={first['next_cursor']}")
    assert [each["text"] for each in rest["items"]] == ["two"]
    assert get(stage, f"{path}?limit=1&cursor={rest['next_cursor']}")["items"] == []
    assert len(get(stage, f"{path}?node=talk&attempt=1")["items"]) == 2
    assert get(stage, f"{path}?node=talk&attempt=2")["items"] == []
    assert get(stage, f"{path}?node=ask")["items"] == []
    stage.act(run, "approvals/ask", {"decision": "reject"})
    stage.until(run, "completed")
    end = get(stage, f"{path}?limit=1&cursor={rest['next_cursor']}")
    assert (end["items"], end["is_final"]) == ([], True)


def test_events_are_paged_with_none_missing(stage: Stage) -> None:
    """One public event per seq, with head, epoch and whether it was the last [XR32, XR30]."""
    run = stage.run(stage.workflow(SAY))
    stage.until(run, "completed")
    path = f"/executions/{run}/events"
    whole = get(stage, path)
    assert [each["seq"] for each in whole["items"]] == [1, 2, 3, 4]
    assert (whole["head_seq"], whole["epoch"], whole["final"]) == (4, 1, True)
    assert [each["type"] for each in whole["items"]] == [
        "ExecutionStarted", "AttemptStarted", "NodeCompleted", "ExecutionEnded",
    ]  # fmt: skip
    assert all(each["v"] == 1 for each in whole["items"])
    part = get(stage, f"{path}?after=1&limit=2")
    assert part["items"] == whole["items"][1:3]
    assert get(stage, f"{path}?after=4")["items"] == []
    assert said(stage.owner.call("GET", f"{path}?after=-1"))[0] == 422


def test_lists_are_filtered_searched_and_paged(stage: Stage) -> None:
    """Every filter, with cursors bound to them, and nothing unknown [XR10, XR11, XR13]."""
    name = stage.workflow(SAY)
    runs = [stage.run(name, {"word": f"needle{number} hay"}) for number in range(3)]
    for run in runs:
        stage.until(run, "completed")
    mine = f"workflow={name}"
    first = get(stage, f"/executions?{mine}&limit=2")
    assert (ids(first), first["searched_through"]) == (runs[:0:-1], None)
    cursor = first["next_cursor"]
    assert ids(get(stage, f"/executions?{mine}&limit=2&cursor={cursor}")) == runs[:1]
    wrong = stage.owner.call("GET", f"/executions?limit=2&cursor={cursor}")
    assert said(wrong) == (422, "cursor_invalid")
    one = get(stage, f"/executions?{mine}&version=1&trigger=api&status=completed&q=needle1")
    assert ids(one) == runs[1:2]
    workflow = one["items"][0]["workflow_id"]
    assert ids(get(stage, f"/executions?workflow={workflow}")) == runs[::-1]
    assert ids(get(stage, f'/executions?{mine}&q="needle2 hay"')) == runs[2:]
    assert ids(get(stage, f'/executions?{mine}&q="hay needle2"')) == []
    value = "value=inputs.word:needle0 hay&value=outputs.said:needle0 hay"
    assert ids(get(stage, f"/executions?{mine}&{value}")) == runs[:1]
    assert ids(get(stage, f"/executions?{mine}&status=failed,cancelled")) == []
    assert ids(get(stage, f"/executions?{mine}&version=2")) == []
    assert ids(get(stage, "/executions?workflow=nothing")) == []
    after = get(stage, f"/executions/{runs[1]}")["created_at"].replace("+", "%2B")
    assert ids(get(stage, f"/executions?{mine}&created_after={after}")) == runs[:0:-1]
    assert ids(get(stage, f"/executions?{mine}&created_before={after}")) == runs[:1]
    for bad in ("status=gone", "what=1", "limit=201", "value=x", "q=", f"{mine}&{mine}",
                "value=a:1&value=b:1&value=c:1&value=d:1", "created_after=today"):  # fmt: skip
        assert said(stage.owner.call("GET", f"/executions?{bad}"))[0] == 422, bad


def test_two_runs_of_one_workflow_are_compared(stage: Stage) -> None:
    """With where they part; of two workflows it is no comparison [XR40]."""
    name = stage.workflow(SAY)
    one, other = stage.run(name, {"word": "a"}), stage.run(name, {"word": "b"})
    for run in (one, other):
        stage.until(run, "completed")
    found = get(stage, f"/executions/{one}/compare/{other}")
    assert (found["one"], found["other"], found["first_difference"]) == (one, other, "say")
    assert (found["same_version"], found["same_inputs"]) == (True, False)
    assert found["nodes"][0]["differs"] == ["input", "output"]
    assert get(stage, f"/executions/{one}/compare/{one}")["first_difference"] is None
    foreign = stage.run(stage.workflow(SAY))
    path = f"/executions/{one}/compare"
    assert said(stage.owner.call("GET", f"{path}/{foreign}")) == (422, "invalid")
    assert said(stage.owner.call("GET", f"{path}/{UNKNOWN}")) == (404, "not_found")


def test_an_export_is_whole_and_audited(stage: Stage) -> None:
    """One document with events, lines, payloads and what is left out [XR41, XR42]."""
    run = stage.run(stage.workflow(LARGE), {"rows": ["x" * 1000] * 100})
    stage.until(run, "completed")
    answer = stage.owner.call("GET", f"/executions/{run}/export")
    document = answer.json()
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert (document["format"], document["execution"]["execution_id"]) == ("legato-execution", run)
    assert [each["seq"] for each in document["events"]] == [1, 2, 3, 4]
    assert (len(document["payloads"]), document["left_out"]) == (2, [])
    bare = get(stage, f"/executions/{run}/export?payload_bytes=0")
    assert (bare["payloads"], len(bare["left_out"])) == ({}, 2)
    pause, targets = threading.Event(), []
    for _ in range(100):  # rows are sealed within a second
        rows = get(stage, "/audit?action=export")["items"]
        targets = [each["target"] for each in rows if each["target"]["id"] == run]
        if len(targets) == 2:
            break
        pause.wait(0.05)
    assert targets == [{"kind": "execution", "id": run}] * 2


def test_the_inbox_has_what_waits_for_a_person(stage: Stage) -> None:
    """With what is asked; an answer takes it out [XR43]."""
    run = stage.run(stage.workflow(TALKS), {"word": "it"})
    stage.until(run, "waiting")
    (mine,) = [each for each in get(stage, "/approvals")["items"] if each["execution_id"] == run]
    assert (mine["node"], mine["kind"], mine["request"]) == (
        "ask", "approval", {"message": "Go on with it?"},
    )  # fmt: skip
    assert get(stage, "/approvals?state=waiting")["count"] >= 1
    stage.act(run, "approvals/ask", {"decision": "approve"})
    stage.until(run, "completed")
    left = get(stage, "/approvals")["items"]
    assert run not in [each["execution_id"] for each in left]
    assert said(stage.owner.call("GET", "/approvals?state=gone"))[0] == 422


def test_nothing_of_another_workspace_is_read(stage: Stage) -> None:
    """Neither by id, nor as the other of a comparison, nor by a filter [XR44]."""
    run = stage.run(stage.workflow(SAY), {"word": "elsewhere"})
    stage.until(run, "completed")
    made = stage.owner.call("POST", "/workspaces", {"slug": "apart", "name": "Apart"})
    assert made.status_code in {201, 409}, made.text
    there: dict[str, Any] = {"Legato_Workspace": "apart"}
    unknown = stage.owner.call("GET", f"/executions/{UNKNOWN}", **there).json()
    for part in ("", "/events", "/nodes", "/nodes/say", "/logs", "/export", "/inputs"):
        answer = stage.owner.call("GET", f"/executions/{run}{part}", **there)
        assert {**answer.json(), "request_id": ""} == {**unknown, "request_id": ""}
    for path in ("/executions", "/executions?q=elsewhere", f"/executions?parent={run}",
                 "/executions?value=word:elsewhere", "/approvals"):  # fmt: skip
        assert get(stage, path, **there)["items"] == []


def test_a_secret_shows_nowhere(stage: Stage) -> None:
    """Only its name: in bodies, nodes, events, lines, exports and searches [XR31]."""
    canary = "k4nari-Vogel-lesen-77"
    (stage.site.home / "secrets.toml").write_text(f'reading = "{canary}"\n', encoding="utf-8")
    text = """
legato: 1
name: {name}
nodes:
  ask:
    uses: http.request
    effect: idempotent
    on_error: continue
    with:
      url: "http://127.0.0.1:9/x"
      headers: {{authorization: {{secret: reading}}}}
"""
    run = stage.run(stage.workflow(text))
    stage.until(run, "completed", "failed")
    seen = [
        stage.owner.call("GET", f"/executions/{run}{part}").text
        for part in ("", "/nodes", "/nodes/ask", "/events", "/logs", "/export", "?at_seq=3")
    ]
    assert not any(canary in each for each in seen)
    assert json.loads(seen[2])["input"]["written"]["headers"] == {
        "authorization": {"secret": "reading"}
    }
    assert ids(get(stage, f"/executions?q={canary}")) == []

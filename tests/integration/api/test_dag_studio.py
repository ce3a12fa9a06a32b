# SPDX-License-Identifier: Apache-2.0
"""The two routes of DAG Studio: what a client of theirs sends and gets, on both databases."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests import services
from tests.integration.api.people import paths, said
from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.integration.api.stage import ASK, Stage, stage_in
from tests.integration.api.visitor import Visitor

SAY = "data.transform"
GRAPH: dict[str, Any] = {
    "workflow_name": "Two phases",
    "nodes": [
        {
            "node_id": "phase-2",
            "phase_type": SAY,
            "label": "Second",
            "config": {"value": "${{ inputs.word }}"},
            "position": {"x": 10, "y": 20},
        },
        {"id": "1", "phase_type": SAY, "label": "First", "config": {"value": 1}},
        {"id": "plain", "phase_type": SAY, "label": "", "config": {"value": 2}},
    ],
    "edges": [
        {"id": "e1", "source": "1", "target": "phase-2"},
        {"source": "phase-2", "target": "plain"},
    ],
    "input": {"word": "hi"},
}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One server for all tests here."""
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


def execute(who: Visitor, value: Any, **headers: str) -> httpx2.Response:
    """Send a run as a client of DAG Studio does."""
    found = {name.replace("_", "-"): each for name, each in headers.items()}
    return httpx2.post(
        f"{who.serving.url}/api/workflow/execute",
        json=value,
        headers={"Authorization": f"Bearer {who.access}", **found},
        timeout=PATIENCE_S,
        verify=PLAIN,
    )


def test_what_is_published_runs_and_answers_in_their_words(stage: Stage) -> None:
    """200, the id as it was sent, and where to watch it [DS1, DS2]."""
    name = stage.workflow()
    answer = execute(stage.owner, {"workflow_id": name, "input": {"word": "x"}})
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert body == {
        "execution_id": body["execution_id"],
        "workflow_id": name,
        "status": "pending",
        "total_phases": 1,
        "websocket_url": f"/ws/workflow/{name}",
    }
    found = stage.until(body["execution_id"], "completed")
    assert found.keys() == {
        "execution_id", "workflow_id", "status", "phases", "created_at", "started_at",
        "completed_at", "detail",
    }  # fmt: skip
    (phase,) = found["phases"]
    assert (phase["node_id"], phase["phase_type"], phase["label"]) == ("say", SAY, "say")
    assert found["workflow_id"] == name
    assert all(found[each].endswith("+00:00") for each in ("created_at", "completed_at"))
    assert said(execute(stage.owner, {"workflow_id": "nowhere"})) == (404, "not_found")
    assert paths(execute(stage.owner, {"workflow_id": name, "input": {"word": 1}})) == [
        "/input/word"
    ]


def test_a_graph_makes_its_workflow_and_keeps_the_id_that_was_sent(stage: Stage) -> None:
    """Ids of phases may be any text; nothing is published by it [DS3, DS4, DS5, DS6]."""
    sent = "Graph 4711/ä"
    answer = execute(stage.owner, {"workflow_id": sent, **GRAPH})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["workflow_id"], body["total_phases"]) == (sent, 3)
    assert body["websocket_url"] == "/ws/workflow/Graph%204711%2F%C3%A4"
    found = stage.until(body["execution_id"], "completed")
    told = [(each["node_id"], each["label"], each["status"]) for each in found["phases"]]
    assert told == [
        ("1", "First", "completed"),
        ("phase-2", "Second", "completed"),
        ("plain", "plain", "completed"),
    ]
    assert found["workflow_id"] == sent
    again = execute(stage.owner, {"workflow_id": sent, **GRAPH})
    assert again.status_code == 200, again.text
    made = stage.owner.call("GET", "/workflows/two-phases").json()
    assert (made["version"], made["title"]) == (None, "Two phases")
    assert stage.owner.call("GET", "/workflows/two-phases/versions").json()["items"] == []
    assert said(execute(stage.owner, {"workflow_id": sent})) == (409, "not_published")


def test_a_graph_never_moves_what_is_published(stage: Stage) -> None:
    """It runs as a version of its own of a workflow that is there already [DS6]."""
    name = stage.workflow()
    answer = execute(stage.owner, {"workflow_id": name, **GRAPH})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total_phases"] == 3
    assert stage.owner.call("GET", f"/workflows/{name}").json()["version"] == 1
    plain = execute(stage.owner, {"workflow_id": name})
    assert plain.json()["total_phases"] == 1


def test_a_graph_takes_the_right_to_edit(stage: Stage) -> None:
    """Who may only start may not say what runs; nobody unknown gets that far [DS3]."""
    name = stage.workflow()
    operator, viewer = stage.member("operator"), stage.member("viewer")
    assert said(execute(operator, {"workflow_id": name, **GRAPH})) == (403, "forbidden")
    assert execute(operator, {"workflow_id": name}).status_code == 200
    assert said(execute(viewer, {"workflow_id": name})) == (403, "forbidden")
    nobody = Visitor(stage.serving)
    nobody.access = "x.y.z"
    assert said(execute(nobody, {"workflow_id": name, **GRAPH})) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"edges": [{"source": "1", "target": "q"}]}, "/edges/0/target"),
        ({"nodes": [{"phase_type": SAY}]}, "/nodes/0/node_id"),
        ({"nodes": [{"id": "a", "phase_type": SAY}] * 2, "edges": []}, "/nodes/0/node_id"),
        ({"nodes": [{"id": "a"}], "edges": []}, "/nodes/0/phase_type"),
        ({"nodes": [{"id": "a", "phase_type": "no.such"}], "edges": []}, "/nodes/a/uses"),
        ({"nodes": []}, "/edges/0/source"),
    ],
)
def test_what_is_no_graph_is_refused_by_its_place_and_leaves_nothing(
    stage: Stage, change: Any, where: str
) -> None:
    """No workflow is made of it [DS4]."""
    answer = execute(stage.owner, {"workflow_id": "broken graph", **GRAPH, **change})
    assert where in paths(answer)
    assert said(execute(stage.owner, {"workflow_id": "broken graph"})) == (404, "not_found")


def test_their_four_words_and_our_true_status_beside_them(stage: Stage) -> None:
    """Waiting and paused are running, cancelled is failed; `detail` says which [DS7, DS8]."""
    run = stage.run(stage.workflow(ASK))
    found = stage.until(run, "waiting")
    assert (found["status"], found["completed_at"]) == ("running", None)
    assert [each["status"] for each in found["phases"]] == ["running", "pending"]
    assert stage.act(run, "pause").status_code == 200
    assert (stage.status(run)["status"], stage.status(run)["detail"]) == ("running", "paused")
    assert stage.act(run, "cancel").status_code == 200
    found = stage.until(run, "cancelled")
    assert found["status"] == "failed"
    assert [each["status"] for each in found["phases"]] == ["failed", "pending"]


def test_an_unknown_run_is_not_found_in_their_words(stage: Stage) -> None:
    """As is one of another workspace [DS9]."""
    unknown = "01900000-0000-7000-8000-000000000404"
    run = stage.run(stage.workflow())
    made = stage.owner.call("POST", "/workspaces", {"name": "Other studio"}).json()
    for execution, more in ((unknown, {}), (run, {"Legato-Workspace": made["id"]})):
        answer = httpx2.get(
            f"{stage.serving.url}/api/workflow/status/{execution}",
            headers={"Authorization": f"Bearer {stage.owner.access}", **more},
            timeout=PATIENCE_S,
            verify=PLAIN,
        )
        assert (answer.status_code, answer.json()["detail"]) == (404, "Execution not found")


def test_a_key_runs_a_graph_once(stage: Stage) -> None:
    """As on every route that starts something [DS10]."""
    value = {"workflow_id": "keyed graph", **GRAPH}
    first = execute(stage.owner, value, Idempotency_Key="g")
    again = execute(stage.owner, value, Idempotency_Key="g")
    assert (first.status_code, again.text) == (200, first.text)
    assert again.headers["idempotency-replayed"] == "true"
    other = execute(stage.owner, {**value, "input": {}}, Idempotency_Key="g")
    assert said(other) == (422, "idempotency_mismatch")

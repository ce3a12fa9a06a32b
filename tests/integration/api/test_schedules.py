# SPDX-License-Identifier: Apache-2.0
"""Schedules over HTTP, and on servers that are killed at the worst moment."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from legato.model.cron import Cron
from tests.crash.cells import SERVING
from tests.integration.api.hooking import SHORT, SLOW, Sender, executions, only, publish, until
from tests.integration.api.house import House, house_in
from tests.integration.api.serving import Serving

MONDAYS = {
    "uses": "schedule.cron",
    "with": {"expression": "0 9 * * MON", "timezone": "Europe/Berlin"},
}
HOURLY: dict[str, Any] = {"uses": "schedule.cron", "with": {"expression": "0 * * * *"}}
MINUTE_MS = 60_000
DAY_MS = 86_400_000
DELAY_MS = 1_000
"""What an execution of `SHORT` waits: two that overlap end sooner after each other."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all tests here; each has names of its own."""
    names = ("WRITES", "READS", "STARTS", "REQUESTS")
    rates = {f"LEGATO_SERVER__RATES__{name}_PER_MINUTE": "100000" for name in names}
    with house_in(tmp_path_factory.mktemp("house"), **rates) as made:
        yield made


def this_minute(**more: Any) -> dict[str, Any]:
    """Return a schedule that falls due at this minute of each day: not again in a test."""
    return {
        "uses": "schedule.cron",
        "with": {"expression": time.strftime("%M %H * * *", time.gmtime()), **more},
    }


def make_due(house: House, workflow: str) -> int:
    """Have the tick of `this_minute` be due, which was before the publish; return it."""
    ((config,),) = house.town.select(f"SELECT config FROM triggers WHERE workflow = '{workflow}'")
    now = int(time.time() * 1000)
    (at,) = Cron(json.loads(config)["expression"]).latest(now - 2 * DAY_MS, now, 1)
    house.town.execute(f"UPDATE triggers SET next_at = {at} WHERE workflow = '{workflow}'")
    return at


def test_a_schedule_says_when_it_falls_due(house: House) -> None:
    """In words, with zone, and the next five times in it; a viewer may look [TR30]."""
    workflow = publish(house.owner, "mondays", MONDAYS)
    found = only(house.member("viewer"), "schedules", workflow)
    assert (found["workflow_slug"], found["trigger_id"]) == ("mondays", "cron1")
    assert found["words"] == "At 09:00 on Monday (Europe/Berlin)"
    assert len(found["next"]) == 5
    assert found["next_at"] == found["next"][0]["at"]
    listed = house.owner.call("GET", "/workflows?q=mondays").json()["items"]
    assert [each["next_at"] for each in listed] == [found["next_at"]]
    for each in found["next"]:
        assert "T09:00:00+0" in each["local"]
        assert each["words"].startswith("Mon ")
    path = f"/schedules/{found['id']}"
    assert house.owner.call("GET", path).json() == found
    assert house.owner.code("GET", "/schedules?nosuch=1") == (422, "invalid")
    assert house.owner.code("GET", f"/webhooks/{found['id']}") == (404, "not_found")


def test_pausing_is_an_operator_s_and_outlives_a_publish(house: House) -> None:
    """A publish does not resume it; ticks in between are not missed; both are audited [TR18]."""
    workflow = publish(house.owner, "paused", HOURLY)
    path = f"/schedules/{only(house.owner, 'schedules', workflow)['id']}"
    operator, viewer = house.member("operator"), house.member("viewer")
    assert viewer.code("POST", f"{path}/pause") == (403, "forbidden")
    paused = operator.call("POST", f"{path}/pause").json()
    assert (paused["paused"], paused["next_at"]) == (True, None)
    draft = house.owner.call("GET", f"/workflows/{workflow}/draft").json()
    document = {**draft["document"], "title": "Another"}
    headers = {"If_Match": f'"r{draft["revision"]}"'}
    saved = house.owner.call(
        "PUT", f"/workflows/{workflow}/draft", {"document": document}, **headers
    )
    revision = saved.json()["revision"]
    house.owner.call("POST", f"/workflows/{workflow}/publish", {"revision": revision})
    assert only(house.owner, "schedules", workflow)["paused"] is True
    resumed = operator.call("POST", f"{path}/resume").json()
    assert resumed["paused"] is False
    assert resumed["next_at"] == resumed["next"][0]["at"]
    assert house.town.select(executions(house.town, workflow)) == []
    assert [row[0] for row in house.audit(path.rpartition("/")[2])] == [
        "schedule.pause",
        "schedule.resume",
    ]


def test_a_tick_starts_its_workflow_with_its_inputs(house: House) -> None:
    """Once, as soon as it is due, told by the execution and by the list of ticks [TR13]."""
    inputs = {"who": {"type": "string"}}
    schedule = this_minute(inputs={"who": "ann"})
    workflow = publish(house.owner, "ticking", schedule, inputs=inputs)
    at = make_due(house, workflow)
    (row,) = until(
        house.town,
        executions(house.town, workflow),
        lambda rows: bool(rows) and rows[0][1] == "completed",
    )
    assert row[2:] == ("cron", "cron1", at)
    found = only(house.owner, "schedules", workflow)
    ticks = house.owner.call("GET", f"/schedules/{found['id']}/ticks").json()
    assert [(each["outcome"], each["execution_id"]) for each in ticks["items"]] == [
        ("started", row[0])
    ]
    assert ticks["missed"] == []
    tried = house.member("editor").call("POST", f"/schedules/{found['id']}/test")
    assert tried.status_code == 202, tried.text
    until(house.town, executions(house.town, workflow), lambda rows: len(rows) == 2)


def test_a_tick_of_what_runs_still_is_marked_as_skipped(house: House) -> None:
    """The overlap rule of the document holds for schedules; the tick is used up [TR29]."""
    workflow = publish(house.owner, "busy", this_minute(), nodes=SLOW, overlap={"policy": "skip"})
    found = only(house.owner, "schedules", workflow)
    assert house.owner.call("POST", f"/schedules/{found['id']}/test").status_code == 202
    make_due(house, workflow)
    places = f"SELECT execution_id FROM places WHERE \"trigger\" = '{found['id']}'"
    until(house.town, places, lambda rows: (None,) in rows)
    assert house.owner.code("POST", f"/schedules/{found['id']}/test") == (409, "overlap_skipped")
    assert len(house.town.select(executions(house.town, workflow))) == 1


def serve_again(house: House, **env: str) -> Serving:
    """Start a server on the same home."""
    return Serving(house.site.start("serve", "--port", 0, "--json", **env).unwatched())


@pytest.mark.parametrize("place", SERVING)
def test_a_server_killed_at_a_tick_starts_it_once(tmp_path: Path, place: str) -> None:
    """Kill -9 between tick and start, and between start and the next tick: one execution [TR14]."""
    with house_in(tmp_path) as house:
        workflow = publish(house.owner, "killed", this_minute())
        house.town.serving.stop()
        at = make_due(house, workflow)
        dying = serve_again(house, LEGATO_CRASH_POINT=place)
        assert dying.process.finish().code == -9
        again = serve_again(house)
        moved = f"SELECT next_at FROM triggers WHERE workflow = '{workflow}'"
        until(house.town, moved, lambda rows: rows[0][0] > at)
        rows = until(
            house.town, executions(house.town, workflow), lambda rows: rows[0][1] == "completed"
        )
        assert [row[4] for row in rows] == [at]
        again.stop()


def test_who_waits_is_let_go_after_a_kill(tmp_path: Path) -> None:
    """Executions that wait for others of their workflow outlive kill -9 and run in order [TR51]."""
    with house_in(tmp_path) as house:
        hook: dict[str, Any] = {"uses": "webhook"}
        workflow = publish(
            house.owner, "waiting", hook, nodes=SHORT, overlap={"policy": "queue", "max": 1}
        )
        sender = Sender(house.owner, workflow)
        ids = [sender.send(str(number)).json()["execution_id"] for number in range(3)]
        house.town.serving.process.send(9)
        house.town.serving.process.finish()
        again = serve_again(house)
        until(
            house.town,
            executions(house.town, workflow),
            lambda rows: [row[1] for row in rows] == ["completed"] * 3,
        )
        rows = house.town.select(
            "SELECT id, ended_at FROM executions"
            f" WHERE workflow_id = '{workflow}' ORDER BY ended_at"
        )
        assert [row[0] for row in rows] == ids
        for before, after in itertools.pairwise(rows):
            assert after[1] - before[1] >= DELAY_MS
        again.stop()


def test_missed_ticks_are_listed(house: House) -> None:
    """What was too late, how much of it was made good, and when that was found [TR15, TR32]."""
    workflow = publish(house.owner, "late", {**HOURLY, "with": {"expression": "* * * * *"}})
    found = only(house.owner, "schedules", workflow)
    now = int(time.time() * 1000)
    first = now - now % MINUTE_MS - 5 * MINUTE_MS
    house.town.execute(f"UPDATE triggers SET next_at = {first} WHERE workflow = '{workflow}'")
    noted = f"SELECT count(*) FROM missed_ticks WHERE trigger_id = '{found['id']}'"
    until(house.town, noted, lambda rows: rows == [(1,)])
    ticks = house.owner.call("GET", f"/schedules/{found['id']}/ticks").json()
    (missed,) = ticks["missed"]
    assert missed["count"] in {4, 5}
    assert missed["made_good"] == 1
    assert len(ticks["items"]) == 2

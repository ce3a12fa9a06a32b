# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from pathlib import Path

import pytest

from legato.practice.sample import document, endpoint
from tests.integration.cli.site import Site, completed, fresh_site
from tests.integration.practice.program import Program, running

ALL_DONE = {"requests_received": 12, "work_done": 12, "answers_handed_over": 12}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A home without settings."""
    with fresh_site(tmp_path) as made:
        yield made


def grant(site: Site, program: Program) -> None:
    """Grant exactly the address and port of the service."""
    settings = f'[grants.http]\nallow_private = ["{endpoint(program.port)}"]\n'
    (site.home / "legato.toml").write_text(settings, encoding="utf-8")


def test_the_sample_asks_for_twelve_pieces_of_work(site: Site, tmp_path: Path) -> None:
    """With the one grant it ends with a page; nothing finished is asked for again [PR12]."""
    with running(tmp_path / "practice", "--delay-factor", "0.01") as program:
        grant(site, program)
        file = site.write(document().decode())
        result = site.run("run", file, "--input", f"practice={program.url}", "--json")
        assert result.code == 0, result
        assert program.until(answers_handed_over=12) == ALL_DONE
        outputs = result.values[-1]["outputs"]
        assert outputs["topics"] == [
            {"topic": "invoice", "messages": 2},
            {"topic": "delivery", "messages": 2},
            {"topic": "account", "messages": 1},
            {"topic": "other", "messages": 1},
        ]
        assert len(outputs["replies"]) == 6
        assert outputs["replies"][0].startswith("Dear Ada Example,")
        assert outputs["page"]["type"].startswith("text/html")
        execution_id = result.values[0]["execution_id"]
        assert program.ask(f"/counts?group={execution_id}")["work_done"] == 12


def test_without_its_grant_the_sample_sends_nothing(site: Site, tmp_path: Path) -> None:
    """The document's own address is as good as its grant: none, and it is named [PR12, ND16]."""
    with running(tmp_path / "practice") as program:
        file = site.write(document(program.port).decode())
        result = site.run("run", file)
        assert result.code == 1
        assert "address_refused" in result.out
        assert endpoint(program.port) in result.out
        assert program.counts() == {}


@pytest.mark.slow
def test_no_finished_work_is_asked_for_again_after_a_kill(site: Site, tmp_path: Path) -> None:
    """Killed with two drafts in flight, resumed when both are done: the same keys again [PR13]."""
    with running(tmp_path / "practice", "--delay-factor", "0.3") as program:
        grant(site, program)
        file = site.write(document(program.port).decode())
        run = site.start("run", file, "--json")
        execution_id = run.until_node("draft", "running")["execution_id"]
        pending = held_with_two_in_flight(program)
        assert run.kill().code == -9
        program.go_on()
        found = program.until(requests_cut_off=2)
        assert sorted(each["key"] for each in program.rows("cut_off")) == pending
        program.until(work_done=found["requests_received"])
        before = completed(site.events(execution_id))

        resumed = site.run("executions", "resume", execution_id, "--json")
        assert resumed.code == 0, resumed
        assert program.until(answers_handed_over=12) == {
            **ALL_DONE, "requests_received": 14, "requests_cut_off": 2, "requests_sent_again": 2
        }  # fmt: skip
        again = [each["key"] for each in program.rows("received") if each["asked"] != "first"]
        assert sorted(again) == pending
        assert len(resumed.values[-1]["outputs"]["replies"]) == 6
        after = completed(site.events(execution_id))
        assert after[: len(before)] == before
        assert sorted(after) == ["chart", "count", "draft", "messages", "report", "sort"]


def held_with_two_in_flight(program: Program) -> list[str]:
    """Have the service stand still when it does two drafts after a first one; return their keys."""
    while True:
        program.stop()
        done = {each["key"] for each in program.rows("done")}
        pending = {each["key"] for each in program.rows("received")} - done
        if len(pending) == 2 and any(":draft:" in key for key in done):
            assert all(":draft:" in key for key in pending)
            return sorted(pending)
        assert len(done) < 12, "it was over too soon"
        program.go_on()
        program.counts()


@pytest.mark.slow
def test_a_run_survives_the_death_of_the_service(site: Site, tmp_path: Path) -> None:
    """Its ledger says what it had done; what it had not is done by the next one [PR6, PR13]."""
    folder = tmp_path / "practice"
    with running(folder, "--delay-factor", "0.3") as program:
        grant(site, program)
        run = site.start("run", site.write(document(program.port).decode()), "--json")
        run.until_node("draft", "running")
        held_with_two_in_flight(program)
        program.end()
        port = program.port
    with running(folder, "--delay-factor", "0.3", "--port", str(port)) as program:
        assert run.finish().code == 0
        found = program.until(answers_handed_over=12)
        assert found["work_done"] == 12
        assert "finished_work_asked_again" not in found
        assert found["requests_sent_again"] == found["requests_cut_off"]

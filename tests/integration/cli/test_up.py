# SPDX-License-Identifier: Apache-2.0
"""`legato up` with real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.cli.pseudo_terminal import CTRL_C, Person
from tests.integration.cli.site import Site, fresh_site, wait_for_end
from tests.integration.cli.upped import QUICK, Upped, children_of

pytestmark = pytest.mark.linux


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A home without settings."""
    with fresh_site(tmp_path) as made:
        yield made


def test_what_lives_longest_is_small() -> None:
    """The supervisor loads nothing that is large, the practice service neither [UP1]."""
    code = "import sys, legato.cli.upkeep; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    loaded = {each.partition(".")[0] for each in done.stdout.split()}
    measure = {"coverage", "$coverage", "sitecustomize", "_virtualenv"}
    others = loaded - sys.stdlib_module_names - measure
    assert {each for each in others if not each.startswith("_")} == {"legato"}
    own = {each for each in done.stdout.split() if each.startswith("legato.")}
    assert own.isdisjoint({"legato.app", "legato.settings", "legato.telemetry", "legato.api"})


@pytest.mark.slow
def test_a_crash_in_the_middle_of_a_run_loses_nothing(site: Site) -> None:
    """From the first start to the end of a run that was cut off, as a person would do it
    [UP1, UP2, UP3, UP6, UP7, UP10, UP11, UP12, UP13, UP17, UP19, UP20].
    """
    up = Upped(site, *QUICK)
    assert up.ready.keys() == {"event", "url", "setup_url"}
    (practice_pid,), (server_pid,) = up.pids("practice"), up.pids("server")
    assert sorted(children_of(up.process.pid)) == sorted([practice_pid, server_pid])
    assert (site.home / "keys.json").stat().st_mode & 0o777 == 0o600

    second = site.run("up")
    assert second.code == 3
    assert f"runs on {site.home} already, at {up.url}" in second.err

    assert up.call("POST", "/system/crash").status_code == 401
    assert up.claim(up.ready["setup_url"]).status_code == 201
    foreign = up.call("POST", "/system/crash", Origin="https://evil.example")
    assert foreign.json()["code"] == "origin_refused"
    elsewhere = up.call("POST", "/system/crash", Legato_Workspace="elsewhere")
    assert elsewhere.json()["code"] == "forbidden"
    described = up.call("GET", "/openapi.json").json()["paths"]
    assert "/api/v1/system/practice" in described
    assert "/api/v1/system/crash" not in described
    assert up.call("GET", "/system/practice?execution=1").json()["code"] == "invalid"

    started = site.ok("run", "customer-mail", "--detach", "--json").value
    assert started["engine_pid"] == server_pid
    execution_id = started["execution_id"]
    watching = site.start("executions", "watch", execution_id, "--json")
    watching.until_node("draft", "running")
    up.until_counts(execution_id, requests_received=8, work_done=6)
    crash = up.call("POST", "/system/crash")
    assert (crash.status_code, crash.json()) == (202, {"pid": server_pid})
    assert wait_for_end(server_pid)
    again = up.call("POST", "/system/crash")  # waits at the door for the next server
    assert (again.status_code, again.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(again.headers["retry-after"]) <= 10
    assert (up.pids("practice"), len(up.pids("server"))) == ([practice_pid], 2)
    assert "server: restarting, killed as asked for" in up.said()

    assert watching.finish().code == 0
    found = up.until_counts(execution_id, work_done=12)
    assert up.counts(execution_id) == {
        **found, "requests_received": 14, "work_done": 12, "finished_work_asked_again": 0,
        "requests_cut_off": 2, "requests_sent_again": 2,
        "counted_by": "counted by the practice service, not by Legato",
    }  # fmt: skip
    ((kind, _, target),) = up.audit("system.crash")
    assert (kind, target) == ("user", str(server_pid))

    result = up.stop(signal.SIGTERM)
    assert result.code == 0, result
    assert result.values == [up.ready]
    token = up.ready["setup_url"].partition("#token=")[2]
    assert token not in result.err
    assert wait_for_end(practice_pid)


def test_a_server_that_dies_before_the_set_up_gives_a_new_link(site: Site) -> None:
    """At the same address; the link before is void, and kill -9 of all leaves nothing
    [UP2, UP18, UP19].
    """
    up = Upped(site)
    (server_pid,) = up.pids("server")
    os.kill(server_pid, signal.SIGKILL)
    assert wait_for_end(server_pid)
    assert up.call("GET", "/setup").json() == {"required": True}  # waits at the door
    link = up.until_said("/setup#token=").rpartition(" ")[2]
    assert link.startswith(f"{up.url}/setup#token=")
    assert up.claim(up.ready["setup_url"]).json()["code"] == "token_invalid"
    assert up.claim(link).status_code == 201
    pids = children_of(up.process.pid)
    assert len(pids) == 2
    up.process.send(signal.SIGKILL)
    assert up.process.finish().code == -signal.SIGKILL
    assert [wait_for_end(pid) for pid in pids] == [True, True]
    with pytest.raises(httpx2.ConnectError):
        up.call("GET", "/setup")


def test_busy_ports_and_settings_that_are_there(site: Site) -> None:
    """The next port is taken and said; without the practice service's own the rest works, and the
    button can be switched off [UP2, UP4, UP10, UP14].
    """
    with socket.socket() as taken, socket.socket() as other:
        for each in (taken, other):
            each.bind(("127.0.0.1", 0))
            each.listen()
        port, practice_port = taken.getsockname()[1], other.getsockname()[1]
        settings = f"crash_button = false\n[server]\nport = {port}\n"
        (site.home / "legato.toml").write_text(settings, encoding="utf-8")
        (site.home / "practice").mkdir()
        (site.home / "practice" / "port").write_text(str(practice_port), encoding="ascii")
        process = site.start("up", "--no-open")
        line = process.until(lambda line: line.startswith("Legato is running at "))
        link = process.until(lambda line: line.startswith("Open this link"))
        url = line.split()[4]
        assert line == f"Legato is running at {url} · data in {site.home}"
        assert link.endswith(f"{url}/setup#token={link.rpartition('=')[2]}")
        made = httpx2.post(f"{url}/api/v1/setup", json={"token": link.rpartition("=")[2]})
        headers = {"Authorization": f"Bearer {made.json()['access_token']}"}
        for method, path in (("GET", "practice"), ("POST", "crash")):
            address = f"{url}/api/v1/system/{path}"
            assert httpx2.request(method, address, headers=headers).status_code == 404
        process.send(signal.SIGINT)
        result = process.finish()
    assert result.code == 0, result
    assert f"note: port {port} is taken by another program; using {url.rpartition(':')[2]}" in (
        result.err
    )
    assert f"no practice service, the port {practice_port} of 127.0.0.1 is taken" in result.err
    assert (site.home / "legato.toml").read_text(encoding="utf-8") == settings


@pytest.mark.parametrize(
    "env",
    [
        {"LEGATO_HOST": "0.0.0.0", "LEGATO_PUBLIC_URL": "https://x.example",  # noqa: S104
         "LEGATO_SERVER__TRUSTED_PROXIES": "10.0.0.5"},
        {"LEGATO_HOST": "0.0.0.0", "LEGATO_PUBLIC_URL": "https://x.example"},  # noqa: S104
        {"LEGATO_PUBLIC_URL": "http://x.example"},
    ],
)  # fmt: skip
def test_others_are_not_let_in_to_an_owner_without_a_password(
    site: Site, env: dict[str, str]
) -> None:
    """Nor where they could read along: one line, and nothing was started [UP5]."""
    result = site.run("up", "--no-open", **env)
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("error: LEGATO_SERVER__")
    assert not (site.home / "up.lock").exists()
    assert not (site.home / "legato.db").exists()


def test_in_a_terminal_the_browser_is_opened_on_the_link(site: Site, tmp_path: Path) -> None:
    """Once, through a file that is gone afterwards; no argument holds the token [UP7, UP8, UP9]."""
    seen, told = tmp_path / "seen", tmp_path / "told"
    os.mkfifo(told)
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho noise\necho "$@" >>{seen}\ncat "${{1#file://}}" >{told}\n')
    browser.chmod(0o755)
    person_home = tmp_path / "person"
    person_home.mkdir()
    site.more = {"BROWSER": f"{browser} %s", "HOME": str(person_home)}
    person = Person(site, "up", "--port", 0, "--practice-delay-factor", 0)
    try:
        text = told.read_text(encoding="utf-8")
        token = text.partition("#token=")[2].partition('"')[0]
        person.sees("Legato is running at http://127.0.0.1:").sees(" · opening your browser · ")
        person.sees("If no browser opens").sees(token)
        (argument,) = seen.read_text(encoding="utf-8").split()
        assert argument.startswith(f"file://{person_home}/legato-open-")
        port = argument.rpartition("-")[2].removesuffix(".html")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            assert client.post("/api/v1/setup", json={"token": token}).status_code == 201
        (server,) = [pid for pid in children_of(person.popen.pid) if "up-server" in _argv(pid)]
        os.kill(server, signal.SIGKILL)
        person.sees("server: crashed").sees("server: running")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert client.get("/api/v1/setup").json() == {"required": False}
        person.presses(CTRL_C).sees("practice: stopped")
        result = person.finish()
    finally:
        person.kill()
    assert result.code == 0
    assert "noise" not in result.out
    assert len(seen.read_text(encoding="utf-8").splitlines()) == 1
    assert list(person_home.iterdir()) == []


def _argv(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")

# SPDX-License-Identifier: Apache-2.0
"""`legato up` as a process, and somebody who talks to its server. Nothing waits by the clock."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.integration.api.serving import PATIENCE_S
from tests.integration.cli.site import Process, Result, Site

QUICK = ("--practice-delay-factor", "0.4")


class Upped:
    """`legato up --no-open --json` on a home, once it is ready."""

    def __init__(self, site: Site, *arguments: object, **env: str) -> None:
        """Start it at any free port and wait for its line."""
        self.site = site
        self.process: Process = site.start(
            "up", "--no-open", "--json", "--port", 0, *arguments, **env
        )
        self.ready = self.process.until_value(lambda line: line.get("event") == "ready")
        self.url = str(self.ready["url"])
        self.access = ""

    def call(self, method: str, path: str, value: Any = None, **headers: str) -> httpx2.Response:
        """Make one request to the API."""
        found = {name.replace("_", "-"): each for name, each in headers.items()}
        if self.access:
            found["Authorization"] = f"Bearer {self.access}"
        sent: dict[str, Any] = {} if value is None else {"json": value}
        return httpx2.request(
            method, f"{self.url}/api/v1{path}", headers=found, timeout=PATIENCE_S, **sent
        )

    def claim(self, setup_url: object) -> httpx2.Response:
        """Become the owner with a link alone."""
        answer = self.call("POST", "/setup", {"token": str(setup_url).partition("#token=")[2]})
        if answer.status_code == 201:
            self.access = answer.json()["access_token"]
        return answer

    def said(self) -> str:
        """Return what stderr has so far."""
        return self.process._errors.read_text(errors="replace")

    def until_said(self, text: str) -> str:
        """Read stderr until a text was said; return its line."""
        limit_s = time.monotonic() + PATIENCE_S
        while text not in (said := self.said()) or not said.endswith("\n"):
            assert time.monotonic() < limit_s, said
        return next(line for line in said.splitlines() if text in line)

    def pids(self, name: str) -> list[int]:
        """Return the processes that a child has had."""
        mark = f"[legato] {name}: running, process "
        return [int(line.removeprefix(mark)) for line in self.said().splitlines() if mark in line]

    def counts(self, execution_id: str) -> dict[str, Any]:
        """Ask for the numbers of the practice service."""
        answer = self.call("GET", f"/system/practice?execution={execution_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until_counts(self, execution_id: str, **counts: int) -> dict[str, Any]:
        """Ask until they are so."""
        limit_s = time.monotonic() + PATIENCE_S
        while True:
            found = self.counts(execution_id)
            if all(found[name] == count for name, count in counts.items()):
                return found
            assert time.monotonic() < limit_s, found

    def audit(self, action: str) -> list[tuple[str, str, str]]:
        """Return kind of actor, actor and target of the audit rows of an action."""
        query = "SELECT actor_kind, actor, target FROM audit WHERE action = ? ORDER BY id"
        connection = sqlite3.connect(f"file:{self.site.home}/legato.db?mode=ro", uri=True)
        try:
            return connection.execute(query, (action,)).fetchall()
        finally:
            connection.close()

    def stop(self, number: int) -> Result:
        """Ask it to end, and wait for that."""
        self.process.send(number)
        return self.process.finish()


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started and that live."""
    return [
        int(each)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for each in (task / "children").read_text(encoding="ascii").split()
    ]

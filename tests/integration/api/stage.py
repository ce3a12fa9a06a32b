# SPDX-License-Identifier: Apache-2.0
"""A server on either database, its owner, members who came by invitation, and workflows to run."""

import contextlib
import itertools
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.integration.api.people import token_of
from tests.integration.api.serving import PATIENCE_S, PLAIN, Serving
from tests.integration.api.visitor import PASSWORD, Visitor
from tests.integration.cli.site import Site

RATES: Final = ("WRITES", "READS", "STARTS", "REQUESTS", "CREDENTIALS")
FINAL: Final = {"completed", "failed", "cancelled", "timed_out"}
SAY: Final = """
legato: 1
name: {name}
inputs: {{word: {{type: string, default: hello}}}}
nodes:
  say: {{uses: data.transform, with: {{value: "${{{{ inputs.word }}}}"}}}}
outputs: {{said: "${{{{ nodes.say.output }}}}"}}
"""
ASK: Final = """
legato: 1
name: {name}
nodes:
  ask: {{uses: human.approval, with: {{message: "Go on?"}}}}
  after: {{needs: [ask], uses: data.transform, with: {{value: "${{{{ nodes.ask.output }}}}"}}}}
outputs: {{answer: "${{{{ nodes.after.output }}}}"}}
"""


class Stage:
    """One server, set up, with a home that outlives a crash of it."""

    def __init__(self, site: Site) -> None:
        """Start it and become its owner."""
        self.site = site
        site.more = {
            **{f"LEGATO_SERVER__RATES__{name}_PER_MINUTE": "1000000" for name in RATES},
            **site.more,
            "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
            "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
            "LEGATO_GRANTS__SHELL__PROGRAMS": '["sh", "sleep"]',
        }
        self._names = itertools.count(1)
        self._people = itertools.count(1)
        self.serving = self.start()
        self.owner = Visitor(self.serving)
        self.owner.set_up()

    def start(self) -> Serving:
        """Start a server on the home."""
        return Serving(self.site.start("serve", "--port", 0, "--json").unwatched())

    def again(self) -> None:
        """Start one after a crash; everybody has their log-in still."""
        self.serving = self.start()
        self.owner.serving = self.serving

    def member(self, role: str) -> Visitor:
        """Return a new member who is logged in."""
        email = f"member{next(self._people)}@example.org"
        made = self.owner.call("POST", "/members/invitations", {"email": email, "role": role})
        assert made.status_code == 201, made.text
        guest = Visitor(self.serving)
        token = token_of(made.json()["url"])
        value = {"token": token, "password": PASSWORD, "display_name": role.title()}
        guest.take(guest.call("POST", "/auth/invitations/accept", value))
        return guest

    def workflow(self, text: str = SAY, **words: str) -> str:
        """Publish a document under a name of its own; return the name."""
        name = f"flow-{next(self._names)}"
        source = text.format(name=name, **words)
        answer = self.owner.call("POST", "/workflows", {"source": source})
        assert answer.status_code == 201, answer.text
        answer = self.owner.call("POST", f"/workflows/{name}/publish", {"revision": 1})
        assert answer.status_code == 201, answer.text
        return name

    def run(self, name: str, inputs: Any = None, who: Visitor | None = None) -> str:
        """Start an execution of what is published; return its id."""
        answer = (who or self.owner).call(
            "POST", f"/workflows/{name}/executions", {"inputs": inputs or {}}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def status(self, execution: str) -> Any:
        """Return what DAG Studio's route says of a run."""
        url = f"{self.serving.url}/api/workflow/status/{execution}"
        headers = {"Authorization": f"Bearer {self.owner.access}"}
        answer = httpx2.get(url, headers=headers, timeout=PATIENCE_S, verify=PLAIN)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, execution: str, *details: str) -> Any:
        """Return the run once its true status is one of these."""
        pause, found = threading.Event(), None
        for _ in range(600):
            found = self.status(execution)
            if found["detail"].partition(":")[0] in details:
                return found
            pause.wait(0.05)
        raise AssertionError(f"{execution} is {found}")

    def act(self, execution: str, what: str, value: Any = None, **headers: str) -> httpx2.Response:
        """Ask something of an execution as the owner."""
        return self.owner.call("POST", f"/executions/{execution}/{what}", value, **headers)


@contextlib.contextmanager
def stage_in(folder: Path, **env: str) -> Iterator[Stage]:
    """A stage, for as long as this lasts."""
    site = Site(folder)
    site.more |= env
    try:
        yield Stage(site)
    finally:
        site.close()

# SPDX-License-Identifier: Apache-2.0
"""Commands beside `legato up`: links to its port, keys that are rotated under it, its log file."""

import json
import signal
import time

from tests.integration.api.serving import PATIENCE_S
from tests.integration.cli.desk import Desk
from tests.integration.cli.site import Site
from tests.integration.cli.upped import Upped

OWNER = "owner@localhost"


def test_a_running_server_follows_links_and_keys_and_logs_to_a_file(site: Site) -> None:
    """Without a restart, and without a key or link in a log [CL62, CL72, CL74, HT55, HT58]."""
    log = site.home / "logs" / "up.log"
    up = Upped(site, LEGATO_LOG__FILE=str(log))
    assert up.claim(up.ready["setup_url"]).status_code == 201
    desk = Desk(site.home)
    (linked,) = desk.json("user", "link", OWNER)
    base, _, link = linked["url"].partition("/login#token=")
    assert base == up.url
    assert up.call("POST", "/auth/login", {"token": link}).status_code == 200
    before = up.access
    (first,) = [each for each in desk.json("keys", "list") if each["kind"] == "jwt"]
    assert first["made_at"] is not None

    def log_in() -> str:
        (again,) = desk.json("user", "link", OWNER)
        token = again["url"].partition("#token=")[2]
        return str(up.call("POST", "/auth/login", {"token": token}).json()["access_token"])

    (told,) = desk.json("keys", "rotate", "jwt")
    began = time.monotonic()
    while _kid(log_in()) != told["id"]:
        assert time.monotonic() - began < PATIENCE_S
    assert up.call("GET", "/auth/me").status_code == 200, "the overlap"
    desk.ok("keys", "rotate", "master", "--yes")
    desk.ok("keys", "rotate", "jwt", "--overlap", "0", "--yes")
    began = time.monotonic()
    while up.call("GET", "/auth/me").status_code != 401:
        assert time.monotonic() - began < PATIENCE_S
    up.access = log_in()
    assert up.call("GET", "/auth/me").json()["email"] == OWNER
    result = up.stop(signal.SIGTERM)
    assert result.code == 0, result
    text = log.read_text(encoding="utf-8")
    events = [json.loads(line)["event"] for line in text.splitlines()]
    assert "the keys have changed" in events
    assert "request" in events
    kept = json.loads((site.home / "keys.json").read_text(encoding="ascii"))
    secrets = [each["secret"] for each in (*kept["jwt"], *kept["master"])]
    for hidden in (link, before, up.access, *secrets):
        assert hidden not in text + result.err


def _kid(token: str) -> str:
    import base64

    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])

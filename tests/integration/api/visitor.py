# SPDX-License-Identifier: Apache-2.0
"""Somebody who talks to a server: keeps the access token and the cookie as a browser would."""

from typing import Any

import httpx2

from tests.integration.api.serving import PATIENCE_S, PLAIN, Serving

EMAIL = "ada@example.org"
PASSWORD = "canary-Correct-Horse-41-Battery"
OTHER_PASSWORD = "canary-Ferry-Lantern-77-Orchard"


class Visitor:
    """One client of one server."""

    def __init__(self, serving: Serving) -> None:
        """Arrive with nothing."""
        self.serving = serving
        self.access = ""
        self.cookie = ""
        self.name = f"legato_refresh_{serving.port}"

    def call(self, method: str, path: str, value: Any = None, **headers: str) -> httpx2.Response:
        """Make one request; remember a cookie that comes back."""
        found = {name.replace("_", "-"): each for name, each in headers.items()}
        if self.access:
            found.setdefault("Authorization", f"Bearer {self.access}")
        if self.cookie:
            found.setdefault("Cookie", f"{self.name}={self.cookie}")
        sent: dict[str, Any] = {} if value is None else {"json": value}
        url = f"{self.serving.url}/api/v1{path}"
        answer = httpx2.request(
            method, url, headers=found, timeout=PATIENCE_S, verify=PLAIN, **sent
        )
        for set_cookie in answer.headers.get_list("set-cookie"):
            self.cookie = set_cookie.partition("=")[2].partition(";")[0]
        return answer

    def take(self, answer: httpx2.Response) -> httpx2.Response:
        """Keep the access token of an answer that must be a log-in."""
        assert answer.status_code in {200, 201}, answer.text
        assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
        self.access = answer.json()["access_token"]
        return answer

    def set_up(self) -> httpx2.Response:
        """Become the owner by the link."""
        token = str(self.serving.ready["setup_url"]).partition("#token=")[2]
        value = {"token": token, "email": EMAIL, "password": PASSWORD, "display_name": "Ada"}
        return self.take(self.call("POST", "/setup", value))

    def log_in(self, password: str = PASSWORD) -> httpx2.Response:
        """Log in, which must succeed."""
        value = {"email": EMAIL, "password": password}
        return self.take(self.call("POST", "/auth/login", value))

    def code(self, method: str, path: str, value: Any = None, **headers: str) -> tuple[int, str]:
        """Return status and code of a refusal; the status alone of anything else."""
        answer = self.call(method, path, value, **headers)
        return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""

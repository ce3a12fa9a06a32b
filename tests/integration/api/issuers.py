# SPDX-License-Identifier: Apache-2.0
"""Issuers of identities that listen on this machine, in a thread of the test's process."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.support.issuer import AUDIENCE, Signer, good_claims, key_set


class LocalIssuer:
    """One issuer: its keys, the tokens that it has taken back, and what it was asked."""

    def __init__(self, name: str, base: str, algorithm: str = "ES256") -> None:
        """It has one key, and no token has been taken back."""
        self.url = f"{base}/{name}"
        self.keys = [Signer(f"{name}-1", algorithm)]
        self.ended: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.is_broken = False

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return it as the settings of a server name it."""
        return {
            "issuer": self.url,
            "audience": AUDIENCE,
            "jwks_url": f"{self.url}/keys",
            "algorithms": [self.keys[0].algorithm],
            **more,
        }

    def token(self, subject: str = "s1", key: Signer | None = None, **changes: Any) -> str:
        """Return a token that is good now."""
        signer = key or self.keys[-1]
        claims = good_claims(int(time.time()), iss=self.url, sub=subject, **changes)
        return signer.token(signer.header(), claims)

    def count(self, what: str) -> int:
        """Return how often something was asked."""
        return sum(each == what for each, _ in self.asked)

    def answer(self, what: str, authorization: str, form: dict[str, list[str]]) -> tuple[int, Any]:
        """Return status and value of an answer."""
        self.asked.append((what, authorization))
        if self.is_broken:
            return 500, {}
        if what == "keys":
            return 200, json.loads(key_set(*self.keys))
        if what == "me":
            token = authorization.removeprefix("Bearer ")
            return (401, {}) if token in self.ended else (200, {"sub": self._subject(token)})
        if what == "introspect":
            token = form["token"][0]
            return 200, {"active": token not in self.ended}
        return 404, {}

    @staticmethod
    def _subject(token: str) -> str:
        part = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"])


class Issuers:
    """Several of them behind one port."""

    def __init__(self) -> None:
        """Listen."""
        self._by_name: dict[str, LocalIssuer] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            """Answers for the issuer that the path names."""

            def do_GET(self) -> None:
                """Answer a question without a form."""
                outer.serve(self, {})

            def do_POST(self) -> None:
                """Answer a question with one."""
                size = int(self.headers["Content-Length"])
                outer.serve(self, parse_qs(self.rfile.read(size).decode()))

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def add(self, name: str, algorithm: str = "ES256") -> LocalIssuer:
        """Add one."""
        made = self._by_name[name] = LocalIssuer(name, self.base, algorithm)
        return made

    def serve(self, request: BaseHTTPRequestHandler, form: dict[str, list[str]]) -> None:
        """Answer one request."""
        _, name, what = request.path.split("/")
        authorization = request.headers.get("Authorization", "")
        status, value = self._by_name[name].answer(what, authorization, form)
        body = json.dumps(value).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

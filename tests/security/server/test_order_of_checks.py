# SPDX-License-Identifier: Apache-2.0
"""A request that is wrong in every way is told one thing after the other, in one order.

What comes later in the order must not answer first: a limit that comes after the hashing of a
password limits nothing, and a body that is read before its sender is known lets anybody at
the parser.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import pytest
from starlette.routing import compile_path

from legato.api.origin import SAFE_METHODS
from tests.integration.api.serving import Serving
from tests.security.server.crowd import Crowd, Pass
from tests.security.server.routes import SERVED, Offered, names

ENV: Final = {"LEGATO_AUTH__REGISTRATION": "open"}
EVIL: Final = "https://evil.example"
METHODS: Final = ("PUT", "PATCH", "DELETE", "POST")
ENDLESS: Final = 5_000_000_000
"""Of a body that is never sent: more than the server would read on, so nobody waits."""


@dataclass(frozen=True)
class Wrong:
    """A request, and what is wrong with it."""

    method: str
    path: str
    host: str = "evil.example"
    origin: str | None = EVIL
    bearer: str = ""
    kind: str = "text/plain"
    length: int = ENDLESS
    body: bytes = b'{"broken'
    more: tuple[str, ...] = field(default=())

    def ask(self, serving: Serving) -> tuple[int, str]:
        """Send it; return status and code."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {self.host}", *self.more]
        if self.origin is not None:
            lines.append(f"Origin: {self.origin}")
        if self.bearer:
            lines.append(f"Authorization: Bearer {self.bearer}")
        sent = self.body if self.length == len(self.body) else b""
        lines += [f"Content-Type: {self.kind}", f"Content-Length: {self.length}"]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        raw = serving.raw()
        status, body = raw.send(head + sent).answer()
        raw.close()
        return status, str(body.get("code", ""))


@pytest.fixture(scope="module")
def nobody(crowd: Crowd) -> Pass:
    """Somebody without any role."""
    return crowd.log_in(crowd.person("nobody", None))


@pytest.mark.parametrize("route", SERVED, ids=names)
def test_one_thing_is_told_after_the_other(crowd: Crowd, nobody: Pass, route: Offered) -> None:
    """421, 405, 403 for the origin, 401, 415, 404 or 403, 413, 422 [SE8]."""
    host = f"127.0.0.1:{crowd.serving.port}"
    at_path = {
        each.spec.method
        for each in SERVED
        if compile_path(each.spec.path)[0].fullmatch(route.path())  # `/types` fits `/{id}`, too
    }
    other = next(each for each in METHODS if each not in at_path)
    wrong = Wrong(other, route.path())
    seen, wanted = [wrong.ask(crowd.serving)], [(421, "host_refused")]

    def next_one(expected: tuple[int, str], **right: object) -> None:
        nonlocal wrong
        wrong = replace(wrong, **right)  # type: ignore[arg-type]
        seen.append(wrong.ask(crowd.serving))
        wanted.append(expected)

    next_one((405, "method_not_allowed"), host=host)
    wrong = replace(wrong, method=route.spec.method)
    if route.spec.method not in SAFE_METHODS:
        next_one((403, "origin_refused"))
    if not route.is_public:
        next_one((401, "unauthenticated"), origin=None)
        wrong = replace(wrong, bearer=nobody.access)
    if route.has_body:
        next_one((415, "unsupported_media_type"), origin=None)
        wrong = replace(wrong, kind=route.declaration.accepts[0])
    if not route.is_public and (route.needs.of, route.needs.resource) != ("workspace", "account"):
        is_hidden = route.needs.of == "workspace"
        next_one((404, "not_found") if is_hidden else (403, "forbidden"))
    if route.has_body and not route.parameters:
        owner = "" if route.is_public else crowd.log_in(crowd.owner).access
        next_one((413, "too_large"), bearer=owner, origin=None)
        next_one((422, "invalid"), length=len(wrong.body))
    assert seen == wanted


def test_a_path_that_is_not_there_is_told_before_its_sender_is_asked_for(crowd: Crowd) -> None:
    """404 for every method, with and without a token, the same text [SE8]."""
    host = f"127.0.0.1:{crowd.serving.port}"
    token = crowd.log_in(crowd.owner).access
    paths = (
        *("/nothing", "/setup/", "/api/v1", "/api/v1/", "/api/v2/auth/me", "/API/V1/AUTH/ME"),
        *("/api/v1/auth/me/", "//api/v1/auth/me", "/api/v1/auth//me", "/api/v1/auth/me;x=1"),
        *("/api/v1/auth/%6de%2f", "/api/v1/auth/me%00", "/api/v1/auth/..%2fauth/me"),
        *("/health/live/../../api/v1/auth/me", "/health/live/x", "/docs", "/openapi.json"),
    )
    for path in paths:
        for method in ("GET", "POST", "DELETE"):
            for bearer in ("", token):
                asked = Wrong(method, path, host=host, bearer=bearer)
                assert asked.ask(crowd.serving) == (404, "not_found"), (method, path)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "localhost.evil.example:{port}"),
        "127.0.0.1.nip.io",
        *("localhost:{port}@evil.example", "evil.example#localhost", "0.0.0.0:{port}"),
        "[::]:{port}",
        *("localhost.:{port}", "local\thost", "127.0.0.1, evil.example", "127.0.0.1:{port}:80"),
        *("127.0.0.1:999999", "2130706433:{port}", "0x7f.1:{port}", "[::1", "[::ffff:8.8.8.8]"),
        "",
    ],
)  # fmt: skip
def test_a_name_whose_address_was_turned_to_this_machine_reaches_nothing(
    crowd: Crowd, host: str
) -> None:
    """421 for a good token too, also where two hosts are named or the target names one [SE9]."""
    named = host.format(port=crowd.serving.port)
    asked = Wrong("GET", "/api/v1/auth/me", host=named, origin=None)
    good = replace(asked, bearer=crowd.log_in(crowd.owner).access, length=0, body=b"")
    assert good.ask(crowd.serving) == (421, "host_refused")
    own = f"Host: 127.0.0.1:{crowd.serving.port}"
    assert replace(good, more=(own,)).ask(crowd.serving) in {
        (421, "host_refused"),
        (400, "malformed_request"),
    }

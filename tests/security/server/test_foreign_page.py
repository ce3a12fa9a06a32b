# SPDX-License-Identifier: Apache-2.0
"""A stranger's page in a real browser, open beside a server whose cookie the browser holds.

The page is on this machine too, once under the server's own address and another port (for a browser
the same site: `SameSite` does not help there) and once under another name. The model for this file
is CVE-2025-34291: a lax cookie, a lax CORS and an endpoint made a takeover of one click.
"""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.integration.api.visitor import EMAIL, PASSWORD
from tests.security.server.crowd import Crowd

READS: Final = (
    *("/", "/setup", "/health/live", "/health/ready", "/api/v1/setup", "/api/v1/openapi.json"),
    *("/schemas/workflow.json", "/api/v1/auth/me", "/api/v1/auth/sessions", "/metrics"),
)
WRITES: Final = (
    *("/api/v1/auth/refresh", "/api/v1/auth/logout", "/api/v1/auth/logout-all"),
    *("/api/v1/auth/login", "/api/v1/setup", "/api/v1/auth/password"),
)
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
TABLES: Final = ("users", "sessions", "presence", "refresh_tokens", "one_time_tokens", "api_keys")

FETCH: Final = """async ([url, options]) => {
  try {
    const answer = await fetch(url, {credentials: "include", ...options});
    if (answer.type === "opaque") return "opaque";
    return "read " + answer.status + " " + (await answer.text()).slice(0, 80);
  } catch (error) { return error.name; }
}"""
LOAD: Final = """([kind, url]) => new Promise((done) => {
  const made = document.createElement(kind);
  made.onload = () => done("loaded");
  made.onerror = () => done("error");
  if (kind === "link") { made.rel = "stylesheet"; made.href = url; }
  else if (kind === "object") made.data = url; else made.src = url;
  document.body.append(made);
})"""
FRAME: Final = """(url) => new Promise((done) => {
  const made = document.createElement("iframe");
  made.onload = () => {
    try { done("read " + made.contentDocument.body.innerText); }
    catch (error) { done(error.name); }
  };
  made.src = url;
  document.body.append(made);
})"""
SUBMIT: Final = """([url, kind, value]) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.name = "into" + Math.random();
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: url, enctype: kind, target: frame.name});
  const field = document.createElement("input");
  Object.assign(field, {name: value, value: "x"});
  form.append(field);
  document.body.append(form);
  frame.onload = () => done("sent");
  form.submit();
})"""
SOCKET: Final = """(url) => new Promise((done) => {
  const made = new WebSocket(url);
  made.onopen = () => done("open");
  made.onerror = () => done("error");
})"""
STREAM: Final = """(url) => new Promise((done) => {
  const made = new EventSource(url, {withCredentials: true});
  made.onopen = () => done("open");
  made.onerror = () => { made.close(); done("error"); };
})"""


class Blank(http.server.BaseHTTPRequestHandler):
    """An empty page wherever one asks."""

    def do_GET(self) -> None:
        """Give it."""
        body = b"<!doctype html><title>evil</title><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def evil_port() -> Iterator[int]:
    """The port of a stranger's server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blank) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def context(browser: Browser, crowd: Crowd) -> Iterator[BrowserContext]:
    """A browser that is logged in: it holds the cookie of the server."""
    made = browser.new_context()
    answer = made.request.post(
        f"{crowd.serving.url}/api/v1/auth/login", data={"email": EMAIL, "password": PASSWORD}
    )
    assert answer.status == 200
    (cookie,) = made.cookies()
    assert cookie["name"] == f"legato_refresh_{crowd.serving.port}"
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    yield made
    made.close()


@pytest.fixture(params=["127.0.0.1", "localhost"])
def page(context: BrowserContext, evil_port: int, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A stranger's page in it."""
    made = context.new_page()
    made.goto(f"http://{request.param}:{evil_port}/")
    yield made
    made.close()


def kept(crowd: Crowd) -> dict[str, list[Any]]:
    """Return all that the server has written of accounts and deeds."""
    found = {name: sorted(crowd.sql(f"SELECT * FROM {name}")) for name in TABLES}
    return {**found, "audit": crowd.sql("SELECT id, action FROM audit ORDER BY id")}


def refusals(crowd: Crowd) -> int:
    """Return how many requests of foreign pages reached the server, and were refused."""
    lines = crowd.serving.process.errors().splitlines()
    found = [json.loads(line) for line in lines if '"request"' in line]
    return sum(each["status"] == 403 and each["method"] == "POST" for each in found)


def is_alive(crowd: Crowd, context: BrowserContext) -> bool:
    """Tell whether the browser is still logged in."""
    url = f"{crowd.serving.url}/api/v1/auth"
    answer = context.request.post(f"{url}/refresh", headers={"Origin": crowd.serving.url})
    if answer.status != 200:
        return False
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return bool(context.request.get(f"{url}/me", headers=bearer).json()["email"] == EMAIL)


def test_it_reads_nothing(crowd: Crowd, context: BrowserContext, page: Page) -> None:
    """Fetch, frame, script, picture, style, socket, stream and window tell it nothing [SE19]."""
    url = crowd.serving.url
    for path in READS:
        asked: list[dict[str, Any]] = [{}, {"headers": {"Authorization": "Bearer x"}}]
        for options in [*asked, {"mode": "no-cors"}, {"credentials": "omit"}]:
            assert page.evaluate(FETCH, [url + path, options]) == "TypeError", (path, options)
        for kind in ("script", "img", "link", "object"):
            assert page.evaluate(LOAD, [kind, url + path]) == "error", (path, kind)
        assert page.evaluate(STREAM, url + path) == "error"
    for path in READS[:6]:
        found = page.evaluate(FRAME, url + path)
        assert found in {"TypeError", "SecurityError"}, found
    for path in ("/api/ws", "/ws/workflow/x", "/"):
        assert page.evaluate(SOCKET, f"ws{url.removeprefix('http')}{path}") == "error"
    with context.expect_page() as opened:
        page.evaluate("(url) => { window.other = window.open(url); }", f"{url}/api/v1/auth/me")
    opened.value.wait_for_load_state()
    page.wait_for_function("() => window.other.closed")
    assert is_alive(crowd, context)


def test_it_changes_nothing(crowd: Crowd, context: BrowserContext, page: Page) -> None:
    """No fetch, form or beacon: the server refuses them, and its tables are as before [SE20]."""
    url, before, refused = crowd.serving.url, kept(crowd), refusals(crowd)
    count = 0
    for path in WRITES:
        simple = {"method": "POST"}
        loud = {**simple, "headers": {"Content-Type": "application/json"}, "body": "{}"}
        assert page.evaluate(FETCH, [url + path, simple]) == "TypeError"
        assert page.evaluate(FETCH, [url + path, loud]) == "TypeError"
        quiet = {**simple, "mode": "no-cors", "body": json.dumps({"email": EMAIL})}
        assert page.evaluate(FETCH, [url + path, quiet]) in {"opaque", "TypeError"}
        for kind in FORMS:
            value = json.dumps({"email": EMAIL, "password": PASSWORD, "x": ""})
            assert page.evaluate(SUBMIT, [url + path, kind, value]) == "sent"
        page.evaluate("(url) => navigator.sendBeacon(url, 'x')", url + path)
        count += 2 + len(FORMS)
    for method in ("PUT", "PATCH", "DELETE"):
        options = {"method": method}
        assert page.evaluate(FETCH, [f"{url}/api/v1/auth/sessions/x", options]) == "TypeError"
    assert refusals(crowd) - refused >= count
    assert kept(crowd) == before
    assert is_alive(crowd, context)


def test_a_form_that_takes_the_whole_window_changes_nothing(
    crowd: Crowd, context: BrowserContext, page: Page
) -> None:
    """The answer is an error that no page frames, and the person is still logged in [SE20]."""
    before = kept(crowd)
    for path in WRITES[:3]:
        with page.expect_navigation() as gone:
            page.evaluate(
                """(url) => {
                  const form = document.createElement("form");
                  Object.assign(form, {method: "post", action: url});
                  document.body.append(form);
                  form.submit();
                }""",
                crowd.serving.url + path,
            )
        answer = gone.value
        assert answer is not None
        assert (answer.status, answer.json()["code"]) == (403, "origin_refused")
        assert "set-cookie" not in answer.headers
        page.go_back()
    assert kept(crowd) == before
    assert is_alive(crowd, context)


def test_a_cookie_that_it_plants_logs_nobody_in_or_out(
    crowd: Crowd, context: BrowserContext, page: Page
) -> None:
    """Two cookies are none; when the planted one is gone the log-in goes on [SE21]."""
    name = f"legato_refresh_{crowd.serving.port}"
    (own,) = context.cookies(crowd.serving.url)
    before = kept(crowd)
    page.evaluate(
        """(name) => {
          document.cookie = `${name}=${"x".repeat(42)}A; path=/api/v1/auth`;
          document.cookie = `${name}=planted; path=/`;
        }""",
        name,
    )
    assert own in context.cookies(crowd.serving.url)
    on_same_host = "127.0.0.1" in page.url
    answer = context.request.post(
        f"{crowd.serving.url}/api/v1/auth/refresh", headers={"Origin": crowd.serving.url}
    )
    assert answer.status == (401 if on_same_host else 200)
    if on_same_host:
        assert kept(crowd) == before
        page.evaluate(
            "(name) => { document.cookie = `${name}=; path=/api/v1/auth; max-age=0`; }", name
        )
    assert is_alive(crowd, context)


def test_a_name_that_was_turned_to_this_machine_reaches_nothing(
    crowd: Crowd, context: BrowserContext
) -> None:
    """DNS rebinding: the page is of the server's own origin to the browser, not to it [SE9]."""
    page = context.new_page()
    page.add_init_script("window.opener = null")
    for path in ("/health/live", "/api/v1/auth/me", "/api/v1/setup", "/nothing"):
        answer = page.goto(f"http://rebound.example:{crowd.serving.port}{path}")
        assert answer is not None
        assert (answer.status, answer.json()["code"]) == (421, "host_refused")
    page.close()
    assert is_alive(crowd, context)

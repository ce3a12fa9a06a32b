# SPDX-License-Identifier: Apache-2.0
"""The page of the server, in a real browser."""

import asyncio
import secrets
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from legato.api.links import new_login_link
from legato.app import build
from legato.cli.browser import Door
from legato.settings import load_settings
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import EMAIL, PASSWORD
from tests.integration.cli.site import Site, fresh_site
from tests.integration.cli.upped import Upped

pytestmark = pytest.mark.linux


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that knows nothing; what it complains of fails the test."""
    complaints: list[Any] = []
    context = browser.new_context()
    made = context.new_page()
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda message: complaints.append(message.text))
    yield made
    context.close()
    # A refused request is one line of the browser's own.
    assert [each for each in complaints if "Failed to load resource" not in str(each)] == []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A home without settings."""
    with fresh_site(tmp_path) as made:
        yield made


def test_the_link_signs_the_browser_in_without_a_form(
    site: Site, page: Page, tmp_path: Path
) -> None:
    """A file leads to it. The token leaves the address, nothing is loaded from elsewhere, and a
    reload and the first page know who is signed in [UP9, UP15, UP16].
    """
    up = Upped(site)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(up.url)
    expect(page.get_by_role("status")).to_contain_text("Nobody owns this installation so far.")
    page.goto(Door(tmp_path / "open.html", str(up.ready["setup_url"])).url)
    expect(page.get_by_role("status")).to_have_text("This browser is signed in as the owner.")
    expect(page.locator("form")).to_be_hidden()
    assert page.url == f"{up.url}/setup"
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    for _ in ("reload", "reload again"):
        page.reload()
        status = page.get_by_role("status")
        expect(status).to_have_text("This browser is signed in as owner@localhost.")
    page.goto(up.url)
    expect(page.get_by_text("legato executions list")).to_be_visible()
    page.context.clear_cookies()
    page.reload()
    expect(page.get_by_role("status")).to_have_text("This browser is not signed in.")
    page.goto(_login_link(site, up.url))
    expect(page.get_by_role("status")).to_have_text("This browser is signed in.")
    assert page.url == f"{up.url}/login"
    _join(page, _invited(page, "ben@example.org"))
    # Somebody who has an account is asked first; here it is the owner's, who is a member already.
    page.goto(_invited(page, "ben@example.org", workspace="Second"))
    expect(page.get_by_role("status")).to_have_text("Join as owner@localhost?")
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("Log in to it in this browser")
    own = (f"{up.url}/", "data:,", f"file://{tmp_path}/")
    assert [each for each in asked if not each.startswith(own)] == []
    assert up.stop(signal.SIGTERM).code == 0


def _login_link(site: Site, base: str) -> str:
    """Print a link for the owner, as somebody at the machine does."""

    async def make() -> str:
        async with build(load_settings(site.env(), site.home), role="reader") as app:
            owner = await app.stores.accounts.user_by_email("owner@localhost")
            assert owner is not None
            return await new_login_link(app.stores.accounts, owner, base)

    with ThreadPoolExecutor(1) as apart:  # the browser has a loop in this thread
        return apart.submit(lambda: asyncio.run(make())).result()


def _invited(page: Page, email: str, workspace: str = "") -> str:
    """Return the link of an invitation by the owner, into a new workspace if one is named."""
    script = """async ([email, name]) => {
        const post = (path, headers, value) => fetch("/api/v1" + path, {
            method: "POST", headers, body: value && JSON.stringify(value)});
        const pass = await (await post("/auth/refresh", {})).json();
        const headers = {"Content-Type": "application/json",
                         "Authorization": "Bearer " + pass.access_token};
        if (name) {
            const place = await post("/workspaces", headers, {name});
            headers["Legato-Workspace"] = (await place.json()).id;
        }
        const made = await post("/members/invitations", headers, {email, role: "viewer"});
        return (await made.json()).url;
    }"""
    return str(page.evaluate(script, [email, workspace]))


def _join(page: Page, link: str) -> None:
    """Accept an invitation in another browser: name and password are asked for, and no more."""
    assert page.context.browser is not None
    other = page.context.browser.new_page()
    other.goto(link)
    status = other.get_by_role("status")
    expect(status).to_have_text("This link needs a few things of you.")
    expect(other.get_by_label("E-mail")).to_be_hidden()
    other.get_by_label("Name").fill("Ben")
    other.get_by_label("Password, 15 characters or more").fill(PASSWORD)
    other.get_by_role("button").click()
    expect(status).to_have_text("You are a member now, and this browser is signed in.")
    other.close()


def _owe_a_code(page: Page) -> None:
    """Answer in place of the server: a code is owed, and 123456 is right."""

    def code(route: Route) -> None:
        is_right = route.request.post_data_json == {"mfa_token": "owed", "code": "123456"}
        route.fulfill(status=200 if is_right else 400, json={})

    owed = {"code": "mfa_required", "mfa_token": "owed", "errors": []}
    page.route("**/auth/login", lambda route: route.fulfill(status=401, json=owed))
    page.route("**/auth/login/mfa", code)


def test_a_server_for_others_asks_for_address_and_password(site: Site, page: Page) -> None:
    """A password that may not be set is named, then the form makes the owner; it can be neither
    crashed nor asked for practice [UP10, UP14, UP16].
    """
    keys = ("LEGATO_JWT_SECRET_KEY", "LEGATO_MASTER_KEY")
    env = {name: secrets.token_urlsafe(48) for name in keys}
    serving = Serving(site.start("serve", "--port", 0, "--json", **env))
    page.goto(f"{serving.url}/setup#token=wrong")
    expect(page.get_by_role("status")).to_contain_text("This link is not good any more.")
    # A newer link in the same tab, where only what stands after the # is another.
    page.goto(str(serving.ready["setup_url"]))
    expect(page.get_by_role("status")).to_have_text("This link needs a few things of you.")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill("short")
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("password ")
    expect(page.get_by_label("Code")).to_be_hidden()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("This browser is signed in as the owner.")
    expect(page.locator("form")).to_be_hidden()
    _owe_a_code(page)
    page.goto(f"{serving.url}/login#token=some")
    page.get_by_label("Code").fill("123456")
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("This browser is signed in.")
    for path in ("crash", "practice"):
        answer = page.request.post(f"{serving.url}/api/v1/system/{path}")
        assert answer.status == 404
    assert serving.stop().code == 0

# SPDX-License-Identifier: Apache-2.0
"""Refresh tokens that are stolen, repeated, raced, planted and smuggled."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.api.visitor import EMAIL, PASSWORD, Visitor
from tests.security.server.crowd import Crowd, Pass, never

REFRESH = "/auth/refresh"
GONE = (401, "session_ended")
REUSED = (401, "refresh_reused")
NOBODY = (401, "unauthenticated")


@pytest.fixture
def given(crowd: Crowd) -> Pass:
    """A log-in of somebody of this test alone."""
    return crowd.log_in(crowd.person("eve", "viewer"))


@pytest.fixture
def browser(crowd: Crowd, given: Pass) -> Visitor:
    """Their browser."""
    return crowd.visitor(given)


def thief(crowd: Crowd, cookie: str) -> Visitor:
    """Return somebody who has a copy of a cookie, and nothing else."""
    made = Visitor(crowd.serving)
    made.cookie = cookie
    return made


def test_requests_that_race_get_one_child(crowd: Crowd, given: Pass, browser: Visitor) -> None:
    """Tabs that wake up together stay logged in, all with the same next token [SE12]."""
    tabs = [thief(crowd, given.refresh) for _ in range(8)]
    with ThreadPoolExecutor(len(tabs)) as pool:
        codes = list(pool.map(lambda tab: tab.call("POST", REFRESH).status_code, tabs))
    assert codes == [200] * len(tabs)
    (child,) = {tab.cookie for tab in tabs}
    assert child not in {given.refresh, ""}
    assert browser.call("GET", "/auth/me").status_code == 200
    assert crowd.count_audit("auth.refresh_reused", given.session) == 0


def test_of_racing_generations_the_older_ends_the_log_in(
    crowd: Crowd, given: Pass, browser: Visitor
) -> None:
    """Whoever comes first: a token and its grandchild at once leave nobody logged in [SE12]."""
    old = given.refresh
    for _ in range(2):
        browser.take(browser.call("POST", REFRESH))
    clients = [thief(crowd, cookie) for cookie in (old, browser.cookie) * 3]
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda each: each.call("POST", REFRESH), clients))
    for each in clients:
        assert each.code("POST", REFRESH)[0] == 401
    assert browser.code("GET", "/auth/me") == GONE
    assert browser.code("GET", "/auth/me", Authorization=f"Bearer {given.access}") == GONE
    assert crowd.count_audit("auth.refresh_reused", given.session) == 1


def test_the_parent_is_forgiven_once_and_only_while_its_child_is_unused(
    crowd: Crowd, given: Pass, browser: Visitor
) -> None:
    """Not when the child has been used, within the grace too [SE12]."""
    browser.take(browser.call("POST", REFRESH))
    child = browser.cookie
    assert thief(crowd, given.refresh).call("POST", REFRESH).status_code == 200
    browser.take(browser.call("POST", REFRESH))
    assert thief(crowd, given.refresh).code("POST", REFRESH) == REUSED
    for cookie in (given.refresh, child, browser.cookie):
        assert thief(crowd, cookie).code("POST", REFRESH) == GONE


def test_the_parent_is_not_forgiven_after_its_grace(
    crowd: Crowd, given: Pass, browser: Visitor
) -> None:
    """By the database's clock [SE12]."""
    browser.take(browser.call("POST", REFRESH))
    crowd.sql(
        "UPDATE refresh_tokens SET used_at = used_at - 10001 WHERE session_id = ?", given.session
    )
    assert thief(crowd, given.refresh).code("POST", REFRESH) == REUSED
    assert browser.code("POST", REFRESH) == GONE


def test_one_reuse_ends_one_log_in(crowd: Crowd, given: Pass, browser: Visitor) -> None:
    """The other log-ins of the user go on: nobody else's theft logs them out [SE12]."""
    other = crowd.visitor(crowd.log_in(given.user))
    for _ in range(2):
        browser.take(browser.call("POST", REFRESH))
    assert thief(crowd, given.refresh).code("POST", REFRESH) == REUSED
    assert other.call("GET", "/auth/me").status_code == 200
    other.take(other.call("POST", REFRESH))


def test_who_is_closed_out_gets_no_new_token(crowd: Crowd, given: Pass, browser: Visitor) -> None:
    """A user who was disabled cannot refresh, whatever became of the log-in [SE12]."""
    crowd.disable(given.user)
    assert browser.code("POST", REFRESH) == GONE
    assert browser.code("GET", "/auth/me") == GONE


def test_nothing_from_before_a_log_in_survives_it(
    crowd: Crowd, given: Pass, browser: Visitor
) -> None:
    """A cookie and a token that somebody planted are neither kept nor linked [SE13]."""
    victim = crowd.visitor(given)
    victim.take(victim.call("POST", "/auth/login", {"email": EMAIL, "password": PASSWORD}))
    assert victim.cookie != given.refresh
    assert victim.call("GET", "/auth/me").json()["email"] == EMAIL
    assert browser.call("GET", "/auth/me").json()["id"] == given.user
    browser.take(browser.call("POST", REFRESH))
    assert browser.call("GET", "/auth/me").json()["id"] == given.user
    victim.take(victim.call("POST", REFRESH))
    assert victim.call("GET", "/auth/me").json()["email"] == EMAIL
    made_up = Visitor(crowd.serving)
    made_up.cookie = planted = never()
    made_up.log_in()
    assert made_up.cookie != planted
    assert thief(crowd, planted).code("POST", REFRESH) == GONE


def test_only_the_cookie_of_this_server_is_read(
    crowd: Crowd, given: Pass, browser: Visitor
) -> None:
    """Not one of another port, host or spelling, and none that is there twice [SE14]."""
    port, value = crowd.serving.port, given.refresh
    own = f"legato_refresh_{port}"
    for cookie in (
        f"legato_refresh_{port + 1}={value}",
        f"legato_refresh={value}",
        f"__Host-legato_refresh={value}",
        f"{own.upper()}={value}",
        f"{own}_={value}",
        f"x{own}={value}",
        f'{own}="{value}"',
        f"{own}={value}x",
        f"{own}={value}=",
        f"{own}=",
        f"{own}",
        f"{own}={value}; {own}={never()}",
        f"{own}={never()}; {own}={value}",
        f"{own}=; {own}={value}",
        f"a={own}={value}",
    ):
        for path in (REFRESH, "/auth/logout"):
            answer = browser.call("POST", path, Cookie=cookie, Authorization="")
            assert answer.status_code == (401 if path == REFRESH else 204), cookie
            browser.cookie = value
    assert browser.call("GET", "/auth/me").status_code == 200
    browser.take(browser.call("POST", REFRESH, Cookie=f"{own}={value}; {own}={value}; other=1"))


def test_a_refresh_token_counts_in_the_cookie_alone(
    crowd: Crowd, given: Pass, browser: Visitor
) -> None:
    """Not in a body, the query or a header; and it is given in the cookie alone [SE14]."""
    bare = Visitor(crowd.serving)
    value = {"refresh_token": given.refresh, "token": given.refresh}
    assert bare.code("POST", REFRESH, value) == NOBODY
    assert bare.code("POST", f"{REFRESH}?refresh_token={given.refresh}") == NOBODY
    assert bare.code("POST", REFRESH, Authorization=f"Bearer {given.refresh}") == NOBODY
    assert bare.code("POST", REFRESH, X_Refresh_Token=given.refresh) == NOBODY
    answer = browser.take(browser.call("POST", REFRESH))
    assert browser.cookie not in answer.text
    assert browser.cookie not in str([each for each in answer.headers if each != "set-cookie"])


def test_a_page_of_another_origin_neither_refreshes_nor_logs_out(
    crowd: Crowd, given: Pass, browser: Visitor
) -> None:
    """403 whatever it claims to be, and the log-in is as it was [SE14]."""
    port = crowd.serving.port
    foreign: list[dict[str, str]] = [
        *(
            {"Origin": origin}
            for origin in (
                *("https://evil.example", "null", "", f"http://127.0.0.1:{port + 1}"),
                *(f"http://localhost:{port}", f"https://127.0.0.1:{port}", "http://127.0.0.1"),
                *(f"http://127.0.0.1:{port}.evil.example", f"http://127.0.0.1:{port}/", "file://"),
                f"http://127.0.0.1:{port}, http://127.0.0.1:{port}",
            )
        ),
        *(
            {"Sec_Fetch_Site": site}
            for site in ("cross-site", "same-site", "none", "", "Same-Origin")
        ),
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"},
    ]
    for headers in foreign:
        for path in (REFRESH, "/auth/logout", "/auth/login"):
            answer = browser.call("POST", path, **headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused"), headers
            assert "set-cookie" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers
    assert browser.call("GET", "/auth/me").status_code == 200
    own = {"Origin": f"http://127.0.0.1:{port}", "Sec_Fetch_Site": "same-origin"}
    browser.take(browser.call("POST", REFRESH, **own))

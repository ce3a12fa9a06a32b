# SPDX-License-Identifier: Apache-2.0
"""Which recorded exchange answers a request."""

import pytest

from legato.ports.exchanges import Answer
from legato.testing.workflow.replay import Replay, same_url
from legato.testing.workflow.suite import Exchange

URL = "https://shop.example/x"


def exchange(name: str, **changes: object) -> Exchange:
    """Return an exchange whose answer's body is its name."""
    given: dict[str, object] = {"method": "GET", "url": URL, **changes}
    return Exchange(answer=Answer(body=name.encode()), **given)  # type: ignore[arg-type]


def asked(replay: Replay, method: str = "GET", url: str = URL, body: bytes = b"") -> str | None:
    """Return the name of what answers."""
    answer = replay.answer(method, url, body)
    return None if answer is None else answer.body.decode()


def test_equal_requests_get_their_answers_in_order() -> None:
    """Each answers as often as it says, then the next one; then there is none [TK10]."""
    replay = Replay([exchange("a"), exchange("b", times=2)])
    assert [asked(replay) for _ in range(4)] == ["a", "b", "b", None]
    assert replay.misses == [
        f"no recorded exchange answers GET {URL}: it was asked more often than recorded (`times`)"
    ]


def test_method_and_body_are_compared_where_they_are_stated() -> None:
    """JSON by value, other bodies byte by byte, none at all if nothing is said [TK10]."""
    replay = Replay([
        exchange("json", method="POST", json={"a": [1, 2]}, has_json=True, times=None),
        exchange("text", method="POST", body=b"a=1", times=None),
        exchange("any", method="PUT", times=None),
    ])  # fmt: skip
    assert asked(replay, "POST", body=b'{ "a": [1,2] }') == "json"
    assert asked(replay, "POST", body=b"a=1") == "text"
    assert asked(replay, "PUT", body=b"whatever") == "any"
    assert asked(replay, "POST", body=b"a=2") is None
    assert "with the body 'a=2': recorded for this URL is POST, or another body" in replay.misses[0]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://a.example", "https://a.example/", True),
        ("HTTPS://A.example:443/x", "https://a.example/x", True),
        ("https://a.example/x?q=a b", "https://a.example/x?q=a%20b", True),
        ("https://a.example/x?q=1", "https://a.example/x", False),
        ("http://a.example/x", "https://a.example/x", False),
        ("https://a.example/x", "https://a.example.evil.org/x", False),
        ("https://a.example/x", "https://u@a.example:8443/x", False),
        ("no url", "https://a.example", False),
        ("https://[::1", "https://a.example", False),
    ],
)
def test_urls_are_the_same_however_they_are_written(one: str, other: str, is_same: bool) -> None:
    """Case of the host, default ports and encoding do not matter; all else does [TK10]."""
    assert same_url(one, other) is is_same

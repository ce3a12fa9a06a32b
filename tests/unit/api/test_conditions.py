# SPDX-License-Identifier: Apache-2.0
"""ETag, If-Match, If-None-Match."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from legato.api.conditions import check_match, etag, if_match, required_tag, tagged
from legato.errors import Refused


def request(**headers: str) -> Request:
    """Return a request with headers."""
    pairs = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    return Request({"type": "http", "method": "PUT", "path": "/", "headers": pairs})


def refused(code: str, work: object) -> None:
    """Expect a refusal."""
    with pytest.raises(Refused) as found:
        work()  # type: ignore[operator]
    assert found.value.code == code


def test_if_match_is_a_list_of_tags_or_a_star() -> None:
    """As RFC 9110 writes it; a weak tag is equal to nothing [WF14]."""
    assert if_match(request()) is None
    assert if_match(request(if_match="*")) is None
    assert if_match(request(if_match='"a"')) == ["a"]
    assert if_match(request(if_match='"a" , "b,c"')) == ["a", "b,c"]
    assert if_match(request(if_match='W/"a"')) == [""]
    for wrong in ("a", '"a', '"a" "b"', '"a";', "'a'"):
        refused("precondition_failed", lambda wrong=wrong: if_match(request(if_match=wrong)))


def test_a_change_needs_what_is_there() -> None:
    """One of the tags that were named, or none was [WF14]."""
    check_match(request(), "a")
    check_match(request(if_match='"b", "a"'), "a")
    refused("precondition_failed", lambda: check_match(request(if_match='"b"'), "a"))
    refused("precondition_failed", lambda: check_match(request(if_match='W/"a"'), "a"))


def test_where_a_tag_is_required_it_is_one() -> None:
    """428 without, 412 with several or any [WF14]."""
    assert required_tag(request(if_match='"r1"')) == "r1"
    refused("precondition_required", lambda: required_tag(request()))
    for several in ("*", '"a", "b"', ""):
        refused("precondition_failed", lambda v=several: required_tag(request(if_match=v)))


def test_what_is_known_is_not_sent_again() -> None:
    """304 with the tag and without a body; a weak tag will do [WF14]."""
    for known in ('"a"', 'W/"a"', '"b", "a"', "*"):
        answer = tagged(request(if_none_match=known), "a", Response(b"body"))
        assert (answer.status_code, answer.body, answer.headers["etag"]) == (304, b"", '"a"')
    for other in ('"b"', "a", ""):
        answer = tagged(request(if_none_match=other), "a", Response(b"body"))
        assert (answer.status_code, answer.body) == (200, b"body")
    assert etag("a") == {"etag": '"a"'}

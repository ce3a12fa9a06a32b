# SPDX-License-Identifier: Apache-2.0
"""Pages of lists: cursors, and what is refused."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request

from legato.api.pages import LIMIT, PageQuery, Pages, Text, Time
from legato.errors import Refused
from legato.model.ids import UserId, WorkspaceId
from legato.ports.accounts import Principal, User, Workspace
from tests.unit.api.calls import scope_of

USER = User(id=UserId("u1"), email="ada@example.org", display_name="Ada")


class Filters(PageQuery):
    action: Text | None = None
    after: Time | None = None


def pages(
    name: str = "things", *, workspace: str = "w1", key: bytes = b"k" * 32, query: bytes = b""
) -> Pages:
    """Return the pages of one request."""
    scope = scope_of(query=query)
    identity = SimpleNamespace(refresh_key=key)
    scope["app"] = SimpleNamespace(state=SimpleNamespace(api=SimpleNamespace(identity=identity)))
    place = Workspace(id=WorkspaceId(workspace), slug=workspace, name=workspace)
    request = Request(scope)
    request.state.principal = Principal(user=USER, workspace=place)
    return Pages(request, name)


def test_a_list_is_read_page_by_page() -> None:
    """Each item once, and no cursor at the end [HT50]."""
    things = [f"{number:02}" for number in range(9, -1, -1)]
    seen: list[str] = []
    asked = Filters(limit=4)
    while True:
        made = pages()
        after = made.after(asked)
        found = [each for each in things if after is None or each < after]
        items, cursor = made.cut(found[: asked.limit + 1], asked, str)
        assert (items, cursor) == made.cut_whole(things[::-1], asked, str)
        seen += items
        if cursor is None:
            break
        assert len(items) == 4
        asked = Filters(limit=4, cursor=cursor)
    assert seen == things


def test_a_cursor_belongs_to_one_list_with_its_filters() -> None:
    """Of another list, workspace, filter or server it is none; a limit may differ [HT50]."""
    asked = Filters(action="auth.", after="2026-11-30T09:00:00Z")
    cursor = pages().cursor("4711", asked)
    same = asked.model_copy(update={"cursor": cursor, "limit": 7})
    assert pages().after(same) == "4711"
    others: list[tuple[Pages, dict[str, Any]]] = [
        (pages("others"), {}),
        (pages(workspace="w2"), {}),
        (pages(key=b"x" * 32), {}),
        (pages(), {"action": "auth.login"}),
        (pages(), {"action": None}),
        (pages(), {"after": "2026-11-30T09:00:01Z"}),
    ]
    for other, changes in others:
        with pytest.raises(Refused) as caught:
            other.after(same.model_copy(update=changes))
        assert caught.value.code == "cursor_invalid"


def test_a_cursor_that_was_made_up_is_none() -> None:
    """Whatever it is, also another spelling of a good one [HT50]."""
    good = pages().cursor("47", PageQuery())
    raw = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
    forged = base64.urlsafe_b64encode(raw[:16] + b"48").decode()
    wrong = [
        "", "x", "=", "é", "a" * 300, good[:-1], good + "=", good + " ", f" {good}",
        good.swapcase(), forged.rstrip("="), forged, "AAAA" * 8, "/" * 24, "-" * 24,
    ]  # fmt: skip
    for cursor in wrong:
        with pytest.raises(Refused) as caught:
            pages().after(PageQuery(cursor=cursor))
        assert caught.value.code == "cursor_invalid", cursor
        assert cursor not in str(caught.value) or not cursor


def test_bounds_and_unknown_parameters_are_refused() -> None:
    """So are texts that are no time, and one that stands twice [HT50]."""
    assert Filters().limit == LIMIT == 50
    assert Filters.model_validate({"limit": "200"}).limit == 200
    wrong: list[dict[str, str]] = [
        {"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"sort": "up"}, {"cursor": "x" * 301},
        {"action": ""}, {"action": "x" * 201}, {"after": "yesterday"}, {"after": "1796002677"},
        {"after": "2026-11-30T09:00:00"}, {"after": "2026-02-30T09:00:00Z"},
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(ValidationError):
            Filters.model_validate(each)
    with pytest.raises(RequestValidationError) as caught:
        pages(query=b"limit=1&limit=2")
    assert caught.value.errors()[0]["loc"] == ("query", "limit")

# SPDX-License-Identifier: Apache-2.0
"""Lists page by page: `?limit=&cursor=` gives `{items, next_cursor}`, descending, no totals.

    class ThingQuery(PageQuery):
        status: str | None = None

    @routes.get("", access=..., response_model=Things)
    async def list_things(
        request: Request, api: ApiPart, asked: Annotated[ThingQuery, Query()]
    ) -> Things:
        pages = Pages(request, "things")
        found = await store.things(after=pages.after(asked), limit=asked.limit + 1)
        items, next_cursor = pages.cut(found, asked, lambda thing: thing.id)

A parameter that the query does not have, or that stands twice, is refused. A cursor says after
which item a page begins; it is signed, and bound to the list, its workspace and the filters: of
anything else it is no cursor. Rules: HT50.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Final, TypeVar

import orjson
from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from legato.api.authenticator import principal_of
from legato.api.parts import identity_of
from legato.api.times import parse_time
from legato.errors import Refused

T = TypeVar("T")

LIMIT: Final = 50
LIMIT_MAX: Final = 200
CURSOR_MAX: Final = 300
FILTER_MAX: Final = 200
_MAC_BYTES: Final = 16


def _checked_time(text: str) -> str:
    if parse_time(text) is None:
        raise PydanticCustomError("datetime_parsing", "is no time")
    return text


Text = Annotated[str, Field(min_length=1, max_length=FILTER_MAX)]
"""A filter."""
Time = Annotated[
    str, AfterValidator(_checked_time), Field(json_schema_extra={"format": "date-time"})
]
"""A filter; `times.parse_time` gives its ms."""


class Parameters(BaseModel):
    """Parameters of a query, and no others."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(Parameters):
    """Which part of a list; filters are added by a class of its own."""

    limit: int = Field(default=LIMIT, ge=1, le=LIMIT_MAX)
    cursor: str | None = Field(default=None, max_length=CURSOR_MAX)


PagePart = Annotated[PageQuery, Query()]
"""A list without filters."""


def refuse_repeated(request: Request, *, but: Collection[str] = ()) -> None:
    """Refuse a parameter that stands twice: two readers could each take another one.

    Args:
        request: Whose.
        but: Those that are lists.

    Raises:
        RequestValidationError: One does.
    """
    count = Counter(name for name, _ in request.query_params.multi_items())
    found = [
        {"type": "repeated", "loc": ("query", n)} for n in count if count[n] > 1 and n not in but
    ]
    if found:
        raise RequestValidationError(found)


class Pages:
    """The pages of one list, as one request sees them."""

    def __init__(
        self,
        request: Request,
        name: str,
        *,
        of_workspace: bool = True,
        lists: Collection[str] = (),
    ) -> None:
        """Make it.

        Args:
            request: Who asks, and where.
            name: Of the list.
            of_workspace: The list is of the workspace that was asked for; else the same everywhere.
            lists: Parameters that may stand more than once.

        Raises:
            RequestValidationError: A parameter stands twice.
        """
        refuse_repeated(request, but=lists)
        workspace = principal_of(request).workspace if of_workspace else None
        # What is made of a refresh token with this key is made of a text without a slash.
        self._key = hmac.digest(identity_of(request).refresh_key, b"cursors/1", "sha256")
        self._list = [name, None if workspace is None else workspace.id]

    def after(self, asked: PageQuery) -> str | None:
        """Return what names the item after which the page begins; None: at the beginning.

        Raises:
            Refused: `cursor_invalid`.
        """
        if asked.cursor is None:
            return None
        padded = asked.cursor + "=" * (-len(asked.cursor) % 4)
        try:
            raw = base64.b64decode(padded.encode("ascii"), b"-_", validate=True)
            last = raw[_MAC_BYTES:].decode()
        except (binascii.Error, UnicodeError):
            raise _invalid() from None
        # The same bytes have several spellings; one of them is ours.
        if not hmac.compare_digest(self.cursor(last, asked).encode(), asked.cursor.encode()):
            raise _invalid()
        return last

    def cut(
        self, found: Sequence[T], asked: PageQuery, key: Callable[[T], str]
    ) -> tuple[list[T], str | None]:
        """Return the items of a page and the cursor of the next one, if there is one.

        Args:
            found: What follows `after`, one more than the page holds if there is more.
            asked: How many.
            key: What names an item in a cursor.
        """
        items = list(found[: asked.limit])
        if len(found) <= asked.limit:
            return items, None
        return items, self.cursor(key(items[-1]), asked)

    def cut_whole(
        self, found: Sequence[T], asked: PageQuery, key: Callable[[T], str]
    ) -> tuple[list[T], str | None]:
        """Do the same to a list that was read whole, because it is short by nature."""
        after = self.after(asked)
        rest = [each for each in found if after is None or key(each) < after]
        return self.cut(sorted(rest, key=key, reverse=True), asked, key)

    def cursor(self, last: str, asked: PageQuery) -> str:
        """Return the cursor of the page that follows an item, under the same filters."""
        filters: dict[str, Any] = asked.model_dump(mode="json", exclude={"limit", "cursor"})
        bound = orjson.dumps([*self._list, filters, last], option=orjson.OPT_SORT_KEYS)
        mac = hmac.digest(self._key, bound, "sha256")[:_MAC_BYTES]
        return base64.urlsafe_b64encode(mac + last.encode()).rstrip(b"=").decode("ascii")


def _invalid() -> Refused:
    return Refused("cursor_invalid", "The cursor is not one of this list and these filters.")

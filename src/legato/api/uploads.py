# SPDX-License-Identifier: Apache-2.0
"""A file that arrives as `multipart/form-data`: read piece by piece, counted, never kept here.

The body has exactly one part, named `file`. What is wrong with it is found while it is read, and
raised where its pieces are taken: whoever stores them then keeps nothing. Rules: FI3-FI6, FI12.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from legato.api.file_forms import clean_file_name, media_type_of
from legato.api.problems import Fault, InvalidBody
from legato.errors import Refused

MULTIPART: Final = "multipart/form-data"
PART: Final = "file"
AROUND_BYTES_MAX: Final = 64 * 1024
"""What a body may have beside the bytes of the file: boundaries and headers of the part."""
HEADER_BYTES_MAX: Final = 8 * 1024
HEADERS_MAX: Final = 8
BOUNDARY_MAX: Final = 70
"""Source: RFC 2046, section 5.1.1."""
_PLAIN: Final = frozenset({"7bit", "8bit", "binary"})
_EXPECTED: Final = "exactly one part, named file"


class Upload:
    """The file in the body of a request. Its name and type are known when `pieces` has ended."""

    def __init__(self, request: Request, body: AsyncIterator[bytes], *, size_max: int) -> None:
        """Make it.

        Args:
            request: Whose Content-Type names the boundary.
            body: The body as it comes.
            size_max: Bytes that the file may have.
        """
        self.name = ""
        self.media_type = ""
        self._request = request
        self._body = body
        self._size_max = size_max
        self._is_begun = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file.

        Raises:
            InvalidBody: It is no such form, or it breaks off.
            Refused: `too_large`, or what is raised of the body.
        """
        count = 0
        async for event in self._events():
            if isinstance(event, MultipartSegment):
                self._begin(event)
                continue
            count += len(event)
            if count > self._size_max:
                raise Refused("too_large", f"The file is larger than {self._size_max} bytes.")
            yield event
        if not self._is_begun:
            raise InvalidBody([Fault(f"/{PART}", "is required", _EXPECTED)])

    async def _events(self) -> AsyncIterator[MultipartSegment | bytes]:
        """Yield the head of each part, and the bytes that follow it."""
        parser: PushMultipartParser | None = None
        try:
            async for chunk in self._body:
                if not chunk:
                    continue
                # A body that is too large is told before one that is wrong.
                parser = parser or _parser_of(self._request)
                for event in filter(None, parser.parse(chunk)):
                    yield event if isinstance(event, MultipartSegment) else bytes(event)
            if parser is not None:
                parser.close()
        except MultipartError:
            raise InvalidBody([Fault("", "is no form, or breaks off", MULTIPART)]) from None

    def _begin(self, part: MultipartSegment) -> None:
        names = [name for name, _ in part.headerlist]
        if part.name != PART or self._is_begun:
            raise InvalidBody([Fault("", "has another part", _EXPECTED)])
        if len(set(names)) != len(names):
            raise InvalidBody([Fault(f"/{PART}", "has a header twice", "each header once")])
        coding = part.header("Content-Transfer-Encoding")
        if coding is not None and coding.strip().lower() not in _PLAIN:
            raise InvalidBody([Fault(f"/{PART}", "is encoded", "the bytes as they are")])
        media_type = media_type_of(part.content_type, part.charset)
        if media_type is None:
            expected = "a Content-Type such as text/plain"
            raise InvalidBody([Fault(f"/{PART}", "has no media type", expected)])
        self._is_begun = True
        self.name = clean_file_name(part.filename)
        self.media_type = media_type


def _parser_of(request: Request) -> PushMultipartParser:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = str(options.get("boundary", ""))
    if not 0 < len(boundary) <= BOUNDARY_MAX or not boundary.isascii():
        raise InvalidBody([Fault("", "has no boundary in its Content-Type", MULTIPART)])
    return PushMultipartParser(
        boundary,
        max_header_size=HEADER_BYTES_MAX,
        max_header_count=HEADERS_MAX,
        max_segment_count=2,
    )

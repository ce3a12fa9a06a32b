# SPDX-License-Identifier: Apache-2.0
"""Errors as answers: `application/problem+json` (RFC 9457) with one table of codes to statuses.

The only place that maps an error to a status. An answer never holds what was sent: of a failed
check only the place and what was expected. Rules: HT1-HT6.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePath
from typing import Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from legato.errors import (
    Conflict,
    Internal,
    InvalidDocument,
    InvalidInput,
    InvalidJson,
    InvalidToken,
    LegatoError,
    LimitExceeded,
    NotAllowed,
    NotFound,
    RateLimited,
    Refused,
    Unauthenticated,
    Unavailable,
)
from legato.telemetry import logger

MEDIA_TYPE: Final = "application/problem+json"
CODES_OF_STATUS: Final[dict[int, tuple[str, ...]]] = {  # the first: what the framework means
    400: ("malformed_request", "token_invalid"),
    401: (
        *("unauthenticated", "invalid_credentials", "mfa_required", "session_ended"),
        *("refresh_reused", "signature_invalid"),
    ),
    403: ("forbidden", "origin_refused", "reauth_required", "registration_closed"),
    404: ("not_found",),
    405: ("method_not_allowed",),
    406: ("not_acceptable",),
    408: ("request_timeout",),
    409: (
        *("already_set_up", "account_exists", "last_owner", "slug_taken", "draft_conflict"),
        *("not_published", "illegal_state", "already_decided", "overlap_skipped"),
        *("idempotency_in_progress", "quota_exceeded", "in_use"),
    ),
    412: ("precondition_failed",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
    421: ("host_refused",),
    422: ("invalid", "cursor_invalid", "slug_mismatch", "idempotency_mismatch"),
    428: ("precondition_required",),
    429: ("rate_limited", "queue_full"),
    431: ("headers_too_large",),
    500: ("internal",),
    503: ("unavailable", "draining"),
    507: ("disk_full",),
}
STATUS_OF_CODE: Final = {
    code: status for status, codes in CODES_OF_STATUS.items() for code in codes
}
CODE_OF_CLASS: Final[tuple[tuple[type[LegatoError], str], ...]] = (
    (InvalidToken, "token_invalid"),
    (InvalidInput, "invalid"),
    (Unauthenticated, "unauthenticated"),
    (NotAllowed, "forbidden"),
    (NotFound, "not_found"),
    (Conflict, "illegal_state"),
    (RateLimited, "rate_limited"),
    (LimitExceeded, "queue_full"),
    (Unavailable, "unavailable"),
    (Internal, "internal"),
)
"""For errors of lower layers, which know no answers; the first that fits."""
RETRY_AFTER_S: Final = 1
"""Where the error names no time: an outage or a full queue is asked about again soon."""
ERRORS_MAX: Final = 50
_SEGMENT_MAX: Final = 64
_NAME_MAX: Final = 32
_FOREIGN: Final = frozenset({"extra_forbidden", "repeated"})
_LEFT_OUT: Final = "…"
_UNNAMED: Final = "Something went wrong here; the server's log knows it by the request id."

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a body, and where: `path` is a JSON Pointer (RFC 6901)."""

    path: str
    message: str
    expected: str = ""
    line: int | None = None
    column: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in an answer; line and column only if they are known."""
        found = {"path": self.path, "message": self.message, "expected": self.expected}
        place = {"line": self.line, "column": self.column}
        return {**found, **{name: each for name, each in place.items() if each is not None}}


class InvalidBody(InvalidInput):
    """The body does not have the form that is expected."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Args: faults are at least one."""
        super().__init__()
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as an answer."""

    code: str
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The status of the answer."""
        return STATUS_OF_CODE[self.code]

    def body(self, request_id: str) -> bytes:
        """Return the JSON text."""
        return orjson.dumps(
            {
                **self.more,
                "type": f"urn:legato:{self.code}",
                "title": self.code.replace("_", " ").capitalize(),
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                "request_id": request_id,
                "errors": [each.to_json() for each in self.faults[:ERRORS_MAX]],
            }
        )

    def raw_headers(self, body: bytes) -> list[tuple[bytes, bytes]]:
        """Return the headers as ASGI wants them."""
        pairs = [
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            *self.headers,
        ]
        if self.status == HTTPStatus.UNAUTHORIZED and "www-authenticate" not in dict(self.headers):
            pairs.append(("www-authenticate", "Bearer"))  # RFC 9110 wants one
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]


def pointer(path: Sequence[str | int]) -> str:
    """Return a JSON Pointer; the whole is the empty text. Long keys are cut."""
    steps = (str(each)[:_SEGMENT_MAX].replace("~", "~0").replace("/", "~1") for each in path)
    return "".join(f"/{each}" for each in steps)


def problem_of(error: BaseException) -> Problem:
    """Return the answer to an error; one that nobody foresaw says nothing about itself."""
    if isinstance(error, Refused):
        headers = error.headers
        wait = error.retry_after_s
        if wait is None and STATUS_OF_CODE[error.code] in {429, 503}:
            wait = RETRY_AFTER_S
        if wait is not None:
            headers = (*headers, ("retry-after", str(max(wait, 1))))
        return Problem(error.code, str(error), headers=headers, more=error.more)
    if isinstance(error, LegatoError):
        return _of_class(error)
    if isinstance(error, RequestValidationError):
        faults = tuple(_of_validation(error))
        return Problem("invalid", "The request does not have the form that is expected.", faults)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    return Problem("internal", _UNNAMED)


def log_defect(error: BaseException) -> None:
    """Log an error that nobody foresaw: its kind and places, not its text, which may quote input.

    The request id is in the context of the log.
    """
    places: list[str] = []
    current: BaseException | None = error
    while current is not None and len(places) < ERRORS_MAX:
        frames = traceback.extract_tb(current.__traceback__)[-8:]
        places += [f"{PurePath(each.filename).name}:{each.lineno} {each.name}" for each in frames]
        current = current.__cause__ or current.__context__
    _log.error("a request failed", error=type(error).__name__, at=places)


def _of_class(error: LegatoError) -> Problem:
    code = next((code for kind, code in CODE_OF_CLASS if isinstance(error, kind)), "internal")
    wait = (("retry-after", str(RETRY_AFTER_S)),)
    if code == "internal":
        return Problem(code, _UNNAMED)
    if code == "unavailable":  # its text names hosts and files
        return Problem(code, "A service that is needed does not answer.", headers=wait)
    if isinstance(error, RateLimited):
        return Problem(code, str(error), headers=(("retry-after", str(error.retry_after_s)),))
    if isinstance(error, InvalidBody):
        return Problem(code, str(error), error.faults)
    if isinstance(error, InvalidJson):
        line, column = error.place or (None, None)
        fault = Fault(pointer(error.path), error.reason, "strict JSON", line, column)
        return Problem(code, "The body is not strict JSON.", (fault,))
    if isinstance(error, InvalidDocument):
        return Problem(code, "The workflow document is not valid.", tuple(_of_document(error)))
    return Problem(code, str(error), headers=wait if code == "queue_full" else ())


def _of_document(error: InvalidDocument) -> Iterator[Fault]:
    for each in error.problems:
        message, nearest = str(getattr(each, "message", each)), getattr(each, "nearest", None)
        yield Fault(
            pointer(getattr(each, "steps", ())),
            message + (f"; did you mean {nearest}?" if nearest else ""),
            getattr(each, "expected", None) or "",
            getattr(each, "line", None),
            getattr(each, "column", None),
        )


def _of_validation(error: RequestValidationError) -> Iterator[Fault]:
    """Name parameters that are wrong: a path or query parameter, or a header."""
    for each in error.errors()[:ERRORS_MAX]:
        where, *rest = each.get("loc", ())
        yield fault_of(each, [str(where), *rest])


def _of_framework(error: HTTPException) -> Problem:
    """Answer what the framework refuses by itself; its own words may quote the request."""
    status = error.status_code
    code = CODES_OF_STATUS.get(status, ("internal" if status >= 500 else "invalid",))[0]
    allowed = {"allow", "www-authenticate", "retry-after"}
    headers = tuple((k, v) for k, v in (error.headers or {}).items() if k.lower() in allowed)
    text = _UNNAMED if code == "internal" else f"{HTTPStatus(STATUS_OF_CODE[code]).phrase}."
    return Problem(code, text, headers=headers)


_EXPECTED: Final = {
    "missing": ("is required", "a value"),
    "extra_forbidden": ("is not known here", "no such field"),
    "string_type": ("has another type", "text"),
    "int_type": ("has another type", "an integer"),
    "int_parsing": ("is no integer", "an integer"),
    "int_from_float": ("is no integer", "an integer"),
    "float_type": ("has another type", "a number"),
    "float_parsing": ("is no number", "a number"),
    "bool_type": ("has another type", "true or false"),
    "bool_parsing": ("is neither true nor false", "true or false"),
    "list_type": ("has another type", "a list"),
    "tuple_type": ("has another type", "a list"),
    "dict_type": ("has another type", "an object"),
    "model_type": ("has another type", "an object"),
    "model_attributes_type": ("has another type", "an object"),
    "none_required": ("has another type", "null"),
    "string_too_short": ("is too short", "at least {min_length} characters"),
    "string_too_long": ("is too long", "at most {max_length} characters"),
    "too_short": ("has too few elements", "at least {min_length} elements"),
    "too_long": ("has too many elements", "at most {max_length} elements"),
    "string_pattern_mismatch": ("does not match", "text that matches {pattern}"),
    "literal_error": ("is not one of the known values", "{expected}"),
    "enum": ("is not one of the known values", "{expected}"),
    "union_tag_invalid": ("is of no known kind", "{expected_tags}"),
    "union_tag_not_found": ("names no kind", "{discriminator}"),
    "greater_than": ("is too small", "more than {gt}"),
    "greater_than_equal": ("is too small", "at least {ge}"),
    "less_than": ("is too large", "less than {lt}"),
    "less_than_equal": ("is too large", "at most {le}"),
    "finite_number": ("is not finite", "a finite number"),
}
"""What is said of a failed check, by its kind: the checker's own text may quote what was sent."""
_EXPECTED_PREFIXES: Final = (
    ("uuid", "a UUID"),
    ("datetime", "a date and time with offset, as RFC 3339 writes it"),
    ("timezone", "a date and time with offset, as RFC 3339 writes it"),
    ("date", "a date"),
    ("time", "a time or duration"),
    ("url", "a URL"),
)


def fault_of(check: Mapping[str, Any], steps: Sequence[str | int]) -> Fault:
    """Return what is wrong and where, for one failed check of pydantic's list of errors.

    Args:
        check: The check.
        steps: They lead to what it failed at. A name that nobody knows here, and is longer than any
            of ours, is not repeated: who forgot `name=` before a token has put it there.
    """
    *way, last = steps or [""]
    is_foreign = check.get("type") in _FOREIGN and len(str(last)) > _NAME_MAX
    place = [*way, _LEFT_OUT] if is_foreign else steps
    return Fault(pointer(place), *describe(check))


def describe(check: Mapping[str, Any]) -> tuple[str, str]:
    """Return message and expectation for one failed check of pydantic's list of errors."""
    kind, context = str(check.get("type")), check.get("ctx") or {}
    if kind in _EXPECTED:
        message, expected = _EXPECTED[kind]
        return message, expected.format_map(_Known(context))
    for prefix, expected in _EXPECTED_PREFIXES:
        if kind.startswith(prefix):
            return "has another form", expected
    if kind == "value_error" and isinstance(context.get("error"), ValueError):
        return str(context["error"])[:200], ""  # a rule of ours, in words of ours
    return "is not valid", ""


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"

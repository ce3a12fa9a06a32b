# SPDX-License-Identifier: Apache-2.0
"""Refusals of a server as exceptions, one class for each kind of answer.

    Problem (with errors.LegatoError)
    ├── Unacceptable        400, 406, 413, 415, 422: what was sent cannot be taken
    ├── NotKnown            401: who asks has not shown who they are, or the log-in has ended
    ├── Forbidden           403: who asks may not
    ├── Missing             404: there is no such thing, or it is not for who asks
    ├── OtherState          409, 412, 428: the thing is in another state than the caller assumed
    ├── TooOften            429: a limit was reached; `retry_after_s` says when to come back
    ├── Away                502, 503, 504, 507: the server cannot answer now
    ├── ServerFailed        500: a defect of the server; its log knows `request_id`
    └── OtherAnswer         an answer that the description of the API does not name

Each also is the class of `legato.errors` that means the same, so whoever handles errors of Legato
handles those of a server. `Unreachable` is no answer at all. Rules: CC14.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from legato import errors

_DETAIL_MAX: Final = 500
_RETRY_AFTER_MAX: Final = 86_400


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a body; `path` is a JSON Pointer."""

    path: str
    message: str
    expected: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        place = self.path or "the body"
        at = "" if self.line is None else f" (line {self.line}, column {self.column or 1})"
        wanted = f": expected {self.expected}" if self.expected else ""
        return f"{place}{at} {self.message}{wanted}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an answer says that is a refusal; `more` has members that only some have."""

    status: int
    code: str
    detail: str
    request_id: str = ""
    faults: Sequence[Fault] = ()
    retry_after_s: int | None = None
    more: Mapping[str, Any] | None = None


class Problem(errors.LegatoError):
    """The server has refused it."""

    def __init__(self, refusal: Refusal) -> None:
        """Args: refusal is what the server said."""
        lines = [refusal.detail, *map(str, refusal.faults)]
        hint = f"Request {refusal.request_id}." if refusal.status >= 500 else None
        errors.LegatoError.__init__(self, "\n".join(lines), hint=hint)
        self.refusal = refusal
        self.code = refusal.code
        self.status = refusal.status
        self.request_id = refusal.request_id
        self.faults = tuple(refusal.faults)
        self.retry_after_s = refusal.retry_after_s

    @property
    def more(self) -> Mapping[str, Any]:
        """Members of the answer beside those of every problem, such as `mfa_token`."""
        return self.refusal.more or {}


class Unacceptable(Problem, errors.InvalidInput):
    """What was sent cannot be taken."""


class NotKnown(Problem, errors.Unauthenticated):
    """Who asks is not known."""


class Forbidden(Problem, errors.NotAllowed):
    """Who asks may not."""


class Missing(Problem, errors.NotFound):
    """There is no such thing."""


class OtherState(Problem, errors.Conflict):
    """The thing is in another state."""


class TooOften(Problem, errors.LimitExceeded):
    """A limit was reached."""

    retryable = True


class Away(Problem, errors.Unavailable):
    """The server cannot answer now."""


class ServerFailed(Problem, errors.Internal):
    """The server has a defect."""


class OtherAnswer(Problem, errors.Unavailable):
    """The answer is none that the description of the API names."""

    code = "unexpected_answer"
    retryable = False


class Unreachable(errors.Unavailable):
    """The server does not answer.

    Whether it has done what was asked is not known when `is_sent`.
    """

    code = "unreachable"

    def __init__(self, message: str, *, is_sent: bool, hint: str | None = None) -> None:
        """Make the error.

        Args:
            message: What happened.
            is_sent: The request may have reached the server.
            hint: What to do.
        """
        super().__init__(message, hint=hint)
        self.is_sent = is_sent


_CLASSES: Final[dict[int, type[Problem]]] = {
    **dict.fromkeys((400, 406, 408, 413, 415, 421, 422, 431), Unacceptable),
    401: NotKnown,
    403: Forbidden,
    404: Missing,
    **dict.fromkeys((409, 412, 428), OtherState),
    429: TooOften,
    500: ServerFailed,
    **dict.fromkeys((502, 503, 504, 507), Away),
}
_OWN: Final = frozenset(
    {"type", "title", "status", "detail", "code", "request_id", "errors", "instance"}
)


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    """Return the exception for an answer that is no success.

    An answer that is no problem document (of a proxy, say) is one with the code `http_<status>`.
    """
    return _CLASSES.get(status, OtherAnswer)(_refusal(status, headers, body))


def problem_of_code(code: str, detail: str) -> Problem:
    """Return the exception for a refusal that came inside a stream."""
    statuses = {"unauthenticated": 401, "session_ended": 401, "forbidden": 403, "not_found": 404}
    status = statuses.get(code, 503)
    return _CLASSES[status](Refusal(status, code, detail))


def _refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    value: Any = None
    if headers.get("content-type", "").partition(";")[0].strip().endswith("json"):
        try:
            value = json.loads(body)
        except ValueError:
            value = None
    if not isinstance(value, dict) or not isinstance(value.get("code"), str):
        code, text = f"http_{status}", f"the server answered {status} without saying why"
        return Refusal(status, code, text, retry_after_s=_retry_after(headers))
    found = value.get("errors")
    return Refusal(
        status=status,
        code=value["code"],
        detail=str(value.get("detail") or value.get("title") or value["code"])[:_DETAIL_MAX],
        request_id=str(value.get("request_id", "")),
        faults=[_fault(each) for each in found if isinstance(each, dict)]
        if isinstance(found, list)
        else (),
        retry_after_s=_retry_after(headers),
        more={name: each for name, each in value.items() if name not in _OWN},
    )


def _fault(value: Mapping[str, Any]) -> Fault:
    line, column = value.get("line"), value.get("column")
    return Fault(
        str(value.get("path", "")),
        str(value.get("message", "is not valid")),
        str(value.get("expected", "")),
        line if isinstance(line, int) else None,
        column if isinstance(column, int) else None,
    )


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Return whole seconds; a date, which Legato never sends, is passed over."""
    text = headers.get("retry-after", "").strip()
    return min(int(text), _RETRY_AFTER_MAX) if text.isascii() and text.isdigit() else None

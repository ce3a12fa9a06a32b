# SPDX-License-Identifier: Apache-2.0
"""Every error that Legato raises on purpose, with its stable code.

The tree (a class's docstring is its default message):

    LegatoError
    ├── InvalidInput        the caller sent something that cannot be accepted
    │   ├── InvalidDocument     a workflow file with one or more problems
    │   ├── InvalidJson         text that is no strict JSON, and where
    │   ├── ExpressionError     an expression that does not compile or evaluate
    │   └── InvalidToken        a token that is good once: malformed, unknown, used or expired
    ├── Unauthenticated     the caller has not shown who it is
    ├── NotAllowed          the caller or node lacks a right or a grant
    ├── NotFound            there is no such thing, or it is not visible
    ├── Conflict            the thing is in another state than the caller assumed
    │   └── OwnershipLost       another engine owns the execution now
    ├── LimitExceeded       a stated limit would be exceeded
    │   └── RateLimited         too often in some time; it says when to come back
    ├── Refused             a request is refused with a code of its own
    ├── Unavailable         a service (database, disk, network) cannot answer now
    │   └── StoreUnavailable    the store did not answer; the outcome may be unknown
    │       └── StoreDamaged        what is stored is not what was written; waiting mends nothing
    └── Internal            a broken invariant: a defect in Legato

This module imports nothing. It must not contain status codes: edges map classes once.
"""


class LegatoError(Exception):
    """Something went wrong."""

    code: str = "error"
    retryable: bool = False

    def __init__(self, message: str | None = None, /, *, hint: str | None = None) -> None:
        """Make the error.

        Args:
            message: What happened, where, what was expected and what was got.
            hint: What the reader can do about it, as one imperative sentence.
        """
        self.message = message if message is not None else (type(self).__doc__ or "").strip()
        self.hint = hint
        super().__init__(self.message)

    def __str__(self) -> str:
        """Join message and hint as a person should read them."""
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidInput(LegatoError):
    """The input is not valid."""

    code = "invalid"


class InvalidDocument(InvalidInput):
    """The workflow document is not valid."""

    code = "invalid_document"

    def __init__(
        self, problems: "tuple[object, ...]", /, *, misfits: "tuple[object, ...]" = ()
    ) -> None:
        """Hold every problem of the document, in the order of their place.

        Args:
            problems: `legato.model.document.Problem` values, at least one.
            misfits: The same of values against a schema, as `legato.model.misfits.Misfit`.
        """
        self.problems = problems
        self.misfits = misfits
        super().__init__("\n".join(str(problem) for problem in problems))


class InvalidJson(InvalidInput):
    """The text is not strict JSON."""

    def __init__(
        self,
        message: str | None = None,
        /,
        *,
        reason: str,
        path: "tuple[str | int, ...]" = (),
        place: "tuple[int, int] | None" = None,
    ) -> None:
        """Make the error.

        Args:
            message: What happened and where; it may quote a key of the text.
            reason: The same in words that quote nothing of the text.
            path: Keys and indices that lead to the fault.
            place: Line and column, both from 1, where the text stops being JSON.
        """
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.place = place


class ExpressionError(InvalidInput):
    """The expression cannot be evaluated."""

    code = "expression_error"

    def __init__(
        self,
        message: str | None = None,
        /,
        *,
        hint: str | None = None,
        place: tuple[int, int] | None = None,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> None:
        """Make the error.

        Args:
            message: What happened, where, what was expected and what was got.
            hint: What the reader can do about it, as one imperative sentence.
            place: Line and column in the expression's own text, both from 1.
            expected: What could have stood there.
            nearest: The nearest valid name, if there is one.
        """
        super().__init__(message, hint=hint)
        self.place = place
        self.expected = expected
        self.nearest = nearest


class InvalidToken(InvalidInput):
    """The token is not valid, or not any more."""

    code = "token_invalid"


class Unauthenticated(LegatoError):
    """Log in first."""

    code = "unauthenticated"


class NotAllowed(LegatoError):
    """This is not allowed."""

    code = "not_allowed"


class NotFound(LegatoError):
    """There is no such thing."""

    code = "not_found"


class Conflict(LegatoError):
    """The state has changed in the meantime."""

    code = "conflict"


class OwnershipLost(Conflict):
    """Another engine owns this execution now."""

    code = "ownership_lost"
    retryable = True


class LimitExceeded(LegatoError):
    """A limit would be exceeded."""

    code = "limit_exceeded"


class RateLimited(LimitExceeded):
    """This was tried too often."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str | None = None, /, *, retry_after_s: int) -> None:
        """Make the error.

        Args:
            message: What was tried too often.
            retry_after_s: Whole seconds until it may be tried again, at least 1.
        """
        super().__init__(message, hint=f"Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class Refused(LegatoError):
    """The request is refused."""

    CODES = frozenset(
        {
            *("token_invalid", "malformed_request"),
            *("unauthenticated", "invalid_credentials", "mfa_required", "session_ended"),
            *("refresh_reused", "signature_invalid"),
            *("forbidden", "origin_refused", "reauth_required", "registration_closed"),
            *("not_found", "method_not_allowed", "not_acceptable", "request_timeout"),
            *("already_set_up", "account_exists", "last_owner", "slug_taken", "draft_conflict"),
            *("not_published", "illegal_state", "already_decided", "overlap_skipped"),
            *("idempotency_in_progress", "quota_exceeded", "in_use"),
            *("precondition_failed", "precondition_required", "too_large", "headers_too_large"),
            *("unsupported_media_type", "host_refused"),
            *("invalid", "cursor_invalid", "slug_mismatch", "idempotency_mismatch"),
            *("rate_limited", "queue_full", "unavailable", "draining", "disk_full", "internal"),
        }
    )
    """Every code that an answer over the network may carry."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        /,
        *,
        hint: str | None = None,
        retry_after_s: int | None = None,
        headers: "tuple[tuple[str, str], ...]" = (),
        more: "dict[str, object] | None" = None,
    ) -> None:
        """Make the error.

        Args:
            code: One of `CODES`.
            message: What happened; never what was sent.
            hint: What the caller can do about it.
            retry_after_s: Seconds after which it may be better.
            headers: Also in the answer, such as `WWW-Authenticate`.
            more: Members of the answer beside those of every problem, such as `mfa_token`.
        """
        assert code in self.CODES, f"{code} is no code of an answer"
        super().__init__(message, hint=hint)
        self.code = code
        self.retry_after_s = retry_after_s
        self.headers = headers
        self.more = more or {}


class Unavailable(LegatoError):
    """A service that is needed does not answer."""

    code = "unavailable"
    retryable = True


class StoreUnavailable(Unavailable):
    """The store does not answer."""

    code = "store_unavailable"


class StoreDamaged(StoreUnavailable):
    """What is stored is not what was written."""

    code = "store_damaged"
    retryable = False


class Internal(LegatoError):
    """An internal rule was broken; this is a defect in Legato."""

    code = "internal"

# SPDX-License-Identifier: Apache-2.0
"""Errors as answers."""

import json
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from legato import errors
from legato.api.problems import (
    CODE_OF_CLASS,
    ERRORS_MAX,
    STATUS_OF_CODE,
    Fault,
    InvalidBody,
    pointer,
    problem_of,
)
from legato.errors import LegatoError, Refused
from legato.model.document.problems import Problem as DocumentProblem

STATED = """
400 token_invalid
401 unauthenticated invalid_credentials mfa_required session_ended refresh_reused signature_invalid
403 forbidden origin_refused reauth_required registration_closed
404 not_found
405 method_not_allowed
406 not_acceptable
409 already_set_up account_exists last_owner slug_taken draft_conflict not_published illegal_state
409 already_decided overlap_skipped idempotency_in_progress quota_exceeded in_use
412 precondition_failed
413 too_large
415 unsupported_media_type
421 host_refused
428 precondition_required
431 headers_too_large
422 invalid cursor_invalid slug_mismatch idempotency_mismatch
429 rate_limited queue_full
503 unavailable draining
507 disk_full
"""


def body_of(error: BaseException) -> dict[str, Any]:
    return dict(json.loads(problem_of(error).body("request-1")))


def test_the_table_holds_every_stated_code() -> None:
    """Each code has the status of the contract, and each code of an error is in the table [HT2]."""
    stated = {
        code: int(status)
        for status, *codes in map(str.split, STATED.strip().splitlines())
        for code in codes
    }
    assert stated.items() <= STATUS_OF_CODE.items()
    assert set(STATUS_OF_CODE) == Refused.CODES
    extra = {"malformed_request": 400, "request_timeout": 408, "internal": 500}
    assert {**stated, **extra} == STATUS_OF_CODE


def test_a_refusal_with_a_code_outside_the_table_is_a_defect() -> None:
    """No answer can carry a code that nobody knows [HT2]."""
    with pytest.raises(AssertionError):
        Refused("teapot")


def test_every_class_of_error_has_a_code() -> None:
    """Errors of lower layers are answered by their class; the first that fits [HT2]."""
    assert {code for _, code in CODE_OF_CLASS} <= set(STATUS_OF_CODE)
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    own = [kind for kind in kinds if issubclass(kind, LegatoError)]
    known = tuple(kind for kind, _ in CODE_OF_CLASS)
    assert [kind for kind in own if not issubclass(kind, (*known, Refused))] == [LegatoError]


def test_a_problem_has_the_form_of_the_contract() -> None:
    """Type, title, status, detail, code, request_id and errors, and nothing else [HT1]."""
    assert body_of(Refused("slug_taken", "The slug is taken.", hint="Choose another.")) == {
        "type": "urn:legato:slug_taken",
        "title": "Slug taken",
        "status": 409,
        "detail": "The slug is taken. Choose another.",
        "code": "slug_taken",
        "request_id": "request-1",
        "errors": [],
    }
    more = body_of(Refused("mfa_required", "A code.", more={"mfa_token": "t", "status": "forged"}))
    assert (more["mfa_token"], more["status"]) == ("t", 401)


def test_429_and_503_say_when_to_come_back() -> None:
    """Retry-After is there also where the error names no time [HT6]."""
    for error in (
        Refused("rate_limited"),
        Refused("draining"),
        errors.LimitExceeded("full"),
        errors.StoreUnavailable("gone"),
    ):
        assert dict(problem_of(error).headers)["retry-after"] == "1"
    assert (
        dict(problem_of(Refused("rate_limited", retry_after_s=30)).headers)["retry-after"] == "30"
    )
    assert problem_of(Refused("forbidden")).headers == ()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("hunter2-canary"), "internal"),
        (errors.Internal("hunter2-canary"), "internal"),
        (LegatoError("hunter2-canary"), "internal"),
        (errors.StoreUnavailable("hunter2-canary"), "unavailable"),
        (HTTPException(404, "hunter2-canary"), "not_found"),
        (HTTPException(422, "hunter2-canary"), "invalid"),
        (HTTPException(401, "hunter2-canary"), "unauthenticated"),
        (HTTPException(500, "hunter2-canary"), "internal"),
        (HTTPException(418, "hunter2-canary"), "invalid"),
    ],
)
def test_what_others_say_is_not_repeated(error: Exception, code: str) -> None:
    """Texts of defects, services and the framework may quote input or hosts [HT1, HT4, HT5]."""
    problem = problem_of(error)
    assert problem.code == code
    assert b"canary" not in problem.body("r")


def test_wrong_parameters_are_named_and_not_quoted() -> None:
    """The framework's list of errors has the input in it; the answer does not [HT1, HT3]."""
    listed = [
        {"type": "int_parsing", "loc": ("query", "limit"), "msg": "canary", "input": "canary"},
        {"type": "never_heard_of", "loc": ("path", "id"), "msg": "canary", "input": "canary"},
        {"type": "less_than_equal", "loc": ("query", "n"), "ctx": {"le": 200}, "msg": "canary"},
    ]
    found = body_of(RequestValidationError(listed, body="canary"))
    assert found["status"] == 422
    assert found["errors"] == [
        {"path": "/query/limit", "message": "is no integer", "expected": "an integer"},
        {"path": "/path/id", "message": "is not valid", "expected": ""},
        {"path": "/query/n", "message": "is too large", "expected": "at most 200"},
    ]


def test_problems_of_a_document_keep_their_places() -> None:
    """Line, column, what was expected and the nearest name go along [HT3]."""
    one = DocumentProblem(
        file="w.yaml", line=3, column=5, path="nodes.log.with.args[1]", message="unknown",
        steps=("nodes", "log", "with", "args", 1),
        expected="a name", nearest="arg",
    )  # fmt: skip
    (fault,) = body_of(errors.InvalidDocument((one,)))["errors"]
    assert fault == {
        "path": "/nodes/log/with/args/1",
        "message": "unknown; did you mean arg?",
        "expected": "a name",
        "line": 3,
        "column": 5,
    }


def test_pointers_are_escaped_and_short() -> None:
    """`~` and `/` are written as RFC 6901 wants it; a very long key is cut [HT3]."""
    assert pointer(["a/b", "m~n", 0, ""]) == "/a~1b/m~0n/0/"
    assert pointer([]) == ""
    assert len(pointer(["x" * 10_000])) == 65


def test_a_long_list_of_faults_is_cut() -> None:
    """An answer does not grow with the number of mistakes [HT3]."""
    many = InvalidBody([Fault(f"/{n}", "is required") for n in range(1_000)])
    assert len(body_of(many)["errors"]) == ERRORS_MAX


def test_a_parameter_that_nobody_knows_is_not_repeated_if_it_may_be_a_secret() -> None:
    """Who forgot `name=` before a token has put it there; a short name helps [HT1, HT3]."""
    checks = [
        {"type": "extra_forbidden", "loc": ("query", name), "msg": "", "input": "x"}
        for name in ("limmit", "canary-" * 6)
    ]
    found = problem_of(RequestValidationError(checks))
    assert [each.path for each in found.faults] == ["/query/limmit", "/query/…"]

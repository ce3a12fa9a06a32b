# SPDX-License-Identifier: Apache-2.0
"""JSON bodies into models."""

import json
import threading
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, field_validator
from starlette.requests import Request

from legato.api.body import IN_LOOP_MAX, Sent, parse
from legato.api.problems import problem_of
from legato.errors import InvalidInput
from tests.unit.api.calls import scope_of, sender


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(default=9, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(min_length=2)


class Home(BaseModel):
    id: UUID
    pets: list[Cat | Dog] = Field(default=[], max_length=3)
    notes: dict[str, Any] = {}
    is_open: bool = False
    guest: Cat | None = None

    @field_validator("notes")
    @classmethod
    def _no_secrets(cls, value: dict[str, Any]) -> dict[str, Any]:
        if "password" in value:
            raise ValueError("should hold no password")
        return value


ID = "018f0000-0000-7000-8000-000000000000"


def _faults(data: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(InvalidInput) as caught:
        parse(raw, Home)
    problem = problem_of(caught.value)
    assert problem.code == "invalid"
    return list(json.loads(problem.body("r"))["errors"])


def test_a_good_body_is_a_model() -> None:
    """Types that JSON has no word for are read from their text [HT19]."""
    found = parse(json.dumps({"id": ID, "pets": [{"kind": "dog", "name": "Rex"}]}).encode(), Home)
    assert found.id == UUID(ID)
    assert found.pets == [Dog(kind="dog", name="Rex")]


def test_every_fault_is_named_by_its_place() -> None:
    """All at once, by JSON Pointer [HT3, HT19]."""
    found = _faults(
        {"id": "no", "guest": {"kind": "cat", "lives": 10}, "is_open": "yes", "more": 1, "pets": {}}
    )
    assert {each["path"]: each["expected"] for each in found} == {
        "/id": "a UUID",
        "/guest/lives": "at most 9",
        "/is_open": "true or false",
        "/more": "no such field",
        "/pets": "a list",
    }
    (missing,) = _faults({})
    assert missing == {"path": "/id", "message": "is required", "expected": "a value"}


def test_places_in_lists_and_unions_are_places_in_the_body() -> None:
    """Not names of the variants that were tried [HT3]."""
    found = _faults({"id": ID, "pets": [{"kind": "cat"}, {"kind": "dog", "name": "x"}]})
    assert {each["path"] for each in found} <= {"/pets/1/kind", "/pets/1/name"}
    assert "/pets/1/name" in {each["path"] for each in found}


@pytest.mark.parametrize(
    "value", [{"is_open": 1}, {"is_open": "true"}, {"guest": {"kind": "cat", "lives": "9"}},
              {"guest": {"kind": "cat", "lives": 9.0}}, {"guest": {"kind": "cat", "lives": True}}],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(value: dict[str, Any]) -> None:
    """Nothing is turned into what was meant [HT19]."""
    assert _faults({"id": ID, **value})


def test_an_unknown_field_is_refused_at_any_depth() -> None:
    """Models need not say so themselves [HT19]."""
    (fault,) = _faults({"id": ID, "guest": {"kind": "cat", "admin": True}})
    assert (fault["path"], fault["expected"]) == ("/guest/admin", "no such field")


def test_a_name_that_may_be_a_secret_is_not_repeated() -> None:
    """Longer than any field, and known to nobody here: its place is told, not its text [HT1]."""
    secret = "canary-" * 5 + "x"
    found = _faults({"id": ID, secret: 1, "guest": {"kind": "cat", secret: 1}})
    assert {each["path"] for each in found} == {"/…", "/guest/…"}


def test_a_rule_of_a_model_is_told_in_its_words() -> None:
    """They are ours, and say nothing of what was sent [HT3]."""
    (fault,) = _faults({"id": ID, "notes": {"password": "canary"}})
    assert fault == {"path": "/notes", "message": "should hold no password", "expected": ""}


@pytest.mark.parametrize(
    ("data", "path", "line"),
    [
        (b'{"id":\n NaN}', "", 2),
        (b'{"id": Infinity}', "", 1),
        (b'{"notes": {"a": ["\\u0000"]}}', "/notes/a/0", None),
        (b'{"notes": {"a.b/c": "\\u0000"}}', "/notes/a.b~1c", None),
        (b'{"notes": {"\\u0000": 1}}', "/notes", None),
        (b'{"notes": {"a": "\\ud800"}}', "", 1),
        (b'{"notes": {"a": 1, "a": 2}}', "", None),
        (b'{"notes": {"a": 18446744073709551616}}', "/notes/a", None),
        (b'{"notes": ' + b"[" * 70 + b"]" * 70 + b"}", "/notes" + "/0" * 63, None),
        (b'{"notes": "\xff"}', "", 1),
        (b"", "", 1),
        (b"{", "", 1),
        (b"{} {}", "", 1),
        (b"\xef\xbb\xbf{}", "", 1),
        (b"{'id': 1}", "", 1),
        (b'{"id": 1,}', "", 1),
    ],
)
def test_what_is_no_strict_json_is_refused_by_place(
    data: bytes, path: str, line: int | None
) -> None:
    """With the pointer where it is known, else with line and column [HT3, HT19]."""
    (fault,) = _faults(data)
    assert fault["path"] == path
    assert fault.get("line") == line
    assert fault["expected"] == "strict JSON"


async def test_a_large_body_is_decoded_beside_the_loop() -> None:
    """What one body may cost everybody else is bounded [HT19]."""
    threads: list[int] = []

    class Large(BaseModel):
        text: str

        @field_validator("text")
        @classmethod
        def _notes_thread(cls, value: str) -> str:
            threads.append(threading.get_ident())
            return value

    for size in (10, IN_LOOP_MAX):
        data = json.dumps({"text": "x" * size}).encode()
        request = Request(scope_of("POST"), sender([data]))
        assert len((await Sent(request, Large).read()).text) == size
    assert threads[0] == threading.get_ident() != threads[1]

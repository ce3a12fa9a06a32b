# SPDX-License-Identifier: Apache-2.0
"""What the client sends, and what it makes of answers."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from legato import errors
from legato.client import Client, Missing, OtherAnswer, Unacceptable, Upload
from legato.client.calls import Call
from legato.client.generated import models
from tests.unit.client.server import Told, answer, client, problem

ME = {
    "id": "u1", "email": "ada@example.org", "display_name": "Ada", "is_instance_admin": False,
    "has_totp": False, "workspace": None, "a_field_of_a_later_server": 1,
}  # fmt: skip
KEY: dict[str, Any] = {
    "id": "k1", "name": "one", "scopes": [], "workspace_id": "w1",
    "created_at": "2026-11-30T09:00:00Z", "expires_at": None, "last_used": None,
}  # fmt: skip


async def test_a_call_says_who_asks_and_in_which_workspace() -> None:
    """Bearer and Legato-Workspace stand in it; a call's own workspace goes first [CC11]."""
    told = Told(answer(ME))
    legato, _ = client(told)
    await legato.read_me()
    await legato.read_me(workspace="other")
    first, second = (each.headers for each in told.asked)
    assert first["authorization"] == "Bearer lgt_key"
    assert (first["legato-workspace"], second["legato-workspace"]) == ("team", "other")
    assert "idempotency-key" not in first
    assert "lgt_key" not in repr(legato.transport.__dict__)


async def test_an_answer_is_a_value_with_fields() -> None:
    """A field that this client does not know is passed over [CC12]."""
    legato, _ = client(Told(answer(ME)))
    found = await legato.read_me()
    assert (found.email, found.workspace) == ("ada@example.org", None)


async def test_what_is_absent_is_not_null() -> None:
    """A field that is left out is not sent, null is [CC12]."""
    told = Told(answer({**KEY, "key": "lgt_new"}, 201))
    legato, _ = client(told)
    await legato.create_key(models.WantedKey(name="one", scopes=["workflow:read"]))
    await legato.create_key(models.WantedKey(name="one", scopes=[], expires_at=None))
    assert told.bodies == [
        b'{"name":"one","scopes":["workflow:read"]}',
        b'{"name":"one","scopes":[],"expires_at":null}',
    ]


async def test_parameters_are_quoted_where_they_stand() -> None:
    """An id cannot leave its place in the path or query [CC12]."""
    told = Told(answer(None, 204))
    legato, _ = client(told, url="https://legato.example.org/below/")
    await legato.revoke_key("../x?y=1#z")
    assert told.asked[0].url.raw_path == b"/below/api/v1/auth/api-keys/..%2Fx%3Fy%3D1%23z"


async def test_an_answer_of_something_else_is_an_error_that_says_so() -> None:
    """A proxy's page or another version is no value [CC12]."""
    for body in (b"<html>", b'{"id": 1}', b""):
        legato, _ = client(Told(httpx2.Response(200, content=body)))
        with pytest.raises(OtherAnswer, match="not what this client knows"):
            await legato.read_me()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "token_invalid", errors.InvalidInput), (401, "session_ended", errors.Unauthenticated),
        (403, "forbidden", errors.NotAllowed), (404, "not_found", errors.NotFound),
        (409, "draft_conflict", errors.Conflict), (412, "precondition_failed", errors.Conflict),
        (422, "invalid", errors.InvalidInput), (500, "internal", errors.Internal),
    ],
)  # fmt: skip
async def test_a_refusal_is_an_error_of_its_kind(
    status: int, code: str, kind: type[errors.LegatoError]
) -> None:
    """Who handles errors of Legato handles those of a server [CC14]."""
    legato, waits = client(Told(problem(status, code)))
    with pytest.raises(kind, match=f"It is {code}") as caught:
        await legato.read_me()
    assert isinstance(caught.value, errors.LegatoError)
    assert (caught.value.code, waits.pauses) == (code, [])


async def test_a_refusal_names_every_fault() -> None:
    """With its place in the body [CC14]."""
    fault = {"path": "/name", "message": "is too long", "expected": "at most 63 characters"}
    reply = problem(422, "invalid")
    value = {**reply.json(), "errors": [fault]}
    legato, _ = client(Told(answer(value, 422)))
    with pytest.raises(Unacceptable, match="/name is too long: expected at most 63") as caught:
        await legato.read_me()
    assert caught.value.faults[0].path == "/name"
    assert caught.value.request_id == "req-12345678"


async def test_an_answer_without_a_problem_is_an_error_too() -> None:
    """Such as the page of a proxy [CC14]."""
    legato, _ = client(Told(httpx2.Response(404, content=b"<html>nginx</html>")))
    with pytest.raises(Missing, match="answered 404 without saying why"):
        await legato.read_me()
    legato, _ = client(Told(httpx2.Response(302, headers={"location": "https://evil.example"})))
    with pytest.raises(OtherAnswer, match="answered 302"):
        await legato.read_me()


@pytest.mark.parametrize(
    "url",
    [
        "legato.example.org",
        "ftp://x",
        "https://a:b@x",
        "https://x/?a=1",
        "http://legato.example.org",
    ],
)
def test_an_address_that_is_none_or_would_show_the_key_is_refused(url: str) -> None:
    """A credential goes over https, or to this computer [CC11]."""
    with pytest.raises(errors.InvalidInput):
        Client(url, "lgt_key")


async def test_a_file_is_sent_as_the_one_part_of_a_form() -> None:
    """Whole or piece by piece, with its name quoted [CC12]."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a,"
        yield b"b"

    told = Told(answer({}))
    legato, _ = client(told)
    for content in (b"a,b", parts()):
        upload = Upload('x"\r\n.csv', content, "text/csv")
        call = Call(method="POST", path="/files", body=upload, content_type="multipart/form-data")
        await legato.transport.send(call)
    for asked, body in zip(told.asked, told.bodies, strict=True):
        assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b'filename="x%22%0D%0A.csv"' in body
        assert b"text/csv\r\n\r\na,b\r\n--" in body


def test_a_program_that_uses_the_client_loads_nothing_else() -> None:
    """Neither engine nor store, web framework or settings [CC10]."""
    code = (
        "import sys, legato.client; "
        "print(sorted(m for m in sys.modules if m.startswith('legato') or m in "
        "{'fastapi', 'pydantic', 'sqlalchemy', 'structlog', 'uvicorn'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = [name for name in eval(done.stdout) if not name.startswith("legato.client")]  # noqa: S307
    assert loaded == ["legato", "legato.errors"]

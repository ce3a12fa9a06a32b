# SPDX-License-Identifier: Apache-2.0
"""Credentials against a real server process, and an execution that uses one."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from legato.model.ids import LOCAL_WORKSPACE, WorkflowId, WorkspaceId
from legato.ports.credentials import Naming, WorkflowUse
from legato.ports.stores import Stores
from tests.integration.api.house import House, house_in
from tests.integration.api.people import Person, Town, paths, said
from tests.integration.api.visitor import Visitor
from tests.integration.cli.site import Site

PATH = "/credentials"
UNKNOWN = "0190a000-0000-7000-8000-000000000000"
CANARY = "canary-Tok3n/with+signs-4711"
ABSENT = (404, "not_found")
FORBIDDEN = (403, "forbidden")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for all tests of this file."""
    with house_in(tmp_path_factory.mktemp("credentials")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(house: House) -> Person:
    """An admin."""
    return house.member("admin")


def bearer(name: str, token: str = CANARY, **changes: Any) -> dict[str, Any]:
    """Return a body."""
    return {
        "name": name, "type": "http_bearer", "hosts": ["api.example.org"],
        "data": {"token": token}, **changes,
    }  # fmt: skip


def kept(person: Visitor, name: str, **changes: Any) -> dict[str, Any]:
    """Keep one, which must succeed."""
    answer = person.call("POST", PATH, bearer(name, **changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def use(house: House, name: str, *slugs: str) -> None:
    """Have published workflows name a credential; those that did before name it no more."""

    async def work(stores: Stores) -> None:
        for number, slug in enumerate(("report", "sync")):
            each = WorkflowUse(workflow_id=WorkflowId(f"wf-{number}"), slug=slug, number=2)
            naming = Naming((name,) if slug in slugs else ())
            await stores.credentials.note_workflow(LOCAL_WORKSPACE, each, naming)

    house.town.stores(work)


def test_a_credential_is_written_and_never_read(house: House, admin: Person) -> None:
    """The answer has its place, version and hosts, and neither this answer nor any later one, nor
    database, audit and log hold what it hides; reading it is in the audit [CR33, CR34].
    """
    answer = admin.call("POST", PATH, bearer("written", hosts=["API.example.org", "*.example.net"]))
    assert (answer.status_code, answer.headers["etag"]) == (201, '"v1"')
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1{PATH}/{made['id']}"
    assert made == {
        "id": made["id"], "name": "written", "type": "http_bearer", "version": 1,
        "hosts": ["api.example.org", "*.example.net"],
        "created_at": made["created_at"], "created_by": admin.id,
        "updated_at": made["created_at"], "updated_by": admin.id,
    }  # fmt: skip
    read = admin.call("GET", f"{PATH}/{made['id']}")
    assert (read.json(), read.headers["etag"]) == (made, '"v1"')
    listed = admin.call("GET", PATH)
    assert listed.json()["items"][0] == {
        "id": made["id"], "name": "written", "type": "http_bearer",
    }  # fmt: skip
    assert CANARY not in answer.text + read.text + listed.text
    assert CANARY.encode() not in house.town.kept()
    workspace = str(LOCAL_WORKSPACE)
    assert house.audit(made["id"]) == [
        ("credential.create", admin.id, workspace, "ok"),
        ("credential.read", admin.id, workspace, "ok"),
    ]


def test_a_change_replaces_all_and_says_what_was_seen(house: House, admin: Person) -> None:
    """PUT needs the version that was read: 428 without, 412 with another, one of two wins; a body
    that lacks something changes nothing [CR35].
    """
    path = f"{PATH}/{kept(admin, 'changed')['id']}"
    body = bearer("changed", "another-secret-1", hosts=["b.example.org"])
    assert admin.code("PUT", path, body) == (428, "precondition_required")
    for tag in ('"v2"', "v1", 'W/"v1"', '"v1", "v2"', "x"):
        assert admin.code("PUT", path, body, If_Match=tag) == (412, "precondition_failed"), tag
    half = {key: each for key, each in body.items() if key != "data"}
    assert paths(admin.call("PUT", path, half, If_Match='"v1"')) == ["/data"]
    answer = admin.call("PUT", path, body, If_Match='"v1"')
    assert (answer.status_code, answer.headers["etag"]) == (200, '"v2"')
    assert (answer.json()["version"], answer.json()["hosts"]) == (2, ["b.example.org"])
    assert admin.code("PUT", path, body, If_Match='"v1"') == (412, "precondition_failed")
    assert admin.call("PUT", path, body, If_Match="*").json()["version"] == 3
    assert admin.code("PUT", f"{PATH}/{UNKNOWN}", {"x": 1}) == ABSENT


def test_a_name_is_there_once(house: House, admin: Person) -> None:
    """A second one of that name is a conflict, also by renaming [CR35]."""
    kept(admin, "once")
    other = kept(admin, "twice")
    assert admin.code("POST", PATH, bearer("once")) == (409, "slug_taken")
    path = f"{PATH}/{other['id']}"
    assert admin.code("PUT", path, bearer("once"), If_Match='"v1"') == (409, "slug_taken")


def test_what_is_in_use_is_told_with_its_workflows(house: House, admin: Person) -> None:
    """A credential that published workflows name is not deleted and not renamed, and the answer
    says which; editors see them, page by page [CR36].
    """
    path = f"{PATH}/{kept(admin, 'used')['id']}"
    use(house, "used", "report", "sync")
    named = [
        {"workflow_id": "wf-1", "slug": "sync", "version": 2},
        {"workflow_id": "wf-0", "slug": "report", "version": 2},
    ]
    refused = admin.call("DELETE", path)
    assert said(refused) == (409, "in_use")
    assert refused.json()["used_by"] == named
    assert admin.code("PUT", path, bearer("free"), If_Match='"v1"') == (409, "in_use")
    editor = house.member("editor")
    first = editor.call("GET", f"{path}/used-by?limit=1").json()
    assert first["items"] == named[:1]
    rest = editor.call("GET", f"{path}/used-by?limit=1&cursor={first['next_cursor']}").json()
    assert (rest["items"], rest["next_cursor"]) == (named[1:], None)
    use(house, "used")
    assert admin.code("DELETE", path, If_Match='"v7"') == (412, "precondition_failed")
    assert admin.call("DELETE", path, If_Match='"v1"').status_code == 204
    assert admin.code("GET", path) == ABSENT


def test_roles_see_names_and_no_more(house: House, admin: Person) -> None:
    """Operators see names, editors where they are used, admins change and try them; viewers see
    nothing, and a key needs its scope [CR37].
    """
    path = f"{PATH}/{kept(admin, 'seen')['id']}"
    calls: list[tuple[str, str, Any, dict[str, str], list[str]]] = [
        ("GET", PATH, None, {}, ["operator", "editor", "admin"]),
        ("GET", f"{PATH}/types", None, {}, ["operator", "editor", "admin"]),
        ("GET", path, None, {}, ["operator", "editor", "admin"]),
        ("GET", f"{path}/used-by", None, {}, ["editor", "admin"]),
        ("POST", PATH, {}, {}, ["admin"]),
        ("PUT", path, {}, {"If_Match": "*"}, ["admin"]),
        ("POST", f"{path}/test", None, {}, ["admin"]),
        ("DELETE", path, None, {}, ["admin"]),
    ]
    for role in ("viewer", "operator", "editor", "admin"):
        person = house.member(role)
        for method, at, value, headers, allowed in calls:
            answer = person.call(method, at, value, **headers)
            assert (said(answer) != FORBIDDEN) is (role in allowed), (role, method, at)


def test_nothing_of_another_workspace_is_there(house: House, admin: Person) -> None:
    """A credential of another workspace is answered as one that does not exist, and its name is
    free here [CR38].
    """
    elsewhere = house.somebody()
    place: WorkspaceId = house.workspace("credentials-elsewhere", elsewhere)
    there = {"Legato_Workspace": str(place)}
    answer = elsewhere.call("POST", PATH, bearer("theirs"), **there)
    theirs = f"{PATH}/{answer.json()['id']}"
    for method, path, value in (
        ("GET", theirs, None), ("PUT", theirs, bearer("x")), ("DELETE", theirs, None),
        ("GET", f"{theirs}/used-by", None), ("POST", f"{theirs}/test", None),
    ):  # fmt: skip
        assert admin.code(method, path, value, If_Match="*") == ABSENT
        foreign = path.replace(theirs, f"{PATH}/{UNKNOWN}")
        assert admin.code(method, foreign, value, If_Match="*") == ABSENT
    assert kept(admin, "theirs")["version"] == 1
    assert elsewhere.call("GET", theirs, **there).json()["name"] == "theirs"


def test_a_trial_says_whether_it_works_and_nothing_else(house: House, admin: Person) -> None:
    """The guarded client reaches no address of this machine; what cannot be opened is told; the
    trial is in the audit [CR39].
    """
    made = kept(admin, "tried", hosts=["127.0.0.1:9"])
    answer = admin.call("POST", f"{PATH}/{made['id']}/test?url=http://127.0.0.1:9/")
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is False
    assert "address_refused" in answer.json()["message"]
    assert CANARY not in answer.text
    moved = admin.call("POST", f"{PATH}/{made['id']}/test?url=https://elsewhere.example.org")
    assert "credential_host" in moved.json()["message"]
    assert admin.code("POST", f"{PATH}/{made['id']}/test?uri=x") == (422, "invalid")
    house.town.execute(f"UPDATE credentials SET hosts = '[]' WHERE id = '{made['id']}'")
    broken = admin.call("POST", f"{PATH}/{made['id']}/test").json()
    assert (broken["ok"], "cannot be opened" in broken["message"]) == (False, True)
    assert [row[0] for row in house.audit(made["id"])] == [
        "credential.create", *["credential.test"] * 3,
    ]  # fmt: skip


def test_types_come_with_a_form(house: House, admin: Person) -> None:
    """Each type has a JSON Schema [CR10]."""
    found = {each["type"]: each for each in admin.call("GET", f"{PATH}/types").json()["items"]}
    assert found["http_bearer"]["schema"]["required"] == ["token"]
    assert found["sql"]["needs_hosts"] is False


# --- an execution ---


class Echo(BaseHTTPRequestHandler):
    """Answers with the credential in every form that it can have."""

    seen: list[str]

    def do_GET(self) -> None:
        """Answer."""
        given = self.headers["Authorization"] or ""
        type(self).seen.append(given)
        token = given.removeprefix("Bearer ")
        raw = token.encode()
        value = {
            "plain": token, "header": given, "url": quote(token, safe=""),
            "base64": [base64.b64encode(b"x" * n + raw + b"yz").decode() for n in range(3)],
            "json": json.dumps({"deep": token}), token: 1,
        }  # fmt: skip
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Token", token)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[tuple[int, list[str]]]:
    """A server of its own, and what it was given."""
    seen: list[str] = []
    handler = type("_Echo", (Echo,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], seen
    server.shutdown()
    thread.join()
    server.server_close()


FLOW = """\
legato: 1
name: asker
nodes:
  ask:
    uses: http.request
    foreach: [1, 2, 3]
    with:
      url: http://127.0.0.1:PORT/
      credential: api
      headers: {X-Also: {secret: api_too}}
  keep:
    needs: [ask]
    uses: data.transform
    with: {value: "${{ nodes.ask.output }}"}
outputs: {found: "${{ nodes.keep.output }}"}
"""
FORMS = (
    CANARY, quote(CANARY, safe=""), quote(CANARY, safe="").lower(), json.dumps(CANARY)[1:-1],
    *(base64.b64encode(b"x" * n + CANARY.encode())[2 * n : -4].decode()[4:] for n in range(3)),
)  # fmt: skip


def test_an_execution_uses_a_credential_and_no_door_tells_it(
    tmp_path: Path, echo: tuple[int, list[str]]
) -> None:
    """Items and attempts of an execution make one row `credential.use` for each credential;
    outputs, events, logs, search, exports, files and the audit hold no form of what is secret
    [CR20, CR25].
    """
    port, seen = echo
    site = Site(tmp_path)
    settings = f'[grants.http]\nallow_private = ["127.0.0.1:{port}"]\n'
    (site.home / "legato.toml").write_text(settings, encoding="utf-8")
    house = House(Town(site))
    try:
        admin = house.member("admin")
        hosts = [f"127.0.0.1:{port}"]
        ids = [kept(admin, name, hosts=hosts)["id"] for name in ("api", "api_too")]
        run = site.run("run", site.write(FLOW.replace("PORT", str(port))), "--json")
        assert run.code == 0, run
        assert seen == [f"Bearer {CANARY}"] * 3
        execution = str(run.values[-1]["execution_id"])
        told = [run.out, run.err, house.town.kept().decode("latin-1")]
        for command in ("show", "events", "logs", "export"):
            done = site.ok("executions", command, execution, "--json")
            told += [done.out, done.err]
        files = [each for each in site.home.rglob("*") if each.is_file()]
        told += [each.read_bytes().decode("latin-1") for each in files]
        for form in FORMS:
            assert not [each[:80] for each in told if form in each], form
        assert run.out.count("[redacted]") >= 10
        for each in ids:
            rows = house.audit(each)
            assert rows[-1] == ("credential.use", execution, str(LOCAL_WORKSPACE), "ok")
            assert [row[0] for row in rows] == ["credential.create", "credential.use"]
    finally:
        site.close()


def test_the_answer_of_the_server_names_no_type_that_is_unknown(
    house: House, admin: Person
) -> None:
    """An unknown type, data of another type and a short secret are refused by place [CR33]."""
    assert paths(admin.call("POST", PATH, bearer("x", type="ftp"))) in ([""], ["/type"])
    assert paths(admin.call("POST", PATH, bearer("x", data={"password": CANARY}))) != []
    short: httpx2.Response = admin.call("POST", PATH, bearer("x", token="1234567"))
    assert paths(short) == ["/data/token"]
    assert "1234567" not in short.text

# SPDX-License-Identifier: Apache-2.0
"""Commands of an administrator beside a server that runs: accounts, keys, audit, numbers."""

import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from legato.model.ids import LOCAL_WORKSPACE, WorkspaceId
from legato.ports.accounts import Workspace
from legato.ports.audit import NO_HEAD, AuditEntry, AuditRow, follow
from legato.ports.stores import Stores
from tests.integration.api.serving import PATIENCE_S, Serving
from tests.integration.api.visitor import EMAIL, PASSWORD, Visitor
from tests.integration.cli.desk import Desk
from tests.integration.cli.site import Site

LAB = Workspace(id=WorkspaceId("018f0000-0000-7000-8000-0000000000ab"), slug="lab", name="Lab")


class House:
    """A server that was set up, its owner, and the commands on its database."""

    def __init__(self, site: Site) -> None:
        """Start it."""
        self.log = site.home / "log" / "legato.log"
        more = {"LEGATO_LOG__FILE": str(self.log), "LEGATO_LOG_LEVEL": "debug"}
        self.serving = Serving(site.start("serve", "--port", 0, "--json", **more))
        self.ada = Visitor(self.serving)
        self.ada.set_up()
        self.desk = Desk(site.home, **site.more, LEGATO_SERVER__PORT=str(self.serving.port))
        self.ada_id = self.ada.call("GET", "/auth/me").json()["id"]

    def key(self, *scopes: str, user: str = EMAIL, workspace: str = "main") -> str:
        """Make an API key with the command."""
        named = [part for scope in scopes for part in ("--scope", scope)]
        asked = ("--user", user, "--name", "test", "--workspace", workspace, *named)
        (made,) = self.desk.json("token", "create", *asked)
        return str(made["key"])

    def get(self, path: str, key: str = "", **parameters: Any) -> httpx2.Response:
        """Ask with an API key, or as the owner."""
        headers = {"Authorization": f"Bearer {key or self.ada.access}"}
        url = self.serving.url + path
        return httpx2.get(url, headers=headers, params=parameters or None, timeout=PATIENCE_S)

    def code(self, path: str, key: str = "", **parameters: Any) -> tuple[int, str]:
        """Return status and code."""
        answer = self.get(path, key, **parameters)
        is_problem = answer.status_code >= 400
        return answer.status_code, answer.json()["code"] if is_problem else ""

    def write(self, *entries: AuditEntry) -> int:
        """Write rows of the audit, sealed; return the last seq."""

        async def work(stores: Stores) -> int:
            await stores.audit.write(entries)
            while await stores.audit.unsealed():
                await stores.audit.seal()
            return (await stores.audit.head()).seq

        return self.desk.store(work)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all tests here; each looks after its own accounts."""
    site = Site(tmp_path_factory.mktemp("house"))
    names = ("LEGATO_JWT_SECRET_KEY", "LEGATO_MASTER_KEY")
    site.more = {name: secrets.token_urlsafe(48) for name in names}
    try:
        made = House(site)

        async def work(stores: Stores) -> None:
            assert await stores.accounts.add_workspace(LAB, made.ada_id, ())

        made.desk.store(work)
        yield made
        made.serving.close()
    finally:
        site.close()


# --- accounts ------------------------------------------------------------------------------------


def test_an_account_is_added_with_a_link_for_its_password(house: House) -> None:
    """Its role is the least unless another is named; its address is folded, taken once [CL61]."""
    (made,) = house.desk.json("user", "add", "Bob@Example.org", "--name", "Bob \U0001f600")
    url, _, token = made["url"].partition("#token=")
    assert (url, len(token)) == (f"{house.serving.url}/reset", 43)
    shown = house.desk.json("user", "show", "bob@example.org")[0]
    assert shown["workspaces"] == [{"id": LOCAL_WORKSPACE, "slug": "main", "role": "viewer"}]
    assert (shown["has_password"], shown["display_name"]) == (False, "Bob \U0001f600")
    again = house.desk.run("user", "add", "BOB@example.org")
    assert again.code == 3
    assert "already" in again.err
    assert house.desk.run("user", "add", "b\u043eb@example.org").code == 2  # a Cyrillic letter
    assert house.desk.run("user", "add", "x@example.org", "--workspace", "nowhere").code == 2
    assert house.desk.run("user", "add", "x@example.org", "--role", "king").code == 2
    assert house.desk.run("user", "show", "x@example.org").code == 2
    (row,) = house.desk.json("audit", "list", "--action", "user.create", "--limit", 1)
    assert row["data"]["role"] == "viewer"
    assert row["actor"] == {"kind": "system", "id": "cli"}


def test_accounts_are_listed_without_what_lets_anybody_in(house: House) -> None:
    """The newest first, in pages; a name cannot steer the terminal [CL60, CL9]."""
    house.desk.ok("user", "add", "cat@example.org", "--role", "editor")
    found = house.desk.json("user", "list")
    ids = [each["id"] for each in found]
    assert ids == sorted(ids, reverse=True)
    assert house.desk.json("user", "list", "--before", ids[0]) == found[1:]
    assert house.desk.json("user", "list", "--limit", 1) == found[:1]
    ada = next(each for each in found if each["email"] == EMAIL)
    assert (ada["is_instance_admin"], ada["has_password"]) == (True, True)
    said = house.desk.ok("user", "list").out + house.desk.ok("user", "show", EMAIL).out
    assert "main: editor" in said
    assert "argon2" not in said + json.dumps(found)

    async def work(stores: Stores) -> None:
        user = await stores.accounts.user_by_email("cat@example.org")
        assert user is not None
        import msgspec

        evil = msgspec.structs.replace(user, display_name="a\x1b[2J\u202eb")
        assert await stores.accounts.change_user(evil, ())

    house.desk.store(work)
    texts = house.desk.ok("user", "list").out + house.desk.ok("user", "list", "--json").out
    assert not set("\x1b\u202e") & set(texts)


@pytest.mark.parametrize(("command", "page"), [("reset", "reset"), ("link", "login")])
def test_a_link_is_printed_on_stdout_alone_and_kept_as_a_hash(
    house: House, command: str, page: str
) -> None:
    """It is nowhere else; a new one voids the older one; none for who is disabled [CL62]."""
    email = f"{command}@example.org"
    house.desk.ok("user", "add", email)
    first = house.desk.ok("user", command, email)
    (line,) = first.out.splitlines()
    base, _, token = line.partition("#token=")
    assert base == f"{house.serving.url}/{page}"
    assert token not in first.err
    other = house.desk.ok("user", command, email, "--url", "https://legato.example.org/")
    assert other.out.startswith(f"https://legato.example.org/{page}#token=")
    public = {"LEGATO_PUBLIC_URL": "https://public.example.org"}
    third = house.desk.ok("user", command, email, **public).out
    assert third.startswith(f"https://public.example.org/{page}#token=")

    async def live(stores: Stores) -> list[bool]:
        from legato.auth.refresh import token_hash

        said = [token, other.out.partition("=")[2].strip(), third.partition("=")[2].strip()]
        kind: Any = "reset" if command == "reset" else "link"
        return [await stores.accounts.token(token_hash(each), kind) is not None for each in said]

    assert house.desk.store(live) == [False, False, True]
    kept = b"".join(each.read_bytes() for each in house.desk.home.glob("legato.db*"))
    assert token.encode() not in kept
    house.desk.ok("user", "disable", email, "--yes")
    assert house.desk.run("user", command, email).code == 3


def test_a_closed_account_is_out_at_once(house: House) -> None:
    """Its key is no good any more; opening the account does not bring it back [CL63, CL67]."""
    house.desk.ok("user", "add", "eve@example.org", "--role", "admin")
    key = house.key("audit:read", user="eve@example.org")
    assert house.code("/api/v1/audit", key) == (200, "")
    refused = house.desk.run("user", "disable", "eve@example.org")
    assert refused.code == 3
    assert "--yes" in refused.err
    house.desk.ok("user", "disable", "eve@example.org", "--yes")
    began = time.monotonic()
    while house.code("/api/v1/audit", key) != (401, "unauthenticated"):
        assert time.monotonic() - began < 1
    assert house.desk.json("user", "show", "eve@example.org")[0]["is_disabled"]
    house.desk.ok("user", "disable", "eve@example.org")
    house.desk.ok("user", "enable", "eve@example.org")
    assert house.code("/api/v1/audit", key) == (401, "unauthenticated")
    rows = house.desk.json("audit", "list", "--action", "user.", "--limit", 3)
    assert [each["action"] for each in rows] == ["user.enable", "user.disable", "user.create"]


def test_the_last_owner_is_never_locked_out(house: House) -> None:
    """Neither closed nor lowered, until there is another one [CL63, CL64]."""
    for command in (
        ("user", "disable", EMAIL, "--yes"),
        ("user", "role", EMAIL, "admin", "--yes"),
        ("user", "role", EMAIL, "viewer", "--workspace", "lab", "--yes"),
    ):
        result = house.desk.run(*command)
        assert result.code == 3, result
        assert "the last owner" in result.err
    house.desk.ok("user", "add", "second@example.org", "--role", "owner")
    house.desk.ok("user", "role", "second@example.org", "owner", "--workspace", "lab")
    result = house.desk.run("user", "disable", EMAIL, "--yes")
    assert result.code == 3
    assert "the last administrator" in result.err
    house.desk.ok("user", "disable", "second@example.org", "--yes")
    assert house.desk.run("user", "disable", EMAIL, "--yes").code == 3


def test_a_role_counts_within_a_second(house: House) -> None:
    """Lowering it asks first; a key follows its account's role [CL64, CL67]."""
    house.desk.ok("user", "add", "dan@example.org", "--role", "admin")
    key = house.key("audit:read", user="dan@example.org")
    assert house.code("/api/v1/audit", key) == (200, "")
    assert house.desk.run("user", "role", "dan@example.org", "viewer").code == 3
    (told,) = house.desk.json("user", "role", "dan@example.org", "viewer", "--yes")
    assert (told["was"], told["role"]) == ("admin", "viewer")
    began = time.monotonic()
    while house.code("/api/v1/audit", key) != (403, "forbidden"):
        assert time.monotonic() - began < 1
    (row,) = house.desk.json("audit", "list", "--action", "member.role", "--limit", 1)
    assert (row["data"]["was"], row["data"]["role"]) == ("admin", "viewer")
    assert row["workspace_id"] == LOCAL_WORKSPACE


# --- API keys ------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_bounded_by_its_account(house: House) -> None:
    """What is stored is a hash; scopes beyond the role and unknown ones are refused [CL65]."""
    house.desk.ok("user", "add", "ops@example.org", "--role", "operator")
    asked = ("token", "create", "--user", "ops@example.org", "--name", "ci")
    result = house.desk.ok(*asked, "--scope", "execution:run", "--expires", "90d")
    (key,) = result.out.splitlines()
    secret = key.rpartition("_")[2]
    assert key.startswith("lgt_")
    assert key not in result.err
    assert house.get("/api/v1/auth/me", key).json()["email"] == "ops@example.org"
    assert house.code("/api/v1/audit", key) == (403, "forbidden")
    for wrong in ("audit:read", "execution:fly", "", "*"):
        assert house.desk.run(*asked, "--scope", wrong).code == 2, wrong
    assert house.desk.run(*asked).code == 2
    assert house.desk.run(*asked, "--scope", "execution:run", "--expires", "0d").code == 2
    lab = house.desk.run(*asked, "--scope", "execution:run", "--workspace", "lab")
    assert (lab.code, "no member of lab" in lab.err) == (3, True)
    listed = house.desk.json("token", "list", "--user", "ops@example.org")
    assert [(each["name"], each["scopes"]) for each in listed] == [("ci", ["execution:run"])]
    assert listed[0]["expires_at"] > listed[0]["created_at"]
    kept = b"".join(each.read_bytes() for each in house.desk.home.glob("legato.db*"))
    said = house.desk.ok("token", "list").out + json.dumps(listed)
    assert secret.encode() not in kept
    assert secret not in said


def test_a_key_is_revoked_by_its_id_or_all_of_it(house: House) -> None:
    """At once, with a row; what is no key is not repeated [CL66, CL67]."""
    key = house.key("audit:read")
    named = key.split("_")[1]
    assert house.desk.run("token", "revoke", named).code == 3
    house.desk.ok("token", "revoke", key, "--yes")
    began = time.monotonic()
    while house.code("/api/v1/audit", key) != (401, "unauthenticated"):
        assert time.monotonic() - began < 1
    assert house.desk.run("token", "revoke", named, "--yes").code == 2
    wrong = house.desk.run("token", "revoke", "hunter2-canary", "--yes")
    assert (wrong.code, "hunter2" in wrong.err) == (2, False)
    assert named not in [each["id"] for each in house.desk.json("token", "list")]
    (row,) = house.desk.json("audit", "list", "--action", "auth.api_key_revoke", "--limit", 1)
    assert row["target"] == {"kind": "api_key", "id": named}


# --- the audit over HTTP -------------------------------------------------------------------------


def test_the_audit_of_a_workspace_is_for_its_admins(house: House) -> None:
    """Rows of other workspaces and of the installation are not in it [AD12]."""
    seq = house.write(
        AuditEntry(action="here", workspace=LOCAL_WORKSPACE, actor="u-eve"),
        AuditEntry(action="there", workspace=LAB.id),
        AuditEntry(action="everywhere"),
    )
    (item,) = house.get("/api/v1/audit", limit=1).json()["items"]
    assert item["seq"] == seq - 2
    assert item.keys() == {
        "seq", "at", "workspace_id", "actor", "action", "target", "result", "ip", "request_id",
        "data",
    }  # fmt: skip
    assert item["at"].endswith("+00:00")
    assert {each["workspace_id"] for each in house.get("/api/v1/audit").json()["items"]} == {
        LOCAL_WORKSPACE
    }
    lab = house.key("audit:read", workspace="lab")
    items = house.get("/api/v1/audit", lab).json()["items"]
    assert "there" in [each["action"] for each in items]
    assert {each["workspace_id"] for each in items} == {LAB.id}
    house.desk.ok("user", "add", "viewer@example.org", "--role", "editor")
    viewer = house.key("workflow:read", user="viewer@example.org")
    for key in (viewer, house.key("workflow:read")):
        assert house.code("/api/v1/audit", key) == (403, "forbidden")
        assert house.code("/api/v1/audit/export", key) == (403, "forbidden")
    assert house.code("/api/v1/audit", "x") == (401, "unauthenticated")
    whole = house.get("/api/v1/system/audit", limit=200).json()["items"]
    assert {seq: "everywhere", seq - 1: "there", seq - 2: "here"}.items() <= {
        each["seq"]: each["action"] for each in whole
    }.items()
    assert house.code("/api/v1/system/audit", house.key("audit:read")) == (403, "forbidden")
    only = house.get("/api/v1/system/audit", workspace=LAB.id).json()["items"]
    assert {each["workspace_id"] for each in only} == {LAB.id}


def test_the_audit_is_read_page_by_page_under_the_same_filters(house: House) -> None:
    """Every row once, while others come; a cursor of another list is refused [AD12, HT50]."""
    entries = [
        AuditEntry(action=f"page.{'ab'[n % 2]}", actor=f"u-{n % 3}", workspace=LOCAL_WORKSPACE)
        for n in range(12)
    ]
    last = house.write(*entries)
    seen: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        page = house.get("/api/v1/audit", limit=5, action="page.", **cursor).json()
        seen += [each["seq"] for each in page["items"]]
        house.write(AuditEntry(action="page.a", workspace=LOCAL_WORKSPACE))
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == list(range(last, last - 12, -1))
    some = house.get("/api/v1/audit", action="page.b", actor="u-1").json()["items"]
    assert {(each["action"], each["actor"]["id"]) for each in some} == {("page.b", "u-1")}
    assert len(some) == 2
    for wrong in ({"action": "page.a"}, {"action": "page.", "actor": "u-1"}, {}):
        assert house.code("/api/v1/audit", **cursor, **wrong) == (422, "cursor_invalid")
    lab = house.key("audit:read", workspace="lab")
    assert house.code("/api/v1/audit", lab, action="page.", **cursor) == (422, "cursor_invalid")
    assert house.code("/api/v1/system/audit", action="page.", **cursor) == (422, "cursor_invalid")
    for path in ("/api/v1/audit?limit=0", "/api/v1/audit?q=x", "/api/v1/audit?limit=1&limit=2"):
        answer = house.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), path
        assert answer.json()["errors"][0]["path"].startswith("/query/")
    at = house.get("/api/v1/audit", limit=1).json()["items"][0]["at"]
    later = house.get("/api/v1/audit", after=at, action="page.").json()["items"]
    assert {each["at"] for each in later} == {at}
    assert house.get("/api/v1/audit", before="2000-01-01T00:00:00Z").json()["items"] == []


def test_an_export_holds_what_was_hashed_and_is_a_row(house: House) -> None:
    """One JSON object a line, the oldest first, of the workspace alone [AD13]."""
    after = house.write()
    first = house.write(*[AuditEntry(action=f"x{n}", workspace=LAB.id) for n in range(3)])
    house.write(*[AuditEntry(action="elsewhere") for _ in range(3)])
    key = house.key("audit:read", workspace="lab")
    answer = house.get("/api/v1/audit/export", key, after_seq=after)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith("attachment")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    rows = {each["action"]: each for each in lines}
    assert [each["seq"] for each in lines] == sorted(each["seq"] for each in lines)
    assert {"x0", "x1", "x2"} <= rows.keys()
    assert "elsewhere" not in rows
    chain = [_row(rows[name]) for name in ("x1", "x2")]
    from legato.ports.audit import Head

    assert follow(Head(first - 2, rows["x0"]["hash"]), chain)[1] is None
    began = time.monotonic()
    while (row := house.get("/api/v1/audit", key, limit=1).json()["items"][0])[
        "action"
    ] != "export":
        assert time.monotonic() - began < PATIENCE_S
    assert (row["actor"]["kind"], row["actor"]["id"]) == ("api_key", key.split("_")[1])
    assert row["data"] == {"after_seq": after}
    assert house.code("/api/v1/audit/export", key, limit=1) == (422, "invalid")
    nobody = house.get("/api/v1/audit/export", key, before="2000-01-01T00:00:00Z")
    assert (nobody.status_code, nobody.text) == (200, "")


def _row(line: dict[str, Any]) -> AuditRow:
    return AuditRow(
        id=0, at=line["at"], seq=line["seq"], hash=line["hash"], action=line["action"],
        workspace=line["workspace_id"], data=line["data"],
    )  # fmt: skip


def test_the_chain_is_whole_while_everybody_writes(house: House) -> None:
    """Server and commands seal the same one [AD14]."""
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(house.code, "/api/v1/audit/export") for _ in range(12)]
        house.desk.ok("user", "add", "busy@example.org")
        assert {each.result() for each in asked} == {(200, "")}
    (value,) = house.desk.json("audit", "verify")
    assert value["ok"]
    assert value["rows"] > 12

    async def work(stores: Stores) -> int | None:
        return follow(NO_HEAD, await stores.audit.read(limit=100_000))[1]

    assert house.desk.store(work) is None


# --- numbers and logs ----------------------------------------------------------------------------


def test_numbers_are_for_who_may_read_them(house: House) -> None:
    """With a key that has the scope, or as an admin; not public, and without ids [HT51, HT52]."""
    assert httpx2.get(f"{house.serving.url}/metrics", timeout=PATIENCE_S).status_code == 401
    assert house.code("/metrics", house.key("audit:read")) == (403, "forbidden")
    stranger = Visitor(house.serving)
    assert stranger.code("POST", "/auth/login", {"email": EMAIL, "password": "canary-wrong"}) == (
        401,
        "invalid_credentials",
    )
    key = house.key("metrics:read")
    answers = [house.get("/metrics", credential) for credential in (key, "")]
    assert {each.status_code for each in answers} == {200}
    assert answers[0].headers["content-type"].startswith("text/plain")
    text = answers[1].text
    found = {
        (
            each.name,
            each.labels.get("route") or each.labels.get("code") or each.labels.get("result"),
        )
        for family in parsed(text)
        for each in family.samples
    }
    assert ("legato_http_request_duration_seconds_count", "/metrics") in found
    assert ("legato_http_refusals_total", "invalid_credentials") in found
    assert ("legato_log_ins_total", "invalid_credentials") in found
    names = {name for name, _ in found}
    assert {
        "legato_http_requests_in_flight", "legato_store_up", "legato_executions",
        "legato_audit_unsealed", "legato_passwords_in_flight", "legato_event_loop_lag_seconds",
        "legato_event_loop_lag_max_seconds", "legato_log_lines_dropped_total",
        "process_resident_memory_bytes", "process_cpu_seconds_total", "legato_build_info",
    } <= names  # fmt: skip
    for hidden in (house.ada_id, EMAIL, key, LOCAL_WORKSPACE, house.ada.access):
        assert hidden not in text


def test_no_log_line_at_any_level_lets_anybody_in(house: House) -> None:
    """Each line of a request has its id, on stderr and in the file [HT57, HT58]."""
    token = house.desk.json("user", "link", EMAIL)[0]["url"].partition("=")[2]
    key = house.key("audit:read")
    other = Visitor(house.serving)
    answer = other.call(
        "POST", "/auth/login", {"email": EMAIL, "password": PASSWORD}, X_Request_ID="my-request-9"
    )
    other.take(answer)
    other.take(other.call("POST", "/auth/refresh"))
    for path in (f"/auth/sessions/{token}", f"/nothing/{key}", f"/auth/sessions/x?token={token}"):
        other.call("DELETE", path, X_Request_ID="my-request-9")
    other.call("GET", "/auth/me", Authorization=f"Bearer {key}x")
    status, refused = house.serving.raw().send(b"HELO\r\n\r\n").answer()
    began = time.monotonic()
    while refused["request_id"] not in (text := house.log.read_text(encoding="utf-8")):
        assert time.monotonic() - began < PATIENCE_S
    lines = [json.loads(line) for line in text.splitlines()]
    requests = [each for each in lines if each["event"] == "request"]
    assert requests
    assert all(each["request_id"] for each in requests)
    assert "my-request-9" in {each["request_id"] for each in requests}
    (line,) = [each for each in lines if each.get("request_id") == refused["request_id"]]
    assert (status, line["event"]) == (400, "refused a connection")
    hidden = [token, key, other.access, other.cookie, PASSWORD, *house.desk.env.values()]
    secret = [each for each in hidden if len(each) > 40 and not each.startswith("/")]
    assert len(secret) >= 6
    for each in secret:
        assert each not in text
    assert (house.log.stat().st_mode & 0o777) == 0o600

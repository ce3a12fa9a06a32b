# SPDX-License-Identifier: Apache-2.0
"""Workflows over HTTP: made, drafted, published, compared, archived."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.integration.api.house import House, house_in
from tests.integration.api.people import said
from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.integration.api.visitor import Visitor
from tests.integration.cli.desk import Desk

YAML = "application/yaml"
FLOW = """\
# A comment that stays.
legato: 1
name: {name}
title: The {name}
nodes:
  say: {{uses: data.transform, with: {{value: {value}}}}}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all tests here; each has names of its own."""
    names = ("WRITES", "READS", "STARTS", "REQUESTS")
    rates = {f"LEGATO_SERVER__RATES__{name}_PER_MINUTE": "100000" for name in names}
    with house_in(tmp_path_factory.mktemp("house"), **rates) as made:
        yield made


def flow(name: str, value: object = "hello") -> str:
    """Return a document."""
    return FLOW.format(name=name, value=value)


def send(
    who: Visitor, method: str, path: str, data: str | bytes, kind: str = YAML, **headers: str
) -> httpx2.Response:
    """Send bytes as they are."""
    found = {"Authorization": f"Bearer {who.access}", "Content-Type": kind}
    found |= {name.replace("_", "-"): each for name, each in headers.items()}
    url = f"{who.serving.url}/api/v1{path}"
    content = data.encode() if isinstance(data, str) else data
    return httpx2.request(
        method, url, headers=found, content=content, timeout=PATIENCE_S, verify=PLAIN
    )


def made(who: Visitor, name: str, value: object = "hello") -> dict[str, Any]:
    """Make a workflow."""
    answer = send(who, "POST", "/workflows", flow(name, value))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def draft(who: Visitor, name: str) -> dict[str, Any]:
    """Return a draft."""
    answer = who.call("GET", f"/workflows/{name}/draft")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def save(who: Visitor, name: str, source: str, revision: int) -> httpx2.Response:
    """Save a draft."""
    return send(who, "PUT", f"/workflows/{name}/draft", source, If_Match=f'"r{revision}"')


def publish(who: Visitor, name: str, revision: int = 1, **more: Any) -> httpx2.Response:
    """Publish a draft."""
    headers = more.pop("headers", {})
    return who.call("POST", f"/workflows/{name}/publish", {"revision": revision, **more}, **headers)


def test_a_file_becomes_a_workflow_and_its_first_version(house: House) -> None:
    """Created with its document's name, a draft that is kept to the byte, and nothing published;
    then published, and read back as it was written [WF15, WF18, WF22].
    """
    ada = house.owner
    answer = send(ada, "POST", "/workflows", flow("first"))
    assert answer.status_code == 201, answer.text
    row = answer.json()
    assert (row["slug"], row["title"], row["version"]) == ("first", "The first", None)
    assert answer.headers["location"] == f"/api/v1/workflows/{row['id']}"
    found = draft(ada, row["id"])
    assert (found["revision"], found["base_version"], found["errors"]) == (1, None, [])
    assert found["source"] == flow("first")
    assert found["document"]["nodes"]["say"]["uses"] == "data.transform"
    assert said(ada.call("GET", "/workflows/first/file")) == (409, "not_published")
    answer = publish(ada, "first", message="At last")
    assert answer.status_code == 201, answer.text
    version = answer.json()
    assert version["version"] == 1
    again = publish(ada, "first")
    assert (again.status_code, again.json()) == (200, version)
    file = ada.call("GET", "/workflows/first/file")
    assert file.content == flow("first").encode()
    assert file.headers["etag"] == f'"{version["hash"]}"'
    (listed,) = ada.call("GET", "/workflows/first/versions").json()["items"]
    assert (listed["version"], listed["message"]) == (1, "At last")
    assert ada.call("GET", "/workflows/first").json()["version"] == 1


def test_a_workflow_is_sent_as_yaml_source_or_document(house: House) -> None:
    """A document is kept as JSON text; both at once, or neither, is refused [WF15]."""
    ada = house.owner
    source = ada.call("POST", "/workflows", {"source": flow("sent-source")})
    assert source.status_code == 201, source.text
    document = {
        "legato": 1,
        "name": "sent-document",
        "nodes": {"a": {"uses": "delay", "with": {"for": "1s"}}},
    }
    answer = ada.call("POST", "/workflows", {"document": document})
    assert answer.status_code == 201, answer.text
    found = draft(ada, "sent-document")
    assert found["document"] == document
    assert json.loads(found["source"]) == document
    assert found["errors"] == []
    wrong: list[Any] = [{}, {"source": "x", "document": {}}, {"source": 5}, {"text": "x"}, []]
    for body in wrong:
        assert ada.code("POST", "/workflows", body) == (422, "invalid")
    assert said(send(ada, "POST", "/workflows", "x", "text/plain"))[0] == 415


def test_a_name_must_be_readable_and_free(house: House) -> None:
    """Without a name there is nothing to call it; a name in use is refused [WF1, WF15]."""
    ada = house.owner
    made(ada, "taken")
    assert said(send(ada, "POST", "/workflows", flow("taken"))) == (409, "slug_taken")
    for text in ("a: [", "legato: 1\n", flow("Big Name"), "- 1\n", ""):
        answer = send(ada, "POST", "/workflows", text)
        assert said(answer) == (422, "invalid"), text
        assert answer.json()["errors"][0]["line"] >= 1


def test_a_draft_may_be_wrong_and_says_how(house: House) -> None:
    """Text that cannot be read or is not valid is kept; each problem has its place and code
    [WF16, WF23].
    """
    ada = house.owner
    made(ada, "wrong")
    text = flow("wrong").replace("uses:", "used:") + "  b: {uses: data.nosuch, with: {}}\n"
    answer = save(ada, "wrong", text, 1)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == '"r2"'
    errors = answer.json()["errors"]
    assert {each["code"] for each in errors} == {"unknown_key", "missing", "unknown_node_type"}
    (key,) = [each for each in errors if each["code"] == "unknown_key"]
    assert (key["path"], key["line"], key["column"]) == ("/nodes/say/used", 6, 9)
    assert (key["end_line"], key["end_column"]) == (6, 13)
    assert said(publish(ada, "wrong", 2)) == (422, "invalid")
    assert publish(ada, "wrong", 2).json()["errors"][0]["path"].startswith("/nodes/")
    answer = save(ada, "wrong", "a: [1,\nb: }", 2)
    assert answer.status_code == 200, answer.text
    found = draft(ada, "wrong")
    assert (found["source"], found["document"]) == ("a: [1,\nb: }", None)
    assert {each["code"] for each in found["errors"]} == {"unreadable"}
    assert ada.call("GET", "/workflows/wrong").json()["version"] is None


def test_two_tabs_see_both_versions(house: House) -> None:
    """Who saves over another's text gets what is there, and what both began with [WF4, WF23]."""
    ada = house.owner
    bob = house.member("editor")
    made(ada, "tabs")
    assert save(ada, "tabs", flow("tabs", 1), 1).status_code == 200
    late = save(bob, "tabs", flow("tabs", 2), 1)
    assert said(late) == (409, "draft_conflict")
    assert late.json()["current"]["source"] == flow("tabs", 1)
    assert late.json()["current"]["revision"] == 2
    assert late.json()["base"]["source"] == flow("tabs")
    assert late.headers["etag"] == '"r2"'
    assert save(bob, "tabs", flow("tabs", 2), 2).status_code == 200
    stale = publish(ada, "tabs", 2)
    assert said(stale) == (409, "draft_conflict")
    assert stale.json()["current"]["revision"] == 3
    assert draft(ada, "tabs")["by"] == bob.id
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda n: save(ada, "tabs", flow("tabs", n), 3), range(10, 16)))
    assert sorted(each.status_code for each in done) == [200, *[409] * 5]


def test_a_draft_is_saved_over_what_was_seen(house: House) -> None:
    """Without If-Match 428; with what is no revision of it, a conflict [WF14, WF23]."""
    ada = house.owner
    made(ada, "seen")
    path = "/workflows/seen/draft"
    assert said(send(ada, "PUT", path, flow("seen", 1))) == (428, "precondition_required")
    for tag in ('"r9"', '"other"', '"r01234567890"'):
        answer = send(ada, "PUT", path, flow("seen", 1), If_Match=tag)
        assert said(answer) == (409, "draft_conflict"), tag
        assert answer.json()["base"] is None
    for tag in ("*", '"r1", "r2"', "r1", ""):
        answer = send(ada, "PUT", path, flow("seen", 1), If_Match=tag)
        assert said(answer) == (412, "precondition_failed"), tag
    assert draft(ada, "seen")["revision"] == 1
    unchanged = save(ada, "seen", flow("seen"), 1)
    assert (unchanged.status_code, unchanged.json()["revision"]) == (200, 1)
    same = ada.call("GET", path, If_None_Match='"r1"')
    assert (same.status_code, same.content) == (304, b"")


def test_publishing_with_a_key_happens_once(house: House) -> None:
    """The same request again has the same answer; another one is refused [WF24, AM2]."""
    ada = house.owner
    made(ada, "once")
    one = {"Idempotency_Key": "one"}
    first = publish(ada, "once", headers=one)
    again = publish(ada, "once", headers=one)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = publish(ada, "once", message="other", headers=one)
    assert said(other) == (422, "idempotency_mismatch")
    save(ada, "once", flow("once", 2), 1)
    with ThreadPoolExecutor(8) as pool:
        two = {"Idempotency_Key": "two"}
        done = list(pool.map(lambda _: publish(ada, "once", 2, headers=two), range(8)))
    assert {each.status_code for each in done} == {201}
    assert {each.json()["version"] for each in done} == {2}
    items = ada.call("GET", "/workflows/once/versions").json()["items"]
    assert [each["version"] for each in items] == [2, 1]


def test_a_document_with_another_name_is_not_published(house: House) -> None:
    """The slug is changed by PATCH alone [WF24]."""
    ada = house.owner
    made(ada, "mine")
    answer = save(ada, "mine", flow("other-name"), 1)
    assert [each["code"] for each in answer.json()["errors"]] == ["slug_mismatch"]
    assert said(publish(ada, "mine", 2)) == (422, "slug_mismatch")
    answer = send(ada, "PUT", "/workflows/mine/file", flow("other-name"))
    assert said(answer) == (422, "slug_mismatch")
    assert draft(ada, "mine")["revision"] == 2


def test_a_new_slug_keeps_versions_and_renames_the_draft(house: House) -> None:
    """The old name is free, and the name in the draft's text is changed and nothing else [WF20]."""
    ada = house.owner
    row = made(ada, "before")
    publish(ada, "before")
    tag = ada.call("GET", "/workflows/before").headers["etag"]
    made(ada, "in-the-way")
    path = f"/workflows/{row['id']}"
    assert ada.code("PATCH", path, {"slug": "in-the-way"}) == (409, "slug_taken")
    for slug in ("", "Big", "a b", "abcdef01-0000-7000-8000-000000000001", "x" * 64):
        assert ada.code("PATCH", path, {"slug": slug}) == (422, "invalid")
    assert ada.code("PATCH", path, {"title": "x"}, If_Match='"w0"') == (412, "precondition_failed")
    answer = ada.call("PATCH", path, {"slug": "after", "title": "Later"}, If_Match=tag)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["slug"], answer.json()["title"]) == ("after", "Later")
    assert ada.code("GET", "/workflows/before") == (404, "not_found")
    found = draft(ada, "after")
    assert found["source"] == flow("before").replace("name: before", "name: after")
    assert found["errors"] == []
    assert len(ada.call("GET", "/workflows/after/versions").json()["items"]) == 1
    assert publish(ada, "after", found["revision"]).json()["version"] == 2
    made(ada, "before")


def test_an_archived_workflow_is_out_of_the_way(house: House) -> None:
    """Its slug is free, it is found by id, and changed no more; purged by an admin [WF21]."""
    ada = house.owner
    eve = house.member("editor")
    row = made(ada, "gone")
    publish(ada, "gone")
    path = f"/workflows/{row['id']}"
    assert ada.code("POST", f"{path}/purge") == (409, "illegal_state")
    assert eve.call("DELETE", path).status_code == 204
    assert ada.call("DELETE", path).status_code == 204
    assert ada.code("GET", "/workflows/gone") == (404, "not_found")
    assert ada.call("GET", path).json()["archived_at"] is not None
    assert len(ada.call("GET", f"{path}/versions").json()["items"]) == 1
    for method, more, body in (
        ("PATCH", "", {"title": "x"}),
        ("POST", "/publish", {"revision": 1}),
        ("PUT", "/pins/say", {"output": 1}),
    ):
        assert ada.code(method, path + more, body) == (409, "illegal_state"), more
    assert said(save(ada, row["id"], flow("gone", 2), 1)) == (409, "illegal_state")
    assert ada.code("POST", f"{path}/versions/1/restore") == (409, "illegal_state")
    again = made(ada, "gone")
    assert again["id"] != row["id"]
    archived = ada.call("GET", "/workflows?archived=true&q=gone").json()["items"]
    assert [each["id"] for each in archived] == [row["id"]]
    assert eve.code("POST", f"{path}/purge") == (403, "forbidden")
    assert ada.call("POST", f"{path}/purge").status_code == 204
    assert ada.code("GET", path) == (404, "not_found")


def test_versions_are_read_compared_and_restored(house: House) -> None:
    """Text and logic are told apart; restoring writes the draft [WF27, WF28, WF29]."""
    ada = house.owner
    made(ada, "compared")
    publish(ada, "compared")
    second = flow("compared", 2) + "  more: {uses: delay, with: {for: 1s}}\n"
    save(ada, "compared", second, 1)
    publish(ada, "compared", 2)
    save(ada, "compared", second + "# only a comment\n", 2)
    publish(ada, "compared", 3)
    path = "/workflows/compared/versions"
    one = ada.call("GET", f"{path}/1")
    assert one.json()["source"] == flow("compared")
    assert one.json()["document"]["name"] == "compared"
    assert ada.call("GET", f"{path}/1", If_None_Match=one.headers["etag"]).status_code == 304
    diff = ada.call("GET", f"{path}/1/diff/2").json()
    assert "+  more: {uses: delay, with: {for: 1s}}\n" in diff["text"]
    assert diff["nodes"] == [
        {"node": "say", "what": "changed"},
        {"node": "more", "what": "added"},
    ]
    assert {"path": "nodes.say.with.value", "what": "changed", "old": "hello", "new": 2} in [
        {name: each[name] for name in ("path", "what", "old", "new")} for each in diff["changes"]
    ]
    comment = ada.call("GET", f"{path}/2/diff/3").json()
    assert (comment["is_same_logic"], comment["is_same_text"], comment["nodes"]) == (
        True, False, [],
    )  # fmt: skip
    assert comment["text"].endswith("+# only a comment\n")
    assert ada.code("GET", f"{path}/9") == (404, "not_found")
    assert ada.code("GET", f"{path}/1/diff/9") == (404, "not_found")
    for number in ("0", "x", "1000000000", "99999999999999999999"):
        assert ada.code("GET", f"{path}/{number}") == (422, "invalid")
    assert said(ada.call("POST", f"{path}/1/restore", If_Match='"r1"')) == (409, "draft_conflict")
    answer = ada.call("POST", f"{path}/1/restore", If_Match='"r3"')
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["revision"], found["base_version"], found["source"]) == (4, 1, flow("compared"))
    assert ada.call("GET", "/workflows/compared").json()["version"] == 3
    assert publish(ada, "compared", 4).json()["version"] == 4
    page = ada.call("GET", f"{path}?limit=3").json()
    rest = ada.call("GET", f"{path}?cursor={page['next_cursor']}").json()
    assert [each["version"] for each in page["items"] + rest["items"]] == [4, 3, 2, 1]


def test_a_version_of_an_old_name_is_restored_with_the_new_one(house: House) -> None:
    """It could not be published otherwise [WF29]."""
    ada = house.owner
    row = made(ada, "old-name")
    publish(ada, "old-name")
    ada.call("PATCH", f"/workflows/{row['id']}", {"slug": "new-name"})
    answer = ada.call("POST", "/workflows/new-name/versions/1/restore")
    assert answer.json()["source"] == flow("old-name").replace("name: old-name", "name: new-name")
    assert answer.json()["errors"] == []


def test_a_file_is_applied_in_one_call(house: House) -> None:
    """A new name makes the workflow; the same file changes nothing; a stale one is refused
    [WF25].
    """
    ada = house.owner
    path = "/workflows/applied/file"
    first = send(ada, "PUT", path, flow("applied"))
    assert (first.status_code, first.json()["version"]) == (201, 1)
    assert send(ada, "PUT", path, flow("applied")).status_code == 200
    tag = ada.call("GET", path).headers["etag"]
    second = send(ada, "PUT", path, flow("applied", 2), If_Match=tag)
    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert said(send(ada, "PUT", path, flow("applied", 3), If_Match=tag))[1] == (
        "precondition_failed"
    )
    found = draft(ada, "applied")
    assert (found["source"], found["base_version"]) == (flow("applied", 2), 2)
    text = '{"legato": 1, "name": "as-json", "nodes": {"a": {"uses": "delay", "with": {"for": 1}}}}'
    answer = send(ada, "PUT", "/workflows/as-json/file", text)
    assert answer.status_code == 201, answer.text
    file = ada.call("GET", "/workflows/as-json/file")
    assert (file.text, file.headers["content-type"]) == (text, "application/json")
    answer = ada.call("PUT", "/workflows/as-json/file", {"source": text})
    assert answer.status_code == 200, answer.text
    for name in ("not-made", "Big", "01900000-0000-7000-8000-000000000404"):
        answer = send(ada, "PUT", f"/workflows/{name}/file", flow("another"))
        assert said(answer) in {(404, "not_found"), (422, "slug_mismatch")}
        assert ada.code("GET", f"/workflows/{name}") == (404, "not_found")
    broken = send(ada, "PUT", "/workflows/not-made/file", "legato: 1\nname: not-made\n")
    assert said(broken) == (422, "invalid")
    assert ada.code("GET", "/workflows/not-made") == (404, "not_found")


def test_a_document_is_checked_and_nothing_is_kept(house: House) -> None:
    """Problems have codes and ranges; no workflow comes of it [WF26]."""
    ada = house.owner
    good = send(ada, "POST", "/workflows/validate", flow("checked"))
    assert good.json() == {"valid": True, "name": "checked", "errors": []}
    text = flow("checked", "'${{ nodes.nosuch.output }}'")
    bad = send(ada, "POST", "/workflows/validate", text).json()
    assert (bad["valid"], [each["code"] for each in bad["errors"]]) == (False, ["unknown_node"])
    (error,) = bad["errors"]
    assert error["path"] == "/nodes/say/with/value"
    assert text.splitlines()[error["line"] - 1][error["column"] - 1 :].startswith("nodes.nosuch")
    assert ada.code("GET", "/workflows/checked") == (404, "not_found")
    viewer = house.member("viewer")
    assert said(send(viewer, "POST", "/workflows/validate", flow("x"))) == (403, "forbidden")


def test_to_open_a_workflow_executes_nothing(house: House) -> None:
    """Saved, opened, checked, published and compared: no node of it has run [WF16]."""
    ada = house.owner
    mark = house.town.home / "was-run"
    node = f"  run: {{uses: shell.run, with: {{program: sh, args: [-c, 'touch {mark}']}}}}\n"
    text = flow("opened") + node
    assert send(ada, "POST", "/workflows", text).status_code == 201
    assert send(ada, "POST", "/workflows/validate", text).json()["valid"]
    assert publish(ada, "opened").status_code == 201
    for path in ("", "/draft", "/file", "/versions/1", "/versions/1/diff/1", "/pins"):
        assert ada.call("GET", f"/workflows/opened{path}").status_code == 200
    assert not mark.exists()
    assert house.town.select("SELECT count(*) FROM executions") == [(0,)]


def test_bad_texts_are_refused_and_leave_nothing(house: House) -> None:
    """NaN, NUL, lone surrogates, double keys, depth and size: 4xx with the place, and no half
    [WF17].
    """
    ada = house.owner
    made(ada, "hard")
    deep = '{"source": ' + "[" * 65 + "]" * 65 + "}"
    for data in (
        b'{"source": NaN}',
        b'{"source": "a\\u0000b"}',
        b'{"source": "\\ud800"}',
        b'{"source": "a", "source": "b"}',
        deep.encode(),
        b'{"document": ' + b'{"a":' * 65 + b"1" + b"}" * 65 + b"}",
        b'{"document": {"n": 99999999999999999999}}',
        b"{",
        b"\xff",
    ):
        for method, path in (
            ("POST", "/workflows"),
            ("POST", "/workflows/validate"),
            ("PUT", "/workflows/hard/draft"),
        ):
            answer = send(ada, method, path, data, "application/json", If_Match='"r1"')
            assert said(answer) == (422, "invalid"), data
            assert "path" in answer.json()["errors"][0]
    for data in (b"name: \xff", b"name: a\x00b"):
        for method, path in (("POST", "/workflows"), ("PUT", "/workflows/hard/draft")):
            answer = send(ada, method, path, data, If_Match='"r1"')
            assert said(answer) == (422, "invalid"), data
            assert answer.json()["errors"][0]["line"] == 1
    assert draft(ada, "hard")["revision"] == 1
    nested = "legato: 1\nname: hard\nnodes: " + "{a: " * 65 + "1" + "}" * 65 + "\n"
    answer = save(ada, "hard", nested, 1)
    assert answer.status_code == 200, answer.text
    assert answer.json()["errors"]


def test_a_document_of_two_mebibytes_is_taken_and_no_larger_one(house: House) -> None:
    """As YAML and as JSON text; one byte more is too large [WF17]."""
    ada = house.owner
    limit = 2 * 1024 * 1024
    head = flow("large")
    line = "# " + "x" * 77 + "\n"
    text = head + line * ((limit - len(head)) // len(line))
    text += "#" * (limit - len(text))
    assert len(text) == limit
    answer = send(ada, "POST", "/workflows", text)
    assert answer.status_code == 201, answer.text
    assert draft(ada, "large")["source"] == text
    answer = ada.call(
        "PUT", "/workflows/large/draft", {"source": text[:-1] + "\n"}, If_Match='"r1"'
    )
    assert answer.status_code == 200, answer.text
    for answer in (
        save(ada, "large", text + "#", 2),
        ada.call("PUT", "/workflows/large/draft", {"source": text + "#"}, If_Match='"r2"'),
        save(ada, "large", text * 2 + "#", 2),
    ):
        assert said(answer) == (413, "too_large")
    assert draft(ada, "large")["revision"] == 2
    assert publish(ada, "large", 2).status_code == 201


def test_the_list_shows_drafts_and_versions(house: House) -> None:
    """Filters, pages, and whether a draft is ahead [WF19]."""
    ada = house.owner
    for name in ("listed-a", "listed-b", "listed-c"):
        made(ada, name)
    publish(ada, "listed-b")
    path = "/workflows?q=LISTED-"
    items = ada.call("GET", path).json()["items"]
    assert [each["slug"] for each in items] == ["listed-c", "listed-b", "listed-a"]
    assert [each["is_ahead"] for each in items] == [True, False, True]
    assert [each["runs"] for each in items] == [[], [], []]
    assert items[0]["draft_revision"] == 1
    (published,) = ada.call("GET", f"{path}&published=true").json()["items"]
    assert published["slug"] == "listed-b"
    page = ada.call("GET", f"{path}&limit=2").json()
    rest = ada.call("GET", f"{path}&cursor={page['next_cursor']}").json()
    assert [each["slug"] for each in rest["items"]] == ["listed-a"]
    wrong = f"/workflows?q=other&cursor={page['next_cursor']}"
    assert ada.code("GET", wrong) == (422, "cursor_invalid")
    assert ada.code("GET", "/workflows?archived=maybe") == (422, "invalid")
    assert ada.code("GET", "/workflows?nosuch=1") == (422, "invalid")


def test_pins_are_kept_beside_the_workflow(house: House) -> None:
    """Per node, up to 1 MiB, any JSON value [WF31]."""
    ada = house.owner
    made(ada, "pinned")
    path = "/workflows/pinned/pins"
    assert ada.call("GET", path).json() == {"items": []}
    answer = ada.call("PUT", f"{path}/say", {"output": {"a": [1, None]}})
    assert answer.status_code == 200, answer.text
    assert ada.call("GET", f"{path}/say").json()["output"] == {"a": [1, None]}
    assert ada.call("PUT", f"{path}/say", {"output": None}).json()["output"] is None
    assert [each["node"] for each in ada.call("GET", path).json()["items"]] == ["say"]
    wrong: list[Any] = [{}, {"outputs": 1}, []]
    for body in wrong:
        assert ada.code("PUT", f"{path}/say", body) == (422, "invalid")
    assert ada.code("PUT", f"{path}/Not-A-Node", {"output": 1}) == (422, "invalid")
    large = "x" * (1024 * 1024 - 2)
    assert ada.call("PUT", f"{path}/say", {"output": large}).status_code == 200
    assert ada.code("PUT", f"{path}/say", {"output": large + "x"}) == (413, "too_large")
    assert ada.call("DELETE", f"{path}/say").status_code == 204
    assert ada.code("DELETE", f"{path}/say") == (404, "not_found")
    assert ada.code("GET", f"{path}/say") == (404, "not_found")


def test_the_command_line_and_the_api_see_the_same_workflows(house: House) -> None:
    """A file that was applied has id, draft and version; a draft that was published is listed
    [WF3].
    """
    ada = house.owner
    desk = Desk(house.town.home)
    file = house.town.home / "by-hand.yaml"
    file.write_text(flow("by-hand"))
    (applied,) = desk.json("workflows", "apply", file)
    found = draft(ada, "by-hand")
    assert (found["source"], found["base_version"]) == (flow("by-hand"), 1)
    assert ada.call("GET", "/workflows/by-hand").json()["id"] == applied["workflow_id"]
    made(ada, "by-api")
    publish(ada, "by-api")
    names = {each["name"] for each in desk.json("workflows", "list")}
    assert {"by-hand", "by-api"} <= names
    save(ada, "by-hand", flow("by-hand", 2), 1)
    publish(ada, "by-hand", 2)
    versions = desk.json("workflows", "versions", "by-hand")
    assert [each["number"] for each in versions] == [2, 1]


def test_each_deed_is_in_the_audit(house: House) -> None:
    """Made, edited, published, deleted: by whom, with ids only [WF9]."""
    ada = house.owner
    row = made(ada, "told")
    save(ada, "told", flow("told", 1), 1)
    save(ada, "told", flow("told", 2), 2)
    publish(ada, "told", 3)
    publish(ada, "told", 3)
    ada.call("PATCH", "/workflows/told", {"title": "Told"})
    ada.call("DELETE", "/workflows/told")
    found = [each[0] for each in house.audit(row["id"])]
    assert found == [
        "workflow.create", "workflow.edit", "workflow.publish", "workflow.edit", "workflow.delete",
    ]  # fmt: skip


def test_node_types_come_with_their_schemas(house: House) -> None:
    """Each with its form, what it gives, its docs and an example; unchanged is not sent again
    [WF30].
    """
    viewer = house.member("viewer")
    answer = viewer.call("GET", "/node-types")
    types = {each["uses"]: each for each in answer.json()["items"]}
    http = types["http.request"]
    assert http["config_schema"]["properties"]["url"]
    assert http["output_schema"]["properties"]["status"]
    assert http["docs"]
    assert http["example"]
    assert (types["shell.run"]["effect"], types["data.transform"]["effect"]) == (
        "non_idempotent", "pure",
    )  # fmt: skip
    tag = answer.headers["etag"]
    assert viewer.call("GET", "/node-types", If_None_Match=tag).status_code == 304
    one = viewer.call("GET", "/node-types/http.request")
    assert one.json() == http
    assert viewer.code("GET", "/node-types/no.such") == (404, "not_found")


def test_preferences_are_ones_own(house: House) -> None:
    """An object of one's own, which nobody else sees [WF40]."""
    ada, bob = house.owner, house.member("viewer")
    assert bob.call("GET", "/me/preferences").json() == {"preferences": {}}
    kept = {"preferences": {"theme": "dark", "deep": {"a": [1]}}}
    answer = bob.call("PUT", "/me/preferences", kept)
    assert answer.status_code == 200, answer.text
    assert bob.call("GET", "/me/preferences").json() == kept
    assert ada.call("GET", "/me/preferences").json() == {"preferences": {}}
    for wrong in ({"preferences": [1]}, {}, {**kept, "more": 1}):
        assert bob.code("PUT", "/me/preferences", wrong) == (422, "invalid")
    large = {"preferences": {"a": "x" * 65_536}}
    assert bob.code("PUT", "/me/preferences", large) == (413, "too_large")


def test_what_is_in_another_workspace_is_not_there(house: House) -> None:
    """Foreign and unknown are the same, by id, slug and in the list [WF2]."""
    ada = house.owner
    eve = house.somebody()
    place = house.workspace("apart", eve)
    row = made(ada, "secret-flow")
    here = {"Legato_Workspace": place}
    unknown = eve.call("GET", "/workflows/01900000-0000-7000-8000-000000000404", **here)
    for named in (row["id"], "secret-flow"):
        foreign = eve.call("GET", f"/workflows/{named}", **here)
        assert foreign.status_code == unknown.status_code == 404
        assert {**foreign.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert eve.call("GET", "/workflows", **here).json()["items"] == []

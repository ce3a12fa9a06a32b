# SPDX-License-Identifier: Apache-2.0
"""Files read again: lists, ranges, conditions, headers that nothing runs under, who may delete."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from legato.ports.accounts import Role
from tests.integration.api.depot import form, send, stored, upload
from tests.integration.api.house import House, house_in
from tests.integration.api.people import Person, said
from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.support.chromium import chromium

CONTENT = bytes(range(256)) * 16_000  # 4 MB: several pieces
UNKNOWN = "01900000-0000-7000-8000-000000000404"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of this module."""
    with house_in(tmp_path_factory.mktemp("downloads")) as made:
        yield made


@pytest.fixture(scope="module")
def clerk(house: House) -> Person:
    """An operator."""
    return house.member("operator")


@pytest.fixture(scope="module")
def file(clerk: Person) -> dict[str, Any]:
    """A large file."""
    return upload(clerk, CONTENT, name="data.bin", kind="application/json")


def read(by: Person, file: dict[str, Any], method: str = "GET", **headers: str) -> httpx2.Response:
    """Ask for the content."""
    found = {"Authorization": f"Bearer {by.access}"}
    found |= {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{by.serving.url}/api/v1/files/{file['id']}/content"
    return httpx2.request(method, url, headers=found, timeout=PATIENCE_S, verify=PLAIN)


def test_a_file_comes_back_as_it_was(clerk: Person, file: dict[str, Any]) -> None:
    """Whole, with tag, as an attachment, in a sandbox; HEAD says the same [FI13, FI15, FI17]."""
    whole, head = read(clerk, file), read(clerk, file, "HEAD")
    assert (whole.status_code, head.status_code) == (200, 200)
    assert whole.content == CONTENT
    assert head.content == b""
    names = (
        *("etag", "content-type", "content-length", "content-disposition", "accept-ranges"),
        *("x-content-type-options", "content-security-policy", "cache-control"),
    )
    assert [whole.headers[name] for name in names] == [head.headers[name] for name in names]
    assert whole.headers["etag"] == f'"{file["sha256"]}"'
    assert whole.headers["content-length"] == str(len(CONTENT))
    assert whole.headers["content-disposition"] == 'attachment; filename="data.bin"'
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert whole.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=4095990-", 4_095_990, 4_095_999),
        ("bytes=4095990-99999999999", 4_095_990, 4_095_999),
        ("bytes=-5", 4_095_995, 4_095_999),
        ("bytes=-99999999", 0, 4_095_999),
        ("Bytes=1-2000000", 1, 2_000_000),
    ],
)
def test_one_range_is_sent_alone(
    clerk: Person, file: dict[str, Any], wanted: str, first: int, last: int
) -> None:
    """206 with exactly these bytes and where they are, the same headers [FI18]."""
    answer = read(clerk, file, Range=wanted)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.content == CONTENT[first : last + 1]
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "wanted", ["bytes=4096000-", "bytes=4096000-4096001", "bytes=-0", "bytes=9999999-99999999"]
)
def test_a_range_that_is_not_there_is_refused(
    clerk: Person, file: dict[str, Any], wanted: str
) -> None:
    """416 with the size [FI18]."""
    answer = read(clerk, file, Range=wanted)
    assert said(answer) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-1,5-6", "bytes=5-4", "bytes=-", "bytes=a-b", "lines=0-1", "bytes", "bytes=1-2x"],
)
def test_what_is_no_single_range_gets_the_whole(
    clerk: Person, file: dict[str, Any], wanted: str
) -> None:
    """Several, reversed or malformed, as RFC 9110 allows; a HEAD knows none [FI18]."""
    answer = read(clerk, file, Range=wanted)
    assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))
    assert read(clerk, file, "HEAD", Range="bytes=0-1").status_code == 200


def test_an_empty_file_has_no_range(clerk: Person) -> None:
    """It is there, and is nothing [FI18]."""
    empty = upload(clerk, b"")
    assert (empty["size"], read(clerk, empty).content) == (0, b"")
    for wanted in ("bytes=0-", "bytes=-1"):
        assert said(read(clerk, empty, Range=wanted))[0] == 416


def test_conditions_are_kept(clerk: Person, file: dict[str, Any]) -> None:
    """If-Match 412, If-None-Match 304, If-Range the part only of what it was [FI17]."""
    tag, other = f'"{file["sha256"]}"', '"other"'
    assert said(read(clerk, file, If_Match=other)) == (412, "precondition_failed")
    assert read(clerk, file, If_Match=f"{other}, {tag}").status_code == 200
    for found in (tag, f"W/{tag}", f"{other}, {tag}", "*"):
        answer = read(clerk, file, If_None_Match=found)
        assert (answer.status_code, answer.content) == (304, b"")
    assert read(clerk, file, If_None_Match=other).status_code == 200
    seen = [
        read(clerk, file, Range="bytes=0-1", If_Range=each).status_code
        for each in (tag, other, f"W/{tag}", "Sat, 01 Jan 2028 00:00:00 GMT")
    ]
    assert seen == [206, 200, 200, 200]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("text/xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("application/x-shockwave-flash", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/csv; charset=iso-8859-1", "text/csv; charset=iso-8859-1"),
        ("image/png", "image/png"),
        ("application/pdf", "application/pdf"),
    ],
)
def test_a_browser_is_told_no_type_that_runs(clerk: Person, declared: str, told: str) -> None:
    """Bytes, unless it is known to be harmless [FI16]."""
    made = upload(clerk, b"<script>alert(1)</script>", name="x.html", kind=declared)
    answer = read(clerk, made)
    assert answer.headers["content-type"] == told
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("plain.txt", 'attachment; filename="plain.txt"'),
        ("a;b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%3Bb.txt"),
        ("ä €.txt", "attachment; filename=\"a .txt\"; filename*=UTF-8''%C3%A4%20%E2%82%AC.txt"),
        ("100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
        ("報告", "attachment; filename=\"file\"; filename*=UTF-8''%E5%A0%B1%E5%91%8A"),
    ],
)  # fmt: skip
def test_a_name_in_a_header_is_a_name(clerk: Person, name: str, sent: str) -> None:
    """No quote, line or parameter can be added by it [FI15]."""
    made = upload(clerk, b"text", name=name)
    assert made["name"] == name
    assert read(clerk, made).headers["content-disposition"] == sent


def test_a_list_goes_page_by_page(house: House) -> None:
    """The newest first, filtered by name, content and time; of one workspace only [FI14]."""
    owner = house.somebody()
    where = {"Legato_Workspace": house.workspace("pages", owner)}
    made = [send(owner, form(b"x" * n, name=f"{n % 2}.txt"), **where).json() for n in range(1, 8)]
    ids = [each["id"] for each in reversed(made)]

    def listed(query: str) -> list[str]:
        answer = owner.call("GET", f"/files{query}", **where)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    page = owner.call("GET", "/files?limit=3", **where).json()
    seen = [each["id"] for each in page["items"]]
    while page["next_cursor"] is not None:
        page = owner.call("GET", f"/files?limit=3&cursor={page['next_cursor']}", **where).json()
        seen += [each["id"] for each in page["items"]]
    assert seen == ids
    assert listed("?name=1.txt") == ids[::2]
    assert listed(f"?sha256={made[2]['sha256']}") == [made[2]["id"]]
    assert listed(f"?sha256={made[2]['sha256']}&name=0.txt") == []
    middle = quote(made[3]["created_at"], safe="")
    assert listed(f"?created_after={middle}") == ids[:4]
    assert listed(f"?created_before={middle}&name=1.txt") == [ids[4], ids[6]]
    assert said(owner.call("GET", "/files?size=1", **where)) == (422, "invalid")
    assert said(owner.call("GET", "/files?sha256=x", **where)) == (422, "invalid")


def test_a_file_of_another_workspace_is_not_there(house: House, file: dict[str, Any]) -> None:
    """Like one that never was, by every way to ask [FI11]."""
    owner = house.somebody()
    where = {"Legato_Workspace": house.workspace("foreign", owner)}
    for method, below in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        foreign = owner.call(method, f"/files/{file['id']}{below}", **where)
        unknown = owner.call(method, f"/files/{UNKNOWN}{below}", **where)
        assert said(foreign) == said(unknown) == (404, "not_found")
    assert owner.call("HEAD", f"/files/{file['id']}/content", **where).status_code == 404
    assert owner.call("GET", f"/files?sha256={file['sha256']}", **where).json()["items"] == []


@pytest.mark.parametrize(
    ("role", "own", "others"),
    [("operator", 204, 403), ("editor", 204, 204), ("admin", 204, 204), ("owner", 204, 204)],
)
def test_who_may_delete_what(
    house: House, clerk: Person, role: Role, own: int, others: int
) -> None:
    """One's own as operator, any as editor; a viewer may read only [FI21]."""
    person = house.member(role)
    mine, theirs = upload(person), upload(clerk)
    assert person.call("DELETE", f"/files/{mine['id']}").status_code == own
    assert person.call("DELETE", f"/files/{theirs['id']}").status_code == others
    assert clerk.call("GET", f"/files/{mine['id']}").status_code == 404
    assert [row[0] for row in house.audit(mine["id"])] == ["file.upload", "file.delete"]


def test_a_viewer_reads_and_an_admin_sees_the_quota(house: House, file: dict[str, Any]) -> None:
    """By the one table of roles [FI21]."""
    viewer = house.member("viewer")
    assert read(viewer, file, Range="bytes=0-1").status_code == 206
    assert said(send(viewer, form(b"text"))) == (403, "forbidden")
    assert said(viewer.call("DELETE", f"/files/{file['id']}")) == (403, "forbidden")
    for role, status in (("editor", 403), ("admin", 200)):
        person = house.member(role)  # type: ignore[arg-type]
        assert person.call("GET", "/files/quota").status_code == status
        change = {"limit_bytes": 10**12}
        assert person.call("PUT", "/files/quota", change).status_code == status
    for wrong in ({}, {"limit_bytes": -1}, {"limit_bytes": "1"}, {"limit_bytes": 2**60}):
        assert said(house.owner.call("PUT", "/files/quota", wrong)) == (422, "invalid")


def test_a_damaged_payload_never_arrives_whole(house: House, clerk: Person) -> None:
    """What is short is said before it begins, what is long is cut off; gone is 404 [FI19]."""
    content = os.urandom(3_000_000)
    made = upload(clerk, content)
    (path,) = [each for each in stored(house.town.home) if made["sha256"] in each]
    place = house.town.home / "blobs" / path
    place.write_bytes(content[:-1] + b"x")
    with pytest.raises(httpx2.RemoteProtocolError):
        read(clerk, made)
    small = upload(clerk, b"small")
    (path,) = [each for each in stored(house.town.home) if small["sha256"] in each]
    (house.town.home / "blobs" / path).write_bytes(b"Small")
    assert said(read(clerk, small)) == (503, "unavailable")
    place.unlink()
    assert said(read(clerk, made)) == (404, "not_found")


def test_a_page_of_ours_runs_nothing_that_was_uploaded(house: House, clerk: Person) -> None:
    """In a real browser: opened it is saved under its name, framed it is nothing [FI13, FI16]."""
    page = b"<script>document.title = 'ran'; parent.postMessage('ran', '*')</script>"
    made = upload(clerk, page, name="März.html", kind="text/html")
    url = f"{clerk.serving.url}/api/v1/files/{made['id']}/content"
    with chromium() as browser:
        context = browser.new_context(
            extra_http_headers={"Authorization": f"Bearer {clerk.access}"}, accept_downloads=True
        )
        tab = context.new_page()
        tab.goto(clerk.serving.url)
        with tab.expect_download() as waited:
            tab.evaluate("url => { location.href = url }", url)
        assert waited.value.suggested_filename == "März.html"
        assert waited.value.path().read_bytes() == page
        assert tab.title() != "ran"
        context.close()

# SPDX-License-Identifier: Apache-2.0
"""Uploads against a real server process: bounds, lies, what breaks off, what is counted."""

import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from legato.model.ids import LOCAL_WORKSPACE
from tests.crash import rooms
from tests.integration.api.depot import (
    END,
    form,
    head,
    pieces,
    raw_upload,
    send,
    stored,
    upload,
)
from tests.integration.api.house import House, house_in
from tests.integration.api.people import Person, Town, said
from tests.integration.api.serving import Serving
from tests.integration.cli.site import Site

LIMIT = 200_000
GLM = 100_000
QUOTA = 3_000_000
ENV = {
    "LEGATO_FILES__MAX_BYTES": str(LIMIT),
    "LEGATO_FILES__PROVIDER_MAX_BYTES": f'{{"glm": {GLM}}}',
    "LEGATO_FILES__QUOTA_BYTES": str(QUOTA),
    "LEGATO_SERVER__BODY_S": "0.4",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of this module, with small bounds."""
    with house_in(tmp_path_factory.mktemp("uploads"), **ENV) as made:
        yield made
        made.town.serving.close()


@pytest.fixture(scope="module")
def clerk(house: House) -> Person:
    """An operator."""
    return house.member("operator")


def elsewhere(house: House, slug: str) -> tuple[Person, dict[str, str]]:
    """Return an owner of a workspace of their own, and the header that names it."""
    owner = house.somebody()
    return owner, {"Legato_Workspace": house.workspace(slug, owner)}


def test_a_file_is_stored_and_described(house: House, clerk: Person) -> None:
    """201 with id, name, size, hash, type and time, and where it is [FI1, FI3]."""
    content = os.urandom(70_000)
    answer = send(clerk, form(content, name="report.csv", kind="text/csv; charset=UTF-8"))
    found = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/files/{found['id']}"
    assert found.keys() == {"id", "name", "size", "sha256", "content_type", "created_at"}
    assert found["sha256"] == hashlib.sha256(content).hexdigest()
    assert (found["name"], found["size"]) == ("report.csv", len(content))
    assert found["content_type"] == "text/csv; charset=utf-8"
    assert clerk.call("GET", f"/files/{found['id']}").json() == found
    assert [row[0] for row in house.audit(found["id"])] == ["file.upload"]


@pytest.mark.parametrize(("path", "limit"), [("/files", LIMIT), ("/files?provider=glm", GLM)])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_the_limit_is_counted_over_the_file(
    house: House, clerk: Person, path: str, limit: int, *, in_chunks: bool
) -> None:
    """Exactly the limit is taken; one byte more is 413, and nothing is kept [FI1, FI2, FI4]."""
    assert send(clerk, pieces(limit), path).status_code == 201
    before = stored(house.town.home)
    body: Any = pieces(limit + 1)
    answer = send(clerk, body if in_chunks else b"".join(body), path)
    assert said(answer) == (413, "too_large")
    assert stored(house.town.home) == before


def test_a_provider_that_nobody_knows_is_refused(clerk: Person) -> None:
    """422 that names those known, and so is any other parameter [FI2]."""
    answer = send(clerk, form(b"text"), "/files?provider=other")
    assert said(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["path"] == "/query/provider"
    assert answer.json()["errors"][0]["expected"] == "glm"
    for path in ("/files?provider=glm&provider=glm", "/files?name=x"):
        assert said(send(clerk, form(b"text"), path)) == (422, "invalid")


def test_a_length_that_lies_keeps_nothing(house: House, clerk: Person) -> None:
    """Too long: the form breaks off and is hung up on; far too long: 413 at once [FI4, FI12]."""
    before = stored(house.town.home)
    body = form(b"lie" * 1_000)
    outcomes = []
    for length, sent in ((len(body) + 10, body), (50_000_000, b""), (len(body) - 6, body)):
        status, problem = raw_upload(clerk, length).send(sent).answer()
        outcomes.append((status, problem["code"]))
    assert outcomes == [(408, "request_timeout"), (413, "too_large"), (422, "invalid")]
    assert stored(house.town.home) == before


def test_a_body_that_drips_is_given_up(house: House, clerk: Person) -> None:
    """408, and nothing of it is kept [FI12]."""
    before = stored(house.town.home)
    raw = raw_upload(clerk, None)
    begun = head() + b"x" * 1_000
    status, problem = raw.send(b"%x\r\n%s\r\n" % (len(begun), begun)).answer()
    assert (status, problem["code"]) == (408, "request_timeout")
    assert raw.rest() == b""
    assert stored(house.town.home) == before


def test_an_upload_that_breaks_off_leaves_nothing(house: House, clerk: Person) -> None:
    """The client hangs up in the middle: no file, no payload, no part of one [FI12]."""
    before = stored(house.town.home)
    raw = raw_upload(clerk, 190_000)
    raw.send(head() + b"x" * 100_000)
    raw.close()
    upload(clerk, b"after it")  # by now the server has heard of it
    clerk.serving.get("/health/live")
    left = [each for each in stored(house.town.home) if "incoming" in each]
    assert left == []
    assert len(stored(house.town.home)) == len(before) + 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "/file"),
        (b"no form at all", ""),
        (END.lstrip(), "/file"),
        (form(b"text", part="document"), ""),
        (form(b"text", part="File"), ""),
        (head() + b"a\r\n" + form(b"b"), ""),
        (head() + b"a\r\n" + form(b"b", part="name"), ""),
        (form(b"text")[: -len(END)], ""),
        (form(b"text")[:30], ""),
        (form(b"text", kind="text"), "/file"),
        (form(b"text", kind="te xt/plain"), "/file"),
        (form(b"text", kind="text/plain\r\nContent-Transfer-Encoding: base64"), "/file"),
        (form(b"text", kind="text/plain\r\nContent-Type: text/html"), "/file"),
        (form(b"text", name="x" * 20_000), ""),
        (form(b"text", kind="text/plain" + "\r\nX: y" * 20), ""),
        (form(b"text", kind="text/plain\r\nnot a header"), ""),
    ],
)
def test_a_body_of_another_form_is_refused(
    house: House, clerk: Person, body: bytes, path: str
) -> None:
    """No part, another, two, none that ends, encoded, too many headers: 422, nothing kept [FI3]."""
    before = stored(house.town.home)
    answer = send(clerk, body)
    assert said(answer) == (422, "invalid")
    assert [each["path"] for each in answer.json()["errors"]] == [path]
    assert "document" not in answer.text
    assert stored(house.town.home) == before


@pytest.mark.parametrize(
    "kind",
    [
        *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; x=y"),
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/form-data; boundary=other",
    ],
)
def test_a_boundary_is_needed(clerk: Person, kind: str) -> None:
    """422; another Content-Type is 415, also one that looks like what was read already [FI3]."""
    assert said(send(clerk, form(b"text"), Content_Type=kind)) == (422, "invalid")
    claimed = clerk.call("POST", "/files", {"file": {"path": "/etc/passwd", "name": "x"}})
    assert said(claimed) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\\\evil.exe", "evil.exe"),
        (".htaccess", "htaccess"),
        ("..", "file"),
        ("", "file"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\u0007\u200bb.txt", "ab.txt"),
        ("Bericht für März.pdf", "Bericht für März.pdf"),
        ("x" * 300 + ".tar", "x" * 251 + ".tar"),
        ("é" * 200, "é" * 127),
        ("a\uff0fb.txt", "b.txt"),
        ("報告 書.txt", "報告 書.txt"),
        ("a;b='c'.txt", "a;b='c'.txt"),
        ("  spaces   inside .txt ", "spaces inside .txt"),
    ],
)
def test_names_are_cleaned(clerk: Person, given: str, expected: str) -> None:
    """No path, control character, mark of direction or dot before it, bounded [FI5]."""
    assert upload(clerk, given.encode(), name=given)["name"] == expected


def test_what_is_declared_is_what_it_is(clerk: Person) -> None:
    """Nothing is concluded from the content or the name [FI6]."""
    page = b"<html><script>alert(1)</script></html>"
    found = [
        upload(clerk, page, name="page.html", kind=kind)["content_type"]
        for kind in (None, "image/png", 'TEXT/HTML; charset="utf-8"', "application/x-y+z")
    ]
    assert found == [
        *("application/octet-stream", "image/png", "text/html; charset=utf-8"),
        "application/x-y+z",
    ]


def test_equal_contents_are_kept_once_and_counted_once(house: House) -> None:
    """Within a workspace; the answers are those of different files [FI9, FI22]."""
    owner, where = elsewhere(house, "twice")
    content = os.urandom(50_000)
    first = send(owner, form(content), **where).json()
    second = send(owner, form(content, name="b.txt"), **where).json()
    assert first["id"] != second["id"]
    assert first["sha256"] == second["sha256"]
    quota = owner.call("GET", "/files/quota", **where).json()
    assert quota == {"used_bytes": 50_000, "limit_bytes": QUOTA, "is_own": False}
    place = where["Legato_Workspace"]
    assert len([each for each in stored(house.town.home) if each.startswith(place)]) == 1
    other, there = elsewhere(house, "thrice")
    send(other, form(content), **there)
    assert len([each for each in stored(house.town.home) if first["sha256"] in each]) == 2
    for file, used in ((first, 50_000), (second, 0)):
        assert owner.call("DELETE", f"/files/{file['id']}", **where).status_code == 204
        assert owner.call("GET", "/files/quota", **where).json()["used_bytes"] == used


def test_equal_contents_at_once_are_counted_once(house: House) -> None:
    """Two uploads of the same bytes at the same time [FI9, FI22]."""
    owner, where = elsewhere(house, "at-once")
    body = form(os.urandom(150_000))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: send(owner, body, **where), range(6)))
    assert [each.status_code for each in answers] == [201] * 6
    assert owner.call("GET", "/files/quota", **where).json()["used_bytes"] == 150_000


def test_a_quota_is_never_exceeded_also_by_many_at_once(house: House) -> None:
    """Of eight that fit three only three are taken: 409, and their payloads are nobody's [FI22]."""
    owner, where = elsewhere(house, "full")
    change = {"limit_bytes": 3 * 60_000 + 10}
    quota = owner.call("PUT", "/files/quota", change, **where)
    assert quota.json() == {"used_bytes": 0, "limit_bytes": 180_010, "is_own": True}
    bodies = [form(os.urandom(60_000)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: send(owner, body, **where), bodies))
    assert sorted(each.status_code for each in answers) == [201] * 3 + [409] * 5
    assert {said(each) for each in answers if each.status_code > 201} == {(409, "quota_exceeded")}
    assert owner.call("GET", "/files/quota", **where).json()["used_bytes"] == 180_000
    assert len(owner.call("GET", "/files", **where).json()["items"]) == 3
    taken = next(
        body for body, each in zip(bodies, answers, strict=True) if each.status_code == 201
    )
    assert send(owner, taken, **where).status_code == 201, "what is there already takes no room"
    back = owner.call("PUT", "/files/quota", {"limit_bytes": None}, **where).json()
    assert (back["limit_bytes"], back["is_own"]) == (QUOTA, False)
    workspace = where["Legato_Workspace"]
    assert [row[0] for row in house.audit(workspace)].count("file.quota") == 2


def test_a_request_with_a_key_stores_once(house: House, clerk: Person) -> None:
    """The same answer again, another body is refused, at once and one after the other [FI10]."""
    body = form(b"once")
    count = len(clerk.call("GET", "/files?limit=200").json()["items"])
    with ThreadPoolExecutor(3) as pool:
        answers = list(
            pool.map(lambda _: send(clerk, body, Idempotency_Key="one-upload"), range(3))
        )
    answers.append(send(clerk, body, Idempotency_Key="one-upload"))
    assert {each.status_code for each in answers} == {201}
    assert len({each.text for each in answers}) == 1
    replayed = [each.headers.get("idempotency-replayed") for each in answers]
    assert sorted(map(str, replayed)) == ["None", "true", "true", "true"]
    other = send(clerk, form(b"another"), Idempotency_Key="one-upload")
    assert said(other) == (422, "idempotency_mismatch")
    large = send(clerk, pieces(LIMIT + 100_000), Idempotency_Key="one-upload")
    assert said(large) == (413, "too_large")
    assert len(clerk.call("GET", "/files?limit=200").json()["items"]) == count + 1


def test_a_server_that_is_killed_in_an_upload_keeps_no_part_for_ever(tmp_path: Path) -> None:
    """What a hung-up client leaves goes at once, what kill -9 leaves when it is old [FI12]."""
    site = Site(tmp_path)
    try:
        house = House(Town(site))
        clerk = house.member("operator")
        body = form(os.urandom(6_000_000))
        for is_killed in (False, True):
            raw = raw_upload(clerk, len(body))
            raw.send(body[:-1_000_000])
            while not stored(site.home):
                clerk.serving.get("/health/live")  # a draft is there when so much has come
            if not is_killed:
                raw.close()
                while stored(site.home):
                    clerk.serving.get("/health/live")
        house.town.serving.stop(signal.SIGKILL)
        raw.close()
        (left,) = stored(site.home)
        assert left.startswith(f"{LOCAL_WORKSPACE}/incoming/")
        os.utime(site.home / "blobs" / left, (1, 1))
        clerk.serving = Serving(site.start("serve", "--port", 0, "--json"))
        sha256 = upload(clerk, b"the next one")["sha256"]
        assert stored(site.home) == [f"{LOCAL_WORKSPACE}/{sha256[:2]}/{sha256}"]
    finally:
        site.close()


@pytest.mark.linux
def test_a_full_disk_is_told_and_keeps_nothing(tmp_path: Path) -> None:
    """507 for what has no room, and the next that has room is taken [FI23]."""
    site = Site(tmp_path)
    folder = site.home / "blobs"
    folder.mkdir()
    room = (sys.executable, "-m", "tests.crash.rooms", "small", str(folder), "8000000", "--")
    try:
        tried = site.start_program((*room, sys.executable, "-c", "")).finish()
        if tried.code == rooms.CANNOT:
            pytest.skip(f"SKIP {tried.err.strip()}")
        command = (*room, sys.executable, "-m", "legato.cli")
        house = House(Town(site, command))
        clerk = house.member("operator")
        for _ in range(3):
            answer = send(clerk, form(os.urandom(12_000_000)))
            assert said(answer) == (507, "disk_full")
            assert str(folder) not in answer.text
        assert upload(clerk, os.urandom(6_000_000))["size"] == 6_000_000
        assert said(send(clerk, form(os.urandom(3_000_000)))) == (507, "disk_full")
        assert upload(clerk, b"small")["size"] == 5
    finally:
        site.close()

# SPDX-License-Identifier: Apache-2.0
"""http.request with files, downloads and pages, and what servers do to them."""

import gzip
import hashlib
import json
import os
import resource
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from legato.adapters.blobs.obstore_blobs import make_blobs
from legato.model.ids import LOCAL_WORKSPACE
from legato.model.values import BlobRef
from legato.nodes import http, webhook
from legato.nodes.http_client import HEADERS_BYTES_MAX, HEADERS_MAX
from legato.nodes.registry import close_node_types
from legato.ports.grants import Grants
from tests.integration.nodes.servers import Visit, serve
from tests.unit.nodes.world import CANARY, World

pytestmark = pytest.mark.usefixtures("closed")

MB = 1_000_000


def in_folder(world: World, folder: Path) -> None:
    """Keep blobs on disk, as an engine does."""
    world.blobs = make_blobs(f"file://{folder}/blobs")  # type: ignore[assignment]


async def stored(world: World, output: Any) -> bytes:
    ref = BlobRef(output["blob"]["hash"], output["blob"]["size"])
    return await world.blobs.get(LOCAL_WORKSPACE, ref)


def parts_of(visit: Visit) -> list[tuple[Any, Any, str, Any]]:
    """Return name, filename, type and content of each part, read by another parser."""
    head = f"Content-Type: {visit.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + visit.body, policy=policy.default)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


async def test_a_form_with_files_arrives_whole(world: World) -> None:
    """Fields, text, base64 and a payload of the blob store, in one body of known length [ND52]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(200)

    content = os.urandom(3 * MB)
    ref = await world.blobs.put(LOCAL_WORKSPACE, content)
    files = [
        {"name": "note", "text": "hä", "type": "text/plain"},
        {"name": "raw", "filename": "r.bin", "base64": "AAH/"},
        {"name": "big", "blob": {"hash": ref.hash, "size": ref.size, "type": "image/png",
                                 "name": "p.png"}},
    ]  # fmt: skip
    fields = {"title": "Report", "key": {"secret": "token"}}
    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        config = {"method": "POST", "url": server.url,
                  "multipart": {"fields": fields, "files": files}}  # fmt: skip
        report = await world.run(http.request, config)
    assert CANARY not in await world.everything_said(report)
    [visit] = server.visits
    assert "transfer-encoding" not in visit.headers
    assert parts_of(visit) == [
        ("title", None, "text/plain", b"Report"),
        ("key", None, "text/plain", CANARY.encode()),
        ("note", "note", "text/plain", "hä".encode()),
        ("raw", "r.bin", "application/octet-stream", b"\0\1\xff"),
        ("big", "p.png", "image/png", content),
    ]


async def test_names_in_a_form_cannot_break_it(world: World) -> None:
    """Quotes and line ends in names stay names; a part cannot be smuggled in [ND52]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(200)

    evil = 'a"; filename="x\r\nX-Evil: 1\r\n\r\n--'
    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        files = [{"name": evil, "filename": evil, "text": "1"},
                 {"name": "b", "text": "2", "blob": None}]  # fmt: skip
        for _ in range(2):
            config = {"method": "POST", "url": server.url,
                      "multipart": {"fields": {evil: "\r\n--x--"}, "files": files}}  # fmt: skip
            await world.output(http.request, config)
    assert len(parts_of(server.visits[0])) == 3
    assert b"\r\nX-Evil" not in server.visits[0].body
    boundaries = {visit.headers["content-type"] for visit in server.visits}
    assert len(boundaries) == 2, "a boundary that can be known can be forged"


@pytest.mark.parametrize("size", [5, 2_000])
async def test_a_payload_of_another_size_than_it_says_is_not_sent_as_whole(
    world: World, size: int
) -> None:
    """The message is broken off: no server takes it for complete [ND52]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(200)

    ref = await world.blobs.put(LOCAL_WORKSPACE, b"x" * 1_000)
    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        blob = {"hash": ref.hash, "size": size}
        config = {"method": "POST", "url": server.url, "blob": blob}
        error = await world.error(http.request, config)
        assert (error.kind, error.retryable) == ("invalid_request", False)
        await server.gone.wait()
    assert server.visits == []


async def test_a_payload_is_sent_as_it_is_and_again_after_a_redirect(world: World) -> None:
    """`blob` streams with its own type; 307 in the same origin sends it once more [ND52]."""

    async def answer(visit: Visit) -> None:
        if visit.line.startswith("PUT /first"):
            await visit.answer(307, b"", Location="/second")
        else:
            await visit.answer(201)

    content = os.urandom(MB)
    ref = await world.blobs.put(LOCAL_WORKSPACE, content)
    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        blob = {"hash": ref.hash, "size": ref.size, "type": "image/png"}
        config = {"method": "PUT", "url": f"{server.url}/first", "blob": blob}
        output = await world.output(http.request, config)
    assert output["status"] == 201
    assert [visit.body for visit in server.visits] == [content, content]
    assert server.visits[1].headers["content-type"] == "image/png"


async def test_a_body_can_go_to_the_blob_store(world: World, tmp_path: Path) -> None:
    """The output has a reference with type and name, and no text [ND54]."""
    in_folder(world, tmp_path)
    content = os.urandom(2 * MB)

    async def answer(visit: Visit) -> None:
        assert visit.headers["accept-encoding"] == "identity"
        disposition = 'attachment; filename="../../a;b.csv"'
        headers = {"Content_Disposition": disposition} if "named" in visit.line else {}
        await visit.answer(200, content, Content_Type="Text/CSV; charset=x", **headers)

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        output = await world.output(http.request, {"url": f"{server.url}/named", "save": "blob"})
        other = await world.output(http.request, {"url": f"{server.url}/d/r%20x", "save": "blob"})
    assert output["blob"] == {
        "hash": hashlib.sha256(content).hexdigest(), "size": len(content), "type": "text/csv",
        "name": "a;b.csv",
    }  # fmt: skip
    assert (output["body"], output["json"], output["items"]) == ("", None, None)
    assert other["blob"]["name"] == "r x"
    assert await stored(world, output) == content


@pytest.mark.slow
async def test_a_gigabyte_is_stored_without_being_held(world: World, tmp_path: Path) -> None:
    """Memory does not grow with the body; the limit still counts [ND54]."""
    in_folder(world, tmp_path)
    size = 1024 * MB
    piece = b"\0" * (4 * MB)

    async def answer(visit: Visit) -> None:
        await visit.send(f"HTTP/1.1 200 X\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // len(piece)):
            await visit.send(piece)

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        output = await world.output(
            http.request, {"url": server.url, "save": "blob"}, timeout_ms=300_000
        )
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert output["blob"]["size"] == size
    assert (after - before) * 1024 < 100 * MB


@pytest.mark.parametrize("how", ["announced", "endless", "bomb"])
async def test_what_is_too_large_for_the_store_leaves_nothing(
    world: World, tmp_path: Path, how: str
) -> None:
    """A body over the limit, announced or not or packed, is dropped as a whole [ND54]."""
    in_folder(world, tmp_path)
    bomb = gzip.compress(b"\0" * 300 * MB, 1)

    async def answer(visit: Visit) -> None:
        if how == "bomb":
            await visit.answer(200, bomb, Content_Encoding="gzip")
            return
        length = f"Content-Length: {10 * MB}\r\n" if how == "announced" else ""
        await visit.send(f"HTTP/1.1 200 X\r\n{length}Connection: close\r\n\r\n".encode())
        while True:
            await visit.send(b"x" * 65_536)

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        config = {"url": server.url, "save": "blob", "max_response_bytes": 2 * MB}
        error = await world.error(http.request, config)
        await close_node_types()
        await server.gone.wait()
    assert (error.kind, error.retryable) == ("response_too_large", False)
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf", "network"),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "network"),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "network"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 8\r\n\r\nno disk!", "http.500"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 90000000000\r\n\r\nno", "http.500"),
        (b"HTTP/1.1 200 X\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
         "invalid_response"),
    ],
)  # fmt: skip
async def test_half_a_body_is_never_a_payload(
    world: World, tmp_path: Path, sent: bytes, kind: str
) -> None:
    """What ends too early, is garbage, or is an error is not stored [ND54]."""
    in_folder(world, tmp_path)

    async def answer(visit: Visit) -> None:
        await visit.send(sent)
        visit.writer.close()

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        error = await world.error(http.request, {"url": server.url, "save": "blob"})
    assert error.kind == kind
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []


async def test_more_than_was_announced_is_not_read(world: World) -> None:
    """A length that is too short ends the body; the rest is no answer to another request [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 X\r\n"
                         b"Content-Length: 4\r\n\r\nevil")  # fmt: skip

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        for _ in range(3):
            assert (await world.output(http.request, {"url": server.url}))["body"] == "ok"


async def test_what_comes_unasked_over_a_kept_connection_is_no_answer(world: World) -> None:
    """A second answer that arrives late ends the connection, not the next request [ND20]."""
    first: list[Visit] = []

    async def answer(visit: Visit) -> None:
        first.append(visit)
        await visit.answer(200, b"ok")

    async with serve(answer) as server, serve(answer) as other:
        world.grants = Grants(hosts=(server.grant, other.grant))
        await world.output(http.request, {"url": server.url})
        await first[0].answer(200, b"evil")
        # What was sent is there when a later round trip over another connection is over.
        await world.output(http.request, {"url": other.url})
        assert (await world.output(http.request, {"url": server.url}))["body"] == "ok"
    assert len({id(visit.writer) for visit in server.visits}) == 2


@pytest.mark.parametrize(
    "lines",
    [
        [b"x%d: y" % number for number in range(10_000)],
        [b"X-A: y"] * (HEADERS_MAX + 1),
        [b"X-%d: " % number + b"y" * 8_000 for number in range(10)],
        [b"X-A: " + b"y" * (HEADERS_BYTES_MAX + 1)],
    ],
)
async def test_headers_are_bounded_in_number_and_size(world: World, lines: list[bytes]) -> None:
    """Ten thousand headers, or a huge one, end the exchange [ND55]."""

    async def answer(visit: Visit) -> None:
        await visit.send(b"\r\n".join([b"HTTP/1.1 200 X", *lines, b"Content-Length: 0", b"", b""]))

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        error = await world.error(http.request, {"url": server.url})
    assert error.kind in {"response_too_large", "network"}
    assert error.may_have_happened is True


async def test_many_headers_below_the_bounds_are_read(world: World) -> None:
    """The bounds are far above what real servers send [ND55]."""

    async def answer(visit: Visit) -> None:
        lines = [b"X-%d: y" % number for number in range(HEADERS_MAX - 1)]
        await visit.send(b"\r\n".join([b"HTTP/1.1 200 X", *lines, b"Content-Length: 0", b"", b""]))

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        output = await world.output(http.request, {"url": server.url})
    assert len(output["headers"]) == HEADERS_MAX


async def test_a_charset_that_takes_minutes_is_not_used(world: World) -> None:
    """`punycode` is no charset: 10 MB of it would take the engine away [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(200, b"a-" + b"9" * 9 * MB, Content_Type="text/plain; charset=punycode")

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        output = await world.output(http.request, {"url": server.url}, timeout_ms=20_000)
    assert output["body"].startswith("a-999")


@pytest.mark.parametrize(
    ("status", "retry_after", "pause_ms"),
    [(429, "7", 7_000), (503, "2", 2_000), (503, "soon", 0), (429, "²", 0), (500, "7", 0),
     (503, "Wed, 21 Oct 2026 07:28:30 GMT", 30_000)],
)  # fmt: skip
async def test_a_server_says_when_to_come_back(
    world: World, status: int, retry_after: str, pause_ms: int
) -> None:
    """Seconds, a date, or nonsense in Retry-After, over the wire [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(status, b"", Retry_After=retry_after,
                           Date="Wed, 21 Oct 2026 07:28:00 GMT")  # fmt: skip

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        error = await world.error(http.request, {"url": server.url})
    assert (error.kind, error.at_least_ms) == (f"http.{status}", pause_ms)


async def test_pages_come_from_a_real_server(world: World) -> None:
    """Link headers over the wire, auth on every page, a redirect in between [ND53, ND51]."""

    async def answer(visit: Visit) -> None:
        place = visit.line.split()[1]
        number = int(place.rpartition("=")[2]) if "=" in place else 1
        if place.startswith("/moved"):
            await visit.answer(302, b"", Location=f"/list?p={number}")
            return
        link = {"Link": f'</moved?p={number + 1}>; rel="next"'} if number < 3 else {}
        await visit.answer(200, json.dumps([number]).encode(), **link)

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        config = {"url": f"{server.url}/list", "auth": {"bearer": {"secret": "token"}},
                  "pages": {"next": "link_header"}}  # fmt: skip
        output = await world.output(http.request, config)
    assert (output["items"], output["pages"]) == ([1, 2, 3], 3)
    assert len(server.visits) == 5
    assert all("authorization" in visit.headers for visit in server.visits)


async def test_a_webhook_is_told_over_the_wire(world: World) -> None:
    """A 2xx is enough, whatever its body; a lost connection leaves it open [ND57, AT11]."""

    async def answer(visit: Visit) -> None:
        if "lost" in visit.line:
            visit.abort()
            return
        await visit.send(b"HTTP/1.1 202 X\r\nContent-Length: 99999999999\r\n\r\nhalf")

    async with serve(answer) as server:
        world.grants = Grants(hosts=(server.grant,))
        config = {"url": server.url, "payload": [1], "key": {"secret": "token"}}
        assert (await world.output(webhook.webhook, config))["status"] == 202
        error = await world.error(webhook.webhook, {**config, "url": server.url + "/lost"})
    assert (error.kind, error.may_have_happened) == ("network", True)
    assert server.visits[0].headers["legato-signature"].startswith("v1=")
    world.grants = Grants()
    error = await world.error(webhook.webhook, config)
    assert (error.kind, error.may_have_happened) == ("address_refused", False)

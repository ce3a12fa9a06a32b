# SPDX-License-Identifier: Apache-2.0
"""How tests send files to a server: as a form of a client, or byte by byte on a raw connection."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.integration.api.serving import PATIENCE_S, PLAIN, Raw
from tests.integration.api.visitor import Visitor

BOUNDARY: Final = "boundary-of-the-test"
TYPE: Final = f"multipart/form-data; boundary={BOUNDARY}"
END: Final = f"\r\n--{BOUNDARY}--\r\n".encode()
PIECE: Final = 65_536


def head(name: str = "a.txt", kind: str | None = "text/plain", part: str = "file") -> bytes:
    """Return what stands before the bytes of a part."""
    lines = [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{part}"; filename="{name}"']
    lines += [] if kind is None else [f"Content-Type: {kind}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def form(content: bytes, **how: Any) -> bytes:
    """Return a body with one file."""
    return head(**how) + content + END


def pieces(size: int) -> Iterator[bytes]:
    """Yield a body with one file of so many bytes, without having it."""
    yield head()
    for at in range(0, size, PIECE):
        yield b"x" * min(PIECE, size - at)
    yield END


def send(by: Visitor, body: Any, path: str = "/files", **headers: str) -> httpx2.Response:
    """Upload a body as it is; one that is no bytes is sent in chunks."""
    found = {"Authorization": f"Bearer {by.access}", "Content-Type": TYPE}
    found |= {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{by.serving.url}/api/v1{path}"
    return httpx2.post(url, content=body, headers=found, timeout=PATIENCE_S, verify=PLAIN)


def upload(by: Visitor, content: bytes = b"text", **how: Any) -> dict[str, Any]:
    """Upload a file, which must succeed."""
    answer = send(by, form(content, **how))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def raw_upload(by: Visitor, length: int | None, *, path: str = "/files") -> Raw:
    """Begin an upload on a connection of its own; a length of None: in chunks."""
    lines = [
        f"POST /api/v1{path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {by.access}",
        f"Content-Type: {TYPE}",
        "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}",
    ]
    return by.serving.raw().send("\r\n".join(lines).encode() + b"\r\n\r\n")


def stored(home: Path) -> list[str]:
    """Return every file below the folder of payloads."""
    folder = home / "blobs"
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())

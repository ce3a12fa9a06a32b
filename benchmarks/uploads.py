# SPDX-License-Identifier: Apache-2.0
"""How much memory a server needs for an upload, beyond what it needs anyway.

    python -m benchmarks.uploads [--mb 60] [--rounds 5]

A fresh `legato serve` takes one small file first, so that what every first upload loads is there,
then so many large ones. Its resident memory, the peak over all its processes, is looked at all the
time; what counts is by how much the peak is above what it had when the first large one began.
"""

import argparse
import hashlib
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks import api_site
from benchmarks.process import MemoryWatch, resident_mb, tree

SIZE_MB: Final = 60
ROUNDS: Final = 5
GROWTH_MB_MAX: Final = 20.0
MB: Final = 1_048_576
PIECE: Final = 64 * 1024
BOUNDARY: Final = "boundary-of-the-benchmark"
PATIENCE_S: Final = 120


def measure(server: api_site.Server, token: str, *, size_mb: int, rounds: int) -> dict[str, float]:
    """Upload files and return the figures of the server's memory and speed.

    Args:
        server: That runs.
        token: Of somebody who may upload.
        size_mb: Of each file.
        rounds: How many.

    Raises:
        api_site.ServerFailedError: An upload was not stored as it was sent.
    """
    _upload(server, token, MB)
    time.sleep(0.5)
    before = sum(map(resident_mb, tree(server.process.pid)))
    watch = MemoryWatch(server.process.pid)
    began = time.perf_counter()
    with watch:
        for _ in range(rounds):
            _upload(server, token, size_mb * MB)
    took_s = time.perf_counter() - began
    return {
        "value": watch.peak_mb - before,
        "before_mb": before,
        "peak_mb": watch.peak_mb,
        "mb_per_s": size_mb * rounds / took_s,
        "uploads": float(rounds),
    }


def _upload(server: api_site.Server, token: str, size: int) -> None:
    digest = hashlib.sha256()
    head = (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
        'name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
    ).encode()
    end = f"\r\n--{BOUNDARY}--\r\n".encode()

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(size // PIECE):
            piece = os.urandom(PIECE)
            digest.update(piece)
            yield piece
        yield end

    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=PATIENCE_S, blocksize=PIECE
    )
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(head) + size // PIECE * PIECE + len(end)),
    }
    try:
        connection.request("POST", "/api/v1/files", body=body(), headers=headers)
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status != 201 or found["sha256"] != digest.hexdigest():
        raise api_site.ServerFailedError(f"an upload was answered with {answer.status}")


def main() -> int:
    """Measure on a fresh SQLite home; 1 if it took too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uploads", description=__doc__)
    parser.add_argument("--mb", type=int, default=SIZE_MB)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = api_site.Place(Path(folder), f"sqlite:///{folder}/legato.db")
        with api_site.legato(["serve"], place) as server:
            (token,) = api_site.make_people(place, server, 1, role="operator")
            found = measure(server, token, size_mb=options.mb, rounds=options.rounds)
    sys.stdout.write(json.dumps({name: round(each, 1) for name, each in found.items()}) + "\n")
    return 0 if found["value"] < GROWTH_MB_MAX else 1


if __name__ == "__main__":
    raise SystemExit(main())

# SPDX-License-Identifier: Apache-2.0
"""Something for the samples to work on: made-up data, a small service, a home that may reach both.

    python3 examples/playground.py /tmp/playground

It makes the folder, writes what the samples need, serves on this computer alone until Ctrl-C, and
prints the commands to type in a second terminal. Started again on the same folder it goes on with
what is there. Needs Python alone.
"""

import argparse
import contextlib
import json
import os
import secrets
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SERVICES = ("billing", "mail", "search", "shop")
TROUBLES = (
    ("ERROR", "billing", "card processor timed out"),
    ("WARN", "shop", "cart of a signed-out visitor dropped"),
    ("ERROR", "mail", "mailbox full | customer 1141"),
    ("WARN", "search", "index is 30 s behind"),
    ("ERROR", "billing", "card processor timed out"),
)
DAY_S = 24 * 3600


def write_log(file: Path) -> None:
    """Write 200 lines of a log, every fifth of which is trouble."""
    lines = []
    for number in range(200):
        at = f"2027-03-01T09:{number // 60:02}:{number % 60:02}Z"
        if number % 5 == 4:
            level, service, message = TROUBLES[number // 5 % len(TROUBLES)]
        else:
            level, service, message = "INFO", SERVICES[number % 4], f"request {number} answered"
        lines.append(f"{at} {level} {service} {message}\n")
    file.write_text("".join(lines), encoding="utf-8")


def fill_inbox(folder: Path) -> None:
    """Write a folder as people have them: everything in one place."""
    names = {"invoice-17.pdf": 3, "invoice-18.pdf": 40, "beach.jpg": 200, "team.png": 5,
             "customers.csv": 1, "notes.txt": 700, "list.txt": 0}  # fmt: skip
    for name, days in names.items():
        file = folder / name
        file.write_text(f"{name}\n", encoding="utf-8")
        then = time.time() - days * DAY_S
        os.utime(file, (then, then))


def make_shop(file: Path) -> None:
    """Make a database of orders."""
    with contextlib.closing(sqlite3.connect(file)) as shop, shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, day TEXT, amount REAL)")
        shop.executemany(
            "INSERT INTO orders (day, amount) VALUES (?, ?)",
            [(f"2027-03-{1 + number % 14:02}", 20 + number % 9 * 7) for number in range(90)],
        )


def make_triage(file: Path) -> None:
    """Make the table that the triage of logs writes into."""
    with contextlib.closing(sqlite3.connect(file)) as triage, triage:
        triage.execute(
            "CREATE TABLE findings (at TEXT, level TEXT, service TEXT, message TEXT,"
            " UNIQUE (at, service, message))"
        )


def settings(folder: Path, port: int) -> str:
    """Return what the operator of this home allows."""
    return f"""\
# Everything that the samples may touch, and nothing else.
[grants.shell]
programs = ["git"]

[grants.files]
roots = ["{folder}/files"]

[grants.sql.connections.shop]
url = "sqlite:///{folder}/shop.db"

[grants.sql.connections.triage]
url = "sqlite:///{folder}/triage.db"
write = true

[grants.http]
allow_private = ["127.0.0.1:{port}"]
"""


def make(folder: Path, port: int) -> None:
    """Write what is not there yet, and the settings, which name the port."""
    home, files = folder / "home", folder / "files"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "legato.toml").write_text(settings(folder, port), encoding="utf-8")
    for name, fill in (("logs", lambda f: write_log(f / "app.log")), ("inbox", fill_inbox)):
        if not (files / name).exists():
            (files / name).mkdir(parents=True)
            fill(files / name)
    for name, make_database in (("shop.db", make_shop), ("triage.db", make_triage)):
        if not (folder / name).exists():
            make_database(folder / name)


class Service(ThreadingHTTPServer):
    """The pages that site-check asks for, and the exports of export-data."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        """Listen on this computer alone."""
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.asked: dict[str, int] = {}  # by path
        self.orders: dict[str, str] = {}  # by Idempotency-Key: a repetition orders nothing

    def count(self, path: str) -> int:
        """Return how often a path was asked for, this time included."""
        with self.lock:
            self.asked[path] = self.asked.get(path, 0) + 1
            return self.asked[path]

    def order(self, key: str) -> str:
        """Return the export of a key; the same key is the same export."""
        with self.lock:
            return self.orders.setdefault(key, secrets.token_hex(4))


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Service
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer by path: well, gone, sometimes busy, or the state of an export."""
        kind, _, name = self.path.strip("/").partition("/")
        count = self.server.count(self.path)
        if kind == "well":
            self.answer(200, {"page": name})
        elif kind == "busy":  # every third request gets through
            self.answer(503 if count % 3 else 200, {"page": name})
        elif kind == "down":
            self.answer(500, {"error": "down"})
        elif kind == "exports" and name.endswith(".csv"):
            self.answer(200, "id,name,orders\n1,Ann,3\n2,Bob,1\n3,Cleo,8\n", "text/csv")
        elif kind == "exports" and name in self.server.orders.values():
            done = count >= 4
            self.answer(200, {"state": "done" if done else "running", "looks": count,
                              "result": f"/exports/{name}.csv" if done else None})  # fmt: skip
        else:
            self.answer(404, {"error": "there is no such page"})

    def do_POST(self) -> None:
        """Take the order of an export."""
        self.rfile.read(min(int(self.headers.get("content-length") or 0), 65_536))
        if self.path != "/exports":
            self.answer(404, {"error": "there is no such page"})
            return
        key = self.headers.get("idempotency-key") or secrets.token_hex(8)
        self.answer(202, {"id": self.server.order(key)})

    def answer(self, status: int, body: object, kind: str = "application/json") -> None:
        """Send an answer."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing: this is no log that anybody reads."""


def commands(folder: Path, port: int) -> str:
    """Return what to type."""
    here = f"http://127.0.0.1:{port}"
    urls = json.dumps([f"{here}/well/a", f"{here}/busy/b", f"{here}/gone", f"{here}/down/c"])
    return f"""\
export LEGATO_HOME={folder}/home
legato run examples/repo-report.yaml --input path=. --input output=repo.html
legato run examples/sales-report.yaml
legato run examples/log-triage.yaml
legato run examples/folder-organiser.yaml
legato run examples/site-check.yaml --input 'urls={urls}'
legato run examples/export-data.yaml --input service={here}
"""


def main() -> None:
    """Make the folder, serve, and say how to go on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="made if it is not there")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one (8765)")
    options = parser.parse_args()
    folder = options.folder.resolve()
    try:
        service = Service(options.port)
    except OSError as error:
        parser.error(
            f"port {options.port} cannot be used ({error.strerror}): give another by --port"
        )
    port = service.server_address[1]
    make(folder, port)
    print(f"# Serving on http://127.0.0.1:{port} until Ctrl-C. In a second terminal:")
    print(commands(folder, port), flush=True)
    with service, contextlib.suppress(KeyboardInterrupt):
        service.serve_forever()


if __name__ == "__main__":
    main()

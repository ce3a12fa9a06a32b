# SPDX-License-Identifier: Apache-2.0
"""Which process trees an engine has started, kept in a file so that another can end them.

A keeper ends its tree when its engine dies, so normally nothing is left; this is for the case in
which the keeper was killed too. A process id alone proves nothing, it may have been given to
somebody else: it counts only with the same boot and start time, and a member of a group whose
leader is gone only with the scratch folder of that attempt as its HOME.

Rules: OW7, ND9.
"""

import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_COMPACT_AFTER: Final = 500
"""Lines appended before the file is written anew with the living only."""
_KILL_WAIT_MS: Final = 2_000
_START_FIELD: Final = 19
"""Start time in `/proc/PID/stat`, counted after the name (field 22, proc(5))."""
_SESSION_FIELD: Final = 3
_PARENT_FIELD: Final = 1


class PidFile:
    """The trees that this engine has running; one line of JSON each."""

    def __init__(self, path: Path) -> None:
        """Args: path is `home/engines/<engine>.pids`; made on first use."""
        self._path = path
        self._living: dict[int, bytes] = {}
        self._appended = 0

    def add(self, pid: int, group: int, home: Path) -> None:
        """Note a keeper, its program's group (0: not known yet) and the scratch folder."""
        stat = _stat(pid)
        if stat is None:
            return  # it is over already, or this is not Linux
        record = {
            "pid": pid, "start": int(stat[_START_FIELD]), "group": group, "home": str(home),
            "boot": _boot(),
        }  # fmt: skip
        line = json.dumps(record).encode() + b"\n"
        self._living[pid] = line
        self._appended += 1
        if self._appended > _COMPACT_AFTER:
            self._write_living()
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def discard(self, pid: int) -> None:
        """Forget a tree that has ended; its line stays until the file is written anew."""
        self._living.pop(pid, None)

    def remove(self) -> None:
        """Delete the file: everything has ended."""
        self._path.unlink(missing_ok=True)

    def _write_living(self) -> None:
        self._appended = 0
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(b"".join(self._living.values()))
        fresh.replace(self._path)


def kill_leftovers(path: Path) -> int:
    """Kill what a dead engine left running, and delete its file.

    Args:
        path: The dead engine's `.pids` file; it may be missing.

    Returns:
        How many processes were killed. They are gone when this returns (within 2 s).
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return 0
    victims: dict[int, None] = {}
    if sys.platform == "linux":
        processes = _processes()
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                victims.update(dict.fromkeys(_tree(json.loads(line), processes)))
    waited_for = [_kill(pid) for pid in victims]
    for pidfd in waited_for:
        if pidfd is not None:
            select.select([pidfd], [], [], _KILL_WAIT_MS / 1000)
            os.close(pidfd)
    path.unlink(missing_ok=True)
    return len(victims)


def _tree(record: dict[str, Any], processes: dict[int, list[bytes]]) -> list[int]:
    """Return the processes of one record that are certainly ours."""
    if record["boot"] != _boot():
        return []
    pid, group = int(record["pid"]), int(record["group"])
    found: list[int] = []
    stat = processes.get(pid)
    if stat is not None and int(stat[_START_FIELD]) == int(record["start"]):
        found.append(pid)
    for each in found:  # grows while it is walked: the whole tree below
        found.extend(
            child for child, fields in processes.items() if int(fields[_PARENT_FIELD]) == each
        )
    home = os.fsencode(f"HOME={record['home']}")
    for each, fields in processes.items():
        if (
            group
            and int(fields[_SESSION_FIELD]) == group
            and each not in found
            and _has_env(each, home)
        ):
            found.append(each)
    return [each for each in found if each not in {os.getpid(), 0, 1}]


def _kill(pid: int) -> int | None:
    """Kill a process and return a descriptor that becomes readable when it is gone."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    with suppress(OSError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    return pidfd


def _processes() -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for entry in os.listdir("/proc"):
        stat = _stat(int(entry)) if entry.isdigit() else None
        if stat is not None and stat[0] not in {b"Z", b"X"}:
            found[int(entry)] = stat
    return found


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of `/proc/PID/stat` after the name, or None."""
    try:
        data = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return data.rpartition(b")")[2].split()


def _has_env(pid: int, line: bytes) -> bool:
    try:
        return line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""

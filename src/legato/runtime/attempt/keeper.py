# SPDX-License-Identifier: Apache-2.0
"""A small process that stands between the engine and one program, and ends all of its tree.

Run as a script by `processes.Launcher`, with nothing of Legato imported: it starts in about
10 ms. Where programs follow each other a nursery, the same script, forks it in 1 ms. It is the
sub-reaper of the program (Linux), so that also a descendant that began its own session is found
and ended. The engine holds the other end of the control pipe: when the engine dies, however it
dies, the pipe closes and everything here is killed.

Why not `preexec_fn`: it runs Python in a fork of a process with threads, which may lock up.

Control pipe, from the engine: `T` = ask the tree to end (SIGTERM); end of file = kill it.
Status pipe, to the engine, by line: `starting`, then `failed ERRNO`, or `started PID` and
`exited CODE` (-n: signal n). Without a last word the keeper was killed and nobody knows.

Rules: ND9, ND14, OW7.
"""

import ctypes
import errno
import os
import resource
import select
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGKILL = 9
SIGPIPE = 13
SIGTERM = 15
SIGXFSZ = 25
WATCH_MS = 1_000
KILL_ROUNDS_MAX = 150
KILL_ROUND_MS = 10
IS_LINUX = sys.platform == "linux"

LIBC = ctypes.CDLL(None, use_errno=True)
ENDED: "dict[int, int]" = {}
"""Exit code of the program, once it has ended."""


class Spec:
    """What to start: read from a file, fields end with NUL (none can hold one)."""

    def __init__(self, data: bytes) -> None:
        """Take the fields in the order `processes.encode_spec` writes them."""
        fields = iter(data.split(b"\0"))
        self.program = next(fields)
        self.folder = next(fields)
        self.sandbox_name = next(fields)
        self.limits = [next(fields) for _ in range(int(next(fields)))]
        pairs = [next(fields) for _ in range(int(next(fields)))]
        self.env = dict(pair.split(b"=", 1) for pair in pairs)
        self.argv = [next(fields) for _ in range(int(next(fields)))]


def main(spec_file: int, control: int, status: int) -> None:
    """Start the program, watch it and the engine, and leave nothing behind."""
    spec = Spec(read_all(spec_file))
    if IS_LINUX:
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    engine = os.getppid()
    os.write(status, b"starting\n")
    pid, error = start(spec)
    if error:
        os.write(status, b"failed %d\n" % error)
        return
    os.write(status, b"started %d\n" % pid)
    let_go_of_output()
    code = watch(pid, control, engine, spec.sandbox_name)
    kill_tree(pid)
    os.write(status, b"exited %d\n" % code)


def serve(line: int) -> None:
    """Fork a keeper for each order, until the engine is gone.

    An order is a message of one byte with six descriptors: the three streams of the program, its
    spec, control and status pipe. The answer is the keeper's process id with a descriptor of it.
    The first message, one byte alone, says that orders can come.
    """
    import socket  # noqa: PLC0415 - a keeper that is started by itself has no use for it

    engine = os.getppid()
    orders = socket.socket(fileno=line)
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    orders.send(b"R")
    while os.getppid() == engine:
        if poll.poll(WATCH_MS):
            order, files, _, _ = socket.recv_fds(orders, 1, 6)
            if not order:
                return
            pid = os.fork()
            if pid == 0:
                keep(orders.detach(), files)
            with open(os.pidfd_open(pid), "rb", buffering=0) as process:
                for each in files:
                    os.close(each)
                socket.send_fds(orders, [b"%d" % pid], [process.fileno()])
        collect()


def keep(line: int, files: "list[int]") -> None:
    """Be the keeper of one order, and end."""
    try:
        os.close(line)
        os.setsid()
        for stream in (0, 1, 2):
            os.dup2(files[stream], stream)
            os.close(files[stream])
        main(*files[3:6])
    finally:
        os._exit(0)


def collect() -> None:
    """Take note of the keepers that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def start(spec: Spec) -> tuple[int, int]:
    """Return the program's process id, or 0 and why it could not start."""
    errors, tell = os.pipe()
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            become(spec, keeper, tell)
        except OSError as error:
            os.write(tell, b"%d" % (error.errno or 1))
        finally:
            os._exit(127)
    os.close(tell)
    said = os.read(errors, 16)
    os.close(errors)
    if said:
        os.waitpid(pid, 0)
        return 0, int(said)
    return pid, 0


def become(spec: Spec, keeper: int, tell: int) -> None:
    """Turn this fork into the program: own session, limits, no descriptors but 0, 1, 2."""
    os.setsid()
    if IS_LINUX:
        LIBC.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(127)
    for line in spec.limits:
        name, value = line.decode().split(":")
        lower(getattr(resource, "RLIMIT_" + name), int(value))
    for ignored_by_python in (SIGPIPE, SIGXFSZ):
        LIBC.signal(ignored_by_python, None)
    os.umask(0o022)
    os.chdir(spec.folder)
    if os.getcwdb() != spec.folder:
        raise OSError(errno.ELOOP, "a link was put into the path after it was checked")
    os.closerange(3, tell)
    os.closerange(tell + 1, 65_536)
    os.execve(spec.program, spec.argv, spec.env)  # noqa: S606 - that is the point of it


def lower(kind: int, value: int) -> None:
    """Set a limit, never above what is allowed already."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def watch(pid: int, control: int, engine: int, sandbox_name: bytes) -> int:
    """Wait for the program's end or for the engine's word; return the exit code."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    interval_ms = 20
    if hasattr(os, "pidfd_open"):
        poll.register(os.pidfd_open(pid), select.POLLIN)
        interval_ms = WATCH_MS
    while True:
        events = poll.poll(interval_ms)
        reap(pid)
        if pid in ENDED:
            return ENDED[pid]
        if os.getppid() != engine:
            break  # the pipe may live on in a process that the engine forked
        if any(each == control for each, _ in events):
            if not os.read(control, 16):
                break
            ask_to_end(pid, sandbox_name)
    kill_tree(pid)
    return ENDED.get(pid, -SIGKILL)


def reap(pid: int) -> bool:
    """Collect ended children, adopted ones too; return whether any child is left.

    As the sub-reaper this process has a child as long as its tree has any process at all.
    """
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if ended == 0:
            return True
        if ended == pid:
            ENDED[pid] = os.waitstatus_to_exitcode(status)


def ask_to_end(pid: int, sandbox_name: bytes) -> None:
    """Send SIGTERM to the tree; the sandbox itself is spared, it would kill without asking."""
    tree = descendants()
    if not tree:
        send(-pid, SIGTERM)
    for each, name in tree.items():
        if not sandbox_name or name != sandbox_name:
            send(each, SIGTERM)


def kill_tree(pid: int) -> None:
    """Kill every descendant, again until none is left."""
    for _ in range(KILL_ROUNDS_MAX):
        if not reap(pid) and IS_LINUX:
            return
        send(-pid, SIGKILL)
        tree = descendants()
        for each in tree:
            send(each, SIGKILL)
        if not tree and not IS_LINUX:
            return
        select.select([], [], [], KILL_ROUND_MS / 1000)


def send(target: int, signal: int) -> None:
    """Send a signal to a process, or to a group (-n), that may be gone already."""
    try:
        os.kill(target, signal)
    except OSError:
        return


def descendants() -> "dict[int, bytes]":
    """Return the living processes below this one, with their names (Linux; elsewhere none)."""
    if not IS_LINUX:
        return {}
    children: dict[int, list[int]] = {}
    names: dict[int, bytes] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/" + entry + "/stat", "rb") as file:
                stat = file.read()
        except OSError:
            continue
        name, _, rest = stat.partition(b"(")[2].rpartition(b")")
        state, parent = rest.split()[:2]
        names[int(entry)] = b"" if state in b"ZX" else name
        children.setdefault(int(parent), []).append(int(entry))
    found: dict[int, bytes] = {}
    waiting = list(children.get(os.getpid(), ()))
    while waiting:
        pid = waiting.pop()
        waiting.extend(children.get(pid, ()))
        if names[pid]:
            found[pid] = names[pid]
    return found


def let_go_of_output() -> None:
    """Close what belongs to the program, so that its pipes end when it does."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(nothing, each)


def read_all(file: int) -> bytes:
    """Read a file from its beginning."""
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 1 << 20):
        parts.append(part)
    os.close(file)
    return b"".join(parts)


if __name__ == "__main__":
    if sys.argv[1] == "nursery":
        serve(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:4]))
    os._exit(0)  # the engine waits for this end: nothing is left to tidy up

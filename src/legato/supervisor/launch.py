# SPDX-License-Identifier: Apache-2.0
"""Become a child's program, so that it ends with the supervisor.

Run as a script by `child.Child`, with nothing of Legato imported: `launch.py SUPERVISOR PROGRAM
[ARGUMENT...]`. On Linux the kernel kills the program when the supervisor dies, also a program that
does not look at its pipe. Not `preexec_fn`: that runs Python in a fork of a process with threads.

Rules: SU7.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
NOT_STARTED = 127


def main(supervisor: int, argv: "list[str]") -> None:
    """Bind this process to the supervisor and become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(NOT_STARTED)  # it died before the kernel was told
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - that is the point of it
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error.strerror}\n")
        os._exit(NOT_STARTED)


main(int(sys.argv[1]), sys.argv[2:])

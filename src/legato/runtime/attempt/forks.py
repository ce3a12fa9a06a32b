# SPDX-License-Identifier: Apache-2.0
"""A node that forks: its copy of the engine must never act as one.

A copy ends with whoever made it, and ends at once when it comes back from the node's code. Programs
that nodes start are not copies: they are other programs from their first instruction on.

Rules: ND9.
"""

import contextlib
import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Process:
    """What this process knows of itself."""

    is_watched = False
    is_copy = False


def watch() -> None:
    """Have copies of this process know that they are copies; a second call changes nothing."""
    if not _Process.is_watched:
        _Process.is_watched = True
        os.register_at_fork(after_in_child=_begin_as_copy)


def end_copy() -> None:
    """End this process if it is a copy: what comes next is the engine's business alone."""
    if _Process.is_copy:
        os._exit(0)


def _begin_as_copy() -> None:
    _Process.is_copy = True
    with contextlib.suppress(AttributeError):  # Linux has it; elsewhere a stuck copy stays
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

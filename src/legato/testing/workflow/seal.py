# SPDX-License-Identifier: Apache-2.0
"""Seals a process: no connection leaves it, whatever a node tries.

HTTP nodes are answered from recorded exchanges before they get here, and programs need a grant.
This is for everything else: a node of another package with a client of its own. Rules: TK11.
"""

import sys
from typing import Any, Final

_REFUSED: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKUPS: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def seal() -> None:
    """Refuse every connection from now on; there is no way back within this process."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _REFUSED:
        address = arguments[1] if len(arguments) > 1 else None
        if isinstance(address, tuple):  # a path names a socket of this machine
            raise PermissionError(f"a test connects to nothing: {address[0]}; pin the node")
    elif event in _LOOKUPS and arguments[0] not in _LOCAL and arguments[0] is not None:
        raise PermissionError(f"a test looks nothing up: {arguments[0]}; pin the node")

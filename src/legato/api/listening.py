# SPDX-License-Identifier: Apache-2.0
"""A socket bound to a host and port; loads nothing of the server. Rules: HT24."""

import socket


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and does not listen.

    Raises:
        OSError: The port is taken, or the host is none of this machine.
    """
    (found, *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, number, _, address = found
    made = socket.socket(family, kind, number)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def url_of(listening: socket.socket, host: str, *, is_tls: bool = False) -> str:
    """Return where a bound socket is reached.

    Args:
        listening: Knows its port.
        host: As the settings name it.
        is_tls: TLS is spoken there.
    """
    scheme, port = "https" if is_tls else "http", listening.getsockname()[1]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

"""Ports on loopback, which every process of the machine draws from at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_port() -> Iterator[int]:
    """
    Have a port that refuses every connection, and that nobody else is given meanwhile.

    One that was free a moment ago may be another test's server by now. A server that reuses
    addresses, as asyncio's do, may listen on it all the same.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]

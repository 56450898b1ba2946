"""A service manager's socket: what is sent to it, as `sd_notify(3)` has it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .patience import PATIENCE_S


class NotifySocket:
    """Receives what a service sends; its `address` is what `NOTIFY_SOCKET` says."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE_S)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    def receive(self) -> dict[str, str]:
        """Wait for the next message; its values by their names."""
        lines = self._socket.recv(65_536).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def receive_until(self, name: str) -> dict[str, str]:
        """Wait for the next message that says something; others are passed."""
        while name not in (message := self.receive()):
            pass
        return message

    @property
    def is_silent(self) -> bool:
        """Whether nothing has come that was not received."""
        self._socket.setblocking(False)
        try:
            return not self._socket.recv(65_536)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_S)

    def close(self) -> None:
        """Close it; nobody takes messages any more."""
        self._socket.close()


@contextmanager
def notify_socket(address: Path | str) -> Iterator[NotifySocket]:
    """Listen at a path, or at ``@`` and the name of an abstract socket."""
    listening = NotifySocket(str(address))
    try:
        yield listening
    finally:
        listening.close()

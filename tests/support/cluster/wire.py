"""What one process reaches a database's socket by, and what can be cut."""

from __future__ import annotations

import selectors
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from attrs import define, field

_NAME: Final = ".s.PGSQL.5432"
_CHUNK: Final = 65_536


@define(eq=False)
class Wire:
    """
    A socket that passes everything on to a database's.

    Attributes:
        folder: Where it is; the host of the address.
    """

    folder: Path
    _find_server: Callable[[], Path]
    _open: set[socket.socket] = field(factory=set)
    _is_cut: bool = False
    _lock: threading.Lock = field(factory=threading.Lock)

    def cut(self) -> None:
        """End all connections, and refuse each new one."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let it be as before."""
        self._is_cut = False

    def serve(self, listening: socket.socket) -> None:
        """Take connections until the socket is closed."""
        while True:
            try:
                end, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(end,), daemon=True).start()

    def _pass_on(self, end: socket.socket) -> None:
        with end, socket.socket(socket.AF_UNIX) as other, suppress(OSError):
            with self._lock:
                if self._is_cut:
                    return
                other.connect(str(self._find_server() / _NAME))
                self._open |= {end, other}
            try:
                _relay(end, other)
            finally:
                with self._lock:
                    self._open -= {end, other}


def _relay(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                source: socket.socket = key.fileobj  # type: ignore[assignment]
                found = source.recv(_CHUNK)
                if not found:
                    return
                key.data.sendall(found)


@contextmanager
def open_wire(find_server: Callable[[], Path]) -> Iterator[Wire]:
    """
    Have a wire to a database.

    Args:
        find_server: Says in which folder its socket is.
    """
    with tempfile.TemporaryDirectory(prefix="wire-", dir="/tmp") as folder:
        wire = Wire(Path(folder), find_server)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(wire.folder / _NAME))
            listening.listen(64)
            thread = threading.Thread(target=wire.serve, args=(listening,), daemon=True)
            thread.start()
            yield wire
            listening.shutdown(socket.SHUT_RDWR)
            wire.cut()
            thread.join()

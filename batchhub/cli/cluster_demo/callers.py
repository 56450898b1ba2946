"""Which process a request on loopback came from: as the system knows it, not as anybody says."""

from __future__ import annotations

from asyncio import BaseTransport
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TABLES: Final = ("net/tcp", "net/tcp6")
_LOCAL, _INODE = 1, 9
"""Columns of the system's table of connections."""


def can_tell_callers() -> bool:
    """Whether this system says which process has a connection; Linux does."""
    return (_PROC / _TABLES[0]).is_file()


class Callers:
    """
    Finds the process at the other end of a connection, among those that are known.

    Attributes:
        pids: The processes.
    """

    def __init__(self) -> None:
        self.pids: list[int] = []
        # Held, so that no later connection is taken for one of them.
        self._found: dict[BaseTransport, int] = {}

    def find(self, connection: BaseTransport | None) -> int | None:
        """Return the id of the process that made a connection; `None` if it is none of them."""
        if connection is None:
            return None
        found = self._found.get(connection)
        if found is None:
            peer = connection.get_extra_info("peername")
            found = None if peer is None else self._look_up(peer[1])
            if found is not None:
                self._found[connection] = found
        return found

    def _look_up(self, port: int) -> int | None:
        sockets = {f"socket:[{inode}]" for inode in _find_inodes(port)}
        return next((pid for pid in self.pids if not sockets.isdisjoint(_list_files(pid))), None)


def _find_inodes(port: int) -> Iterator[str]:
    ending = f":{port:04X}"
    for name in _TABLES:
        with suppress(OSError):
            for line in (_PROC / name).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[_LOCAL].endswith(ending):
                    yield columns[_INODE]


def _list_files(pid: int) -> Iterator[str]:
    with suppress(OSError):  # it has ended
        for path in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                yield str(path.readlink())

"""A download, as adapters get it: lines, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

from .reply import Reply

if TYPE_CHECKING:
    from .spool import Spool  # aiohttp is slow to import


class Download:
    """
    A whole answer, on disk. Iterate it for its lines; each iteration begins anew.

    A line is bytes, without its line end and with the account's secrets blanked.
    """

    def __init__(
        self, reply: Reply, spool: Spool, lines: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        self._reply = reply
        self._spool = spool
        self._lines = lines

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers; names are not case-sensitive."""
        return self._reply.headers

    @property
    def size_bytes(self) -> int:
        """How large it is, decompressed."""
        return self._spool.size_bytes

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read the lines, from the first one on."""
        return self._lines()

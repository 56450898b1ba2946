"""A download, as adapters get it: lines or parts of JSON, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from .reply import Reply

if TYPE_CHECKING:
    from .spool import Spool  # aiohttp is slow to import


class Download:
    """
    A whole answer, on disk. Iterate it for its lines; each iteration begins anew.

    A line is bytes, without its line end and with the account's secrets blanked.
    """

    def __init__(
        self,
        reply: Reply,
        spool: Spool,
        lines: Callable[[], AsyncIterator[bytes]],
        parts: Callable[[Mapping[str, Any]], AsyncIterator[Any]],
    ) -> None:
        self._reply = reply
        self._spool = spool
        self._lines = lines
        self._parts = parts

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

    def parts(self, places: Mapping[str, Any]) -> AsyncIterator[Any]:
        """
        Read it as one JSON document of any size, of which a part at a time is in memory.

        As ``async for part in download.parts({"summary": Summary, "issues.item": Issue}): …``.
        Broken text is repaired, and the account's secrets are blanked.

        Args:
            places: Where the parts are that are needed, and their types, such as a
                `msgspec.Struct` or ``dict``. A place is names from the outside to the inside, and
                ``item`` for each element of a list.

        Yields:
            What is there, in the document's order at each place.

        Raises:
            ReplyError: It is no JSON, not complete, or a part is not of its type. What came before
                may have been yielded.
            ReplyTooLargeError: A part is larger than a line may be.
        """
        return self._parts(places)

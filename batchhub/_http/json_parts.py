"""Parts of a JSON document of any size, read from pieces of it as they come."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Final

from .body import BodyBrokenError

_DEEPEST: Final = 500
"""How deep a document may be nested; in a deeper one each level costs more than the one before."""


class PartTooLargeError(Exception):
    """A part, or a text or a number elsewhere, is larger than the limit."""


async def read_parts(
    pieces: AsyncIterable[bytes], places: tuple[str, ...], *, max_part_bytes: int
) -> AsyncIterator[tuple[str, Any]]:
    """
    Yield the parts of a document that are at one of some places, in their order at each.

    In memory are one piece and its parts. A byte order mark is left out, and bytes that are no
    UTF-8 become U+FFFD; a number that is not whole is a `decimal.Decimal`.

    Args:
        pieces: The document, cut anywhere.
        places: Names from the outside to the inside, ``item`` for each element of a list:
            ``issues.item`` is each element of the list in the field `issues`.
        max_part_bytes: How large a part may be, and a text beside them; a piece more may be read.

    Raises:
        BodyBrokenError: It is no JSON, not complete, or nested too deeply.
        PartTooLargeError: A part is larger than the limit.
    """
    import ijson  # noqa: PLC0415  # few vendors need it

    found: dict[str, Any] = {place: ijson.sendable_list() for place in places}
    readers = [ijson.items_coro(parts, place) for place, parts in found.items()]
    events = ijson.sendable_list()
    looking, progress = ijson.basic_parse_coro(events), _Progress(places, max_part_bytes)
    decoder = getincrementaldecoder("utf-8-sig")("replace")
    try:
        async for piece in pieces:
            text = decoder.decode(piece).encode()
            if not text:
                continue  # it would be the end
            looking.send(text)
            progress.follow(events, len(text))
            for reader in readers:
                reader.send(text)
            for place, parts in found.items():
                for part in parts:
                    yield place, part
                parts.clear()
        for reader in readers:
            reader.close()
    except (ijson.JSONError, RecursionError) as error:
        raise BodyBrokenError(f"it is no JSON: {error}") from error
    except (SystemError, ValueError):  # what is said depends on which parser was built in
        raise BodyBrokenError("it has a number with too many digits") from None
    for place, parts in found.items():
        for part in parts:
            yield place, part


class _Progress:
    """
    How far the reading of a document is: how deep, and how much waits for the end of a part.

    Args:
        places: Where the parts are.
        max_part_bytes: How large one may be.
    """

    def __init__(self, places: tuple[str, ...], max_part_bytes: int) -> None:
        self._places = frozenset(places)
        self._max_part_bytes = max_part_bytes
        self._names: list[str] = []
        """The way to what is read now, from the outside to the inside."""
        self._part_depth: int | None = None
        """Where the part began that is not complete, the outermost one."""
        self._waiting_bytes = 0

    def follow(self, events: list[tuple[str, Any]], size_bytes: int) -> None:
        """
        Take note of a piece, and of the events that it brought, which are dropped.

        Raises:
            BodyBrokenError: It was too deep in between.
            PartTooLargeError: Too much has come since anything was complete.
        """
        is_complete = self._part_depth is None and bool(events)
        names = self._names
        for event, value in events:
            if event == "map_key":
                names[-1] = value
            elif event in {"start_map", "start_array"}:
                if self._part_depth is None and ".".join(names) in self._places:
                    self._part_depth = len(names)
                names.append("item")
                if len(names) > _DEEPEST:
                    raise BodyBrokenError("it is nested too deeply")
            elif event in {"end_map", "end_array"}:
                names.pop()
                if self._part_depth == len(names):
                    self._part_depth, is_complete = None, True
        events.clear()
        self._waiting_bytes = 0 if is_complete else self._waiting_bytes + size_bytes
        if self._waiting_bytes > self._max_part_bytes:
            raise PartTooLargeError

"""Parts of a JSON document of any size, read from pieces of it as they come."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Final

from .body import BodyBrokenError

_DEEPEST: Final = 500
"""How deep a document may be nested; in a deeper one each level costs more than the one before."""


async def read_parts(
    pieces: AsyncIterable[bytes], places: tuple[str, ...]
) -> AsyncIterator[tuple[str, Any]]:
    """
    Yield the parts of a document that are at one of some places, in their order at each.

    In memory are one piece and its parts. A byte order mark is left out, and bytes that are no
    UTF-8 become U+FFFD; a number that is not whole is a `decimal.Decimal`.

    Args:
        pieces: The document, cut anywhere.
        places: Names from the outside to the inside, ``item`` for each element of a list:
            ``issues.item`` is each element of the list in the field `issues`.

    Raises:
        BodyBrokenError: It is no JSON, not complete, or nested too deeply.
    """
    import ijson  # noqa: PLC0415  # few vendors need it

    found: dict[str, Any] = {place: ijson.sendable_list() for place in places}
    readers = [ijson.items_coro(parts, place) for place, parts in found.items()]
    events = ijson.sendable_list()
    looking, depth = ijson.basic_parse_coro(events), 0
    decoder = getincrementaldecoder("utf-8-sig")("replace")
    try:
        async for piece in pieces:
            text = decoder.decode(piece).encode()
            if not text:
                continue  # it would be the end
            looking.send(text)
            depth = _follow(depth, events)
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


def _follow(depth: int, events: list[tuple[str, Any]]) -> int:
    """
    Return how deep in the document its reading is after some events, which are dropped.

    Raises:
        BodyBrokenError: It was too deep in between.
    """
    for event, _ in events:
        if event in {"start_map", "start_array"}:
            depth += 1
            if depth > _DEEPEST:
                raise BodyBrokenError("it is nested too deeply")
        elif event in {"end_map", "end_array"}:
            depth -= 1
    events.clear()
    return depth

"""Parts of a JSON document of any size, read from pieces of it as they come."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from .body import BodyBrokenError


async def read_parts(
    pieces: AsyncIterable[bytes], places: tuple[str, ...]
) -> AsyncIterator[tuple[str, Any]]:
    """
    Yield the parts of a document that are at one of some places, in their order at each.

    In memory are one piece and its parts. Bytes that are no UTF-8 become U+FFFD; a number that is
    not whole is a `decimal.Decimal`.

    Args:
        pieces: The document, cut anywhere.
        places: Names from the outside to the inside, ``item`` for each element of a list:
            ``issues.item`` is each element of the list in the field `issues`.

    Raises:
        BodyBrokenError: It is no JSON, or not complete.
    """
    import ijson  # noqa: PLC0415  # few vendors need it

    found: dict[str, Any] = {place: ijson.sendable_list() for place in places}
    readers = [ijson.items_coro(parts, place) for place, parts in found.items()]
    decoder = getincrementaldecoder("utf-8")("replace")
    try:
        async for piece in pieces:
            text = decoder.decode(piece).encode()
            for reader in readers if text else ():  # an empty piece would be the end
                reader.send(text)
            for place, parts in found.items():
                for part in parts:
                    yield place, part
                parts.clear()
        for reader in readers:
            reader.close()
    except (ijson.JSONError, RecursionError) as error:
        raise BodyBrokenError(f"it is no JSON: {error}") from error
    for place, parts in found.items():
        for part in parts:
            yield place, part

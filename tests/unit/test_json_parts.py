"""Documents in parts, as vendors write them at their worst."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from batchhub._http.body import BodyBrokenError
from batchhub._http.json_parts import read_parts


async def read(body: bytes, *places: str, size: int = 4096) -> list[tuple[str, Any]]:
    """Read a document that comes in pieces of a size."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return [part async for part in read_parts(pieces(), places)]


@pytest.mark.parametrize("size", [1, 2, 4096])
async def test_a_byte_order_mark_is_no_part_of_it(size: int) -> None:
    """Some programs write one before the first brace."""
    body = b"\xef\xbb\xbf" + b'{"list":[1,2]}'
    assert await read(body, "list.item", size=size) == [("list.item", 1), ("list.item", 2)]


@pytest.mark.parametrize("where", [b'{"else":%b,"list":[1]}', b'{"list":[%b]}'])
async def test_a_document_that_is_nested_beyond_all_sense_is_broken(where: bytes) -> None:
    """Whether it is so in a part or beside them; it took all memory there is."""
    body = where % (b"[" * 300_000 + b"]" * 300_000)
    with pytest.raises(BodyBrokenError, match="nested too deeply"):
        await read(body, "list.item")


async def test_what_is_side_by_side_is_not_nested() -> None:
    """Depth goes down again at each end."""
    body = b'{"list":[%b{"a":[[1]]}]}' % (b"[[],{}]," * 2000)
    assert (await read(body, "list.item"))[-1] == ("list.item", {"a": [[1]]})


async def test_a_number_with_thousands_of_digits_is_broken() -> None:
    """Python makes no number of it."""
    with pytest.raises(BodyBrokenError, match="too many digits"):
        await read(b'{"list":[%b]}' % (b"9" * 6000), "list.item")

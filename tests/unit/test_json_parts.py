"""Documents in parts, as vendors write them at their worst."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from batchhub._http.body import BodyBrokenError
from batchhub._http.json_parts import PartTooLargeError, read_parts


async def read(
    body: bytes, *places: str, size: int = 4096, max_part_bytes: int = 10**6
) -> list[tuple[str, Any]]:
    """Read a document that comes in pieces of a size."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return [part async for part in read_parts(pieces(), places, max_part_bytes=max_part_bytes)]


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


@pytest.mark.parametrize(
    "body",
    [
        b'{"list":["%b"]}' % (b"x" * 2000),
        b'{"list":[{"a":[%b0]}]}' % (b"1," * 1000),
        b'{"list":[{"a":{}},{"b":"%b"}]}' % (b"x" * 2000),
        b'{"else":"%b","list":[1]}' % (b"x" * 2000),
        b'{"else":%b1,"list":[1]}' % (b" " * 2000),
    ],
)
async def test_what_would_fill_the_memory_is_too_large(body: bytes) -> None:
    """A part of many fields, a text in one, and a text or nothing beside them."""
    with pytest.raises(PartTooLargeError):
        await read(body, "list.item", size=100, max_part_bytes=1000)


@pytest.mark.parametrize("size", [1, 100, 10_000])
async def test_many_parts_may_be_larger_than_one(size: int) -> None:
    """So may be what is beside them, in however many pieces it comes."""
    part = b'{"a":"%b"}' % (b"x" * 700)
    body = b'{"else":[%b0],"list":[%b]}' % (b"1," * 1000, b",".join([part] * 9))
    assert len(await read(body, "list.item", size=size, max_part_bytes=1000)) == 9

"""Large answers go to disk and come back line by line, within bounds."""

from __future__ import annotations

import asyncio
import codecs
import gzip
import json
import os
import tempfile
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Struct
from support.hosts import TOKEN, Answer, Host, make_transport, open_host

from batchhub import errors
from batchhub._http.body import PIECE_BYTES
from batchhub._http.json_parts import read_parts
from batchhub._http.spool import Spool
from batchhub.testing import FakeClock
from batchhub.transport import Limits, Session, Transport, open_session


class World:
    """A host, and transports to it."""

    def __init__(self, host: Host, session: Session, clock: FakeClock) -> None:
        self.host, self.session, self.clock = host, session, clock
        self.transport = self.make()

    def make(self, **others: Any) -> Transport:
        """Make a transport."""
        return make_transport(self.session, self.clock, self.host.url, **others)

    async def lines(self, transport: Transport | None = None, **others: Any) -> list[bytes]:
        """Download all lines."""
        async with (transport or self.transport).download("/file", **others) as lines:
            return [line async for line in lines]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Open a host."""
    clock = FakeClock()
    async with clock.running(), open_host() as host, open_session() as session:
        yield World(host, session, clock)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


# Lines.


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\r\nb\n\nc", [b"a", b"b", b"", b"c"]),
        (b"a\rb\r\r\n\xff\xfe", [b"a\rb\r", b"\xff\xfe"]),
    ],
)
async def test_lines_come_without_their_ends(world: World, body: bytes, lines: list[bytes]) -> None:
    """As bytes, with or without a carriage return; the last one may have no end."""
    world.host.answers(Answer(body=body))
    assert await world.lines() == lines


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
def test_lines_do_not_depend_on_where_they_were_cut(parts: list[bytes], size: int) -> None:
    """Whatever is read from disk at a time."""
    lines = [part.replace(b"\n", b"").rstrip(b"\r") for part in parts]
    body = b"".join(line + b"\n" for line in lines)
    assume(not body.startswith(codecs.BOM_UTF8))  # it is left out

    async def read() -> list[bytes]:
        spool = Spool(max_bytes=10_000, max_line_bytes=100, unpacks=False)
        spool._read = lambda offset: body[offset : offset + size]  # type: ignore[method-assign]
        return [line async for line in spool.lines(bytes)]

    assert asyncio.run(read()) == lines


async def test_lines_can_be_read_again(world: World) -> None:
    """Each time from the first one; the headers and the size are there, too."""
    world.host.answers(Answer(body=b"a\nb\n", headers={"ETag": "7"}))
    async with world.transport.download("/file", params={"a": "b"}) as lines:
        assert [line async for line in lines] == [line async for line in lines] == [b"a", b"b"]
        assert lines.headers["etag"] == "7"
        assert lines.size_bytes == 4
    assert world.host.asked[0].target == "/file?a=b"
    assert world.host.asked[0].headers["Accept"] == "*/*"
    with pytest.raises(errors.AdapterError, match="after its `async with`"):
        async for _ in lines:
            pass


async def test_lines_have_no_secrets(world: World) -> None:
    """Also where one stands where two pieces meet."""
    line = b"x" * 99 + TOKEN.encode() + b"\n"
    world.host.answers(Answer(body=line * (3 * PIECE_BYTES // len(line))))
    lines = await world.lines()

    assert set(lines) == {b"x" * 99 + b"***"}


# Parts of JSON.


async def parts_of(
    world: World, body: bytes, *places: str, transport: Transport | None = None
) -> list[tuple[str, Any]]:
    """Download a document and read its parts, each with its place."""
    found: list[tuple[str, Any]] = []
    world.host.answers(Answer(body=body))
    async with (transport or world.transport).download("/file") as download:
        for place in places:
            found += [(place, each) async for each in download.parts({place: Any})]
    return found


async def test_a_document_is_read_in_parts(world: World) -> None:
    """Elements of a list, and values as they are; what is not there comes not at all."""
    body = b'{"list": [{"a": 1}, [0.1, null]], "sum": {"n": 12345678901234567890}, "x": []}'

    found = await parts_of(world, gzip.compress(body), "list.item", "sum", "y", "list.item.a")
    assert [part for place, part in found if place == "list.item"] == [
        {"a": 1},
        [Decimal("0.1"), None],
    ]
    assert dict(found)["sum"] == {"n": 12345678901234567890}
    assert dict(found)["list.item.a"] == 1
    assert "y" not in dict(found)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9))),
    st.integers(1, 50),
)
def test_parts_do_not_depend_on_where_they_were_cut(parts: list[Any], size: int) -> None:
    """Whatever is read from disk at a time, also in the middle of a character."""
    body = json.dumps({"first": parts, "last": 1}, ensure_ascii=False).encode("utf-8", "replace")

    async def read() -> list[tuple[str, Any]]:
        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), size):
                yield body[start : start + size]

        places = ("first.item", "last")
        return [each async for each in read_parts(pieces(), places, max_part_bytes=10**6)]

    expected = json.loads(body)["first"]
    assert asyncio.run(read()) == [*(("first.item", each) for each in expected), ("last", 1)]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a": [1, 2', b'{"a": [1]} {"a": [2]}', b'{"a": [1,]}', b"\xff"]
)
async def test_what_is_no_json_is_an_error(world: World, body: bytes) -> None:
    """It says what is wrong; the download is got again with the next step."""
    with pytest.raises(errors.ReplyError, match="unusable answer: it is no JSON"):
        await parts_of(world, body, "a.item")


class Sum(Struct):
    """What a document comes to."""

    n: int


async def test_parts_are_of_the_types_of_their_places(world: World) -> None:
    """One that is not is an error that says where it is not."""
    body = b'{"list": [{"n": 1}, {"n": 2, "m": 3}], "sum": {"n": 3}, "x": [{"n": "3"}]}'
    world.host.answers(Answer(body=body))
    async with world.transport.download("/file") as download:
        found = [each async for each in download.parts({"list.item": dict, "sum": Sum})]
        assert found == [{"n": 1}, {"n": 2, "m": 3}, Sum(n=3)]
        with pytest.raises(errors.ReplyError, match=r"Expected `int`, got `str` - at `\$.n`"):
            [each async for each in download.parts({"x.item": Sum})]


async def test_broken_text_and_secrets_in_parts(world: World) -> None:
    """A byte that is no UTF-8 spoils no document; a secret is blanked where it stands."""
    body = b'{"a": ["x\xffy", {"' + TOKEN.encode() + b'": "my ' + TOKEN.encode() + b'"}]}'
    found = [part for _, part in await parts_of(world, body, "a.item")]

    assert found[0] == "x\ufffdy"
    assert TOKEN not in str(found)


async def test_a_large_document_is_never_in_memory(world: World) -> None:
    """Twenty megabytes in one line: a piece and a part of it at a time."""
    element = b'{"id": 1, "text": "' + b"x" * 4000 + b'"},'
    body = b'{"a": [' + element * 5_000 + b'{"id": 2}], "b": 3}'
    transport = world.make(limits=Limits(max_line_bytes=1000))
    world.host.answers(Answer(body=gzip.compress(body, 1)))
    count = 0
    async with transport.download("/file") as download:
        assert download.size_bytes == len(body) > 20 * 10**6
        tracemalloc.start()
        try:
            async for _ in download.parts({"a.item": dict, "b": int}):
                count += 1
            assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
        finally:
            tracemalloc.stop()
    assert count == 5_002


# Compression.


@pytest.mark.parametrize("decompress", [None, True])
async def test_a_gzip_file_is_decompressed(world: World, decompress: bool | None) -> None:
    """However it comes: as a file, by its encoding, as both, in several members."""
    body = b"a\nb\n" * 100_000
    packed = gzip.compress(body[:1000]) + gzip.compress(body[1000:])
    for answer in (
        Answer(body=packed),
        Answer(body=packed, headers={"Content-Encoding": "gzip"}),
        Answer(body=gzip.compress(packed), headers={"Content-Encoding": "gzip"}),
        Answer(body=zlib.compress(packed), headers={"Content-Encoding": "deflate"}),
    ):
        world.host.answers(answer)
        assert await world.lines(decompress=decompress) == [b"a", b"b"] * 100_000


async def test_a_gzip_file_may_stay_one(world: World) -> None:
    """Where the adapter says so; what is none stays as it is, and a damaged one is an error."""
    packed = gzip.compress(b"a\nb\n", mtime=0)
    world.host.answers(Answer(body=packed))
    assert (await world.lines(decompress=False))[0].startswith(packed[:8])
    world.host.answers(Answer(body=b"a\nb\n"))
    assert await world.lines(decompress=True) == [b"a", b"b"]
    world.host.answers(Answer(body=packed[:-1]))
    with pytest.raises(errors.ReplyError, match="breaks off"):
        await world.lines()
    world.host.answers(Answer(body=packed[:-8] + b"damaged!"))
    with pytest.raises(errors.ReplyError, match="compression is damaged"):
        await world.lines()


async def test_an_answer_that_is_a_gzip_file_is_decompressed_on_request(world: World) -> None:
    """In memory, within the same bounds."""
    packed = gzip.compress(b'{"a": 1}')
    world.host.answers(Answer(body=packed))
    assert (await world.transport.request("GET", "/")).body == packed
    assert (await world.transport.request("GET", "/", decompress=True)).json() == {"a": 1}
    world.host.answers(Answer(body=b"{}"))
    assert (await world.transport.request("GET", "/", decompress=True)).json() == {}
    world.host.answers(Answer(body=gzip.compress(bytes(10**6))))
    transport = world.make(limits=Limits(max_answer_bytes=10**5))
    with pytest.raises(errors.ReplyTooLargeError):
        await transport.request("GET", "/", decompress=True)


# Bounds.


@pytest.mark.parametrize("is_encoded", [False, True])
async def test_a_bomb_ends_in_a_plain_error(world: World, is_encoded: bool) -> None:
    """A hundred megabytes out of a hundred kilobytes: they stay neither on disk nor in memory."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(bytes(10**6)) for _ in range(100)) + packer.flush()
    headers = {"Content-Encoding": "gzip"} if is_encoded else {}
    world.host.answers(Answer(body=body, headers=headers))
    transport = world.make(limits=Limits(max_download_bytes=5 * 10**6))
    tracemalloc.start()
    try:
        with pytest.raises(errors.ReplyTooLargeError, match="larger than 5000000 bytes"):
            await world.lines(transport)
        assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
    finally:
        tracemalloc.stop()


async def test_too_large_a_download_ends_in_a_plain_error(world: World) -> None:
    """To the byte."""
    world.host.answers(Answer(body=b"x" * 1000))
    assert len((await world.lines(world.make(limits=Limits(max_download_bytes=1000))))[0]) == 1000
    with pytest.raises(errors.ReplyTooLargeError, match="larger than 999 bytes"):
        await world.lines(world.make(limits=Limits(max_download_bytes=999)))


@pytest.mark.parametrize("size", [1001, 3 * PIECE_BYTES])
async def test_too_long_a_line_ends_in_a_plain_error(world: World, size: int) -> None:
    """Those before it are given; those of exactly the limit, too."""
    world.host.answers(Answer(body=b"a\n" + b"x" * 1000 + b"\n" + b"y" * size + b"\nz\n"))
    seen: list[int] = []
    async with world.make(limits=Limits(max_line_bytes=1000)).download("/file") as lines:

        async def read() -> None:
            async for line in lines:
                seen.append(len(line))  # noqa: PERF401

        with pytest.raises(errors.ReplyTooLargeError, match="a line is longer than 1000 bytes"):
            await read()
    assert seen == [1, 1000]


async def test_too_large_a_part_ends_in_a_plain_error(world: World) -> None:
    """Those before it are given."""
    body = b'{"a": [1, "' + b"x" * 4 * PIECE_BYTES + b'"]}'
    world.host.answers(Answer(body=body))
    seen: list[object] = []
    async with world.make(limits=Limits(max_line_bytes=1000)).download("/file") as download:

        async def read() -> None:
            async for part in download.parts({"a.item": object}):
                seen.append(part)  # noqa: PERF401

        with pytest.raises(errors.ReplyTooLargeError, match="a part is larger than 1000 bytes"):
            await read()
    assert seen == [1]


class Slow:
    """A host that sends a piece and then nothing, or cuts the connection."""

    def __init__(self) -> None:
        self.is_cut = False
        self.drips = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send a piece of a download."""
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a\nb\n")
        if self.is_cut:
            assert request.transport is not None
            request.transport.abort()
        while not self.is_cut:
            await asyncio.sleep(0.05 if self.drips else 60.0)
            await response.write(b"c\n")
        return response


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        ("cut", Limits()),
        ("silent", Limits(read_s=0.2)),
        ("drips", Limits(read_s=0.2, download_s=0.6)),
    ],
)
async def test_what_breaks_off_is_an_error_before_its_first_line(kind: str, limits: Limits) -> None:
    """Cut, silent for too long, or slower than any patience: got again with the next step."""
    slow = Slow()
    slow.is_cut, slow.drips = kind == "cut", kind == "drips"
    app = web.Application()
    app.router.add_get("/file", slow.handle)
    clock = FakeClock()
    async with clock.running(), TestServer(app) as server, open_session() as session:
        url = str(server.make_url("")).rstrip("/")
        transport = make_transport(session, clock, url, limits=limits)
        with pytest.raises(errors.NoAnswerError):
            async with transport.download("/file"):
                pytest.fail("it has begun")
        assert session._shares.used == 0
        slow.is_cut = True


async def test_who_reads_slowly_holds_no_connection(world: World) -> None:
    """A lane with one connection goes on asking while a download is read."""
    async with open_session(max_connections=1) as session:
        transport = make_transport(session, world.clock, world.host.url)
        world.host.answers(Answer(body=b"a\nb\n"))
        async with transport.download("/file") as lines:
            async for _ in lines:
                await transport.request("GET", "/")


# Files.


async def test_nothing_is_left_and_nobody_else_can_read(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has mode 0600 and no name, and is gone whatever happens in between."""
    modes: list[int] = []
    original = tempfile.TemporaryFile

    def note(*args: Any, **others: Any) -> Any:
        file = original(*args, **others)
        modes.append(os.fstat(file.fileno()).st_mode & 0o777)
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", note)
    world.host.answers(Answer(body=b"a\n"))
    async with world.transport.download("/file"):
        assert not names(folder)
    world.host.answers(Answer(status=500))
    with pytest.raises(errors.ServerError):
        await world.lines()
    assert modes == [0o600]
    assert not names(folder)


async def test_a_full_disk_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is our trouble, not the vendor's: tried again with the next step."""

    class Full:
        closed = False

        def seek(self, _: int) -> None: ...
        def truncate(self) -> None: ...
        def close(self) -> None: ...
        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(errors.StoreError, match="No space left on device; see TMPDIR"):
        await world.lines()


async def test_who_gives_up_leaves_nothing_behind(world: World) -> None:
    """A download that is cancelled at any moment closes its file and its connection."""
    world.host.answers(Answer(body=b"x\n" * 10**5))
    files = len(names(Path("/proc/self/fd")))
    for turns in range(0, 60, 4):
        task = asyncio.create_task(world.lines())
        for _ in range(turns):
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait({task})
    assert len(names(Path("/proc/self/fd"))) <= files + 8  # kept connections
    assert world.session._shares.used == 0


# As any request.


async def test_a_download_is_a_request_like_any_other(world: World) -> None:
    """Credentials to the own host only, refusals elsewhere that pause nothing, cool-downs."""
    async with open_host() as storage:
        storage.answers(Answer(status=403, body=b"<Error/>"))
        with pytest.raises(errors.OtherHostError):
            async with world.transport.download(f"{storage.url}/f?sig=d34db33fd34db33f"):
                pass
    assert world.transport.paused is None
    world.host.answers(Answer(status=429, headers={"Retry-After": "60"}))
    with pytest.raises(errors.RateLimitedError):
        await world.lines(rate="files")
    assert list(world.transport.cool_downs) == ["files"]


async def test_memory_is_bounded() -> None:
    """Fifty megabytes of lines, compressed: a few of them are in memory at any time."""
    line = b'{"id": "0123456789", "state": "done", "message": "' + b"x" * 500 + b'"}\n'
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(packer.compress(line * (10**6 // len(line))))
        await response.write(packer.flush())
        return response

    app.router.add_get("/file", handle)
    clock = FakeClock()
    async with clock.running(), TestServer(app) as server, open_session() as session:
        transport = make_transport(session, clock, str(server.make_url("")).rstrip("/"))
        tracemalloc.start()
        try:
            count = 0
            async with transport.download("/file") as lines:
                async for each in lines:
                    count += 1
                    assert len(each) == len(line) - 1
            assert tracemalloc.get_traced_memory()[1] < 12 * 10**6
        finally:
            tracemalloc.stop()
    assert count == 50 * (10**6 // len(line))

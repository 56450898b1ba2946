"""The transport against servers that cut, stall, flood, redirect and talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from aiohttp import ClientPayloadError, ClientSession, client_proto, http_parser
from attrs import frozen

from batchhub import errors
from batchhub._base.clock import SystemClock
from batchhub._http.body import read_body
from batchhub.adapter import Account, Adapter, Budget, secret
from batchhub.transport import Limits, Transport, open_session

TOKEN = "secret_t0ken/42"
FAST = Budget(requests=100_000, per_s=1.0, burst=50_000)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SMALL = Limits(max_answer_bytes=100_000)
QUICK_CONNECT = Limits(connect_s=0.1)
QUICK_READ = Limits(read_s=0.1)
QUICK_TOTAL = Limits(total_s=0.3)
"""Each is short of one time only, so that on a busy machine no other runs out first."""


@frozen(kw_only=True)
class ShopAccount(Account):
    """An account at a vendor that is none."""

    adapter: ClassVar[str] = "shop"
    token: str = secret(default=TOKEN)

    @property
    def identity(self) -> str:
        """Always the same store."""
        return "7"

    @property
    def budget(self) -> Budget:
        """More than a test sends."""
        return FAST


class Wire:
    """A server that speaks in bytes: what it does with each request is up to the test."""

    def __init__(self, talk: Callable[[Wire, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._talk = talk
        self._writers: set[asyncio.StreamWriter] = set()
        self.heads: list[bytes] = []
        self.connections = 0
        self.sent_bytes = 0
        self.asked = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Send and count."""
        writer.write(data)
        await writer.drain()
        self.sent_bytes += len(data)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Wire]:
        """Listen on loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                self.asked.set()
                await self._talk(self, writer)
        writer.close()


def _says(*pieces: bytes, then_cut: bool = False) -> Wire:
    """Make a server that answers every request with the same bytes."""

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            await wire.send(writer, piece)
            await asyncio.sleep(0.005)
        if then_cut:
            writer.close()

    return Wire(talk)


def _answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """The session of a hub."""
    async with open_session() as session:
        yield session


MakeTransport = Callable[..., Transport]


@pytest.fixture
def make_transport(session: ClientSession) -> MakeTransport:
    """Make a transport to a server; keywords replace what it usually gets."""

    def make(url: str, **others: Any) -> Transport:
        usual: dict[str, Any] = {
            "session": session,
            "clock": SystemClock(),
            "vendor": "shop",
            "account": ShopAccount(base_url=url),
            "budget": FAST,
            "explain": Adapter.explain,
        }
        return Transport(**{**usual, **others})

    return make


async def _fail(transport: Transport, method: str = "GET", **parts: Any) -> errors.BatchHubError:
    """Send a request that carries the token and must fail; check that it shows no secret."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with pytest.raises(errors.BatchHubError) as caught:
        await transport.request(method, "/a", headers=headers, **parts)
    shown = "".join(traceback.format_exception(caught.value))
    link: BaseException | None = caught.value
    while link is not None:
        shown += f"{link!r} {link}"
        link = link.__cause__ or link.__context__  # the context too, though no traceback shows it
    assert TOKEN not in shown
    assert "Bearer" not in shown
    return caught.value


# -- one request per call ------------------------------------------------------------------------

METHODS = ["GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS", "PATCH"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reset", [False, True])
async def test_law_6_a_cut_connection_is_not_sent_into_twice(
    make_transport: MakeTransport, method: str, reset: bool
) -> None:
    """Closed or reset before an answer: exactly one request, and nobody can tell whether it ran."""

    async def cut(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if reset:
            _reset(writer)
        writer.close()

    async with Wire(cut).listening() as wire:
        error = await _fail(make_transport(wire.url), method)
        await asyncio.sleep(0.02)

    assert type(error) is errors.NoAnswerError
    assert error.may_have_run
    assert len(wire.heads) == 1


@pytest.mark.parametrize("method", METHODS)
async def test_law_6_nor_is_a_reused_connection_that_is_cut(
    make_transport: MakeTransport, method: str
) -> None:
    """A connection that was kept alive and is cut at the second request: two requests in all."""

    async def answer_once(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if len(wire.heads) == 1:
            await wire.send(writer, OK)
        else:
            writer.close()

    async with Wire(answer_once).listening() as wire:
        transport = make_transport(wire.url)
        assert (await transport.request("GET", "/")).status == 200
        error = await _fail(transport, method, body=b"[1]" if method == "PUT" else None)
        await asyncio.sleep(0.02)

    assert type(error) is errors.NoAnswerError
    assert (len(wire.heads), wire.connections) == (2, 1)


async def test_a_cancelled_request_stays_cancelled(make_transport: MakeTransport) -> None:
    """Cancelling is the caller's: it comes out as it went in."""
    async with _says().listening() as wire:
        call = asyncio.create_task(make_transport(wire.url).request("GET", "/"))
        await wire.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


def _reset(writer: asyncio.StreamWriter) -> None:
    """Make the close a reset."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


# -- no connection -------------------------------------------------------------------------------


async def test_a_refused_connection_is_certain(make_transport: MakeTransport) -> None:
    """Nobody listens: not a byte was sent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await _fail(make_transport(f"http://127.0.0.1:{port}"), "POST", body=b"[1]")

    assert type(error) is errors.ConnectError
    assert str(error).startswith(
        f"no connection to shop (Cannot connect to host 127.0.0.1:{port} ["
    )
    assert not error.may_have_run


async def test_a_failed_tls_handshake_is_certain(make_transport: MakeTransport) -> None:
    """No request goes before the connection is safe."""

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await _fail(make_transport(f"https://127.0.0.1:{port}"), "POST", body=b"[1]")

    assert type(error) is errors.ConnectError


async def test_a_connection_that_takes_too_long_is_certain(make_transport: MakeTransport) -> None:
    """A handshake that never ends is given up before a request is sent."""
    async with _says().listening() as wire:
        transport = make_transport(f"https://127.0.0.1:{wire.port}", limits=QUICK_CONNECT)
        error = await _fail(transport, "POST", body=b"[1]")

    assert type(error) is errors.ConnectError
    assert "timed out" in str(error)


# -- no whole answer -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 200 OK\r\nConte",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\n[1,2,\r\n"),
    ],
    ids=["silence", "half a head", "half a body", "half a chunked body"],
)
@pytest.mark.parametrize("stalls", [False, True])
async def test_an_answer_that_breaks_off_or_stalls_is_no_answer(
    make_transport: MakeTransport, pieces: tuple[bytes, ...], stalls: bool
) -> None:
    """Whatever was missing of the answer, whether the request ran is unknown."""
    limits = QUICK_READ if stalls else Limits()
    async with _says(*pieces, then_cut=not stalls).listening() as wire:
        error = await _fail(make_transport(wire.url, limits=limits), "PUT", body=b"[1]")
        await wire.asked.wait()

    assert type(error) is errors.NoAnswerError
    assert len(wire.heads) == 1


async def test_an_answer_that_drips_is_given_up_in_the_end(make_transport: MakeTransport) -> None:
    """Each byte comes in time, the whole does not."""
    drip = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 900]

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        # The first answer comes at once: the second request finds a connection that is open.
        for piece in drip if len(wire.heads) > 1 else [OK]:
            await wire.send(writer, piece)
            await asyncio.sleep(0.005)

    async with Wire(talk).listening() as wire:
        transport = make_transport(wire.url, limits=QUICK_TOTAL)
        await make_transport(wire.url).request("GET", "/")
        error = await _fail(transport)

    assert type(error) is errors.NoAnswerError
    assert "timed out" in str(error)


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"<html>not found</html>\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX " + TOKEN.encode() + b": 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9_000 + TOKEN.encode() + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_http_is_a_reply_error(
    make_transport: MakeTransport, head: bytes
) -> None:
    """Something answered, so a write may have run; the request's headers are not shown."""
    async with _says(head, then_cut=True).listening() as wire:
        error = await _fail(make_transport(wire.url), "POST", body=b"[1]")

    assert type(error) is errors.ReplyError
    assert error.may_have_run
    assert "\n" not in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize("parser", ["HttpResponseParser", "HttpResponseParserPy"])
async def test_a_broken_chunk_is_no_whole_answer(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, parser: str
) -> None:
    """A body that stops being HTTP in its middle is no body, with either of aiohttp's parsers."""
    monkeypatch.setattr(client_proto, "HttpResponseParser", getattr(http_parser, parser))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n"
    async with _says(head, b"ZZ\r\n").listening() as wire:
        # aiohttp's faster parser reports no broken chunk, and then minds no time but the total.
        transport = make_transport(wire.url, limits=Limits(total_s=1.0))
        error = await _fail(transport, "POST", body=b"[1]")

    assert isinstance(error, errors.NoAnswerError | errors.ReplyError)
    assert error.may_have_run


async def test_a_session_closed_meanwhile_is_no_answer(
    make_transport: MakeTransport, session: ClientSession
) -> None:
    """Closing the hub ends what is on the way with one of our errors."""
    async with _says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{").listening() as wire:
        call = asyncio.create_task(make_transport(wire.url).request("GET", "/"))
        await wire.asked.wait()
        await session.close()
        with pytest.raises(errors.NoAnswerError):
            await call


async def test_a_body_is_not_waited_for_on_a_connection_that_is_gone(
    session: ClientSession,
) -> None:
    """Whoever begins to read too late gets the error of a body that broke off."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    async with _says(head).listening() as wire, session.get(wire.url) as response:
        await session.close()
        with pytest.raises(ClientPayloadError):
            await read_body(response, 100)


async def test_after_the_session_is_closed_nothing_is_sent(
    make_transport: MakeTransport, session: ClientSession
) -> None:
    """A request that comes after the hub was closed certainly did not run."""
    transport = make_transport("http://127.0.0.1:9")
    await session.close()

    assert type(await _fail(transport, "POST", body=b"[1]")) is errors.ConnectError


# -- too much of an answer -----------------------------------------------------------------------


async def test_an_answer_that_says_it_is_too_large_is_not_read(
    make_transport: MakeTransport,
) -> None:
    """Content-Length above the bound is refused at once, before a byte of the body came."""
    async with _says(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n").listening() as wire:
        error = await _fail(make_transport(wire.url, limits=SMALL))

    assert type(error) is errors.ReplyTooLargeError
    assert str(error) == "shop gave an unusable answer (200 OK): it is larger than 100000 bytes"


async def test_an_answer_without_end_is_refused_while_it_is_read(
    make_transport: MakeTransport,
) -> None:
    """An endless stream costs the bound and some buffers, not the machine."""

    async def flood(wire: Wire, writer: asyncio.StreamWriter) -> None:
        await wire.send(writer, b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await wire.send(writer, b"x" * 65_536)

    async with Wire(flood).listening() as wire:
        error = await _fail(make_transport(wire.url, limits=SMALL))
        await asyncio.sleep(0.02)

    assert type(error) is errors.ReplyTooLargeError
    assert wire.sent_bytes < 2**24


@pytest.mark.parametrize("size_bytes", [99_999, 100_000, 100_001])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
async def test_the_bound_holds_to_the_byte(
    make_transport: MakeTransport, size_bytes: int, encoding: str
) -> None:
    """As large as the bound is fine, a byte more is not, compressed or not."""
    body = b"1" * size_bytes
    packed = {"identity": body, "gzip": gzip.compress(body), "deflate": zlib.compress(body)}
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode()
    async with _says(head, packed[encoding], then_cut=True).listening() as wire:
        transport = make_transport(wire.url, limits=SMALL)
        if size_bytes > 100_000:
            assert type(await _fail(transport)) is errors.ReplyTooLargeError
        else:
            assert (await transport.request("GET", "/")).body == body


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_refused_without_being_unpacked(
    make_transport: MakeTransport, encoding: str
) -> None:
    """A body that grows a thousandfold costs the bound, not a thousand times its size."""
    size_bytes = 64 * 1024 * 1024
    window_bits = 31 if encoding == "gzip" else 15
    packer = zlib.compressobj(wbits=window_bits)
    bomb = packer.compress(bytes(size_bytes)) + packer.flush()
    async with _says(_answer(bomb, f"Content-Encoding: {encoding}")).listening() as wire:
        tracemalloc.start()
        error = await _fail(make_transport(wire.url, limits=SMALL))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert type(error) is errors.ReplyTooLargeError
    assert peak_bytes < size_bytes / 16


# -- compressed answers --------------------------------------------------------------------------

TEXT = bytes(range(256)) * 200


def _bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", _bare_deflate(TEXT)),
        ("identity", TEXT),
    ],
)
async def test_a_compressed_answer_comes_out_whole(
    make_transport: MakeTransport, encoding: str, packed: bytes
) -> None:
    """Every form of what we ask for, also when it arrives in small pieces."""
    answer = _answer(packed, f"Content-Encoding: {encoding}")
    pieces = [answer[:-700], *(answer[-700:][i : i + 100] for i in range(0, 700, 100))]
    async with _says(*pieces).listening() as wire:
        assert (await make_transport(wire.url).request("GET", "/")).body == TEXT


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)[:-20]),
        ("gzip", gzip.compress(TEXT) + gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT)[:-8] + b"12345678"),
        ("gzip", b"hello"),
        ("deflate", zlib.compress(TEXT)[:-20]),
        ("br", b"hello"),
    ],
    ids=["cut", "second part cut", "wrong sum", "no gzip", "cut deflate", "not asked for"],
)
async def test_a_damaged_compression_is_not_taken_for_an_answer(
    make_transport: MakeTransport, encoding: str, packed: bytes
) -> None:
    """A stream that breaks off is no shorter answer."""
    async with _says(_answer(packed, f"Content-Encoding: {encoding}")).listening() as wire:
        error = await _fail(make_transport(wire.url))

    assert type(error) is errors.ReplyError
    assert "compress" in str(error)


async def test_an_empty_body_needs_no_compression(make_transport: MakeTransport) -> None:
    """Nothing, said to be gzip, is nothing."""
    async with _says(_answer(b"", "Content-Encoding: gzip")).listening() as wire:
        transport = make_transport(wire.url)
        assert (await transport.request("GET", "/")).body == b""
        assert (await transport.request("HEAD", "/")).body == b""


async def test_a_head_answer_may_tell_of_a_large_body(make_transport: MakeTransport) -> None:
    """The length in an answer to HEAD is that of a body that does not come."""
    async with _says(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n").listening() as wire:
        reply = await make_transport(wire.url, limits=SMALL).request("HEAD", "/")

    assert (reply.status, reply.body) == (200, b"")


# -- refusals whose words are no use -------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "cut"),
    [
        (b"HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\n{", True),
        (b"HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\n{", False),
        (b"HTTP/1.1 401 No\r\nContent-Length: 999999999\r\n\r\n{", False),
        (_answer(b"hello", "Content-Encoding: gzip", status="401 No"), False),
        (_answer(gzip.compress(bytes(2**24)), "Content-Encoding: gzip", status="401 No"), False),
    ],
    ids=["cut", "stalled", "endless", "damaged", "bomb"],
)
async def test_a_refusal_counts_also_if_its_words_can_not_be_read(
    make_transport: MakeTransport, answer: bytes, cut: bool
) -> None:
    """The status came whole, and it is enough."""
    async with _says(answer, then_cut=cut).listening() as wire:
        transport = make_transport(wire.url, limits=Limits(read_s=0.5))
        error = await _fail(transport)

    assert str(error) == ("shop answered 401 Unauthorized; fix the credentials of shop:7")
    assert transport.paused is not None


# -- redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_redirect_is_not_followed(
    make_transport: MakeTransport, status: int, method: str
) -> None:
    """The credentials go to no host but the one in the settings."""
    async with contextlib.AsyncExitStack() as stack:
        elsewhere = await stack.enter_async_context(_says(OK).listening())
        answer = _answer(b"", f"Location: {elsewhere.url}/b?t={TOKEN}", status=f"{status} Go")
        wire = await stack.enter_async_context(_says(answer).listening())
        error = await _fail(make_transport(wire.url), method)

    assert (len(wire.heads), elsewhere.connections) == (1, 0)
    assert type(error) is (errors.ReplyError if status == 303 else errors.RefusedError)
    assert f"it points to {elsewhere.url}" in str(error)
    if status != 303:
        assert "base_url" in str(error)


# -- sharing a session ---------------------------------------------------------------------------


async def test_law_8_a_vendor_that_hangs_does_not_hold_up_another(
    make_transport: MakeTransport,
) -> None:
    """Four hundred requests that get no answer leave connections for the others."""
    full = asyncio.Event()

    async def hang(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if len(wire.heads) == 256:
            full.set()

    async with Wire(hang).listening() as hanging, _says(OK).listening() as fine:
        stuck = make_transport(hanging.url)
        calls = [asyncio.create_task(stuck.request("GET", "/")) for _ in range(400)]
        await full.wait()
        assert (await make_transport(fine.url).request("GET", "/")).status == 200
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    assert hanging.connections == 256

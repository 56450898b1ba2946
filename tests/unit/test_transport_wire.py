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

import aiohttp
import pytest
from aiohttp import ClientPayloadError, client_proto, connector, http_parser
from attrs import frozen
from support.patience import PATIENCE_S
from yarl import URL

from batchhub import errors
from batchhub._base.clock import SystemClock
from batchhub._http.body import read_body
from batchhub._http.guard import NotSentError
from batchhub._http.guard import right as sending_right
from batchhub.adapter import Account, Adapter, Budget, Credentials, secret
from batchhub.transport import Limits, Session, Transport, open_session

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


@pytest.fixture(params=[True, False], ids=["short way", "usual way"])
async def session(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Session]:
    """The session of a hub, whose polls take the short way past aiohttp's client, or do not."""
    assert Session.asks_directly, "aiohttp is not as the short way knows it"
    monkeypatch.setattr(Session, "asks_directly", request.param)
    async with open_session() as session:
        yield session


MakeTransport = Callable[..., Transport]


@pytest.fixture
def make_transport(session: Session) -> MakeTransport:
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


# -- the short way of a poll ---------------------------------------------------------------------


async def test_a_poll_takes_the_short_way(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    """A GET without a body passes aiohttp's client by, where aiohttp is as it is known."""
    usual: list[str] = []
    request = aiohttp.ClientSession._request

    async def counted(client: aiohttp.ClientSession, method: str, *args: Any, **others: Any) -> Any:
        usual.append(method)
        return await request(client, method, *args, **others)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", counted)
    async with _says(OK).listening() as wire:
        transport = make_transport(wire.url)
        await transport.request("GET", "/1")
        await transport.request("POST", "/2")
        await transport.request("GET", f"{wire.url}/3", auth=False)

    assert usual == (["POST", "GET"] if session.asks_directly else ["GET", "POST", "GET"])


async def test_a_poll_says_the_same_by_the_short_way(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte what aiohttp's client would send, but for the order of the headers."""
    async with _says(OK).listening() as wire:
        transport = make_transport(wire.url)
        transport.bind(_give_token)
        for is_short in (True, False):
            monkeypatch.setattr(Session, "asks_directly", is_short)
            headers = {"accept": "*/*", "X-Own": "Ä"}
            params = {"a b": "c/d&e"}
            await transport.request("GET", "/x%2Fy", params=params, headers=headers)

    (short, *lines), (usual, *usual_lines) = (head.split(b"\r\n") for head in wire.heads)
    assert short == usual == b"GET /x%2Fy?a%20b=c%2Fd%26e HTTP/1.1"
    assert sorted(lines) == sorted(usual_lines)
    assert b"Authorization: Bearer %b" % TOKEN.encode() in lines


async def _give_token(*, again: bool) -> Credentials:
    return Credentials(headers={"Authorization": f"Bearer {TOKEN}"})


async def test_a_header_counts_for_its_request_alone(make_transport: MakeTransport) -> None:
    """What is kept ready of headers is that of requests with the same ones, and credentials."""
    tokens = iter("abc")

    async def authorize(*, again: bool) -> Credentials:
        return Credentials(headers={"Authorization": f"Bearer {next(tokens)}"})

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        await wire.send(writer, OK if len(wire.heads) != 3 else _answer(b"{}", status="401 No"))

    async with Wire(talk).listening() as wire:
        transport = make_transport(wire.url)
        transport.bind(authorize)
        own = {"X-Own": "1"}
        await transport.request("GET", "/", headers=own)
        own["X-Own"] = "2"
        await transport.request("GET", "/", headers=own)
        await transport.request("GET", "/")
        for number in range(40):
            await transport.request("GET", "/", headers={"X-Own": str(number)})
        await transport.request("GET", "/", headers={"Authorization": "own"})

    said = [
        (_find(head, b"authorization"), _find(head, b"x-own"))
        for head in (*wire.heads[:4], *wire.heads[-2:])
    ]
    assert said == [
        (b"Bearer a", b"1"),
        (b"Bearer a", b"2"),
        (b"Bearer a", b""),
        (b"Bearer b", b""),
        (b"Bearer b", b"39"),
        (b"own", b""),
    ]


def _find(head: bytes, name: bytes) -> bytes:
    lines = (line.partition(b": ") for line in head.split(b"\r\n"))
    return next((value for key, _, value in lines if key.lower() == name), b"")


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 Go\r\n\r\n" + OK, 200, b"{}"),
        (b"HTTP/1.1 204 None\r\n\r\n", 204, b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
            200,
            b"{}",
        ),
    ],
    ids=["interim", "no content", "chunked"],
)
@pytest.mark.parametrize("size", [7, 10_000])
async def test_any_whole_answer_is_read(
    make_transport: MakeTransport, answer: bytes, status: int, body: bytes, size: int
) -> None:
    """In one piece or in many, and the connection is there for the next request."""
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
    async with _says(*pieces).listening() as wire:
        transport = make_transport(wire.url)
        for _ in range(2):
            reply = await transport.request("GET", "/")
            assert (reply.status, reply.body) == (status, body)

    assert wire.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        OK + OK,
    ],
    ids=["close", "1.0", "one answer too many"],
)
async def test_a_connection_that_is_over_is_not_used_again(
    make_transport: MakeTransport, answer: bytes
) -> None:
    """The server says so, or nobody knows what comes next over it."""
    async with _says(answer).listening() as wire:
        transport = make_transport(wire.url)
        for _ in range(2):
            assert (await transport.request("GET", "/")).body == b"{}"

    assert (len(wire.heads), wire.connections) == (2, 2)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_nobody_asked_for_is_no_answer_to_the_next_request(
    make_transport: MakeTransport, method: str
) -> None:
    """It came while the connection was kept: over that one nothing more is sent."""
    is_read, is_late = asyncio.Event(), asyncio.Event()

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        await wire.send(writer, _answer(b'{"of": %d}' % len(wire.heads)))
        if len(wire.heads) == 1:
            await is_read.wait()
            await wire.send(writer, _answer(b'{"of": "another one"}'))
            is_late.set()

    async with Wire(talk).listening() as wire:
        transport = make_transport(wire.url)
        assert (await transport.request(method, "/1")).body == b'{"of": 1}'
        is_read.set()
        await is_late.wait()
        await asyncio.sleep(0.02)  # until the client has it
        assert (await transport.request(method, "/2")).body == b'{"of": 2}'

    assert (len(wire.heads), wire.connections) == (2, 2)


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


def _answers_first(count: int) -> Wire:
    """Make a server that answers some requests, and cuts the connection at each later one."""

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if len(wire.heads) <= count:
            await wire.send(writer, OK)
        else:
            writer.close()

    return Wire(talk)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in {"GET", "HEAD"}])
async def test_law_6_nor_is_a_reused_connection_that_is_cut(
    make_transport: MakeTransport, method: str
) -> None:
    """A connection that was kept alive and is cut at the second request: two requests in all."""
    async with _answers_first(1).listening() as wire:
        transport = make_transport(wire.url)
        assert (await transport.request(method, "/")).status == 200
        error = await _fail(transport, method, body=b"[1]" if method == "PUT" else None)
        await asyncio.sleep(0.02)

    assert type(error) is errors.NoAnswerError
    assert error.may_have_run
    assert (len(wire.heads), wire.connections) == (2, 1)


# -- connections that are kept -------------------------------------------------------------------


class Time:
    """The time by which aiohttp says how old a connection is."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def kept_for(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A time that the test moves."""
    time = Time()
    monkeypatch.setattr(connector, "monotonic", time)
    return time


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_request_without_effect_that_meets_a_stale_connection_goes_again_once(
    make_transport: MakeTransport, method: str
) -> None:
    """The server had closed it meanwhile: nothing came of it, so it goes over a new one."""
    cuts = 1

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        nonlocal cuts
        if len(wire.heads) > 1 and cuts:
            cuts -= 1
            writer.close()
        else:
            await wire.send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with Wire(talk).listening() as wire:
        transport = make_transport(wire.url)
        for _ in range(2):
            assert (await transport.request(method, "/")).status == 200
        spent = transport.spent()

    assert (len(wire.heads), wire.connections) == (3, 2)
    assert sum(spent.sent[""].values()) == 3


async def test_it_does_not_go_again_through_a_lane_that_is_anothers_by_then(
    make_transport: MakeTransport,
) -> None:
    """The turn for it may take long to come."""

    class Gone:
        is_doubtful = False

        async def make_sure(self) -> None:
            raise NotSentError("gone")

    gone = Gone()

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if len(wire.heads) > 1:
            gone.is_doubtful = True
            writer.close()
        else:
            await wire.send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with Wire(talk).listening() as wire:
        transport = make_transport(wire.url)
        await transport.request("GET", "/")
        token = sending_right.set(gone)
        try:
            error = await _fail(transport, "GET")
        finally:
            sending_right.reset(token)

    assert type(error) is NotSentError
    assert len(wire.heads) == 2


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_goes_again_no_more_than_once(make_transport: MakeTransport, method: str) -> None:
    """A server that cuts every connection gets two requests for one."""
    async with _answers_first(1).listening() as wire:
        transport = make_transport(wire.url)
        await transport.request("GET", "/")
        error = await _fail(transport, method)

    assert type(error) is errors.NoAnswerError
    assert (len(wire.heads), wire.connections) == (3, 2)


async def test_polls_share_a_connection(make_transport: MakeTransport, kept_for: Time) -> None:
    """A ticket that is polled every 5 or 50 s needs one connection; after a minute it is let go."""
    async with _says(OK).listening() as wire:
        transport = make_transport(wire.url)
        for pause_s in (0.0, 5.0, 5.0, 50.0, 59.0):
            kept_for.now_s += pause_s
            await transport.request("GET", "/")
        assert wire.connections == 1
        kept_for.now_s += 61.0
        await transport.request("GET", "/")

    assert (len(wire.heads), wire.connections) == (6, 2)


async def test_a_request_with_an_effect_never_meets_a_stale_connection(
    make_transport: MakeTransport, kept_for: Time
) -> None:
    """It takes a connection that is new or was used less than 4 s ago, whatever the polls keep."""
    async with _says(OK).listening() as wire:
        transport = make_transport(wire.url)
        seen: list[int] = []
        for method, pause_s in (
            ("GET", 0.0),
            ("POST", 30.0),
            ("POST", 3.9),
            ("GET", 3.9),
            ("POST", 4.1),
            ("DELETE", 4.1),
            ("PUT", 0.0),
        ):
            kept_for.now_s += pause_s
            await transport.request(method, "/")
            seen.append(wire.connections)

    assert seen == [1, 2, 2, 2, 3, 4, 4]


async def test_with_very_many_requests_no_connection_is_kept_for_long(
    make_transport: MakeTransport, session: Session, kept_for: Time
) -> None:
    """Each is an open file, and a process may have so many."""
    for number in range(300):
        session.join(f"http://shop{number}.example")
    async with _says(OK).listening() as wire:
        transport = make_transport(wire.url)
        await transport.request("GET", "/")
        kept_for.now_s += 5.0
        await transport.request("GET", "/")

    assert wire.connections == 2


async def test_a_cancelled_request_stays_cancelled(make_transport: MakeTransport) -> None:
    """Cancelling is the caller's: it comes out as it went in."""
    async with _says().listening() as wire:
        call = asyncio.create_task(make_transport(wire.url).request("GET", "/"))
        await wire.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_the_answer_to_a_cancelled_request_reaches_nobody_else(
    make_transport: MakeTransport,
) -> None:
    """Its connection is closed: the next request gets its own answer, over another one."""

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if len(wire.heads) == 1:
            await wire.send(writer, OK)
        elif len(wire.heads) > 2:
            await wire.send(writer, _answer(b"[3]"))

    async with Wire(talk).listening() as wire:
        transport = make_transport(wire.url)
        await transport.request("GET", "/1")
        wire.asked.clear()
        call = asyncio.create_task(transport.request("GET", "/2"))
        await wire.asked.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        reply = await transport.request("GET", "/3")

    assert reply.body == b"[3]"
    assert wire.connections == 2


def _reset(writer: asyncio.StreamWriter) -> None:
    """Make the close a reset."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


# -- no connection -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_connection_is_certain(make_transport: MakeTransport, method: str) -> None:
    """Nobody listens: not a byte was sent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await _fail(make_transport(f"http://127.0.0.1:{port}"), method)

    assert type(error) is errors.ConnectError
    assert str(error).startswith(
        f"no connection to shop (Cannot connect to host 127.0.0.1:{port} ["
    )
    assert not error.may_have_run


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_failed_tls_handshake_is_certain(
    make_transport: MakeTransport, method: str
) -> None:
    """No request goes before the connection is safe."""

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await _fail(make_transport(f"https://127.0.0.1:{port}"), method)

    assert type(error) is errors.ConnectError


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_takes_too_long_is_certain(
    make_transport: MakeTransport, method: str
) -> None:
    """A handshake that never ends is given up before a request is sent."""
    async with _says().listening() as wire:
        transport = make_transport(f"https://127.0.0.1:{wire.port}", limits=QUICK_CONNECT)
        error = await _fail(transport, method)

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
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_answer_that_breaks_off_or_stalls_is_no_answer(
    make_transport: MakeTransport, pieces: tuple[bytes, ...], stalls: bool, method: str
) -> None:
    """Whatever was missing of the answer, whether the request ran is unknown."""
    limits = QUICK_READ if stalls else Limits()
    body = b"[1]" if method == "PUT" else None
    async with _says(*pieces, then_cut=not stalls).listening() as wire:
        error = await _fail(make_transport(wire.url, limits=limits), method, body=body)
        await wire.asked.wait()

    assert type(error) is errors.NoAnswerError
    assert len(wire.heads) == 1


@frozen(kw_only=True)
class SlowAccount(ShopAccount):
    """An account of a vendor that does all the work before it answers."""

    answer_s: float = 60.0


@pytest.mark.parametrize("answer_s", [60.0, 0.1])
async def test_an_account_may_say_how_long_an_answer_takes(
    make_transport: MakeTransport, answer_s: float
) -> None:
    """In place of the usual limits, and for the whole answer."""

    async def talk(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if answer_s == 60.0:
            await asyncio.sleep(0.3)  # three times as long as others may take
            await wire.send(writer, OK)

    async with Wire(talk).listening() as wire:
        account = SlowAccount(base_url=wire.url, answer_s=answer_s)
        limits = QUICK_READ if answer_s == 60.0 else Limits()
        transport = make_transport(wire.url, limits=limits, account=account)
        if answer_s == 60.0:
            assert (await transport.request("POST", "/", body=b"[]")).status == 200
            assert (await transport.request("GET", "/")).status == 200
        else:
            assert type(await _fail(transport, "POST", body=b"[]")) is errors.NoAnswerError
            assert type(await _fail(transport)) is errors.NoAnswerError


@pytest.mark.parametrize(
    "begin", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "]
)
async def test_an_answer_that_drips_is_given_up_in_the_end(
    make_transport: MakeTransport, begin: bytes
) -> None:
    """Each byte of the body, or of the headers, comes in time; the whole does not."""
    drip = [begin, *[b"x"] * 900]

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
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_that_is_no_http_is_a_reply_error(
    make_transport: MakeTransport, head: bytes, method: str
) -> None:
    """Something answered, so a write may have run; the request's headers are not shown."""
    async with _says(head, then_cut=True).listening() as wire:
        error = await _fail(make_transport(wire.url), method)

    assert type(error) is errors.ReplyError
    assert error.may_have_run
    assert "\n" not in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize("parser", ["HttpResponseParser", "HttpResponseParserPy"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_broken_chunk_is_no_whole_answer(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, parser: str, method: str
) -> None:
    """A body that stops being HTTP in its middle is no body, with either of aiohttp's parsers."""
    monkeypatch.setattr(client_proto, "HttpResponseParser", getattr(http_parser, parser))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n"
    async with _says(head, b"ZZ\r\n").listening() as wire:
        # aiohttp's faster parser reports no broken chunk: it closes the connection, no more.
        error = await asyncio.wait_for(_fail(make_transport(wire.url), method), PATIENCE_S)

    assert isinstance(error, errors.NoAnswerError | errors.ReplyError)
    assert error.may_have_run


async def test_a_session_closed_meanwhile_is_no_answer(
    make_transport: MakeTransport, session: Session
) -> None:
    """Closing the hub ends what is on the way with one of our errors."""
    async with _says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{").listening() as wire:
        call = asyncio.create_task(make_transport(wire.url).request("GET", "/"))
        await wire.asked.wait()
        await session.close()
        with pytest.raises(errors.NoAnswerError):
            await call


async def test_a_body_is_not_waited_for_on_a_connection_that_is_gone(
    session: Session,
) -> None:
    """Whoever begins to read too late gets the error of a body that broke off."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    async with (
        _says(head).listening() as wire,
        session.request("GET", URL(wire.url), is_kept=True) as response,
    ):
        await session.close()
        with pytest.raises(ClientPayloadError):
            await read_body(response, 100)


async def test_after_the_session_is_closed_nothing_is_sent(
    make_transport: MakeTransport, session: Session
) -> None:
    """A request that comes after the hub was closed certainly did not run."""
    transport = make_transport("http://127.0.0.1:9")
    await session.close()

    for method in ("GET", "POST"):
        assert type(await _fail(transport, method)) is errors.ConnectError


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


@pytest.fixture
async def stall(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Have a minute pass for the event loop as soon as the client has something of an answer."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    get_time, data_received = loop.time, client_proto.ResponseHandler.data_received

    def receive(self: client_proto.ResponseHandler, data: bytes) -> None:
        data_received(self, data)
        came.set()

    async def pass_time() -> None:
        await came.wait()
        for _ in range(20):  # who waits for the head has it, and waits for more
            await asyncio.sleep(0)
        monkeypatch.setattr(loop, "time", lambda: get_time() + Limits().read_s)

    monkeypatch.setattr(client_proto.ResponseHandler, "data_received", receive)
    passing = asyncio.create_task(pass_time())
    yield
    passing.cancel()


async def _check_refusal(make_transport: MakeTransport, wire: Wire) -> None:
    """Check that a refusal is told whose words are no use: the status came whole."""
    async with wire.listening():
        transport = make_transport(wire.url)
        error = await _fail(transport)

    assert str(error) == ("shop answered 401 Unauthorized; fix the credentials of shop:7")
    assert transport.paused is not None


@pytest.mark.parametrize(
    ("answer", "cut"),
    [
        (b"HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\n{", True),
        (_answer(b"hello", "Content-Encoding: gzip", status="401 No"), False),
        (_answer(gzip.compress(bytes(2**24)), "Content-Encoding: gzip", status="401 No"), False),
    ],
    ids=["cut", "damaged", "bomb"],
)
async def test_a_refusal_counts_also_if_its_words_can_not_be_read(
    make_transport: MakeTransport, answer: bytes, cut: bool
) -> None:
    """They break off, or are none."""
    await _check_refusal(make_transport, _says(answer, then_cut=cut))


@pytest.mark.usefixtures("stall")
@pytest.mark.parametrize("length", [10, 999_999_999], ids=["stalled", "endless"])
async def test_a_refusal_counts_also_if_its_words_do_not_come(
    make_transport: MakeTransport, length: int
) -> None:
    """Not within the time that an answer may pause."""
    head = f"HTTP/1.1 401 No\r\nContent-Length: {length}\r\n\r\n"
    await _check_refusal(make_transport, _says(head.encode() + b"{"))


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
    may_have_run = status == 303 or (status == 302 and method == "POST")
    assert type(error) is (errors.ReplyError if may_have_run else errors.RefusedError)
    assert f"it points to {elsewhere.url}" in str(error)
    if not may_have_run:
        assert "base_url" in str(error)


# -- sharing a session ---------------------------------------------------------------------------


async def test_law_8_a_vendor_that_hangs_does_not_hold_up_another(
    make_transport: MakeTransport,
) -> None:
    """Four hundred requests that get no answer leave connections for the others."""
    full = asyncio.Event()

    async def hang(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if len(wire.heads) == 64:
            full.set()

    async with Wire(hang).listening() as hanging, _says(OK).listening() as fine:
        stuck = make_transport(hanging.url)
        calls = [asyncio.create_task(stuck.request("GET", "/")) for _ in range(400)]
        await full.wait()
        assert (await make_transport(fine.url).request("GET", "/")).status == 200
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    assert hanging.connections == 64


async def test_law_8_lanes_that_hang_hold_no_more_than_their_share(
    make_transport: MakeTransport,
) -> None:
    """Three accounts that hang, each with more requests than connections: the fourth goes on."""
    full = asyncio.Event()

    async def hang(wire: Wire, writer: asyncio.StreamWriter) -> None:
        if len(wire.heads) == 6:
            full.set()

    async with (
        open_session(lanes=4, max_connections=8) as session,
        Wire(hang).listening() as hanging,
        _says(OK).listening() as fine,
    ):
        calls = [
            asyncio.create_task(transport.request("GET", "/"))
            for transport in [make_transport(hanging.url, session=session) for _ in range(3)]
            for _ in range(10)
        ]
        await full.wait()
        healthy = make_transport(fine.url, session=session)
        answers = await asyncio.gather(*(healthy.request("GET", "/") for _ in range(20)))
        await asyncio.sleep(0.02)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        again = [make_transport(fine.url, session=session) for _ in range(30)]
        more = await asyncio.gather(*(transport.request("POST", "/") for transport in again))

    assert [answer.status for answer in (*answers, *more)] == [200] * 50
    assert hanging.connections == 6

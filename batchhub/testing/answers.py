"""What a scripted vendor answers, and the ways in which an answer arrives or doesn't."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web
from attrs import field, frozen
from multidict import CIMultiDict

from batchhub._base.clock import Clock
from batchhub._base.json import dumps

from .seen import SeenRequest, shorten

_PIECES: Final = 10
"""In how many pieces a slow body comes."""

_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


@frozen(kw_only=True)
class Answer:
    """
    An HTTP answer.

    Attributes:
        status: Its HTTP status.
        headers: Its headers. Those about connection and length are the server's.
        body: Its body, sent as it is: compress it yourself if a header says so.
    """

    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return f"{self.status} {shorten(self.body.decode('utf-8', 'replace'))}".rstrip()


AnswerMaker = Callable[[SeenRequest], Any]
"""Makes an answer for a request: an `Answer`, or a body; plain or async."""


def make_answer(
    body: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """
    Make an answer.

    Args:
        body: Bytes and text go as they are, `None` is an empty body, anything else goes as JSON.
        status: The HTTP status.
        headers: In addition to a fitting ``Content-Type``, or in place of it.

    Raises:
        TypeError: The body has something JSON can't express.
    """
    made: CIMultiDict[str] = CIMultiDict()
    if isinstance(body, str):
        made[hdrs.CONTENT_TYPE] = _TEXT
        data = body.encode()
    elif isinstance(body, bytes):
        data = body
    elif body is None:
        data = b""
    else:
        made[hdrs.CONTENT_TYPE] = _JSON
        data = dumps(body)
    made.update(headers or {})
    return Answer(status=status, headers=made, body=data)


@frozen(kw_only=True)
class Exchange:
    """
    A request that waits for its answer.

    Attributes:
        request: The server's own request.
        seen: The same, as a test reads it.
        clock: What a slow answer is measured by.
        closing: Set when the vendor stops.
    """

    request: web.Request
    seen: SeenRequest
    clock: Clock
    closing: asyncio.Event


Deliver = Callable[[Exchange], Awaitable[web.StreamResponse]]
"""Sends an answer or does something else to the connection; gives what the handler returns."""


def deliver(
    make: Answer | AnswerMaker, *, copies: int = 1, after_s: float = 0.0, over_s: float = 0.0
) -> Deliver:
    """Return what sends a complete answer, late or slowly, perhaps more than once."""

    async def send(exchange: Exchange) -> web.StreamResponse:
        answer = await _make(make, exchange.seen)
        if after_s:
            await exchange.clock.sleep(after_s)
        for _ in range(copies - 1):
            _transport(exchange).write(_on_the_wire(answer))
        if over_s:
            return await _dribble(exchange, answer, over_s)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    return send


def break_off(answer: Answer, after_bytes: int) -> Deliver:
    """Return what sends the head of an answer and some bytes of its body, and then hangs up."""

    async def send(exchange: Exchange) -> web.StreamResponse:
        stream = await _begin(exchange, answer)
        await stream.write(answer.body[:after_bytes])
        _transport(exchange).close()
        return stream

    return send


def send_raw(data: bytes) -> Deliver:
    """Return what sends bytes in place of an answer, and then hangs up."""

    async def send(exchange: Exchange) -> web.StreamResponse:
        transport = _transport(exchange)
        transport.write(data)
        transport.close()
        return web.Response()

    return send


async def hang_up(exchange: Exchange) -> web.StreamResponse:
    """Cut the connection without a byte of an answer."""
    _transport(exchange).abort()
    return web.Response()


async def stay_silent(exchange: Exchange) -> web.StreamResponse:
    """Send nothing, for as long as the client waits or the vendor runs."""
    await exchange.closing.wait()
    return await hang_up(exchange)


async def _make(make: Answer | AnswerMaker, seen: SeenRequest) -> Answer:
    if isinstance(make, Answer):
        return make
    made = make(seen)
    if inspect.isawaitable(made):
        made = await made
    return made if isinstance(made, Answer) else make_answer(made)


async def _begin(exchange: Exchange, answer: Answer) -> web.StreamResponse:
    stream = web.StreamResponse(status=answer.status, headers=answer.headers)
    stream.content_length = len(answer.body)
    await stream.prepare(exchange.request)
    return stream


async def _dribble(exchange: Exchange, answer: Answer, over_s: float) -> web.StreamResponse:
    stream = await _begin(exchange, answer)
    size = -(-len(answer.body) // _PIECES) or 1
    for start in range(0, len(answer.body), size):
        await exchange.clock.sleep(over_s / _PIECES)
        await stream.write(answer.body[start : start + size])
    return stream


def _on_the_wire(answer: Answer) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


def _transport(exchange: Exchange) -> asyncio.Transport:
    transport = exchange.request.transport
    if transport is None:
        raise ConnectionResetError("the client has hung up")
    return transport

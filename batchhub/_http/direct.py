"""
The short way of a poll: a GET without a body, written straight to a connection of the pool.

What `aiohttp.ClientSession` does anew for each request, for cookies, redirects, proxies, bodies,
middlewares and headers, costs more than the request itself; of a poll nothing changes but its
path. Connections, TLS, and the parsing of answers stay aiohttp's.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from yarl import URL

from .connector import CUT, Connector, name_cut
from .limits import Limits

_INTERIM: Final = frozenset({100, *range(102, 200)})
"""Statuses of answers that another one follows."""


def _find_fit() -> bool:
    taken = inspect.signature(ResponseHandler.set_response_params).parameters
    return {"read_until_eof", "auto_decompress"} <= taken.keys() and all(
        hasattr(ResponseHandler, name)
        for name in ("read", "read_timeout", "set_exception", "start_timeout")
    )


FITS: Final = _find_fit()
"""Whether aiohttp is as this module knows it. Of another one nothing is assumed: every request
takes the usual way."""


class Head:
    """
    What the requests of an account that carry the same headers have in common, made once.

    Args:
        base_url: Scheme and host.
        headers: All but ``Host``; no name and no value holds a control character.
        limits: How long their answers may take.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], limits: Limits) -> None:
        self.limits = limits
        self.connect_timeout = aiohttp.ClientTimeout(connect=limits.connect_s)
        self.request = aiohttp.ClientRequest(
            "GET", URL(base_url), headers=headers, loop=asyncio.get_running_loop()
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.request.headers.items())
        self._rest = f" HTTP/1.1\r\n{lines}\r\n".encode()

    def make(self, path: str) -> bytes:
        """Return the whole request for a path, percent-encoded."""
        return b"GET " + path.encode("ascii") + self._rest


class DirectAnswer:
    """
    An answer, to be read as those of aiohttp's client are. Made by `ask`.

    Attributes:
        method: The request's method: always GET.
        status: Its HTTP status.
        headers: Its headers.
        content: Its body, as it comes.
        connection: What it comes over.
    """

    __slots__ = ("_timer", "connection", "content", "headers", "status")
    method: Final = "GET"

    def __init__(
        self, connection: Connection, message: RawResponseMessage, content: aiohttp.StreamReader
    ) -> None:
        self.status = message.code
        self.headers: Mapping[str, str] = message.headers
        self.content = content
        self.connection = connection
        self._timer: asyncio.TimerHandle | None = None

    @property
    def content_length(self) -> int | None:
        """How many bytes the body has by its ``Content-Length``."""
        length = self.headers.get("Content-Length")
        return None if length is None else int(length)

    def release(self) -> None:
        """Give the connection back, or close it if the answer was not read to its end."""
        if self._timer is not None:
            self._timer.cancel()
        self.connection.release()

    def limit(self, loop: asyncio.AbstractEventLoop, began_s: float, limits: Limits) -> None:
        """Limit the time for the rest of the body: it did not come with the head."""
        self._timer = loop.call_at(began_s + limits.total_s, _time_out, self.content)
        protocol = self.connection.protocol
        if protocol is not None:
            protocol.read_timeout = limits.read_s
            protocol.start_timeout()


async def ask(connector: Connector, head: Head, path: str) -> DirectAnswer:
    """
    Send a request, and wait for the head of its answer. Release that when it is read.

    Args:
        connector: The pool its connection is from.
        head: All of it but its path.
        path: From the ``/`` after the host, percent-encoded.

    Raises:
        StaleConnectionError: The connection was cut, and had been kept from an earlier request.
        DisconnectedError: It was cut.
        aiohttp.ClientError: There was no connection, or no answer that is HTTP.
    """
    loop, limits = asyncio.get_running_loop(), head.limits
    began_s = loop.time()
    try:
        connection, is_reused = await connector.get(head.request, [], head.connect_timeout)
    except TimeoutError as error:
        raise aiohttp.ConnectionTimeoutError("no connection in time") from error
    protocol = connection.protocol
    assert protocol is not None  # noqa: S101  # nobody has released it
    # The head is one piece of an answer, and mostly all of the answer comes with it.
    first_s = min(limits.read_s, limits.total_s)
    timer = loop.call_at(began_s + first_s, _time_out, protocol)
    try:
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        _write(protocol, head.make(path))
        message, content = await protocol.read()
        while message.code in _INTERIM:
            message, content = await protocol.read()
    except BaseException as error:  # a cancelled one as well: its answer may still come
        connection.close()
        if isinstance(error, CUT):
            raise name_cut(is_reused=is_reused) from error
        raise
    finally:
        timer.cancel()
    answer = DirectAnswer(connection, message, content)
    if not content.is_eof():
        answer.limit(loop, began_s, limits)
    return answer


def _write(protocol: ResponseHandler, data: bytes) -> None:
    transport = protocol.transport
    if transport is None or transport.is_closing():
        raise aiohttp.ServerDisconnectedError
    transport.write(data)


def _time_out(awaited: ResponseHandler | aiohttp.StreamReader) -> None:
    awaited.set_exception(aiohttp.SocketTimeoutError("no answer in time"))

"""The pool of connections: aiohttp's, without its resends, and with what it knows of each."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

import aiohttp

from .body import end_with_connection

# Of the task: `connect` runs in the one that sends.
_is_reused: ContextVar[bool] = ContextVar("batchhub_is_reused", default=False)

CUT: Final = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)
"""What aiohttp raises when a connection is cut before the head of an answer."""


class DisconnectedError(aiohttp.ClientConnectionError):
    """The connection was cut when the request may have been sent."""


class StaleConnectionError(DisconnectedError):
    """A connection that was kept from an earlier request was cut before any answer."""


class Connector(aiohttp.TCPConnector):
    """A pool of connections that says whether a request got a used one."""

    async def connect(self, req: Any, *args: Any, **kwargs: Any) -> Any:
        """Get a connection, as aiohttp's client does."""
        connection, is_reused = await self.get(req, *args, **kwargs)
        _is_reused.set(is_reused)
        return connection

    async def get(self, req: Any, *args: Any, **kwargs: Any) -> tuple[Any, bool]:
        """
        Get a connection over which nothing has come that nobody asked for.

        An answer that came while it was kept would be taken for that of the next request.

        Returns:
            The connection, and whether it was used before.
        """
        while True:
            connection = await super().connect(req, *args, **kwargs)
            protocol: Any = connection.protocol
            is_reused = mark_used(protocol)
            if not (is_reused and protocol.should_close):
                return connection, is_reused
            connection.close()

    def abandon(self) -> None:
        """Let go of all connections without the event loop, which has ended."""
        with suppress(RuntimeError):
            self._close()


def mark_used(protocol: Any) -> bool:
    """Take note that a connection is used; return whether it had been before."""
    if getattr(protocol, "batchhub_is_used", False):
        return True
    protocol.batchhub_is_used = True
    end_with_connection(protocol)
    return False


async def refuse_resend(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """
    Keep aiohttp from sending a request again by itself.

    It does so once, for GET, PUT, DELETE and others, when a connection is cut; but not when the
    error is one it does not know.

    Raises:
        StaleConnectionError: The connection was cut, and had been kept from an earlier request.
        DisconnectedError: It was cut.
    """
    _is_reused.set(False)
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except CUT as error:
        raise name_cut(is_reused=_is_reused.get()) from error


def name_cut(*, is_reused: bool) -> DisconnectedError:
    """Return what a cut of a connection is."""
    kind = StaleConnectionError if is_reused else DisconnectedError
    return kind("the connection was cut")

"""What is spoken on a connection before anybody knows for which page it is."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiohttp import web

from batchhub._base.log import get_logger

from .guard import HEADERS
from .rendering import LAST_RESORT

PATIENCE_S: Final = 30.0
"""Seconds that a connection has for its first request."""

_IDLE_S: Final = 150.0
"""Seconds from one request to the next on a connection; proxies close theirs earlier."""

_BAD: Final = 400
_INTERNAL: Final = 500
_TEXT: Final = "This is no request that a browser makes.\n"

_log = get_logger()
_silent: Final = logging.Logger("batchhub-page", logging.CRITICAL + 1)


class Protocol(web.RequestHandler):
    """
    Speaks HTTP; what is none is answered plainly, and without a traceback in the log.

    A connection that asks for nothing is closed: whoever opens many would shut others out.
    """

    __slots__ = ("_patience",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a first request."""
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(PATIENCE_S, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wait no longer."""
        self._patience.cancel()
        super().connection_lost(exc)

    def note_request(self) -> None:
        """Note that a request has come, all but its body."""
        self._patience.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _INTERNAL,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what can't be read, or what no page could be made of."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        is_ours = status >= _INTERNAL
        if is_ours:
            _log.error("page.failed", path="", error=type(exc).__name__)
        response = web.Response(
            status=status,
            text=LAST_RESORT if is_ours else _TEXT,
            content_type="text/html" if is_ours else "text/plain",
            headers={**HEADERS, "Cache-Control": "no-store", "Server": "batchhub"},
        )
        response.force_close()
        return response


def make_protocol(server: web.Server, loop: asyncio.AbstractEventLoop) -> Protocol:
    """Make what speaks on a new connection; nothing of a request is logged."""
    return Protocol(
        server, loop=loop, keepalive_timeout=_IDLE_S, access_log=_silent, logger=_silent
    )

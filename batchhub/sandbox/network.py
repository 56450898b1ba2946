"""What lies between a vendor and its callers: a proxy, slow lines, connections that reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from .answers import AnswerError, HangUpError
from .call import Call
from .state import SandboxState

_DRIBBLE_S: Final = 0.1
"""The fewest seconds between two dribbles: a byte at a time would only warm the machine."""

_PROXY_PAGE: Final = "<html><head><title>Error</title></head><body>proxy error</body></html>"
_FAULTS: Final = (
    "cut_calls",
    "html_error",
    "lost_answers",
    "reset_answers",
    "trickled_answers",
)
_ERROR: Final = 400


class Network:
    """
    Does to calls and answers what the switches of a sandbox say.

    What was executed stays executed: to the vendor a call whose answer is lost has ended.

    Args:
        sandbox: The vendor behind it.
    """

    def __init__(self, sandbox: SandboxState) -> None:
        self._sandbox = sandbox
        self._selected = 0

    def strikes(self, verb: str) -> bool:
        """
        Return whether the switches select a call; of those they name only every n-th.

        Args:
            verb: What it is for.
        """
        switches = self._sandbox.switches
        if not switches.answer_delay_s and not any(switches.is_on(name) for name in _FAULTS):
            return False
        verbs = [verb.strip() for verb in switches.network_verbs.split(",")]
        if switches.network_verbs and verb not in verbs:
            return False
        self._selected += 1
        return self._selected % switches.network_every == 0

    def disturb_call(self) -> None:
        """
        Let a call through to the vendor.

        Raises:
            AnswerError: A proxy answers it instead.
            HangUpError: Its connection has to be cut.
        """
        if self._sandbox.strikes("cut_calls"):
            raise HangUpError("cut before anything was executed")
        if self._sandbox.strikes("html_error"):
            raise AnswerError(self._sandbox.switches.html_error_status, _PROXY_PAGE)

    async def send(self, call: Call, response: web.StreamResponse) -> web.StreamResponse:
        """
        Send an answer, or leave it to be sent as usual.

        Args:
            call: What it answers.
            response: The answer; one without a body in memory can only be held back or lost.

        Returns:
            The answer that the handler has to return.

        Raises:
            HangUpError: The connection has to be cut now.
        """
        sandbox = self._sandbox
        await sandbox.clock.sleep(sandbox.switches.answer_delay_s)
        if response.status < _ERROR and sandbox.strikes("lost_answers"):
            raise HangUpError("executed, and cut before the answer")
        if not (isinstance(response, web.Response) and isinstance(response.body, bytes)):
            return response
        if sandbox.strikes("reset_answers"):
            return await self._reset(call.request, response, response.body)
        if sandbox.strikes("trickled_answers"):
            return await self._trickle(call, response, response.body)
        return response

    async def _reset(
        self, request: web.Request, response: web.Response, body: bytes
    ) -> web.StreamResponse:
        size = min(self._sandbox.switches.reset_after_bytes, max(0, len(body) - 1))
        stream = await _begin(request, response, length=len(body))
        await stream.write(body[:size])
        if request.transport is not None:
            _make_abort_reset(request.transport)
        raise HangUpError(f"reset after {size} of {len(body)} bytes of the answer")

    async def _trickle(self, call: Call, response: web.Response, body: bytes) -> web.StreamResponse:
        switches = self._sandbox.switches
        bytes_per_s = switches.trickle_bytes_per_s
        is_endless = switches.trickle_endless and bytes_per_s > 0.0
        self._sandbox.note(call, "trickled")
        stream = await _begin(call.request, response, length=None if is_endless else len(body))
        if bytes_per_s == 0.0:
            await stream.write(b"")
            # Until the client closes the connection, or the server stops: both cancel this.
            await asyncio.Event().wait()
        try:
            await self._dribble(stream, body, bytes_per_s)
            while is_endless:
                await self._dribble(stream, b" " * 100, bytes_per_s)
        except ConnectionResetError:
            self._sandbox.note(call, "trickled, and the client hung up")
        return stream

    async def _dribble(self, stream: web.StreamResponse, data: bytes, bytes_per_s: float) -> None:
        size = max(1, round(bytes_per_s * _DRIBBLE_S))
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await self._sandbox.clock.sleep(len(piece) / bytes_per_s)
            await stream.write(piece)


async def _begin(
    request: web.Request, response: web.Response, *, length: int | None
) -> web.StreamResponse:
    """Make the answer anew with the same headers, so that its body can come in pieces."""
    headers = CIMultiDict(response.headers)
    headers.popall(hdrs.CONTENT_LENGTH, None)
    stream = web.StreamResponse(status=response.status, reason=response.reason, headers=headers)
    if length is None:
        stream.enable_chunked_encoding()
    else:
        stream.content_length = length
    await stream.prepare(request)
    return stream


def _make_abort_reset(transport: asyncio.BaseTransport) -> None:
    """Let the connection end by a reset (RST): usually it would end politely, by a FIN."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

"""
What open pages hear of: that something has changed. What, they fetch themselves.

The store is looked at for all of them at once, and only while a page is open. A page that is slow
to read is told once, however much has changed meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from secrets import token_hex
from typing import Final

from aiohttp import web

from batchhub._base.clock import Clock

from .door import StoreDoor
from .sessions import Session, Sessions

MOST: Final = 20
"""Streams at once. Whoever comes later looks for changes every 15 seconds."""

LOOK_S: Final = 0.5
"""Seconds from one look at the store to the next."""

_BEAT_S: Final = 15.0
_TICK_S: Final = 1.0
_WRITE_S: Final = 10.0
"""Seconds after which a reader that takes nothing is left."""

_SHARE_S: Final = 0.25
"""Seconds between two changes that a page hears of, for each page that is open: what they fetch
costs the more the more they are."""

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # a proxy would keep what is to be read now
}


class _Stream:
    """A page that listens."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.wake = asyncio.Event()


class Streams:
    """
    Tells open pages of changes.

    Args:
        door: The store.
        sessions: Who is signed in: a stream ends with its session.
        clock: Source of time.
    """

    def __init__(self, door: StoreDoor, sessions: Sessions, clock: Clock) -> None:
        self._door = door
        self._sessions = sessions
        self._clock = clock
        self._start = token_hex(4)  # another process counts anew
        self._streams: set[_Stream] = set()
        self._version = ""
        self._watch: asyncio.Task[None] | None = None
        self._is_closing = False

    def __len__(self) -> int:
        """Return how many pages listen."""
        return len(self._streams)

    async def seen(self) -> str:
        """Return what a page that is made now has seen."""
        return f"{self._start}-{await self._door.version()}"

    async def serve(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Tell a page of changes until it is closed, or its session ends."""
        if self._is_closing or len(self._streams) >= MOST:
            return refuse("full")
        stream = _Stream(session)
        self._streams.add(stream)
        try:
            if self._watch is None:
                self._version = await self.seen()
                self._watch = asyncio.create_task(self._look(), name="batchhub-page-watch")
            response = web.StreamResponse(headers=_HEADERS)
            response.headers["Cache-Control"] = "no-store"
            await response.prepare(request)
            with suppress(ConnectionError, TimeoutError):
                await self._feed(request, response, stream)
            return response
        finally:
            self._streams.discard(stream)
            if not self._streams and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    def wake(self) -> None:
        """Have every stream look whether its session goes on."""
        for stream in self._streams:
            stream.wake.set()

    async def aclose(self) -> None:
        """End all streams."""
        self._is_closing = True
        self.wake()
        if self._watch is not None:
            self._watch.cancel()

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            try:
                version = await self.seen()
            except Exception as error:  # whatever it is, the pages look again
                version = f"{type(error).__name__}"
            if version != self._version:
                self._version = version
                self.wake()

    async def _feed(
        self, request: web.Request, response: web.StreamResponse, stream: _Stream
    ) -> None:
        seen = request.query.get("seen", self._version)
        await _write(response, _event("here", seen))
        changed_at = beat_at = self._clock.monotonic()
        changed_at -= _BEAT_S
        while True:
            if self._is_closing or request.transport is None or request.transport.is_closing():
                return
            if self._sessions.is_over(stream.session):
                await _write(response, _event("ended"))
                return
            now = self._clock.monotonic()
            is_due = now >= changed_at + max(_TICK_S, _SHARE_S * len(self._streams))
            if self._version != seen and is_due:
                seen, changed_at, beat_at = self._version, now, now
                await _write(response, _event("changed", seen))
            elif now >= beat_at + _BEAT_S:
                beat_at = now
                await _write(response, b": here\n\n")
            timer = self._clock.call_later(_TICK_S, stream.wake.set)
            await stream.wake.wait()
            stream.wake.clear()
            timer.cancel()


def refuse(event: str) -> web.Response:
    """Answer a page that gets no stream with one event, such as ``full``; it comes again."""
    return web.Response(body=_event(event), headers=_HEADERS)


def _event(name: str, version: str = "") -> bytes:
    lines = [f"event: {name}", "data: -"]
    if version.isprintable() and version:
        lines.insert(0, f"id: {version}")
    return ("\n".join(lines) + "\n\n").encode()


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(_WRITE_S):
        await response.write(data)

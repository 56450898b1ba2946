"""The one HTTP session of a hub: no cookies, and no request is sent again by itself."""

from __future__ import annotations

import os
import ssl
import weakref
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, ClassVar, Final, Self

import aiohttp
from yarl import URL

from . import direct
from .certificates import find_certificates
from .connector import Connector, refuse_resend
from .shares import Share, Shares

_MAX_CONNECTIONS: Final = 512
"""Half of the usual 1,024 open files of a process; kept connections and the store take others."""

_SPARE_FILES: Final = 512
"""Files left for all else where a process may have more."""

_EFFECT_KEEP_S: Final = 4.0
"""Below the 5 s after which common servers close: whether a request with an effect, sent into a
closing connection, ran can't be known."""

_READ_KEEP_S: Final = 60.0
"""Longer than a poll interval, so that not every poll makes a connection."""

_MAX_KEPT: Final = 128
"""Kept connections are open files too: with more requests than this at once, or to more hosts than
twice as many, none is kept for long."""


class Session:
    """
    What all lanes of a hub send through. Made by `open_session`; an async context manager.

    Requests without an effect go over connections that are kept for a minute; the others over a
    connection that is new, or was used less than 4 s ago.

    Attributes:
        closed: Whether it sends nothing more.

    Args:
        lanes: How many lanes there may be; each gets a share of the connections.
        max_connections: The most connections that are in use at once; by default as many as the
            process may have open files for.
    """

    asks_directly: ClassVar[bool] = direct.FITS
    """Whether `ask` may be used; else all takes the usual way."""

    def __init__(self, *, lanes: int = 1, max_connections: int | None = None) -> None:
        self.closed = False
        self._shares = Shares(limit=max_connections or _find_limit(lanes), lanes=lanes)
        self._hosts: set[URL] = set()
        certificates = find_certificates()
        self._kept = _open(keep_s=_READ_KEEP_S, certificates=certificates)
        self._fresh = _open(keep_s=_EFFECT_KEEP_S, certificates=certificates)
        # One that is left open is the hub's to be named, not each session's within it.
        self._leave = weakref.finalize(self, _abandon, os.getpid(), self._kept, self._fresh)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        self.closed = True
        self._leave.detach()
        try:
            await self._kept.close()
        finally:
            await self._fresh.close()

    def abandon(self) -> None:
        """Let go of all connections: the event loop they belong to has ended."""
        self.closed = True
        self._leave()

    def join(self, base_url: str) -> Share:
        """Return the share of the connections that one more lane has."""
        self._hosts.add(URL(base_url))
        return self._shares.join()

    def leave(self) -> None:
        """Take note that a lane that has joined sends nothing more."""
        self._shares.leave()

    def request(
        self, method: str, url: URL, *, is_kept: bool, **kwargs: Any
    ) -> aiohttp.client._RequestContextManager:
        """
        Send a request once.

        Args:
            method: The HTTP method.
            url: Where to.
            is_kept: Whether it may go over a connection that was kept for long, and may be gone.
            kwargs: What aiohttp takes.
        """
        session = self._choose(is_kept=is_kept)
        return session.request(method, url, allow_redirects=False, **kwargs)

    def ask(
        self, head: direct.Head, path: str, *, is_kept: bool
    ) -> Coroutine[None, None, direct.DirectAnswer]:
        """
        Send a GET without a body once, by the short way.

        Args:
            head: What it has in common with others.
            path: From the ``/`` after the host, percent-encoded.
            is_kept: As for `request`.
        """
        connector = self._choose(is_kept=is_kept).connector
        assert isinstance(connector, Connector)  # noqa: S101  # what `_open` made
        return direct.ask(connector, head, path)

    def _choose(self, *, is_kept: bool) -> aiohttp.ClientSession:
        return self._kept if is_kept and not self._is_crowded else self._fresh

    @property
    def _is_crowded(self) -> bool:
        return self._shares.used > _MAX_KEPT or len(self._hosts) > 2 * _MAX_KEPT


def _abandon(pid: int, *sessions: aiohttp.ClientSession) -> None:
    if os.getpid() != pid:  # a forked process shares what its parent waits on
        return
    for session in sessions:
        if isinstance(connector := session.connector, Connector):
            connector.abandon()
        session.detach()


def open_session(*, lanes: int = 1, max_connections: int | None = None) -> Session:
    """
    Open the session all lanes of a hub share. Close it with ``await session.close()``.

    Args:
        lanes: How many lanes there may be; each gets a share of the connections.
        max_connections: The most connections that are in use at once.
    """
    return Session(lanes=lanes, max_connections=max_connections)


def _find_limit(lanes: int) -> int:
    try:
        import resource  # noqa: PLC0415  # not on every system
    except ImportError:
        return _MAX_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        files = 2**20
    return max(8, min(max(_MAX_CONNECTIONS, 2 * lanes), max(files - _SPARE_FILES, files // 2)))


def _open(*, keep_s: float, certificates: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # `Shares` bounds the connections, lane by lane.
        connector=Connector(limit=0, keepalive_timeout=keep_s, ssl=certificates),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # `read_body` does it, within a limit
        skip_auto_headers=("Content-Type", "User-Agent"),
        middlewares=(refuse_resend,),
    )

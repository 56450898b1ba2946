"""A thread that has a connection to the database, and does a whole transaction at a time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from batchhub._base.under_way import note_hop

from .damage import load_json

T = TypeVar("T")

BUSY_TIMEOUT_S: Final = 10.0
"""Seconds a transaction waits for another process's."""

_busy: Final[WeakSet[threading.Lock]] = WeakSet()
_forking: Final = threading.RLock()
_held: Final[list[threading.Lock]] = []


class Worker:
    """
    A thread with a connection of its own, which no other thread touches.

    Args:
        path: The file; `None` for a database in memory.
        only: How to open a file that can't be written, as SQLite says it: ``mode=ro``, or
            ``immutable=1`` where not even its locks can be.
    """

    def __init__(self, path: Path | None, only: str | None = None) -> None:
        query = {} if only is None else {"uri": "true", **dict([only.split("=")])}
        name = ":memory:" if path is None else str(path)
        if only is not None and path is not None:
            name = f"file:{quote(name)}"
        self.engine: Engine = create_engine(
            URL.create("sqlite", database=name, query=query),
            connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
            json_deserializer=load_json,
            poolclass=NullPool,
        )
        self.only = only
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batchhub-store")
        self._connection: Connection | None = None
        self._busy = threading.Lock()
        with _forking:  # which looks at all of them
            _busy.add(self._busy)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function with the connection, and arguments, in the thread."""
        return await self.start(function, *arguments)

    def start(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Begin such a call."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._run, function, *arguments)
        note_hop(future)
        return future

    async def aclose(self) -> None:
        """Close the connection after all that waits for it, and end the thread."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._close)
        finally:
            self._pool.shutdown(wait=False)

    def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        with self._busy:
            if self._connection is None:
                self._connection = self.engine.connect()
            return function(self._connection, *arguments)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self.engine.dispose()


# A process that forks in the midst of a transaction leaves the child with a connection that holds
# the file's lock, as SQLite in the child sees it, and that nobody ever ends. So a fork waits for
# the transactions that are under way.


def _before_fork() -> None:
    _forking.acquire()
    for busy in list(_busy):
        busy.acquire()
        _held.append(busy)


def _after_fork() -> None:
    while _held:
        _held.pop().release()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )

"""A thread that has a connection to the database, and does a whole transaction at a time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from batchhub._base.forks import make_lock
from batchhub._base.under_way import note_hop

from .works import Lanes, Outcome, Work

T = TypeVar("T")


class Worker(ABC):
    """
    A thread with a connection of its own, which no other thread touches.

    Attributes:
        engine: Makes the connection.
        only: Why it can only read; `None` if it can write.
        news: The lanes that the last commit has something new for, where that is kept; `None` if
            nothing was written.
    """

    def __init__(self, engine: Engine, only: str | None = None) -> None:
        self.engine = engine
        self.only = only
        self.news: Collection[str] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batchhub-store")
        self._connection: Connection | None = None
        self._busy = make_lock()

    @abstractmethod
    def read(self, work: Work[T]) -> asyncio.Future[T]:
        """Begin to run work on one consistent view of the store."""

    @abstractmethod
    def commit(self, works: Sequence[Work[Any]], lanes: Lanes) -> asyncio.Future[list[Outcome]]:
        """Begin to run writes in one transaction; each fails alone, or all with the commit."""

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
            return function(self._connect(), *arguments)

    def _connect(self) -> Connection:
        """Return the connection, made when it is first needed; in the thread."""
        if self._connection is None:
            self._connection = self.engine.connect()
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self.engine.dispose()

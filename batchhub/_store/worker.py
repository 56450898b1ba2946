"""A thread that has a connection to the database, and does a whole transaction at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from batchhub._base.forks import make_lock
from batchhub._base.under_way import note_hop

from .damage import load_json

T = TypeVar("T")

BUSY_TIMEOUT_S: Final = 10.0
"""Seconds a transaction waits for another process's."""


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
        self._busy = make_lock()

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

"""
One database: a thread that writes, a thread that reads, a whole transaction a hop.

Each thread has a connection of its own, so that reading waits for no write; a database in memory
has one of both. What a transaction is on each kind of database, `sqlite` and `postgres` know.
Writes that wait together share a commit, each in a savepoint of its own, so that one bad write
spoils no other. A large one has a commit of its own, and whatever else waits goes between two of
them. A write that was handed over is made even when the task that asked for it is cancelled.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, StatementError

from batchhub._base.measures import StoreMeasures
from batchhub._base.store_place import StorePlace
from batchhub.errors import StoreError, UsageError

from .damage import DamagedError
from .explain import READ_ONLY, explain_error, is_database_error
from .gaps import give_back_some
from .postgres import snapshot_number
from .sqlite import IMMUTABLE, data_version
from .store_file import find_file, refuse_log
from .worker import Worker
from .works import Lanes, Outcome, Work, join_lanes

T = TypeVar("T")

Asked = tuple[Work[Any], Lanes, asyncio.Future[Any]]
"""A write that waits for its commit, the lanes it is about, and who waits for it."""


class StoreMovedError(StoreError):
    """The file a store was opened at is another one by now, or gone: to go on might send twice."""

    retryable = False


class StoreClosedError(StoreError):
    """The store was closed by the hub that opened it."""

    retryable = False


class Database:
    """
    The door to the store's SQL. Open it with `opening.open_database`.

    Attributes:
        place: Where it is.
        name: What to call it in messages.
        measures: Counts of what it wrote.
        on_commit: Called after each commit in a PostgreSQL database that wrote something, with the
            lanes that have something new for whoever drives them, and whether jobs may have
            changed.

    Args:
        writer: What writes to it, or only reads where nothing can be written.
        reader: What reads from it.
        place: Where it is.
        full: Why nothing can be written, if that is for want of room on the disk.
    """

    def __init__(
        self, writer: Worker, reader: Worker, place: StorePlace, full: StoreError | None = None
    ) -> None:
        self._full = full
        self.place = place
        self.name = place.name
        self.measures = StoreMeasures()
        self._pid = os.getpid()
        self._loop = asyncio.get_running_loop()
        # SQLite's own name of it: that of the file a link leads to.
        self._log_path = None if place.path is None else Path(f"{place.path.resolve()}-wal")
        self._opened_at = find_file(place.path)
        self._log_at: tuple[int, int] | None = None
        self._writer = writer
        self._reader = reader
        self._waiting: list[Asked] = []
        self._waiting_bulk: deque[Asked] = deque()
        self._commit: asyncio.Future[list[Outcome]] | None = None
        self._is_bulk = False
        self._closing: asyncio.Task[None] | None = None
        self.on_commit: Callable[[Collection[str], bool], None] | None = None

    @property
    def path(self) -> Path | None:
        """The file it is in; `None` for any other database."""
        return self.place.path

    async def read(self, work: Work[T]) -> T:
        """
        Run `work` on one consistent view of the store.

        Raises:
            StoreError: It could not be read.
        """
        if self._reader.only == IMMUTABLE and self.path is not None:
            refuse_log(self.path, self.name)  # somebody writes to it by now
        self.check_loop()
        return await self._explained(self._reader.read(work))

    async def write(self, work: Work[T], *, bulk: bool = False, lanes: Lanes = None) -> T:
        """
        Run `work` in a transaction, durable when this returns.

        Args:
            work: What is done.
            bulk: Whether it takes long: it gets a commit of its own, after what else waits.
            lanes: The lanes it is about, where others may write of other lanes meanwhile; see
                `Lanes`.

        Raises:
            StoreError: It could not be written; the store is as it was before.
        """
        self.check_loop()
        self.check_writable()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        (self._waiting_bulk if bulk else self._waiting).append((work, lanes, future))
        loop.call_soon(self._begin_commit)  # what else this turn of the loop writes goes along
        return await future

    def check_file(self) -> None:
        """
        Check that the store is still where it was opened; for a write that leads to a request.

        Whoever opens it next would not find what is written to a file that was moved or deleted.

        Raises:
            StoreMovedError: It is gone, or another file is in its place.
        """
        found, log = find_file(self.path), find_file(self._log_path)
        self._log_at = self._log_at or log  # it is there from the first write to the last close
        if found != self._opened_at or log != self._log_at:
            is_gone = found is None or (found == self._opened_at and log is None)
            what = "deleted or moved" if is_gone else "replaced by another"
            raise StoreMovedError(
                f"store {self.name}: the file was {what} while it was in use; nothing more is "
                "sent. Put it back, or start again with the store that is there now"
            )

    @property
    def is_read_only(self) -> bool:
        """Whether the file could only be opened for reading."""
        return self._writer.only is not None

    def check_writable(self) -> None:
        """
        Refuse to write to a store that could only be opened for reading.

        Raises:
            StoreError: This is one; why is said.
        """
        if self.is_read_only:
            if self.place.is_postgres:
                raise StoreError(f"store {self.name}: {self._writer.only}")
            raise self._full or StoreError(f"store {self.name}: {READ_ONLY}")

    async def foreign_version(self) -> int:
        """
        Return a number that changes when another process, or another hub, writes.

        On PostgreSQL it also changes when this one does, or anybody at the same server.
        """
        self.check_loop()
        if self.place.is_postgres:
            return await self._explained(self._reader.read(snapshot_number))
        # Of the writer's connection: it does not count what that connection itself commits.
        return await self._explained(self._writer.read(data_version))

    async def give_back_some(self) -> bool:
        """
        Give some of the room of what was deleted back to the disk; return whether there is more.

        Raises:
            StoreError: Another process writes for long, or the store is of an earlier version and
                the disk has no room for a second copy.
        """
        if self.place.is_postgres:
            return False  # its own cleaning goes on all the time
        self.check_loop()
        return await self._explained(self._writer.start(give_back_some))

    async def aclose(self) -> None:
        """Finish what has begun and close; nothing has, if the event loop it began in has ended."""
        if self.has_lost_loop:
            self._waiting, self._commit = [], None
            self._waiting_bulk.clear()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="batchhub-store-close")
        # Goes on if the caller is cancelled meanwhile; whoever closes it again waits for the same.
        await asyncio.shield(self._closing)

    @property
    def has_lost_loop(self) -> bool:
        """Whether the event loop it was opened in has ended, and every task of it."""
        return self._loop.is_closed()

    @property
    def is_usable(self) -> bool:
        """Whether it is open, and this process has opened it."""
        return self._closing is None and os.getpid() == self._pid

    def check_usable(self) -> None:
        """
        Check that it is open, and that this process has opened it.

        Raises:
            StoreClosedError: It is closed.
            UsageError: This is a fork of the process that opened it.
        """
        if self._closing is not None:
            raise StoreClosedError(
                f"store {self.name}: it is closed, as its hub is; open a hub, and get the job there"
            )
        if os.getpid() != self._pid:  # its threads and locks have stayed with the parent
            raise UsageError(
                f"store {self.name} was opened by process {self._pid}, and a fork of it can't use "
                "it; open a hub of its own in each process"
            )

    def check_loop(self) -> None:
        """
        Check that it can be used by the running event loop.

        Raises:
            StoreClosedError: It is closed.
            UsageError: Another event loop has opened it, or the parent of this process.
        """
        self.check_usable()
        if asyncio.get_running_loop() is not self._loop:
            what = "an event loop that has ended" if self.has_lost_loop else "another event loop"
            raise UsageError(
                f"store {self.name} was opened in {what}; open a hub of its own in each "
                "(asyncio.run makes a new one), or use batchhub.sync"
            )

    async def _close(self) -> None:
        while True:
            self._begin_commit()
            if self._commit is None:
                break
            await asyncio.wait({self._commit})
        for worker in {self._reader, self._writer}:
            await worker.aclose()

    async def _explained(self, answer: asyncio.Future[T]) -> T:
        try:
            return await answer
        except Exception as error:
            explained = self._explain(error)
            if explained is error:
                raise
            raise explained from error

    # No task, which whoever ends the loop would cancel: the thread commits all the same, and
    # the callers would hear of a failure that was none.

    def _begin_commit(self) -> None:
        """Commit what waits, all of it or one that is large, unless a commit is under way."""
        if self._commit is not None or not (self._waiting or self._waiting_bulk):
            return
        # In turn, so that neither kind waits for long while the other keeps coming.
        self._is_bulk = bool(self._waiting_bulk) and not (self._waiting and self._is_bulk)
        asked = [self._waiting_bulk.popleft()] if self._is_bulk else self._take_waiting()
        try:
            works = [work for work, _, _ in asked]
            self._commit = self._writer.commit(works, join_lanes(lanes for _, lanes, _ in asked))
        except RuntimeError:  # the interpreter ends, and no thread takes anything any more
            self._settle(asked, [(None, StoreError(f"store {self.name}: the process ends"))])
        else:
            self._commit.add_done_callback(partial(self._end_commit, asked))

    def _take_waiting(self) -> list[Asked]:
        """Take what goes into the next commit, in the order in which it was asked for."""
        asked, end = self._waiting, len(self._waiting)
        if self.place.is_postgres:
            # One write that lets no other go on would have all that goes along with it do so.
            kinds = [lanes is None for _, lanes, _ in asked]
            end = next((n for n, kind in enumerate(kinds) if kind != kinds[0]), end)
        self._waiting = asked[end:]
        return asked[:end]

    def _end_commit(self, asked: Sequence[Asked], committed: asyncio.Future[list[Outcome]]) -> None:
        self._commit = None
        error = committed.exception()
        if error is None:
            outcomes = committed.result()
        elif isinstance(error, Exception) and is_database_error(error):  # it can't be reached
            outcomes = [(None, error)]
        else:  # nobody may wait for ever, whatever it was
            outcomes = [
                (None, StoreError(f"store {self.name}: {type(error).__name__} while writing"))
            ]
        self._note(outcomes)
        if self.on_commit is not None and (lanes := self._writer.news) is not None:
            self.on_commit(lanes, any(about is None or len(about) > 0 for _, about, _ in asked))
        self._settle(asked, outcomes)
        self._begin_commit()

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        """Count a commit, or one that failed; what else went wrong is the writers' own."""
        failures = [failure for _, failure in outcomes if failure is not None]
        if len(failures) < len(outcomes):
            self.measures.note_commit()
            return
        reason = self._explain(failures[0])
        if isinstance(reason, StoreError) and not isinstance(reason, DamagedError):
            self.measures.note_failure(str(reason))

    def _settle(self, asked: Sequence[Asked], outcomes: Sequence[Outcome]) -> None:
        """Tell who waits what came of their writes; one outcome may be that of all."""
        if len(outcomes) == 1:
            outcomes = [*outcomes] * len(asked)
        for (*_, future), (result, failure) in zip(asked, outcomes, strict=True):
            if future.done():
                continue  # its caller was cancelled
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(self._explain(failure))

    def _explain(self, error: Exception) -> Exception:
        if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
            # A value SQL has no form for: the fault of the caller, and not one to try again.
            return error.orig if isinstance(error.orig, Exception) else error
        return explain_error(error, self.name) if is_database_error(error) else error

"""Takes exchanges from the transport, and has a thread of its own write them."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.file_mode import FileMode
from batchhub._base.forks import make_lock
from batchhub._base.log import get_logger
from batchhub._base.state_folder import make_state_folder
from batchhub._base.store_place import StorePlace
from batchhub._http.journal import Noted
from batchhub.errors import StoreError

from .file import open_to_write
from .reading import explain
from .where import find_record
from .writer import (
    MOST_BYTES,
    Row,
    delete_jobs,
    delete_old,
    make_row,
    without_bodies,
    write_rows,
)

GATHER_S: Final = 0.2
"""Seconds for which exchanges are gathered, to be written in one transaction."""

RETRY_S: Final = 2.0
"""Seconds until a record that could not be written is tried again."""

CLOSE_S: Final = 2.0
"""Seconds that what is waiting gets to be written when the hub is closed."""

BODIES_S: Final = 1.0
"""Seconds of those in which bodies are still kept: to blank them takes long."""

MOST_WAITING: Final = 10_000
"""How many exchanges wait to be written; more are dropped."""

MOST_WAITING_BYTES: Final = 32 * 1024 * 1024
"""How much of their bodies; of more exchanges only the heads wait."""

_BATCH: Final = 500
_BATCH_BYTES: Final = 4 * 1024 * 1024
_STEPS_AT_ONCE: Final = 20

_log = get_logger()


class ExchangeLog:
    """
    The record of exchanges of one store, as one hub writes it.

    Nobody waits for it, and nothing fails with it: what can't be written is tried again, and
    dropped if that takes too long. The file is made with the first exchange. A store in memory has
    none; of one on PostgreSQL each machine has what it sent itself.

    Args:
        store: The store, or its file; `None` for one in memory.
        mode: Who may use the record, as for the store.
        clock: Says how old an exchange is.
        most_bytes: How large the record gets.

    Attributes:
        path: The file; `None` without one.
        dropped: How many exchanges could not be written.
        is_elsewhere: Whether the store is not on this machine, and each has a record of its own.
    """

    def __init__(
        self,
        store: StorePlace | Path | None,
        mode: FileMode,
        clock: Clock,
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.path = find_record(store)
        self.dropped = 0
        self.is_elsewhere = isinstance(store, StorePlace) and store.is_postgres
        self._mode = FileMode.PRIVATE if self.is_elsewhere else mode
        self._clock = clock
        self._most_bytes = most_bytes
        self._pid = os.getpid()
        self._waiting: deque[Noted] = deque()
        self._waiting_bytes = 0
        self._open = 0  # taken, and neither written nor dropped
        self._pruned: deque[str] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = self._is_hurried = False
        self._said_dropped = 0
        self._bodies_until_s = math.inf
        # Of the thread alone.
        self._transaction = make_lock()
        self._rows: list[Row] = []
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._is_failing = False

    def note(self, noted: Noted) -> None:
        """Take an exchange; it neither waits nor raises."""
        if self.path is None or os.getpid() != self._pid:
            return  # in a fork nobody ever lets go of the lock
        size_bytes = _size(noted)
        with self._changed:
            if self._is_closing:
                return
            if self._open >= MOST_WAITING:
                self.dropped += 1
                return
            if self._waiting_bytes + size_bytes > MOST_WAITING_BYTES:
                noted, size_bytes = without_bodies(noted, "too many were waiting"), 0
            self._waiting.append(noted)
            self._open += 1
            self._waiting_bytes += size_bytes
            if self._open == 1 or self._open % _BATCH == 0:  # else it is at work, or gathers
                self._wake()

    def forget(self, job_ids: Iterable[str]) -> None:
        """Delete what was about jobs, which are gone from the store."""
        if self.path is None or os.getpid() != self._pid:
            return
        with self._changed:
            if self._is_closing or (self._thread is None and not self.path.exists()):
                return
            self._pruned.extend(job_ids)
            if self._pruned:
                self._wake()

    def flush(self, patience_s: float = CLOSE_S) -> None:
        """Wait until what was taken until now is written, or can't be; not for long."""
        if self._thread is None or os.getpid() != self._pid:
            return
        with self._changed:
            if self._has_work:
                self._is_hurried = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._is_hurried, patience_s)

    @property
    def is_running(self) -> bool:
        """Whether its thread is at work, so that `close` may take a moment."""
        return self._thread is not None

    def close(self, patience_s: float = CLOSE_S) -> None:
        """Write what is waiting, and end the thread; what takes longer is given up."""
        if os.getpid() != self._pid:
            return
        with self._changed:
            self._is_closing = True
            self._bodies_until_s = time.monotonic() + BODIES_S
            self._changed.notify_all()
            thread = self._thread
        if thread is None:
            return
        thread.join(patience_s)
        with self._changed:
            self.dropped += self._open
            self._open = 0
        self._say_dropped()

    def _wake(self) -> None:
        if self._thread is None:
            # A daemon: it keeps no process from its end, and SQLite's file stays whole.
            self._thread = threading.Thread(
                target=self._run, name="batchhub-exchanges", daemon=True
            )
            self._thread.start()
        self._changed.notify_all()

    # In the thread.

    def _run(self) -> None:
        while self._wait():
            was_closing = self._is_closing
            with self._transaction:
                self._step()
            with self._changed:
                if self._is_failing or not self._has_work:
                    self._is_hurried = False
                    self._changed.notify_all()
            if was_closing and self._is_failing:
                break
        with self._transaction:
            self._disconnect()

    @property
    def _has_work(self) -> bool:
        return self._open > 0 or bool(self._pruned)

    def _wait(self) -> bool:
        """Wait for something to write, and a moment for more of it; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_work or self._is_closing)
            pause_s = RETRY_S if self._is_failing else GATHER_S
            self._changed.wait_for(
                lambda: (
                    self._is_closing
                    or self._is_hurried
                    or (not self._is_failing and len(self._waiting) >= _BATCH)
                ),
                pause_s,
            )
            return self._has_work

    def _step(self) -> None:
        """Write some of what is waiting; what can't be written now stays."""
        if not self._rows:
            self._rows = self._make_rows()
        try:
            connection = self._connect()
            if self._rows:
                write_rows(connection, self._rows)
                self._let_go()
            while self._pruned:
                delete_jobs(connection, [self._pruned[0]])
                self._pruned.popleft()
            for _ in range(_STEPS_AT_ONCE):
                if not delete_old(connection, self._clock.now(), self._most_bytes):
                    break
        except (sqlite3.Error, OSError, StoreError) as error:
            self._disconnect()
            self._fail(error)
        except Exception as error:  # of no use to try again; the next ones may be written
            self.dropped += len(self._rows)
            self._let_go()
            self._disconnect()
            self._fail(error)
        else:
            self._succeed()

    def _let_go(self) -> None:
        """Take note that what was in hand is written, or never will be."""
        with self._changed:
            self._open -= len(self._rows)
            self._rows = []

    def _make_rows(self) -> list[Row]:
        """Take some of what is waiting, in the form in which it is written."""
        rows: list[Row] = []
        size_bytes = 0
        while len(rows) < _BATCH and size_bytes < _BATCH_BYTES:
            with self._changed:
                if not self._waiting:
                    break
                noted = self._waiting.popleft()
                self._waiting_bytes -= _size(noted)
            size_bytes += _size(noted)
            if time.monotonic() > self._bodies_until_s:
                noted = without_bodies(noted, "the hub was closed")
            try:
                rows.append(make_row(noted))
            except Exception as error:
                self.dropped += 1
                with self._changed:
                    self._open -= 1
                self._fail(error)
        return rows

    def _connect(self) -> sqlite3.Connection:
        """Return the connection to the file; to another one, if it is no longer the same."""
        assert self.path is not None  # noqa: S101  # else nothing is taken
        if self._connection is not None and _find(self.path) != self._file:
            self._disconnect()  # it was deleted, or replaced
        if self._connection is None:
            if self.is_elsewhere:
                make_state_folder()
            self._connection = open_to_write(self.path, self._mode)
            self._file = _find(self.path)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _fail(self, error: Exception) -> None:
        """Say, once until it is written again, that the record can't be."""
        if not self._is_failing and self.path is not None:
            self._is_failing = True
            known = isinstance(error, sqlite3.Error | OSError | StoreError)
            text = str(error) if known else f"{type(error).__name__}: {error}"
            why = text if isinstance(error, StoreError) else explain(error, self.path)
            _log.warning("exchanges.failed", file=str(self.path), error=why)

    def _succeed(self) -> None:
        if self._is_failing:
            self._is_failing = False
            _log.info("exchanges.resumed", file=str(self.path), dropped=self.dropped)
            self._said_dropped = self.dropped

    def _say_dropped(self) -> None:
        if self.dropped > self._said_dropped:
            _log.warning(
                "exchanges.dropped",
                file=str(self.path),
                count=self.dropped - self._said_dropped,
            )
            self._said_dropped = self.dropped


def _size(noted: Noted) -> int:
    """Return how much of an exchange's bodies is in memory."""
    return sum(len(body.data) for body in (noted.sent, noted.received) if body is not None)


def _find(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other one; `None` if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

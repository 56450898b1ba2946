"""
Transactions on PostgreSQL, in the thread of their connection.

As on SQLite each write sees what all before it have written, and nothing comes in between: it locks
the shards of the lanes it is about, or all of them. So writes of different lanes go on beside each
other. Those whose connection was lost before the commit are made again. Where it was lost during
the commit, the database is asked what became of it: a write has been made or it has not, and who
asked for it hears which.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from batchhub._base.failpoints import failpoint
from batchhub._base.store_place import StorePlace
from batchhub.errors import SettingsError, UsageError

from .commit_marks import CommitMark
from .damage import load_json
from .shards import SHARDS, shard_of
from .worker import Worker
from .works import Lanes, Outcome, Work, collect_lanes, end_queries, run_plainly, run_works

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

OUTAGE_S: Final = 5.0
"""Seconds for which a database that can't be reached is waited for; from then on it is said."""

_DOUBT_S: Final = 60.0
"""Seconds for which a database is waited for that may have committed something."""

_AGAIN_S: Final = 0.25
"""Seconds between two tries to reach it."""

_TRIES: Final = 30
"""How often writes are made again that others came in between of."""

_PAUSE_S: Final = 0.002
"""Seconds until then, at most, doubled each time …"""

_LONGEST_PAUSE_S: Final = 0.5
"""… up to these."""

_CONFLICTS: Final = frozenset({"40001", "40P01"})
"""Others came in between: a failure to serialize, a deadlock. They hardly ever do."""

_IS_THERE: Final = "23505"
"""A row with the same key is there."""

_LOCK_TIMEOUT_MS: Final = 10_000

_PROGRAM: Final = "batchhub"
_LONGEST_NAME: Final = 56
"""Bytes of what a connection calls itself; PostgreSQL has 63, and some say what they are for."""

# What a connection is to be like unless its address says otherwise: one whose other end is gone is
# found out in seconds, not in hours.
_USUAL: Final[dict[str, str | int]] = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

_BE_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
# One that stands still in the middle of a transaction would hold up all who want the same rows.
_GIVE_UP: Final = "SELECT set_config('idle_in_transaction_session_timeout', '5s', false)"
_ALL: Final = SHARDS
"""The lock that no two writes have at once: all writes have it, those of some lanes together."""

_SHARED: Final = -_ALL
"""Stands for that lock where it is had together with others."""

# One after the other, in the order in which they are given: nobody waits for a lock who has one
# that comes behind it.
_LOCK: Final = """
SELECT CASE WHEN number < 0 THEN pg_advisory_xact_lock_shared(space, -number)
    ELSE pg_advisory_xact_lock(space, number) END
FROM (SELECT %s::int AS space, unnest(%s::int[]) AS number) AS wanted
"""


def connection_arguments(place: StorePlace) -> dict[str, Any]:
    """
    Return what to call psycopg's ``connect`` with, besides ``autocommit`` and the like.

    Raises:
        UsageError: psycopg is not installed, or the address makes no sense.
    """
    psycopg = _import_psycopg(place)
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  # as above

    try:
        found: dict[str, Any] = conninfo_to_dict(place.url or "")
    except psycopg.ProgrammingError as error:
        # What else it says may have the whole address in it.
        option = re.search(r'query parameter: ("\w+")', str(error))
        why = "its address makes no sense; it is postgresql://USER@HOST/DATABASE"
        if option is not None:
            why = f"PostgreSQL knows no option {option[1]} in its address"
        raise SettingsError(f"store {place.name}: {why}", key="store") from None
    options = f"-c search_path={place.schema} -c lock_timeout={_LOCK_TIMEOUT_MS}"
    return {
        **_USUAL,
        **found,
        "application_name": _make_name(found.get("application_name") or ""),
        "options": f"{options} {found.get('options') or ''}".strip(),
    }


def _make_name(given: str) -> str:
    """Return what a connection calls itself: a copy of the store finds it by how that begins."""
    name = given if given.startswith(_PROGRAM) else f"{_PROGRAM} {given}"
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore").strip()


class _AgainError(Exception):
    """
    Nothing was written, and it can be tried again.

    Attributes:
        reason: Why.
        is_of_one: Whether that is one write's own fault, which the others have no part in.
    """

    def __init__(self, reason: Exception, *, is_of_one: bool = False) -> None:
        super().__init__()
        self.reason = reason
        self.is_of_one = is_of_one


class PostgresWorker(Worker):
    """
    A thread with a connection to a PostgreSQL database, made anew when it was lost.

    Attributes:
        is_patient: Whether a database that can't be reached is waited for a little; else it is said
            at once.

    Args:
        place: The database.
        writes: Whether it writes; else it only reads.
    """

    def __init__(self, place: StorePlace, *, writes: bool) -> None:
        self._arguments = connection_arguments(place)
        self._writes = writes
        digest = hashlib.sha256(f"batchhub {place.schema}".encode()).digest()
        self._lock_space = int.from_bytes(digest[:4], "big", signed=True)
        self.is_patient = False
        self._down_since_s: float | None = None
        self._failed: tuple[float, DBAPIError] | None = None
        self._is_closing = False
        self._mark = CommitMark()
        self._is_marked = False
        super().__init__(self._make_engine())

    def _make_engine(self) -> Engine:
        return create_engine(
            "postgresql+psycopg://",
            creator=self._open,
            json_deserializer=load_json,
            poolclass=NullPool,
            # A statement sees what was committed before it, and the locks before that.
            isolation_level="READ COMMITTED" if self._writes else "REPEATABLE READ",
        )

    def _open(self) -> psycopg.Connection[Any]:
        import psycopg  # noqa: PLC0415  # it is installed: the address was read by it

        raw = psycopg.connect(**self._arguments)
        take_any_text(raw)
        return raw

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        """Begin to run work on one consistent view of the store."""
        return self.start(self._read, work)

    def commit(self, works: Sequence[Work[Any]], lanes: Lanes) -> asyncio.Future[list[Outcome]]:
        """Begin to run writes in one transaction; each fails alone, or all with the commit."""
        return self.start(self._commit, works, self._find_locks(lanes))

    def _find_locks(self, lanes: Lanes) -> list[int]:
        if lanes is None:
            return [_ALL]
        shards = {lane if isinstance(lane, int) else shard_of(lane) for lane in lanes}
        return [_SHARED, *sorted(shards)]

    async def aclose(self) -> None:
        """Close the connection after all that waits for it, and end the thread."""
        self._is_closing = True  # nobody waits any longer for a database that is away
        await super().aclose()

    # In the thread.

    def _connect(self) -> Connection:
        if self._connection is not None and self._is_lost(self._connection):
            self._drop()
        while self._connection is None:
            if self._failed is not None and time.monotonic() < self._failed[0] + _AGAIN_S:
                # Thousands may ask at once: one of them has just found out for all.
                raise self._failed[1].with_traceback(None)
            try:
                self._connection = self._begin_connection()
            except DBAPIError as error:
                now_s = time.monotonic()
                self._down_since_s = self._down_since_s or now_s
                is_long = now_s - self._down_since_s >= OUTAGE_S
                if is_long or self._is_closing or not self.is_patient:
                    self._failed = now_s, error
                    raise
                time.sleep(_AGAIN_S)
            else:
                self._down_since_s = self._failed = None
        return self._connection

    def _begin_connection(self) -> Connection:
        connection = self.engine.connect()
        if not self._writes:
            return connection.execution_options(postgresql_readonly=True)
        try:
            # An intent must survive a power cut of the database: the request comes after it.
            connection.exec_driver_sql(_BE_DURABLE)
            connection.exec_driver_sql(_GIVE_UP)
            connection.commit()
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._is_marked = False
        if connection is not None:
            with suppress(Exception):  # nothing is left of it that could be kept
                connection.invalidate()
            with suppress(Exception):
                connection.close()

    def _close(self) -> None:
        if self._connection is not None and self._is_lost(self._connection):
            self._drop()
        if self._connection is not None and self._is_marked:
            with suppress(DBAPIError):  # it is swept away later
                self._mark.remove(self._connection)
        super()._close()

    @staticmethod
    def _is_lost(connection: Connection) -> bool:
        if connection.invalidated:
            return True
        raw = connection.connection.dbapi_connection
        return raw is None or cast("psycopg.Connection[Any]", raw).closed

    def _read(self, connection: Connection, work: Work[T]) -> T:
        tries = 0
        while True:
            try:
                connection.begin()
                return work(connection)
            except Exception as error:
                end_queries(error)
                tries += 1
                if not self._is_lost(connection) or self._is_closing or tries >= _TRIES:
                    raise
            finally:
                self._roll_back()
            connection = self._connect()  # whose error is the one that is said

    def _roll_back(self) -> None:
        if self._connection is not None:
            with suppress(DBAPIError):  # it is lost, and with it the transaction
                self._connection.rollback()

    def _commit(
        self, connection: Connection, works: Sequence[Work[Any]], locks: list[int]
    ) -> list[Outcome]:
        try:
            # Savepoints take as long as the writes themselves, and hardly ever one is needed.
            is_plain = len(works) > 1
            for tries in range(1, _TRIES):
                try:
                    return self._commit_once(connection, works, locks, tries, is_plain=is_plain)
                except _AgainError as error:
                    is_plain = is_plain and not error.is_of_one
                    connection = self._connect()
            return self._commit_once(connection, works, locks, _TRIES)
        except Exception as error:  # handed to the callers
            cause = error.reason if isinstance(error, _AgainError) else error
            return [(None, cause) for _ in works]

    def _commit_once(
        self,
        connection: Connection,
        works: Sequence[Work[Any]],
        locks: list[int],
        tries: int,
        *,
        is_plain: bool = False,
    ) -> list[Outcome]:
        """
        Run writes in one transaction, each in a savepoint unless it is plain.

        Raises:
            _AgainError: None of them was made, and they can be made again.
        """
        number = self.news = None
        is_first = tries == 1
        lanes = collect_lanes(connection)

        def ends_all(error: Exception) -> bool:
            # A row that somebody else has just added is seen the next time.
            return _is_operational(error) or (is_first and find_sqlstate(error) == _IS_THERE)

        try:
            if not self._is_marked:
                self._mark.prepare(connection)
                self._is_marked = True
            connection.begin()
            connection.connection.cursor().execute(_LOCK, (self._lock_space, locks))
            if is_plain:
                outcomes = run_plainly(connection, works)
            else:
                outcomes = run_works(connection, works, ends_all=ends_all)
            marked = self._mark.set(connection)
            failpoint("commit.begun")
            number = marked
            connection.commit()
        except Exception as error:
            end_queries(error)
            is_lost = self._is_lost(connection)
            self._roll_back()
            if is_lost and number is not None and self._was_committed(number):
                self.news = lanes
                return outcomes
            state = find_sqlstate(error)
            is_conflict = state in _CONFLICTS or (is_first and state == _IS_THERE)
            if is_plain and not (is_lost or ends_all(error)):
                raise _AgainError(error, is_of_one=True) from None
            if self._is_closing or not (is_lost or is_conflict):
                raise
            if is_conflict:
                _pause(tries)
            raise _AgainError(error) from None
        failpoint("commit.done")
        self.news = None if number is None else lanes
        return outcomes

    def _was_committed(self, number: int) -> bool:
        """Ask what became of a transaction during whose commit the connection was lost."""
        end_s = time.monotonic() + _DOUBT_S
        while True:
            try:
                return self._mark.is_there(self._connect(), number)
            except DBAPIError:
                if time.monotonic() >= end_s or self._is_closing:
                    raise
            time.sleep(_AGAIN_S)  # the process that has it may be about to end


def snapshot_number(connection: Connection) -> int:
    """Return a number that changes with each commit at the server that wrote something."""
    snapshot: str = connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar_one()
    return int.from_bytes(hashlib.blake2b(snapshot.encode(), digest_size=7).digest())


def take_any_text(raw: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Have a connection take texts with a NUL in them, which PostgreSQL can't hold: as U+FFFD."""
    from psycopg.types.string import StrDumperUnknown  # noqa: PLC0415  # an extra

    class TextDumper(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)

    raw.adapters.register_dumper(str, TextDumper)


def find_sqlstate(error: BaseException) -> str | None:
    """Return the code by which PostgreSQL names an error; `None` if it has none."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    state: str | None = getattr(cause, "sqlstate", None)
    return state


def _is_operational(error: Exception) -> bool:
    """Whether it leaves nothing of a transaction: lost, full, or in conflict with another."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    # By name: whoever has no psycopg has no such errors.
    return any(
        kind.__name__ == "OperationalError" and kind.__module__.startswith("psycopg")
        for kind in type(cause).__mro__
    )


def _pause(tries: int) -> None:
    time.sleep(random.random() * min(_LONGEST_PAUSE_S, _PAUSE_S * 2**tries))  # noqa: S311


def _import_psycopg(place: StorePlace) -> Any:
    try:
        import psycopg  # noqa: PLC0415  # an extra
    except ImportError:
        raise UsageError(
            f"store {place.name}: PostgreSQL needs a package that is not installed; "
            "pip install 'batchhub[cluster]'"
        ) from None
    return psycopg

"""
News between the processes of a store on PostgreSQL: LISTEN and NOTIFY, on a connection of its own.

They are hints, and nothing relies on them: whoever hears none looks into the store by itself, only
later. They are rung once a commit is over, not in its transaction: PostgreSQL lets no two
transactions of a database commit at once that notify. And they are rung a few times a second at
most, whatever is committed meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.json import dumps, loads
from batchhub._base.log import get_logger
from batchhub._base.store_place import StorePlace

from .postgres import connection_arguments

if TYPE_CHECKING:
    import psycopg

RING_S: Final = 0.2
"""Seconds between two rings of a process; what is committed between them shares the next one."""

CLOSING_S: Final = 2.0
"""Seconds for the last ring of a process that ends."""

_END_S: Final = 0.1
_AGAIN_BASE_S: Final = 0.5
_AGAIN_CAP_S: Final = 15.0

_PREFIX: Final = "batchhub_"
_LONGEST_NAME: Final = 63
_LONGEST: Final = 7_900  # PostgreSQL takes less than 8,000 bytes

# No disk is waited for: a hint that a crash takes away is nobody's loss.
_RING: Final = (
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, payload)"
    " FROM unnest(%s::text[]) AS payload"
)

_log = get_logger()


@frozen(kw_only=True)
class News:
    """
    What other processes have written.

    Attributes:
        lanes: The lanes that have something new for whoever drives them; `None` for any.
        has_jobs: Whether jobs may have changed.
    """

    lanes: frozenset[str] | None = frozenset()
    has_jobs: bool = False

    @property
    def is_anything(self) -> bool:
        """Whether all of it must be looked at."""
        return self.lanes is None

    def __or__(self, other: News) -> News:
        """Return both together."""
        any_lane = self.lanes is None or other.lanes is None
        return News(
            lanes=None if any_lane else (self.lanes or frozenset()) | (other.lanes or frozenset()),
            has_jobs=self.has_jobs or other.has_jobs,
        )


ANYTHING: Final = News(lanes=None, has_jobs=True)
"""That anything may have happened."""


class Bell:
    """
    Rings for other processes what this one commits, and hears what they ring.

    It connects with the first of either, and again whenever the connection is lost.

    Args:
        place: The store, on PostgreSQL.
        clock: Where time comes from.
    """

    def __init__(self, place: StorePlace, clock: Clock) -> None:
        self._place = place
        self._channel = channel_of(place.schema)
        self._clock = clock
        self._rng = random.Random()  # noqa: S311  # jitter, no secret
        self._token = secrets.token_hex(8)
        self._on_news: list[Callable[[News], None]] = []
        self._lanes: set[str] = set()
        self._has_jobs = False
        self._rung_s: float | None = None
        self._stirred = asyncio.Event()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._fileno: int | None = None
        self._trouble: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._serving: asyncio.Task[None] | None = None
        self._is_closing = self._is_heard = self._is_lost = False

    @property
    def is_heard(self) -> bool:
        """Whether what others ring is heard at this moment."""
        return self._is_heard

    def ring(self, lanes: Iterable[str], *, has_jobs: bool = True) -> None:
        """
        Tell other processes of a commit, soon.

        Args:
            lanes: The lanes that have something new for whoever drives them.
            has_jobs: Whether jobs may have changed.
        """
        self._lanes.update(lanes)
        self._has_jobs = self._has_jobs or has_jobs
        if self._has_to_ring:
            self._stir()

    def listen(self, on_news: Callable[[News], None]) -> None:
        """
        Have a function called with what others ring.

        It is also called, with `ANYTHING`, when others are heard again, or no more.
        """
        self._on_news.append(on_news)
        self._stir()

    async def aclose(self) -> None:
        """Ring what is left, if that is possible soon, and disconnect."""
        self._is_closing = True
        if self._loop.is_closed():  # with every task of it
            self._drop_connection()
            return
        if self._serving is None:
            return
        self._stirred.set()
        await asyncio.wait({self._serving}, timeout=CLOSING_S if self._has_to_ring else _END_S)
        # First: what psycopg does when it is called off waits for a server that may be gone.
        self._drop_connection()
        self._serving.cancel()
        await asyncio.wait({self._serving})
        if not self._serving.cancelled():
            self._serving.exception()  # whatever comes of a connection that was dropped

    @property
    def _has_to_ring(self) -> bool:
        return bool(self._lanes) or self._has_jobs

    def _stir(self) -> None:
        self._stirred.set()
        if not self._is_closing and (self._serving is None or self._serving.done()):
            self._serving = asyncio.create_task(self._serve(), name="batchhub-bell")

    # The connection.

    async def _serve(self) -> None:
        from psycopg import Error  # noqa: PLC0415  # who has no such store needs none

        tries = 0
        while not self._is_closing or self._has_to_ring:
            try:
                connection = await self._connect()
            except (Error, OSError) as error:
                self._note_loss(error)
            else:
                try:
                    tries = 0
                    await self._attend(connection)
                except (Error, OSError) as error:
                    self._note_loss(error)
                finally:
                    self._drop_connection()
            if self._is_closing:
                return
            pause_s = backoff_s(tries, base_s=_AGAIN_BASE_S, cap_s=_AGAIN_CAP_S, rng=self._rng)
            tries += 1
            await self._clock.sleep(pause_s)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        from psycopg import AsyncConnection  # noqa: PLC0415

        arguments = connection_arguments(self._place)
        arguments["application_name"] += " bell"
        self._connection = await AsyncConnection.connect(autocommit=True, **arguments)
        self._connection.add_notify_handler(lambda notify: self._hear(notify.payload))
        return self._connection

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._stop_reading()
            # As its own `close`, which only pretends to be asynchronous: no loop is needed.
            self._connection.pgconn.finish()
            self._connection = None

    async def _attend(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Ring and hear on a connection until it is lost, or all is rung and this is closing."""
        is_listening = False
        while True:
            self._stirred.clear()
            if self._on_news and not is_listening and not self._is_closing:
                await self._begin_to_listen(connection)
                is_listening = True
            elif self._has_to_ring:
                await self._ring(connection)
            elif self._is_closing:
                return
            else:
                await self._idle(connection, self._stirred.wait)

    async def _begin_to_listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        from psycopg import sql  # noqa: PLC0415

        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        # Only what comes back is known to come: a pooler may have given the LISTEN to a connection
        # that somebody else has by now.
        await connection.execute(_RING, [self._channel, [_write(self._token, hello=True)]])

    async def _ring(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if self._rung_s is not None and not self._is_closing:
            left_s = self._rung_s + RING_S - self._clock.monotonic()
            if left_s > 0:
                await self._idle(connection, lambda: self._clock.sleep(left_s))
        lanes, has_jobs = self._lanes, self._has_jobs
        self._lanes, self._has_jobs = set(), False
        self._rung_s = self._clock.monotonic()
        try:
            payloads = list(_write_all(self._token, sorted(lanes), has_jobs=has_jobs))
            await connection.execute(_RING, [self._channel, payloads])
        except BaseException:
            self._lanes |= lanes
            self._has_jobs = self._has_jobs or has_jobs
            raise

    async def _idle(
        self, connection: psycopg.AsyncConnection[Any], wait: Callable[[], Any]
    ) -> None:
        """Hear what comes while something else is waited for."""
        # Not `connection.notifies()`, which keeps the connection to itself, for rings too.
        self._trouble = None
        self._fileno = connection.fileno()
        self._loop.add_reader(self._fileno, self._read, connection)
        self._read(connection)  # what came with the answer to a statement
        try:
            await wait()
        finally:
            self._stop_reading()
        if self._trouble is not None:
            raise self._trouble

    def _stop_reading(self) -> None:
        fileno, self._fileno = self._fileno, None
        if fileno is not None and not self._loop.is_closed():
            self._loop.remove_reader(fileno)

    def _read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        from psycopg import Error  # noqa: PLC0415

        try:
            connection.pgconn.consume_input()
            while (notify := connection.pgconn.notifies()) is not None:
                self._hear(notify.extra.decode(errors="replace"))
        except Error as error:
            self._trouble = error
            self._stop_reading()
            self._stirred.set()

    # What is heard.

    def _hear(self, payload: str) -> None:
        found = _read(payload)
        if found is None:
            return
        token, news, is_hello = found
        if not is_hello:
            if token != self._token:
                self._tell(news)
        elif token == self._token and not self._is_heard:
            self._is_heard = True
            if self._is_lost:
                _log.info("news.heard", store=self._place.name)
            self._is_lost = False
            self._tell(ANYTHING)  # nobody knows what was rung meanwhile

    def _note_loss(self, error: Exception) -> None:
        if not self._is_lost:
            self._is_lost = True
            reason = str(error).partition("\n")[0]
            _log.warning("news.lost", store=self._place.name, error=reason)
        if self._is_heard:
            self._is_heard = False
            self._tell(ANYTHING)

    def _tell(self, news: News) -> None:
        for on_news in self._on_news:
            on_news(news)


def channel_of(schema: str) -> str:
    """Return the channel of a store, which all databases of a server have for themselves."""
    name = f"{_PREFIX}{schema}"
    if len(name) <= _LONGEST_NAME:
        return name
    return _PREFIX + hashlib.sha256(schema.encode()).hexdigest()[:32]


def _write_all(token: str, lanes: list[str], *, has_jobs: bool) -> Iterator[str]:
    """Yield what is rung, in as many payloads as it takes."""
    page: list[str] = []
    size = 0
    for lane in lanes:
        length = len(dumps(lane)) + 1
        if length > _LONGEST // 2:
            yield _write(token, lanes=None, jobs=has_jobs)
            return
        if size + length > _LONGEST - 100:
            yield _write(token, lanes=page)
            page, size = [], 0
        page.append(lane)
        size += length
    yield _write(token, lanes=page, jobs=has_jobs)


def _write(token: str, **facts: object) -> str:
    return dumps({"by": token, **facts}).decode()


def _read(payload: str) -> tuple[str, News, bool] | None:
    """Read who has rung and what; `None` if it is none of batchhub's."""
    with suppress(ValueError):
        found = loads(payload)
        if isinstance(found, dict) and isinstance(token := found.get("by"), str):
            lanes = found.get("lanes", ())
            is_any = not isinstance(lanes, list | tuple)
            return (
                token,
                News(
                    lanes=None if is_any else frozenset(map(str, lanes)),
                    has_jobs=bool(found.get("jobs")),
                ),
                bool(found.get("hello")),
            )
    return None

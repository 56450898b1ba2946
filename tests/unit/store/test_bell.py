"""News between processes on PostgreSQL: what one commits the others hear, and hints they stay."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import psycopg
import pytest
import uvloop
from support.patience import PATIENCE_S, wait_until
from support.postgres import PostgresServer, name_in, with_option

from batchhub._base.store_place import find_store_place
from batchhub._store.bell import ANYTHING, RING_S, Bell, News, channel_of
from batchhub.testing import FakeClock

_BELLS: Final = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'batchhub bell'"


class Ear:
    """Hears what a bell tells, and keeps it."""

    def __init__(self, bell: Bell) -> None:
        self.bell = bell
        self.heard: list[News] = []
        self._stirred = asyncio.Event()
        bell.listen(self._hear)

    def _hear(self, news: News) -> None:
        self.heard.append(news)
        self._stirred.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, which only news can change."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._stirred.clear()
                await self._stirred.wait()

    async def until_heard(self) -> None:
        """Wait until others are heard, and forget that."""
        await self.until(lambda: self.bell.is_heard)
        self.heard.clear()

    async def until_lane(self, lane: str) -> None:
        """Wait for news of a lane."""
        await self.until(lambda: lane in self.lanes)

    @property
    def lanes(self) -> set[str]:
        """All lanes that were named."""
        return {lane for news in self.heard for lane in news.lanes or ()}


def make_bell(url: str, clock: FakeClock | None = None) -> Bell:
    """Make a bell of one more process."""
    return Bell(find_store_place(url), clock or FakeClock())


@asynccontextmanager
async def two(url: str, clock: FakeClock | None = None) -> AsyncIterator[tuple[Bell, Ear]]:
    """Have one process that rings, and another one that hears it."""
    ringing, hearing = make_bell(url, clock), make_bell(url, clock)
    ear = Ear(hearing)
    try:
        await ear.until_heard()
        yield ringing, ear
    finally:
        await ringing.aclose()
        await hearing.aclose()


async def test_others_hear_which_lanes_have_something_new(database_url: str) -> None:
    """Who has rung hears nothing of it, and others which lanes it was about."""
    async with two(database_url) as (ringing, ear):
        ear.bell.ring(["own"])
        ringing.ring(["shop"])
        await ear.until_lane("shop")
        assert ear.heard == [News(lanes=frozenset({"shop"}), has_jobs=True)]


async def test_what_is_committed_soon_after_shares_a_ring(database_url: str) -> None:
    """The first commit is rung at once; all that follow it within the gap share one ring."""
    clock = FakeClock()
    async with two(database_url, clock) as (ringing, ear):
        ringing.ring(["first"])
        await ear.until_lane("first")
        for number in range(20):
            ringing.ring([f"lane-{number}"])
            await asyncio.sleep(0)
        await clock.advance(RING_S)
        await ear.until_lane("lane-0")
        assert [len(news.lanes or ()) for news in ear.heard] == [1, 20]


async def test_any_number_of_lanes_is_named(database_url: str) -> None:
    """They take as many messages as they need; one too long to be named stands for all."""
    lanes = [f"lane-{number:04}-{'x' * 90}" for number in range(500)]
    async with two(database_url) as (ringing, ear):
        ringing.ring(lanes)
        await ear.until(lambda: len(ear.lanes) == 500)
        assert ear.lanes == set(lanes)
        assert [news.has_jobs for news in ear.heard].count(True) == 1
    async with two(database_url) as (ringing, ear):
        ringing.ring(["shop", "x" * 9_000])
        await ear.until(lambda: ANYTHING in ear.heard)


async def test_a_connection_that_is_cut_is_made_again(
    database_server: PostgresServer, database_url: str
) -> None:
    """Others are not heard then, which is told; and when they are, anything may have happened."""
    clock = FakeClock()
    async with two(database_url, clock) as (ringing, ear):
        ringing.ring(["before"])
        await ear.until_lane("before")
        ear.heard.clear()
        database_server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'batchhub bell' AND datname = %s",
            name_in(database_url),
        )
        await ear.until(lambda: not ear.bell.is_heard)
        assert ear.heard == [ANYTHING]
        async with clock.running():
            await ear.until(lambda: ear.bell.is_heard)
            assert ear.heard == [ANYTHING, ANYTHING]
            ringing.ring(["after"])
            await ear.until_lane("after")


async def test_who_ends_rings_first(database_url: str) -> None:
    """A command that commits and ends is heard, whether it had a connection by then or not."""
    async with two(database_url) as (ringing, ear):
        ringing.ring(["first"])
        ringing.ring(["last"])
        await ringing.aclose()
        await ear.until_lane("last")
        short = make_bell(database_url)
        short.ring(["short"])
        await short.aclose()
        await ear.until_lane("short")


async def test_a_close_at_any_moment_leaves_nothing(
    database_server: PostgresServer, database_url: str
) -> None:
    """Also while it connects; Python would warn of a connection that nobody has closed."""
    for turns in range(0, 60, 3):
        bell = make_bell(database_url)
        Ear(bell)
        bell.ring(["shop"])
        for _ in range(turns):
            await asyncio.sleep(0)
        await bell.aclose()
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "batchhub-bell"]
    gc.collect()

    def is_left() -> bool:
        found = database_server.execute(f"{_BELLS} AND datname = %s", name_in(database_url))
        return bool(found[0][0])

    await wait_until(lambda: not is_left())  # the server takes its time to notice


async def test_two_stores_of_one_database_hear_nothing_of_each_other(database_url: str) -> None:
    """Each schema has a channel of its own; what others write on it is nobody's news."""
    async with two(database_url) as (ringing, ear):
        other = make_bell(with_option(database_url, "schema=other"))
        other.ring(["theirs"])
        await other.aclose()
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as raw:
            for payload in ("", "{", "[1]", '{"by": 7}', '{"jobs": true}'):
                await raw.execute("SELECT pg_notify(%s, %s)", [channel_of("batchhub"), payload])
        ringing.ring(["ours"])
        await ear.until_lane("ours")
        assert ear.lanes == {"ours"}
        assert len(ear.heard) == 1
    assert len(channel_of("x" * 63)) <= 63


async def test_who_can_not_connect_says_so_once(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again and again, one line tells it, and the work goes on without."""
    clock = FakeClock()
    bell = make_bell(database_url.replace("/test_", "/absent_"), clock)
    Ear(bell)
    await wait_until(lambda: bool(caplog.records))  # the log tells nobody
    async with clock.running():
        await clock.sleep(60.0)
        assert not bell.is_heard
        await bell.aclose()
    events = [record.getMessage().split()[0] for record in caplog.records]
    assert events == ["news.lost"]


def test_it_rings_on_another_loop(database_url: str) -> None:
    """As on Python's own."""

    async def main() -> None:
        async with two(database_url) as (ringing, ear):
            ringing.ring(["shop"])
            await ear.until_lane("shop")

    uvloop.run(main())
    gc.collect()

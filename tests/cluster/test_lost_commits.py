"""The database goes away during a commit: whoever asked for it hears what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from support.postgres import PostgresServer

from batchhub._base import failpoints
from batchhub._base.store_place import find_store_place
from batchhub._store import LaneOwner, Store
from batchhub._store.opening import init_database

ME = LaneOwner(token="me", pid=4711, host="here")
AT = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def at_failpoint() -> Iterator[Callable[[str, Callable[[], None]], None]]:
    """Have something done once a failpoint is passed, the next time."""

    def arm(name: str, act: Callable[[], None]) -> None:
        def listen(passed: str) -> None:
            if passed == name:
                failpoints.listener = None
                act()

        failpoints.listener = listen

    yield arm
    failpoints.listener = None


@asynccontextmanager
async def open_store(server: PostgresServer) -> AsyncIterator[Store]:
    """Open a store in a database of its own."""
    name = server.create_database()
    await init_database(find_store_place(server.url(name)))
    store = await Store.open(server.url(name))
    try:
        yield store
    finally:
        await store.aclose()
        server.drop_database(name)


def crash(server: PostgresServer) -> None:
    """End the server as a power cut does; when it is back, others write before we do."""
    server.stop("immediate")
    server.start()
    for _ in range(8):  # the numbers of transactions that never came to the disk are given anew
        server.execute("CREATE TABLE IF NOT EXISTS public.others (n integer)")
        server.execute("INSERT INTO public.others VALUES (1)")


async def test_what_a_crash_took_with_it_is_written_again(
    server: PostgresServer, at_failpoint: Callable[[str, Callable[[], None]], None]
) -> None:
    """Although another one's transaction, which was committed, has got its number since."""
    async with open_store(server) as store:
        await store.lanes.take("first", ME, AT, lambda _: True)  # it is connected
        at_failpoint("commit.begun", lambda: crash(server))
        _, hold = await store.lanes.take("lane", ME, AT, lambda _: True)
        assert hold is not None
        assert await store.lanes.is_held(hold)
        assert (await store.lanes.get("lane")).epoch == hold.epoch == 1

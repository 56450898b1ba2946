"""What goes into one commit on PostgreSQL, and what waits for another one."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Connection
from support.patience import PATIENCE_S

from batchhub._base.clock import SystemClock
from batchhub._base.store_place import find_store_place
from batchhub._store import LaneOwner, Store
from batchhub._store.bell import News
from batchhub._store.opening import init_database


@pytest.fixture
async def url(database_url: str) -> str:
    """Return the address of a store."""
    await init_database(find_store_place(database_url))
    return database_url


async def test_a_write_about_all_lanes_holds_no_other_up(url: str) -> None:
    """It waits for whoever writes of any lane; what is asked for beside it does not."""
    mine, theirs = await Store.open(url), await Store.open(url)
    is_in, may_go = threading.Event(), threading.Event()

    def stay(_: Connection) -> None:
        is_in.set()
        assert may_go.wait(PATIENCE_S)

    try:
        staying = asyncio.create_task(theirs._db.write(stay, lanes=["lane-1"]))
        await asyncio.to_thread(is_in.wait, PATIENCE_S)
        of_one = asyncio.create_task(mine._db.write(lambda _: "one", lanes=["lane-2"]))
        of_all = asyncio.create_task(mine._db.write(lambda _: "all"))
        async with asyncio.timeout(PATIENCE_S):
            assert await of_one == "one"
        assert not of_all.done()
        may_go.set()
        assert await of_all == "all"
        await staying
    finally:
        may_go.set()
        await mine.aclose()
        await theirs.aclose()


async def test_signs_of_life_are_no_news(url: str) -> None:
    """Else each process would look at the jobs it waits for whenever any other one gives one."""
    clock, heard, has_heard = SystemClock(), list[News](), asyncio.Event()

    def hear(news: News) -> None:
        if not news.is_anything:
            heard.append(news)
            has_heard.set()

    mine, theirs = await Store.open(url), await Store.open(url)
    try:
        for each in (mine, theirs):
            each.use_bell(clock)
        assert mine.bell is not None
        mine.bell.listen(hear)
        async with asyncio.timeout(PATIENCE_S):
            while not mine.bell.is_heard:  # noqa: ASYNC110  # nobody else is told
                await asyncio.sleep(0.01)
            owner = LaneOwner(token="theirs", pid=1, host="there")
            await theirs.attendants.show(owner, ["shop"], clock.now())
            await theirs.attendants.beat("theirs", clock.now())
            await theirs.pushes.add("shop", ["ref-1"], clock.now())
            await has_heard.wait()
        assert [news.lanes for news in heard] == [frozenset({"shop"})]
    finally:
        await mine.aclose()
        await theirs.aclose()

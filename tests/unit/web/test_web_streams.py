"""What open pages hear: that something has changed, and nothing else."""

from __future__ import annotations

from contextlib import AsyncExitStack, closing
from pathlib import Path

from support.raw_stores import open_raw
from support.web import Visitor, hello, web_world

from batchhub import BatchHub
from batchhub._web.look import Role
from batchhub._web.streams import MOST
from batchhub.testing import FakeClock


def write(store: Path) -> None:
    """Write to the store as another process does."""
    with closing(open_raw(store)) as other, other:
        other.execute("UPDATE jobs SET label = 'new'")
        other.execute("CREATE TABLE written (n INTEGER)")


def stream_of(page: str) -> str:
    """Return where a page listens."""
    return page.partition('sse-connect="')[2].partition('"')[0].replace("&amp;", "&")


async def test_a_page_hears_of_changes(store: Path, templates: Path) -> None:
    """A page hears where it begins, and each change after that: what another process writes."""
    clock = FakeClock()
    async with (
        clock.running(),
        web_world(store, screens={"/": hello}, templates=(templates,), clock=clock) as web,
    ):
        page = await web.get("/")
        async with web.operator.listen(stream_of(page.text)) as events:
            first = await events.next()
            write(store)
            second = await events.next()

    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == ("here", "changed")
    assert first[1] != second[1]


async def test_what_changed_before_a_page_listens_is_a_change(store: Path, templates: Path) -> None:
    """What is written between the making of a page and its first look is not missed."""
    clock = FakeClock()
    async with (
        clock.running(),
        web_world(store, screens={"/": hello}, templates=(templates,), clock=clock) as web,
    ):
        page = await web.get("/")
        write(store)
        async with web.operator.listen(stream_of(page.text)) as events:
            heard = [await events.next(), await events.next()]

    assert [name for name, _ in filter(None, heard)] == ["here", "changed"]


async def test_a_store_that_appears_or_is_replaced_is_a_change(tmp_path: Path) -> None:
    """Pages without a store come to life with it, and show another one in its place."""
    clock, store = FakeClock(), tmp_path / "jobs.db"
    async with clock.running(), web_world(store, screens={"/": hello}, clock=clock) as web:
        page = await web.get("/")
        async with web.operator.listen(stream_of(page.text)) as events:
            assert (await events.next() or "")[0] == "here"
            async with BatchHub(store, drives=False):
                pass
            assert (await events.next() or "")[0] == "changed"
            async with BatchHub(tmp_path / "other.db", drives=False):
                pass
            (tmp_path / "other.db").replace(store)
            assert (await events.next() or "")[0] == "changed"


async def test_more_pages_than_streams_look_by_themselves(store: Path) -> None:
    """Page 21 is told that it gets no stream; once another one is closed it gets one."""
    clock = FakeClock()
    async with clock.running(), web_world(store, clock=clock) as web, AsyncExitStack() as stack:
        for _ in range(MOST - 1):
            events = await stack.enter_async_context(web.operator.listen())
            await events.next()
        async with web.operator.listen() as last:
            await last.next()
            async with web.operator.listen() as one_more:
                assert (await one_more.next() or "")[0] == "full"
                assert await one_more.next() is None
        heard = "full"
        while heard == "full":  # the server notices within a second that the page is closed
            await clock.sleep(1)
            async with web.operator.listen() as again:
                heard = (await again.next() or ("", ""))[0]

    assert heard == "here"


async def test_streams_end_with_their_session(store: Path) -> None:
    """Who signs out hears no more in any of their pages; others do."""
    clock = FakeClock()
    async with (
        clock.running(),
        web_world(store, clock=clock, screens={"/": hello}) as web,
        web.viewer.listen() as others,
        web.operator.listen() as events,
    ):
        await others.next()
        await events.next()
        page = await web.get("/nowhere")
        await web.operator.post("/sign-out", {"csrf": page.csrf})
        heard = [await events.next(), await events.next()]
        async with web.operator.listen() as signed_out:
            after = await signed_out.next()
        write(store)
        still = await others.next()

    assert heard == [("ended", ""), None]
    assert after == ("ended", "")
    assert still is not None
    assert still[0] == "changed"


async def test_streams_end_with_their_token(store: Path) -> None:
    """A new token ends what came with the old one, without a restart."""
    clock = FakeClock()
    async with clock.running(), web_world(store, clock=clock) as web:
        async with web.viewer.listen() as events:
            await events.next()
            web.server.tokens.path_of(Role.VIEWER).unlink()
            heard = [await events.next(), await events.next()]
        page = await web.viewer.ask("GET", "/")

    assert heard == [("ended", ""), None]
    assert page.status == 303


async def test_a_server_that_stops_ends_its_streams(store: Path) -> None:
    """An open page keeps no server from ending at once."""
    async with web_world(store) as web, web.operator.listen() as events:
        await events.next()
        await web.server.aclose()

        assert await events.next() is None


async def test_without_a_session_there_is_no_stream(store: Path) -> None:
    """A stranger hears that there is nothing to hear, in the form that a page understands."""
    async with web_world(store) as web:
        stranger: Visitor = web.stranger
        async with stranger.listen() as events:
            assert await events.next() == ("ended", "")
            assert await events.next() is None

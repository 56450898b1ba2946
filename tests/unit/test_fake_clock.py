"""The clock of tests, as somebody outside uses it, and as our own tests do."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.patience import PATIENCE_S

from batchhub._base.under_way import note_hop
from batchhub.testing import FakeClock, rest


@pytest.fixture(params=["seen", "waited for"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock learns that nothing else is going on by looking, and where it can't, by waiting."""
    if request.param == "waited for":
        monkeypatch.setattr(rest, "_find_parts", lambda loop: None)


def test_a_start_has_a_zone() -> None:
    """A time without a zone is refused where it is given; `now` is in UTC, whatever the zone."""
    with pytest.raises(ValueError, match="time zone"):
        FakeClock(datetime(2026, 1, 1))  # noqa: DTZ001
    clock = FakeClock(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


@pytest.mark.usefixtures("either_way")
async def test_sleepers_wake_at_their_own_times() -> None:
    """Also those that began to sleep while the time was moved; nobody wakes early."""
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, *delays_s: float) -> None:
        for delay_s in delays_s:
            await clock.sleep(delay_s)
            woken.append((name, clock.monotonic()))

    tasks = [
        asyncio.create_task(sleep("slow", 5.0, 100.0)),
        asyncio.create_task(sleep("quick", 2.0, 2.0, 2.0)),
    ]
    await asyncio.sleep(0)
    await clock.advance(60.0)
    assert woken == [("quick", 2.0), ("quick", 4.0), ("slow", 5.0), ("quick", 6.0)]
    assert clock.monotonic() == 60.0
    async with clock.running():
        await asyncio.gather(*tasks)
    assert clock.monotonic() == 105.0


@pytest.mark.usefixtures("either_way")
async def test_time_stands_still_while_a_transaction_is_under_way() -> None:
    """What a thread of the store does takes no time, however long it takes."""
    clock = FakeClock()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    note_hop(done)
    thread = threading.Timer(0.05, done.get_loop().call_soon_threadsafe, [done.set_result, None])
    thread.name = "batchhub-store-9"
    async with clock.running():
        sleeper = asyncio.create_task(clock.sleep(5.0))
        thread.start()
        await done
        assert clock.monotonic() == 0.0
        await sleeper
    assert clock.monotonic() == 5.0


@pytest.mark.usefixtures("either_way")
async def test_time_stands_still_while_something_is_done_in_a_thread() -> None:
    """And when it is done the thread stays, with nothing to do: it hides nothing from the clock."""
    clock = FakeClock()
    loop, goes_on = asyncio.get_running_loop(), threading.Event()
    async with clock.running():
        sleeper = asyncio.create_task(clock.sleep(5.0))
        loop.call_later(0.05, goes_on.set)
        await asyncio.to_thread(goes_on.wait, PATIENCE_S)
        assert clock.monotonic() == 0.0
        await sleeper
    assert clock.monotonic() == 5.0


async def test_a_thread_without_work_hides_nothing() -> None:
    """The loop is looked at all the same, in place of waiting for quiet milliseconds."""
    await asyncio.to_thread(str)
    parts = rest._find_parts(asyncio.get_running_loop())
    assert parts is not None
    while rest._are_threads_busy():  # noqa: ASYNC110  # the thread has no other sign
        await asyncio.sleep(0)
    assert rest._shows_all(parts)


async def test_time_stands_still_while_the_loop_has_something_to_do() -> None:
    """However long it is since anybody looked at the clock."""
    clock = FakeClock()
    async with clock.running():
        sleeper = asyncio.create_task(clock.sleep(5.0))
        for _ in range(3_000):
            await asyncio.sleep(0)
        assert not sleeper.done()
        await sleeper


async def test_time_stands_still_while_a_real_timer_is_about_to_end() -> None:
    """Whatever it brings comes before the clock moves, and takes no time either."""
    clock = FakeClock()
    came: list[str] = []

    async def come_late() -> None:
        await asyncio.sleep(0.02)
        for _ in range(100):
            await asyncio.sleep(0)
        came.append("the timer")

    async with clock.running():
        late = asyncio.create_task(come_late())
        await clock.sleep(5.0)
        came.append("the clock")
        await late
    assert came == ["the timer", "the clock"]


async def test_time_passes_for_who_looks_again_and_again() -> None:
    """A test may wait in small steps for what only the clock brings."""
    clock = FakeClock()
    async with clock.running():
        sleeper = asyncio.create_task(clock.sleep(5.0))
        while not sleeper.done():  # noqa: ASYNC110  # what it is about
            await asyncio.sleep(0.001)
    assert clock.monotonic() == 5.0


async def test_turns_of_the_loop_are_waited_for_where_nothing_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine may be so busy that one turn takes longer than any quiet milliseconds."""
    monkeypatch.setattr(rest, "_find_parts", lambda loop: None)
    monkeypatch.setattr(rest, "_QUIET_S", 0.0)
    clock = FakeClock()
    async with clock.running():
        sleeper = asyncio.create_task(clock.sleep(5.0))
        for _ in range(rest._QUIET_TURNS):
            await asyncio.sleep(0)
        assert not sleeper.done()
        await sleeper


@pytest.mark.usefixtures("either_way")
async def test_two_may_keep_a_clock_running() -> None:
    """Neither takes the other for something to wait for; two clocks go on side by side."""
    clock, other = FakeClock(), FakeClock()
    async with asyncio.timeout(PATIENCE_S), clock.running(), clock.running(), other.running():
        await asyncio.gather(clock.sleep(5.0), other.sleep(7.0))
    assert (clock.monotonic(), other.monotonic()) == (5.0, 7.0)


async def test_both_ends_of_a_connection_are_seen() -> None:
    """A stand-in on the same loop is nothing to wait for; a server anywhere else is."""
    parts = rest._find_parts(asyncio.get_running_loop())
    assert parts is not None
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1")
    async with server:
        assert rest._talks_to_itself(parts)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert rest._talks_to_itself(parts)
        writer.close()
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        _, writer = await asyncio.open_connection(*elsewhere.getsockname())
        assert not rest._talks_to_itself(parts)
        writer.close()


async def test_time_stands_still_while_a_request_is_under_way() -> None:
    """The answer of a stand-in on the same loop takes no time, however much there is to do."""
    clock = FakeClock()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(500):
            line = await reader.readline()
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server, clock.running():
        sleeper = asyncio.create_task(clock.sleep(5.0))
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(500):
            writer.write(b"on\n")
            assert await reader.readline() == b"on\n"
        assert not sleeper.done()
        await sleeper
        writer.close()

"""In a cluster every machine shows the time of the database, whatever its own clock says."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clocks import HandClock, SetClock

from batchhub import BatchHub
from batchhub._base.clock import SystemClock
from batchhub._base.store_place import find_store_place
from batchhub._engine.send_rules import find_age_s
from batchhub._engine.store_clock import MEASURE_S, StoreClock, find_clock
from batchhub._store import Store, TimeRead
from batchhub._store.opening import init_database
from batchhub.errors import StoreError
from batchhub.testing import FakeClock

START = datetime(2026, 5, 1, tzinfo=UTC)


class _OwnClock(SetClock, HandClock):
    """One that can be set, and moved while others wait by it."""


class Machine:
    """A machine, and how far away the database is from it."""

    def __init__(self, ahead_s: float = 0.0, *, way_s: float = 0.01, back_s: float = 0.01) -> None:
        self.own = _OwnClock(START)
        self.own.set_by(ahead_s)
        self.way_s, self.back_s = way_s, back_s
        self.database_s = 0.0
        self.is_gone = False
        self.clock = StoreClock(self.own, self._read)

    async def _read(self) -> TimeRead:
        if self.is_gone:
            raise StoreError("it is gone")
        before_s = self.own.boot_s()
        self.own.move(self.way_s)
        at = self.database()
        self.own.move(self.back_s)
        return TimeRead(at=at, before_s=before_s, after_s=self.own.boot_s())

    def database(self) -> datetime:
        """Return what the database's clock shows."""
        return START + timedelta(seconds=self.own.monotonic() + self.database_s)

    def error_s(self) -> float:
        """Return by how many seconds the machine's clock is wrong."""
        return (self.clock.now() - self.database()).total_seconds()


@pytest.mark.parametrize("ahead_s", [-3600.0, 0.0, 3600.0])
async def test_the_time_is_the_databases(ahead_s: float) -> None:
    """A machine whose clock is an hour off shows the database's time, to half a round trip."""
    machine = Machine(ahead_s, way_s=0.03, back_s=0.01)
    await machine.clock.measure()
    assert abs(machine.error_s()) <= 0.02 + 1e-6
    assert machine.clock.ahead_s == pytest.approx(ahead_s, abs=0.02)


async def test_two_machines_show_the_same() -> None:
    """Clocks that are an hour apart differ by no more than the ways to the database."""
    early, late = Machine(-1800.0, way_s=0.05), Machine(1800.0, way_s=0.001)
    await early.clock.measure()
    await late.clock.measure()
    early_s, late_s = early.error_s(), late.error_s()
    assert abs(early_s - late_s) <= 0.04


async def test_a_wall_clock_that_is_set_changes_nothing() -> None:
    """The time goes on by the boot clock, which nobody sets."""
    machine = Machine()
    await machine.clock.measure()
    before = machine.clock.now()
    machine.own.set_by(7200.0)
    await machine.own.advance(5.0)
    assert (machine.clock.now() - before).total_seconds() == pytest.approx(5.0)


async def test_a_long_way_spoils_nothing() -> None:
    """A look that took long says little, and what a quick one said stays."""
    machine = Machine(way_s=0.001, back_s=0.001)
    await machine.clock.measure()
    machine.way_s = 8.0  # the network, or this process was stopped
    before_s = machine.error_s()
    await machine.clock.measure()
    assert machine.error_s() == pytest.approx(before_s, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0)), min_size=1, max_size=8))
def test_the_best_look_counts(ways: list[tuple[float, float]]) -> None:
    """The time is never wrong by more than the shortest round trip, and what drifted since."""

    async def look() -> None:
        machine = Machine(100.0)
        for machine.way_s, machine.back_s in ways:
            await machine.clock.measure()
        shortest_s = min(way_s + back_s for way_s, back_s in ways)
        assert abs(machine.error_s()) <= shortest_s + 0.02

    asyncio.run(look())


async def test_time_does_not_go_back_for_little() -> None:
    """It stands still until the database's is as late; a step of an hour is taken at once."""
    machine = Machine(way_s=0.0, back_s=0.0)
    await machine.clock.measure()
    before = machine.clock.now()
    machine.database_s = -1.0
    await machine.clock.measure()
    assert machine.clock.now() == before
    await machine.own.advance(3.0)
    assert machine.error_s() == pytest.approx(0.0, abs=1e-6)
    machine.database_s = -3600.0
    await machine.clock.measure()
    assert machine.error_s() == pytest.approx(0.0, abs=1e-6)


async def test_it_follows_the_database_until_it_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It looks every few seconds, goes on while the store is gone, and says once who is wrong."""
    machine = Machine(way_s=0.0, back_s=0.0)
    async with machine.own.running():
        await machine.clock.begin()
        machine.is_gone = True
        await machine.own.sleep(MEASURE_S + 1)
        assert not caplog.records
        machine.is_gone, machine.database_s = False, 60.0
        await machine.own.sleep(3 * MEASURE_S)
        assert machine.error_s() == pytest.approx(0.0, abs=0.1)
        (said,) = [each for each in caplog.records if "clock.differs" in each.getMessage()]
        assert "-60.0" in said.getMessage()
        await machine.clock.aclose()
        machine.database_s = 120.0
        await machine.own.sleep(3 * MEASURE_S)
        assert machine.error_s() == pytest.approx(-60.0, abs=0.1)


# How old an attempt is, on another machine than the one that made it.


def find_age(machine: Machine, *, is_cluster: bool = True, **ticket: Any) -> float | None:
    """Return the age that a machine finds for an attempt."""
    facts = {"attempted_boot": "another", "attempted_boot_s": 5.0, **ticket}
    lane = SimpleNamespace(
        clock=machine.clock,
        store=SimpleNamespace(is_cluster=is_cluster),
        hold=SimpleNamespace(latest_at=ticket["attempted_at"]),
    )
    return find_age_s(cast("Any", lane), cast("Any", SimpleNamespace(**facts)))


async def test_the_age_of_an_attempt_is_the_databases() -> None:
    """Whoever takes a lane over finds the age, though its own clock is an hour off."""
    first, second = Machine(-1800.0), Machine(1800.0)
    for machine in (first, second):
        await machine.clock.measure()
    attempted_at = first.clock.now()
    second.own.move(60.0)
    assert find_age(second, attempted_at=attempted_at) == pytest.approx(60.0, abs=0.1)


async def test_a_moment_is_no_clock_that_was_set_back() -> None:
    """Two machines that differ by milliseconds know the age; one that is far back does not."""
    machine = Machine()
    await machine.clock.measure()
    soon, far = (machine.clock.now() + timedelta(seconds=s) for s in (0.1, 30.0))
    assert find_age(machine, attempted_at=soon) == 0.0
    assert find_age(machine, attempted_at=far) is None
    assert find_age(machine, attempted_at=soon, is_cluster=False) is None


async def test_within_one_boot_its_clock_counts() -> None:
    """A process of the same machine need not ask the database."""
    machine = Machine()
    machine.own.move(12.0)
    found = find_age(
        machine,
        attempted_at=START + timedelta(days=1),
        attempted_boot=machine.own.boot_id,
        attempted_boot_s=2.0,
    )
    assert found == 10.0


# On a database.


class Host(SystemClock):
    """The clock of a machine that is wrong by so many seconds."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        """Return what it shows."""
        return super().now() + self._ahead


async def test_hubs_at_one_database_show_its_time(database_url: str) -> None:
    """What one writes is as old for the other, whatever their own clocks show."""
    await init_database(find_store_place(database_url))
    async with AsyncExitStack() as stack:
        shown = []
        for ahead_s in (-3600.0, 3600.0):
            hub = BatchHub(database_url, {}, clock=Host(ahead_s))
            await stack.enter_async_context(hub)
            shown.append((await hub._open()).clock)
        early, late = (clock.now() for clock in shown)
        # Their own clocks are hours apart; minutes are for a machine that is busy.
        assert abs((late - early).total_seconds()) < 600.0
        assert abs((early - SystemClock().now()).total_seconds()) < 600.0


async def test_a_file_has_the_machines_time(tmp_path: Any) -> None:
    """There, and where a test gives the clock, no other is looked for."""
    store = await Store.open(tmp_path / "jobs.db")
    own, fake = SystemClock(), FakeClock()
    assert await find_clock(store, own) is own
    assert await find_clock(store, fake) is fake
    await store.aclose()

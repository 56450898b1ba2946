"""In a cluster every machine shows the time of the database, whatever its own clock says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clocks import HandClock, SetClock

from batchhub._engine.store_clock import MEASURE_S, StoreClock
from batchhub._store import TimeRead
from batchhub.errors import StoreError

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

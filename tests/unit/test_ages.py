"""Ages of moments while the wall clock is set to and fro."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from batchhub._base.ages import JUMP_S, Ages
from batchhub.testing import FakeClock

jumps = st.lists(st.integers(-(10**8), 10**8), max_size=5)
spans = st.floats(0, 10**5)


class SetClock(FakeClock):
    """A clock that the test sets."""

    off = timedelta()

    def now(self) -> datetime:
        """Return the wall time, with what it was set by."""
        return super().now() + self.off

    def go(self, seconds: float, set_by: int = 0) -> None:
        """Let time pass, then set the clock."""
        self._elapsed_s += seconds
        self.off += timedelta(seconds=set_by)


@given(jumps, st.data())
def test_a_moment_of_this_process_ages_by_real_time(off: list[int], data: st.DataObject) -> None:
    """However often the clock is set, a moment kept meanwhile is as old as it is."""
    clock, moments = SetClock(), list[datetime]()
    ages = Ages(clock, lambda: moments)
    clock.go(data.draw(spans))
    moment, began_s = ages.now(), clock.monotonic()
    moments.append(moment)
    for seconds in off:
        clock.go(data.draw(spans), seconds)
        if data.draw(st.booleans()):
            assert abs(ages.age_s(moment) - (clock.monotonic() - began_s)) <= 2 * JUMP_S
        else:
            ages.now()
    clock.go(1.0)
    assert abs(ages.age_s(moment) - (clock.monotonic() - began_s)) <= 2 * JUMP_S


@given(st.integers(-(10**8), 10**8), jumps, st.data())
def test_a_moment_of_another_process_is_never_older_than_it_is(
    ahead: int, off: list[int], data: st.DataObject
) -> None:
    """Where the clock is right for a while, its age is right; it never stands still."""
    clock, real_age_s = SetClock(), data.draw(st.floats(2, 10**6))
    moment = clock.now() - timedelta(seconds=real_age_s)
    clock.go(0.0, ahead)
    ages = Ages(clock, lambda: [moment])
    for seconds in off:
        clock.go(data.draw(spans), seconds)
        assert ages.age_s(moment) >= 0.0
    clock.off = timedelta()
    ages.age_s(moment)
    passed_s = clock.monotonic()
    assert ages.age_s(moment) <= real_age_s + passed_s + 2 * JUMP_S
    clock.go(1000.0, 10**7)
    assert ages.age_s(moment) <= real_age_s + passed_s + 1000.0 + 2 * JUMP_S
    clock.go(1000.0, -(10**8))
    assert ages.age_s(moment) >= 990.0

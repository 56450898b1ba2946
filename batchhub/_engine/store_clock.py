"""
The time of a cluster: that of its database, on every machine, however its own clock goes.

What is written by one machine is read by another, and their wall clocks may be hours apart. So
each finds out how far its own boot clock, which nobody sets, is from the database's wall clock, and
shows the time by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from batchhub._base.clock import Clock, SystemClock, Timer
from batchhub._base.log import get_logger
from batchhub._store import Store, TimeRead
from batchhub.errors import BatchHubError

MEASURE_S: Final = 10.0
"""Seconds between two looks at the database's time."""

LARGEST_STEP_S: Final = 2.0
"""Seconds the database's time may go back by before that shows; for less, time stands still."""

_WORTH_SAYING_S: Final = 5.0
"""Seconds from which on it is said that a machine's own clock shows another time."""

_FIRST_LOOKS: Final = 3
_DRIFT: Final = 200e-6
"""Seconds a second by which two clocks may drift apart that nobody sets."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_log = get_logger()


@frozen
class _Between:
    """
    What is known of how far the database's clock is ahead of a machine's boot clock.

    Attributes:
        low_s: The least it can be.
        high_s: The most it can be.
        at_s: When that was found, in seconds of the boot clock.
    """

    low_s: float
    high_s: float
    at_s: float

    def later(self, at_s: float) -> _Between:
        """Return what is still known of it some time later."""
        drift_s = max(0.0, at_s - self.at_s) * _DRIFT
        return _Between(self.low_s - drift_s, self.high_s + drift_s, at_s)

    def narrowed(self, other: _Between) -> _Between:
        """Return what both say; what the other one says if they contradict each other."""
        low_s, high_s = max(self.low_s, other.low_s), min(self.high_s, other.high_s)
        return other if low_s > high_s else _Between(low_s, high_s, other.at_s)


class StoreClock:
    """
    A `Clock` that shows the time of the store's database, once that was measured.

    Intervals, sleeping and the boot clock are those of the machine. What it shows moves only as far
    as what was measured makes necessary, and does not go back by less than `LARGEST_STEP_S`: time
    stands still then until it is as late again.

    Args:
        clock: The machine's own.
        read_time: Asks the database.
    """

    def __init__(self, clock: Clock, read_time: Callable[[], Awaitable[TimeRead]]) -> None:
        self._clock = clock
        self._read_time = read_time
        self._known: _Between | None = None
        self._offset_s = (clock.now() - _EPOCH).total_seconds() - clock.boot_s()
        self._shown_s = float("-inf")
        self._following: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        """Return the database's time."""
        now_s = self._offset_s + self._clock.boot_s()
        if now_s < self._shown_s < now_s + LARGEST_STEP_S:
            now_s = self._shown_s
        self._shown_s = now_s
        return _EPOCH + timedelta(seconds=now_s)

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return self._clock.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Sleep as the machine's clock does."""
        await self._clock.sleep(delay_s)

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Have the machine's clock make a call."""
        return self._clock.call_later(delay_s, call)

    @property
    def boot_id(self) -> str:
        """The machine's."""
        return self._clock.boot_id

    def boot_s(self) -> float:
        """Return the machine's seconds since its start."""
        return self._clock.boot_s()

    @property
    def is_simulated(self) -> bool:
        """Whether the machine's own clock is one of a test."""
        return getattr(self._clock, "is_simulated", False)

    @property
    def ahead_s(self) -> float:
        """Seconds that the machine's own wall clock is ahead of the database's."""
        shown_s = (self._clock.now() - _EPOCH).total_seconds()
        return shown_s - self._offset_s - self._clock.boot_s()

    async def measure(self) -> None:
        """
        Look at the database's time once.

        Raises:
            StoreError: The store can't be read.
        """
        read = await self._read_time()
        at_s = (read.at - _EPOCH).total_seconds()
        # It was read at some moment between the two.
        found = _Between(at_s - read.after_s, at_s - read.before_s, read.after_s)
        known = self._known
        self._known = found if known is None else known.later(read.after_s).narrowed(found)
        if known is None:
            self._offset_s = (found.low_s + found.high_s) / 2
        self._offset_s = min(max(self._offset_s, self._known.low_s), self._known.high_s)

    async def begin(self) -> None:
        """
        Measure it, and go on doing so until `aclose`.

        Raises:
            StoreError: The store can't be read.
        """
        for _ in range(_FIRST_LOOKS):
            await self.measure()
        self._warn()
        self._following = asyncio.create_task(self._follow(), name="batchhub-clock")

    def _warn(self) -> None:
        if abs(ahead_s := self.ahead_s) >= _WORTH_SAYING_S:
            _log.warning("clock.differs", ahead_s=round(ahead_s, 1))

    async def _follow(self) -> None:
        was_wrong = abs(self.ahead_s) >= _WORTH_SAYING_S
        while True:
            await self._clock.sleep(MEASURE_S)
            try:
                await self.measure()
            except BatchHubError:  # whoever needs the store says so; its time goes on
                continue
            is_wrong = abs(self.ahead_s) >= _WORTH_SAYING_S
            if is_wrong and not was_wrong:
                self._warn()
            was_wrong = is_wrong

    async def aclose(self) -> None:
        """Look at it no more; the time goes on."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.wait({following})


async def find_clock(store: Store, clock: Clock) -> Clock:
    """
    Return the clock of a hub: in a cluster the database's, else its own.

    A clock that is none of the system's was given to all that share the store.

    Raises:
        StoreError: The store can't be read.
    """
    if not store.is_cluster or not isinstance(clock, SystemClock):
        return clock
    found = StoreClock(clock, lambda: store.read_time(clock.boot_s))
    await found.begin()
    return found

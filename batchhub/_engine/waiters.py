"""Who waits for changes of jobs, and when they are woken."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, Self

from batchhub._base.clock import Clock

FIGURES_S: Final = 0.2
"""Seconds between two times at which a waiter is woken for figures; ends and holds wake at once."""

_CLOSING_S: Final = 0.01


class Announce(Protocol):
    """Wakes those who wait for a job; `at_once` unless it is only a figure that has changed."""

    def __call__(self, job_id: str, *, at_once: bool = True) -> None:
        """Wake them."""


class Waiter:
    """
    Somebody who waits for one job; enter it before the job is looked at.

    A change between a look and the next wait is not missed: that wait returns at once.
    """

    def __init__(self, waiters: Waiters, job_id: str, clock: Clock) -> None:
        self._waiters = waiters
        self._job_id = job_id
        self._clock = clock
        self._event = asyncio.Event()

    def __enter__(self) -> Self:
        """Begin."""
        self._waiters.add(self._job_id, self._event)
        return self

    def __exit__(self, *_: object) -> None:
        """Forget it, or every job ever waited for would stay."""
        self._waiters.discard(self._job_id, self._event)

    def look(self) -> None:
        """Say that the job is looked at now: what happens from here on is a change."""
        self._event.clear()

    async def wait(self, timeout_s: float | None) -> None:
        """Wait until the job is announced, at most `timeout_s` seconds; `None` for no limit."""
        if self._waiters.is_closed:
            await asyncio.sleep(_CLOSING_S)  # the next look says so
        elif timeout_s is None:
            await self._event.wait()
        else:
            waits = {
                asyncio.ensure_future(self._event.wait()),
                asyncio.ensure_future(self._clock.sleep(timeout_s)),
            }
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()


class Waiters:
    """
    Those who wait for jobs of one hub, by the job's id.

    Args:
        clock: Where time comes from.

    Attributes:
        is_closed: Whether nobody is woken any more.
    """

    def __init__(self, clock: Clock) -> None:
        self.is_closed = False
        self._clock = clock
        # In the order they came, as is `_soon`: so that a simulated world takes the same course.
        self._events: dict[str, dict[asyncio.Event, None]] = {}
        self._woken_at_s: dict[str, float] = {}
        self._soon: dict[str, None] = {}
        self._waking: asyncio.Task[None] | None = None

    def waiter(self, job_id: str) -> Waiter:
        """Return one who will wait for a job."""
        return Waiter(self, job_id, self._clock)

    def add(self, job_id: str, event: asyncio.Event) -> None:
        """Set an event whenever a job has changed."""
        self._events.setdefault(job_id, {})[event] = None

    def discard(self, job_id: str, event: asyncio.Event) -> None:
        """Set an event no more."""
        self._events[job_id].pop(event, None)
        if not self._events[job_id]:
            del self._events[job_id]
            self._woken_at_s.pop(job_id, None)

    def announce(self, job_id: str, *, at_once: bool) -> None:
        """
        Wake everybody who waits for a change of a job.

        Args:
            job_id: The job.
            at_once: Whether it is more than a figure.
        """
        if job_id not in self._events:
            return
        now_s = self._clock.monotonic()
        if at_once or now_s - self._woken_at_s.get(job_id, float("-inf")) >= FIGURES_S:
            self._wake(job_id, now_s)
            return
        self._soon[job_id] = None
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake_soon(), name="batchhub-waiters")

    def announce_all(self) -> None:
        """Wake everybody."""
        for job_id in list(self._events):
            self.announce(job_id, at_once=True)

    def close(self) -> None:
        """Wake everybody for the last time."""
        self.is_closed = True
        if self._waking is not None:
            self._waking.cancel()
        self.announce_all()

    async def _wake_soon(self) -> None:
        while self._soon:
            await self._clock.sleep(FIGURES_S)
            now_s = self._clock.monotonic()
            soon, self._soon = self._soon, {}
            for job_id in soon:
                self._wake(job_id, now_s)

    def _wake(self, job_id: str, now_s: float) -> None:
        self._soon.pop(job_id, None)
        if job_id in self._events:
            self._woken_at_s[job_id] = now_s
            for event in self._events[job_id]:
                event.set()

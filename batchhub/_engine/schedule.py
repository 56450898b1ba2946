"""When each ticket of a lane has its next step."""

from __future__ import annotations

import heapq
import itertools

from batchhub._base.clock import Clock


class Schedule:
    """
    The tickets that have a step to come or under way, by job number and position.

    A ticket is in it once: from `add` until `done`, its step under way included.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, int, int]] = []
        self._numbers = itertools.count()
        self._positions: dict[int, set[int]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no step is to come; some may be under way."""
        return not self._due

    def clear(self) -> None:
        """Forget all steps."""
        self._due.clear()
        self._positions.clear()

    def positions(self, job_no: int) -> set[int]:
        """Return the positions of a job's tickets that are in the schedule."""
        return self._positions.setdefault(job_no, set())

    def add(self, job_no: int, position: int, delay_s: float) -> None:
        """Schedule the next step of a ticket, `delay_s` seconds from now."""
        self.positions(job_no).add(position)
        due_s = self._clock.monotonic() + delay_s
        # The running number keeps steps of the same time in the order they were added.
        heapq.heappush(self._due, (due_s, next(self._numbers), job_no, position))

    def take_due(self) -> tuple[int, int] | None:
        """Take the job number and position of the next step that is due; `None` if none is."""
        if not self._due or self._due[0][0] > self._clock.monotonic():
            return None
        _, _, job_no, position = heapq.heappop(self._due)
        return job_no, position

    def done(self, job_no: int, position: int) -> None:
        """Forget a ticket whose step has been taken, until it is added again."""
        if job_no in self._positions:
            self._positions[job_no].discard(position)

    def remove_job(self, job_no: int) -> None:
        """Forget a job that has ended."""
        self._positions.pop(job_no, None)

    def hurry(self, job_no: int) -> None:
        """Bring all steps to come of a job forward to now."""
        now_s = self._clock.monotonic()
        self._due = [(now_s if entry[2] == job_no else entry[0], *entry[1:]) for entry in self._due]
        heapq.heapify(self._due)

    def delay_s(self, most_s: float) -> float:
        """Return the seconds until the next step is due, at most `most_s`."""
        if not self._due:
            return most_s
        return min(most_s, self._due[0][0] - self._clock.monotonic())

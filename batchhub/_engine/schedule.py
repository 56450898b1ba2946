"""When each ticket of a lane has its next step."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from batchhub._base.clock import Clock
from batchhub._base.measures import Histogram

from .job_state import JobState
from .workers import Kind

_Step = tuple[float, int, int]
"""When a step is due, in monotonic seconds, and whose: job and position."""


HasRoom = Callable[[Kind], bool]
"""Whether one more step of a kind may begin."""


def _always(_: Kind) -> bool:
    return True


class Schedule:
    """
    The steps to come of a lane's tickets, by time.

    Each job knows when the next step of each of its tickets is due. An entry here that says
    another time is an old one, and is passed over.

    Args:
        clock: Where time comes from.
        find: Returns a job by its number; `None` once it has ended.
        is_poll: Whether the next step of a ticket asks the vendor about it first.
        lateness: Takes how late each poll begins.
    """

    def __init__(
        self,
        clock: Clock,
        find: Callable[[int], JobState | None],
        is_poll: Callable[[JobState, int], bool],
        lateness: Histogram | None = None,
    ) -> None:
        self._clock = clock
        self._lateness = lateness or Histogram()
        self._find = find
        self._is_poll = is_poll
        # Those of one kind are asked about together, or find no room together.
        self._due: dict[Kind, list[_Step]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no step is to come; some may be under way."""
        return self._first() is None

    def clear(self) -> None:
        """Forget all steps."""
        self._due.clear()

    def add(self, job: JobState, position: int, delay_s: float) -> None:
        """Schedule the next step of a ticket, `delay_s` seconds from now."""
        due_s = self._clock.monotonic() + delay_s
        job.schedule(position, due_s, delay_s)
        # Steps of the same time are taken in the order of jobs and tickets.
        kind = Kind(job.operation, self._is_poll(job, position))
        heapq.heappush(self._due.setdefault(kind, []), (due_s, job.job_no, position))

    def take_due(self, has_room: HasRoom = _always) -> tuple[JobState, int, Kind] | None:
        """
        Take the next step that is due, of a kind of which one more may begin.

        Returns:
            Its job, position and kind; `None` if none is due.
        """
        kind = self._first(has_room)
        if kind is None:
            return None
        late_s = self._clock.monotonic() - self._due[kind][0][0]
        if late_s < 0.0:
            return None
        if kind.is_poll:
            self._lateness.add(late_s)
        return *self._take(self._due[kind]), kind

    def take_more(
        self, operation: str, most: int, until_s: float, fits: Callable[[JobState, int], bool]
    ) -> list[tuple[JobState, int]]:
        """
        Take further polls of an operation, the next ones first.

        Args:
            operation: The kind of batch.
            most: How many to take; no more than so many are looked at in vain.
            until_s: Until when they are due at most, in monotonic seconds.
            fits: Whether to take the step of a ticket.

        Returns:
            Jobs and positions.
        """
        steps = self._due.get(Kind(operation, is_poll=True), [])
        taken: list[tuple[JobState, int]] = []
        left: list[_Step] = []
        now_s = self._clock.monotonic()
        while len(taken) < most and len(left) < most and self._pass_over(steps):
            due_s, job_no, position = steps[0]
            if due_s > until_s:
                break
            job = self._find(job_no)
            if job is not None and fits(job, position):
                self._lateness.add(now_s - due_s)
                taken.append(self._take(steps))
            else:
                left.append(heapq.heappop(steps))
        for step in left:
            heapq.heappush(steps, step)
        return taken

    def hurry(self, job: JobState) -> None:
        """Bring all steps to come of a job forward to now."""
        for position in list(job.scheduled()):
            self.add(job, position, 0.0)

    def next_due_s(self, has_room: HasRoom = _always) -> float | None:
        """Return when the next step is due, in monotonic seconds; `None` if none is to come."""
        kind = self._first(has_room)
        return None if kind is None else self._due[kind][0][0]

    def delay_s(self, most_s: float, has_room: HasRoom = _always) -> float:
        """Return the seconds until the next step is due that may begin, at most `most_s`."""
        due_s = self.next_due_s(has_room)
        return most_s if due_s is None else min(most_s, due_s - self._clock.monotonic())

    def _first(self, has_room: HasRoom = _always) -> Kind | None:
        """Return the kind of the step that is next; `None` if none is to come."""
        first: Kind | None = None
        for kind, steps in self._due.items():
            if not self._pass_over(steps) or not has_room(kind):
                continue
            if first is None or steps[0] < self._due[first][0]:
                first = kind
        return first

    def _pass_over(self, steps: list[_Step]) -> bool:
        """Drop old entries that stand first; return whether a step is left."""
        while steps:
            due_s, job_no, position = steps[0]
            job = self._find(job_no)
            if job is not None and job.notes.due_s(position) == due_s:
                return True
            heapq.heappop(steps)
        return False

    def _take(self, steps: list[_Step]) -> tuple[JobState, int]:
        _, job_no, position = heapq.heappop(steps)
        job = self._find(job_no)
        assert job is not None  # noqa: S101  # it was not passed over
        job.begin_step(position)
        return job, position

"""
Which tickets are asked about: where the vendor runs them in order, the oldest.

A ticket behind an older one of the same lane and operation can't end before it, so while the older
one's polls are answered it is not asked about. It is as soon as the older one has ended, and of a
thousand tickets in a row one is polled at a time. Where one request asks about many, as many are.

| an older ticket                                     | those behind it                        |
|-----------------------------------------------------|----------------------------------------|
| answers its polls                                   | are held back                          |
| has ended, or is finished and its results are due   | the next is asked about at once        |
| failed its last poll                                | the next is asked about, at its pace   |
| has stalled, is of a job past its deadline, or is   |                                        |
| cancelled: it may end in any order, or never        | as above                               |
| is UNCONFIRMED: nobody asks about it                | as if it were not there                |

Nothing waits without an end: whoever is held back is asked about after `stall_s` all the same, at
its job's deadline, and as often as the results' keeping asks for.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from batchhub._adapter.capabilities import Capabilities
from batchhub.models import BatchState

from .job_state import AT_VENDOR, JobState
from .lane_context import LaneContext
from .poll_times import LOOKS_WHILE_KEPT
from .ticket_notes import Mark

_Rank = tuple[float, int, int]
"""When a ticket was sent, in monotonic seconds; its job and its position."""

_Key = tuple[int, int]

Release = Callable[[JobState, int, float], None]


class AskOrder:
    """
    The tickets of a lane that the vendor runs in order, as they were sent.

    Args:
        context: The lane.
        release: Called with the job and position of a ticket that is held back no more, and the
            seconds until it is to be asked about.
    """

    def __init__(self, context: LaneContext, release: Release) -> None:
        self._context = context
        self._release = release
        self._jobs: dict[int, tuple[JobState, Capabilities]] = {}
        self._rows: dict[str, _Row] = {}
        self._ranks: dict[_Key, _Rank] = {}

    def clear(self) -> None:
        """Forget all jobs."""
        self._jobs.clear()
        self._rows.clear()
        self._ranks.clear()

    def add(self, job: JobState, capabilities: Capabilities) -> None:
        """Take a job in, if it is new and the vendor runs it in order."""
        if not capabilities.runs_in_order or job.job_no in self._jobs:
            return
        self._jobs[job.job_no] = job, capabilities
        row = self._rows.setdefault(job.operation, _Row(self._context.clock.monotonic()))
        row.most = capabilities.max_polled_at_once if self._context.adapter.asks_together else 1
        for position in job.sent():
            self.note(job, position)

    def remove(self, job: JobState) -> None:
        """Forget a job that has ended; a step of one of its tickets may still be under way."""
        self._jobs.pop(job.job_no, None)

    def note(self, job: JobState, position: int, *, has_failed: bool = False) -> None:
        """
        Take note of what a ticket is now.

        Args:
            job: Its job.
            position: Its position.
            has_failed: Whether its step ended in an error that nothing took in.
        """
        key, is_known = (job.job_no, position), job.job_no in self._jobs
        holds_back = is_known and not has_failed and _holds_back(job, position)
        rank = self._ranks.get(key)
        if rank is None and not holds_back:
            return
        row, now_s = self._rows[job.operation], self._context.clock.monotonic()
        if rank is not None and holds_back:
            row.seen_s = now_s
            return
        if rank is None:
            rank = self._ranks[key] = self._rank(job, position)
            insort(row.ranks, rank)
            return
        del self._ranks[key]
        if (next_one := row.remove(rank)) is not None:
            self._let_go(next_one, at_once=not has_failed and _is_over(job, position))

    def is_held(self, job: JobState, position: int) -> bool:
        """Whether a ticket is not asked about, for older ones are."""
        rank = self._ranks.get((job.job_no, position))
        return rank is not None and self._rows[job.operation].is_held(rank)

    def delay_s(self, job: JobState, position: int, delay_s: float) -> float:
        """Return the seconds until a ticket's next step, which would be due in `delay_s`."""
        if not self.is_held(job, position):
            return delay_s
        self._context.polls.leave(job, position)  # no rule has a say in it meanwhile
        capabilities, record = self._jobs[job.job_no][1], job.record
        slow_s = capabilities.stall_s
        if capabilities.results_kept_s is not None:
            slow_s = min(slow_s, capabilities.results_kept_s / LOOKS_WHILE_KEPT)
        left_s = record.deadline_s - self._context.ages.age_s(record.created_at)
        # Past it a reader is to be told.
        slow_s = min(slow_s, max(0.0, left_s) + capabilities.min_poll_s)
        return max(delay_s, slow_s)

    def _rank(self, job: JobState, position: int) -> _Rank:
        ticket, context = job.ticket(position), self._context
        sent_at = ticket.attempted_at or ticket.accepted_at or job.record.created_at
        return context.clock.monotonic() - context.ages.age_s(sent_at), job.job_no, position

    def _let_go(self, rank: _Rank, *, at_once: bool) -> None:
        """Have a ticket asked about that was held back, unless its step is under way."""
        _, job_no, position = rank
        if (known := self._jobs.get(job_no)) is None:
            return  # it has just ended, and the next one is let go by that
        (job, capabilities), now_s = known, self._context.clock.monotonic()
        if at_once and not job.notes.is_polled(position):
            # How long it has waited for others says nothing of its end.
            at_work_s = now_s - self._rows[job.operation].seen_s
            self._context.polls.begin(job, job.ticket(position), at_work_s)
        wait_s = capabilities.min_poll_s if at_once else capabilities.poll_s
        asked_s = job.notes.asked_at_s(position) if at_once else now_s
        due_s = max(now_s, asked_s + wait_s)
        if due_s < job.notes.due_s(position):
            self._release(job, position, due_s - now_s)


class _Row:
    """
    The tickets of one operation that hold others back, the oldest first.

    Attributes:
        most: How many of them are asked about; more than one costs nothing in one request.
        ranks: Their ranks.
        seen_s: When one of them was last known to be at the vendor, in monotonic seconds.
    """

    def __init__(self, now_s: float) -> None:
        self.most = 1
        self.seen_s = now_s
        self.ranks: list[_Rank] = []

    def is_held(self, rank: _Rank) -> bool:
        """Whether a ticket is behind as many as are asked about."""
        return len(self.ranks) > self.most and rank > self.ranks[self.most - 1]

    def remove(self, rank: _Rank) -> _Rank | None:
        """Take a ticket out; return the one that is held back no more by that, if one is."""
        at = bisect_left(self.ranks, rank)
        del self.ranks[at]
        return self.ranks[self.most - 1] if at < self.most <= len(self.ranks) else None


def _holds_back(job: JobState, position: int) -> bool:
    """Whether those behind a ticket have to wait for it, and it for those before it."""
    ticket, notes = job.ticket(position), job.notes
    if ticket.state not in AT_VENDOR or ticket.finished_as is not None:
        return False
    if notes.failures(position) or notes.has(position, Mark.STALLED) or job.has_finding("overdue"):
        return False
    # Cancelled in vain it goes on in its order.
    return not job.is_cancelled or any(f.code == "not_cancelled" for f in ticket.findings)


def _is_over(job: JobState, position: int) -> bool:
    """Whether a ticket is through at the vendor: the next one may have been begun."""
    ticket = job.ticket(position)
    return ticket.state is not BatchState.UNCONFIRMED and (
        ticket.state.is_terminal or ticket.finished_as is not None
    )

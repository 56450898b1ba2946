"""What the programs of a world were shown while it ran: states and progress go forward only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from attrs import define, field

from batchhub import BatchEvent, BatchStatus
from batchhub.models import BatchState

from .plan import Order

_RANKS: Final = {BatchState.PENDING: 0, BatchState.QUEUED: 1, BatchState.IN_PROGRESS: 2}
_TICKET_RANKS: Final = {
    BatchState.PENDING: 0,
    BatchState.UNCONFIRMED: 1,
    BatchState.QUEUED: 2,
    BatchState.IN_PROGRESS: 3,
}


class LawBrokenError(AssertionError):
    """A law does not hold; says which, and where it was seen."""


@define(eq=False)
class Witness:
    """
    Sees every status that a program is shown.

    Attributes:
        may_be_behind: Says whether a life of a program may have lost a lane without knowing it:
            what it is shown of tickets then comes from its memory for a while, and may be behind.
        jobs: The order of each job that was submitted.
        cancelled: Jobs somebody cancelled or decided about.
        retried: Jobs whose unknown items were sent again on somebody's word, and the new jobs.
        told: For each job, whether each event of its end was a repeated one.
        seen: How many statuses were seen.
        broken: The laws that were seen broken.
    """

    may_be_behind: Callable[[str], bool]
    jobs: dict[str, Order] = field(factory=dict)
    cancelled: set[str] = field(factory=set)
    retried: dict[str, str] = field(factory=dict)
    told: defaultdict[str, list[bool]] = field(factory=lambda: defaultdict(list))
    seen: int = 0
    broken: list[str] = field(factory=list)
    _last: dict[tuple[str, str], BatchStatus] = field(factory=dict)
    _ranks: dict[tuple[str, str], int] = field(factory=dict)
    _final: defaultdict[str, dict[str, BatchState]] = field(factory=lambda: defaultdict(dict))
    _submits: defaultdict[int, set[str]] = field(factory=lambda: defaultdict(set))

    def note_job(self, order: Order, job_id: str) -> None:
        """Note which job an order became: the same one, however often it is submitted."""
        self.jobs[job_id] = order
        self._submits[order.number].add(job_id)
        if len(self._submits[order.number]) > 1:
            self._break(f"order {order.number} became {sorted(self._submits[order.number])}")

    def note_cancel(self, job_id: str) -> None:
        """Note that somebody gave a job up."""
        self.cancelled.add(job_id)

    def forget_cancel(self, job_id: str) -> None:
        """Take note that a job was not cancelled after all."""
        self.cancelled.discard(job_id)

    def note_retry(self, job_id: str, again: str) -> None:
        """Note that a job's items were sent again on somebody's word."""
        self.retried[job_id] = again

    def note_event(self, event: BatchEvent) -> None:
        """Note that somebody was told of a job's end."""
        self.told[event.job_id].append(event.is_repeated)

    def see(self, life: str, status: BatchStatus) -> None:
        """Look at a status that a life of a program was shown."""
        self.seen += 1
        self._see_final(life, status)
        counts = status.counts
        known = counts.succeeded + counts.failed + counts.not_executed + counts.unknown
        if known + counts.pending != counts.total:
            self._break(f"{status.job_id}: the counts don't add up: {counts}")
        rank = _RANKS.get(status.state)
        if rank is not None:  # one that is held may be where it was before, or elsewhere
            if rank < self._ranks.get((life, status.job_id), 0):
                self._break(f"{status.job_id}: the state went back to {status.state}")
            self._ranks[life, status.job_id] = rank
        before = self._last.get((life, status.job_id))
        self._last[life, status.job_id] = status
        if before is not None:
            self._compare(before, status, is_sure=not self.may_be_behind(life))

    def see_end(self, status: BatchStatus) -> None:
        """Look at a status after the end: what was final for anybody is so still."""
        for life, state in self._final[status.job_id].items():
            if state is not status.state:
                self._break(f"{status.job_id}: was {state} for {life}, is {status.state}")
        self.see("the end", status)

    def _see_final(self, life: str, status: BatchStatus) -> None:
        state, finals = status.state, self._final[status.job_id]
        # Only for whoever saw it: a process that lost its lane hears of it a little later.
        if finals.get(life, state) is not state:
            self._break(f"{status.job_id}: was {finals[life]}, is {state} again")
        if state.is_terminal:
            finals[life] = state
        if state is BatchState.COMPLETED and status.progress != 1.0:
            self._break(f"{status.job_id}: completed with progress {status.progress}")

    def _compare(self, before: BatchStatus, after: BatchStatus, *, is_sure: bool) -> None:
        name = after.job_id
        if None not in (before.progress, after.progress) and after.progress < before.progress:  # type: ignore[operator]
            self._break(f"{name}: progress went back from {before.progress} to {after.progress}")
        if not is_sure:
            return
        for old, new in zip(before.tickets, after.tickets, strict=True):
            if old.state.is_terminal and new.state is not old.state:
                self._break(f"{name}: a ticket was {old.state}, is {new.state}")
            if _ticket_rank(new.state) < _ticket_rank(old.state):
                self._break(f"{name}: a ticket went back from {old.state} to {new.state}")

    def _break(self, what: str) -> None:
        self.broken.append(what)


def _ticket_rank(state: BatchState) -> int:
    """Return how far a ticket is; one that is unconfirmed was never heard of since it was sent."""
    return _TICKET_RANKS.get(state, 4)

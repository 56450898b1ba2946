"""The unfinished jobs of a lane: what the store has of them, taken over as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from batchhub._base.log import get_logger
from batchhub._store import JobRecord, TicketRecord
from batchhub.models import Contact

from .job_state import AT_VENDOR, JobState
from .lane_context import LaneContext
from .order import SendOrder

_log = get_logger()


class LaneJobs:
    """
    The jobs that a lane drives, and which of them have to be looked at.

    Args:
        context: The lane.
        order: Learns what becomes of tickets elsewhere.

    Attributes:
        changed: The numbers of jobs whose tickets may need a step.
    """

    def __init__(self, context: LaneContext, order: SendOrder) -> None:
        self.changed: set[int] = set()
        self._context = context
        self._order = order
        self._jobs: dict[int, JobState] = {}
        self._numbers: dict[str, int] = {}
        self._doubtful: set[int] = set()
        self._last_place = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._jobs)

    def __iter__(self) -> Iterator[JobState]:
        """Iterate over them in the order they were taken over."""
        return iter(self._jobs.values())

    def get(self, job_no: int) -> JobState | None:
        """Return a job by its number; `None` if it has ended or was never here."""
        return self._jobs.get(job_no)

    def find(self, job_id: str) -> JobState | None:
        """Return a job by its id; `None` if it has ended or was never here."""
        job_no = self._numbers.get(job_id)
        return None if job_no is None else self._jobs.get(job_no)

    def moments(self) -> Iterator[datetime]:
        """Yield the moments whose ages may decide something for any of them."""
        for job in self:
            yield from job.moments()

    @property
    def is_in_doubt(self) -> bool:
        """Whether another process may come to know what became of one of their tickets."""
        return bool(self._doubtful)

    def note_doubt(self, job: JobState) -> None:
        """Remember whether another process may learn what became of tickets of a job."""
        if job.is_in_doubt and not job.has_ended:
            self._doubtful.add(job.job_no)
        else:
            self._doubtful.discard(job.job_no)

    def clear(self) -> None:
        """Forget them all: the next `load` reads them again."""
        self._jobs.clear()
        self._numbers.clear()
        self.changed.clear()
        self._doubtful.clear()
        self._last_place = 0

    def remove(self, job: JobState) -> bool:
        """Forget a job that has ended; return whether it was here."""
        if self._jobs.pop(job.job_no, None) is None:
            return False
        self._doubtful.discard(job.job_no)
        self._numbers.pop(job.job_id, None)
        self._order.remove(job)
        return True

    async def load(self) -> list[JobState]:
        """
        Take over what is new in the store: jobs, answers about tickets, and requests to cancel.

        Returns:
            The jobs that were cancelled meanwhile.

        Raises:
            StoreError: It can't be read.
        """
        context = self._context
        context.ages.now()  # a jump from before concerns only the jobs from before
        is_first = self._last_place == 0
        for record, tickets in await context.store.jobs.find_open(
            context.lane, after=self._last_place
        ):
            self._last_place = record.place or 0
            if context.is_closing and not any(each.state in AT_VENDOR for each in tickets):
                continue  # nothing of it is sent here any more
            if record.operation in context.adapter.operations:
                self._take(record, tickets)
            else:
                await self._skip(record)
        for job_no in sorted(self._doubtful):
            if (doubtful := self._jobs.get(job_no)) is not None:  # it may end meanwhile
                await self._look_for_evidence(doubtful)
        if is_first:
            return []  # what was just read says whether it was cancelled
        cancelled = []
        for job_no, cancelled_at in (await context.store.jobs.find_cancelled(context.lane)).items():
            found = self._jobs.get(job_no)
            if found is not None and not found.is_cancelled:
                found.mark_cancelled(cancelled_at)
                self._order.changed(found)
                self.changed.add(job_no)
                cancelled.append(found)
        return cancelled

    def _take(self, record: JobRecord, tickets: Iterable[TicketRecord]) -> None:
        job = self._jobs[record.job_no] = JobState(record, tickets)
        self._numbers[record.job_id] = record.job_no
        self.changed.add(record.job_no)
        self.note_doubt(job)
        self._context.announce(job.job_id)

    async def _skip(self, record: JobRecord) -> None:
        """Leave a job that an adapter of another version was given, and say why."""
        context = self._context
        note = f"adapter {context.adapter.name!r} has no operation {record.operation!r} any more"
        _log.error(
            "lane.job_skipped",
            job_id=record.job_id,
            account=record.account,
            lane=context.lane,
            note=note,
        )
        await context.store.jobs.save_contact(
            [record.job_no], Contact.STALE, note, context.hold.row
        )
        context.announce(record.job_id)

    async def _look_for_evidence(self, job: JobState) -> None:
        """Load answers that another process stored after it was resumed."""
        positions = job.find_in_doubt()
        for ticket in await self._context.store.tickets.of_job(job.job_no, positions):
            # Its request may be under way by now; if it was answered, this is no news.
            if ticket.vendor_refs and job.is_doubtful(ticket.position):
                job.replace(ticket)
                self._order.note(job, ticket.position)
                self.changed.add(job.job_no)
                self._context.announce(job.job_id)
        self.note_doubt(job)

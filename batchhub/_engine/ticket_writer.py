"""Writing what a step makes of a ticket, so that memory and store change in one place."""

from __future__ import annotations

from attrs import evolve

from batchhub._base.failpoints import failpoint
from batchhub._base.log import get_logger
from batchhub._store import TicketRecord
from batchhub.errors import BatchHubError, NotFoundError
from batchhub.models import BatchState

from .change import Change, Step
from .job_state import AT_VENDOR, JobState
from .lane_context import LaneContext, log_end, log_ticket
from .ticket_notes import Mark

_log = get_logger()


class TicketWriter:
    """
    Writes the changes of the tickets of one lane, and takes them into memory.

    Whoever works on a ticket only decides what becomes of it.

    Args:
        lane: The lane.
    """

    def __init__(self, lane: LaneContext) -> None:
        self._lane = lane

    async def write(self, job: JobState, change: Change) -> Step:
        """Write a change, take it into memory, and return when the ticket goes on."""
        ticket, position = change.ticket, change.ticket.position
        if change.is_evidence:
            self._lane.measures.accepted += 1
        # Before it is written: the store saves the job together with the ticket.
        if ticket.state is not job.ticket(position).state:
            job.mark_updated(self._lane.ages.now(), observed=bool(ticket.vendor_refs))
        if ticket.state.is_terminal:
            ticket = await self._end(job, change)
        elif change.is_evidence:
            ticket = await self._accept(job, ticket)
        elif ticket != job.ticket(position):
            await self.save(job, ticket)
        if self._lane.hold.is_lost:
            return Step(delay_s=None, answered=False)  # the next owner goes on with it
        if ticket.state is BatchState.UNCONFIRMED:
            self._lane.measures.unconfirmed += 1
            log_ticket("ticket.unconfirmed", job, ticket, attempt_id=ticket.attempt_id)
        if ticket.state.is_terminal or ticket.state is BatchState.UNCONFIRMED:
            self._lane.polls.leave(job, position)
            return Step(delay_s=None, trouble=change.trouble, answered=change.answered)
        if change.trouble is not None:
            return self.postpone(job, position, change.trouble)
        return Step(delay_s=self._lane.polls.delay_s(job, position), answered=change.answered)

    async def save(self, job: JobState, ticket: TicketRecord) -> None:
        """Write an open ticket as it is now, if the lane is still held."""
        hold = self._lane.hold
        is_held = await self._lane.persist(
            lambda: self._lane.store.tickets.save([(job.record, [ticket])], hold.row)
        )
        if not is_held:
            hold.lose()
            return
        job.replace(ticket)
        job.notes.unmark(ticket.position, Mark.UNSAVED)

    def postpone(self, job: JobState, position: int, trouble: BatchHubError) -> Step:
        """Try a ticket again later, after an error."""
        job.notes.add_failure(position, is_miss=isinstance(trouble, NotFoundError))
        _log.warning(
            "ticket.postponed",
            job_id=job.record.job_id,
            account=job.record.account,
            lane=job.record.lane,
            ticket=position,
            error=str(trouble),
        )
        delay_s = self._lane.polls.delay_s(job, position, trouble)
        return Step(delay_s=delay_s, trouble=trouble, answered=False)

    async def _accept(self, job: JobState, ticket: TicketRecord) -> TicketRecord:
        """Write that the vendor has a ticket; return it as it is in the store then."""
        lane = self._lane
        kept = await lane.persist(
            lambda: lane.store.tickets.accept(job.record, ticket, lane.hold.row)
        )
        job.replace(kept)
        job.notes.forget_troubles(ticket.position)
        if kept.state in AT_VENDOR:
            lane.polls.begin(job, kept)
        log_ticket("ticket.accepted", job, ticket, vendor_refs=list(ticket.vendor_refs))
        failpoint("ticket.kept")
        return kept  # terminal if another process ended it while this one stood still

    async def _end(self, job: JobState, change: Change) -> TicketRecord:
        lane = self._lane
        ended, record = await lane.persist(
            lambda: lane.store.tickets.end(
                job.record,
                change.ticket,
                change.results,
                change.rest,
                change.rest_message,
                at=lane.ages.now(),
                hold=lane.hold.row,
            )
        )
        job.replace(ended)
        if not ended.state.is_terminal:
            lane.hold.lose()  # only its owner may end a ticket the vendor has not
            return ended
        failpoint("results.kept")
        self._count(ended)
        job.record = evolve(job.record, ended_at=record.ended_at)
        log_ticket("ticket.ended", job, ended, state=ended.state.value)
        if record.ended_at is not None:
            status = job.status()
            log_end(job, status)
            if status.outcome is not None:
                lane.measures.jobs[status.outcome.value] += 1
        return ended

    def _count(self, ended: TicketRecord) -> None:
        items = self._lane.measures.items
        items["succeeded"] += ended.succeeded
        items["failed"] += ended.failed
        items["not_executed"] += ended.not_executed
        items["unknown"] += ended.unknown

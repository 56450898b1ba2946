"""Sending a ticket when it is its turn, or looking for one that may have been sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from batchhub._adapter.exchange import WireItem
from batchhub._base.show import duration
from batchhub._store import TicketRecord
from batchhub.models import BatchState, Finding

from .change import Step
from .job_state import JobState
from .lane_context import LaneContext
from .send import hold, search
from .send_attempt import SendAttempt
from .send_rules import may_resend, repeat_delay_s, search_delay_s
from .ticket_notes import Mark
from .ticket_writer import TicketWriter

_REPEAT_WAITS: Final = "repeat_waits"


class TicketSender:
    """
    Sends the tickets of one lane.

    Args:
        lane: The lane.
        writer: Writes what comes of it.
    """

    def __init__(self, lane: LaneContext, writer: TicketWriter) -> None:
        self._lane = lane
        self._writer = writer

    async def submit(self, job: JobState, ticket: TicketRecord) -> Step:
        """Send a ticket, if it is its turn and nothing forbids it by then."""
        lane = self._lane
        items = await lane.store.tickets.get_items(ticket)
        # Before the intent: what waits for the budget was not sent, and can be called off.
        await lane.adapter.transport.wait_turn()
        ticket = job.ticket(ticket.position)
        if lane.is_closing or job.is_cancelled or ticket.state is not BatchState.PENDING:
            return Step(delay_s=0.0, answered=False)
        await lane.learn_time(ticket)
        if ticket.is_in_doubt and not may_resend(lane, job, ticket, items):
            if lane.capabilities(job).finds_attempts:
                wait_s = search_delay_s(lane, job, ticket)
                if wait_s:
                    return Step(delay_s=wait_s, answered=False)
                return await self._search(job, ticket, items)
            return await self._writer.write(job, hold(ticket))
        if not ticket.is_in_doubt and (wait_s := await repeat_delay_s(lane, job, ticket, items)):
            return await self._wait_for_window(job, ticket, wait_s)
        job.notes.mark(ticket.position, Mark.SENDING)
        try:
            return await self._send(job, ticket, items)
        finally:
            job.notes.unmark(ticket.position, Mark.SENDING)

    async def _send(self, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]) -> Step:
        attempt = SendAttempt(self._lane, job, ticket, items)
        if not await attempt.begin():
            return await self._read_again(job, ticket)
        change = await attempt.send()
        if not change.is_evidence and job.ticket(ticket.position) != attempt.ticket:
            # A late answer came during the resend. It knows more than a request without one.
            return Step(delay_s=0.0, trouble=change.trouble, answered=False)
        if change.trouble is None and change.ticket.state is BatchState.PENDING:  # called off
            await self._writer.save(job, change.ticket)
            return Step(delay_s=0.0, answered=False)
        return await self._writer.write(job, change)

    async def _wait_for_window(self, job: JobState, ticket: TicketRecord, wait_s: float) -> Step:
        """Say why a ticket waits, which may be for long: the vendor would refuse it."""
        if not any(finding.code == _REPEAT_WAITS for finding in ticket.findings):
            until = self._lane.ages.now() + timedelta(seconds=wait_s)
            window_s = self._lane.capabilities(job).refuses_repeat_s or 0.0
            finding = Finding(
                code=_REPEAT_WAITS,
                message="the vendor has just had the same items, and refuses that for "
                f"{duration(window_s)}; until then they wait",
                examples=(f"{until:%Y-%m-%d %H:%M:%S} UTC",),
            )
            await self._writer.save(job, ticket.with_findings([finding]))
            self._lane.announce(job.job_id)
        return Step(delay_s=wait_s, answered=False)

    async def _read_again(self, job: JobState, ticket: TicketRecord) -> Step:
        """Take a ticket as it is in the store, where it is not what this process knew."""
        if not self._lane.hold.is_lost:
            job.replace(await self._lane.store.tickets.get(ticket))
        return Step(delay_s=0.0, answered=False)

    async def _search(self, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]) -> Step:
        change = await search(self._lane, job, ticket, items)
        if change is not None and change.is_evidence:
            return await self._writer.write(job, change)
        if job.ticket(ticket.position) != ticket:
            # A late answer came during the search. It knows more than a search that found nothing.
            return Step(delay_s=0.0, answered=False)
        if change is None:
            return Step(delay_s=self._lane.polls.delay_s(job, ticket.position))
        if change.ticket.state is BatchState.UNCONFIRMED:
            return await self._writer.write(job, change)
        await self._writer.save(job, change.ticket)
        return Step(delay_s=0.0, answered=False)  # sent anew by the next step, in its own turn

"""One sending of a ticket: its intent, its requests, and what is kept between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from attrs import evolve

from batchhub._adapter.exchange import WireItem
from batchhub._base.failpoints import failpoint
from batchhub._http.guard import NotSentError
from batchhub._store import TicketRecord

from .change import Change
from .job_state import JobState
from .lane_context import LaneContext, log_ticket
from .send import call_off, send
from .send_guard import SendGuard
from .send_rules import may_resend
from .steps import StepsKeeper


class SendAttempt:
    """
    Sends a ticket once.

    Before a request with an effect goes, it is durable that it is about to, and how many have
    gone; so is what the adapter keeps between two of them.

    Args:
        lane: The lane the ticket goes through.
        job: Its job.
        ticket: The ticket; one in doubt is sent again under the attempt it has.
        items: Its items.

    Attributes:
        ticket: The ticket as this attempt has last written it.
    """

    def __init__(
        self, lane: LaneContext, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]
    ) -> None:
        self.ticket = ticket
        self._lane = lane
        self._job = job
        self._items = items
        self._was_in_doubt = ticket.is_in_doubt
        self._durable_at_s: float | None = None

    async def begin(self) -> bool:
        """Write that the ticket is about to be sent; return whether it still may."""
        old_attempt = self.ticket.attempt_id
        if self._was_in_doubt:
            ticket = evolve(self.ticket, sends=self.ticket.sends + 1)
        else:
            ticket = make_intent(self.ticket, self._lane)
        fenced = await self._lane.begin(ticket, old_attempt)
        if fenced.durable_at_s is None:
            return False
        self.ticket = ticket
        self._lane.measures.sent += 1
        self._durable_at_s = fenced.durable_at_s
        self._job.replace(ticket)
        if not self._was_in_doubt:
            log_ticket("ticket.intended", self._job, ticket, attempt_id=ticket.attempt_id)
        failpoint("intent.kept")
        return True

    async def send(self) -> Change:
        """Have the adapter send it; return what its answer makes of the ticket."""
        lane, ticket = self._lane, self.ticket
        assert self._durable_at_s is not None  # noqa: S101  # it has begun
        if lane.is_closing:
            return self._call_off()
        guard = SendGuard(lane.clock, self._durable_at_s, self._confirm)
        steps = StepsKeeper(ticket.kept, self._keep, lane.adapter.transport.redact)
        lane.sending.add(guard)
        try:
            change = await send(
                lane,
                self._job,
                ticket,
                self._items,
                guard=guard,
                steps=steps,
                was_in_doubt=self._was_in_doubt,
            )
        finally:
            lane.sending.discard(guard)
        return evolve(change, ticket=_with_steps(change.ticket, self.ticket))

    def _call_off(self) -> Change:
        change = call_off(self._job, self.ticket, was_in_doubt=self._was_in_doubt)
        return evolve(change, ticket=_with_steps(change.ticket, self.ticket))

    async def _confirm(self, more_sends: int) -> float | None:
        """Write again that it is about to be sent; see `SendGuard`."""
        ticket = self.ticket
        if self._was_in_doubt and not may_resend(self._lane, self._job, ticket, self._items):
            return None
        # Under a new attempt nothing has gone yet: what counts from its sending, such as the time
        # until the vendor lists it, begins now. An upload, or the wait for a turn, may take long.
        now = {} if self._was_in_doubt else _read_time(self._lane)
        counted = evolve(ticket, sends=ticket.sends + more_sends, **now)
        fenced = await self._lane.begin(counted, ticket.attempt_id)
        if fenced.durable_at_s is not None:
            # Of what it is now: more may have been kept meanwhile.
            self._take(evolve(self.ticket, sends=self.ticket.sends + more_sends, **now))
        return fenced.durable_at_s

    async def _keep(self, kept: Mapping[str, str]) -> None:
        """Write what the adapter keeps; see `StepsKeeper`."""
        if not await self._lane.keep_steps(evolve(self.ticket, kept=kept)):
            raise NotSentError("nothing was kept: the ticket is not ours to send any more")
        self._take(evolve(self.ticket, kept=kept))

    def _take(self, changed: TicketRecord) -> None:
        if self._job.ticket(changed.position) == self.ticket:  # else a late answer knows more
            self._job.replace(changed)
        self.ticket = changed


def make_intent(ticket: TicketRecord, lane: LaneContext) -> TicketRecord:
    """Return a ticket with a new attempt; to be durable before the first byte is sent."""
    return evolve(
        ticket,
        attempt_id=str(uuid4()),
        sends=1,
        **_read_time(lane),
    )


def _read_time(lane: LaneContext) -> dict[str, Any]:
    """Return when an attempt is about to be sent, as its ticket has it."""
    return {
        "attempted_at": lane.ages.now(),
        "attempted_boot": lane.clock.boot_id,
        "attempted_boot_s": lane.clock.boot_s(),
    }


def _with_steps(ticket: TicketRecord, sent: TicketRecord) -> TicketRecord:
    """Return a ticket with what was written of it while it was sent."""
    if ticket.attempt_id is None:
        return evolve(ticket, sends=0, kept=sent.kept)
    return evolve(
        ticket,
        attempted_at=sent.attempted_at,
        attempted_boot=sent.attempted_boot,
        attempted_boot_s=sent.attempted_boot_s,
        sends=sent.sends,
        kept=sent.kept,
    )

"""One ticket, one step: send it, poll it, cancel it, fetch its results, or end it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from batchhub._adapter.exchange import Observation, WireItem
from batchhub._base.failpoints import failpoint
from batchhub._base.log import get_logger
from batchhub._store import TicketRecord
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    CredentialsError,
    NotFoundError,
    RefusedError,
)
from batchhub.models import BatchState, Finding

from .change import Change, Step
from .finish import end_lost, end_unsent, fetch
from .interpret import interpret
from .job_state import JobState
from .lane_context import LaneContext, log_ticket
from .send import hold, make_intent, may_resend, search, send

MISSES_UNTIL_LOST: Final = 3
"""How many polls in a row must find a ticket unknown, past its grace, before it is lost."""

_log = get_logger()


class TicketStep:
    """
    Takes the tickets of one lane a step further, and writes what comes of each step.

    `send` and `finish` decide what becomes of a ticket; only this class writes it, so that
    what memory and store know of a ticket changes in one place.
    """

    def __init__(self, lane: LaneContext) -> None:
        self._lane = lane

    async def step(self, job: JobState, position: int) -> Step:
        """Do what a ticket needs next. Vendor and network trouble is returned, never raised."""
        try:
            return await self._step(job, job.ticket(position))
        except BatchHubError as error:
            return self._postpone(job, position, error)
        except Exception as error:  # one ticket's oddity must not stop the lane
            name = self._lane.adapter.name
            fault = f"adapter {name!r} broke a rule, or we did: {type(error).__name__}: {error}"
            return self._postpone(job, position, AdapterError(fault))

    async def _step(self, job: JobState, ticket: TicketRecord) -> Step:
        # A cancelled ticket that was never confirmed ends at once: there is nothing to poll.
        if job.is_cancelled and not ticket.vendor_refs:
            return await self._write(job, end_unsent(ticket, "cancelled before it was sent"))
        if ticket.state is BatchState.PENDING and job.previous_ended_unclean(ticket):
            why = "not sent: an item before it did not succeed"
            return await self._write(job, end_unsent(ticket, why))
        if ticket.state is BatchState.PENDING:
            return await self._submit(job, ticket)
        trouble: BatchHubError | None = None
        if job.is_cancelled and ticket.position not in job.cancel_sent:
            try:
                await self._cancel(job, ticket)
            except CredentialsError:
                raise
            except BatchHubError as error:
                trouble = error  # tried again with the next step; the ticket is polled meanwhile
        step = await self._follow(job, job.ticket(ticket.position))
        return step if trouble is None else evolve(step, trouble=step.trouble or trouble)

    # Sending.

    async def _submit(self, job: JobState, ticket: TicketRecord) -> Step:
        """Send a ticket, if it is its turn and nothing forbids it by then."""
        lane = self._lane
        items = await lane.store.get_items(ticket)
        # Before the intent: what waits for the budget was not sent, and can be called off.
        await lane.adapter.transport.wait_turn()
        ticket = job.ticket(ticket.position)
        if job.is_cancelled or ticket.state is not BatchState.PENDING:
            return Step(delay_s=0.0, answered=False)
        if ticket.is_in_doubt and not may_resend(lane, job, ticket, items):
            if lane.capabilities(job).finds_attempts:
                return await self._search(job, ticket)
            return await self._write(job, hold(ticket))
        job.sending.add(ticket.position)
        try:
            return await self._send(job, ticket, items)
        finally:
            job.sending.discard(ticket.position)

    async def _send(self, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]) -> Step:
        was_in_doubt = ticket.is_in_doubt
        if not was_in_doubt:
            ticket = make_intent(ticket, self._lane.clock.now())
            await self._save(job, ticket)
            log_ticket("ticket.intended", job, ticket, attempt_id=ticket.attempt_id)
            failpoint("intent.kept")
        change = await send(self._lane, job, ticket, items, was_in_doubt=was_in_doubt)
        if not change.is_evidence and job.ticket(ticket.position) != ticket:
            # A late answer came during the resend. It knows more than a request without one.
            return Step(delay_s=0.0, trouble=change.trouble, answered=False)
        return await self._write(job, change)

    async def _search(self, job: JobState, ticket: TicketRecord) -> Step:
        change = await search(self._lane, job, ticket)
        if change is not None and change.is_evidence:
            return await self._write(job, change)
        if job.ticket(ticket.position) != ticket:
            # A late answer came during the search. It knows more than a search that found nothing.
            return Step(delay_s=0.0, answered=False)
        if change is None:
            return Step(delay_s=self._lane.delay_s(job, ticket.position))
        await self._save(job, change.ticket)
        return Step(delay_s=0.0, answered=False)  # sent anew by the next step, in its own turn

    # What the vendor has.

    async def _follow(self, job: JobState, ticket: TicketRecord) -> Step:
        try:
            if ticket.finished_as is not None:
                return await self._finish(job, ticket)
            return await self._poll(job, ticket)
        except NotFoundError as error:
            return await self._miss(job, job.ticket(ticket.position), error)

    async def _finish(self, job: JobState, ticket: TicketRecord) -> Step:
        change = await fetch(self._lane, job, ticket)
        if change is None:
            return Step(delay_s=self._lane.delay_s(job, ticket.position))
        return await self._write(job, change)

    async def _poll(self, job: JobState, ticket: TicketRecord) -> Step:
        lane = self._lane
        answers = await lane.ask(lane.adapter.poll([lane.ref(job, ticket)]))
        if len(answers) != 1:
            name = lane.adapter.name
            raise AdapterError(f"adapter {name!r} gave {len(answers)} answers for one ticket")
        return await self._observe(job, ticket, answers[0])

    async def _observe(self, job: JobState, ticket: TicketRecord, answer: Observation) -> Step:
        lane, position = self._lane, ticket.position
        job.failures[position] = job.misses[position] = 0
        now, made_at_s = lane.clock.now(), lane.clock.monotonic() - (answer.age_s or 0.0)
        if made_at_s < job.answered_at.get(position, made_at_s):
            # From a cache, and older than what is known.
            return Step(delay_s=lane.delay_s(job, position))
        job.answered_at[position] = made_at_s
        seen = interpret(
            ticket, answer, words=lane.states, capabilities=lane.capabilities(job), now=now
        )
        if seen.findings != ticket.findings:
            codes = [finding.code for finding in seen.findings]
            log_ticket("ticket.doubted", job, ticket, findings=codes, words=list(answer.words))
        seen = self._note_stall(job, ticket, seen)
        is_overdue = self._note_overdue(job)
        job.mark_observed(now)
        if seen != ticket or is_overdue:
            job.mark_updated(now)
            word, progress = seen.vendor_state, seen.progress
            log_ticket("ticket.observed", job, seen, word=word, progress=progress)
            if seen.finished_as is None and (is_overdue or _is_transition(ticket, seen)):
                await self._save(job, seen)
            else:
                # Only figures, which are saved together now and then; or the end, which is
                # written together with the results: after a crash one more poll finds it again.
                job.replace(seen)
                job.unsaved.add(position)
        if seen.finished_as is not None:
            return await self._finish(job, seen)
        return Step(delay_s=lane.delay_s(job, position))

    def _note_stall(self, job: JobState, before: TicketRecord, seen: TicketRecord) -> TicketRecord:
        """Add a finding, once, to a ticket that has made no progress for longer than usual."""
        now, position = self._lane.clock.now(), seen.position
        since = job.changed_at.setdefault(position, now)
        if _signs_of_life(before) != _signs_of_life(seen):
            job.changed_at[position] = now
            job.stalled.discard(position)
            return seen
        if seen.state is BatchState.QUEUED:
            since = max(job.changed_at.values())  # it waits its turn behind others of the job
        stall_s = self._lane.capabilities(job).stall_s
        if not self._lane.is_past(since, stall_s):
            return seen
        job.stalled.add(position)
        if any(finding.code == "stalled" for finding in seen.findings):
            return seen
        log_ticket("ticket.stalled", job, seen, since=since.isoformat())
        stall = Finding(
            code="stalled",
            message=f"tickets the vendor has made no progress with for {stall_s:.0f} s or more",
            examples=seen.vendor_refs,
        )
        return seen.with_findings([stall])

    def _note_overdue(self, job: JobState) -> bool:
        """Add a finding, once, to a job that is past its deadline; return whether it is new."""
        age_s = (self._lane.clock.now() - job.record.created_at).total_seconds()
        if job.has_finding("overdue") or age_s <= job.record.deadline_s:
            return False
        message = f"not finished {job.record.deadline_s:.0f} s after it was submitted"
        job.add_findings([Finding(code="overdue", message=message)])
        return True

    async def _miss(self, job: JobState, ticket: TicketRecord, error: NotFoundError) -> Step:
        """Count a 404: within its grace the ticket is too young to be listed, later it is lost."""
        lane = self._lane
        accepted_at = ticket.accepted_at or job.record.created_at
        if not lane.is_past(accepted_at, lane.capabilities(job).visibility_grace_s):
            return Step(delay_s=lane.delay_s(job, ticket.position))
        # Several in a row: one node of the vendor's may not have heard of a ticket yet.
        job.misses[ticket.position] += 1
        if job.misses[ticket.position] < MISSES_UNTIL_LOST:
            raise error
        return await self._write(job, end_lost(ticket, error))

    async def _cancel(self, job: JobState, ticket: TicketRecord) -> None:
        lane = self._lane
        refusal: str | None = "this vendor can't cancel"
        if lane.capabilities(job).can_cancel:
            try:
                await lane.ask(lane.adapter.cancel(lane.ref(job, ticket)))
                refusal = None
            except RefusedError as error:
                refusal = str(error)
        job.cancel_sent.add(ticket.position)
        if refusal is not None:
            finding = Finding(
                code="not_cancelled",
                message="tickets the vendor has and did not cancel; they go on",
                examples=(refusal,),
            )
            await self._save(job, ticket.with_findings([finding]))

    # What is written.

    async def _write(self, job: JobState, change: Change) -> Step:
        """Write a change, take it into memory, and return when the ticket goes on."""
        ticket, position = change.ticket, change.ticket.position
        # Before it is written: the store saves the job together with the ticket.
        if ticket.state is not job.ticket(position).state:
            job.mark_updated(self._lane.clock.now(), observed=bool(ticket.vendor_refs))
        if ticket.state.is_terminal:
            await self._end(job, change)
        elif change.is_evidence:
            ticket = await self._accept(job, ticket)
        elif ticket != job.ticket(position):
            await self._save(job, ticket)
        if ticket.state is BatchState.UNCONFIRMED:
            log_ticket("ticket.unconfirmed", job, ticket, attempt_id=ticket.attempt_id)
        if ticket.state.is_terminal or ticket.state is BatchState.UNCONFIRMED:
            return Step(delay_s=None, trouble=change.trouble, answered=change.answered)
        if change.trouble is not None:
            return self._postpone(job, position, change.trouble)
        return Step(delay_s=self._lane.delay_s(job, position), answered=change.answered)

    async def _save(self, job: JobState, ticket: TicketRecord) -> None:
        await self._lane.persist(lambda: self._lane.store.save_tickets([(job.record, [ticket])]))
        job.replace(ticket)
        job.unsaved.discard(ticket.position)

    async def _accept(self, job: JobState, ticket: TicketRecord) -> TicketRecord:
        """Write that the vendor has a ticket; return it as it is in the store then."""
        kept = await self._lane.persist(lambda: self._lane.store.accept_ticket(job.record, ticket))
        job.replace(kept)
        job.failures[ticket.position] = 0
        log_ticket("ticket.accepted", job, ticket, vendor_refs=list(ticket.vendor_refs))
        failpoint("ticket.kept")
        return kept  # terminal if another process ended it while this one stood still

    async def _end(self, job: JobState, change: Change) -> None:
        lane = self._lane
        ended, record = await lane.persist(
            lambda: lane.store.end_ticket(
                job.record,
                change.ticket,
                change.results,
                change.rest,
                change.rest_message,
                at=lane.clock.now(),
            )
        )
        failpoint("results.kept")
        job.replace(ended)
        job.record = evolve(job.record, ended_at=record.ended_at)
        log_ticket("ticket.ended", job, ended, state=ended.state.value)
        if record.ended_at is not None:
            log_ticket("job.ended", job, ended, state=job.status().state.value)

    def _postpone(self, job: JobState, position: int, trouble: BatchHubError) -> Step:
        job.failures[position] += 1
        if not isinstance(trouble, NotFoundError):
            job.misses[position] = 0
        _log.warning(
            "ticket.postponed",
            job_id=job.record.job_id,
            account=job.record.account,
            lane=job.record.lane,
            ticket=position,
            error=str(trouble),
        )
        delay_s = self._lane.delay_s(job, position, trouble)
        return Step(delay_s=delay_s, trouble=trouble, answered=False)


def _is_transition(before: TicketRecord, seen: TicketRecord) -> bool:
    """Return whether more than figures changed."""
    return evolve(seen, progress=before.progress, vendor=before.vendor) != before


def _signs_of_life(ticket: TicketRecord) -> tuple[object, ...]:
    """Return what changes while a vendor works on a ticket."""
    return ticket.state, ticket.finished_as, ticket.vendor_state, ticket.progress

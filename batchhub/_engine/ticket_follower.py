"""What the vendor makes of a ticket it has: asking about it, cancelling it, fetching results."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from batchhub._adapter.exchange import Observation
from batchhub._store import TicketRecord
from batchhub.errors import NotFoundError, RefusedError
from batchhub.models import BatchState, Finding

from .asking import Asking
from .change import Change, Step
from .finish import end_lost, end_lost_with, fetch
from .interpret import interpret
from .job_state import JobState
from .lane_context import LaneContext, log_ticket
from .poll_times import LOOKS_WHILE_KEPT
from .ticket_notes import Mark
from .ticket_writer import TicketWriter

MISSES_UNTIL_LOST: Final = 3
"""How many polls in a row must find a ticket unknown, past its grace, before it is lost."""

_LAST_LOOKS: Final = 1 - 2 / LOOKS_WHILE_KEPT
"""The share of the time results are kept after which no more than two looks are to come."""


class TicketFollower:
    """
    Follows the tickets of one lane that the vendor has.

    Args:
        lane: The lane.
        asking: Asks the vendor about them.
        writer: Writes what comes of it.
    """

    def __init__(self, lane: LaneContext, asking: Asking, writer: TicketWriter) -> None:
        self._lane = lane
        self._asking = asking
        self._writer = writer
        # The answers that said a ticket is finished, until its results are there; and of tickets
        # that the vendor will soon forget unfinished, the last ones with results so far.
        self._seen: dict[tuple[int, int], Observation] = {}

    def forget(self) -> None:
        """Forget what an earlier drive was told: another process may have driven since."""
        self._seen.clear()

    def needs_answer(self, job: JobState, ticket: TicketRecord) -> bool:
        """Whether a ticket is asked about before anything else is done with it."""
        return (
            ticket.finished_as is None
            or not self._lane.fetches_results
            or (job.job_no, ticket.position) not in self._seen
        )

    async def follow(self, job: JobState, ticket: TicketRecord) -> Step:
        """Ask about a ticket, or fetch its results if it is finished."""
        try:
            if not self.needs_answer(job, ticket):
                return await self._finish(job, ticket)
            answer = await self._asking.ask(job, ticket)
            if answer is None:
                return await self._hear_nothing(job, ticket)
            if ticket.finished_as is not None:
                self._seen[job.job_no, ticket.position] = answer
                return await self._finish(job, ticket)
            return await self._observe(job, ticket, answer)
        except NotFoundError as error:
            return await self._miss(job, job.ticket(ticket.position), error)

    async def _hear_nothing(self, job: JobState, ticket: TicketRecord) -> Step:
        """Take note that an answer says nothing of a ticket, which makes no progress by that."""
        self._lane.polls.note_answer(job, ticket)
        stall_s = self._lane.capabilities(job).stall_s
        seen = self._note_stall(job, ticket, ticket, stall_s)
        if self._note_overdue(job) or seen is not ticket:
            job.mark_updated(self._lane.ages.now())
            await self._writer.save(job, seen)
        return Step(delay_s=self._lane.polls.delay_s(job, ticket.position))

    async def cancel(self, job: JobState, ticket: TicketRecord) -> None:
        """Ask the vendor to cancel a ticket; one that goes on gets a finding."""
        lane = self._lane
        refusal: str | None = "this vendor can't cancel"
        if lane.capabilities(job).can_cancel:
            try:
                await lane.ask(lane.adapter.cancel(lane.ref(job, ticket)))
                refusal = None
            except RefusedError as error:
                refusal = str(error)
        job.notes.mark(ticket.position, Mark.CANCEL_SENT)
        if refusal is not None:
            finding = Finding(
                code="not_cancelled",
                message="tickets the vendor has and did not cancel; they go on",
                examples=(refusal,),
            )
            await self._writer.save(job, ticket.with_findings([finding]))

    async def _finish(self, job: JobState, ticket: TicketRecord) -> Step:
        seen = self._seen.get((job.job_no, ticket.position))
        change = await fetch(self._lane, job, ticket, seen)
        if change is None:
            if seen is not None and seen.report is not None:
                # What came with this answer will not change: another one has to be asked for.
                self._seen.pop((job.job_no, ticket.position), None)
            return Step(delay_s=self._lane.polls.delay_s(job, ticket.position))
        return await self._end(job, change)

    async def _end(self, job: JobState, change: Change) -> Step:
        self._seen.pop((job.job_no, change.ticket.position), None)
        return await self._writer.write(job, change)

    async def _observe(self, job: JobState, ticket: TicketRecord, answer: Observation) -> Step:
        lane, position = self._lane, ticket.position
        job.notes.forget_troubles(position)
        lane.polls.note_answer(job, ticket)
        now, made_at_s = lane.ages.now(), lane.clock.monotonic() - (answer.age_s or 0.0)
        if not job.notes.is_news(position, made_at_s):
            # From a cache, and older than what is known.
            return Step(delay_s=lane.polls.delay_s(job, position))
        settling_since, capabilities = ticket.settling_since, lane.capabilities(job)
        seen = interpret(
            ticket,
            answer,
            words=lane.states,
            capabilities=capabilities,
            now=now,
            settled_s=0.0 if settling_since is None else lane.ages.age_s(settling_since),
        )
        if seen.findings is not ticket.findings:
            codes = [finding.code for finding in seen.findings]
            log_ticket("ticket.doubted", job, ticket, findings=codes, words=list(answer.words))
        lane.polls.note_progress(job, seen, answer)
        seen = self._note_stall(job, ticket, seen, capabilities.stall_s)
        overdue_changed = self._note_overdue(job)
        if self._is_soon_forgotten(job, ticket, answer):
            self._seen[job.job_no, position] = answer
        job.mark_observed(now)
        if seen is not ticket or overdue_changed:
            job.mark_updated(now)
            word, progress = seen.vendor_state, seen.progress
            log_ticket("ticket.observed", job, seen, word=word, progress=progress)
            if seen.finished_as is not None:
                return await self._finish_seen(job, ticket, seen, answer)
            if overdue_changed or _is_transition(ticket, seen):
                await self._writer.save(job, seen)
            else:
                # Only figures, which are saved together now and then.
                job.replace(seen)
                lane.figures.note(job, position)
        return Step(delay_s=lane.polls.delay_s(job, position))

    async def _finish_seen(
        self, job: JobState, before: TicketRecord, seen: TicketRecord, answer: Observation
    ) -> Step:
        """
        Fetch the results of a ticket that has just been seen finished at the vendor.

        What was seen is written together with the results, in one commit: after a crash one more
        poll finds it again. Without results it is written now, and shown only then, so that no
        state that was shown is lost with this process.
        """
        position = seen.position
        self._seen[job.job_no, position] = answer
        self._lane.polls.end(job, position)
        try:
            with self._lane.ages.hold(seen.finished_at):
                step = await self._finish(job, seen)
        except Exception:
            if job.ticket(position) == before:
                await self._writer.save(job, seen)
            raise
        if job.ticket(position) == before:
            await self._writer.save(job, seen)
        return step

    def _note_stall(
        self, job: JobState, before: TicketRecord, seen: TicketRecord, stall_s: float
    ) -> TicketRecord:
        """Add a finding, once, to a ticket that has made no progress for longer than usual."""
        now_s, position = self._lane.clock.monotonic(), seen.position
        since_s = job.notes.progressed_at_s(position)
        if since_s is None or _signs_of_life(before) != _signs_of_life(seen):
            job.notes.set_progressed(position, now_s)
            job.notes.unmark(position, Mark.STALLED)
            return seen
        if seen.state is BatchState.QUEUED:
            since_s = job.notes.changed_at_s  # it waits its turn behind others of the job
        if now_s - since_s <= stall_s:
            return seen
        job.notes.mark(position, Mark.STALLED)
        if any(finding.code == "stalled" for finding in seen.findings):
            return seen
        log_ticket("ticket.stalled", job, seen, for_s=round(now_s - since_s))
        stall = Finding(
            code="stalled",
            message=f"tickets the vendor has made no progress with for {stall_s:.0f} s or more",
            examples=seen.vendor_refs,
        )
        return seen.with_findings([stall])

    def _note_overdue(self, job: JobState) -> bool:
        """Add a finding to a job past its deadline, or drop it; return whether that is new."""
        now_s = self._lane.clock.monotonic()
        if now_s < job.notes.in_time_until_s:
            return False
        left_s = job.deadline_s - self._lane.ages.age_s(job.created_at)
        is_overdue = left_s < 0
        if not is_overdue:
            job.notes.in_time_until_s = now_s + left_s
        if is_overdue == job.has_finding("overdue"):
            return False
        if not is_overdue:
            job.drop_finding("overdue")  # the clock was wrong when the job was called so
            return True
        message = f"not finished {job.deadline_s:.0f} s after it was submitted"
        job.add_findings([Finding(code="overdue", message=message)])
        return True

    async def _miss(self, job: JobState, ticket: TicketRecord, error: NotFoundError) -> Step:
        """Count a 404: within its grace the ticket is too young to be listed, later it is lost."""
        lane = self._lane
        accepted_at = ticket.accepted_at or job.created_at
        if not lane.is_past(accepted_at, lane.capabilities(job).visibility_grace_s):
            lane.polls.note_answer(job, ticket)
            return Step(delay_s=lane.polls.delay_s(job, ticket.position))
        # Several in a row: one node of the vendor's may not have heard of a ticket yet.
        if job.notes.add_miss(ticket.position) < MISSES_UNTIL_LOST:
            raise error
        change = end_lost(lane, job, ticket, error)
        seen = self._seen.get((job.job_no, ticket.position))
        if seen is not None and ticket.finished_as is None:
            change = await end_lost_with(lane, job, change, seen)
        return await self._end(job, change)

    def _is_soon_forgotten(self, job: JobState, ticket: TicketRecord, answer: Observation) -> bool:
        """Whether an answer may be the last one with what is known of a ticket's items."""
        kept_s = self._lane.capabilities(job).results_kept_s
        return (
            kept_s is not None
            and answer.report is not None
            and not self._lane.fetches_results
            and self._lane.is_past(ticket.accepted_at, kept_s * _LAST_LOOKS)
        )


_no_figures: Final = attrgetter(
    "state", "finished_as", "finished_at", "settling_since", "message", "findings"
)
"""What an answer may change of a ticket, but for figures."""

_signs_of_life: Final = attrgetter("state", "finished_as", "vendor_state", "progress")
"""What changes while a vendor works on a ticket."""


def _is_transition(before: TicketRecord, seen: TicketRecord) -> bool:
    """Return whether more than figures changed."""
    return bool(_no_figures(before) != _no_figures(seen))

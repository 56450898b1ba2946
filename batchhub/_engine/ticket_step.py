"""One ticket, one step: submit it, ask about it, cancel it, fetch its results, or end it."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from batchhub._adapter.exchange import Observation
from batchhub._base.log import get_logger
from batchhub._store import TicketRecord
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    CredentialsError,
    NotFoundError,
    RefusedError,
)
from batchhub.models import BatchState, Finding, ItemState

from .finish import Finisher
from .interpret import Known, interpret
from .job_state import JobState, new_findings
from .lane_context import LaneContext, Step
from .send import Submitter

MISSES_UNTIL_LOST: Final = 3
"""How many polls in a row must find a ticket unknown, past its grace, before it is lost."""

_log = get_logger()


class TicketDriver:
    """Takes the tickets of one lane a step further, one at a time each."""

    def __init__(self, tools: LaneContext) -> None:
        self._tools = tools
        self._finisher = Finisher(tools)
        self._submitter = Submitter(tools, self._finisher)
        self._states = {word.casefold(): state for word, state in tools.adapter.states.items()}

    async def step(self, run: JobState, position: int) -> Step:
        """Do what a ticket needs next. Vendor and network trouble is returned, never raised."""
        try:
            return await self._step(run, run.ticket(position))
        except BatchHubError as error:
            return self._postpone(run, position, error)
        except Exception as error:  # one ticket's oddity must not stop the lane
            name = self._tools.adapter.name
            fault = f"adapter {name!r} broke a rule, or we did: {type(error).__name__}: {error}"
            return self._postpone(run, position, AdapterError(fault))

    async def _step(self, run: JobState, ticket: TicketRecord) -> Step:
        if run.is_cancelled and not ticket.vendor_refs:
            return await self._finisher.end_unsent(run, ticket, "cancelled before it was sent")
        if ticket.state is BatchState.PENDING and run.previous_ended_unclean(ticket):
            return await self._finisher.end_unsent(
                run, ticket, "not sent: an item before it did not succeed"
            )
        if ticket.state is BatchState.PENDING:
            return await self._submitter.submit(run, ticket)
        trouble: BatchHubError | None = None
        if run.is_cancelled and ticket.position not in run.cancel_sent:
            try:
                await self._cancel(run, ticket)
            except CredentialsError:
                raise
            except BatchHubError as error:
                trouble = error  # tried again with the next step; the ticket is asked about
        step = await self._ask_about(run, run.ticket(ticket.position))
        return step if trouble is None else evolve(step, trouble=step.trouble or trouble)

    async def _ask_about(self, run: JobState, ticket: TicketRecord) -> Step:
        try:
            if ticket.finished_as is not None:
                return await self._finisher.fetch(run, ticket)
            return await self._poll(run, ticket)
        except NotFoundError as error:
            return await self._missed(run, run.ticket(ticket.position), error)

    async def _poll(self, run: JobState, ticket: TicketRecord) -> Step:
        answers = await self._tools.ask(self._tools.adapter.poll([self._tools.ref(run, ticket)]))
        if len(answers) != 1:
            name = self._tools.adapter.name
            raise AdapterError(f"adapter {name!r} gave {len(answers)} answers for one ticket")
        return await self._observed(run, ticket, answers[0])

    async def _observed(self, run: JobState, ticket: TicketRecord, answer: Observation) -> Step:
        run.failures[ticket.position] = run.misses[ticket.position] = 0
        now = self._tools.clock.now()
        made_at_s = self._tools.clock.monotonic() - (answer.age_s or 0.0)
        if made_at_s < run.answered_at.get(ticket.position, made_at_s):
            # From a cache, and older than what is known.
            return Step(delay_s=self._tools.delay_s(run, ticket.position))
        run.answered_at[ticket.position] = made_at_s
        seen = self._note_stall(run, ticket, self._learn(run, ticket, answer))
        is_late = self._note_overdue(run)
        run.job = evolve(run.job, observed_at=now)
        if seen != ticket or is_late:
            self._tools.touch(run)
            self._tools.log(
                "ticket.observed", run, seen, word=seen.vendor_state, progress=seen.progress
            )
            if seen.finished_as is None and (is_late or _is_transition(ticket, seen)):
                await self._tools.save(run, seen)
            else:  # figures; or the end, which is kept together with the results
                run.put(seen)
                run.unsaved.add(seen.position)
        if seen.finished_as is not None:
            return await self._finisher.fetch(run, seen)
        return Step(delay_s=self._tools.delay_s(run, ticket.position))

    def _learn(self, run: JobState, ticket: TicketRecord, answer: Observation) -> TicketRecord:
        """Return a ticket with what an answer says of it."""
        now = self._tools.clock.now()
        known = Known(
            state=ticket.state,
            progress=ticket.progress,
            settling_since=ticket.settling_since,
            total=ticket.total,
        )
        meaning = interpret(
            known, answer, words=self._states, capabilities=self._tools.capabilities(run), now=now
        )
        findings = new_findings(ticket, meaning.findings)
        if findings != ticket.findings:
            codes = [finding.code for finding in meaning.findings]
            self._tools.log("ticket.doubted", run, ticket, findings=codes, words=list(answer.words))
        is_finished = meaning.state.is_terminal
        return evolve(
            ticket,
            # Terminal only together with the results; until then the vendor has merely begun.
            state=BatchState.IN_PROGRESS if is_finished else meaning.state,
            finished_as=meaning.state if is_finished else None,
            finished_at=now if is_finished else None,
            settling_since=meaning.settling_since,
            vendor_state=meaning.vendor_state,
            vendor=dict(answer.vendor),
            progress=meaning.progress,
            findings=findings,
        )

    def _note_stall(self, run: JobState, before: TicketRecord, seen: TicketRecord) -> TicketRecord:
        """Say once of a ticket that nothing has moved for longer than is usual."""
        now = self._tools.clock.now()
        since = run.changed_at.setdefault(seen.position, now)
        if _signs_of_life(before) != _signs_of_life(seen):
            run.changed_at[seen.position] = now
            run.stalled.discard(seen.position)
            return seen
        if seen.state is BatchState.QUEUED:
            since = max(run.changed_at.values())  # it waits its turn behind others of the job
        stall_s = self._tools.capabilities(run).stall_s
        if not self._tools.is_past(since, stall_s):
            return seen
        run.stalled.add(seen.position)
        if any(finding.code == "stalled" for finding in seen.findings):
            return seen
        self._tools.log("ticket.stalled", run, seen, since=since.isoformat())
        stall = Finding(
            code="stalled",
            message=f"tickets the vendor has made no progress with for {stall_s:.0f} s or more",
            examples=seen.vendor_refs,
        )
        return evolve(seen, findings=new_findings(seen, [stall]))

    async def _missed(self, run: JobState, ticket: TicketRecord, error: NotFoundError) -> Step:
        """The vendor does not know the ticket: not yet within its grace, no longer after it."""
        accepted_at = ticket.accepted_at or run.job.created_at
        if not self._tools.is_past(accepted_at, self._tools.capabilities(run).visibility_grace_s):
            return Step(delay_s=self._tools.delay_s(run, ticket.position))
        run.misses[ticket.position] += 1
        if run.misses[ticket.position] < MISSES_UNTIL_LOST:
            raise error
        lost = evolve(ticket, state=BatchState.LOST, message=str(error))
        message = "the vendor no longer knows the ticket"
        return await self._finisher.end(run, lost, rest=ItemState.UNKNOWN, rest_message=message)

    async def _cancel(self, run: JobState, ticket: TicketRecord) -> None:
        refusal: str | None = "this vendor can't cancel"
        if self._tools.capabilities(run).can_cancel:
            try:
                await self._tools.ask(self._tools.adapter.cancel(self._tools.ref(run, ticket)))
                refusal = None
            except RefusedError as error:
                refusal = str(error)
        run.cancel_sent.add(ticket.position)
        if refusal is not None:
            finding = Finding(
                code="not_cancelled",
                message="tickets the vendor has and did not cancel; they go on",
                examples=(refusal,),
            )
            await self._tools.save(run, evolve(ticket, findings=new_findings(ticket, [finding])))

    def _postpone(self, run: JobState, position: int, trouble: BatchHubError) -> Step:
        run.failures[position] += 1
        if not isinstance(trouble, NotFoundError):
            run.misses[position] = 0
        _log.warning(
            "ticket.postponed",
            job_id=run.job.job_id,
            account=run.job.account,
            lane=run.job.lane,
            ticket=position,
            error=str(trouble),
        )
        delay_s = self._tools.delay_s(run, position, trouble)
        return Step(delay_s=delay_s, trouble=trouble, answered=False)

    def _note_overdue(self, run: JobState) -> bool:
        """Say once that a job is past its deadline."""
        age_s = (self._tools.clock.now() - run.job.created_at).total_seconds()
        if run.has_finding("overdue") or age_s <= run.job.deadline_s:
            return False
        message = f"not finished {run.job.deadline_s:.0f} s after it was handed over"
        run.add_findings([Finding(code="overdue", message=message)])
        return True


def _is_transition(before: TicketRecord, seen: TicketRecord) -> bool:
    """Whether more than figures changed: those are kept now and then, all else at once."""
    return evolve(seen, progress=before.progress, vendor=before.vendor) != before


def _signs_of_life(ticket: TicketRecord) -> tuple[object, ...]:
    """Return what changes while a vendor works on a ticket."""
    return ticket.state, ticket.finished_as, ticket.vendor_state, ticket.progress

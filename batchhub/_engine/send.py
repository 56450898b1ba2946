"""
Sending a ticket: a durable intent, the request, and what is known afterwards.

A request is repeated only when it is certain that it did not run, when the vendor
deduplicates it, when a second run changes nothing, or when the user said so. Else the
ticket is UNCONFIRMED and waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from attrs import evolve

from batchhub._adapter.exchange import Accepted, Attempt, Submission, WireItem
from batchhub._base.failpoints import failpoint
from batchhub._store import TicketRecord
from batchhub.errors import AdapterError, BatchHubError, CredentialsError, ReplyError
from batchhub.models import BatchState, ItemState

from .finish import Finisher
from .job_state import JobState
from .lane_context import LaneContext, Step, group_of

_DEDUP_MARGIN: Final = 0.9
"""The share of a deduplication window that is relied on; clocks differ, requests take time."""


class Submitter:
    """Sends the tickets of one lane."""

    def __init__(self, tools: LaneContext, finisher: Finisher) -> None:
        self._tools = tools
        self._finisher = finisher

    async def submit(self, run: JobState, ticket: TicketRecord) -> Step:
        """Send a ticket, if it is its turn and nothing speaks against it by then."""
        items = await self._tools.store.get_items(ticket)
        # Before the intent: what waits for the budget was not sent, and can be called off.
        await self._tools.adapter.transport.wait_turn()
        ticket = run.ticket(ticket.position)
        if run.is_cancelled or ticket.state is not BatchState.PENDING:
            return Step(delay_s=0.0, answered=False)
        was_in_doubt = ticket.is_in_doubt
        if was_in_doubt and not self._may_resend(run, ticket, items):
            if not self._tools.capabilities(run).finds_attempts:
                return await self._hold(run, ticket)
            found = await self._search(run, ticket)
            # Sent anew with the next step, in a turn of its own, if nothing speaks against it.
            return found or Step(delay_s=0.0, answered=False)
        run.sending.add(ticket.position)
        try:
            return await self._send(run, ticket, items, was_in_doubt=was_in_doubt)
        finally:
            run.sending.discard(ticket.position)

    async def _send(
        self, run: JobState, ticket: TicketRecord, items: Sequence[WireItem], *, was_in_doubt: bool
    ) -> Step:
        if not was_in_doubt:
            ticket = await self._intend(run, ticket)
        assert ticket.attempt_id is not None  # noqa: S101  # just written, or in doubt
        submission = Submission(
            operation=run.job.operation,
            items=items,
            options=run.job.options,
            stop_on_first_failure=run.job.stop_on_first_failure,
            group=group_of(run),
            key=run.job.key,
            idempotency_key=ticket.attempt_id,
        )
        try:
            accepted = await self._tools.ask(self._tools.adapter.submit(submission))
            self._check(accepted)
        except BatchHubError as error:
            return await self._not_accepted(run, ticket, items, error, was_in_doubt=was_in_doubt)
        failpoint("request.answered")
        return await self._accepted(run, ticket, accepted)

    async def _intend(self, run: JobState, ticket: TicketRecord) -> TicketRecord:
        intent = evolve(ticket, attempt_id=str(uuid4()), attempted_at=self._tools.clock.now())
        await self._tools.save(run, intent)
        self._tools.log("ticket.intended", run, intent, attempt_id=intent.attempt_id)
        failpoint("intent.kept")
        return intent

    def _check(self, accepted: Accepted) -> None:
        if not accepted.vendor_refs:
            name = self._tools.adapter.name
            raise AdapterError(f"adapter {name!r} accepted a batch without an id")

    async def _accepted(self, run: JobState, ticket: TicketRecord, accepted: Accepted) -> Step:
        now = self._tools.clock.now()
        taken = evolve(
            ticket,
            state=BatchState.QUEUED,
            vendor_refs=accepted.vendor_refs,
            vendor=dict(accepted.vendor),
            accepted_at=now,
        )
        self._tools.touch(run, observed=True)
        kept = await self._tools.persist(lambda: self._tools.store.accept_ticket(run.job, taken))
        run.put(kept)
        run.failures[ticket.position] = 0
        self._tools.log("ticket.accepted", run, taken, vendor_refs=list(taken.vendor_refs))
        failpoint("ticket.kept")
        if kept.state.is_terminal:  # another process ended it while this one stood still
            return Step(delay_s=None)
        return Step(delay_s=self._tools.delay_s(run, ticket.position))

    async def _search(self, run: JobState, ticket: TicketRecord) -> Step | None:
        """
        Look for a ticket in doubt among what the vendor has.

        Returns:
            What came of it; `None` if its state is to be looked at again: the vendor does not
            have it, so that it may be sent anew, or an answer came late.
        """
        capabilities = self._tools.capabilities(run)
        assert ticket.attempt_id is not None  # noqa: S101  # it is in doubt
        attempt = Attempt(
            operation=run.job.operation,
            group=group_of(run),
            key=run.job.key,
            idempotency_key=ticket.attempt_id,
            attempted_at=ticket.attempted_at or run.job.created_at,
            total=ticket.total,
        )
        accepted = await self._tools.ask(self._tools.adapter.find_attempt(attempt))
        if accepted is not None:
            self._check(accepted)
            return await self._accepted(run, ticket, accepted)
        if run.ticket(ticket.position) != ticket:
            return None  # an answer came late, meanwhile
        if not self._tools.is_past(ticket.attempted_at, capabilities.visibility_grace_s):
            return Step(delay_s=self._tools.delay_s(run, ticket.position))
        await self._tools.save(run, evolve(ticket, attempt_id=None, attempted_at=None))
        return None

    async def _not_accepted(
        self,
        run: JobState,
        ticket: TicketRecord,
        items: Sequence[WireItem],
        error: BatchHubError,
        *,
        was_in_doubt: bool,
    ) -> Step:
        """Sort a failed submit: certain that nothing ran, refused for good, or nobody knows."""
        certain = not getattr(error, "may_have_run", True)
        if certain and not was_in_doubt:
            if _passes(error):
                await self._tools.save(run, evolve(ticket, attempt_id=None, attempted_at=None))
                raise error
            return await self._refuse(run, ticket, error)
        if was_in_doubt and certain and not _passes(error):
            return await self._hold(run, ticket, str(error))  # the first send stays unknown
        was_answered = isinstance(error, ReplyError | AdapterError)
        capabilities = self._tools.capabilities(run)
        if was_answered and capabilities.dedup_window_s is None:
            return await self._hold(run, ticket, str(error))
        if self._may_resend(run, ticket, items) or capabilities.finds_attempts:
            self._tools.log("ticket.unanswered", run, ticket, error=str(error))
            raise error
        step = await self._hold(run, ticket, str(error))
        return evolve(step, trouble=error)

    async def _refuse(self, run: JobState, ticket: TicketRecord, error: BatchHubError) -> Step:
        refused = evolve(ticket, state=BatchState.FAILED, message=str(error))
        self._tools.log("ticket.refused", run, ticket, error=str(error))
        return await self._finisher.end(
            run, refused, rest=ItemState.FAILED, rest_message=str(error)
        )

    async def _hold(self, run: JobState, ticket: TicketRecord, why: str = "no answer came") -> Step:
        held = evolve(
            ticket,
            state=BatchState.UNCONFIRMED,
            message=f"sent, and nobody can tell whether the vendor has it: {why}",
        )
        self._tools.touch(run)
        await self._tools.save(run, held)
        self._tools.log("ticket.unconfirmed", run, held, attempt_id=held.attempt_id)
        return Step(delay_s=None, answered=False)

    def _may_resend(self, run: JobState, ticket: TicketRecord, items: Sequence[WireItem]) -> bool:
        capabilities = self._tools.capabilities(run)
        if capabilities.resends_unanswered:
            return True
        if self._tools.adapter.may_repeat(run.job.operation, items, run.job.options):
            return True
        if capabilities.dedup_window_s is None or ticket.attempted_at is None:
            return False
        age_s = (self._tools.clock.now() - ticket.attempted_at).total_seconds()
        # Below zero the clock was set back, and nobody knows how old the attempt is.
        return 0.0 <= age_s < capabilities.dedup_window_s * _DEDUP_MARGIN


def _passes(error: BatchHubError) -> bool:
    """Whether the same request may be taken later: the trouble passes, or is mended by people."""
    return error.retryable or isinstance(error, CredentialsError)

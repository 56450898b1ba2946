"""
Sending a ticket: whether it may go, the request, and what its answer makes of the ticket.

A request that may have an effect goes out once. It is repeated only where that can't do the
work twice:

| the ticket                                       | what is done                              |
|--------------------------------------------------|-------------------------------------------|
| never sent, or it is certain that nothing ran    | an intent is written, then it is sent     |
| in doubt; the vendor deduplicates, a second run  |                                           |
| changes nothing, or the user allows a second one | it is sent again, under the same attempt  |
| in doubt; the vendor's batches can be searched   | it is searched; sent anew if it is absent |
| in doubt, otherwise                              | UNCONFIRMED: somebody has to decide       |

In doubt is a ticket whose intent is written and whose answer is not: whether the vendor has it
is unknown, for instance after a time-out or a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from attrs import evolve

from batchhub._adapter.exchange import Accepted, Attempt, Submission, WireItem
from batchhub._base.failpoints import failpoint
from batchhub._store import TicketRecord
from batchhub.errors import AdapterError, BatchHubError, CredentialsError, ReplyError
from batchhub.models import BatchState, ItemState

from .change import Change
from .job_state import JobState
from .lane_context import LaneContext, log_ticket

_DEDUP_MARGIN: Final = 0.9
"""The share of a deduplication window that is relied on; clocks differ, requests take time."""


def make_intent(ticket: TicketRecord, now: datetime) -> TicketRecord:
    """Return a ticket with a new attempt; to be durable before the first byte is sent."""
    return evolve(ticket, attempt_id=str(uuid4()), attempted_at=now)


def hold(ticket: TicketRecord, why: str = "no answer came") -> Change:
    """Return a ticket that waits for a decision."""
    held = evolve(
        ticket,
        state=BatchState.UNCONFIRMED,
        message=f"sent, and nobody can tell whether the vendor has it: {why}",
    )
    return Change(ticket=held, answered=False)


def may_resend(
    lane: LaneContext, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]
) -> bool:
    """Return whether a ticket in doubt may be sent again as it is."""
    capabilities = lane.capabilities(job)
    if capabilities.resends_unanswered:
        return True
    if lane.adapter.may_repeat(job.record.operation, items, job.record.options):
        return True
    if capabilities.dedup_window_s is None or ticket.attempted_at is None:
        return False
    age_s = (lane.clock.now() - ticket.attempted_at).total_seconds()
    # Below zero the clock was set back, and nobody knows how old the attempt is.
    return 0.0 <= age_s < capabilities.dedup_window_s * _DEDUP_MARGIN


async def send(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    *,
    was_in_doubt: bool,
) -> Change:
    """
    Send a ticket whose intent is durable.

    Args:
        lane: The lane it goes through.
        job: Its job.
        ticket: The ticket.
        items: Its items.
        was_in_doubt: Whether an earlier request of the same attempt is unanswered.
    """
    assert ticket.attempt_id is not None  # noqa: S101  # just written, or in doubt
    submission = Submission(
        operation=job.record.operation,
        items=items,
        options=job.record.options,
        stop_on_first_failure=job.record.stop_on_first_failure,
        group=job.group,
        key=job.record.key,
        idempotency_key=ticket.attempt_id,
    )
    try:
        accepted = await lane.ask(lane.adapter.submit(submission))
        taken = _accept(lane, ticket, accepted)
    except BatchHubError as error:
        return _not_accepted(lane, job, ticket, items, error, was_in_doubt=was_in_doubt)
    failpoint("request.answered")
    return taken


async def search(lane: LaneContext, job: JobState, ticket: TicketRecord) -> Change | None:
    """
    Look for a ticket in doubt among the vendor's batches.

    Returns:
        The ticket as accepted if the vendor has it, or without its attempt if it certainly has
        not; `None` while it may still turn up.
    """
    assert ticket.attempt_id is not None  # noqa: S101  # it is in doubt
    attempt = Attempt(
        operation=job.record.operation,
        group=job.group,
        key=job.record.key,
        idempotency_key=ticket.attempt_id,
        attempted_at=ticket.attempted_at or job.record.created_at,
        total=ticket.total,
    )
    accepted = await lane.ask(lane.adapter.find_attempt(attempt))
    if accepted is not None:
        return _accept(lane, ticket, accepted)
    if not lane.is_past(ticket.attempted_at, lane.capabilities(job).visibility_grace_s):
        return None
    return Change(ticket=_without_attempt(ticket), answered=False)


def _accept(lane: LaneContext, ticket: TicketRecord, accepted: Accepted) -> Change:
    if not accepted.vendor_refs:
        raise AdapterError(f"adapter {lane.adapter.name!r} accepted a batch without an id")
    taken = evolve(
        ticket,
        state=BatchState.QUEUED,
        vendor_refs=accepted.vendor_refs,
        vendor=dict(accepted.vendor),
        accepted_at=lane.clock.now(),
    )
    return Change(ticket=taken, is_evidence=True)


def _not_accepted(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    error: BatchHubError,
    *,
    was_in_doubt: bool,
) -> Change:
    """Sort a failed request: certain that nothing ran, refused for good, or nobody knows."""
    is_certain = not getattr(error, "may_have_run", True)
    if is_certain and not was_in_doubt:
        if _is_transient(error):
            return Change(ticket=_without_attempt(ticket), trouble=error, answered=False)
        return _refuse(job, ticket, error)
    if is_certain and not _is_transient(error):
        return hold(ticket, str(error))  # a refusal now says nothing about the first request
    was_answered = isinstance(error, ReplyError | AdapterError)
    capabilities = lane.capabilities(job)
    if was_answered and capabilities.dedup_window_s is None:
        # The vendor answered, only not with an id: the batch may well exist, so no resend,
        # whatever else would allow one.
        return hold(ticket, str(error))
    if may_resend(lane, job, ticket, items) or capabilities.finds_attempts:
        log_ticket("ticket.unanswered", job, ticket, error=str(error))
        return Change(ticket=ticket, trouble=error, answered=False)
    return evolve(hold(ticket, str(error)), trouble=error)


def _refuse(job: JobState, ticket: TicketRecord, error: BatchHubError) -> Change:
    log_ticket("ticket.refused", job, ticket, error=str(error))
    refused = evolve(ticket, state=BatchState.FAILED, message=str(error))
    return Change(ticket=refused, rest=ItemState.FAILED, rest_message=str(error))


def _without_attempt(ticket: TicketRecord) -> TicketRecord:
    return evolve(ticket, attempt_id=None, attempted_at=None)


def _is_transient(error: BatchHubError) -> bool:
    """Return whether the error is transient, or the user can fix it."""
    return error.retryable or isinstance(error, CredentialsError)

"""The requests that send a ticket or look for it, and what their answers make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from attrs import evolve

from batchhub._adapter.exchange import Accepted, Attempt, Steps, Submission, WireItem
from batchhub._base.failpoints import failpoint
from batchhub._http.guard import guarded
from batchhub._store import TicketRecord
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    CantTellError,
    CredentialsError,
    RepeatedError,
    ReplyError,
)
from batchhub.models import BatchState, Finding, ItemState

from .change import Change
from .finish import end_with_report, read_report
from .foreign import check_refs, keep_fields, keep_findings, redact_findings
from .job_state import JobState
from .lane_context import LaneContext, log_ticket
from .send_guard import SendGuard
from .send_rules import find_age_s, may_resend

_SENDS_UNTIL_HELD: Final = 3
"""How often a batch that may run twice is sent to a vendor whose answers make no sense."""


def hold(ticket: TicketRecord, why: str = "no answer came") -> Change:
    """Return a ticket that waits for a decision."""
    held = evolve(
        ticket,
        state=BatchState.UNCONFIRMED,
        message=f"sent, and nobody can tell whether the vendor has it: {why}",
    )
    return Change(ticket=held, answered=False)


async def send(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    *,
    guard: SendGuard,
    steps: Steps,
    was_in_doubt: bool,
) -> Change:
    """
    Send a ticket whose intent is durable.

    Args:
        lane: The lane it goes through.
        job: Its job.
        ticket: The ticket.
        items: Its items.
        guard: Knows whether a request with an effect left.
        steps: What the submit keeps between two requests.
        was_in_doubt: Whether an earlier request of the same attempt is unanswered.
    """
    assert ticket.attempt_id is not None  # noqa: S101  # just written, or in doubt
    submission = Submission(
        operation=job.record.operation,
        items=tuple(items),
        options=job.record.options,
        stop_on_first_failure=job.record.stop_on_first_failure,
        group=job.group,
        key=job.record.key,
        idempotency_key=ticket.attempt_id,
        is_repeat=was_in_doubt,
    )
    has_returned = False
    try:
        with guarded(guard):
            accepted = await lane.ask(lane.adapter.submit(submission, steps))
        has_returned = True  # so the vendor took something, whatever is wrong with the answer
        with lane.adapter.faults.reading("submit"):
            taken = await _accept(lane, job, ticket, items, accepted)
    except asyncio.CancelledError:
        if has_returned or not guard.is_unsent:
            raise  # nobody can tell: the next process decides, as after a kill
        return call_off(job, ticket, was_in_doubt=was_in_doubt)
    except BatchHubError as error:
        is_certain = not has_returned and guard.is_certain(error)
        if is_certain and guard.is_called_off and _is_transient(error):
            return call_off(job, ticket, was_in_doubt=was_in_doubt)
        return _not_accepted(
            lane, job, ticket, items, error, is_certain=is_certain, was_in_doubt=was_in_doubt
        )
    failpoint("request.answered")
    return taken


def call_off(job: JobState, ticket: TicketRecord, *, was_in_doubt: bool) -> Change:
    """
    Return a ticket of which nothing was sent although it was about to be.

    Args:
        job: Its job.
        ticket: The ticket, with its attempt.
        was_in_doubt: Whether an earlier request of the same attempt is unanswered: it stays so.
    """
    log_ticket("ticket.called_off", job, ticket, attempt_id=ticket.attempt_id)
    return Change(ticket=ticket if was_in_doubt else _without_attempt(ticket), answered=False)


async def search(
    lane: LaneContext, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]
) -> Change | None:
    """
    Look for a ticket in doubt among the vendor's batches.

    Returns:
        The ticket as accepted if the vendor has it, without its attempt if it certainly has not,
        or held if nobody can tell; `None` while it may still turn up.
    """
    assert ticket.attempt_id is not None  # noqa: S101  # it is in doubt
    attempt = Attempt(
        operation=job.record.operation,
        options=job.record.options,
        group=job.group,
        key=job.record.key,
        idempotency_key=ticket.attempt_id,
        attempted_at=ticket.attempted_at or job.record.created_at,
        total=ticket.total,
        kept=MappingProxyType(ticket.kept),
    )
    try:
        accepted = await lane.ask(lane.adapter.find_attempt(attempt))
    except CantTellError as error:
        return hold(ticket, str(error))
    if accepted is not None:
        with lane.adapter.faults.reading("find_attempt"):
            return await _accept(lane, job, ticket, items, accepted)
    age_s = find_age_s(lane, ticket)
    # Nobody knows: then at least this old, since this process has seen it for so long.
    known_s = lane.hold.age_s if age_s is None else age_s
    if known_s <= lane.capabilities(job).visibility_grace_s:
        return None
    return Change(ticket=_without_attempt(ticket), answered=False)


async def _accept(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    accepted: Accepted,
) -> Change:
    transport = lane.adapter.transport
    if not isinstance(accepted, Accepted):
        raise AdapterError(f"it returned no Accepted but {type(accepted).__name__}")
    refs = (
        ()
        if accepted.vendor_refs == ()
        else check_refs(accepted.vendor_refs, transport.redact_body)
    )
    if not refs and accepted.report is None:
        raise AdapterError("it accepted a batch without an id")
    try:
        vendor = transport.redact(keep_fields(accepted.vendor))
    except AdapterError:  # no reason to lose the ids
        vendor = {}
    try:
        findings = redact_findings(keep_findings(accepted.findings), transport.redact)
    except AdapterError:  # nor are these
        findings = ()
    taken = evolve(
        ticket,
        state=BatchState.QUEUED,
        vendor_refs=refs,
        vendor=vendor,
        accepted_at=lane.ages.now(),
    )
    if findings:
        taken = taken.with_findings(findings)
    if accepted.report is not None:
        try:
            report = await lane.ask(read_report(lane, "submit", accepted.report, ticket.total))
        except BatchHubError as error:  # a report that is read as it comes may need the network
            if not refs:
                raise
            return Change(ticket=taken, is_evidence=True, trouble=error)  # it can be asked about
        if report.is_settled or not refs:
            change = end_with_report(lane, job, taken, items, report)
            return evolve(change, is_evidence=True)
    return Change(ticket=taken, is_evidence=True)


def _not_accepted(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    error: BatchHubError,
    *,
    is_certain: bool,
    was_in_doubt: bool,
) -> Change:
    """Sort a failed request: certain that nothing ran, refused for good, or nobody knows."""
    if isinstance(error, RepeatedError):
        return _repeated(lane, job, ticket, items, error)
    if is_certain and not was_in_doubt:
        return _not_run(lane, job, ticket, error)
    if is_certain and not _is_transient(error):
        return hold(ticket, str(error))  # a refusal now says nothing about the first request
    capabilities = lane.capabilities(job)
    resends = may_resend(lane, job, ticket, items)
    searches = capabilities.finds_attempts and not resends
    was_answered = isinstance(error, ReplyError | AdapterError)
    if was_answered and not searches and not _may_try_again(lane, job, ticket, items, error):
        # The vendor answered, only not with an id: the batch may well exist, and the next answer
        # may be like this one. So no resend without an end, whatever else would allow one.
        return hold(ticket, str(error))
    if resends or searches:
        log_ticket("ticket.unanswered", job, ticket, error=str(error))
        return Change(ticket=ticket, trouble=error, answered=False)
    return evolve(hold(ticket, str(error)), trouble=error)


def _may_try_again(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    error: BatchHubError,
) -> bool:
    """Return whether a ticket may be sent again after an answer that can't be understood."""
    if lane.capabilities(job).dedup_window_s is not None:
        return True
    return (
        isinstance(error, ReplyError)
        and ticket.sends < _SENDS_UNTIL_HELD
        and lane.adapter.may_repeat(job.record.operation, items, job.record.options)
    )


def _not_run(
    lane: LaneContext, job: JobState, ticket: TicketRecord, error: BatchHubError
) -> Change:
    """Sort that nothing ran: tried again, or refused for good."""
    if _is_transient(error):
        return Change(ticket=_without_attempt(ticket), trouble=error, answered=False)
    lane.measures.refused += 1
    log_ticket("ticket.refused", job, ticket, error=str(error))
    refused = evolve(ticket, state=BatchState.FAILED, message=str(error))
    return Change(ticket=refused, rest=ItemState.FAILED, rest_message=str(error))


def _repeated(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    error: RepeatedError,
) -> Change:
    """Sort that the vendor has had this body: it may have run, and left no id to ask about."""
    finding = Finding(
        code="accepted_without_id",
        message="the vendor has had what was sent, and gave no id that could be asked about",
        examples=(str(error),),
    )
    doubtful = ticket.with_findings([finding])
    if not lane.adapter.may_repeat(job.record.operation, items, job.record.options):
        return hold(doubtful, str(error))
    window_s = lane.capabilities(job).refuses_repeat_s
    if error.retry_after_s is None:
        error.retry_after_s = window_s
    log_ticket("ticket.repeated", job, ticket, error=str(error))
    return Change(ticket=doubtful, trouble=error, answered=False)


def _without_attempt(ticket: TicketRecord) -> TicketRecord:
    return evolve(
        ticket,
        attempt_id=None,
        attempted_at=None,
        attempted_boot=None,
        attempted_boot_s=None,
        sends=0,
    )


def _is_transient(error: BatchHubError) -> bool:
    """Return whether the error is transient, or says nothing of the items but of us."""
    return error.retryable or isinstance(error, CredentialsError | AdapterError)

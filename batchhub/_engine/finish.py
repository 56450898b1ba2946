"""Ending a ticket: fetching its results and joining them with what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from batchhub._base.failpoints import failpoint
from batchhub._store import TicketRecord
from batchhub.errors import BatchHubError, NotFoundError, ReplyTooLargeError, ResultsMissingError
from batchhub.models import BatchState, Finding, ItemResult, ItemState

from .change import Change
from .job_state import JobState
from .join import join_report
from .lane_context import LaneContext


async def fetch(lane: LaneContext, job: JobState, ticket: TicketRecord) -> Change | None:
    """
    Fetch the results of a ticket that is finished at the vendor.

    Returns:
        The ticket at its end; `None` while the vendor's report is not settled.

    Raises:
        BatchHubError: They can't be fetched now; to be tried again.
    """
    items = await lane.store.get_items(ticket)
    try:
        report = await lane.ask(lane.adapter.fetch_results(lane.ref(job, ticket), items))
    except (ResultsMissingError, ReplyTooLargeError) as error:
        return _end_without_results(lane, job, ticket, error)
    failpoint("results.fetched")
    if not report.is_settled and not lane.is_past(
        ticket.finished_at, lane.capabilities(job).count_grace_s
    ):
        return None
    if ticket.finished_as is not BatchState.COMPLETED and report.rest is ItemState.SUCCEEDED:
        # Of a batch that failed as a whole nobody can claim that the rest succeeded.
        report = evolve(report, rest=ItemState.UNKNOWN)
    results, findings = join_report([item.id for item in items], report, _only_ref(ticket))
    state = _end_state(job, ticket, results)
    ended = evolve(
        ticket.with_findings(findings),
        state=state,
        progress=1.0 if state is BatchState.COMPLETED else ticket.progress,
    )
    return Change(ticket=ended, results=results, rest=report.rest)


def end_unsent(ticket: TicketRecord, why: str) -> Change:
    """End a ticket the vendor never confirmed: not executed if never sent, else unknown."""
    # An intent may have become a request: only without one is it certain that nothing ran.
    if ticket.attempt_id is None:
        rest, message = ItemState.NOT_EXECUTED, why
    else:
        rest, message = ItemState.UNKNOWN, "cancelled while unconfirmed"
    ended = evolve(ticket, state=BatchState.CANCELLED, message=message)
    return Change(ticket=ended, rest=rest, rest_message=message, answered=False)


def end_lost(ticket: TicketRecord, error: NotFoundError) -> Change:
    """End a ticket the vendor no longer knows."""
    lost = evolve(ticket, state=BatchState.LOST, message=str(error))
    return Change(ticket=lost, rest_message="the vendor no longer knows the ticket")


def _end_without_results(
    lane: LaneContext, job: JobState, ticket: TicketRecord, error: BatchHubError
) -> Change:
    if not lane.is_past(ticket.finished_at, lane.capabilities(job).results_grace_s):
        raise error
    finding = Finding(code="results_missing", message=f"finished without results: {error}")
    ended = evolve(ticket.with_findings([finding]), state=_end_state(job, ticket, ()))
    return Change(ticket=ended, rest_message=str(error))


def _end_state(job: JobState, ticket: TicketRecord, results: Sequence[ItemResult]) -> BatchState:
    """Return the vendor's final state; cancelled if our cancel left items unexecuted."""
    if job.is_cancelled and any(one.state is ItemState.NOT_EXECUTED for one in results):
        return BatchState.CANCELLED
    return ticket.finished_as or BatchState.COMPLETED


def _only_ref(ticket: TicketRecord) -> str | None:
    return ticket.vendor_refs[0] if len(ticket.vendor_refs) == 1 else None

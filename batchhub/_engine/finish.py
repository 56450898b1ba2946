"""Ending a ticket: fetching its results and joining them with what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from batchhub._adapter.capabilities import Capabilities
from batchhub._adapter.exchange import ItemReport, Observation, Report, TicketRef, WireItem
from batchhub._base.failpoints import failpoint
from batchhub._base.show import duration
from batchhub._store import TicketRecord
from batchhub.errors import BatchHubError, NotFoundError, ReplyTooLargeError, ResultsMissingError
from batchhub.models import BatchState, Finding, ItemResult, ItemState

from .change import Change
from .foreign import check_report, cut, keep_entries, redact_entries, redact_findings
from .job_state import JobState
from .join import ReadReport, join_report
from .lane_context import LaneContext


async def fetch(
    lane: LaneContext, job: JobState, ticket: TicketRecord, seen: Observation | None
) -> Change | None:
    """
    Fetch the results of a ticket that is finished at the vendor.

    Args:
        lane: The lane it went through.
        job: Its job.
        ticket: The ticket.
        seen: The answer that says it is finished.

    Returns:
        The ticket at its end; `None` while the vendor's report is not settled.

    Raises:
        BatchHubError: They can't be fetched now; to be tried again.
    """
    items = await lane.store.tickets.get_items(ticket)
    ref = evolve(lane.ref(job, ticket), state=ticket.finished_as or ticket.state, seen=seen)
    try:
        report = await lane.ask(_fetch(lane, ref, items))
    except (ResultsMissingError, ReplyTooLargeError) as error:
        return _end_without_results(lane, job, ticket, error)
    failpoint("results.fetched")
    if not report.is_settled and not lane.is_past(
        ticket.finished_at, lane.capabilities(job).count_grace_s
    ):
        return None
    return end_with_report(lane, job, ticket, items, report)


async def read_report(lane: LaneContext, verb: str, report: object, total: int) -> ReadReport:
    """
    Read a report to its end, as an adapter's verb gave it.

    Raises:
        AdapterError: It breaks a rule.
    """
    adapter, redact = lane.adapter, lane.adapter.transport.redact
    kept = check_report(report)

    async def read() -> tuple[Report, Sequence[ItemReport]]:
        return kept, await keep_entries(kept, total)

    # Its entries may be made as they are read, so it is the adapter's code that runs here.
    kept, entries = await adapter.ask(verb, read)
    return ReadReport(
        entries=redact_entries(entries, adapter.transport),
        rest=kept.rest,
        rest_message=redact(cut(kept.rest_message)),
        is_settled=kept.is_settled,
        findings=redact_findings(kept.findings, redact),
    )


def end_with_report(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    report: ReadReport,
) -> Change:
    """Return a ticket at its end, with one result for each of its items."""
    final = ticket.finished_as or BatchState.COMPLETED
    if final is not BatchState.COMPLETED:
        report = _doubt_rest(report, ticket, final, lane.capabilities(job))
    results, findings = _join(lane, job, ticket, items, report)
    state = _end_state(job, ticket, results)
    ended = evolve(
        ticket.with_findings(findings),
        state=state,
        progress=1.0 if state is BatchState.COMPLETED else ticket.progress,
    )
    return Change(ticket=ended, results=results, rest=report.rest)


def _join(
    lane: LaneContext,
    job: JobState,
    ticket: TicketRecord,
    items: Sequence[WireItem],
    report: ReadReport,
) -> tuple[list[ItemResult], tuple[Finding, ...]]:
    def find_keys() -> list[str | None]:
        return [lane.adapter.key_value(job.record.operation, item) for item in items]

    results, findings = join_report(
        [item.id for item in items], report, _only_ref(ticket), keys=find_keys
    )
    # Of entries that name no item that was sent, the findings show the names.
    return results, redact_findings(findings, lane.adapter.transport.redact)


async def _fetch(lane: LaneContext, ref: TicketRef, items: Sequence[WireItem]) -> ReadReport:
    report = await lane.adapter.fetch_results(ref, items)
    with lane.adapter.faults.reading("fetch_results"):
        return await read_report(lane, "fetch_results", report, ref.total)


def _doubt_rest(
    report: ReadReport, ticket: TicketRecord, final: BatchState, capabilities: Capabilities
) -> ReadReport:
    """Return what holds for the items that a batch which failed as a whole does not name."""
    why = report.rest_message or ticket.message
    if capabilities.indivisible and report.rest in {ItemState.UNKNOWN, ItemState.SUCCEEDED}:
        ran = final is BatchState.FAILED
        return evolve(
            report, rest=ItemState.FAILED if ran else ItemState.NOT_EXECUTED, rest_message=why
        )
    # Of a batch that failed as a whole nobody can claim that the rest succeeded.
    rest = ItemState.UNKNOWN if report.rest is ItemState.SUCCEEDED else report.rest
    return evolve(report, rest=rest, rest_message=why)


def end_unsent(ticket: TicketRecord, why: str) -> Change:
    """End a ticket the vendor never confirmed: not executed if never sent, else unknown."""
    # An intent may have become a request: only without one is it certain that nothing ran.
    if not (ticket.is_in_doubt or ticket.state is BatchState.UNCONFIRMED):
        rest, message = ItemState.NOT_EXECUTED, why
    else:
        rest, message = ItemState.UNKNOWN, "cancelled while unconfirmed"
    ended = evolve(ticket, state=BatchState.CANCELLED, message=message)
    return Change(ticket=ended, rest=rest, rest_message=message, answered=False)


def end_lost(
    lane: LaneContext, job: JobState, ticket: TicketRecord, error: NotFoundError
) -> Change:
    """End a ticket the vendor no longer knows."""
    kept_s = lane.capabilities(job).results_kept_s
    if kept_s is not None and lane.is_past(ticket.accepted_at, kept_s):
        why = f"the vendor keeps results for {duration(kept_s)}; they were asked for too late"
        finding = Finding(code="results_expired", message=why, examples=ticket.vendor_refs)
        state = ticket.finished_as or BatchState.LOST
        expired = evolve(ticket.with_findings([finding]), state=state, message=why)
        return Change(ticket=expired, rest_message=why)
    lost = evolve(ticket, state=BatchState.LOST, message=str(error))
    return Change(ticket=lost, rest_message="the vendor no longer knows the ticket")


async def end_lost_with(
    lane: LaneContext, job: JobState, lost: Change, seen: Observation
) -> Change:
    """
    Give the items of a ticket that the vendor no longer knows what it last said of them.

    Args:
        lane: The lane it went through.
        job: Its job.
        lost: The ticket at its end.
        seen: The last answer, with results of an unfinished batch.
    """
    ticket, why = lost.ticket, lost.rest_message
    items = await lane.store.tickets.get_items(ticket)
    ref = evolve(lane.ref(job, ticket), state=ticket.state, seen=seen)
    try:
        report = await lane.ask(_fetch(lane, ref, items))
    except BatchHubError:
        return lost
    # It was not finished: what it doesn't name is what nobody knows, whatever else that means.
    report = evolve(report, rest=ItemState.UNKNOWN, rest_message=why)
    results, findings = _join(lane, job, ticket, items, report)
    return Change(ticket=ticket.with_findings(findings), results=results, rest=report.rest)


def _end_without_results(
    lane: LaneContext, job: JobState, ticket: TicketRecord, error: BatchHubError
) -> Change:
    capabilities = lane.capabilities(job)
    final = ticket.finished_as or BatchState.COMPLETED
    if final is not BatchState.COMPLETED and not lane.fetches_results:
        # The answer that says why the batch failed is all there is.
        report = _doubt_rest(ReadReport(entries=()), ticket, final, capabilities)
        ended = evolve(ticket, state=_end_state(job, ticket, ()))
        return Change(ticket=ended, rest=report.rest, rest_message=report.rest_message)
    if not lane.is_past(ticket.finished_at, capabilities.results_grace_s):
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

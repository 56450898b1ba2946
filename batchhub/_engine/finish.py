"""Ending a ticket: its results are fetched, joined and stored together with its terminal state."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from batchhub._base.failpoints import failpoint
from batchhub._store import ResultRow, TicketRecord
from batchhub.errors import BatchHubError, ReplyTooLargeError, ResultsMissingError
from batchhub.models import BatchState, Finding, ItemState

from .job_state import JobState, new_findings
from .join import join_report
from .lane_context import LaneContext, Step


class Finisher:
    """Ends the tickets of one lane."""

    def __init__(self, tools: LaneContext) -> None:
        self._tools = tools

    async def fetch(self, run: JobState, ticket: TicketRecord) -> Step:
        """
        Fetch the results of a ticket that is finished at the vendor, and end it.

        Raises:
            BatchHubError: They can't be had now; to be tried again.
        """
        items = await self._tools.store.get_items(ticket)
        try:
            report = await self._tools.ask(
                self._tools.adapter.fetch_results(self._tools.ref(run, ticket), items)
            )
        except (ResultsMissingError, ReplyTooLargeError) as error:
            return await self._results_missing(run, ticket, error)
        failpoint("results.fetched")
        grace_s = self._tools.capabilities(run).count_grace_s
        if not report.is_settled and not self._tools.is_past(ticket.finished_at, grace_s):
            return Step(delay_s=self._tools.delay_s(run, ticket.position))
        if ticket.finished_as is not BatchState.COMPLETED and report.rest is ItemState.SUCCEEDED:
            # Of a batch that failed as a whole nobody can claim that the rest succeeded.
            report = evolve(report, rest=ItemState.UNKNOWN)
        results, findings = join_report([item.id for item in items], report, _only_ref(ticket))
        rows = [
            ResultRow(
                position=ticket.first_item + n,
                state=result.state,
                code=result.code,
                message=result.message,
                vendor_ref=result.vendor_ref,
                raw=result.raw,
            )
            for n, result in enumerate(results)
        ]
        state = self._end_state(run, ticket, rows)
        ended = evolve(
            ticket,
            state=state,
            progress=1.0 if state is BatchState.COMPLETED else ticket.progress,
            findings=new_findings(ticket, findings),
        )
        return await self.end(run, ended, rows=rows, rest=report.rest)

    async def _results_missing(
        self, run: JobState, ticket: TicketRecord, error: BatchHubError
    ) -> Step:
        if not self._tools.is_past(
            ticket.finished_at, self._tools.capabilities(run).results_grace_s
        ):
            raise error
        finding = Finding(code="results_missing", message=f"finished without results: {error}")
        ended = evolve(
            ticket,
            state=self._end_state(run, ticket, ()),
            findings=new_findings(ticket, [finding]),
        )
        return await self.end(run, ended, rest=ItemState.UNKNOWN, rest_message=str(error))

    @staticmethod
    def _end_state(run: JobState, ticket: TicketRecord, rows: Sequence[ResultRow]) -> BatchState:
        if run.is_cancelled and any(row.state is ItemState.NOT_EXECUTED for row in rows):
            return BatchState.CANCELLED
        return ticket.finished_as or BatchState.COMPLETED

    async def end_unsent(self, run: JobState, ticket: TicketRecord, why: str) -> Step:
        """End a ticket the vendor never confirmed: not executed if never sent, else unknown."""
        rest = ItemState.NOT_EXECUTED if ticket.attempt_id is None else ItemState.UNKNOWN
        message = why if ticket.attempt_id is None else "cancelled while unconfirmed"
        ended = evolve(ticket, state=BatchState.CANCELLED, message=message)
        step = await self.end(run, ended, rest=rest, rest_message=message)
        return evolve(step, answered=False)

    async def end(
        self,
        run: JobState,
        ticket: TicketRecord,
        *,
        rows: Sequence[ResultRow] = (),
        rest: ItemState,
        rest_message: str | None = None,
    ) -> Step:
        self._tools.touch(run, observed=bool(ticket.vendor_refs))
        ended, job = await self._tools.persist(
            lambda: self._tools.store.end_ticket(
                run.job, ticket, rows, rest, rest_message, at=self._tools.clock.now()
            )
        )
        failpoint("results.kept")
        run.put(ended)
        run.job = evolve(run.job, ended_at=job.ended_at)
        self._tools.log("ticket.ended", run, ended, state=ended.state.value)
        if job.ended_at is not None:
            self._tools.log("job.ended", run, ended, state=run.status().state.value)
        return Step(delay_s=None)


def _only_ref(ticket: TicketRecord) -> str | None:
    return ticket.vendor_refs[0] if len(ticket.vendor_refs) == 1 else None

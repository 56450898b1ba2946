"""
Asking the vendor about tickets: about several by one request, where it can answer so.

What a request brought is kept for the next step of each ticket, which takes it instead of asking.
So an answer is read, and its trouble met, as if the ticket had been asked about alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from batchhub._adapter.exchange import Observation
from batchhub._store import TicketRecord
from batchhub.errors import BatchHubError, NotFoundError, RefusedError

from .foreign import (
    OddAnswer,
    cut,
    differs_in_numbers,
    keep_fields,
    keep_findings,
    redact_findings,
)
from .job_state import JobState
from .lane_context import LaneContext
from .poll_times import LONGEST_S
from .schedule import Schedule

EARLY: Final = 0.2
"""A ticket rides with others up to this share of its own interval before it is due."""

_FEWER: Final = 10
"""How many times smaller the company of a ticket is after each request that failed."""

_Key = tuple[int, int]


@frozen
class _Answer:
    """What a request about several tickets brought for one, and when, in monotonic seconds."""

    found: object
    at_s: float


class Asking:
    """
    Asks about the tickets of one lane, and says which are asked about together.

    Args:
        lane: The lane.
    """

    def __init__(self, lane: LaneContext) -> None:
        self._lane = lane
        self._answers: dict[_Key, _Answer] = {}

    def forget(self) -> None:
        """Forget all answers that no step has taken."""
        self._answers.clear()

    def has_answer(self, job: JobState, position: int) -> bool:
        """Whether there is an answer about a ticket that its next step takes."""
        return (job.job_no, position) in self._answers

    def drop(self, job: JobState, position: int) -> None:
        """Forget the answer about a ticket whose step had no use for it."""
        self._answers.pop((job.job_no, position), None)

    def most_together(self, job: JobState, position: int) -> int:
        """
        Return how many tickets may be asked about together with one, itself included.

        An error of a request concerns all its tickets, though one alone may have caused it. So
        those that met one ask with far fewer others each time, and soon alone.
        """
        if not self._lane.adapter.asks_together:
            return 1
        most = self._lane.capabilities(job).max_polled_at_once
        for _ in range(job.notes.failures(position)):
            if most <= 1:
                break
            most //= _FEWER
        return max(1, most)

    def take_company(
        self,
        schedule: Schedule,
        job: JobState,
        position: int,
        *,
        asks: Callable[[JobState, int], bool],
    ) -> list[tuple[JobState, int]]:
        """
        Take the steps to come of tickets that are asked about together with one that is due.

        Args:
            schedule: The steps to come.
            job: The job of the ticket that is due.
            position: Its position.
            asks: Whether the next step of a ticket asks about it first.

        Returns:
            Jobs and positions, the ticket itself not among them; empty if it has its own step.
        """
        most = self.most_together(job, position)
        if most == 1 or (job.job_no, position) in self._answers or not asks(job, position):
            return []
        capabilities, now_s = self._lane.capabilities(job), self._lane.clock.monotonic()
        asked_before_s = now_s - capabilities.min_poll_s

        def rides(other: JobState, place: int) -> bool:
            return (
                (
                    (due_s := other.notes.due_s(place)) <= now_s
                    or (
                        other.notes.asked_at_s(place) <= asked_before_s
                        and due_s - now_s <= EARLY * (other.notes.interval_s(place) or 0.0)
                    )
                )
                and (other.job_no, place) not in self._answers
                and asks(other, place)
                and self.most_together(other, place) == most
            )

        until_s = now_s + EARLY * max(LONGEST_S, capabilities.min_poll_s)
        return schedule.take_more(job.operation, most - 1, until_s, rides)

    async def ask_together(self, tickets: Sequence[tuple[JobState, int]]) -> Sequence[object]:
        """Ask about several tickets by one request; return an answer or an error for each."""
        try:
            return await self._poll([(job, job.ticket(position)) for job, position in tickets])
        except NotFoundError as error:
            # Which of them is gone? That no ticket is said to be lost by it, it is no 404 here.
            trouble = RefusedError(str(error), vendor=error.vendor, status=error.status)
            return [trouble] * len(tickets)
        except BatchHubError as error:
            return [error] * len(tickets)

    def keep(self, tickets: Sequence[tuple[JobState, int]], answers: Sequence[object]) -> None:
        """Keep what came of asking about tickets until their next steps take it."""
        now_s = self._lane.clock.monotonic()
        for (job, position), found in zip(tickets, answers, strict=True):
            self._answers[job.job_no, position] = _Answer(found, now_s)

    async def ask(self, job: JobState, ticket: TicketRecord) -> Observation | None:
        """
        Return what the vendor says of a ticket; `None` if its answer says nothing.

        Raises:
            NotFoundError: The vendor does not know it.
            BatchHubError: It could not be asked.
        """
        kept = self._answers.pop((job.job_no, ticket.position), None)
        if kept is None:
            [found] = await self._poll([(job, ticket)])
            with self._lane.adapter.faults.reading("poll"):
                return self._read(ticket, found, waited_s=0.0)
        if isinstance(kept.found, BatchHubError):
            raise kept.found.with_traceback(None)  # it is raised once for each ticket
        waited_s = self._lane.clock.monotonic() - kept.at_s
        with self._lane.adapter.faults.reading("poll", alone=False):
            return self._read(ticket, kept.found, waited_s)

    async def _poll(self, tickets: Sequence[tuple[JobState, TicketRecord]]) -> Sequence[object]:
        """Return one answer for each ticket, not looked at yet."""
        lane = self._lane
        refs = [lane.ref(job, ticket) for job, ticket in tickets]
        lane.measures.polls += len(tickets)
        try:
            return await lane.ask(lane.adapter.poll(refs))
        finally:
            now_s = lane.clock.monotonic()
            for job, ticket in tickets:
                job.notes.set_asked(ticket.position, now_s)

    def _read(self, ticket: TicketRecord, found: object, waited_s: float) -> Observation | None:
        """Return what an adapter says of a ticket, without the account's secrets."""
        name, redact = self._lane.adapter.name, self._lane.adapter.transport.redact
        if isinstance(found, OddAnswer):
            raise found.error
        if not isinstance(found, Observation):
            return None
        answer, changes = found, dict[str, Any]()
        if answer.is_gone:
            raise NotFoundError(f"{name} does not know the batch", vendor=name)
        if waited_s:
            changes["age_s"] = (answer.age_s or 0.0) + waited_s
        if answer.vendor != ticket.vendor:
            if differs_in_numbers(answer.vendor, ticket.vendor):
                changes["vendor"] = dict(answer.vendor)  # the adapter may go on with its own
            else:
                changes["vendor"] = redact(keep_fields(answer.vendor))
        if answer.findings:
            changes["findings"] = redact_findings(keep_findings(answer.findings), redact)
        if answer.words != (ticket.vendor_state,):
            changes["words"] = tuple(redact(list(answer.words)))
        if answer.message is not None:
            changes["message"] = redact(cut(answer.message))
        return evolve(answer, **changes) if changes else answer

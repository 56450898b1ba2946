"""A job that is being driven: its tickets as last known, and which of them may go next."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve

from batchhub._adapter.capabilities import JSONMapping
from batchhub._store import JobRecord, Summary, TicketList, TicketRecord, make_status
from batchhub.models import BatchState, BatchStatus, Contact, Finding
from batchhub.models.fold import STUCK
from batchhub.models.tickets import merge_findings

from .ticket_notes import Mark, TicketNotes

_SOON_S: Final = 10.0
"""A ticket is kept packed if its next step is farther away: only so many are asked about within
this time, and to pack one each time takes a tenth of what a poll does."""

AT_VENDOR: Final = frozenset({BatchState.QUEUED, BatchState.IN_PROGRESS})


class JobState:
    """
    One unfinished job.

    It may have 100,000 tickets, so nothing that is done for one of them looks at all: what is to
    be known of all is kept up with each.
    """

    __slots__ = (
        "_doubtful",
        "_idle",
        "_is_stuck",
        "_next",
        "_observed_at",
        "_record",
        "_returned",
        "_state",
        "_states",
        "_summary",
        "_tickets",
        "_updated_at",
        "notes",
    )

    def __init__(self, record: JobRecord, tickets: Iterable[TicketRecord]) -> None:
        found = list(tickets)
        self._record = evolve(record, fingerprint="")  # long, and only a submit asks for it
        self._observed_at, self._updated_at = record.observed_at, record.updated_at
        self._tickets = TicketList(found)
        self._summary = Summary.of(record, found)
        self._states: tuple[int, ...] | None = None
        self._is_stuck = False
        self._state = BatchState.PENDING  # as of `_states`; looked up before it is used
        self.notes = TicketNotes(len(found))
        # Tickets without a step to come: those that need one whoever else is on the way, and the
        # PENDING ones, which are all from `_next` on, and those that came back behind it.
        self._idle: set[int] | None = None
        self._next = 1
        self._returned: list[int] | None = None
        self._doubtful: set[int] | None = None
        for ticket in found:
            self._note_doubt(ticket)
            if ticket.state is not BatchState.PENDING or self.is_cancelled:
                self._lay_aside(ticket)

    # The job.

    @property
    def record(self) -> JobRecord:
        """The job as it is in the store, or is about to be."""
        # Put together when somebody looks: both change with each poll.
        if (
            self._record.observed_at is not self._observed_at
            or self._record.updated_at is not self._updated_at
        ):
            self._record = evolve(
                self._record, observed_at=self._observed_at, updated_at=self._updated_at
            )
        return self._record

    @record.setter
    def record(self, record: JobRecord) -> None:
        self._record = record
        self._observed_at, self._updated_at = record.observed_at, record.updated_at

    @property
    def job_no(self) -> int:
        """The store's number of the job."""
        return self._record.job_no

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._record.job_id

    @property
    def operation(self) -> str:
        """The kind of its batches."""
        return self._record.operation

    # What is asked for with each poll, and needs no `record` that is up to date.

    @property
    def account(self) -> str:
        """The account's name."""
        return self._record.account

    @property
    def contact(self) -> Contact:
        """How well the vendor can be reached."""
        return self._record.contact

    @property
    def options(self) -> JSONMapping:
        """What the adapter was told besides the items."""
        return self._record.options

    @property
    def created_at(self) -> datetime:
        """When it was submitted."""
        return self._record.created_at

    @property
    def deadline_s(self) -> float:
        """Seconds after which it is overdue."""
        return self._record.deadline_s

    @property
    def state(self) -> BatchState:
        """Its state."""
        tally = self._summary.tally
        if tally.states is not self._states or tally.is_stuck is not self._is_stuck:
            self._states, self._is_stuck = tally.states, tally.is_stuck
            self._state = tally.state
        return self._state

    @property
    def has_ended(self) -> bool:
        """Whether every ticket is terminal."""
        return not self._summary.tally.open_tickets

    @property
    def is_cancelled(self) -> bool:
        """Whether the user asked to stop it."""
        return self._record.cancelled_at is not None

    @property
    def group(self) -> str:
        """What all requests of the job have in common at the vendor."""
        return f"batchhub-{self._record.job_id}"

    def status(self) -> BatchStatus:
        """Return what users see."""
        return make_status(self.record, self._summary, self._tickets.view())

    def mark_observed(self, now: datetime) -> None:
        """Keep that the vendor has answered for it."""
        self._observed_at = now

    def mark_updated(self, now: datetime, *, observed: bool = False) -> None:
        """Keep that its state has changed, and, if `observed`, that the vendor has answered."""
        self._updated_at = now
        if observed:
            self._observed_at = now

    def mark_cancelled(self, at: datetime) -> None:
        """Keep that the user asked to stop it: every open ticket needs a step now."""
        self.record = evolve(self.record, cancelled_at=at)
        for ticket in self._tickets.look():
            if not self.notes.has(ticket.position, Mark.SCHEDULED):
                self._lay_aside(ticket)

    def add_findings(self, findings: Sequence[Finding]) -> None:
        """Add findings about the job itself."""
        merged = merge_findings((*self._record.findings, *findings))
        self.record = evolve(self.record, findings=merged)

    def add_new_findings(self, findings: Sequence[Finding]) -> None:
        """Add those findings about the job itself that name something they did not name before."""
        named = {(f.code, example) for f in self._record.findings for example in f.examples}
        self.add_findings([f for f in findings if {(f.code, e) for e in f.examples} - named])

    def drop_finding(self, code: str) -> None:
        """Remove a finding about the job itself."""
        kept = tuple(finding for finding in self._record.findings if finding.code != code)
        self.record = evolve(self.record, findings=kept)

    def has_finding(self, code: str) -> bool:
        """Whether the job itself has a finding."""
        return any(finding.code == code for finding in self._record.findings)

    def set_wait(self, job_id: str | None, *, is_held: bool) -> None:
        """
        Keep that tickets of it wait for others, or for none any more.

        Args:
            job_id: The older job they wait for, if they do.
            is_held: Whether nothing of it is sent before a decision about a ticket of that job,
                or about one of its own.
        """
        self.drop_finding("waits_for")
        self.drop_finding(STUCK)
        if job_id is not None:
            message = f"tickets wait for job {job_id}, which changes the same"
            self.add_findings([Finding(code="waits_for", message=message, examples=(job_id,))])
        if is_held:
            older = job_id or self.job_id
            message = (
                f"nothing more is sent before a decision about job {older}: adopt, retry or cancel"
            )
            self.add_findings([Finding(code=STUCK, message=message, examples=(older,))])

    def set_contact(self, contact: Contact, note: str | None) -> bool:
        """Set how well the vendor can be reached; return whether that has changed."""
        if (self._record.contact, self._record.contact_note) == (contact, note):
            return False
        self.record = evolve(self.record, contact=contact, contact_note=note)
        return True

    def moments(self) -> Iterator[datetime]:
        """Yield the moments whose ages may decide something: its own, and its open tickets'."""
        yield self._record.created_at
        for t in self._tickets.look():
            if not t.state.is_terminal:
                marks = (t.attempted_at, t.accepted_at, t.finished_at, t.settling_since)
                yield from (moment for moment in marks if moment is not None)

    # Its tickets.

    @property
    def size(self) -> int:
        """How many tickets it has."""
        return len(self._tickets)

    @property
    def has_sent(self) -> bool:
        """Whether open tickets of it were sent."""
        return self._summary.tally.number(*AT_VENDOR, BatchState.UNCONFIRMED) > 0

    def sent(self) -> Iterator[int]:
        """Yield the positions of the open tickets that were sent, before any has a step."""
        for position in sorted({*(self._idle or ()), *(self._doubtful or ())}):
            if self.ticket(position).state is not BatchState.PENDING:
                yield position

    def ticket(self, position: int) -> TicketRecord:
        """Return a ticket by its position, from 1."""
        return self._tickets.get(position)

    def replace(self, ticket: TicketRecord) -> None:
        """Take a ticket as it is now."""
        old = self.ticket(ticket.position)
        self._summary = self._summary.change(old, ticket)
        self._tickets.replace(ticket)
        self._note_doubt(ticket)
        if old.state is ticket.state:
            return
        if not self.notes.has(ticket.position, Mark.SCHEDULED):
            self._lay_aside(ticket)

    def previous_ended_unclean(self, ticket: TicketRecord) -> bool:
        """Whether a ticket is never to be sent, since one before it did not end clean."""
        if not ticket.waits_for_previous:
            return False
        previous = self.ticket(ticket.position - 1)
        return previous.state.is_terminal and not previous.ended_clean

    def is_to_end(self, ticket: TicketRecord) -> bool:
        """Whether a ticket is never to be sent, or to be stopped."""
        return self.is_cancelled or self.previous_ended_unclean(ticket)

    def may_go(self, ticket: TicketRecord) -> bool:
        """Whether the one before has ended so that a ticket may be sent."""
        return not ticket.waits_for_previous or self.ticket(ticket.position - 1).ended_clean

    @property
    def is_in_doubt(self) -> bool:
        """Whether an answer about a ticket may come from another process."""
        return bool(self._doubtful)

    def is_doubtful(self, position: int) -> bool:
        """Whether this process has no answer about a ticket that was sent."""
        return self._doubtful is not None and position in self._doubtful

    def find_in_doubt(self) -> list[int]:
        """Return the positions of tickets whose answer this process neither has nor waits for."""
        doubtful = sorted(self._doubtful or ())
        return [position for position in doubtful if not self.notes.has(position, Mark.SENDING)]

    def find_unanswered(self) -> list[TicketRecord]:
        """Return the tickets whose answer may still come: those that are being sent, too."""
        doubtful = map(self.ticket, sorted(self._doubtful or ()))
        return [ticket for ticket in doubtful if ticket.is_in_doubt]

    def _note_doubt(self, ticket: TicketRecord) -> None:
        if ticket.state is BatchState.UNCONFIRMED or ticket.is_in_doubt:
            if self._doubtful is None:
                self._doubtful = set()
            self._doubtful.add(ticket.position)
        elif self._doubtful is not None:
            self._doubtful.discard(ticket.position)
            self._doubtful = self._doubtful or None

    # What is due.

    def schedule(self, position: int, due_s: float, delay_s: float) -> None:
        """Keep that a ticket has a step to come, in monotonic seconds, and how long until then."""
        self.notes.mark(position, Mark.SCHEDULED)
        if delay_s > _SOON_S:
            self._tickets.pack(position)
        self.notes.set_due(position, due_s)

    def begin_step(self, position: int) -> None:
        """Keep that a ticket's step is under way: none is to come."""
        self._tickets.unpack(position)
        self.notes.set_due(position)

    def end_step(self, position: int) -> None:
        """Keep that a ticket has no step to come nor under way."""
        if not self.notes.has(position, Mark.SCHEDULED):
            return
        self.notes.unmark(position, Mark.SCHEDULED)
        self.notes.set_due(position)
        self._lay_aside(self.ticket(position))

    def scheduled(self) -> Iterator[int]:
        """Yield the positions of the tickets whose next step is to come."""
        for position in self.notes.marked(Mark.SCHEDULED):
            if not math.isnan(self.notes.due_s(position)):
                yield position

    def begin_sending(self, position: int) -> None:
        """Keep that a ticket's step is under way, which sends it."""
        self.notes.mark(position, Mark.SCHEDULED)

    def find_due(self) -> Iterator[int]:
        """
        Yield the positions of tickets that need a step and have none; each is to be scheduled.

        Those to be sent are not among them: that is decided for the lane, by `SendOrder`.
        """
        idle, self._idle = self._idle, None
        for position in sorted(idle or ()):
            if not (
                self.ticket(position).state.is_terminal or self.notes.has(position, Mark.SCHEDULED)
            ):
                yield position
        if not self._record.stop_on_first_failure:
            return
        while (first := self.first_pending()) is not None:
            if not self.previous_ended_unclean(self.ticket(first)):
                return
            yield first

    def first_pending(self) -> int | None:
        """Return the first PENDING ticket that has no step to come or under way."""
        while self._returned:
            if self._waits(self._returned[0]):
                return self._returned[0]
            heapq.heappop(self._returned)
        self._returned = None
        while self._next <= len(self._tickets):
            if self._waits(self._next):
                return self._next
            self._next += 1
        return None

    def _waits(self, position: int) -> bool:
        return _is_pending(self.ticket(position)) and not self.notes.has(position, Mark.SCHEDULED)

    def _lay_aside(self, ticket: TicketRecord) -> None:
        """Remember a ticket that has no step to come, if it is to have one some time."""
        if ticket.state.is_terminal:
            return
        if ticket.state in AT_VENDOR or self.is_cancelled:
            if self._idle is None:
                self._idle = set()
            self._idle.add(ticket.position)
        elif ticket.state is BatchState.PENDING and ticket.position < self._next:
            if self._returned is None:
                self._returned = []
            heapq.heappush(self._returned, ticket.position)


def _is_pending(ticket: TicketRecord) -> bool:
    return ticket.state is BatchState.PENDING

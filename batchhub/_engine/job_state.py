"""A job that is being driven: its tickets as last known, and which of them may go next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import evolve

from batchhub._store import JobRecord, TicketRecord, make_status
from batchhub.models import BatchState, BatchStatus, Contact, Finding
from batchhub.models.tickets import merge_findings

_AT_VENDOR = frozenset({BatchState.QUEUED, BatchState.IN_PROGRESS})


class JobState:
    """
    One unfinished job.

    Attributes:
        record: The job as it is in the store, or is about to be.
        failures: How many requests in a row brought no answer, by ticket position.
        misses: How many polls in a row the vendor did not know a ticket, by ticket position.
        answered_at: When the newest answer was made, in monotonic seconds, by ticket position;
            older ones are no news.
        changed_at: When a ticket last showed progress to this process, by ticket position.
        stalled: The positions of the tickets that have shown no progress for long.
        sending: The positions of the tickets whose request, with an effect, is under way.
        unsaved: The positions of the tickets whose progress is newer than the store's.
        cancel_sent: The positions of the tickets the vendor was asked to cancel.
    """

    def __init__(self, record: JobRecord, tickets: Sequence[TicketRecord]) -> None:
        self.record = record
        self.failures: Counter[int] = Counter()
        self.misses: Counter[int] = Counter()
        self.answered_at: dict[int, float] = {}
        self.changed_at: dict[int, datetime] = {}
        self.stalled: set[int] = set()
        self.sending: set[int] = set()
        self.unsaved: set[int] = set()
        self.cancel_sent: set[int] = set()
        self._tickets = list(tickets)

    @property
    def tickets(self) -> Sequence[TicketRecord]:
        """The tickets, in order."""
        return self._tickets

    @property
    def has_ended(self) -> bool:
        """Whether every ticket is terminal."""
        return all(ticket.state.is_terminal for ticket in self._tickets)

    @property
    def is_cancelled(self) -> bool:
        """Whether the user asked to stop it."""
        return self.record.cancelled_at is not None

    def ticket(self, position: int) -> TicketRecord:
        """Return a ticket by its position, from 1."""
        return self._tickets[position - 1]

    def replace(self, ticket: TicketRecord) -> None:
        """Take a ticket as it is now."""
        self._tickets[ticket.position - 1] = ticket

    def take_unsaved(self) -> list[TicketRecord]:
        """Return the open tickets whose progress is to be kept, once."""
        # Emptied before they are written: figures whose save fails wait for the next poll that
        # changes them.
        positions, self.unsaved = self.unsaved, set()
        tickets = [self.ticket(position) for position in sorted(positions)]
        return [ticket for ticket in tickets if not ticket.state.is_terminal]

    def previous_ended_unclean(self, ticket: TicketRecord) -> bool:
        """Whether a ticket is never to be sent, since one before it did not end clean."""
        if not ticket.waits_for_previous:
            return False
        previous = self.ticket(ticket.position - 1)
        return previous.state.is_terminal and not previous.ended_clean

    def find_due(self, parallel: int, busy: set[int]) -> Iterator[int]:
        """
        Yield the positions of tickets that need a step and have none scheduled.

        Args:
            parallel: How many tickets may be on their way at once.
            busy: The positions that have a step scheduled.
        """
        # UNCONFIRMED tickets take no place: the vendor may not have them, and nothing ends them.
        free = parallel - self._on_their_way(busy)
        for ticket in self._tickets:
            if ticket.state.is_terminal or ticket.position in busy:
                continue
            if ticket.state in _AT_VENDOR or self._is_to_end(ticket):
                yield ticket.position
            elif ticket.state is BatchState.PENDING and free > 0 and self._may_go(ticket):
                free -= 1
                yield ticket.position

    def find_in_doubt(self) -> set[int]:
        """Return the positions of tickets whose answer this process neither has nor waits for."""
        return {
            ticket.position
            for ticket in self._tickets
            if (ticket.state is BatchState.UNCONFIRMED or ticket.is_in_doubt)
            and ticket.position not in self.sending
        }

    @property
    def group(self) -> str:
        """What all requests of the job have in common at the vendor."""
        return f"batchhub-{self.record.job_id}"

    def mark_observed(self, now: datetime) -> None:
        """Keep that the vendor has answered for it."""
        self.record = evolve(self.record, observed_at=now)

    def mark_updated(self, now: datetime, *, observed: bool = False) -> None:
        """Keep that its state has changed, and, if `observed`, that the vendor has answered."""
        observed_at = now if observed else self.record.observed_at
        self.record = evolve(self.record, updated_at=now, observed_at=observed_at)

    def mark_cancelled(self, at: datetime) -> None:
        """Keep that the user asked to stop it."""
        self.record = evolve(self.record, cancelled_at=at)

    def add_findings(self, findings: Sequence[Finding]) -> None:
        """Add findings about the job itself."""
        merged = merge_findings((*self.record.findings, *findings))
        self.record = evolve(self.record, findings=merged)

    def has_finding(self, code: str) -> bool:
        """Whether the job itself has a finding."""
        return any(finding.code == code for finding in self.record.findings)

    def set_contact(self, contact: Contact, note: str | None) -> bool:
        """Set how well the vendor can be reached; return whether that has changed."""
        if (self.record.contact, self.record.contact_note) == (contact, note):
            return False
        self.record = evolve(self.record, contact=contact, contact_note=note)
        return True

    def status(self) -> BatchStatus:
        """Return what users see."""
        return make_status(self.record, self._tickets)

    def _on_their_way(self, busy: set[int]) -> int:
        return sum(
            ticket.state in _AT_VENDOR
            or (ticket.state is BatchState.PENDING and ticket.position in busy)
            for ticket in self._tickets
        )

    def _is_to_end(self, ticket: TicketRecord) -> bool:
        return self.is_cancelled or self.previous_ended_unclean(ticket)

    def _may_go(self, ticket: TicketRecord) -> bool:
        return not ticket.waits_for_previous or self.ticket(ticket.position - 1).ended_clean

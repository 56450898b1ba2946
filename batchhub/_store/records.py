"""What the loop keeps of jobs and tickets, and how it becomes what users see."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve, field, frozen

from batchhub.models import BatchState, BatchStatus, Contact, Counts, Finding, Ticket
from batchhub.models.tickets import merge_findings

_ID_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # without characters that look alike
_ID_LENGTH: Final = 8


def make_job_id(now: datetime) -> str:
    """Make an id such as ``261122-k3f9x2ab``: the day in UTC, and 39 random bits."""
    return f"{now:%y%m%d}-" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))


@frozen(kw_only=True)
class TicketPlan:
    """
    A ticket that is still to be stored: which items of the job it has.

    Attributes:
        first_item: The position of its first item in the job, from 1.
        total: How many items it has.
    """

    first_item: int
    total: int


@frozen(kw_only=True)
class JobRecord:
    """
    A job as the store keeps it.

    Attributes:
        job_no: The store's own number; jobs of a lane are driven in its order.
        lane: The lane all its traffic goes through.
        key: The user's idempotency key, unique in the lane.
        fingerprint: SHA-256 over operation, options and items, in hex.
        deadline_s: Seconds after which it is overdue.
        retry_of: The job whose items it repeats.
        cancelled_at: When somebody asked to cancel it.
        ended_at: When its last ticket ended.
        claimed_at: When a consumer was given the event of its end.
        acknowledged_at: When that consumer had handled it.

    The other attributes are those of `BatchStatus`.
    """

    job_no: int
    job_id: str
    account: str
    lane: str
    adapter: str
    operation: str
    key: str | None
    fingerprint: str
    label: str | None
    options: Mapping[str, Any]
    stop_on_first_failure: bool
    deadline_s: float
    retry_of: str | None
    contact: Contact = Contact.OK
    contact_note: str | None = None
    findings: tuple[Finding, ...] = ()
    created_at: datetime
    updated_at: datetime
    observed_at: datetime | None = None
    cancelled_at: datetime | None = None
    ended_at: datetime | None = None
    claimed_at: datetime | None = None
    acknowledged_at: datetime | None = None


@frozen(kw_only=True)
class TicketRecord:
    """
    A ticket as the store keeps it.

    Attributes:
        job_no: Its job.
        position: Its place in the job, from 1.
        first_item: The position of its first item in the job, from 1.
        total: How many items it has.
        attempt_id: The attempt whose request was or is about to be sent; also the idempotency
            key. `None` while nothing was sent, or once it is certain that nothing ran.
        attempted_at: When that attempt was first stored.
        accepted_at: When the vendor took it.
        finished_as: The terminal state it is in at the vendor, once its results are to be fetched.
        finished_at: Since when it is.
        settling_since: Since when the vendor's word and counts disagree.

    The other attributes are those of `Ticket`.
    """

    job_no: int
    position: int
    first_item: int
    total: int
    state: BatchState = BatchState.PENDING
    waits_for_previous: bool = False
    attempt_id: str | None = None
    attempted_at: datetime | None = None
    accepted_at: datetime | None = None
    finished_as: BatchState | None = None
    finished_at: datetime | None = None
    settling_since: datetime | None = None
    vendor_refs: tuple[str, ...] = ()
    vendor_state: str | None = None
    vendor: Mapping[str, Any] = field(factory=dict)
    progress: float | None = None
    message: str | None = None
    findings: tuple[Finding, ...] = ()
    succeeded: int = 0
    failed: int = 0
    not_executed: int = 0
    unknown: int = 0

    @property
    def is_in_doubt(self) -> bool:
        """Whether a request may have been made for it whose answer nobody has."""
        return self.state is BatchState.PENDING and self.attempt_id is not None

    @property
    def ended_clean(self) -> bool:
        """Whether it completed and every item succeeded."""
        return self.state is BatchState.COMPLETED and self.succeeded == self.total

    @property
    def counts(self) -> Counts:
        """What came of its items."""
        settled = self.succeeded + self.failed + self.not_executed + self.unknown
        return Counts(
            succeeded=self.succeeded,
            failed=self.failed,
            not_executed=self.not_executed,
            unknown=self.unknown,
            pending=self.total - settled,
        )

    def with_counts(self, counts: Counts) -> TicketRecord:
        """Return it with what came of its items."""
        return evolve(
            self,
            succeeded=counts.succeeded,
            failed=counts.failed,
            not_executed=counts.not_executed,
            unknown=counts.unknown,
        )

    def with_findings(self, found: Iterable[Finding]) -> TicketRecord:
        """
        Return it with findings that say something new.

        A poll finds the same oddity again and again; the same code with the same examples is
        counted once.
        """
        known = {f.code: set(f.examples) for f in self.findings}
        fresh = [f for f in found if f.code not in known or set(f.examples) - known[f.code]]
        return evolve(self, findings=merge_findings((*self.findings, *fresh))) if fresh else self

    def public(self) -> Ticket:
        """Return it as users see it."""
        return Ticket(
            position=self.position,
            state=self.state,
            counts=self.counts,
            vendor_refs=self.vendor_refs,
            vendor_state=self.vendor_state,
            vendor=self.vendor,
            progress=self.progress,
            message=self.message,
            attempt_id=self.attempt_id,
            attempted_at=self.attempted_at,
            waits_for_previous=self.waits_for_previous,
        )


def make_status(job: JobRecord, tickets: Sequence[TicketRecord]) -> BatchStatus:
    """Put together what users see of a job."""
    return BatchStatus(
        job_id=job.job_id,
        account=job.account,
        adapter=job.adapter,
        operation=job.operation,
        label=job.label,
        contact=job.contact,
        contact_note=job.contact_note,
        tickets=tuple(ticket.public() for ticket in tickets),
        findings=_all_findings(job, tickets),
        created_at=job.created_at,
        updated_at=job.updated_at,
        observed_at=job.observed_at,
    )


def _all_findings(job: JobRecord, tickets: Iterable[TicketRecord]) -> tuple[Finding, ...]:
    found = list(job.findings)
    for ticket in tickets:
        found.extend(ticket.findings)
    return tuple(found)

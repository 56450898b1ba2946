"""What the loop keeps of jobs and tickets, and how it becomes what users see."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from attrs import evolve, fields, frozen

from batchhub.models import BatchState, BatchStatus, Contact, Counts, Finding, Ticket
from batchhub.models.fold import Part, Tally, count_done
from batchhub.models.tickets import add_findings, merge_findings

_ID_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # without characters that look alike
_ID_LENGTH: Final = 8

NO_FIELDS: Final[Mapping[str, Any]] = {}
"""
What nearly every ticket has of other fields of the vendor: nothing.

One for all, for there may be many of them; so it is never changed, nor given away.
"""


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
        targets: Hashes of what its items change, 8 bytes each, in their order, zeros for an item
            without a target; empty if no item has one, `None` if nobody knows.
    """

    first_item: int
    total: int
    targets: bytes | None = None


@frozen(kw_only=True, weakref_slot=False)  # there may be 100,000
class JobRecord:
    """
    A job as the store keeps it.

    Attributes:
        job_no: The store's own number.
        place: Where it stands in its lane, given by the store; `None` before that.
        ahead: Whether it may pass older jobs.
        lane: The lane all its traffic goes through.
        key: The user's idempotency key, unique in the lane.
        fingerprint: SHA-256 over operation, options and items, in hex.
        deadline_s: Seconds after which it is overdue.
        retry_of: The job whose items it repeats.
        cancelled_at: When somebody asked to cancel it.
        ended_at: When its last ticket ended.

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
    place: int | None = None
    ahead: bool = False
    contact: Contact = Contact.OK
    contact_note: str | None = None
    findings: tuple[Finding, ...] = ()
    created_at: datetime
    updated_at: datetime
    observed_at: datetime | None = None
    cancelled_at: datetime | None = None
    ended_at: datetime | None = None


@frozen(kw_only=True, weakref_slot=False)  # there may be 100,000
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
        attempted_at: When that attempt was about to be sent for the first time.
        attempted_boot: In which boot of the machine that was.
        attempted_boot_s: At how many seconds since that boot.
        sends: How often it was sent under this attempt, or was about to be; 0 while only requests
            without an effect went out.
        kept: What its submit keeps between two requests.
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
    attempted_boot: str | None = None
    attempted_boot_s: float | None = None
    sends: int = 0
    kept: Mapping[str, str] = NO_FIELDS
    accepted_at: datetime | None = None
    finished_as: BatchState | None = None
    finished_at: datetime | None = None
    settling_since: datetime | None = None
    vendor_refs: tuple[str, ...] = ()
    vendor_state: str | None = None
    vendor: Mapping[str, Any] = NO_FIELDS
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
        return self.state is BatchState.PENDING and self.attempt_id is not None and self.sends > 0

    @property
    def ended_clean(self) -> bool:
        """Whether it completed and every item succeeded."""
        return self.state is BatchState.COMPLETED and self.succeeded == self.total

    @property
    def counts(self) -> Counts:
        """What came of its items."""
        return Counts.of_total(
            self.total,
            succeeded=self.succeeded,
            failed=self.failed,
            not_executed=self.not_executed,
            unknown=self.unknown,
        )

    @property
    def part(self) -> Part:
        """What it adds to the tally of its job."""
        return Part(
            state=self.state,
            total=self.total,
            succeeded=self.succeeded,
            failed=self.failed,
            not_executed=self.not_executed,
            unknown=self.unknown,
            done=count_done(self.state, self.total, self.progress),
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

    def with_figures(
        self, *, vendor_state: str | None, vendor: Mapping[str, Any], progress: float | None
    ) -> TicketRecord:
        """Return it with what most polls change, and nothing else does."""
        if vendor == self.vendor:
            if progress == self.progress and vendor_state == self.vendor_state:
                return self
            vendor = self.vendor  # each poll makes its own
        # Straight into its slots: there is one for each poll, and `evolve` takes twice as long.
        changed = TicketRecord.__new__(TicketRecord)
        for fill, value in zip(FILLERS, VALUES(self), strict=True):
            fill(changed, value)
        for fill, value in zip(_fill_figures, (vendor_state, vendor, progress), strict=True):
            fill(changed, value)
        return changed

    def public(self) -> Ticket:
        """Return it as users see it."""
        return Ticket(
            position=self.position,
            state=self.state,
            counts=self.counts,
            vendor_refs=self.vendor_refs,
            vendor_state=self.vendor_state,
            vendor=self.vendor or {},
            progress=self.progress,
            message=self.message,
            attempt_id=self.attempt_id,
            attempted_at=self.attempted_at,
            waits_for_previous=self.waits_for_previous,
        )


NAMES: Final = tuple(field.name for field in fields(TicketRecord))
"""The fields of a ticket's record, in order …"""

VALUES: Final = attrgetter(*NAMES)
"""… what returns the values of them all …"""

FILLERS: Final = tuple(getattr(TicketRecord, name).__set__ for name in NAMES)
"""… and what fills each of them into a new record."""

_fill_figures: Final = tuple(
    FILLERS[NAMES.index(name)] for name in ("vendor_state", "vendor", "progress")
)
_counted: Final = attrgetter("state", "succeeded", "failed", "not_executed", "unknown", "findings")


@frozen(kw_only=True, weakref_slot=False)  # there may be 100,000
class Summary:
    """
    What follows from the tickets of a job, kept up with each of them: a job may have 100,000.

    Attributes:
        tally: The numbers.
        findings: The tickets' findings, one per code.
    """

    tally: Tally
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, job: JobRecord, tickets: Iterable[TicketRecord]) -> Summary:
        """Work it out from all tickets of a job."""
        found = list(tickets)
        return cls(
            tally=Tally.of((ticket.part for ticket in found), stops=job.stop_on_first_failure),
            findings=merge_findings(each for ticket in found for each in ticket.findings),
        ).of_job(job)

    def of_job(self, job: JobRecord) -> Summary:
        """Return it with what follows from the job's own findings."""
        tally = self.tally.of_job(job.findings)
        return self if tally is self.tally else evolve(self, tally=tally)

    def change(self, before: TicketRecord, after: TicketRecord) -> Summary:
        """Return it with a ticket that has changed."""
        if _counted(before) == _counted(after):
            tally = self.tally.add_done(
                count_done(before.state, before.total, before.progress),
                count_done(after.state, after.total, after.progress),
            )
            return self if tally is self.tally else Summary(tally=tally, findings=self.findings)
        tally = self.tally.change(before.part, after.part)
        findings = add_findings(self.findings, before.findings, after.findings)
        if tally is self.tally and findings is self.findings:
            return self
        return Summary(tally=tally, findings=findings)


def make_status(job: JobRecord, summary: Summary, tickets: Sequence[Ticket] = ()) -> BatchStatus:
    """
    Put together what users see of a job.

    Args:
        job: The job.
        summary: What follows from its tickets.
        tickets: The tickets, if they are to be seen one by one.
    """
    summary = summary.of_job(job)
    return BatchStatus(
        job_id=job.job_id,
        account=job.account,
        adapter=job.adapter,
        operation=job.operation,
        key=job.key,
        label=job.label,
        retry_of=job.retry_of,
        contact=job.contact,
        contact_note=job.contact_note,
        tickets=tickets,
        findings=(*job.findings, *summary.findings),
        created_at=job.created_at,
        updated_at=job.updated_at,
        observed_at=job.observed_at,
        tally=summary.tally,
    )

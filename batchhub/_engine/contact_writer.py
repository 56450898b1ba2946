"""A lane's contact, put on the status of its jobs and saved for other processes."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub._base.log import get_logger
from batchhub.errors import AdapterError, BatchHubError, StoreError
from batchhub.models import Contact, Finding

from .change import Step
from .contact import LaneContact
from .job_state import JobState
from .lane_context import LaneContext
from .lane_jobs import LaneJobs

_log = get_logger()


class ContactWriter:
    """
    Has each job's status say how well the vendor can be reached.

    Args:
        context: The lane.
        contact: Works it out.
        jobs: The lane's jobs.
    """

    def __init__(self, context: LaneContext, contact: LaneContact, jobs: LaneJobs) -> None:
        self._context = context
        self._contact = contact
        self._jobs = jobs
        self._saved: tuple[Contact, str | None] | None = None
        self._unsaved: set[int] = set()
        self._faults: list[JobState] = []

    async def note_step(self, job: JobState, step: Step) -> None:
        """Take in what a step came to, and save what that changes."""
        if step.trouble is None and self._is_well_known(job):
            return  # as nearly all of them
        if isinstance(step.trouble, StoreError):
            self.note_store(step.trouble)
        self._contact.note_step(job.job_no, step)
        if isinstance(step.trouble, AdapterError) and step.trouble is self._contact.error:
            await self.note_finding(job, _adapter_error(step.trouble))
        await self._save_with(job)

    def _is_well_known(self, job: JobState) -> bool:
        """Whether nothing is wrong, and a job's status says so already, here and in the store."""
        return (
            self._contact.is_well
            and self._saved is None
            and not self._unsaved
            and job.contact is Contact.OK
        )

    def note_store(self, error: StoreError | None) -> None:
        """Take in whether the store can be used."""
        if not self._contact.note_store(error):
            return
        for job in self._jobs:
            if job.set_contact(*self._contact.of_job(job.job_no)):
                self._context.announce(job.job_id)

    def note_fault(self, job: JobState, error: BaseException) -> None:
        """Take note of an error that is nobody's but this job's."""
        if not isinstance(error, BatchHubError):
            error = self._context.adapter.faults.blame(error)
        step = Step(delay_s=None, trouble=error, answered=False)
        self._contact.note_step(job.job_no, step)
        if isinstance(error, AdapterError) and error is self._contact.error:
            job.add_new_findings([_adapter_error(error)])
        if job.set_contact(*self._contact.of_job(job.job_no)):
            _log.error("job.failed", job_id=job.job_id, lane=self._context.lane, error=str(error))
            self._unsaved.add(job.job_no)
            self._context.announce(job.job_id)
        self._faults.append(job)

    async def save_faults(self) -> None:
        """Save what `note_fault` took note of."""
        faults, self._faults = self._faults, []
        for job in faults:
            if isinstance(self._contact.error, AdapterError):
                await self.note_finding(job, _adapter_error(self._contact.error))
            await self._save_with(job)

    async def note_finding(self, job: JobState, finding: Finding) -> None:
        """Put on a job's status what a reader must know of its adapter, and save it."""
        job.add_new_findings([finding])
        store, hold = self._context.store, self._context.hold.row
        try:
            await store.tickets.save([(job.record, ())], hold)
        except StoreError as failure:
            self.note_store(failure)

    async def _save_with(self, job: JobState) -> None:
        """Save a job's contact, and that of all others if it is the lane's that changed."""
        everywhere = self._contact.of_lane()
        jobs = [job] if everywhere == self._saved else list(self._jobs)
        self._saved = everywhere
        await self._save(jobs)

    async def _save(self, jobs: Iterable[JobState]) -> None:
        """Save changed contacts: a process that only reads the store has no other way to know."""
        changed: dict[tuple[Contact, str | None], list[int]] = {}
        for job in jobs:
            contact = self._contact.of_job(job.job_no)
            if job.set_contact(*contact) or job.job_no in self._unsaved:
                changed.setdefault(contact, []).append(job.job_no)
                self._context.announce(job.job_id)
        store, lane = self._context.store, self._context.lane
        for (kind, note), job_nos in changed.items():
            _log.info("lane.contact_changed", lane=lane, contact=kind.value, note=note)
            try:
                await store.jobs.save_contact(job_nos, kind, note, self._context.hold.row)
            except StoreError as error:
                self._unsaved.update(job_nos)
                self.note_store(error)
            else:
                if self._unsaved:
                    # The store can be written again: what was said of it no longer holds.
                    self._unsaved.difference_update(job_nos)
                    self.note_store(None)


def _adapter_error(error: AdapterError) -> Finding:
    message = "the adapter fails each time; nothing more is asked for a while"
    return Finding(code="adapter_error", message=message, examples=(str(error),))

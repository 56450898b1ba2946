"""A lane: all traffic of one account, driven by one process at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import JobRecord, Store, TicketRecord
from batchhub.adapter import Adapter
from batchhub.errors import CredentialsError, StoreError
from batchhub.models import BatchState, BatchStatus, Contact

from .change import Step
from .contact import LaneContact
from .job_state import JobState
from .lane_context import LaneContext
from .schedule import Schedule
from .ticket_step import TicketStep

MAX_STEPS: Final = 8
"""How many requests of a lane may be under way at once."""

SYNC_S: Final = 1.0
"""Seconds between two looks at what other processes put into the store."""

SAVE_S: Final = 5.0
"""Seconds between two times at which progress is saved; state changes are saved at once."""

_CLOSING_S: Final = 5.0
"""Seconds that requests with an effect get to end when driving is cancelled."""

_log = get_logger()


class Lane:
    """
    Drives every unfinished job of one account, step by step.

    Attributes:
        name: The lane's name: the adapter's and the account's identity.
    """

    def __init__(
        self,
        *,
        name: str,
        adapter: Adapter[Any],
        store: Store,
        clock: Clock,
        rng: random.Random,
        on_change: Callable[[str], None],
    ) -> None:
        self.name = name
        self.adapter = adapter
        self._store = store
        self._clock = clock
        self._rng = rng
        self._on_change = on_change
        context = LaneContext(
            adapter=adapter,
            store=store,
            clock=clock,
            rng=rng,
            on_store_trouble=self._note_store,
        )
        self._ticket_step = TicketStep(context)
        self._contact = LaneContact(name)
        self._schedule = Schedule(clock)
        self._jobs: dict[int, JobState] = {}
        self._job_nos: dict[str, int] = {}
        self._last_job_no = 0
        self._dirty: set[int] = set()
        self._steps: dict[asyncio.Task[None], tuple[int, int]] = {}
        self._fault: BaseException | None = None
        self._wake = asyncio.Event()
        self._poked = True
        self._synced_at_s = float("-inf")
        self._saved_at_s = float("-inf")
        self._sync_failed = False
        self._version = 0
        self._saved_contact: tuple[Contact, str | None] | None = None
        self._unsaved_contacts: set[int] = set()

    @property
    def error(self) -> CredentialsError | None:
        """The refused credentials that stopped it; `None` while it may send."""
        return self._contact.error

    @property
    def cooling_until(self) -> datetime | None:
        """Until when the vendor asked for silence; `None` outside a cool-down."""
        return self.adapter.transport.cooled_until

    def poke(self) -> None:
        """Say that the store has something new for this lane."""
        self._poked = True
        self._wake.set()

    def find_status(self, job_id: str) -> BatchStatus | None:
        """Return what this lane knows of a job it drives; `None` if it does not drive it."""
        job_no = self._job_nos.get(job_id)
        job = None if job_no is None else self._jobs.get(job_no)
        return None if job is None else job.status()

    async def drive(self) -> None:
        """
        Drive until every job of the lane has ended, is held, or can't go on.

        Raises:
            StoreError: The store could not be read when driving began.
        """
        self._begin()
        patience_s: float | None = None
        try:
            while self.error is None:
                await self._sync()
                await self._save_progress()
                if self._fault is not None:
                    raise self._fault
                if self.error is not None:
                    return  # a step found out while the store was looked at
                self._schedule_dirty()
                self._start_steps()
                if not self._steps and self._schedule.is_empty and not self._poked:
                    return
                await self._rest()
        except asyncio.CancelledError:
            patience_s = _CLOSING_S
            raise
        finally:
            # Progress that is not saved yet is lost here, and nothing else: states are saved
            # as they change, and the next driver polls every open ticket anyway.
            await self._finish_steps(patience_s)

    def _begin(self) -> None:
        """Forget what an earlier drive knew: another process may have driven since."""
        self._jobs.clear()
        self._job_nos.clear()
        self._schedule.clear()
        self._dirty.clear()
        self._fault = None
        self._last_job_no = 0
        self._poked = True

    # What the store has.

    async def _sync(self) -> None:
        """Take over what is new in the store: jobs, and requests to cancel."""
        now_s = self._clock.monotonic()
        if not self._poked and now_s - self._synced_at_s < SYNC_S:
            return
        self._synced_at_s = now_s
        try:
            if self._poked or await self._others_wrote():
                self._poked = False
                await self._load()
        except StoreError as error:
            if not self._jobs:
                raise
            self._poked = self._sync_failed = True
            self._note_store(error)
        else:
            if self._sync_failed:
                self._sync_failed = False
                self._note_store(None)

    async def _save_progress(self) -> None:
        """Let other processes see how far the tickets are, all of the lane in one transaction."""
        now_s = self._clock.monotonic()
        if now_s - self._saved_at_s < SAVE_S:
            return
        self._saved_at_s = now_s
        changed = [(job.record, job.take_unsaved()) for job in self._jobs.values() if job.unsaved]
        if not changed:
            return
        try:
            await self._store.save_tickets(changed)
        except StoreError as error:  # only figures, and the next ones come soon
            self._note_store(error)
        else:
            if not self._sync_failed:
                self._note_store(None)

    async def _others_wrote(self) -> bool:
        if self._store.path is None:
            return False
        before, self._version = self._version, await self._store.foreign_version()
        return before != self._version

    async def _load(self) -> None:
        for record, tickets in await self._store.find_open(self.name, after=self._last_job_no):
            self._last_job_no = record.job_no
            if record.operation in self.adapter.operations:
                self._take(record, tickets)
            else:
                await self._skip(record)
        for job in [job for job in self._jobs.values() if job.find_in_doubt()]:
            await self._look_for_evidence(job)
        for job_no, cancelled_at in (await self._store.find_cancelled(self.name)).items():
            found = self._jobs.get(job_no)
            if found is not None and not found.is_cancelled:
                found.mark_cancelled(cancelled_at)
                self._dirty.add(job_no)
                self._hurry(found)

    def _take(self, record: JobRecord, tickets: Iterable[TicketRecord]) -> None:
        self._jobs[record.job_no] = JobState(record, list(tickets))
        self._job_nos[record.job_id] = record.job_no
        self._dirty.add(record.job_no)

    async def _skip(self, record: JobRecord) -> None:
        """Leave a job that an adapter of another version was given, and say why."""
        note = f"adapter {self.adapter.name!r} has no operation {record.operation!r} any more"
        _log.error(
            "lane.job_skipped",
            job_id=record.job_id,
            account=record.account,
            lane=self.name,
            note=note,
        )
        await self._store.save_contact([record.job_no], Contact.STALE, note)

    async def _look_for_evidence(self, job: JobState) -> None:
        """Load answers that another process stored after it was resumed."""
        in_doubt = job.find_in_doubt()
        for ticket in await self._store.get_tickets(job.record.job_no):
            if ticket.position in in_doubt and ticket.vendor_refs:
                job.replace(ticket)
                self._dirty.add(job.record.job_no)
                self._on_change(job.record.job_id)

    # What is due.

    def _schedule_dirty(self) -> None:
        """Give every ticket that needs a step a time; only jobs that changed are looked at."""
        while self._dirty:
            job_no = self._dirty.pop()
            job = self._jobs.get(job_no)
            if job is None:
                continue
            capabilities = self.adapter.capabilities(job.record.operation)
            scheduled = self._schedule.positions(job_no)
            for position in list(job.find_due(capabilities.tickets_per_job, scheduled)):
                delay_s = 0.0
                if job.ticket(position).state is not BatchState.PENDING and not job.is_cancelled:
                    # A fresh start: spread what is at the vendor over one interval.
                    delay_s = self._rng.random() * capabilities.poll_s
                self._schedule.add(job_no, position, delay_s)

    def _hurry(self, job: JobState) -> None:
        """
        Bring the next steps of a cancelled job forward to now, and call off what waits to be sent.

        A ticket may wait minutes for its turn or its next poll. Nothing is called off whose
        request, with an effect, is under way: its answer would be lost.
        """
        job_no = job.record.job_no
        for task, (other, position) in self._steps.items():
            if other != job_no or position in job.sending:
                continue
            if job.ticket(position).state is BatchState.PENDING:
                task.cancel()
        self._schedule.hurry(job_no)

    def _start_steps(self) -> None:
        while len(self._steps) < MAX_STEPS and (due := self._schedule.take_due()):
            job_no, position = due
            job = self._jobs.get(job_no)
            if job is None:
                continue
            task = asyncio.create_task(self._step(job, position), name=f"batchhub-{self.name}")
            self._steps[task] = due
            task.add_done_callback(self._step_done)

    async def _step(self, job: JobState, position: int) -> None:
        was_cancelled, job_no = job.is_cancelled, job.record.job_no
        step = await self._ticket_step.step(job, position)
        if job_no not in self._jobs:
            return  # another step has ended the job
        self._dirty.add(job_no)
        self._schedule.done(job_no, position)
        if step.delay_s is not None:
            # Cancelled while the step was under way: its delay was chosen without knowing that.
            hurries = job.is_cancelled and not was_cancelled
            self._schedule.add(job_no, position, 0.0 if hurries else step.delay_s)
        await self._note_contact(job, step)
        self._on_change(job.record.job_id)
        if job.has_ended and self._jobs.pop(job_no, None) is not None:
            self._schedule.remove_job(job_no)
            self._contact.forget(job_no)
            self._job_nos.pop(job.record.job_id, None)

    def _step_done(self, task: asyncio.Task[None]) -> None:
        job_no, position = self._steps.pop(task)
        self._wake.set()
        if task.cancelled():
            self._schedule.done(job_no, position)
            self._dirty.add(job_no)
        else:
            self._fault = self._fault or task.exception()

    async def _rest(self) -> None:
        """Wait for the next step that is due, a step that ends, a poke, or the next look."""
        self._wake.clear()
        if self._poked and not self._sync_failed:
            return
        has_room = len(self._steps) < MAX_STEPS
        delay_s = self._schedule.delay_s(SYNC_S) if has_room else SYNC_S
        waits = {
            asyncio.ensure_future(self._clock.sleep(delay_s)),
            asyncio.ensure_future(self._wake.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _finish_steps(self, patience_s: float | None) -> None:
        """Let requests with an effect come to their end, so that their tickets are known."""
        for task, (job_no, position) in list(self._steps.items()):
            job = self._jobs.get(job_no)
            if job is None or position not in job.sending:
                task.cancel()
        if self._steps:
            await asyncio.wait(list(self._steps), timeout=patience_s)
        for task in list(self._steps):
            task.cancel()
        if self._steps:
            await asyncio.wait(list(self._steps))

    # How well the vendor can be reached.

    async def _note_contact(self, job: JobState, step: Step) -> None:
        if isinstance(step.trouble, StoreError):
            self._note_store(step.trouble)
        self._contact.note_step(job.record.job_no, step)
        everywhere = self._contact.of_lane()
        jobs = [job] if everywhere == self._saved_contact else list(self._jobs.values())
        self._saved_contact = everywhere
        await self._save_contact(jobs)

    def _note_store(self, error: StoreError | None) -> None:
        if not self._contact.note_store(error):
            return
        for job in self._jobs.values():
            if job.set_contact(*self._contact.of_job(job.record.job_no)):
                self._on_change(job.record.job_id)

    async def _save_contact(self, jobs: Iterable[JobState]) -> None:
        """Save changed contacts: a process that only reads the store has no other way to know."""
        changed: dict[tuple[Contact, str | None], list[int]] = {}
        for job in jobs:
            job_no = job.record.job_no
            contact = self._contact.of_job(job_no)
            if job.set_contact(*contact) or job_no in self._unsaved_contacts:
                changed.setdefault(contact, []).append(job_no)
                self._on_change(job.record.job_id)
        for (kind, note), job_nos in changed.items():
            _log.info("lane.contact_changed", lane=self.name, contact=kind.value, note=note)
            try:
                await self._store.save_contact(job_nos, kind, note)
            except StoreError as error:
                self._unsaved_contacts.update(job_nos)
                self._note_store(error)
            else:
                if self._unsaved_contacts:
                    # The store can be written again: what was said of it no longer holds.
                    self._unsaved_contacts.difference_update(job_nos)
                    self._note_store(None)

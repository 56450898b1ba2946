"""A lane: all traffic of one account, driven by one process at a time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store
from batchhub.adapter import Adapter
from batchhub.errors import (
    BatchHubError,
    ConnectError,
    ContactError,
    CredentialsError,
    RateLimitedError,
    StoreError,
)
from batchhub.models import BatchState, BatchStatus, Contact

from .job_state import JobState
from .lane_context import LaneContext, Step
from .ticket_step import TicketDriver

MAX_STEPS: Final = 8
"""How many requests of a lane may be under way at once."""

SYNC_S: Final = 1.0
"""Seconds between two looks at what other processes put into the store."""

SAVE_S: Final = 5.0
"""Seconds between two times at which progress is kept; what is more than figures is at once."""

_SILENCES_UNTIL_UNREACHABLE: Final = 3
_CLOSING_S: Final = 5.0

_log = get_logger()


class Lane:
    """
    Drives every unfinished job of one account, step by step.

    Attributes:
        name: The lane's name: the adapter's and the account's identity.
        error: The refused credentials that stopped it; `None` while it may send.
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
        self.error: CredentialsError | None = None
        self._store = store
        self._clock = clock
        self._rng = rng
        self._on_change = on_change
        tools = LaneContext(
            adapter=adapter,
            store=store,
            clock=clock,
            rng=rng,
            on_store_trouble=self._note_store,
        )
        self._driver = TicketDriver(tools)
        self._runs: dict[int, JobState] = {}
        self._job_nos: dict[str, int] = {}
        self._last_job_no = 0
        self._heap: list[tuple[float, int, int, int]] = []
        self._scheduled: dict[int, set[int]] = {}
        self._dirty: set[int] = set()
        self._numbers = itertools.count()
        self._steps: dict[asyncio.Task[None], tuple[int, int]] = {}
        self._fault: BaseException | None = None
        self._wake = asyncio.Event()
        self._poked = True
        self._synced_at_s = float("-inf")
        self._saved_at_s = float("-inf")
        self._sync_failed = False
        self._version = 0
        self._silences = 0
        self._notes: dict[int, str] = {}
        self._silence_note: tuple[Contact, str] | None = None
        self._store_note: str | None = None
        self._told_contact: tuple[Contact, str | None] | None = None
        self._unsaved: set[int] = set()

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
        run = None if job_no is None else self._runs.get(job_no)
        return None if run is None else run.status()

    async def drive(self) -> None:
        """
        Drive until every job of the lane has ended, is held, or can't go on.

        Raises:
            StoreError: The store could not be read when driving began.
        """
        self._runs.clear()
        self._job_nos.clear()
        self._scheduled.clear()
        self._dirty.clear()
        self._heap.clear()
        self._fault = None
        self._last_job_no = 0
        self._poked = True
        patience_s: float | None = None
        try:
            while self.error is None:
                await self._sync()
                await self._save_progress()
                if self._fault is not None:
                    raise self._fault
                self._schedule()
                self._start_steps()
                if not self._steps and not self._heap and not self._poked:
                    return
                await self._rest()
        except asyncio.CancelledError:
            patience_s = _CLOSING_S
            raise
        finally:
            await self._finish_steps(patience_s)

    # What is to be done.

    async def _sync(self) -> None:
        """Take over what is new in the store: jobs, and wishes to cancel."""
        now_s = self._clock.monotonic()
        if not self._poked and now_s - self._synced_at_s < SYNC_S:
            return
        self._synced_at_s = now_s
        try:
            if self._poked or await self._others_wrote():
                self._poked = False
                await self._load()
        except StoreError as error:
            if not self._runs:
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
        changed = [(run.job, run.take_unsaved()) for run in self._runs.values() if run.unsaved]
        if changed:
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
        for job, tickets in await self._store.find_open(self.name, after=self._last_job_no):
            self._last_job_no = job.job_no
            if job.operation not in self.adapter.operations:
                note = f"adapter {self.adapter.name!r} has no operation {job.operation!r} any more"
                _log.error(
                    "lane.job_skipped",
                    job_id=job.job_id,
                    account=job.account,
                    lane=self.name,
                    note=note,
                )
                await self._store.save_contact([job.job_no], Contact.STALE, note)
                continue
            self._runs[job.job_no] = JobState(job, tickets)
            self._job_nos[job.job_id] = job.job_no
            self._scheduled[job.job_no] = set()
            self._dirty.add(job.job_no)
        for doubtful in [run for run in self._runs.values() if run.find_doubtful()]:
            await self._look_for_evidence(doubtful)
        for job_no, cancelled_at in (await self._store.find_cancelled(self.name)).items():
            run = self._runs.get(job_no)
            if run is not None and not run.is_cancelled:
                run.mark_cancelled(cancelled_at)
                self._dirty.add(job_no)
                self._hurry(run)

    async def _look_for_evidence(self, run: JobState) -> None:
        """Take over what another process, stopped while it sent a ticket, learned of it late."""
        doubtful = run.find_doubtful()
        for ticket in await self._store.get_tickets(run.job.job_no):
            if ticket.position in doubtful and ticket.vendor_refs:
                run.put(ticket)
                self._dirty.add(run.job.job_no)
                self._on_change(run.job.job_id)

    def _schedule(self) -> None:
        """Give every ticket that needs a step a time; only jobs that changed are looked at."""
        while self._dirty:
            job_no = self._dirty.pop()
            run = self._runs.get(job_no)
            if run is None:
                continue
            capabilities = self.adapter.capabilities(run.job.operation)
            scheduled = self._scheduled[job_no]
            for position in list(run.find_due(capabilities.tickets_per_job, scheduled)):
                delay_s = 0.0
                if run.ticket(position).state is not BatchState.PENDING and not run.is_cancelled:
                    # A fresh start: spread what is at the vendor over one interval.
                    delay_s = self._rng.random() * capabilities.poll_s
                self._push(job_no, position, delay_s)

    def _push(self, job_no: int, position: int, delay_s: float) -> None:
        self._scheduled[job_no].add(position)
        due_s = self._clock.monotonic() + delay_s
        heapq.heappush(self._heap, (due_s, next(self._numbers), job_no, position))

    def _hurry(self, run: JobState) -> None:
        """Bring the next steps of a job forward to now; call off what waits to be sent."""
        now_s, job_no = self._clock.monotonic(), run.job.job_no
        for task, (other, position) in self._steps.items():
            is_waiting = (
                run.ticket(position).state is BatchState.PENDING if other == job_no else False
            )
            if is_waiting and position not in run.sending:
                task.cancel()
        self._heap = [
            (now_s if entry[2] == job_no else entry[0], *entry[1:]) for entry in self._heap
        ]
        heapq.heapify(self._heap)

    # Doing it.

    def _start_steps(self) -> None:
        now_s = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now_s and len(self._steps) < MAX_STEPS:
            _, _, job_no, position = heapq.heappop(self._heap)
            run = self._runs.get(job_no)
            if run is None:
                continue
            task = asyncio.create_task(self._step(run, position), name=f"batchhub-{self.name}")
            self._steps[task] = (job_no, position)
            task.add_done_callback(self._step_done)

    async def _step(self, run: JobState, position: int) -> None:
        was_cancelled = run.is_cancelled
        step = await self._driver.step(run, position)
        job_no = run.job.job_no
        if job_no not in self._runs:
            return  # another step has ended the job
        self._dirty.add(job_no)
        self._scheduled[job_no].discard(position)
        if step.delay_s is not None:
            hurries = run.is_cancelled and not was_cancelled
            self._push(job_no, position, 0.0 if hurries else step.delay_s)
        await self._note_contact(run, step)
        self._on_change(run.job.job_id)
        if run.has_ended and self._runs.pop(job_no, None) is not None:
            del self._scheduled[job_no]
            self._notes.pop(job_no, None)

    def _step_done(self, task: asyncio.Task[None]) -> None:
        job_no, position = self._steps.pop(task)
        self._wake.set()
        if task.cancelled():
            self._scheduled.get(job_no, set()).discard(position)
            self._dirty.add(job_no)
        else:
            self._fault = self._fault or task.exception()

    async def _rest(self) -> None:
        """Wait for the next step that is due, a step that ends, a poke, or the next look."""
        self._wake.clear()
        if self._poked and not self._sync_failed:
            return
        delay_s = SYNC_S
        if self._heap and len(self._steps) < MAX_STEPS:
            delay_s = min(delay_s, self._heap[0][0] - self._clock.monotonic())
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
            run = self._runs.get(job_no)
            if run is None or position not in run.sending:
                task.cancel()
        if self._steps:
            await asyncio.wait(list(self._steps), timeout=patience_s)
        for task in list(self._steps):
            task.cancel()
        if self._steps:
            await asyncio.wait(list(self._steps))

    # How well the vendor is heard.

    async def _note_contact(self, run: JobState, step: Step) -> None:
        trouble = step.trouble
        if isinstance(trouble, CredentialsError) and self.error is None:
            self.error = trouble
            _log.error("lane.paused", lane=self.name, error=str(trouble))
        elif isinstance(trouble, StoreError):
            self._note_store(trouble)
        elif isinstance(trouble, ContactError):
            self._silences += 1
            gone = isinstance(trouble, ConnectError)
            gone = gone or self._silences >= _SILENCES_UNTIL_UNREACHABLE
            self._silence_note = (Contact.UNREACHABLE if gone else Contact.STALE, str(trouble))
        elif trouble is not None and not isinstance(trouble, RateLimitedError):
            self._notes[run.job.job_no] = str(trouble)
        if step.answered or (trouble is not None and not _is_silence(trouble)):
            self._silences, self._silence_note = 0, None
        if step.answered:
            self._notes.pop(run.job.job_no, None)
        everywhere = self._lane_contact()
        runs = [run] if everywhere == self._told_contact else list(self._runs.values())
        self._told_contact = everywhere
        await self._save_contact(runs)

    def _note_store(self, error: StoreError | None) -> None:
        note = None if error is None else str(error)
        if note == self._store_note:
            return
        self._store_note = note
        for run in self._runs.values():
            if run.set_contact(*self._contact_of(run)):
                self._on_change(run.job.job_id)

    def _lane_contact(self) -> tuple[Contact, str | None] | None:
        """Return what holds for all jobs of the lane; `None` where each has its own."""
        if self.error is not None:
            return Contact.PAUSED, str(self.error)
        if self._store_note is not None:
            return Contact.PAUSED, self._store_note
        return self._silence_note

    def _contact_of(self, run: JobState) -> tuple[Contact, str | None]:
        everywhere = self._lane_contact()
        if everywhere is not None:
            return everywhere
        note = self._notes.get(run.job.job_no)
        return (Contact.OK, None) if note is None else (Contact.STALE, note)

    async def _save_contact(self, runs: Iterable[JobState]) -> None:
        changed: dict[tuple[Contact, str | None], list[int]] = {}
        for run in runs:
            contact = self._contact_of(run)
            if run.set_contact(*contact) or run.job.job_no in self._unsaved:
                changed.setdefault(contact, []).append(run.job.job_no)
                self._on_change(run.job.job_id)
        for (kind, note), job_nos in changed.items():
            _log.info("lane.contact_changed", lane=self.name, contact=kind.value, note=note)
            try:
                await self._store.save_contact(job_nos, kind, note)
            except StoreError as error:
                self._unsaved.update(job_nos)
                self._note_store(error)
            else:
                if self._unsaved:
                    # The store can be written again: what was said of it is no longer true.
                    self._unsaved.difference_update(job_nos)
                    self._note_store(None)


def _is_silence(trouble: BatchHubError) -> bool:
    return isinstance(trouble, ContactError | StoreError)

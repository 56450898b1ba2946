"""A lane: all traffic of one account, driven by one process at a time."""

from __future__ import annotations

import asyncio
import random
from contextlib import nullcontext
from datetime import datetime
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.measures import AdapterMeasures
from batchhub._store import Store, Traffic
from batchhub.errors import AdapterError, CredentialsError, StoreError
from batchhub.models import BatchState, BatchStatus
from batchhub.polling import PollRule

from .adoptions import Adoption, Adoptions, lost
from .alarm import Alarm
from .ask_order import AskOrder
from .contact import LaneContact
from .contact_writer import ContactWriter
from .errands import STORE_RETRY_S, Errands
from .figures import Figures
from .guarded import GuardedAdapter
from .job_state import JobState
from .lane_context import LaneContext
from .lane_hold import LaneHold
from .lane_jobs import LaneJobs
from .order import SendOrder
from .pushes import PushedPolls
from .running_steps import RunningSteps
from .schedule import Schedule
from .verb_calls import VerbCall
from .waiters import Announce

_LONG_S: Final = 3600.0
"""Seconds that a lane rests at most; it is woken by whatever happens."""

CLOSING_S: Final = 5.0
"""Seconds that requests with an effect get to end when driving is cancelled."""


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
        adapter: GuardedAdapter,
        store: Store,
        clock: Clock,
        rng: random.Random,
        announce: Announce,
        figures: Figures,
        measures: AdapterMeasures,
        rule: PollRule,
    ) -> None:
        self.name = name
        self.adapter = adapter
        self._store = store
        self._clock = clock
        self._rng = rng
        self._figures = figures
        context = self._context = LaneContext(
            adapter=adapter,
            store=store,
            clock=clock,
            rng=rng,
            figures=figures,
            measures=measures,
            announce=announce,
            rule=rule,
            # What these two ask is made below, from the context.
            moments=lambda: self._jobs.moments(),  # noqa: PLW0108
            on_store_trouble=lambda error: self._contacts.note_store(error),  # noqa: PLW0108
        )
        self._contact = LaneContact(name)
        self._order = SendOrder(context)
        self._jobs = LaneJobs(context, self._order)
        self._schedule = Schedule(
            clock,
            self._jobs.get,
            is_poll=lambda job, position: self._steps.is_poll(job, position),  # noqa: PLW0108
            lateness=measures.lateness,
        )
        self._ask_order = AskOrder(context, self._schedule.add)
        self._contacts = ContactWriter(context, self._contact, self._jobs)
        self._steps = RunningSteps(
            context,
            jobs=self._jobs,
            order=self._order,
            ask_order=self._ask_order,
            schedule=self._schedule,
            contact=self._contact,
            contacts=self._contacts,
            on_end=self._step_ended,
            on_plain_end=self._plain_step_ended,
        )
        self._pushed = PushedPolls(context, self._jobs, self._schedule, self._contacts)
        self._alarm = Alarm(clock, self._start_due)
        self._errands = Errands(context, self._jobs, self._order, self._contacts, self._alarm.ring)
        self._adoptions = Adoptions(context, self._jobs, self._order, self._contacts)
        self._moved: StoreError | None = None
        self._poked = True
        self._pokes = 0
        self._looked = -1
        self._synced_at_s = float("-inf")
        self._sync_failed = False
        self._closing_s: float | None = CLOSING_S
        self._is_ending = self._is_winding_up = False

    @property
    def error(self) -> CredentialsError | AdapterError | None:
        """The refused credentials that stopped it; `None` while it may send."""
        return self._contact.error

    @property
    def pause_s(self) -> float | None:
        """Seconds from refused credentials until one request is tried; `None` without any."""
        return self._contact.pause_s

    def try_again(self) -> None:
        """Let one request show whether the vendor takes the credentials now."""
        self._contact.try_again()
        self.adapter.transport.try_again()

    @property
    def cooling_until(self) -> datetime | None:
        """Until when the vendor asked for silence; `None` outside a cool-down."""
        return self.adapter.transport.cooled_until

    @property
    def is_poked(self) -> bool:
        """Whether the store has something new that it has not looked at."""
        return self._poked

    @property
    def is_asked(self) -> bool:
        """Whether this process itself is asked something that only the lane's driver can do."""
        return not self._adoptions.is_idle

    @property
    def is_in_doubt(self) -> bool:
        """Whether another process may come to know what became of one of its tickets."""
        return self._jobs.is_in_doubt

    def poke(self) -> None:
        """Say that the store has something new for this lane."""
        self._poked = True
        self._pokes += 1
        self._alarm.ring()

    def note_pushes(self) -> None:
        """Say that the store may have calls by the vendor."""
        self._adoptions.note()
        self._pushed.note()
        self._alarm.ring()

    def note_wishes(self) -> None:
        """Say that the store may have wishes of other processes."""
        self._adoptions.note()
        self._alarm.ring()

    def adopt(self, adoption: Adoption) -> None:
        """Take the wish that a ticket be a batch the vendor knows; it is answered while driving."""
        self._adoptions.add(adoption)
        self._alarm.ring()

    def find_status(self, job_id: str) -> BatchStatus | None:
        """Return what this lane knows of a job it drives; `None` if it does not drive it."""
        job = self._jobs.find(job_id)
        return None if job is None else job.status()

    def is_sending(self, job_id: str) -> bool:
        """Whether tickets are being sent that are, or go before, a job's own."""
        if self._looked < self._pokes:
            return True  # nobody knows yet
        job = self._jobs.find(job_id)
        return job is not None and self._order.is_active(job.record.operation)

    def traffic(self) -> Traffic:
        """Return what the next owner has to know of the requests that were sent."""
        return self._context.traffic()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was sent lately and nothing cools, so that its row says all already."""
        spent = self.adapter.transport.spent()
        return not spent.cooled and not any(spent.sent.values())

    def leave(self, call: VerbCall) -> None:
        """Go on without a step whose adapter does not end although it was cancelled."""
        self._steps.leave(call)

    def close(self, grace_s: float | None) -> None:
        """
        Send nothing new from now on, and end the drive.

        Args:
            grace_s: Seconds that requests with an effect get to end; `None` for their own time-out.
        """
        self._closing_s = grace_s
        self._is_ending = True
        self._context.close()
        self._alarm.ring()

    def reopen(self) -> None:
        """Let it be driven again, after another process was to; what stopped it is over."""
        self._is_ending, self._closing_s = False, CLOSING_S
        if self.error is not None:
            self.try_again()

    def wind_up(self) -> None:
        """Send nothing new from now on, and take no jobs; follow what the vendor has to its end."""
        self._is_winding_up = True
        self._context.close()
        self._alarm.ring()

    @property
    def is_winding_up(self) -> bool:
        """Whether it only follows what the vendor has."""
        return self._is_winding_up

    def inherit(self, old: Lane) -> None:
        """Take over what the same account's lane with other settings was asked and has not done."""
        self._adoptions.take_from(old._adoptions)  # of this class
        self._pushed.note()

    def stop(self, error: StoreError) -> None:
        """End a drive that can't go on with the store."""
        self._moved = self._moved or error
        self._alarm.ring()

    async def drive(self, hold: LaneHold) -> None:
        """
        Drive until every job of the lane has ended, is held, or can't go on, or the hold is lost.

        Args:
            hold: The right to drive it.

        Raises:
            StoreError: The store could not be read when driving began, or its file was replaced.
        """
        self._begin(hold)
        patience_s: float | None = None  # a request with an effect ends by its own time-out
        is_over = False
        try:
            # The store has one only if it was still this process's when it began.
            await self._context.keep_cool_down()
            while not (self.error or hold.is_lost or self._is_ending):
                pokes = self._pokes
                await self._sync()
                if self._moved is not None:
                    raise self._moved
                if not await self._is_ours():
                    if not hold.is_lost:  # what is due waits, until the store can say whose it is
                        await self._alarm.rest(STORE_RETRY_S)
                    continue
                if self.error is not None or self._is_ending:
                    return  # found out while the store was looked at
                self._schedule_changed()
                if not self._context.is_closing:
                    self._steps.start_sending()
                    self._errands.read_targets()
                self._errands.look_at_pushes(self._pushed)
                self._errands.adopt(self._adoptions)
                self._looked = pokes
                self._steps.start_due()
                self._errands.save_waits()
                await self._contacts.save_faults()
                if self._is_over():
                    is_over = True
                    return
                await self._rest()
        except asyncio.CancelledError:
            self._context.close()
            patience_s = self._closing_s
            raise
        finally:
            try:
                await self._end_steps(patience_s)
            finally:
                await self._errands.finish()
            await self._contacts.save_faults()
            if not (is_over or self._is_replaced):
                error = self.error or lost(self.name)
                await self._adoptions.give_up(error, is_lasting=self.error is not None)
            self._context.polls.leave_all(self._jobs)
            # What was shown from memory never goes back: the store is what is shown next.
            await self._figures.save(list(self._jobs))

    async def _end_steps(self, patience_s: float | None) -> None:
        """End what is under way; a request with an effect is answered, if that is soon enough."""
        self._steps.drop_harmless()
        try:
            await self._steps.wait_for_sending(patience_s)
        except asyncio.CancelledError:
            if patience_s is None:  # it ended by itself, and the hub does meanwhile
                await self._steps.wait_for_sending(self._closing_s)
            raise
        finally:
            await self._steps.cut_off()

    @property
    def _is_replaced(self) -> bool:
        """Whether the same account goes on with other settings."""
        return self._is_ending and self._closing_s is None

    def _is_over(self) -> bool:
        """Whether nothing is to be done any more, unless something happens elsewhere."""
        if self._jobs.changed or self._poked:
            return False
        parts = (self._steps, self._errands, self._schedule, self._adoptions)
        if not all(part.is_idle for part in parts):
            return False
        return self._order.is_idle or self._is_winding_up  # then nothing of it is sent

    def _begin(self, hold: LaneHold) -> None:
        """Forget what an earlier drive knew: another process may have driven since."""
        self._context.hold = hold
        self._context.is_closing = self._is_winding_up
        self._steps.forget()
        hold.on_lost = self._alarm.ring
        self._context.polls.leave_all(self._jobs)
        self._jobs.clear()
        self._schedule.clear()
        self._order.clear()
        self._ask_order.clear()
        self._errands.clear()
        self._pushed.begin()
        self._looked = -1
        self._moved = None
        self._poked = True

    async def _is_ours(self) -> bool:
        """Ask the store, if this process may have stood still for long; whether it may go on."""
        hold = self._context.hold
        self._store.check_usable()  # raises in a fork that goes on with this loop
        if not hold.is_stale:
            return not hold.is_lost
        try:
            return await hold.confirm()
        except StoreError as error:
            self._poked = self._sync_failed = True  # once it can be read, that is noted
            self._contacts.note_store(error)
            return False

    # What the store has.

    async def _sync(self) -> None:
        """Take over what is new in the store: jobs, and requests to cancel."""
        now_s = self._clock.monotonic()
        if not self._poked or (self._sync_failed and now_s - self._synced_at_s < STORE_RETRY_S):
            return
        self._synced_at_s = now_s
        self._poked = False
        try:
            cancelled = await self._jobs.load()
        except StoreError as error:
            if not self._jobs:
                raise
            self._poked = self._sync_failed = True
            self._contacts.note_store(error)
        else:
            if self._sync_failed:
                self._sync_failed = False
                self._contacts.note_store(None)
            for job in cancelled:
                # A ticket may wait minutes for its turn or its next poll.
                self._steps.call_off_sending(job)
                self._schedule.hurry(job)

    def note_saved(self, error: StoreError | None) -> None:
        """Take in whether figures could be saved."""
        if error is not None or not self._sync_failed:
            self._contacts.note_store(error)

    # What is due.

    def _schedule_changed(self) -> None:
        """Give every ticket that needs a step a time; only jobs that changed are looked at."""
        changed, broken = self._jobs.changed, set[int]()
        with self.adapter.watching() if changed else nullcontext():
            self._schedule_each(changed, broken)
        changed |= broken  # looked at again soon

    def _schedule_each(self, changed: set[int], broken: set[int]) -> None:
        # First: which tickets are behind others is to be known before any has its time.
        jobs = [job for job_no in changed if (job := self._jobs.get(job_no)) is not None]
        changed.clear()
        for schedule in (self._take_in, self._schedule_job):
            for job in (job for job in jobs if job.job_no not in broken):
                try:
                    schedule(job)
                except Exception as error:  # one job's trouble, such as a fault of the adapter
                    broken.add(job.job_no)
                    self._contacts.note_fault(job, error)

    def _take_in(self, job: JobState) -> None:
        self._ask_order.add(job, self._context.capabilities(job))
        self._order.add(job)

    def _schedule_job(self, job: JobState) -> None:
        for position in job.find_due():
            delay_s = 0.0
            if job.ticket(position).state is not BatchState.PENDING and not job.is_cancelled:
                # A fresh start: spread what is at the vendor over one interval.
                delay_s = self._context.polls.spread_s(job, position)
                self._ask_order.note(job, position)
                delay_s = self._ask_order.delay_s(job, position, delay_s)
            self._schedule.add(job, position, delay_s)

    def _step_ended(self, error: StoreError | None) -> None:
        self._moved = self._moved or error
        if self._steps.is_idle and self._schedule.is_idle:
            self._alarm.ring()  # nothing else is to come: it may be over
        else:
            self._alarm.ring_soon()

    def _plain_step_ended(self) -> None:
        if self._order.is_stale:
            self._alarm.ring_soon()
        else:
            self._alarm.ring_in(self._rest_s())  # the ticket may be the next that is due

    def _start_due(self) -> float | None:
        """
        Begin the steps that are due while the lane rests, without a round of its own.

        Returns:
            The seconds until there is something to do; `None` if a round has to look now.
        """
        hold = self._context.hold
        needs_round = (
            self._poked
            or self._jobs.changed
            or (self._order.is_stale and not self._context.is_closing)
            or self._sync_failed
            or self.error is not None
            or hold.is_lost
            or hold.is_stale
            or self._rest_s(has_steps=False) <= 0.0
        )
        if needs_round or not self._store.is_usable:
            return None
        self._steps.start_due()
        return self._rest_s()

    async def _rest(self) -> None:
        """Wait for the next step that is due, a step that ends, or a poke."""
        if self._poked and not self._sync_failed:
            return
        await self._alarm.rest(self._rest_s())

    def _rest_s(self, *, has_steps: bool = True) -> float:
        """
        Return the seconds until there is something to do, if nothing happens before.

        Args:
            has_steps: Whether the steps to come count.
        """
        most_s = STORE_RETRY_S if self._sync_failed or self._jobs.changed else _LONG_S
        delay_s = most_s
        if self._steps.may_begin:
            if has_steps:
                delay_s = self._schedule.delay_s(most_s, self._steps.has_room)
            if not self._context.is_closing:
                delay_s = self._order.delay_s(delay_s)
        return self._pushed.delay_s(delay_s)

"""What a handle knows of its job: from the lane if it is driven here, else from the store."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Final

from attrs import evolve

from batchhub._base.show import words
from batchhub._store import JobRecord
from batchhub.errors import BatchHubError, StoreError, WaitTimeoutError
from batchhub.models import BatchState, BatchStatus, Contact
from batchhub.models.forward import is_behind
from batchhub.models.status import tally_of

from .driver import Driver
from .open_hub import OpenHub

WATCH_S: Final = 1.0
"""Seconds between two looks at a job that is being sent."""

_FEW: Final = 50


class JobView:
    """
    A job as it was last seen, and what to wait for to see it change.

    Args:
        opened: The hub that is asked.
        record: The job.
        status: Its status, as it was read together with the record.

    Attributes:
        record: The job as it was last read in the store.
    """

    __slots__ = ("_hub", "_stamp", "_status", "record")

    def __init__(self, opened: OpenHub, record: JobRecord, status: BatchStatus) -> None:
        self.record = record
        self._hub = opened
        self._status = status
        self._stamp: str | None = None

    @property
    def opened(self) -> OpenHub:
        """
        The hub.

        Raises:
            UsageError: This is a fork of the process that opened it.
        """
        self._hub.process.check_fork()
        return self._hub

    @property
    def last(self) -> BatchStatus:
        """The last status that was seen, with its tickets."""
        return self._status

    @property
    def status(self) -> BatchStatus:
        """What this process knows without a look into the store."""
        # Of memory alone, so that a forked child may ask too.
        live = self._hub.driver.find_status(self.record.lane, self.record.job_id)
        return self._status if live is None else self._show(live)

    @property
    def trouble(self) -> BatchHubError | None:
        """What stopped its lane in this process, if anything did."""
        return self.opened.driver.find_trouble(self.record.lane)

    async def refresh(self, *, tickets: bool = True) -> BatchStatus:
        """Return what is known now; without `tickets` those of a job in the store may be absent."""
        self.opened.store.check_loop()
        live = self.opened.driver.find_status(self.record.lane, self.record.job_id)
        self._stamp = None
        if live is None:
            # A few tickets cost less than a second look.
            tickets = tickets or tally_of(self._status).tickets <= _FEW
            found = await self.opened.store.jobs.look_at(self.record.job_id, tickets=tickets)
            self.record, live, self._stamp = found
            obstacle = self.opened.driver.find_obstacle(self.record.lane)
            # Refused credentials are why nobody drives it, and say more.
            is_paused = live.contact is Contact.PAUSED
            if obstacle is not None and not (live.state.is_terminal or is_paused):
                contact, note = obstacle
                live = evolve(live, contact=contact, contact_note=note)
        return self._show(live)

    def _show(self, found: BatchStatus) -> BatchStatus:
        """Return a status that is to be shown, or the last one if that is further."""
        # A process that has lost its lane without knowing it tells what it remembers.
        if is_behind(found, self._status):
            return evolve(self._status, contact=found.contact, contact_note=found.contact_note)
        if found.tickets:
            self._status = found
        return found

    def is_settled(self, status: BatchStatus) -> bool:
        """Whether waiting is pointless: the job has ended, or needs a decision."""
        is_decided = self.record.cancelled_at is not None
        return status.state.is_terminal or (status.is_held and not is_decided)

    async def watch(
        self, timeout_s: float | None, *, tickets: bool = True
    ) -> AsyncIterator[BatchStatus]:
        """
        Yield each change; with `tickets` false only the last one is sure to have tickets.

        Raises:
            WaitTimeoutError: The time is up.
            StoreError: The store can't be read.
        """
        clock, driver = self.opened.clock, self.opened.driver
        lane, job_id = self.record.lane, self.record.job_id
        end_s = math.inf if timeout_s is None else clock.monotonic() + timeout_s
        last: BatchStatus | None = None
        stuck_since_s: float | None = None
        looking_on = driver.looking_on(lane, self.record.account)
        with driver.waiter(job_id) as waiter, looking_on:
            while True:
                waiter.look()
                status = await self.refresh(tickets=tickets)
                stamp = self._stamp  # others may read it while this one is shown
                if status != last:
                    yield status
                    last = status
                trouble = driver.find_trouble(lane)
                if isinstance(trouble, StoreError) and not status.state.is_terminal:
                    raise trouble
                now_s, wakes_s = clock.monotonic(), end_s
                is_over = self.is_settled(status)
                if is_over and status.held_by is not None:
                    # That it waits for another job may be out of date until the lane has looked.
                    stuck_since_s = now_s if stuck_since_s is None else stuck_since_s
                    is_over = now_s >= stuck_since_s + WATCH_S  # not a difference: floats round
                    wakes_s = min(end_s, stuck_since_s + WATCH_S)
                else:
                    stuck_since_s = None
                is_over = is_over or trouble is not None
                if not status.tickets and (is_over or now_s >= end_s):
                    status = await self.refresh()
                if is_over:
                    return
                if now_s >= end_s:
                    raise WaitTimeoutError(
                        f"job {job_id} is {words(status.state)} after {timeout_s:g} s; it goes on",
                        job_id=job_id,
                    )
                left_s = None if math.isinf(wakes_s) else wakes_s - now_s
                await driver.wait(waiter, (lane, job_id), left_s, stamp)

    async def hand_over(self, timeout_s: float) -> BatchStatus:
        """Wait until everything that may be sent now is sent, at most `timeout_s` seconds."""
        driver, clock = self.opened.driver, self.opened.clock
        lane, job_id = self.record.lane, self.record.job_id
        end_s = clock.monotonic() + timeout_s
        with driver.waiter(job_id) as waiter:
            while True:
                waiter.look()
                status = await self.refresh()
                if self.is_settled(status) or self._is_handed_over(status, driver):
                    return status
                if clock.monotonic() >= end_s:
                    return status
                await driver.wait(waiter, (lane, job_id), WATCH_S, self._stamp)
                if not driver.owns(lane):
                    return await self.refresh()  # another process works on it

    def _is_handed_over(self, status: BatchStatus, driver: Driver) -> bool:
        """Whether everything is sent that may be sent now, or this process can't send it."""
        lane = self.record.lane
        tally = tally_of(status)
        known = self.opened.find_lane(lane)
        parallel = 0
        if known is not None:
            capabilities = known.adapter.capabilities(status.operation, self.record.options)
            parallel = capabilities.tickets_per_job
        if self.record.stop_on_first_failure:  # a ticket waits for the results of the last
            parallel = min(parallel, 1)
        sent = tally.tickets - tally.number(BatchState.PENDING)
        if sent >= min(parallel, tally.tickets):
            return True
        if status.contact is not Contact.OK or not driver.is_driving(lane):
            return True
        if driver.find_cooling(lane) is not None:
            return True  # the vendor asked for silence
        return driver.owns(lane) and not driver.is_sending(lane, self.record.job_id)

"""The handle of one job: wait for it, watch it, read its results, cancel or retry it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Final

from attrs import evolve

from ._base.log import get_logger
from ._base.show import draw_html, draw_table, words
from ._engine.intake import Intake
from ._engine.open_hub import OpenHub
from ._store import JobRecord, make_job_id
from .errors import StoreError, UnsupportedError, UsageError, WaitTimeoutError
from .models import BatchState, BatchStatus, Contact, ItemResult, ItemState
from .models.status import facts, make_line

if TYPE_CHECKING:
    from rich.table import Table

WATCH_S: Final = 1.0
"""Seconds between two looks at a job that another process may be working on."""

_AT_VENDOR: Final = frozenset({BatchState.QUEUED, BatchState.IN_PROGRESS})

__all__ = ["BatchJob"]

_log = get_logger()


class BatchJob:
    """
    One job of a hub.

    Attributes:
        id: Its id.
    """

    def __init__(self, opened: OpenHub, record: JobRecord, status: BatchStatus) -> None:
        self.id = record.job_id
        self._opened = opened
        self._record = record
        self._status = status

    def __repr__(self) -> str:
        """Return its last known status in one line."""
        return make_line("BatchJob", self._status)

    def _repr_html_(self) -> str:
        """Return its status as a table for a notebook."""
        return draw_html(facts(self.status))

    def __rich__(self) -> Table:
        """Return its status as a table for a terminal."""
        return draw_table(facts(self.status))

    @property
    def lane(self) -> str:
        """Its lane: adapter and identity of its account."""
        return self._record.lane

    @property
    def is_ours(self) -> bool:
        """Whether its account is one of this hub's, so that this hub can send it."""
        return self._opened.find_lane(self._record.lane) is not None

    @property
    def status(self) -> BatchStatus:
        """Its last known status; `refresh` reads it again."""
        live = self._opened.driver.find_status(self._record.lane, self.id)
        if live is not None:
            self._status = live
        return self._status

    @property
    def cooling_until(self) -> datetime | None:
        """
        Time until which nothing is sent for its account, because the vendor asked for a pause.

        `None` if there is no cool-down, or if another process sends for this account.
        """
        return self._opened.driver.find_cooling(self._record.lane)

    async def refresh(self) -> BatchStatus:
        """Read its status again and return it."""
        live = self._opened.driver.find_status(self._record.lane, self.id)
        if live is None:
            self._record, live = await self._opened.store.get_job(self.id)
            owner = self._opened.driver.find_silent_owner(self._record.lane)
            if owner is not None and not live.state.is_terminal:
                live = evolve(live, contact=Contact.STALE, contact_note=owner)
        self._status = live
        return live

    async def wait(self, timeout_s: float | None = None) -> BatchStatus:
        """
        Wait until the job has ended, or is held because an unconfirmed ticket needs a decision.

        Args:
            timeout_s: Seconds to wait at most; `None` for no limit.

        Raises:
            WaitTimeoutError: The time is up; the job goes on, and you can wait for it again.
            CredentialsError: The vendor refused the credentials; fix them and resume.
            StoreError: The store can't be read.
        """
        async for status in self._watch(timeout_s):
            del status
        status = self._status
        trouble = self._opened.driver.find_trouble(self._record.lane)
        if trouble is not None and not self._is_settled(status):
            # All jobs of the lane share the error; each raises its own, with its id.
            mine = copy(trouble)
            mine.job_id = self.id
            raise mine
        return status

    async def watch(self) -> AsyncIterator[BatchStatus]:
        """
        Yield the status now and at each change, until the job has ended, is held or can't go on.

        Raises:
            StoreError: The store can't be read.
        """
        async for status in self._watch(None):
            yield status

    def results(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
    ) -> AsyncIterator[ItemResult]:
        """
        Iterate over the results so far, in the order of the items, one page in memory at a time.

        Args:
            only: Only results in this state or these states; `None` for all.
            code: Only items with this HTTP status or these statuses, such as 404; `None` for all,
                also for items without one.

        Raises:
            UsageError: There is no such state, or a code is not an integer.
        """
        return self._opened.store.results(self.id, _read_states(only), _read_codes(code))

    async def cancel(self) -> BatchStatus:
        """
        Cancel the job: do not send the rest, and cancel at the vendor what was sent.

        Returns the status at once; `wait` returns what came of it. A job that has ended stays as
        it is. An unconfirmed ticket ends CANCELLED, its items UNKNOWN.

        Raises:
            UnsupportedError: Everything open is at the vendor, which can't cancel.
        """
        status = await self.refresh()
        lane = self._opened.find_lane(self._record.lane)
        if status.state.is_terminal:
            return status
        open_states = {t.state for t in status.tickets if not t.state.is_terminal}
        if lane is not None and open_states <= _AT_VENDOR:
            capabilities = lane.adapter.capabilities(status.operation)
            if not capabilities.can_cancel:
                raise UnsupportedError(
                    f"job {self.id} is with {status.adapter}, which can't cancel; it goes on"
                )
        now = self._opened.clock.now()
        await self._opened.store.save_cancel(self.id, now)
        self._record = evolve(self._record, cancelled_at=now)
        _log.info(
            "job.cancelled",
            job_id=self.id,
            account=self._record.account,
            lane=self._record.lane,
        )
        if lane is not None:
            self._opened.driver.drive(lane)
        return await self.refresh()

    async def retry(self, *, unknown: bool = False) -> BatchJob:
        """
        Submit the items that failed or were not executed as a new job.

        Called again, it returns the same new job.

        Args:
            unknown: Also retry items with unknown outcome; they may run twice. This ends a job
                that is held.

        Raises:
            UsageError: The job has not ended, or there is nothing to retry.
        """
        status = await self.refresh()
        if status.is_held and unknown:  # what is unconfirmed ends UNKNOWN, and can be retried then
            await self.cancel()
            status = await self.wait()
        if not status.state.is_terminal:
            hint = "retry its unknown items too, or cancel it" if status.is_held else "wait for it"
            raise UsageError(f"job {self.id} is {status.state.value}: {hint}")
        states = {ItemState.FAILED, ItemState.NOT_EXECUTED}
        if unknown:
            states.add(ItemState.UNKNOWN)
        new = await self._repeat(states)
        if new is None:
            hint = ""
            if status.counts.unknown and not unknown:
                hint = f"; {status.counts.unknown} items are unknown (retry those with unknown)"
            raise UsageError(f"job {self.id} has no items to retry{hint}")
        _, new_status = await self._opened.store.get_job(new.job_id)
        lane = self._opened.find_lane(new.lane)
        if lane is not None:
            self._opened.driver.drive(lane)
        return BatchJob(self._opened, new, new_status)

    async def find_retry(self, *, unknown: bool = False) -> str | None:
        """
        Return the id of the newest job that retries items of this one; `None` if none does.

        Args:
            unknown: Look at the items with unknown outcome, in place of those that failed or were
                not executed.
        """
        failed = {ItemState.FAILED, ItemState.NOT_EXECUTED}
        return await self._opened.store.find_retry(
            self.id, {ItemState.UNKNOWN} if unknown else failed
        )

    async def hand_over(self, timeout_s: float = 30.0) -> BatchStatus:
        """
        Wait until everything that may be sent now is sent, but not for the results.

        Returns early when another process works on the lane, or the vendor can't be reached.

        Args:
            timeout_s: Seconds to wait at most.
        """
        driver, lane = self._opened.driver, self._record.lane
        end_s = self._opened.clock.monotonic() + timeout_s
        status = await self.refresh()
        while not self._is_settled(status) and self._opened.clock.monotonic() < end_s:
            sent = sum(ticket.state is not BatchState.PENDING for ticket in status.tickets)
            known = self._opened.find_lane(lane)
            parallel = known.adapter.capabilities(status.operation).tickets_per_job if known else 0
            if self._record.stop_on_first_failure:  # a ticket waits for the results of the last
                parallel = min(parallel, 1)
            if sent >= min(parallel, len(status.tickets)):
                break
            if status.contact is not Contact.OK or not driver.is_driving(lane):
                break
            await driver.wait_for_change(self.id, WATCH_S)
            status = await self.refresh()
            if not driver.owns(lane):
                break
        return status

    async def _watch(self, timeout_s: float | None) -> AsyncIterator[BatchStatus]:
        clock, driver = self._opened.clock, self._opened.driver
        end_s = None if timeout_s is None else clock.monotonic() + timeout_s
        last: BatchStatus | None = None
        while True:
            status = await self.refresh()
            if status != last:
                yield status
                last = status
            trouble = driver.find_trouble(self._record.lane)
            if isinstance(trouble, StoreError):
                raise trouble
            if self._is_settled(status) or trouble is not None:
                return
            pause_s = WATCH_S if end_s is None else min(WATCH_S, end_s - clock.monotonic())
            if pause_s <= 0:
                state = words(status.state)
                raise WaitTimeoutError(
                    f"job {self.id} is {state} after {timeout_s:g} s; it goes on", job_id=self.id
                )
            await driver.wait_for_change(self.id, pause_s)

    def _is_settled(self, status: BatchStatus) -> bool:
        """Whether waiting is pointless: the job has ended, or needs a decision."""
        is_decided = self._record.cancelled_at is not None
        return status.state.is_terminal or (status.is_held and not is_decided)

    async def _repeat(self, states: Collection[ItemState]) -> JobRecord | None:
        """Make the new job; `None` if there is nothing to retry and there was no retry."""
        store = self._opened.store
        found = self._opened.find_lane(self._record.lane)
        lane = found or self._opened.get_lane(self._record.account)
        with Intake(lane.adapter, self._record.operation) as intake:
            async for item in store.retry_items(self.id, states):
                intake.add(item)
            intake.close()
            if not intake.total:
                again = await store.find_retry(self.id, states)
                return None if again is None else (await store.get_job(again))[0]
            now = self._opened.clock.now()
            new = evolve(
                self._record,
                job_no=0,
                job_id=make_job_id(now),
                key=None,
                fingerprint=intake.fingerprint(retry_of=self.id),
                deadline_s=lane.adapter.capabilities(self._record.operation).deadline_s(
                    intake.total, self._record.options
                ),
                retry_of=self.id,
                contact=Contact.OK,
                contact_note=None,
                findings=(),
                created_at=now,
                updated_at=now,
                observed_at=None,
                cancelled_at=None,
                ended_at=None,
                claimed_at=None,
                acknowledged_at=None,
            )
            return await store.add_retry(new, intake.plans, intake.tickets(), states)


def _read_states(
    only: ItemState | str | Collection[ItemState | str] | None,
) -> list[ItemState] | None:
    """Check and return the wanted states; `None` for all."""
    if only is None:
        return None
    try:
        return [ItemState(state) for state in ([only] if isinstance(only, str) else only)]
    except ValueError:
        known = ", ".join(ItemState)
        raise UsageError(f"only takes {known}, not {only!r}") from None


def _read_codes(code: int | Collection[int] | None) -> frozenset[int] | None:
    """Check and return the wanted HTTP statuses; `None` for all."""
    if code is None:
        return None
    codes = frozenset([code] if isinstance(code, int) else code)
    if not all(isinstance(each, int) for each in codes):
        raise UsageError(f"code takes HTTP statuses such as 404, not {code!r}")
    return codes

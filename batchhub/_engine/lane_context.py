"""What every step of a lane's tickets needs: adapter, store, clock, and rules they share."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from attrs import asdict

from batchhub._adapter.capabilities import Capabilities
from batchhub._adapter.exchange import NOTHING_KEPT, TicketRef
from batchhub._base.ages import Ages
from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.measures import AdapterMeasures
from batchhub._store import Fenced, Store, StoreClosedError, StoreMovedError, TicketRecord, Traffic
from batchhub.errors import (
    BusyError,
    RateLimitedError,
    StoreError,
)
from batchhub.models import BatchStatus, Outcome
from batchhub.polling import PollRule

from .figures import Figures
from .guarded import GuardedAdapter
from .job_state import JobState
from .lane_hold import LaneHold
from .poll_times import PollTimes
from .send_guard import SendGuard
from .waiters import Announce

T = TypeVar("T")

_log = get_logger()


class LaneContext:
    """
    Shared by all that takes the tickets of one lane further.

    Attributes:
        lane: The lane's name.
        adapter: Speaks to the vendor.
        store: Where jobs are kept.
        clock: Where time comes from.
        figures: Saves what is not awaited.
        measures: Counts what is done.
        announce: Wakes those who wait for a job.
        ages: How old what is kept is; a clock that is set makes nothing older or younger.
        polls: When its tickets are asked about.
        sending: The guards of the submits that are under way.
        is_closing: Whether nothing new is to be sent any more.
        states: What the vendor's words mean, by the case-folded word.
    """

    def __init__(
        self,
        *,
        adapter: GuardedAdapter,
        store: Store,
        clock: Clock,
        rng: random.Random,
        figures: Figures,
        measures: AdapterMeasures,
        announce: Announce,
        moments: Callable[[], Iterable[datetime]],
        rule: PollRule,
        on_store_trouble: Callable[[StoreError | None], None],
    ) -> None:
        self.lane: str = adapter.account.lane
        self.adapter = adapter
        self.store = store
        self.clock = clock
        self.figures = figures
        self.measures = measures
        self.announce = announce
        self.ages = Ages(clock, moments)
        self.polls = PollTimes(rule, adapter=adapter, ages=self.ages, clock=clock, rng=rng)
        self.states = {word.casefold(): state for word, state in adapter.states.items()}
        self.sending: set[SendGuard] = set()
        self.is_closing = False
        self._hold: LaneHold | None = None
        self._kept_cooling: Mapping[str, datetime] = {}
        self._rng = rng
        self._on_store_trouble = on_store_trouble

    @property
    def hold(self) -> LaneHold:
        """The right to drive the lane, as long as it is driven."""
        assert self._hold is not None  # noqa: S101  # set before the first step
        return self._hold

    @hold.setter
    def hold(self, hold: LaneHold) -> None:
        self._hold = hold
        self._kept_cooling = {}

    def close(self) -> None:
        """Send nothing new: what is about to be sent, and has not left, is not sent."""
        self.is_closing = True
        for guard in list(self.sending):
            guard.call_off()

    def traffic(self) -> Traffic:
        """Return what the next owner has to know of the requests that were sent."""
        spent = self.adapter.transport.spent()
        return Traffic(sent=spent.sent_json(), cooled=spent.cooled_json())

    async def learn_time(self, ticket: TicketRecord) -> None:
        """Learn what tells whether the clock was set back, if a ticket's age depends on it."""
        self.hold.note_time(self.clock.now())
        if ticket.is_in_doubt and ticket.attempted_boot != self.clock.boot_id:
            self.hold.note_time(await self.store.lanes.latest_at())

    async def begin(self, ticket: TicketRecord, old_attempt: str | None) -> Fenced:
        """
        Write that a ticket is about to be sent, if this process is still the one that drives.

        Args:
            ticket: The ticket, with its attempt.
            old_attempt: The attempt the store must have for it.

        Raises:
            StoreMovedError: The store's file was replaced or deleted.
        """
        fenced = await self.persist(
            lambda: self.store.tickets.begin_attempt(
                ticket,
                old_attempt,
                hold=self.hold.row,
                traffic=self.traffic(),
                at=self.clock.now(),
                read_s=self.clock.boot_s,
            )
        )
        self.hold.note_time(self.clock.now())
        if fenced.durable_at_s is not None:
            self.hold.note_seen(fenced.durable_at_s)
        elif not fenced.is_held:
            self.hold.lose()
        return fenced

    async def keep_steps(self, ticket: TicketRecord) -> bool:
        """Write what a submit keeps between two requests; return whether it still may."""
        is_held = await self.persist(lambda: self.store.tickets.keep_steps(ticket, self.hold.row))
        if not is_held and not await self.persist(lambda: self.store.lanes.is_held(self.hold.row)):
            self.hold.lose()
        return is_held

    @property
    def fetches_results(self) -> bool:
        """Whether the adapter asks for results by itself; else they come with a poll."""
        return self.adapter.fetches_results

    async def persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """
        Write, again and again until it succeeds.

        Raises:
            StoreMovedError: The store's file was replaced or deleted, so it never will.
            StoreClosedError: The hub was closed, while an adapter went on by itself.
        """
        tries = 0
        while True:
            try:
                written = await write()
            except (StoreMovedError, StoreClosedError):
                raise
            except StoreError as error:
                # No time-out: what the vendor said exists nowhere else until it is written, and
                # a full disk or a locked store is cleared by people, at any hour.
                self._on_store_trouble(error)
                _log.error("store.failed", lane=self.lane, error=str(error))
                await self.clock.sleep(backoff_s(tries, base_s=0.5, cap_s=15.0, rng=self._rng))
                tries += 1
            else:
                self._on_store_trouble(None)
                return written

    async def ask(self, call: Awaitable[T]) -> T:
        """
        Await a verb of the adapter.

        Raises:
            AdapterError: The adapter has a fault of its own.
            BatchHubError: What the verb raised.
        """
        try:
            return await call
        except (RateLimitedError, BusyError) as error:
            self.adapter.transport.cool_down(error)
            raise
        finally:
            await self.keep_cool_down()

    async def keep_cool_down(self) -> None:
        """
        Write a cool-down, if there is one, as soon as it begins: this process may be killed.

        One that began after this process lost the lane, by an answer that was still under way, is
        handed on.
        """
        cooling = self.adapter.transport.cool_downs
        if cooling.items() <= self._kept_cooling.items() or not self.store.is_shared:
            return
        self._kept_cooling = cooling
        hold = self.hold
        try:
            is_held = await self.store.lanes.note_traffic(
                hold.row, self.traffic(), self.clock.now()
            )
            if not is_held and hold.hand_on is not None:
                await hold.hand_on()
        except StoreError as error:  # it goes with the next sign of life
            self._on_store_trouble(error)
        else:
            if not is_held:
                hold.lose()

    def capabilities(self, job: JobState) -> Capabilities:
        """Return what the vendor can do for a job's operation."""
        return self.adapter.capabilities(job.operation, job.options)

    def is_past(self, since: datetime | None, grace_s: float) -> bool:
        """Return whether `since` is more than `grace_s` seconds ago; False for `None`."""
        return since is not None and self.ages.age_s(since) > grace_s

    def ref(self, job: JobState, ticket: TicketRecord) -> TicketRef:
        """Return a ticket as the adapter's verbs get it."""
        return TicketRef(
            vendor_refs=ticket.vendor_refs,
            operation=job.operation,
            total=ticket.total,
            group=job.group,
            options=job.options,
            state=ticket.state,
            submitted_at=ticket.accepted_at or job.created_at,
            kept=MappingProxyType(ticket.kept) if ticket.kept else NOTHING_KEPT,
        )


def log_ticket(event: str, job: JobState, ticket: TicketRecord, **facts: Any) -> None:
    """Log an event of a ticket, with the names of its job, account and lane."""
    if not _log.takes_info:
        return
    _log.info(
        event,
        job_id=job.job_id,
        account=job.account,
        lane=job.record.lane,
        ticket=ticket.position,
        **facts,
    )


def log_end(job: JobState, status: BatchStatus) -> None:
    """Log that a job has ended, and how; as a warning if some item did not succeed."""
    log = _log.info if status.outcome is Outcome.SUCCEEDED else _log.warning
    log(
        "job.ended",
        job_id=job.job_id,
        account=job.account,
        lane=job.record.lane,
        state=status.state.value,
        outcome=None if status.outcome is None else status.outcome.value,
        counts=asdict(status.counts),
    )

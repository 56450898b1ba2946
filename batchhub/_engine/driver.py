"""The driver: which lanes this process drives, and who is woken by a change."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Final

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import LaneOwner, Store
from batchhub.errors import BatchHubError, StoreError
from batchhub.models import BatchStatus, Contact

from .figures import Figures
from .lane import CLOSING_S, Lane
from .lane_changes import LaneChanges
from .lane_claims import RECLAIM_S, LaneClaims
from .lane_table import LaneTable
from .lesson_keeper import LessonKeeper
from .owner_watch import OwnerWatch
from .process_lock import ProcessLock
from .shard_claims import ShardClaims, ShardHold
from .store_watch import StoreWatch
from .verb_calls import END_S
from .waiters import Waiter, Waiters

_AGAIN_BASE_S: Final = 1.0
"""Seconds, at most, until a lane that could not go on is tried again while somebody attends; they
double each time …"""

_AGAIN_CAP_S: Final = 60.0
"""… up to these."""

_log = get_logger()


class Driver:
    """
    Drives lanes in the background of the running event loop.

    Attributes:
        drives: Whether it drives any lane at all; if not, other processes do.
        shards: The shards of this process, where it drives their lanes only; else `None`.
        me: This process.
        figures: Saves what its lanes learn of work under way.
        lessons: Keeps what its lanes learn of how long batches take.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        process: ProcessLock,
        rng: random.Random,
        *,
        me: LaneOwner,
        drives: bool = True,
        shards: ShardClaims | None = None,
    ) -> None:
        self.drives = drives
        self.shards = shards
        self._rng = rng
        self._is_closing = False
        self._attending = 0
        self._store = store
        self._clock = clock
        self.me = me
        self.figures = Figures(store, clock, process.token, self._note_saved)
        self.lessons = LessonKeeper(store, clock)
        table = self._table = LaneTable()
        self._waiters = Waiters(clock)
        self._owners = OwnerWatch(
            store,
            clock,
            process,
            self.me,
            is_driving=table.is_driving,
            on_change=self._waiters.announce_all,
        )
        self._claims = LaneClaims(
            store,
            clock,
            process,
            self.me,
            owners=self._owners,
            lessons=self.lessons,
            lanes=table.lanes,
            shards=shards,
        )
        held = self._held = table.held = self._claims.held
        self._changes = LaneChanges(
            table,
            self._claims,
            self._owners,
            on_start=self._start,
            on_change=self._waiters.announce_all,
        )
        self._watch = StoreWatch(
            store,
            clock,
            lanes=lambda: held,
            doubtful=lambda: {name for name in held if table.lanes[name].is_in_doubt},
            on_lane=self._note_news,
            on_job=self.announce,
        )

    def drive(self, lane: Lane) -> None:
        """
        Drive a lane in the background until it has nothing left to do.

        A lane that another process drives is taken over as soon as it is free. One whose
        credentials were refused sends nothing until its pause is over; then one request is tried.
        """
        if self._is_closing or not self.may_drive(lane.name):
            return  # what is new for the lane is in the store
        table = self._table
        if lane.name not in table.lanes:
            table.put(lane)
        known = table.lanes[lane.name]
        if known is not lane and table.successors.get(lane.name) is not lane:
            self.replace(known, lane)  # it was removed, and its account is there again
        if (newest := table.find_newest(lane.name)) is not None and newest.error is not None:
            return
        lane = table.lanes[lane.name]
        # A lane that is being driven looks into the store; it needs no second task.
        lane.poke()
        task = table.tasks.get(lane.name)
        if task is None or task.done():
            self._start(lane.name)

    def may_drive(self, lane: str) -> bool:
        """Whether a lane may be this process's to drive: in a cluster only one of its shards is."""
        return self.drives and (self.shards is None or self.shards.find(lane) is not None)

    def _start(self, name: str) -> None:
        before = self._table.tasks.get(name)
        self._table.tasks[name] = asyncio.create_task(
            self._run(name, before), name=f"batchhub-lane-{name}"
        )

    def lanes(self) -> Collection[Lane]:
        """Return the lanes it knows, those that are about to take another's place included."""
        return self._table.all()

    def replace(self, old: Lane, new: Lane) -> None:
        """Have a lane take another's place; see `LaneChanges.replace`."""
        if not self._is_closing:
            self._changes.replace(old, new)

    def retire(self, lane: Lane) -> None:
        """Drive a lane whose account is gone to its end; see `LaneChanges.retire`."""
        self._changes.retire(lane)

    @contextmanager
    def attending(self, on_news: Callable[[Collection[str] | None], None]) -> Iterator[None]:
        """
        For as long as it is entered, no lane is given up for trouble with the store.

        Args:
            on_news: Called whenever other processes may have written anything to the store.
        """
        self._attending += 1
        try:
            with self._watch.following(on_news):
                yield
        finally:
            self._attending -= 1

    def note_news(self, lane: str) -> None:
        """Have a lane that this process drives look at what is new in the store."""
        if lane in self._held:
            self._note_news(lane)

    def note_pushes(self, lane: str) -> None:
        """Look at what a vendor has called about, if this process drives the lane."""
        if (known := self._table.find_held(lane)) is not None:
            known.note_pushes()

    def find_epoch(self, lane: str) -> int | None:
        """Return the number of the last hold that this process had of a lane, if it had one."""
        return self._claims.find_epoch(lane)

    def owns(self, lane: str) -> bool:
        """Whether this process drives a lane at this moment."""
        return lane in self._held

    @property
    def owned(self) -> Sequence[Lane]:
        """The lanes that this process drives at this moment, also of accounts that are gone."""
        return [self._table.lanes[name] for name in self._held]

    def is_driving(self, lane: str) -> bool:
        """Whether this process drives a lane, or waits to take it over."""
        return self._table.is_driving(lane)

    def find_trouble(self, lane: str) -> BatchHubError | None:
        """Return what stopped a lane: refused credentials, or a store that can't be read."""
        return self._table.find_trouble(lane)

    def find_obstacle(self, lane: str) -> tuple[Contact, str] | None:
        """
        Return what keeps a lane from being driven, as a contact and one line; or `None`.

        It is a process that holds the lane and gives no sign of life, or a store that fails; or,
        while somebody is `looking_on`, that nobody drives it.
        """
        return self._owners.find_obstacle(lane)

    async def find_other(self, lane: str) -> str | None:
        """
        Return the name of another process that drives a lane; `None` if none does.

        Raises:
            StoreError: The store can't be read.
        """
        return None if lane in self._held else await self._owners.find_owner(lane)

    async def find_attendant(self, lane: str) -> str | None:
        """
        Return the name of another process that drives a lane until it is stopped, if one does.

        Raises:
            StoreError: The store can't be read.
        """
        return await self._owners.find_attendant(lane)

    async def find_absence(self, lane: str, account: str) -> str | None:
        """
        Return in a sentence that no worker drives a lane, and what to start; `None` if one does.

        Raises:
            StoreError: The store can't be read.
        """
        return await self._owners.find_absence(lane, account)

    def looking_on(self, lane: str, account: str) -> AbstractContextManager[None]:
        """For as long as it is entered, find out whether anybody drives the lane of an account."""
        return self._owners.looking_on(lane, account)

    def find_status(self, lane: str, job_id: str) -> BatchStatus | None:
        """Return the freshest status of a job this process drives; `None` for any other."""
        known = self._table.find_held(lane)
        return known.find_status(job_id) if known else None

    def is_sending(self, lane: str, job_id: str) -> bool:
        """Whether a lane this process drives is sending what is, or goes before, a job's own."""
        known = self._table.find_held(lane)
        return known is not None and known.is_sending(job_id)

    def find_cooling(self, lane: str) -> datetime | None:
        """Return until when a lane this process drives is silent; `None` if nothing cools."""
        known = self._table.find_held(lane)
        return known.cooling_until if known else None

    def waiter(self, job_id: str) -> Waiter:
        """Return one who will wait for changes of a job."""
        return self._waiters.waiter(job_id)

    async def wait(
        self, waiter: Waiter, job: tuple[str, str], timeout_s: float | None, stamp: str | None
    ) -> None:
        """
        Wait until a job may have changed since the waiter looked at it.

        Args:
            waiter: Who waits.
            job: The job's lane and id.
            timeout_s: Seconds to wait at most; `None` for no limit.
            stamp: The stamp of what was read of it in the store, if it was.
        """
        lane, job_id = job
        if self.find_status(lane, job_id) is not None:
            await waiter.wait(timeout_s)
            return
        with self._watch.awaiting(job_id, stamp):
            await waiter.wait(timeout_s)

    def announce(self, job_id: str, *, at_once: bool = True) -> None:
        """Wake everybody who waits for a change of a job, a little later if it is only a figure."""
        self._waiters.announce(job_id, at_once=at_once)

    async def aclose(self, grace_s: float = CLOSING_S, *, others: Collection[Lane] = ()) -> bool:
        """
        Stop driving. Requests with an effect that are under way come to their end first.

        Args:
            grace_s: Seconds they get; what has no answer then is in doubt.
            others: Lanes that it may not know; their adapters are closed as well.

        Returns:
            Whether the store knows that this process drives nothing any more.
        """
        self._is_closing = True
        if tasks := self._close_lanes(self._table.tasks, grace_s):
            await _wait_for(tasks)
        await self._watch.aclose()
        await self._owners.aclose()
        await self.figures.aclose()
        self._waiters.close()
        await self._claims.stop_beating()
        # At once: each may take some seconds.
        for lane in {*self.lanes(), *others}:
            self._table.discard(lane)
        await self._table.wait_for_ends()
        # Together, so that they share a commit.
        _, is_let_go = await asyncio.gather(self.lessons.aclose(), self._claims.let_all_go())
        return is_let_go

    def _close_lanes(self, names: Iterable[str], grace_s: float) -> list[asyncio.Task[None]]:
        """Send nothing new through lanes, and end their drives; return what is to be waited for."""
        found = [(name, self._table.tasks.get(name)) for name in names]
        tasks = [(name, task) for name, task in found if task is not None and not task.done()]
        for name, task in tasks:
            self._table.lanes[name].close(grace_s)
            task.cancel()
        return [task for _, task in tasks]

    # Shards.

    def lose(self, shard: ShardHold) -> None:
        """Leave the lanes of a shard that another process has by now."""
        for hold in list(self._held.values()):
            if hold.shard is shard:
                hold.lose()

    async def hand_over(self, shard: int, grace_s: float) -> None:
        """
        Let all lanes of a shard go, which this process still has; the others go on.

        Args:
            shard: The shard.
            grace_s: Seconds that requests with an effect get to end; what has no answer then is in
                doubt.
        """
        table, names = self._table, self._table.of_shard(shard)
        while tasks := self._close_lanes(names, grace_s):  # one may have been replaced meanwhile
            await _wait_for(tasks)
        for name in names:
            table.tasks.pop(name, None)
            if (lane := table.lanes.get(name)) is None:
                continue  # its account is gone meanwhile
            if (successor := table.successors.pop(name, None)) is not None:
                lane = self._changes.succeed(lane, successor)
            if lane.is_winding_up:
                self._changes.forget(lane)
            else:
                lane.reopen()

    def _note_news(self, lane: str) -> None:
        """Have a lane look at what another process has written."""
        known = self._table.lanes[lane]
        self._claims.note_news(lane)
        known.poke()
        known.note_pushes()
        known.note_wishes()
        if known.is_winding_up:
            self._changes.offer(lane)

    def _note_saved(self, error: StoreError | None) -> None:
        for name in self._held:
            self._table.lanes[name].note_saved(error)

    async def _run(self, name: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})  # it was called off, for a lane with other settings
        tries = 0
        while True:
            await self._run_once(name)
            lane = self._table.lanes[name]
            if (successor := self._table.successors.pop(name, None)) is not None:
                self._changes.succeed(lane, successor)  # the store was in the way
                tries = 0
            elif lane.is_winding_up and not self._is_tried_again(name):
                self._changes.forget(lane)
                return
            elif not self.may_drive(name):
                lane.reopen()
                return
            # Meanwhile the lane is free: another process may have better credentials.
            elif (pause_s := lane.pause_s) is not None:
                await self._clock.sleep(pause_s)
                lane.try_again()
            elif self._is_tried_again(name):
                again_s = backoff_s(tries, base_s=_AGAIN_BASE_S, cap_s=_AGAIN_CAP_S, rng=self._rng)
                tries += 1
                await self._clock.sleep(again_s)
            else:
                return

    def _is_tried_again(self, name: str) -> bool:
        """Whether a lane that could not go on does so later: one whose account is gone, too."""
        return name in self._table.troubles and self._attending > 0

    async def _run_once(self, name: str) -> None:
        self._table.troubles.pop(name, None)
        try:
            while True:
                is_lost = await self._drive(name)
                lane = self._table.lanes[name]
                if lane.is_winding_up or not self.may_drive(name):
                    return
                if not is_lost and (not lane.is_poked or lane.error is not None):
                    return  # nothing came while it was let go
                # Who waited for what this lane knew looks into the store until it is taken again.
                self._waiters.announce_all()
                if is_lost:
                    await self._clock.sleep(RECLAIM_S)
        except StoreError as error:
            self._table.troubles[name] = error
            _log.error("store.failed", lane=name, error=str(error))
        except Exception as error:  # a fault of ours ends this lane with a reason, and no other
            reason = f"{type(error).__name__}: {error}"
            self._table.troubles[name] = BatchHubError(f"lane {name} stopped: {reason}")
            _log.error("lane.stopped", lane=name, error=reason)
        finally:
            # Nothing moves in this lane any more: a `wait` without this would sleep to its end.
            self._waiters.announce_all()

    async def _drive(self, name: str) -> bool:
        """Take a lane and drive it; return whether another process has taken it over."""
        lane = self._table.lanes[name]
        try:
            hold = await self._claims.take(lane, is_attended=bool(self._attending))
        finally:
            self._owners.clear(name)
        if hold is None:
            return False
        self._held[name] = hold
        self._watch.start()
        self._claims.begin_beating()
        _log.info("lane.claimed", lane=name)
        try:
            await lane.drive(hold)
            while (successor := self._table.successors.pop(name, None)) is not None:
                lane = self._changes.succeed(lane, successor, hold)
                await lane.drive(hold)
        finally:
            # First: from here on the store knows more than this lane's memory.
            self._held.pop(name, None)
            if hold.is_lost:
                _log.warning("lane.lost", lane=name)
            else:
                await self._claims.let_go(lane, hold)
        return hold.is_lost


async def _wait_for(tasks: Collection[asyncio.Task[None]]) -> None:
    # Not `gather`: one lane's error must not keep the others from closing.
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:  # no patience left: what has no answer is in doubt
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=2 * END_S)
        raise

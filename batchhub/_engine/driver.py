"""The driver: which lanes this process drives, and who is woken by a change."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from typing import Final

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import LaneOwner, Store
from batchhub.errors import BatchHubError, StoreError
from batchhub.models import BatchStatus, Contact

from .figures import Figures
from .lane import CLOSING_S, Lane
from .lane_claims import RECLAIM_S, LaneClaims
from .lane_hold import LaneHold
from .lesson_keeper import LessonKeeper
from .owner_watch import OwnerWatch
from .process_lock import ProcessLock
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
        drives: bool = True,
    ) -> None:
        self.drives = drives
        self._rng = rng
        self._is_closing = False
        self._attending = 0
        self._store = store
        self._clock = clock
        self._process = process
        self.me = LaneOwner(token=process.token, pid=os.getpid(), host=socket.gethostname())
        self.figures = Figures(store, clock, process.token, self._note_saved)
        self.lessons = LessonKeeper(store, clock)
        self._lanes: dict[str, Lane] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._successors: dict[str, Lane] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._troubles: dict[str, BatchHubError] = {}
        self._waiters = Waiters(clock)
        self._owners = OwnerWatch(
            store,
            clock,
            process,
            self.me,
            is_driving=self.is_driving,
            on_change=self._waiters.announce_all,
        )
        self._claims = LaneClaims(
            store,
            clock,
            process,
            self.me,
            owners=self._owners,
            lessons=self.lessons,
            lanes=self._lanes,
        )
        self._held = self._claims.held
        self._watch = StoreWatch(
            store,
            clock,
            lanes=lambda: self._held,
            doubtful=lambda: {name for name in self._held if self._lanes[name].is_in_doubt},
            on_lane=self._note_news,
            on_job=self.announce,
        )

    def drive(self, lane: Lane) -> None:
        """
        Drive a lane in the background until it has nothing left to do.

        A lane that another process drives is taken over as soon as it is free. One whose
        credentials were refused sends nothing until its pause is over; then one request is tried.
        """
        if not self.drives or self._is_closing:
            return  # what is new for the lane is in the store
        known = self._lanes.setdefault(lane.name, lane)
        if known is not lane and self._successors.get(lane.name) is not lane:
            self.replace(known, lane)  # it was removed, and its account is there again
        if (newest := self._find_newest(lane.name)) is not None and newest.error is not None:
            return
        lane = self._lanes[lane.name]
        # A lane that is being driven looks into the store; it needs no second task.
        lane.poke()
        task = self._tasks.get(lane.name)
        if task is None or task.done():
            self._start(lane.name)

    def _start(self, name: str) -> None:
        before = self._tasks.get(name)
        self._tasks[name] = asyncio.create_task(
            self._run(name, before), name=f"batchhub-lane-{name}"
        )

    def lanes(self) -> Collection[Lane]:
        """Return the lanes it knows, those that are about to take another's place included."""
        return [*self._lanes.values(), *self._successors.values()]

    # Other settings.

    def replace(self, old: Lane, new: Lane) -> None:
        """
        Have a lane take another's place: it is the same account, with other settings.

        What the old one has under way is answered first, and it hands on the right to drive. Where
        it waits, for another process or since its credentials were refused, the new one begins.
        """
        name = new.name
        if self._is_closing:
            return
        if old not in self.lanes():  # it was never driven
            self._discard(old)
        if self._lanes.get(name) is None:
            return
        if name in self._held:
            if (waiting := self._successors.pop(name, None)) is not None:
                new.inherit(waiting)
                self._discard(waiting)
            self._successors[name] = new
            self._lanes[name].close(None)
            return
        self._succeed(self._lanes[name], new)
        task = self._tasks.get(name)
        if task is not None and not task.done():
            task.cancel()
            self._start(name)

    def retire(self, lane: Lane) -> None:
        """
        Drive a lane whose account is gone to the end of what the vendor has; then forget it.

        Where another process drives it until it is stopped, that one goes on with all of it.

        One that is not driven at this moment, such as one that waits, is forgotten at once.
        """
        name = lane.name
        if name in self._held and lane in {self._lanes[name], self._successors.get(name)}:
            lane.wind_up()
            self._offer(name)
            return
        if self._lanes.get(name) is lane:
            del self._lanes[name]
            if (task := self._tasks.pop(name, None)) is not None:
                task.cancel()
                self._keep(task)
            self._troubles.pop(name, None)
            self._claims.forget(name)
        self._discard(lane)

    def _offer(self, name: str) -> None:
        """Let a lane go whose account is gone here, if another process drives it for good."""
        self._keep(asyncio.create_task(self._offer_now(name), name="batchhub-offer"))

    async def _offer_now(self, name: str) -> None:
        try:
            other = await self._owners.find_attendant(name)
        except StoreError:
            return  # then it is followed here
        lane = self._lanes.get(name)
        if other is None or name not in self._held or lane is None or not lane.is_winding_up:
            return
        if name not in self._successors:
            lane.close(None)  # else what is new would wait for all that the vendor has

    def _succeed(self, old: Lane, new: Lane, hold: LaneHold | None = None) -> Lane:
        """Put a lane in another's place; with a hold it goes on at once."""
        if hold is not None:
            new.adapter.transport.restore(old.adapter.transport.spent())
            hold.hand_on = partial(self._claims.hand_on, new)
        new.inherit(old)
        self._lanes[new.name] = new
        self._troubles.pop(new.name, None)
        self._discard(old)
        self._waiters.announce_all()
        return new

    def _discard(self, lane: Lane) -> None:
        """Close the adapter of a lane that is driven no more."""
        self._keep(asyncio.create_task(self._close_adapter(lane), name="batchhub-discard"))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _close_adapter(self, lane: Lane) -> None:
        try:
            await lane.adapter.aclose()
        except Exception as error:  # one adapter's trouble keeps nothing else open
            _log.error("adapter.failed", lane=lane.name, error=str(error))
        finally:
            lane.adapter.transport.leave()

    @contextmanager
    def attending(self, on_news: Callable[[], None]) -> Iterator[None]:
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
        if lane in self._held:
            self._lanes[lane].note_pushes()

    def find_epoch(self, lane: str) -> int | None:
        """Return the number of the last hold that this process had of a lane, if it had one."""
        return self._claims.find_epoch(lane)

    def owns(self, lane: str) -> bool:
        """Whether this process drives a lane at this moment."""
        return lane in self._held

    @property
    def owned(self) -> Sequence[Lane]:
        """The lanes that this process drives at this moment, also of accounts that are gone."""
        return [self._lanes[name] for name in self._held]

    def is_driving(self, lane: str) -> bool:
        """Whether this process drives a lane, or waits to take it over."""
        task, known = self._tasks.get(lane), self._find_newest(lane)
        is_paused = known is not None and known.error is not None
        return task is not None and not task.done() and not is_paused

    def find_trouble(self, lane: str) -> BatchHubError | None:
        """Return what stopped a lane: refused credentials, or a store that can't be read."""
        known = self._find_newest(lane)
        return (known.error if known else None) or self._troubles.get(lane)

    def _find_newest(self, lane: str) -> Lane | None:
        """Return a lane, or the one that is about to take its place."""
        return self._successors.get(lane) or self._lanes.get(lane)

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

    def looking_on(self, lane: str) -> AbstractContextManager[None]:
        """For as long as it is entered, find out whether anybody drives a lane."""
        return self._owners.looking_on(lane)

    def find_status(self, lane: str, job_id: str) -> BatchStatus | None:
        """Return the freshest status of a job this process drives; `None` for any other."""
        known = self._lanes.get(lane) if lane in self._held else None
        return known.find_status(job_id) if known else None

    def is_sending(self, lane: str, job_id: str) -> bool:
        """Whether a lane this process drives is sending what is, or goes before, a job's own."""
        known = self._lanes.get(lane) if lane in self._held else None
        return known is not None and known.is_sending(job_id)

    def find_cooling(self, lane: str) -> datetime | None:
        """Return until when a lane this process drives is silent; `None` if nothing cools."""
        known = self._lanes.get(lane) if lane in self._held else None
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
        for name, task in self._tasks.items():
            self._lanes[name].close(grace_s)
            task.cancel()
        if self._tasks:
            await self._wait_for_lanes()
        await self._watch.aclose()
        await self._owners.aclose()
        await self.figures.aclose()
        self._waiters.close()
        await self._claims.stop_beating()
        # At once: each may take some seconds.
        for lane in {*self.lanes(), *others}:
            self._discard(lane)
        if self._ending:
            await asyncio.wait(set(self._ending))
        # Together, so that they share a commit.
        _, is_let_go = await asyncio.gather(self.lessons.aclose(), self._claims.let_all_go())
        return is_let_go

    async def _wait_for_lanes(self) -> None:
        # Not `gather`: one lane's error must not keep the others from closing.
        tasks = list(self._tasks.values())
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:  # no patience left: what has no answer is in doubt
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=2 * END_S)
            raise

    def _note_news(self, lane: str) -> None:
        """Have a lane look at what another process has written."""
        self._lanes[lane].poke()
        self._lanes[lane].note_pushes()
        self._lanes[lane].note_wishes()
        if self._lanes[lane].is_winding_up:
            self._offer(lane)

    def _note_saved(self, error: StoreError | None) -> None:
        for name in self._held:
            self._lanes[name].note_saved(error)

    async def _run(self, name: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})  # it was called off, for a lane with other settings
        tries = 0
        while True:
            await self._run_once(name)
            lane = self._lanes[name]
            if (successor := self._successors.pop(name, None)) is not None:
                self._succeed(lane, successor)  # the store was in the way
                tries = 0
            elif lane.is_winding_up and not self._is_tried_again(name):
                self._forget(lane)
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
        return name in self._troubles and self._attending > 0

    def _forget(self, lane: Lane) -> None:
        del self._lanes[lane.name]
        self._tasks.pop(lane.name, None)
        self._troubles.pop(lane.name, None)
        self._claims.forget(lane.name)
        self._discard(lane)

    async def _run_once(self, name: str) -> None:
        self._troubles.pop(name, None)
        try:
            while True:
                is_lost = await self._drive(name)
                lane = self._lanes[name]
                if lane.is_winding_up:
                    return
                if not is_lost and (not lane.is_poked or lane.error is not None):
                    return  # nothing came while it was let go
                # Who waited for what this lane knew looks into the store until it is taken again.
                self._waiters.announce_all()
                if is_lost:
                    await self._clock.sleep(RECLAIM_S)
        except StoreError as error:
            self._troubles[name] = error
            _log.error("store.failed", lane=name, error=str(error))
        except Exception as error:  # a fault of ours ends this lane with a reason, and no other
            reason = f"{type(error).__name__}: {error}"
            self._troubles[name] = BatchHubError(f"lane {name} stopped: {reason}")
            _log.error("lane.stopped", lane=name, error=reason)
        finally:
            # Nothing moves in this lane any more: a `wait` without this would sleep to its end.
            self._waiters.announce_all()

    async def _drive(self, name: str) -> bool:
        """Take a lane and drive it; return whether another process has taken it over."""
        lane = self._lanes[name]
        try:
            hold = await self._claims.take(lane, is_attended=bool(self._attending))
        finally:
            self._owners.clear(name)
        self._held[name] = hold
        self._watch.start()
        self._claims.begin_beating()
        _log.info("lane.claimed", lane=name)
        try:
            await lane.drive(hold)
            while (successor := self._successors.pop(name, None)) is not None:
                lane = self._succeed(lane, successor, hold)
                await lane.drive(hold)
        finally:
            # First: from here on the store knows more than this lane's memory.
            self._held.pop(name, None)
            if hold.is_lost:
                _log.warning("lane.lost", lane=name)
            else:
                await self._claims.let_go(lane, hold)
        return hold.is_lost

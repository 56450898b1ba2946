"""An open hub: the store, the driver, and the lanes of its accounts."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from contextlib import suppress
from typing import Any, Self, cast

from batchhub._base.clock import Clock
from batchhub._base.file_mode import FileMode
from batchhub._base.log import get_logger
from batchhub._base.measures import Measures
from batchhub._base.threads import in_thread
from batchhub._exchanges import ExchangeLog
from batchhub._store import LaneOwner, Store
from batchhub.errors import BatchHubError, StoreError, UsageError

from .account_book import AccountBook
from .attendance import Attendance
from .driver import Driver
from .hub_lanes import HubLanes
from .lane import CLOSING_S, Lane
from .lane_rules import find_learners
from .loading import Loader
from .moves import move_old_jobs
from .presence import Presence
from .process_lock import ProcessLock
from .shard_claims import ShardClaims
from .shards import Engine, Shards
from .store_clock import StoreClock, find_clock

_log = get_logger()


class OpenHub:
    """
    Shared by a hub and the handles of its jobs.

    Attributes:
        store: The jobs.
        driver: What drives them.
        loader: What loads new ones.
        clock: Where time comes from.
        process: The token of this open hub, and whether other processes live.
        measures: Counts of what it does.
        exchanges: The record of what was exchanged with vendors.
        lanes: The lane of each account.
        shards: Which of the lanes are this process's, where many processes of several machines
            share the store; else `None`.
    """

    def __init__(
        self,
        store: Store,
        book: AccountBook,
        clock: Clock,
        rng: random.Random,
        *,
        mode: FileMode = FileMode.PRIVATE,
        drives: bool = True,
    ) -> None:
        self.store = store
        if not getattr(clock, "is_simulated", False):
            store.use_bell(clock)  # what others ring comes in real time
        self.clock = clock
        self.measures = Measures(store.measures)
        self.process = ProcessLock(store.path, mode, is_shared=store.is_shared)
        me = LaneOwner(token=self.process.token, pid=os.getpid(), host=socket.gethostname())
        claims = ShardClaims(store, clock, me) if store.is_cluster else None
        self.driver = Driver(store, clock, self.process, rng, me=me, drives=drives, shards=claims)
        self.exchanges = ExchangeLog(store.place, mode, clock)
        self.loader = Loader(store, self.process, clock, self.exchanges.forget)
        self.lanes = HubLanes(
            book,
            store=store,
            clock=clock,
            rng=rng,
            driver=self.driver,
            measures=self.measures,
            exchanges=self.exchanges,
        )
        self._attendance = Attendance(
            store=store,
            clock=clock,
            rng=rng,
            driver=self.driver,
            presence=Presence(store, clock, self.process, me, is_cluster=claims is not None),
            names=self.lanes.names,
            find_lane=self.lanes.find,
            shards=claims,
        )
        self.shards: Shards | None = None
        if claims is not None:
            self.shards = Shards(
                store=store,
                clock=clock,
                claims=claims,
                driver=self.driver,
                attendance=self._attendance,
                find_obstacle=self._find_obstacle,
            )
        self._changing = asyncio.Lock()
        self._is_closing = False
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(
        cls,
        store: str | None,
        book: AccountBook,
        clock: Clock,
        rng: random.Random,
        *,
        mode: FileMode = FileMode.PRIVATE,
        drives: bool = True,
    ) -> Self:
        """Open the store and what belongs to it; without `drives` nothing is ever sent."""
        found = await Store.open(store, mode)
        try:
            clock = await find_clock(found, clock)
        except BaseException:
            await found.aclose()
            raise
        opened = cls(found, book, clock, rng, mode=mode, drives=drives)
        try:
            if book.usable:  # who only reads leaves the store alone
                opened.loader.clean()
            await opened._prepare(book)
        except BaseException:
            await opened.aclose()
            raise
        return opened

    async def _prepare(self, book: AccountBook) -> None:
        """Say what is odd about accounts, and take over what the store has of earlier ones."""
        book.warn()
        accounts = book.usable
        if not accounts:
            return
        await self.driver.lessons.load(find_learners(accounts.values(), book.polling))
        try:
            await move_old_jobs(self.store, accounts)
        except StoreError as error:  # they stay, and are named
            _log.error("store.failed", store=self.store.name, error=str(error))

    async def set_accounts(self, book: AccountBook) -> None:
        """Take other accounts; see `HubLanes.change`. One change after the other."""
        async with self._changing:
            await self._prepare(book)
            if self._is_closing:
                return  # meanwhile: nobody would close what is made for them
            self.lanes.change(book)
            self._attendance.look_again()
            if self.shards is not None:
                self.shards.note_news()

    async def aclose(self, *, grace_s: float = CLOSING_S, is_let_go: bool = True) -> None:
        """
        Stop driving and close everything.

        Args:
            grace_s: Seconds that requests with an effect get to end.
            is_let_go: Whether no event is claimed by this hub any more.
        """
        self._is_closing = True
        self._attendance.close()
        # Meanwhile: nothing new is to be sent from now on, whatever the store is busy with.
        leaving = asyncio.create_task(self._attendance.leave(), name="batchhub-leaving")
        try:
            if self.shards is not None:
                await self.shards.aclose(grace_s)
            others = self.lanes.made.values()
            is_let_go = await self.driver.aclose(grace_s, others=others) and is_let_go
        except BaseException:
            is_let_go = False
            raise
        finally:
            await asyncio.wait({leaving})
            has_left = not leaving.cancelled() and leaving.exception() is None and leaving.result()
            is_let_go = is_let_go and has_left
            try:
                await self.lanes.aclose()
            finally:
                try:
                    await self.loader.aclose()
                finally:
                    try:
                        await self._close_files()
                    finally:
                        # A file that stays can be locked: so others see that this process ended.
                        self.process.release(is_let_go=is_let_go)

    async def _close_files(self) -> None:
        if isinstance(self.clock, StoreClock):
            await self.clock.aclose()
        try:
            await self.store.aclose()
        finally:
            if self.exchanges.is_running:
                await in_thread(self.exchanges.close)
            else:  # a call that an adapter does not end may still have something to say
                self.exchanges.close()

    async def abandon(self) -> None:
        """Close what is left when the event loop it was opened in has ended, with all its tasks."""
        try:
            self.lanes.abandon()
        finally:
            self.exchanges.close()
            try:
                await self.store.aclose()
            finally:
                self.process.release(is_let_go=False)

    def quiet_tasks(self) -> None:
        """Have its tasks end without a word, if their event loop has ended and they have not."""
        if self.store.has_lost_loop:
            for task in asyncio.all_tasks(self._loop):
                if task.get_name().startswith("batchhub-"):
                    cast("Any", task)._log_destroy_pending = False  # noqa: SLF001

    def get_lane(self, account: str) -> Lane:
        """
        Return the lane of an account.

        Raises:
            NotKnownError: No such account, or its adapter is not installed.
            AdapterError: Its adapter does not load.
            SettingsError: Another account has the same lane, and other settings.
        """
        return self.lanes.get(account)

    def find_lane(self, name: str) -> Lane | None:
        """
        Return a lane by its own name; `None` if no account goes through it.

        Raises:
            SettingsError: Accounts with different settings do.
            AdapterError: Their adapter does not load.
        """
        return self.lanes.find(name)

    def drive_lane(self, name: str) -> None:
        """Drive a lane as its account is by now, if it still has one that can be used."""
        with suppress(BatchHubError):  # what is new for it is in the store
            lane = self.lanes.find(name)
            if lane is not None:
                self.driver.drive(lane)
                return
        self.driver.note_news(name)  # it may still follow what the vendor has

    async def drive_open_jobs(self) -> tuple[list[str], set[str]]:
        """
        Drive the lane of every unfinished job.

        Returns:
            The ids of the jobs, oldest first; and the lanes that are driven, without those of other
            hubs' accounts.

        Raises:
            StoreError: The store can't be read.
        """
        job_ids: list[str] = []
        driven: set[str] = set()
        for job_id, account, name in await self.store.jobs.find_open_ids():
            job_ids.append(job_id)
            try:
                lane = self.find_lane(name)
            except BatchHubError as error:  # one account's settings do not stop the others
                _log.error(
                    "lane.stopped", job_id=job_id, account=account, lane=name, error=str(error)
                )
                continue
            if lane is not None:
                self.driver.drive(lane)
                driven.add(lane.name)
        return job_ids, driven

    def _find_obstacle(self, lane: str) -> str | None:
        return self.lanes.find_obstacle(lane) or self._attendance.find_refusal(lane)

    async def drive(self, engine: Engine | None = None) -> None:
        """
        Drive all lanes, and what comes to them, until it is cancelled.

        Args:
            engine: Shares out the shards, where many processes of several machines drive.

        Raises:
            StoreError: The store can only be read.
            UsageError: Such a store needs an engine, and no other takes one.
        """
        self.store.loads.check_writable()
        if self.shards is None:
            if engine is not None:
                raise UsageError(
                    f"an engine shares out what a PostgreSQL store has to do; {self.store.name} is "
                    "none: call drive() without one"
                )
            await self._attendance.run()
        elif engine is None:
            raise UsageError(
                "what a PostgreSQL store has to do is shared out by an engine: "
                "hub.drive(batchhub.cluster.Procrastinate(STORE))"
            )
        else:
            await self.shards.run(engine)

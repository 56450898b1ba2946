"""An open hub: the store, the driver, one HTTP session, and a lane per account."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Final, Self, cast

from batchhub._adapter.account import Account
from batchhub._adapter.risks import find_risks
from batchhub._base.clock import Clock
from batchhub._base.file_mode import FileMode
from batchhub._base.log import get_logger
from batchhub._base.measures import Measures
from batchhub._base.threads import in_thread
from batchhub._exchanges import ExchangeLog
from batchhub._settings.account_check import check_names
from batchhub._settings.registry import Registry
from batchhub._settings.twins import check_twins
from batchhub._store import Store
from batchhub.errors import AdapterError, BatchHubError, NotKnownError, SettingsError, StoreError
from batchhub.polling import PollRule

from .account_adapter import make_adapter
from .attendance import Attendance
from .driver import Driver
from .lane import CLOSING_S, Lane
from .lane_rules import find_learners, make_rule
from .loading import Loader
from .moves import move_old_jobs
from .process_lock import ProcessLock
from .verb_calls import VerbCall, VerbCalls

if TYPE_CHECKING:
    from batchhub._http.session import Session

_warned: Final[set[tuple[str, str, str]]] = set()

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
    """

    def __init__(
        self,
        store: Store,
        accounts: Mapping[str, Account],
        registry: Registry,
        clock: Clock,
        rng: random.Random,
        *,
        mode: FileMode = FileMode.PRIVATE,
        polling: PollRule | None = None,
        drives: bool = True,
    ) -> None:
        self.store = store
        self.clock = clock
        self.measures = Measures(store.measures)
        self.process = ProcessLock(store.path, mode)
        self.driver = Driver(store, clock, self.process, rng, drives=drives)
        self.exchanges = ExchangeLog(store.path, mode, clock)
        self.loader = Loader(store, self.process, clock, self.exchanges.forget)
        self._accounts = accounts
        self._registry = registry
        self._by_lane: dict[str, dict[str, Account]] = {}
        self._broken: dict[str, AdapterError] = {}
        for name, account in accounts.items():
            self._add_account(name, account)
        self._rng = rng
        self._polling = polling
        self._session: Session | None = None
        self._calls = VerbCalls()
        self._calls.on_left = self._leave
        self._lanes: dict[str, Lane] = {}
        self._attendance = Attendance(
            store=store,
            clock=clock,
            rng=rng,
            driver=self.driver,
            names=self._by_lane.keys,
            find_lane=self.find_lane,
        )
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(
        cls,
        store: str | None,
        accounts: Mapping[str, Account],
        registry: Registry,
        clock: Clock,
        rng: random.Random,
        *,
        mode: FileMode = FileMode.PRIVATE,
        polling: PollRule | None = None,
        drives: bool = True,
    ) -> Self:
        """Open the store and what belongs to it; without `drives` nothing is ever sent."""
        opened = cls(
            await Store.open(store, mode),
            accounts,
            registry,
            clock,
            rng,
            mode=mode,
            polling=polling,
            drives=drives,
        )
        accounts = {name: one for name, one in accounts.items() if name not in opened._broken}
        _warn_of_risks(accounts)
        for twins in opened._by_lane.values():
            try:
                check_twins(twins)
            except SettingsError as error:  # refused when the lane is opened; reading is no harm
                _log.warning("accounts.differ", accounts=sorted(twins), reason=str(error))
        if accounts:  # who only reads leaves the store alone
            opened.loader.clean()
            await opened.driver.lessons.load(find_learners(accounts.values(), polling))
            try:
                await move_old_jobs(opened.store, accounts)
            except StoreError as error:  # they stay, and are named
                _log.error("store.failed", store=opened.store.name, error=str(error))
        return opened

    async def aclose(self, *, grace_s: float = CLOSING_S, is_let_go: bool = True) -> None:
        """
        Stop driving and close everything.

        Args:
            grace_s: Seconds that requests with an effect get to end.
            is_let_go: Whether no event is claimed by this hub any more.
        """
        self._attendance.close()
        try:
            is_let_go = await self.driver.aclose(grace_s) and is_let_go
        except BaseException:
            is_let_go = False
            raise
        finally:
            self._calls.close()
            try:
                if self._session is not None:
                    await self._session.close()
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
        try:
            await self.store.aclose()
        finally:
            if self.exchanges.is_running:
                await in_thread(self.exchanges.close)

    async def abandon(self) -> None:
        """Close what is left when the event loop it was opened in has ended, with all its tasks."""
        self._calls.close()
        try:
            if self._session is not None:
                self._session.abandon()
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
        if account not in self._accounts:
            hint = "" if self._accounts else "no accounts are configured"
            raise NotKnownError("account", account, self._accounts, hint)
        if account in self._broken:
            raise copy(self._broken[account])
        check_twins(self._by_lane[self._accounts[account].lane])
        return self._lane_of(self._accounts[account])

    def _add_account(self, name: str, account: Account) -> None:
        """Take an account; one that breaks a rule is refused where it is used, and no other is."""
        try:
            check_names(account, self._registry.source_for(account))
        except AdapterError as error:
            self._broken[name] = error
            _log.error("adapter.failed", account=name, error=str(error))
        else:
            self._by_lane.setdefault(account.lane, {})[name] = account

    def find_lane(self, name: str) -> Lane | None:
        """
        Return a lane by its own name; `None` if no account goes through it.

        Raises:
            SettingsError: Accounts with different settings do.
            AdapterError: Their adapter does not load.
        """
        twins = self._by_lane.get(name)
        if twins is None:
            return None
        check_twins(twins)
        return self._lane_of(next(iter(twins.values())))

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

    async def drive(self) -> None:
        """
        Drive all lanes, and what comes to them, until it is cancelled.

        Raises:
            StoreError: The store can only be read.
        """
        self.store.loads.check_writable()
        await self._attendance.run()

    def _lane_of(self, account: Account) -> Lane:
        if account.lane not in self._lanes:
            adapter = make_adapter(
                self._registry,
                account,
                self._get_session(),
                self._calls,
                clock=self.clock,
                rng=self._rng,
                measures=self.measures,
            )
            if self.exchanges.path is not None:
                name = next(iter(self._by_lane[account.lane]))
                adapter.transport.keep_exchanges(self.exchanges, name)
            self._lanes[account.lane] = Lane(
                name=account.lane,
                adapter=adapter,
                store=self.store,
                clock=self.clock,
                rng=self._rng,
                announce=self.driver.announce,
                figures=self.driver.figures,
                measures=self.measures.of(adapter.name),
                rule=make_rule(
                    account, self._polling, self.driver.lessons.lessons, adapter.transport
                ),
            )
        return self._lanes[account.lane]

    def _leave(self, call: VerbCall) -> None:
        """Go on without a call of an adapter that does not end."""
        for lane in self._lanes.values():
            lane.leave(call)

    def _get_session(self) -> Session:
        """Open the session with the first lane: reading the store needs no HTTP."""
        from batchhub._http.session import open_session  # noqa: PLC0415  # slow to import

        if self._session is None:
            self._session = open_session(lanes=len(self._accounts))
        return self._session


def _warn_of_risks(accounts: Mapping[str, Account]) -> None:
    """Log what is risky about the accounts' settings; once for each account of the process."""
    for name, account in accounts.items():
        for risk in find_risks(account):
            if (name, account.lane, risk) not in _warned:
                _warned.add((name, account.lane, risk))
                _log.warning("account.warned", account=name, lane=account.lane, risk=risk)

"""The lanes of an open hub: each made when it is first needed, and anew with other settings."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from batchhub._adapter.account import Account
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.measures import Measures
from batchhub._exchanges import ExchangeLog
from batchhub._store import Store
from batchhub.errors import BatchHubError, SettingsError

from .account_adapter import make_adapter
from .account_book import AccountBook
from .driver import Driver
from .lane import Lane
from .lane_rules import make_rule
from .verb_calls import VerbCall, VerbCalls

if TYPE_CHECKING:
    from batchhub._http.session import Session

_log = get_logger()


class HubLanes:
    """
    Makes the lanes of the accounts of a hub, which all send through one HTTP session.

    Args:
        book: The accounts.
        store: The jobs.
        clock: Where time comes from.
        rng: Where the jitter comes from.
        driver: What drives them.
        measures: Counts of what they do.
        exchanges: The record of what they exchange with vendors.
    """

    def __init__(
        self,
        book: AccountBook,
        *,
        store: Store,
        clock: Clock,
        rng: random.Random,
        driver: Driver,
        measures: Measures,
        exchanges: ExchangeLog,
    ) -> None:
        self._book = book
        self._store = store
        self._clock = clock
        self._rng = rng
        self._driver = driver
        self._measures = measures
        self._exchanges = exchanges
        self._session: Session | None = None
        self._calls = VerbCalls()
        self._calls.on_left = self._leave
        self._lanes: dict[str, Lane] = {}
        self._books: dict[str, AccountBook] = {}
        self._obstacles: dict[str, str | None] = {}

    def get(self, account: str) -> Lane:
        """
        Return the lane of an account.

        Raises:
            NotKnownError: No such account, or its adapter is not installed.
            AdapterError: Its adapter does not load.
            SettingsError: Another account has the same lane, and other settings.
        """
        return self._lane_of(self._book.get(account))

    def find(self, name: str) -> Lane | None:
        """
        Return a lane by its own name; `None` if no account goes through it.

        Raises:
            SettingsError: Accounts with different settings do, and it was not made before.
            AdapterError: Their adapter does not load.
        """
        try:
            account = self._book.find(name)
        except SettingsError:
            if name not in self._lanes:
                raise
            return self._lanes[name]  # it goes on as it was
        return None if account is None else self._lane_of(account)

    def find_obstacle(self, name: str) -> str | None:
        """
        Return in a line why no lane of that name can be driven; `None` if one can.

        For that none is made: there may be thousands that other processes drive.
        """
        if name not in self._obstacles:
            self._obstacles[name] = self._look_for_obstacle(name)
        return self._obstacles[name]

    def _look_for_obstacle(self, name: str) -> str | None:
        if name in self._lanes and name in self._book.lanes:
            return None  # it was made, and goes on as it was
        try:
            account = self._book.find(name)
            if account is None:
                return "no account of this process goes through it"
            self._book.registry.get_for(account)
        except BatchHubError as error:
            return str(error)
        return None

    @property
    def made(self) -> Mapping[str, Lane]:
        """Those that were needed, by name."""
        return self._lanes

    def names(self) -> Collection[str]:
        """Return the names of the lanes of all accounts, whether they were made or not."""
        return self._book.lanes

    def change(self, book: AccountBook) -> None:
        """
        Take other accounts. The lane of one that is as it was is not touched, unless it is paused.

        One with other settings goes on with them. Where nobody can say which settings hold, or they
        make no adapter, it goes on as it was. One whose account is gone takes no new jobs and sends
        nothing more; what the vendor has is followed to its end.
        """
        self._book = book
        self._obstacles.clear()
        for name, lane in list(self._lanes.items()):
            try:
                self._change_lane(name, lane, book)
            except BatchHubError as error:
                _log.error("lane.unchanged", lane=name, error=str(error))

    def _change_lane(self, name: str, lane: Lane, book: AccountBook) -> None:
        try:
            account = book.find(name)
        except SettingsError:  # said, with all that differ
            return
        if account is None:
            del self._lanes[name], self._books[name]  # with the secrets of their time
            _log.info("lane.removed", lane=name)
            self._driver.retire(lane)
            return
        is_same = self._books[name].is_same(lane.adapter.account, book, account)
        # The vendor may take the same credentials again: whoever has the settings read says so.
        if is_same and lane.error is None:
            self._books[name] = book
            self._record(lane)
            return
        new = self._lanes[name] = self._make(account)
        _log.info("lane.changed", lane=name)
        self._driver.replace(lane, new)

    def _lane_of(self, account: Account) -> Lane:
        if account.lane not in self._lanes:
            self._lanes[account.lane] = self._make(account)
        return self._lanes[account.lane]

    def _make(self, account: Account) -> Lane:
        book = self._book
        adapter = make_adapter(
            book.registry,
            account,
            self._get_session(),
            self._calls,
            clock=self._clock,
            rng=self._rng,
            measures=self._measures,
        )
        lane = Lane(
            name=account.lane,
            adapter=adapter,
            store=self._store,
            clock=self._clock,
            rng=self._rng,
            announce=self._driver.announce,
            figures=self._driver.figures,
            measures=self._measures.of(adapter.name),
            rule=make_rule(account, book.polling, self._driver.lessons.lessons, adapter.transport),
        )
        self._books[account.lane] = book
        self._record(lane)
        return lane

    def _record(self, lane: Lane) -> None:
        if self._exchanges.path is not None:
            name = self._book.name_of(lane.name)
            lane.adapter.transport.keep_exchanges(self._exchanges, name)

    def _leave(self, call: VerbCall) -> None:
        """Go on without a call of an adapter that does not end."""
        for lane in {*self._lanes.values(), *self._driver.lanes()}:
            lane.leave(call)

    def _get_session(self) -> Session:
        """Open the session with the first lane: reading the store needs no HTTP."""
        from batchhub._http.session import open_session  # noqa: PLC0415  # slow to import

        if self._session is None:
            self._session = open_session(lanes=len(self._book))
        return self._session

    async def aclose(self) -> None:
        """Close what they send through; what they do is over by then."""
        self._calls.close()
        if self._session is not None:
            await self._session.close()

    def abandon(self) -> None:
        """Let go of what they send through: its event loop has ended."""
        self._calls.close()
        if self._session is not None:
            self._session.abandon()

"""An open hub: the store, the driver, one HTTP session, and a lane per account."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from batchhub._adapter.account import Account
from batchhub._base.clock import Clock
from batchhub._http.transport import Transport
from batchhub._settings.registry import Registry
from batchhub._store import Store
from batchhub.adapter import Adapter
from batchhub.errors import NotKnownError

from .driver import Driver
from .lane import Lane

if TYPE_CHECKING:
    import aiohttp


class OpenHub:
    """
    Shared by a hub and the handles of its jobs.

    Attributes:
        store: The jobs.
        driver: What drives them.
        clock: Where time comes from.
    """

    def __init__(
        self,
        store: Store,
        accounts: Mapping[str, Account],
        registry: Registry,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.store = store
        self.clock = clock
        self.driver = Driver(store, clock)
        self._accounts = accounts
        self._registry = registry
        self._rng = rng
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[str, Lane] = {}

    @classmethod
    async def open(
        cls,
        store: str | None,
        accounts: Mapping[str, Account],
        registry: Registry,
        clock: Clock,
        rng: random.Random,
    ) -> Self:
        """Open the store and what belongs to it."""
        return cls(await Store.open(store), accounts, registry, clock, rng)

    async def aclose(self) -> None:
        """Stop driving and close everything."""
        try:
            await self.driver.aclose()
        finally:
            try:
                if self._session is not None:
                    await self._session.close()
            finally:
                await self.store.aclose()

    def get_lane(self, account: str) -> Lane:
        """
        Return the lane of an account.

        Raises:
            NotKnownError: No such account, or its adapter is not installed.
            AdapterError: Its adapter does not load.
        """
        if account not in self._accounts:
            hint = "" if self._accounts else "no accounts are configured"
            raise NotKnownError("account", account, self._accounts, hint)
        return self._lane_of(self._accounts[account])

    def find_lane(self, name: str) -> Lane | None:
        """Return a lane by its own name; `None` if no account goes through it."""
        for account in self._accounts.values():
            if account.lane == name:
                return self._lane_of(account)
        return None

    def _lane_of(self, account: Account) -> Lane:
        if account.lane not in self._lanes:
            adapter_type = self._registry.get(account.adapter)
            self._lanes[account.lane] = Lane(
                name=account.lane,
                adapter=make_adapter(
                    adapter_type, account, self._get_session(), clock=self.clock, rng=self._rng
                ),
                store=self.store,
                clock=self.clock,
                rng=self._rng,
                on_change=self.driver.announce,
            )
        return self._lanes[account.lane]

    def _get_session(self) -> aiohttp.ClientSession:
        """Open the session with the first lane: reading the store needs no HTTP."""
        from batchhub._http.session import open_session  # noqa: PLC0415  # slow to import

        if self._session is None:
            self._session = open_session()
        return self._session


def make_adapter(
    adapter_type: type[Adapter[Any]],
    account: Account,
    session: aiohttp.ClientSession,
    *,
    clock: Clock,
    rng: random.Random,
) -> Adapter[Any]:
    """Make the adapter that speaks for an account, with a transport of its own."""
    transport = Transport(
        session=session,
        clock=clock,
        vendor=adapter_type.name,
        account=account,
        budget=account.budget,
        explain=adapter_type.explain,
        not_executed_statuses=adapter_type.not_executed_statuses,
        rng=rng,
    )
    return adapter_type(account, transport)

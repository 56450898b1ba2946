"""Samples of the store, taken in the background at a steady pace, and whether it can be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from batchhub._adapter.account import Account
from batchhub._base.log import get_logger
from batchhub._engine.open_hub import OpenHub
from batchhub.errors import StoreError

from .labels import Roster
from .sample import Sample, take_sample

SAMPLE_S: Final = 15.0
"""Seconds between two samples: as often as most scrape."""

_log = get_logger()


class Sampler:
    """
    Knows the store, and the accounts of the hub, as they were a few seconds ago.

    Attributes:
        sample: The last sample; `None` before the first.
        error: Why the store could not be read when it was last tried; `None` if it could.
        roster: What figures call the accounts.
        began_s: When it was made, in monotonic seconds.

    Args:
        opened: The open hub.
        accounts: Returns its accounts, by name.
    """

    def __init__(self, opened: OpenHub, accounts: Callable[[], Mapping[str, Account]]) -> None:
        self.sample: Sample | None = None
        self.error: str | None = None
        self.roster = Roster(accounts(), None)
        self.began_s = opened.clock.monotonic()
        self._opened = opened
        self._accounts = accounts
        self._moved: str | None = None
        self._writes = -1

    @property
    def write_error(self) -> str | None:
        """Why the store can't be written; `None` if it can."""
        if self._opened.store.is_read_only:
            return "it could only be opened for reading"
        return self._moved or self._opened.measures.store.error

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            await self.look()
            await self._opened.clock.sleep(SAMPLE_S)

    async def look(self) -> None:
        """Take a sample, and find out whether the store can be written."""
        try:
            self.sample = await take_sample(self._opened, self.roster.lanes)
        except StoreError as error:
            if self.error is None:
                _log.error("store.failed", store=self._opened.store.name, error=str(error))
            self.error = str(error)
        else:
            self.error = None
        self.roster = Roster(self._accounts(), self.sample)
        await self._check_write()

    async def _check_write(self) -> None:
        """
        Try to write where nobody else has since the last look, or where the last try failed.

        A process that drives writes every few seconds, and its last commit says it all; but for a
        file that was moved meanwhile, which can be written and nobody will find again.
        """
        store, counted = self._opened.store, self._opened.measures.store
        writes = counted.commits + counted.failures
        try:
            await store.vitals.check_file()
        except StoreError as error:
            self._moved = str(error)
        else:
            self._moved = None
        if not store.is_read_only and (writes == self._writes or counted.error is not None):
            try:
                await store.vitals.check_write(for_real=counted.error is not None)
            except StoreError as error:  # counted, unless it never came to a transaction
                counted.error = counted.error or str(error)
        self._writes = counted.commits + counted.failures

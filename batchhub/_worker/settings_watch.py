"""Settings that are read again while a worker drives: all of them are taken, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.secrets import blank
from batchhub._base.show import clean
from batchhub._settings.described import in_short
from batchhub.errors import BatchHubError
from batchhub.hub import BatchHub

from .services import Service
from .settings_source import Reading

_READING_S: Final = 60.0
"""Seconds in which settings are read: a keyring, or a disk on a network, may never answer."""

_LONGEST: Final = 1000
_REST_S: Final = 1.0
"""Seconds between two times: whoever asks again and again meanwhile is answered once."""

_log = get_logger()


class Source(Protocol):
    """Where settings come from, such as a `SettingsSource`."""

    def read_again(self) -> Reading:
        """Read them, in a thread; whatever it raises, nothing is taken."""
        ...


class Show(Protocol):
    """Tells how the worker is."""

    def __call__(self, *, is_reading: bool = False) -> None:
        """Tell it; `is_reading` is whether the settings are about to be read."""
        ...


class SettingsWatch:
    """
    Reads a worker's settings again whenever it is asked to.

    Args:
        source: Reads them.
        reading: What they are now.
        hub: Takes the accounts.
        services: What takes the rest.
        on_change: Called before they are read, and after.
        clock: Where time comes from.

    Attributes:
        read_at: When they were last read and taken.
        error: What was wrong with them since then, in one line; `None` if nothing was.
    """

    def __init__(
        self,
        source: Source,
        reading: Reading,
        *,
        hub: BatchHub,
        services: Sequence[Service],
        on_change: Show,
        clock: Clock,
    ) -> None:
        self._source = source
        self._reading = reading
        self._hub = hub
        self._services = services
        self._on_change = on_change
        self._clock = clock
        self._mode = reading.settings.store_mode
        self._store = reading.store
        self._is_asked = asyncio.Event()
        self.read_at = clock.now()
        self.error = next(map(_in_a_line, reading.broken.values()), None)

    @property
    def where(self) -> str:
        """Where they come from."""
        return self._reading.settings.where

    def read_again_soon(self) -> None:
        """Read them once more; what is asked while they are being read is done once after that."""
        self._is_asked.set()

    async def run(self) -> None:
        """Read them whenever somebody asks, until cancelled."""
        while True:
            await self._is_asked.wait()
            self._is_asked.clear()
            self._on_change(is_reading=True)
            try:
                async with asyncio.timeout(_READING_S):
                    reading = await asyncio.to_thread(self._source.read_again)
                await self._take(reading)
            except TimeoutError:
                self._refuse(f"they could not be read within {_READING_S:.0f} s")
            except Exception as error:  # also what the class of an account may raise
                self._refuse(_in_a_line(error))
            self._on_change()
            await self._clock.sleep(_REST_S)

    def _refuse(self, why: str) -> None:
        self.error = why
        _log.error("settings.refused", settings=self.where, error=why)

    async def _take(self, reading: Reading) -> None:
        before = set(self._hub.accounts)
        await self._hub.set_accounts(reading.accounts, polling=reading.settings.polling)
        self._reading, self.read_at, self.error = reading, self._clock.now(), None
        _log.info(
            "settings.taken",
            settings=self.where,
            accounts=sorted(reading.accounts),
            added=sorted(reading.accounts.keys() - before),
            removed=sorted(before - reading.accounts.keys()),
        )
        if stays := list(self._find_unchangeable()):
            self._refuse(f"{' and '.join(stays)} changed, which takes a restart of the worker")
        for service in self._services:
            try:
                service.reload(reading)
            except Exception as error:
                self._refuse(f"{service.name}: {_in_a_line(error)}")

    def _find_unchangeable(self) -> Iterator[str]:
        """Yield what is different from what the hub was opened with."""
        if self._reading.store != self._store:
            yield "store"
        if self._reading.settings.store_mode != self._mode:
            yield "store_mode"


def _in_a_line(error: BaseException) -> str:
    text = in_short(error) if isinstance(error, BatchHubError) else f"internal: {error!r}"
    return clean(blank(text), _LONGEST)

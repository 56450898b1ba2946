"""The store behind the page: opened when it is there, and anew when another takes its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from attrs import define

from batchhub._base.clock import Clock
from batchhub._base.store_place import find_store_place
from batchhub.errors import BatchHubError, StoreError
from batchhub.hub import BatchHub, opened

_DATABASE: Final = (0, 0)
"""In place of what tells a file from others: the same database is asked again and again."""


class NoStoreError(Exception):
    """There is no store yet."""


@define
class _Held:
    """An open hub, and how many look at it."""

    hub: BatchHub
    file: tuple[int, int]
    users: int = 0
    is_over: bool = False


class StoreDoor:
    """
    Opens the store for whoever looks.

    A store that is not there is not made; whether a database has its tables is found out when it is
    opened. One whose file was replaced, or that failed, is opened anew for the next look; whoever
    is still looking at the old one is left alone.

    Args:
        store: Its path or URL.
        store_mode: Who may use its files, as for `BatchHub`.
        clock: Source of time.
    """

    def __init__(self, store: str, store_mode: str, clock: Clock) -> None:
        self._store_mode = store_mode
        self._clock = clock
        self._place = find_store_place(store)
        # A relative path is not one for whoever works elsewhere later.
        self._store = store if self._place.path is None else str(self._place.path)
        # In full: which file "jobs.db" is nobody sees who looks from elsewhere.
        self.name = self._place.name
        self._held: _Held | None = None
        self._opening = asyncio.Lock()
        self._changes = 0
        self._opened = 0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[BatchHub]:
        """
        Give a hub that drives nothing, open while it is used.

        Raises:
            NoStoreError: There is no store.
            StoreError: It can't be opened.
        """
        held = await self._find()
        held.users += 1
        try:
            yield held.hub
        except StoreError:
            held.is_over = True
            raise
        finally:
            held.users -= 1
            await self._drop_if_over(held)

    def note_change(self) -> None:
        """Say that this process has written to the store, which it does not see by itself."""
        self._changes += 1

    async def version(self) -> str:
        """Return a text that is another one when anything of the store has changed."""
        try:
            async with self.enter() as hub:
                number = await (await opened(hub)).store.foreign_version()
        except NoStoreError:
            return "none"
        except BatchHubError as error:
            return f"broken-{abs(hash(str(error))):x}"
        return f"{self._opened:x}-{number:x}-{self._changes:x}"

    async def aclose(self) -> None:
        """Close what is open."""
        held, self._held = self._held, None
        if held is not None:
            await held.hub.aclose()

    async def _find(self) -> _Held:
        async with self._opening:
            file = self._find_file()
            if self._held is not None and (self._held.is_over or self._held.file != file):
                old, self._held = self._held, None
                old.is_over = True
                await self._drop_if_over(old)
            if file is None:
                raise NoStoreError
            if self._held is None:
                hub = BatchHub(
                    self._store, clock=self._clock, store_mode=self._store_mode, drives=False
                )
                await hub.__aenter__()
                self._opened += 1
                self._held = _Held(hub=hub, file=self._find_file() or file)
            return self._held

    def _find_file(self) -> tuple[int, int] | None:
        """Return what tells the store's file from every other one; `None` if there is none."""
        path = self._place.path
        if path is None:
            return _DATABASE
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"store {path}: {error.strerror}") from None
        return found.st_dev, found.st_ino

    async def _drop_if_over(self, held: _Held) -> None:
        if held.is_over and not held.users and held is not self._held:
            with suppress(BatchHubError):  # whoever looked has been told
                await held.hub.aclose()

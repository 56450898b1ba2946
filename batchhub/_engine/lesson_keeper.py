"""
Lessons: what was learned of how long batches take, between one process and the next.

They are read when a hub opens, and written beside the loop while lanes are driven: nobody waits for
that, and nothing is written where nothing was learned. They are safe to lose, so that whatever goes
wrong with them is a line in the log and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store
from batchhub.polling import Lessons
from batchhub.polling.lessons import VERSION

SAVE_S: Final = 30.0
"""The fewest seconds between two times at which lessons are saved."""

_AT_ONCE: Final = 16
"""How many lessons are packed before others have their turn."""

_log = get_logger()


class LessonKeeper:
    """
    Keeps the lessons of a hub in its store.

    Attributes:
        lessons: What was learned; shared by the lanes of the hub.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self.lessons = Lessons()
        self._store = store
        self._clock = clock
        self._prefixes: tuple[str, ...] = ()
        self._is_loaded = False
        self._unsaved: dict[str, bytes] = {}
        self._saved_at_s = float("-inf")
        self._saving: asyncio.Task[None] | None = None

    async def load(self, adapters: Collection[str]) -> None:
        """Read what was learned of the batches of some adapters, if that can be read."""
        self._prefixes = tuple(f"{adapter}/" for adapter in adapters)
        if self._is_kept and adapters:
            await self._load()

    async def _load(self) -> bool:
        """Read them; return whether that went well."""
        try:
            found = await self._store.lessons.load(VERSION)
            ignored = self.lessons.load(
                {name: data for name, data in found.items() if name.startswith(self._prefixes)}
            )
        except Exception as error:  # one can begin anew
            _log.debug("lessons.ignored", store=self._store.name, error=_describe(error))
        else:
            self._is_loaded = True
            if ignored:
                _log.debug("lessons.ignored", store=self._store.name, names=ignored)
        return self._is_loaded

    def save_soon(self) -> None:
        """Save in the background what was learned, unless there was a save a short while ago."""
        if not self._is_kept or (self._saving is not None and not self._saving.done()):
            return
        now_s = self._clock.monotonic()
        if now_s - self._saved_at_s < SAVE_S or not (self._unsaved or self.lessons.changed()):
            return
        self._saved_at_s = now_s
        self._saving = asyncio.create_task(self._save(), name="batchhub-lessons")

    async def aclose(self) -> None:
        """Save what is not saved yet."""
        if self._saving is not None:
            await asyncio.wait({self._saving})
        if self._is_kept:
            await self._save()

    @property
    def _is_kept(self) -> bool:
        return self._store.is_shared and not self._store.is_read_only

    async def _save(self) -> None:
        try:
            changed = self.lessons.changed()
            for n in range(0, len(changed), _AT_ONCE):
                if n:
                    await asyncio.sleep(0)
                self._unsaved |= self.lessons.dump(changed[n : n + _AT_ONCE])
            # What can't be read is not written to: other writes of the same commit would fail with
            # this one.
            if not self._unsaved or not (self._is_loaded or await self._load()):
                return
            learned, self._unsaved = self._unsaved, {}
            try:
                await self._store.lessons.save(learned, VERSION, self._clock.now())
            except BaseException:
                self._unsaved = learned | self._unsaved
                raise
        except Exception as error:  # with the next ones
            _log.debug("lessons.postponed", store=self._store.name, error=_describe(error))


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

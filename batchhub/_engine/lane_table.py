"""The lanes that a driver knows, each with its task, and what is known of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from types import MappingProxyType

from batchhub._base.log import get_logger
from batchhub._store.shards import shard_of
from batchhub.errors import BatchHubError

from .lane import Lane
from .lane_hold import LaneHold

_log = get_logger()


class LaneTable:
    """
    The lanes of a driver.

    Attributes:
        lanes: Those it has driven, by name.
        successors: The lanes of the same accounts with other settings, that are about to take
            the place of those that are driven.
        tasks: What drives them, by name.
        troubles: What stopped them, by name.
        held: The holds of those that are driven at this moment.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._by_shard: dict[int, dict[str, None]] = {}
        self.lanes: Mapping[str, Lane] = MappingProxyType(self._lanes)
        self.successors: dict[str, Lane] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.troubles: dict[str, BatchHubError] = {}
        self.held: Mapping[str, LaneHold] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def all(self) -> Collection[Lane]:
        """Return all of them, those that are about to take another's place included."""
        return [*self.lanes.values(), *self.successors.values()]

    def put(self, lane: Lane) -> None:
        """Add a lane, or put it in the place of the one of its name."""
        self._lanes[lane.name] = lane
        self._by_shard.setdefault(shard_of(lane.name), {})[lane.name] = None

    def drop(self, name: str) -> None:
        """Forget a lane."""
        del self._lanes[name]
        del self._by_shard[shard_of(name)][name]
        self.tasks.pop(name, None)
        self.troubles.pop(name, None)

    def of_shard(self, shard: int) -> list[str]:
        """Return the names of those of a shard."""
        return list(self._by_shard.get(shard, ()))

    def find_newest(self, name: str) -> Lane | None:
        """Return a lane, or the one that is about to take its place."""
        return self.successors.get(name) or self.lanes.get(name)

    def find_held(self, name: str) -> Lane | None:
        """Return a lane if this process drives it at this moment."""
        return self.lanes.get(name) if name in self.held else None

    def find_trouble(self, name: str) -> BatchHubError | None:
        """Return what stopped a lane: refused credentials, or a store that can't be read."""
        known = self.find_newest(name)
        return (known.error if known else None) or self.troubles.get(name)

    def is_driving(self, name: str) -> bool:
        """Whether this process drives a lane, or waits to take it over."""
        task, known = self.tasks.get(name), self.find_newest(name)
        is_paused = known is not None and known.error is not None
        return task is not None and not task.done() and not is_paused

    def discard(self, lane: Lane) -> None:
        """Close the adapter of a lane that is driven no more."""
        self.keep(asyncio.create_task(_close_adapter(lane), name="batchhub-discard"))

    def keep(self, task: asyncio.Task[None]) -> None:
        """Keep a task that nobody waits for until the end."""
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def wait_for_ends(self) -> None:
        """Wait for the tasks that were kept."""
        if self._ending:
            await asyncio.wait(set(self._ending))


async def _close_adapter(lane: Lane) -> None:
    try:
        await lane.adapter.aclose()
    except Exception as error:  # one adapter's trouble keeps nothing else open
        _log.error("adapter.failed", lane=lane.name, error=str(error))
    finally:
        lane.adapter.transport.leave()

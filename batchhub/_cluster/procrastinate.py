"""The engine that comes with batchhub: shards are jobs of Procrastinate's, in the same database."""

from __future__ import annotations

import os
import random
import socket
from typing import Final

from batchhub._base.clock import Clock, SystemClock
from batchhub._base.store_place import find_store_place
from batchhub._engine.shards import OpenLanes, Own
from batchhub.errors import UsageError

HEARTBEAT_S: Final = 2.0
SILENT_S: Final = 8.0
SLICE_S: Final = (30.0, 60.0)


class Procrastinate:
    """
    Shares out the lanes of a store on PostgreSQL among any number of processes.

    Each open shard has a job in the store's database; the processes that could drive it take such
    jobs until each has its share. A process that is stopped hands its shards over; the shards of
    one that dies are taken over about ten seconds later. ``batchhub cluster init`` makes the tables
    it needs.

    Args:
        store: The URL of the store, as for the hub.
        name: What this process is called in ``batchhub cluster status``; by default the names of
            the machine and the process.
        heartbeat_s: Seconds between two signs of life.
        silent_s: Seconds without a sign of life after which a process is taken for dead. The same
            in all processes of a store.
        slice_s: The shortest and the longest time in seconds after which a shard may go to another
            process, so that each has its share.
        clock: Where time comes from.

    Raises:
        SettingsError: `store` is no URL of PostgreSQL's.
        UsageError: A time makes no sense.
    """

    def __init__(
        self,
        store: str,
        *,
        name: str | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        silent_s: float = SILENT_S,
        slice_s: tuple[float, float] = SLICE_S,
        clock: Clock | None = None,
    ) -> None:
        self._place = find_store_place(store)
        if not self._place.is_postgres:
            raise UsageError(
                "only a store on PostgreSQL is driven by several processes; "
                "on any other, hub.drive() needs no engine"
            )
        if not 0 < 2 * heartbeat_s <= silent_s:
            raise UsageError("silent_s must be at least twice heartbeat_s, and both positive")
        if not 0 < slice_s[0] <= slice_s[1]:
            raise UsageError("slice_s is a shortest and a longest time in seconds")
        self._name = name or f"{socket.gethostname()}:{os.getpid()}"
        self._times = (heartbeat_s, silent_s, slice_s)
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"Procrastinate({self._place.name!r})"

    async def run(self, own: Own, open_lanes: OpenLanes) -> None:
        """
        Drive this process's share, until cancelled.

        Args:
            own: Takes a shard and drives it.
            open_lanes: Returns the shards with open work that this process could drive.

        Raises:
            UsageError: Procrastinate is not installed.
        """
        try:
            from .session import Pace, Session  # noqa: PLC0415  # of an extra
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("batchhub"):
                raise
            raise UsageError(
                "to drive a store on PostgreSQL, a package is needed that is not installed: "
                "pip install 'batchhub[cluster]'"
            ) from None
        heartbeat_s, silent_s, slice_s = self._times
        session = Session(
            self._place,
            self._name,
            own,
            open_lanes,
            pace=Pace(heartbeat_s=heartbeat_s, silent_s=silent_s, slice_s=slice_s),
            clock=self._clock,
            rng=random.Random(),  # noqa: S311  # spreads load only
        )
        await session.run()

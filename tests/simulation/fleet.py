"""Machines that share out the shards of the store, whatever their engine thinks of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import PropertyMock, patch

from attrs import evolve, frozen

from batchhub._engine.shards import Engine, OpenLanes, Own
from batchhub._store import LaneOwner, Lease, LeaseRow, Store
from batchhub._store.shard_leases import ShardLeases

from .plan import Fault, Plan
from .worker import Worker

if TYPE_CHECKING:
    from .world import World

FLEET: Final = ("w1", "w2", "w3")
"""The machines of a fleet."""

_MOVED: Final = 0.8
_STOPPED: Final = 0.6


@frozen(kw_only=True)
class Taken:
    """
    That a process took a shard.

    Attributes:
        at_s: When that was in the store.
        shard: The shard.
        host: The host.
    """

    at_s: float
    shard: int
    host: str


class RandomEngine:
    """
    An engine that owns shards and leaves them at any moment, also those that others have.

    Args:
        chance: What it draws from.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._eager = chance.choice((0.2, 0.6, 1.0))
        self._leaves = chance.choice((0.0, 0.02, 0.1))

    async def run(self, own: Own, open_lanes: OpenLanes) -> None:
        """Own and leave until it is cancelled."""
        owned: dict[int, asyncio.Future[None]] = {}
        try:
            while True:
                for shard in sorted(await open_lanes()):
                    is_free = shard not in owned or owned[shard].done()
                    if is_free and self._chance.random() < self._eager:
                        owned[shard] = asyncio.ensure_future(own(shard))
                for task in owned.values():
                    if self._chance.random() < self._leaves:
                        task.cancel()
                await asyncio.sleep(self._chance.uniform(0.1, 2.0))
        finally:
            for task in owned.values():
                task.cancel()
            if owned:
                await asyncio.wait(owned.values())


class FleetWorker(Worker):
    """One life of a worker of a fleet."""

    lasts = True
    most_ends = 4

    def _make_engine(self, chance: random.Random) -> Engine:
        """Return one that owns shards and leaves them at any moment."""
        return RandomEngine(chance)


def make_fleet(plan: Plan) -> Plan:
    """Have two or three machines share what others hand over; their clocks are the database's."""
    chance = random.Random(f"{plan.seed}:fleet")
    fleet = FLEET[: chance.choice((2, 3))]

    def move(fault: Fault) -> Fault:
        is_moved = fault.machine and chance.random() < _MOVED
        return evolve(fault, machine=chance.choice(fleet)) if is_moved else fault

    faults = [move(fault) for fault in plan.faults if fault.kind != "clock"]
    if chance.random() < _STOPPED:
        faults += [_stop(chance, fleet) for _ in range(chance.randint(1, 6))]
    return evolve(
        plan,
        machines=(*plan.machines, *fleet),
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
        usurps=False,
        calm_s=max([plan.calm_s, *(fault.at_s + 60.0 for fault in faults)]),
    )


def _stop(chance: random.Random, fleet: tuple[str, ...]) -> Fault:
    """Draw a stop that is about as long as it takes until others take what a process has."""
    values = {"for_s": chance.uniform(4.0, 30.0)}
    at_s, machine = chance.uniform(0.0, 40.0), chance.choice(fleet)
    return Fault(kind="stop", at_s=at_s, machine=machine, values=values)


def is_fleet(plan: Plan) -> bool:
    """Whether a plan has a fleet."""
    return FLEET[0] in plan.machines


@contextmanager
def shared(world: World) -> Iterator[None]:
    """Have the store shared by shards, and keep who took which."""
    take = ShardLeases.take

    async def note(
        leases: ShardLeases, shard: int, holder: LaneOwner, *arguments: Any
    ) -> Lease | None:
        def is_free(row: LeaseRow) -> bool:
            found: bool = arguments[1](row)
            if found:
                taken.append(Taken(at_s=world.loop.time(), shard=shard, host=world.loop.here))
            return found

        taken: list[Taken] = []
        lease = await take(leases, shard, holder, arguments[0], is_free)
        if lease is not None:
            world.taken.append(taken[-1])
        return lease

    with (
        patch.object(Store, "is_cluster", PropertyMock(return_value=True)),
        patch.object(ShardLeases, "take", note),
    ):
        yield

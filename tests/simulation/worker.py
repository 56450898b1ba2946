"""The program that drives what others hand over; now and then it is ended, and begins anew."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import ClassVar, Final

from attrs import evolve

from batchhub import BatchHub
from batchhub._engine.shards import Engine
from batchhub.errors import StoreError

from .plan import Fault, Plan
from .program import Program

WORKER: Final = "w"
"""The machine on which a worker runs."""

_SHARE: Final = 0.3
"""The part of the worlds that have one; its programs only hand over and watch."""

_MOVED: Final = 0.6


class Worker(Program):
    """
    One life of a worker, which submits nothing, and is never done.

    Attributes:
        lasts: Whether others wait for it, so that faults strike it to the end.
        most_ends: How often it may be ended gracefully. Not for ever: some vendors' batches are
            searched for a while after the lane was taken.
    """

    lasts: ClassVar = False
    most_ends: ClassVar = 5

    async def run(self) -> None:
        """Drive until it is killed; what ends it gracefully gives it more or less time."""
        self._machine.is_done = True  # nobody waits for it
        self._machine.lasts = self.lasts
        chance = random.Random(f"{self._seed}:{self._life}")
        ends_left = chance.randint(0, self.most_ends)
        while True:
            hub = BatchHub(self._store, self._accounts, clock=self._machine, seed=self._seed)
            with suppress(StoreError):  # it can't be opened now
                async with hub:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(
                            chance.uniform(1.0, 60.0) if ends_left else None
                        ):
                            await hub.drive(self._make_engine(chance))
                    ends_left -= 1
                    await hub.aclose(grace_s=chance.choice((0.0, 5.0, 100.0)))
            await asyncio.sleep(chance.uniform(0.0, 5.0))

    def _make_engine(self, _: random.Random) -> Engine | None:
        """Return what says which shards it drives; `None` for all."""
        return None


def add_worker(plan: Plan) -> Plan:
    """Give some worlds a worker, which most of their faults strike."""
    chance = random.Random(f"{plan.seed}:worker")
    if chance.random() >= _SHARE:
        return plan

    def move(fault: Fault) -> Fault:
        is_moved = fault.machine and chance.random() < _MOVED
        return evolve(fault, machine=WORKER) if is_moved else fault

    faults = tuple(map(move, plan.faults))
    return evolve(plan, machines=(*plan.machines, WORKER), faults=faults)

"""A simulated world: puts it together from a plan, runs it, and has it judged."""

from __future__ import annotations

import asyncio
import functools
import gc
import itertools
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, Final

from aiohttp.web_app import _cached_build_middleware
from attrs import Factory, define

from batchhub import BatchHub, BatchStatus
from batchhub._engine.process_lock import Verdict
from batchhub._store.opening import open_database

from .faults import Faults
from .fleet import FLEET, FleetWorker, Taken, is_fleet, shared
from .judge import judge
from .loop import WorldLoop
from .machine import Machine
from .plan import BOUND_S, Plan
from .program import Program
from .stage import ProgramEndedError, commit_or_fail, staged
from .vendors import Vendors
from .witness import LawBrokenError, Witness
from .worker import WORKER, Worker

_LOOK_S: Final = 5.0

_MEMORY: Final = Path("/dev/shm")  # where it is, a file there is quicker


@define(eq=False)
class Outcome:
    """
    What came of a world.

    Attributes:
        seed: Its seed.
        broken: The laws that were broken; empty if all held.
        faults: How often each kind of fault struck.
        virtual_s: How long it took, in its own time.
        steps: How many callbacks ran.
        trace: What names its course: the same seed, the same trace.
        judged: How often each law was put to the test that not every world puts to it.
    """

    seed: int
    broken: list[str]
    faults: Counter[str] = Factory(Counter)
    virtual_s: float = 0.0
    steps: int = 0
    trace: str = ""
    judged: Counter[str] = Factory(Counter)


class World:
    """
    A world.

    Attributes:
        plan: What happens in it.
        loop: Its loop.
        vendors: Its vendors.
        machines: Its machines, by name.
        witness: Who saw what the programs were shown.
        holders: The host of each hub's token.
        lockless_until_s: Until when the lock files are gone.
        struck: How often each kind of fault struck.
        judged: How often each law was put to the test.
        store: The file of the store all programs share.
        numbers: Numbers what has no other order.
        taken: Which process took which shard, in order.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.loop = WorldLoop(plan.seed)
        self.loop.net.set_defaults(latency=plan.latency_s)
        self.vendors = Vendors(self.loop, plan)
        self.machines = {
            name: Machine(name=name, loop=self.loop, chance=random.Random(f"{plan.seed}:{name}"))
            for name in plan.machines
        }
        if plan.is_one_system:
            first, *others = self.machines.values()
            for other in others:
                other.system = first
        self.witness = Witness(self._may_be_behind)
        self.holders: dict[str, str] = {}
        self.lockless_until_s = 0.0
        self.struck: Counter[str] = Counter()
        self.judged: Counter[str] = Counter()
        self.store = folder / "jobs.db"
        self.store.write_bytes(_empty_store())
        self.faults = Faults(self)
        self.numbers = itertools.count()
        self.taken: list[Taken] = []
        self._hops = random.Random(f"{plan.seed}:hops")
        self._ended: asyncio.Event

    # What the stage asks.

    def count(self, kind: str) -> None:
        """Count a fault that struck."""
        self.struck[kind] += 1

    def count_law(self, name: str) -> None:
        """Count that a law was put to the test."""
        self.judged[name] += 1

    def _may_be_behind(self, life: str) -> bool:
        return self.struck["usurped"] > 0 or self.faults.was_stopped(life)

    def machine_here(self) -> Machine | None:
        """Return the machine whose program runs now."""
        here = self.loop.here
        return next((m for m in self.machines.values() if m.life == here), None)

    def draw_hop_s(self) -> float:
        """Return the seconds that a transaction takes."""
        return self._hops.uniform(0.0, self.plan.hop_s) if self.plan.hop_s else 0.0

    def takes_for_dead(self) -> bool:
        """Whether a program takes another one for dead that lives."""
        return self.plan.usurps and self.loop.time() < self.plan.calm_s

    def judge_token(self, token: str) -> Verdict:
        """Return whether the process of a token lives, as far as its lock says."""
        holder = self.holders.get(token)
        if holder is None or self.loop.time() < self.lockless_until_s:
            return Verdict.UNKNOWN
        if not holder or self.loop.is_dead(holder):
            return Verdict.DEAD
        if self.takes_for_dead():
            self.count("usurped")
            return Verdict.DEAD
        return Verdict.ALIVE

    def pass_failpoint(self, name: str) -> None:
        """Let a program pass a failpoint, unless it dies there or its disk fails."""
        machine = self.machine_here()
        if machine is None or self.loop.is_dead(machine.life):
            return
        if self.faults.spring_snare(machine, name):
            if name.startswith("commit."):
                raise ProgramEndedError
            return
        if name == "commit.begun":
            error = commit_or_fail(machine, self.loop.time())
            if error is not None:
                self.count(error)
                self.faults.fail_commit(machine, error)
        elif name == "commit.done" and machine.commits in machine.lying:
            self.count("commit_lost")
            self.faults.fail_commit(machine, "commit_lost")

    def places(self) -> dict[str, int]:
        """Return the place of each job in its lane, by its id."""
        with closing(sqlite3.connect(self.store)) as connection:
            rows = connection.execute("SELECT job_id, coalesce(place, job_no) FROM jobs")
            return {str(job_id): int(place) for job_id, place in rows}

    # Running.

    def start(self, machine: Machine) -> None:
        """Begin a life of a machine's program."""
        machine.lives += 1
        machine.life = f"{machine.name}.{machine.lives}"
        machine.workers.clear()
        host = self.loop.net.host(machine.life)
        self.faults.cut_off(machine)
        kind: type[Program] = Program
        if machine.name == WORKER:
            kind = Worker
        elif machine.name in FLEET:
            kind = FleetWorker
        program = kind(
            machine,
            self.store,
            self.vendors.accounts(self.plan),
            tuple(o for o in self.plan.orders if o.machine in (None, machine.name)),
            self.witness,
            self.plan.seed,
            drives=WORKER not in self.machines and not is_fleet(self.plan),
        )
        task = host.create_task(program.run(), name=f"program-{machine.life}")
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.witness.broken.append(f"a program ended with {task.exception()!r}")
            self._ended.set()
        if all(machine.is_done for machine in self.machines.values()):
            self._ended.set()

    async def live(self) -> None:
        """
        Let everything happen, until all programs are done.

        Raises:
            LawBrokenError: They were not done in time, or another law is broken.
        """
        self._ended = asyncio.Event()
        self.vendors.start()
        await asyncio.sleep(0.01)
        for machine in self.machines.values():
            self.start(machine)
        faults = asyncio.create_task(self.faults.strike_all())
        try:
            async with asyncio.timeout(self.plan.calm_s + BOUND_S):
                await self._ended.wait()
                faults.cancel()
                self.faults.mend()
                if not self.witness.broken:
                    await self.loop.net.host("judge").create_task(self._end())
        except TimeoutError:
            open_at = [m.name for m in self.machines.values() if not m.is_done]
            raise LawBrokenError(
                f"machines {open_at} are not done {BOUND_S:.0f} s after the last fault"
            ) from None

    async def _end(self) -> None:
        """Finish what a late answer may have set going again, as the next process would; judge."""
        clock = next(iter(self.machines.values()))
        accounts = self.vendors.accounts(self.plan)
        drives = not is_fleet(self.plan)  # else those of the fleet do
        async with BatchHub(
            self.store, accounts, clock=clock, seed=self.plan.seed, drives=drives
        ) as hub:
            if drives:
                await hub.resume()
            await asyncio.sleep(_LOOK_S)  # what was held may go on now
            while not all(_is_settled(job.status) for job in await hub.jobs()):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
            async for event in hub.events(follow=False):
                self.witness.note_event(event)
            await judge(self, hub)


def _is_settled(status: BatchStatus) -> bool:
    return status.state.is_terminal or status.is_held


def run_world(plan: Plan, *, folder: Path | None = None) -> Outcome:
    """
    Run a world to its end.

    Args:
        plan: What happens in it.
        folder: Where its store is kept; `None` keeps it nowhere.
    """
    place = folder or Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
    world = World(plan, place)
    gc.freeze()  # the loop collects its garbage at the end, and looks at everything there is
    try:
        with staged(world), shared(world) if is_fleet(plan) else nullcontext():
            broken = _run(world)
        return Outcome(
            seed=plan.seed,
            broken=broken,
            faults=+Counter({**world.struck, "lost_connection": len(world.loop.wire.lost)}),
            virtual_s=world.loop.time(),
            steps=world.loop.steps,
            trace=world.loop.trace_hash(),
            judged=world.judged,
        )
    finally:
        world.loop.bury()
        gc.unfreeze()
        _cached_build_middleware.cache_clear()  # else it keeps the world
        for machine in world.machines.values():
            for worker in machine.workers:
                worker.drop()
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def _run(world: World) -> list[str]:
    """Run it; return the laws that were broken."""
    strays: list[str] = []

    def note(_: Any, context: dict[str, Any]) -> None:
        strays.append(f"{context.get('message')}: {context.get('exception')!r}")

    world.loop.set_exception_handler(note)
    try:
        world.loop.run_until_complete(world.live())
    except LawBrokenError as error:
        return [str(error), *world.witness.broken]
    return [*world.witness.broken, *strays]


@functools.cache
def _empty_store() -> bytes:
    """Return the file of an empty store; to migrate one for each world would cost a third."""
    folder = Path(tempfile.mkdtemp())
    try:

        async def make() -> None:
            await (await open_database(folder / "jobs.db")).aclose()

        asyncio.run(make())
        return (folder / "jobs.db").read_bytes()
    finally:
        shutil.rmtree(folder)

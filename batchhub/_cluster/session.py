"""One run of the engine: a worker of Procrastinate's, and looks at how the shards are shared."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from attrs import evolve, frozen
from procrastinate import App, JobContext
from procrastinate.exceptions import ProcrastinateException
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.store_place import StorePlace
from batchhub._engine.shards import OpenLanes, Own
from batchhub._store.postgres import connection_arguments
from batchhub._store.shards import SHARDS
from batchhub.errors import BatchHubError

from .desk import Desk
from .manager import PatientManager
from .quiet import NAME, quieten
from .reach import Reach
from .rows import TASK, Look, Rows

_LOOK_S: Final = 1.0
"""Seconds between two looks …"""

_HUNGRY_S: Final = 0.4
"""… of a worker that has less than its share …"""

_SOON_S: Final = 0.05
"""… and after one that changed something."""

_POLL_S: Final = 1.0
"""Seconds between two looks of Procrastinate's worker; ours ring for it in between."""

_ANSWER_S: Final = 3.0
"""Seconds that a statement waits for a connection."""

_ENDING_S: Final = 3.0
"""Seconds that the last jobs have to be ended in."""

_log = get_logger()


@frozen(kw_only=True)
class Pace:
    """
    How often things are done, in seconds.

    Attributes:
        heartbeat_s: Between two signs of life.
        silent_s: Without one, a worker is taken for dead.
        slice_s: The shortest and the longest time until a shard may go to others.
    """

    heartbeat_s: float
    silent_s: float
    slice_s: tuple[float, float]


class Session:
    """
    Shares out the shards with the other workers of a store, until cancelled.

    Args:
        place: The store.
        name: What this worker is called.
        own: Drives a shard.
        open_lanes: Says which shards have open work.
        pace: How often things are done.
        clock: Where time comes from.
        rng: Spreads what many workers do.
    """

    def __init__(
        self,
        place: StorePlace,
        name: str,
        own: Own,
        open_lanes: OpenLanes,
        *,
        pace: Pace,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._place = place
        self._open_lanes = open_lanes
        self._pace = pace
        self._clock = clock
        self._rng = rng
        connector = PsycopgConnector()
        self._connector = connector
        self._rows = Rows(connector, name=name, silent_s=pace.silent_s)
        self._reach = Reach(place.name)
        self._desk = Desk(own, clock=clock, rng=rng, slice_s=pace.slice_s)
        self._manager = PatientManager(connector, self._rows, self._desk, self._reach)
        self._looked_s: float | None = None
        self._trusts_silence_at_s = 0.0

    async def run(self) -> None:
        """Drive until cancelled."""
        quieten()
        async with self._connected():
            worker = asyncio.create_task(self._work(), name="batchhub-procrastinate")
            looks = asyncio.create_task(self._keep_looking(), name="batchhub-shards")
            try:
                await asyncio.wait({worker, looks})
            finally:
                looks.cancel()
                await self._leave(worker)
                await asyncio.wait({looks})  # before what it asks with is closed

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            kwargs=connection_arguments(self._place),
            min_size=1,
            max_size=4,
            open=False,
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
            name=NAME,
            timeout=_ANSWER_S,
            # It gives up soon, and begins anew with the next statement: else it would wait
            # longer and longer while the database is away.
            reconnect_timeout=1.0,
        )
        await pool.open()
        try:
            await self._connector.open_async(pool)
            yield
        finally:
            await pool.close(timeout=_ENDING_S)

    async def _work(self) -> None:
        """Run Procrastinate's worker; should it end, run another."""
        app = App(connector=self._connector)
        app.job_manager = self._manager

        @app.task(name=TASK, pass_context=True)
        async def drive_shard(context: JobContext, shard: int) -> None:  # noqa: ARG001
            if context.job.id is not None:
                await self._desk.wait(context.job.id)

        tries = 0
        while True:
            began_s = self._clock.monotonic()
            try:
                await app.run_worker_async(
                    queues=self._desk.queues,
                    name=NAME,
                    concurrency=SHARDS,
                    wait=True,
                    fetch_job_polling_interval=_POLL_S,
                    shutdown_graceful_timeout=_ENDING_S,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=self._pace.heartbeat_s,
                    stalled_worker_timeout=self._pace.silent_s,
                )
            except ProcrastinateException as error:
                self._reach.lost(error)
            except Exception as error:  # a fault of anybody's must not end the driving
                _log.error("cluster.failed", error=f"{type(error).__name__}: {error}")
            self._desk.worker_id = None
            if self._clock.monotonic() - began_s > _LOOK_S:
                tries = 0
            await self._clock.sleep(backoff_s(tries, base_s=0.5, cap_s=5.0, rng=self._rng))
            tries += 1

    async def _keep_looking(self) -> None:
        while True:
            delay_s = _LOOK_S
            try:
                delay_s = await self._look()
            except (BatchHubError, ProcrastinateException, psycopg.Error) as error:
                self._reach.lost(error)
                self._looked_s = None
            except Exception as error:  # a fault of anybody's must not end the driving
                _log.error("cluster.failed", error=f"{type(error).__name__}: {error}")
            await self._clock.sleep(delay_s)

    async def _look(self) -> float:
        """Look how the shards are shared, and do what there is to do; returns when to look next."""
        me = self._desk.worker_id
        if me is None:
            return _HUNGRY_S
        open_shards = frozenset(await self._open_lanes())
        async with self._manager.lock:
            look = await self._rows.look()
            unknown = [
                job
                for job in look.jobs
                if job.worker_id == me and job.is_running and job.id not in self._desk.job_ids
            ]
        self._reach.found()
        if look.drivable.get(me) != open_shards:
            await self._rows.publish(me, open_shards)
            look = evolve(look, drivable={**look.drivable, me: open_shards})
        ended = {job.shard for job in unknown}
        if unknown:
            await self._rows.end([job.id for job in unknown])
        ended |= await self._bury(me, look)
        missing = open_shards - ({job.shard for job in look.jobs} - ended)
        if missing:
            await self._rows.add(missing)
        if given := self._desk.see(look, open_shards):
            _log.info("shard.given", shards=given)
        if self._desk.queues:
            await self._manager.ring()
        if missing:
            return _SOON_S
        return _HUNGRY_S if self._desk.is_hungry else _LOOK_S

    async def _bury(self, me: int, look: Look) -> set[int]:
        """Take back what is ours, and end the jobs of workers that are dead; returns the shards."""
        now_s = self._clock.monotonic()
        silent_s = self._pace.silent_s
        if self._looked_s is None or now_s - self._looked_s > silent_s / 2:
            # The database was away, or this process stood still: others may have been silent for
            # the same reason, and get the time to be heard.
            is_first = self._looked_s is None and self._trusts_silence_at_s == 0.0
            self._trusts_silence_at_s = now_s if is_first else now_s + silent_s
        self._looked_s = now_s
        ours = [
            job.id
            for job in look.jobs
            if job.is_running and job.worker_id is None and job.id in self._desk.job_ids
        ]
        if ours:
            await self._rows.adopt(me, ours)
        is_stalled = look.has_dead or any(
            job.is_stalled and job.id not in self._desk.job_ids for job in look.jobs
        )
        if not is_stalled or look.is_young or now_s < self._trusts_silence_at_s:
            return set()
        shards = await self._rows.end_stalled()
        if shards:
            _log.warning("shard.freed", shards=shards)
        return set(shards)

    async def _leave(self, worker: asyncio.Task[None]) -> None:
        """Hand everything over, and be gone without a trace."""
        me = self._desk.worker_id
        driving = self._desk.close()
        # One statement that fails says that the database is away, and then nobody asks again.
        withdrawal = asyncio.create_task(self._withdraw(me), name="batchhub-withdrawal")
        try:
            await asyncio.wait([withdrawal, *driving])
        finally:
            worker.cancel()
            await asyncio.wait({worker})
        if not self._reach.is_away and self._desk.worker_id is not None:
            await self._manager.tolerate(self._rows.sign_off(self._desk.worker_id))

    async def _withdraw(self, me: int | None) -> None:
        if me is not None and not self._reach.is_away:
            await self._manager.tolerate(self._rows.withdraw(me))


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    # Each statement is a transaction of its own, so that a process that stands still holds none.
    await connection.set_autocommit(True)
    # Nothing is kept in the session: a pooler may give each transaction another one.
    connection.prepare_threshold = None

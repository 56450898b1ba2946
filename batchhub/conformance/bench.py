"""Runs jobs through an adapter against its stand-in, and keeps what came of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from attrs import define, field

from batchhub.adapter import Account, Adapter, Capabilities, WireItem
from batchhub.errors import BatchHubError
from batchhub.hub import BatchHub
from batchhub.job import BatchJob
from batchhub.models import BatchItem
from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock

from .faults import Fault, Interceptor
from .kit import Kit
from .run import BrokenError, Run
from .unblocked import run_time
from .watch import MOST_CALLS, Asked, Watch, watch_adapter

ACCOUNT: Final = "one"
KEY: Final = "conformance"
LONG_S: Final = 12 * 3600.0
"""Seconds of the fake clock that a job is waited for at most."""

STUCK_S: Final = 300.0
"""Seconds, while the process runs, after which a run is given up."""

_SLOW_S: Final = 4.0
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_SURROUNDINGS: Final = (
    *(name for proxy in _PROXIES for name in (proxy, proxy.upper())),
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder of ours is made in it
_ROOM_BYTES: Final = 2**28


@define
class World:
    """
    A stand-in that runs, and the folder of the store.

    Attributes:
        kit: The author's.
        operation: The kind of batch.
        sandbox: The stand-in.
        clock: The time.
        account: The account that it lets in.
        folder: Where the stores are.
        limit: What ends all that is done here once the adapter has got stuck.
    """

    kit: Kit
    operation: str
    sandbox: Sandbox
    clock: FakeClock
    account: Account
    folder: Path
    limit: asyncio.Timeout
    _stores: int = field(default=0)

    @asynccontextmanager
    async def hub(
        self, watch: Watch, store: Path | str | None = None, fault: Fault | None = None
    ) -> AsyncIterator[BatchHub]:
        """Open a hub whose adapter is watched."""
        self.sandbox.interceptor = Interceptor(watch, fault)
        watch.give_up = self.give_up
        adapter = watch_adapter(self.kit.adapter, watch)
        where = self.folder / "jobs.db" if store is None else store
        accounts = {ACCOUNT: self.account}
        async with BatchHub(where, accounts, clock=self.clock, seed=1, adapters=[adapter]) as hub:
            yield hub

    async def submit(
        self, hub: BatchHub, items: Iterable[BatchItem], key: str | None = KEY, **options: Any
    ) -> BatchJob:
        """Hand a job over."""
        return await hub.submit(
            ACCOUNT,
            items,
            operation=self.operation,
            key=key,
            options=self.kit.options(self.operation),
            **options,
        )

    def give_up(self) -> None:
        """End what waits for the adapter, which will not come to an end."""
        if not self.limit.expired():
            self.limit.reschedule(asyncio.get_running_loop().time())

    def new_store(self) -> Path:
        """Return where another store may be."""
        self._stores += 1
        return self.folder / f"jobs-{self._stores}.db"

    def copy_store(self) -> Path:
        """Return a copy of the store as a process that is killed now would leave it."""
        copy = self.new_store()
        with sqlite3.connect(self.folder / "jobs.db") as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        return copy


@define
class Bench:
    """
    Where jobs are run.

    Attributes:
        kit: The author's.
    """

    kit: Kit
    _runs: dict[tuple[str, ...], Run | BrokenError] = field(factory=dict)

    @property
    def operations(self) -> Sequence[str]:
        """The kinds of batches."""
        return [*self.kit.adapter.operations]

    @asynccontextmanager
    async def world(
        self, operation: str, switches: Mapping[str, Any] | None = None
    ) -> AsyncIterator[World]:
        """Run a stand-in."""
        clock = FakeClock()
        sandbox = self.kit.make_sandbox(clock)
        sandbox.change_switches(dict(switches or {}))
        async with AsyncExitStack() as stack:
            stack.enter_context(_without_surroundings())
            folder = Path(stack.enter_context(TemporaryDirectory(dir=_find_memory())))
            limit = await stack.enter_async_context(_in_time())
            await stack.enter_async_context(clock.running())
            url = await stack.enter_async_context(sandbox.running())
            account = self.kit.make_account(sandbox, url)
            yield World(self.kit, operation, sandbox, clock, account, folder, limit)

    async def clean(self, operation: str) -> Run:
        """
        Return the run of a few items, good and bad, in which nothing goes wrong.

        Raises:
            BrokenError: It got stuck. Rules that ask for it later learn so at once.
        """
        return await self._run_once(operation, {})

    async def slow(self, operation: str) -> Run:
        """Return the same with items that take some seconds, so that polls see them at work."""
        return await self._run_once(operation, {"item_time_s": _SLOW_S})

    async def _run_once(self, operation: str, switches: Mapping[str, float]) -> Run:
        key = (operation, *switches)
        if key not in self._runs:
            try:
                self._runs[key] = await self.run(operation, switches=switches)
            except BrokenError as error:
                self._runs[key] = error
        found = self._runs[key]
        if isinstance(found, BrokenError):
            raise BrokenError(f"a run without trouble: {found}")
        return found

    async def run(
        self,
        operation: str,
        items: Sequence[BatchItem] | None = None,
        *,
        fault: Fault | None = None,
        switches: Mapping[str, Any] | None = None,
        in_memory: bool = False,
        **options: Any,
    ) -> Run:
        """
        Run a job to its end, or until nobody can tell how it goes on.

        Args:
            operation: The kind of batch.
            items: Its items; by default some good and some bad ones.
            fault: What goes wrong.
            switches: How the stand-in is set.
            in_memory: Whether its store is in memory: nobody looks then every second whether other
                processes have written, where hours go by.
            options: For `BatchHub.submit`.
        """
        items = self.some_items(operation) if items is None else items
        watch = Watch()
        store = ":memory:" if in_memory else None
        async with (
            self.world(operation, switches) as world,
            world.hub(watch, store, fault) as hub,
        ):
            job = await world.submit(hub, items, **options)
            return await self.finish(world, watch, job, items)

    async def finish(
        self,
        world: World,
        watch: Watch,
        job: BatchJob,
        items: Sequence[BatchItem],
        *,
        within_s: float = LONG_S,
    ) -> Run:
        """Wait for a job, for so many seconds of the fake clock, and collect what came of it."""
        error: BatchHubError | None = None
        try:
            status = await job.wait(timeout_s=within_s)
        except BatchHubError as raised:
            error = raised
            status = await job.refresh()
        results = []
        if status.state.is_terminal:
            results = [result async for result in job.results()]
        ids = [result.id for result in results] or [
            item.id or str(place) for place, item in enumerate(items, 1)
        ]
        named = [
            BatchItem(id=id_, payload=item.payload) for id_, item in zip(ids, items, strict=False)
        ]
        operation = world.operation
        return Run(
            items=items,
            status=status,
            results=results,
            error=error,
            sandbox=world.sandbox,
            watch=watch,
            names=[self.kit.name(operation, item) for item in named],
            may_run_twice=_may_repeat(watch.adapters[-1], operation, named, self.kit),
            job_id=job.id,
        )

    def some_items(self, operation: str, good: int = 4, bad: int = 2) -> list[BatchItem]:
        """Return some items, the bad ones among the good ones."""
        items = [*self.kit.good_items(operation, good)]
        for place, item in enumerate(self.kit.bad_items(operation, bad)):
            items.insert(1 + 2 * place, item)
        return items

    def capabilities(self, run: Run) -> Capabilities:
        """Return what the adapter says the vendor can do, with the account's settings."""
        operation = run.status.operation
        adapter = run.watch.adapters[-1]
        options = adapter.check_options(operation, self.kit.options(operation))
        return adapter.capabilities(operation, options)

    async def steps(self, operation: str, each: int = 2) -> list[Asked]:
        """Return the requests of a run without trouble, the first few of each verb."""
        clean = await self.clean(operation)
        return [asked for asked in clean.watch.asked if asked.step.number <= each]


@asynccontextmanager
async def _in_time() -> AsyncIterator[asyncio.Timeout]:
    try:
        async with asyncio.timeout(None) as limit:
            counting = asyncio.create_task(_end(limit))
            try:
                yield limit
            finally:
                counting.cancel()
    except TimeoutError:
        raise BrokenError(
            f"no end after {MOST_CALLS} calls of the adapter's verbs a ticket, or {STUCK_S:.0f} s"
        ) from None


async def _end(limit: asyncio.Timeout) -> None:
    """End what takes too long, not counting the time in which the process did not run."""
    end_s = run_time() + STUCK_S
    while (left_s := end_s - run_time()) > 0.0:  # noqa: ASYNC110  # nobody tells of time
        await asyncio.sleep(left_s)
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time())


@contextmanager
def _without_surroundings() -> Iterator[None]:
    """Have no proxy between adapter and stand-in, and no certificates read for loopback."""
    kept = {name: os.environ.pop(name) for name in _SURROUNDINGS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _find_memory() -> str | None:
    """Return a folder that is in memory, if there is one: a commit waits for the disk."""
    is_there = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)
    return str(_MEMORY) if is_there and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES else None


def _may_repeat(
    adapter: Adapter[Any], operation: str, items: Sequence[BatchItem], kit: Kit
) -> bool:
    options = adapter.check_options(operation, kit.options(operation))
    wires = [
        WireItem(id=str(item.id), wire=adapter.encode(operation, item, options)) for item in items
    ]
    capabilities = adapter.capabilities(operation, options)
    return capabilities.resends_unanswered or adapter.may_repeat(operation, wires, options)

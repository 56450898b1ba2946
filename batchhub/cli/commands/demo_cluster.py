"""
`demo --cluster`: three workers on a PostgreSQL of their own drive forty shops; one is killed.

The shops are sandboxes in this process. What each worker did is what they saw of it, and whether
anything was lost or done twice is in their journals, not in what the workers say.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from attrs import asdict, frozen
from rich.table import Table

from batchhub._base.show import number
from batchhub.cli.cluster_demo.callers import Callers, can_tell_callers
from batchhub.cli.cluster_demo.postgres import PACKAGE, temporary_postgres
from batchhub.cli.cluster_demo.shops import Shop, find_kind, open_shops, write_settings
from batchhub.cli.cluster_demo.tally import Death, Driven, Tally, take_stock
from batchhub.cli.cluster_demo.workers import WorkerProcess, run_command, start_workers
from batchhub.cli.screen.console import say, say_error, say_warning, write_json
from batchhub.cli.screen.tables import plain_table, show_aside
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.errors import BatchHubError, UnsupportedError, UsageError
from batchhub.hub import BatchHub, BatchJob

SHOPS: Final = 40
WORKERS: Final = 3
ITEMS: Final = 60
"""Items of a job. Each shop gets one at the beginning, and one when a worker is killed."""

_ITEM_S: Final = 0.1
_MOST_S: Final = 240.0
_LOOK_S: Final = 0.25
_SAY_S: Final = 3.0
_NEEDED: Final = ("psycopg", "procrastinate", PACKAGE)


@frozen(kw_only=True)
class _Stage:
    """What is there once all is set up."""

    shops: Sequence[Shop]
    workers: Sequence[WorkerProcess]
    callers: Callers
    hub: BatchHub
    operation: str | None
    quiet: bool

    def tell(self, line: str) -> None:
        """Write a line, unless none are wanted."""
        if not self.quiet:
            say(line)


async def run_cluster_demo(invocation: Invocation) -> ExitCode:
    """Have forty shops driven by three workers, kill one, and show what came of it."""
    invocation.may_have_sent = True  # though only to sandboxes
    common = invocation.common
    _check()
    if common.store is not None:
        say_warning("--store is not used: the database of this demonstration is its own")
    async with _set_up(quiet=common.quiet) as stage:
        tally = await _show(stage)
    if common.json:
        write_json(asdict(tally))
    elif not common.quiet:
        show_aside(_draw(tally))
        for line in tally.say() if not tally.wrong else ():
            say(line)
    for line in tally.wrong:
        say_error(line)
    return ExitCode.UNSUCCESSFUL if tally.wrong else ExitCode.OK


def _check() -> None:
    """
    See that this machine can show it.

    Raises:
        UsageError: Something is not installed.
        UnsupportedError: It is another system.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise UsageError(
            "the cluster's demonstration needs packages that are not installed: "
            "pip install 'batchhub[cluster,cluster-demo]'"
        )
    if not can_tell_callers():
        raise UnsupportedError(
            "demo --cluster needs Linux: /proc says there which process asks a shop"
        )


@asynccontextmanager
async def _set_up(*, quiet: bool) -> AsyncIterator[_Stage]:
    vendor, kind = find_kind()
    callers = Callers()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="batchhub-demo-")))
        if not quiet:
            say(
                f"{SHOPS} shops of {vendor}, {WORKERS} workers and a PostgreSQL; all of it on this "
                "machine, and nothing leaves it"
            )
        url = await stack.enter_async_context(temporary_postgres())
        opening = open_shops(kind, SHOPS, item_s=_ITEM_S, callers=callers)
        shops = await stack.enter_async_context(opening)
        settings = folder / "batchhub.toml"
        write_settings(settings, url, shops)
        await run_command(folder, "cluster", "init", "--config", str(settings))
        starting = start_workers(WORKERS, folder, "--config", str(settings), "--grace", "5")
        workers = await stack.enter_async_context(starting)
        callers.pids += [worker.pid for worker in workers]
        accounts = {shop.name: shop.account for shop in shops}
        yield _Stage(
            shops=shops,
            workers=workers,
            callers=callers,
            hub=await stack.enter_async_context(BatchHub(url, accounts)),
            operation=kind.demo_operation,
            quiet=quiet,
        )


async def _show(stage: _Stage) -> Tally:
    began_s = time.monotonic()
    jobs = await _hand_over(stage)
    stage.tell(f"{number(len(jobs) * ITEMS)} items are handed over, a job for each shop")
    await _until_run(stage, len(jobs) * ITEMS // 2, began_s)
    victim = _pick_victim(stage)
    await victim.kill()
    death = Death(number=victim.number, pid=victim.pid, at_s=time.monotonic())
    stage.tell(f"worker {death.number}, process {death.pid}, is killed")
    jobs += await _hand_over(stage)
    stage.tell(f"{number(SHOPS * ITEMS)} more items are handed over, while nobody drives its shops")
    await _until_ended(stage, jobs, victim, began_s)
    results = 0
    for job in jobs:
        async for _ in job.results():
            results += 1
    return take_stock(
        stage.shops,
        {worker.pid: worker.number for worker in stage.workers},
        death,
        [job.status for job in jobs],
        sent=len(jobs) * ITEMS,
        results=results,
    )


async def _hand_over(stage: _Stage) -> list[BatchJob]:
    return [
        await stage.hub.submit(
            shop.name, shop.sandbox.demo_items(ITEMS), operation=stage.operation, label="demo"
        )
        for shop in stage.shops
    ]


async def _until_run(stage: _Stage, wanted: int, began_s: float) -> None:
    """Wait until the shops have run so many items, and each has been asked."""
    said_s = time.monotonic()
    while (ran := _count_run(stage)) < wanted or None in _list_drivers(stage):
        _check_going(stage.workers, began_s, f"the shops have run {number(ran)} items")
        await asyncio.sleep(_LOOK_S)
        if time.monotonic() - said_s > _SAY_S:
            said_s = time.monotonic()
            stage.tell(_describe(stage))


async def _until_ended(
    stage: _Stage, jobs: Sequence[BatchJob], victim: WorkerProcess, began_s: float
) -> None:
    alive = [worker for worker in stage.workers if worker is not victim]
    waiting = [asyncio.create_task(job.wait()) for job in jobs]
    try:
        while left := [task for task in waiting if not task.done()]:
            what = f"{number(len(left))} of {number(len(jobs))} jobs are unfinished"
            _check_going(alive, began_s, what)
            await asyncio.wait(left, timeout=_SAY_S)
            stage.tell(_describe(stage, without=victim))
        for task in waiting:
            task.result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _check_going(workers: Sequence[WorkerProcess], began_s: float, what: str) -> None:
    """
    See that it goes on.

    Raises:
        BatchHubError: It does not.
    """
    for worker in workers:
        worker.check()
    if time.monotonic() - began_s > _MOST_S:
        raise BatchHubError(f"after {_MOST_S:.0f} s {what}")


def _pick_victim(stage: _Stage) -> WorkerProcess:
    """Pick the worker that drives the most shops."""
    drivers = _list_drivers(stage)
    return max(stage.workers, key=lambda worker: drivers.count(worker.pid))


def _describe(stage: _Stage, without: WorkerProcess | None = None) -> str:
    drivers = _list_drivers(stage)
    ran = _count_run(stage)
    parts = [
        f"worker {worker.number}: {'killed' if worker is without else drivers.count(worker.pid)}"
        for worker in stage.workers
    ]
    return f"{number(ran)} items run; shops by worker: {', '.join(parts)}"


def _list_drivers(stage: _Stage) -> Sequence[int | None]:
    return [shop.driver for shop in stage.shops]


def _count_run(stage: _Stage) -> int:
    return sum(len(shop.sandbox.executions) for shop in stage.shops)


def _draw(tally: Tally) -> Table:
    headers = ("shops", "then", "requests")
    table = plain_table("worker", "process", *headers, right=headers)
    for each in tally.driven:
        table.add_row(*_cells(each, is_dead=each.pid == tally.death.pid))
    return table


def _cells(each: Driven, *, is_dead: bool) -> Sequence[str]:
    after = "killed" if is_dead else number(each.after)
    return f"{each.number}", f"{each.pid}", number(each.before), after, number(each.requests)

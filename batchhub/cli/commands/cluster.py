"""`cluster`: makes a PostgreSQL database a store for many machines, and shows who drives what."""

from __future__ import annotations

import difflib
import sys
from datetime import datetime
from typing import Final

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from batchhub._base.show import clean, count, duration, number
from batchhub._cluster.making import init_cluster
from batchhub._cluster.status import ClusterStatus, UndrivenLane, WorkerStatus, find_status
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.tables import fits, plain_table, show_page
from batchhub.cli.shell.cluster_options import ClusterOptions
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, read_settings
from batchhub.cli.shell.options import Common
from batchhub.errors import UsageError

_INIT: Final = "init"
_STATUS: Final = "status"
_MOST_SHOWN: Final = 50


async def run_cluster(invocation: Invocation, options: ClusterOptions) -> ExitCode:
    """Make a cluster, or show how it is."""
    if options.action == _INIT:
        return await _init(invocation.common, options.name)
    if options.action != _STATUS:
        near = difflib.get_close_matches(options.action, [_INIT, _STATUS], n=1)
        hint = f"did you mean {near[0]}?" if near else "it is one of the two"
        raise UsageError(f"cluster takes init or status, not {clean(options.action, 60)!r}; {hint}")
    if options.name is not None:
        raise UsageError("--name is for cluster init; which cluster it is, the store says")
    return await _show(invocation.common)


async def _init(common: Common, name: str | None) -> ExitCode:
    settings = read_settings(common)
    made = await init_cluster(
        find_store(common, settings), settings.cluster if name is None else name
    )
    if common.json:
        write_json(made)
        return ExitCode.OK
    done = "is ready" if made.is_changed else "was ready already"
    write(f"cluster {made.name} {done}: store {made.store}")
    say(f"on each machine: {command_line(common, 'worker')}")
    return ExitCode.OK


async def _show(common: Common) -> ExitCode:
    status = await find_status(find_store(common))
    if common.json:
        write_json(status)
    elif common.quiet:
        for lane in status.undriven:
            write(clean(lane.lane))
    else:
        _draw(status, common)
    return ExitCode.OK


def _draw(status: ClusterStatus, common: Common) -> None:
    console, now = make_console(sys.stdout), status.checked_at
    if status.workers:
        wide = _list_workers(status.workers, now, is_wide=True)
        show_page(
            wide if fits(console, wide) else _list_workers(status.workers, now, is_wide=False)
        )
        write("")
    if status.undriven:
        show_page(_list_undriven(status.undriven[:_MOST_SHOWN]))
        if (rest := len(status.undriven) - _MOST_SHOWN) > 0:
            say(f"… and {count(rest, 'more lane')}; --json has all")
        write("")
    live = sum(not worker.is_silent for worker in status.workers)
    write(
        f"cluster {status.name}: {count(live, 'worker')}, {count(status.open_lanes, 'open lane')} "
        f"({number(len(status.undriven))} driven by nobody), {count(status.open_jobs, 'open job')}"
    )
    say(
        f"store {status.store}, tables {status.tables}, PostgreSQL {status.postgres}, "
        f"{decimal(status.size_bytes)}"
    )
    if not live and status.open_lanes:
        say(f"no worker gives signs of life; start one: {command_line(common, 'worker')}")


def _list_workers(workers: tuple[WorkerStatus, ...], now: datetime, *, is_wide: bool) -> Table:
    table = plain_table(
        *("worker", "shards", "open lanes", *(["last sign of life"] * is_wide)),
        right=["shards", "open lanes"],
    )
    for worker in workers:
        age = duration(max(0.0, (now - worker.seen_at).total_seconds()))
        cells = [number(worker.shards), number(worker.open_lanes)]
        if is_wide:
            cells.append(f"{age} ago")
        style = "red" if worker.is_silent else ""
        name = f"{clean(worker.name, 60)}{' (silent)' if worker.is_silent else ''}"
        table.add_row(Text(name, style=style), *map(Text, cells))
    return table


def _list_undriven(lanes: tuple[UndrivenLane, ...]) -> Table:
    table = plain_table("lane", "shard", "driven by nobody", wraps=["driven by nobody"])
    for lane in lanes:
        why = "no worker has all open accounts of its shard"
        if lane.is_drivable:
            why = "a worker is about to take it"
        table.add_row(Text(clean(lane.lane, 80)), Text(str(lane.shard)), Text(why))
    return table

"""
What tests of several processes at one store run: ``python -m support.store_process COMMAND``.

    open PATH…            open one store after another, each when a line comes in
    kill-migration FOLDER  be killed at every step of the first migration, and start again
    kill-add FOLDER        be killed at every step of storing a job, and look
    kill-end FOLDER        be killed at every step of ending a ticket, and look
    grow PATH              store a job of 100,000 items and read its results

Each prints JSON, a line a step. A step is a statement, a commit or a savepoint.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import alembic.command  # noqa: F401  # slow; imported once, before the forks
from attrs import evolve
from sqlalchemy import Engine, event

from batchhub._store import Store
from batchhub.models import BatchState, ItemState
from support.statements import on_statements
from support.stores import (
    NOW,
    add_job,
    make_chunk,
    make_chunks,
    make_job,
    make_plans,
    put_job,
    tickets_of,
)

Work = Callable[[Path], Awaitable[None]]

STEPS = ("commit", "savepoint", "release_savepoint")
TABLES = ("jobs", "tickets", "items", "results")


def say(**facts: Any) -> None:
    """Print what happened."""
    print(json.dumps(facts), flush=True)  # noqa: T201


def survives(work: Work, path: Path, kill_at: int | None) -> bool:
    """Do something in a process that is killed at a step; tell whether it came to its end."""
    pid = os.fork()
    if pid == 0:
        with nullcontext() if kill_at is None else _killed(kill_at):
            asyncio.run(_call(work, path))
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status != 0:
        sys.exit(f"step {kill_at}: status {status}")
    return True


@contextmanager
def _killed(kill_at: int) -> Iterator[None]:
    numbers = count(1)

    def step(*_: object) -> None:
        if next(numbers) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in STEPS:
        event.listen(Engine, name, step)
    with on_statements(step):
        yield


async def _call(work: Work, path: Path) -> None:
    await work(path)


def look(path: Path) -> dict[str, Any]:
    """Tell what is in a store's file, without opening it as a store."""
    if not path.exists():
        return {"tables": [], "version": None}
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = sorted(name for (name,) in names if not name.startswith("sqlite_"))
        version = None
        if "alembic_version" in tables:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            version = row and row[0]
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in TABLES
            if name in tables
        }
        ended = (
            connection.execute("SELECT count(*) FROM jobs WHERE ended_at IS NOT NULL").fetchone()
            if "jobs" in tables
            else (0,)
        )
        check = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return {
        "tables": tables,
        "version": version,
        "counts": counts,
        "ended": ended[0],
        "check": check,
    }


async def just_open(path: Path) -> None:
    """Start, as every process does."""
    store = await Store.open(path)
    await store.aclose()


async def add(path: Path) -> None:
    """Store a job of seven items in three tickets."""
    store = await Store.open(path)
    await put_job(store, make_job(), make_plans(3, 3, 1), make_chunks(3, 3, 1))
    await store.aclose()


async def add_other(path: Path) -> None:
    """Store a job of one item, as the next process does."""
    store = await Store.open(path)
    await add_job(store, 1, job_id="job-2")
    await store.aclose()


async def end(path: Path) -> None:
    """End the only ticket of the only job."""
    store = await Store.open(path)
    ((job, (ticket,)),) = await store.jobs.find_open("lane-1")
    ended = evolve(ticket, state=BatchState.COMPLETED)
    await store.tickets.end(job, ended, (), ItemState.SUCCEEDED, at=NOW)
    await store.aclose()


async def add_one(path: Path) -> None:
    """Store a job of five items in one ticket."""
    store = await Store.open(path)
    await add_job(store, 5)
    await store.aclose()


def kill_everywhere(folder: Path, work: Work, *, before: Work | None, after: Work) -> None:
    """Be killed at the first step, on a fresh store at the second, and so on to the end."""
    for kill_at in count(1):
        path = folder / f"{kill_at}.db"
        if before is not None:
            survives(before, path, None)
        survived = survives(work, path, kill_at)
        left = look(path)
        survives(after, path, None)
        say(step=kill_at, survived=survived, left=left, then=look(path))
        if survived:
            return


async def grow(path: Path) -> None:
    """Store a large job and read its results; tell how much memory that took."""
    store = await Store.open(path)
    await add_job(store, 1, job_id="warm-up")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    items, size_bytes = 100_000, 1_000
    job, first = make_job(), 1
    for part in make_chunks(*[500] * (items // 500), size_bytes=size_bytes):
        chunk = make_chunk([], [part], first_item=first)
        if first == 1:
            job = (await store.loads.begin(job, "us", chunk)).job
        else:
            await store.loads.extend(job, "us", chunk, NOW)
        first += len(part)
    last = make_chunk(make_plans(items), [], first_item=first)
    job = await store.loads.publish(job, "us", last)
    (ticket,) = await tickets_of(store, job)
    ended = evolve(ticket, state=BatchState.COMPLETED)
    await store.tickets.end(job, ended, (), ItemState.SUCCEEDED, at=NOW)
    results = 0
    async for _ in store.results.of_job(job.job_id):
        results += 1
    await store.aclose()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(items=items * size_bytes, results=results, grown=(after - before) * 1024)


def main() -> None:
    """Do what the command line says."""
    command, *paths = sys.argv[1:]
    if command == "open":
        for path in paths:
            say(ready=path)
            sys.stdin.readline()
            asyncio.run(just_open(Path(path)))
            say(**look(Path(path)))
    elif command == "kill-migration":
        kill_everywhere(Path(paths[0]), just_open, before=None, after=just_open)
    elif command == "kill-add":
        kill_everywhere(Path(paths[0]), add, before=just_open, after=add_other)
    elif command == "kill-end":
        kill_everywhere(Path(paths[0]), end, before=add_one, after=just_open)
    elif command == "grow":
        asyncio.run(grow(Path(paths[0])))
    else:
        sys.exit(f"no command {command!r}")


if __name__ == "__main__":
    main()

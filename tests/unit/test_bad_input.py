"""Stores that are none, and hubs that are used in ways they can't be: one plain line each."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.hubs import numbered, results_of
from support.patience import PATIENCE_S
from support.vendor import ScriptedAccount, Vendor, capable
from typer.testing import CliRunner

from batchhub import BatchHub, Outcome
from batchhub.cli.app import app
from batchhub.errors import SettingsError, StoreError, StoreVersionError, UsageError
from batchhub.hub import BatchJob


@pytest.mark.parametrize(
    ("store", "line"),
    [
        ("postgresql+other://me:pass_word@host/db", "a store on PostgreSQL is reached by psycopg"),
        ("postgresql+psycopg:x", "a store on PostgreSQL is given as postgresql://USER@HOST/DATAB"),
        ("mysql://host/db", "a store of the kind 'mysql' is not supported"),
        ("sqlite+aiosqlite:///jobs.db", "a store of the kind 'sqlite+aiosqlite' is not supported"),
        ("sqlite://", "a store of the kind 'sqlite' is not supported"),
        ("sqlite:jobs.db", "a store of the kind 'sqlite' is not supported"),
        ("file:jobs.db", "a store of the kind 'file' is not supported"),
        ("https://host/jobs.db", "a store of the kind 'https' is not supported"),
        ("://", "a store of the kind '' is not supported"),
        ("sqlite:///jobs.db?mode=ro", "a store's URL has no options"),
        ("sqlite:///", "a store is a path or sqlite:///PATH, not ''"),
        ("", "a store is a path or sqlite:///PATH, not ''"),
        ("a\0b", "a store is a path or sqlite:///PATH, not 'a"),
    ],
)
async def test_a_store_of_an_unknown_kind_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, line: str
) -> None:
    """In Python and on the command line; nothing is created, and no password is shown."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        await BatchHub(store).jobs()
    assert str(caught.value).startswith(line)
    result = await asyncio.to_thread(CliRunner().invoke, app, ["list", "--store", store])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {line}")
    assert len(result.stderr.splitlines()) == 1
    assert "pass_word" not in result.stderr
    assert not os.listdir(tmp_path)  # noqa: PTH208  # a path's own method is an error here


@pytest.mark.parametrize(
    ("make", "error", "line"),
    [
        ("newer", StoreVersionError, "it is of version 9999, written by a newer batchhub"),
        ("other", StoreError, "it is another program's database; choose another store"),
        ("junk", StoreError, "it is no batchhub store; choose another store"),
        ("folder", StoreError, "it is a folder; give the path of a file"),
    ],
)
async def test_a_store_that_is_none_of_ours_is_left_alone(
    tmp_path: Path, make: str, error: type[Exception], line: str
) -> None:
    """One sentence that says what it is, and what to do; the file is as it was."""
    path = tmp_path / "jobs.db"
    if make == "folder":
        path.mkdir()
    elif make == "junk":
        path.write_bytes(b"hello" * 1000)
    else:
        table, values = "alembic_version (version_num TEXT)", "alembic_version VALUES ('9999')"
        if make == "other":
            table, values = "films (title TEXT)", "films VALUES ('Ran')"
        database = sqlite3.connect(path)
        database.execute(f"CREATE TABLE {table}")
        database.execute(f"INSERT INTO {values}")
        database.commit()
        database.close()
    before = path.read_bytes() if path.is_file() else b""
    accounts = {"shop": ScriptedAccount()}
    for call in (BatchHub(path).jobs(), BatchHub(path, accounts).submit("shop", numbered(1))):
        with pytest.raises(error, match=line) as caught:
            await call
        assert str(path) in str(caught.value)
    result = await asyncio.to_thread(CliRunner().invoke, app, ["list", "--store", str(path)])
    assert result.exit_code == 4
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_two_hubs_of_one_process_share_a_store(tmp_path: Path) -> None:
    """Each sees and waits for the other's jobs, one of them drives, and nothing is sent twice."""
    store, vendor = tmp_path / "jobs.db", capable(Vendor(), poll_s=0.01, min_poll_s=0.01)
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with BatchHub(store, accounts) as first, BatchHub(store, accounts) as second:
        hubs = [first, second] * 2
        jobs = await asyncio.gather(*(hub.submit("shop", numbered(2)) for hub in hubs))
        statuses = await asyncio.gather(*(job.wait(timeout_s=PATIENCE_S) for job in jobs))
        assert {status.outcome for status in statuses} == {Outcome.SUCCEEDED}
        assert {job.id for job in await first.jobs()} == {job.id for job in jobs}
        for job in jobs:
            assert len(await results_of(await second.job(job.id))) == 2
    assert set(Counter(each.idempotency_key for each in vendor.submissions).values()) == {1}
    assert len(vendor.submissions) == len(jobs)


async def test_one_of_two_hubs_closes_and_the_other_goes_on(tmp_path: Path) -> None:
    """The lane of the one that closes is free at once."""
    store, vendor = tmp_path / "jobs.db", capable(Vendor(), poll_s=0.01, min_poll_s=0.01)
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with BatchHub(store, accounts) as second:
        async with BatchHub(store, accounts) as first:
            await (await first.submit("shop", numbered(1))).hand_over()
        job = await second.submit("shop", numbered(1))
        assert (await job.wait(timeout_s=PATIENCE_S)).outcome is Outcome.SUCCEEDED
        for each in await second.resume():
            assert each.status.outcome is Outcome.SUCCEEDED


def use(hub: BatchHub, job: BatchJob) -> list[Callable[[], object]]:
    """Return what may be done with a hub and a job of it."""
    return [
        hub.jobs,
        hub.resume,
        lambda: hub.job(job.id),
        lambda: hub.submit("shop", numbered(1)),
        lambda: hub.prune(1.0),
        job.refresh,
        job.wait,
        job.cancel,
        job.hand_over,
        lambda: results_of(job),
    ]


@pytest.mark.parametrize("ends", [True, False], ids=["run", "closed"])
def test_a_hub_whose_loop_is_closed_says_so(tmp_path: Path, ends: bool) -> None:
    """Each call is one line, and none hangs; it can be closed, and the store used again."""
    store, vendor = tmp_path / "jobs.db", Vendor()
    hub = BatchHub(store, {"shop": ScriptedAccount(vendor=vendor)})

    async def begin() -> BatchJob:
        return await hub.submit("shop", numbered(1))

    if ends:
        job = asyncio.run(begin())
    else:  # nobody cancels its tasks, as at the end of `asyncio.run`
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # what it says of tasks that nobody ends
        job = loop.run_until_complete(begin())
        loop.close()

    async def go_on() -> None:
        for call in use(hub, job):
            with pytest.raises(UsageError, match="opened in an event loop that has ended; open a"):
                await asyncio.wait_for(call(), PATIENCE_S)  # type: ignore[arg-type]
        await hub.aclose()
        await hub.aclose()
        with pytest.raises(UsageError, match="this hub is closed"):
            await hub.jobs()

    async def anew() -> None:
        accounts = {"shop": ScriptedAccount(vendor=vendor)}
        async with BatchHub(store, accounts) as other:
            await other.resume()
            assert (await other.job(job.id)).status.outcome is Outcome.SUCCEEDED

    asyncio.run(go_on())
    asyncio.run(anew())
    assert len(vendor.submissions) == 1


def test_a_hub_is_not_for_the_loop_of_another_thread(tmp_path: Path) -> None:
    """It is refused there, and goes on where it was opened."""
    found: list[str] = []

    def elsewhere(hub: BatchHub) -> None:
        try:
            asyncio.run(hub.jobs())
        except UsageError as error:
            found.append(str(error))

    async def begin() -> None:
        async with BatchHub(tmp_path / "jobs.db") as hub:
            thread = threading.Thread(target=elsewhere, args=[hub])
            thread.start()
            await asyncio.to_thread(thread.join)
            assert await hub.jobs() == []

    asyncio.run(begin())
    (line,) = found
    assert "was opened in another event loop; open a hub of its own in each" in line

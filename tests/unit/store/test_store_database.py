"""The door to the store's SQL, in a file and in memory: commits, opening, trouble."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from support.stores import (
    NOW,
    add_job,
    count_rows,
    make_chunks,
    make_job,
    make_plans,
    put_job,
    results_of,
    tickets_of,
)

from batchhub._store import Store
from batchhub._store.tables import items, jobs, results, tickets
from batchhub.adapter import WireItem
from batchhub.errors import SettingsError, StoreError

TABLES = (jobs, tickets, items, results)


async def pragma(store: Store, text: str) -> int:
    """Set or ask one of SQLite's switches on the store's connection."""

    def work(connection: Connection) -> int:
        result = connection.exec_driver_sql(f"PRAGMA {text}")
        return int(result.scalar_one()) if result.returns_rows else 0

    return await store._db.write(work)


def files(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


# Commits are shared, and nobody's trouble is another's.


async def test_writes_at_the_same_moment_share_a_commit(file_store: Store) -> None:
    """Writes that wait together are made durable together."""
    await add_job(file_store, 1)
    commits: list[object] = []
    event.listen(file_store._db._writer.engine, "commit", commits.append)

    async with asyncio.TaskGroup() as group:
        for n in range(2, 102):
            group.create_task(add_job(file_store, 1, job_id=f"job-{n}"))

    assert await count_rows(file_store, [jobs]) == [101]
    assert 1 <= len(commits) <= 2


async def test_a_read_commits_nothing(store: Store) -> None:
    """Looking writes nothing to the disk."""
    await add_job(store, 1)
    commits: list[object] = []
    event.listen(store._db._writer.engine, "commit", commits.append)

    await store.jobs.get("job-1")
    await results_of(store, "job-1")

    assert commits == []


async def test_a_write_that_fails_spoils_no_other(store: Store) -> None:
    """Of writes that share a commit, a bad one fails alone and leaves nothing."""
    broken = [*make_chunks(1), [WireItem(id="bad", wire=object())]]  # type: ignore[arg-type]

    done = await asyncio.gather(
        add_job(store, 2, job_id="a"),
        put_job(store, make_job("cut"), make_plans(2), broken),
        add_job(store, 2, job_id="b"),
        add_job(store, 2, job_id="a"),
        add_job(store, 2, job_id="c"),
        return_exceptions=True,
    )

    assert [type(result).__name__ for result in done] == [
        "JobRecord",
        "StoreError",
        "JobRecord",
        "StoreError",
        "JobRecord",
    ]
    assert await count_rows(store, TABLES) == [3, 3, 6, 0]
    assert [job.job_id for job, _ in await store.jobs.find()] == ["a", "b", "c"]


@pytest.mark.sqlite_only("asks SQLite")
async def test_each_caller_gets_an_error_of_its_own(store: Store) -> None:
    """An error that strikes a whole commit is not one object in many hands."""
    await pragma(store, "query_only = ON")

    done = await asyncio.gather(
        *(add_job(store, 1, job_id=f"job-{n}") for n in range(3)), return_exceptions=True
    )

    assert [type(error) for error in done] == [StoreError] * 3
    assert len({id(error) for error in done}) == 3


async def test_a_caller_that_goes_away_loses_no_write(store: Store) -> None:
    """A write that was handed over is made even when its caller is cancelled meanwhile."""
    gone = asyncio.create_task(add_job(store, 1, job_id="gone"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await add_job(store, 1, job_id="stays")

    assert [job.job_id for job, _ in await store.jobs.find()] == ["gone", "stays"]


@pytest.mark.sqlite_only("calls back out of sqlite3")
async def test_a_caller_cancelled_in_mid_transaction_breaks_none(store: Store) -> None:
    """A transaction that has begun is finished, and those that share it go on."""

    loop = asyncio.get_running_loop()

    class Cancelling(bytes):
        def __conform__(self, protocol: object) -> bytes:
            del protocol
            loop.call_soon_threadsafe(writing.cancel)
            return bytes(self)

    chunks = [*make_chunks(1), [WireItem(id="last", wire=Cancelling(b"x"))]]
    writing = asyncio.create_task(put_job(store, make_job("cut"), make_plans(2), chunks))
    others = [asyncio.create_task(add_job(store, 2, job_id=f"job-{n}")) for n in range(3)]
    with pytest.raises(asyncio.CancelledError):
        await writing
    await asyncio.gather(*others)

    assert await count_rows(store, TABLES) == [4, 4, 8, 0]


async def test_a_cancelled_reader_leaves_the_store_readable(store: Store) -> None:
    """A read whose caller went away holds up nobody."""
    await add_job(store, 1)
    gone = asyncio.create_task(store.jobs.get("job-1"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    assert (await store.jobs.get("job-1"))[0].job_id == "job-1"


async def test_closing_finishes_what_has_begun(file_store: Store, tmp_path: Path) -> None:
    """A write that was handed over before the store is closed is in the file afterwards."""
    writing = asyncio.create_task(add_job(file_store, 2))
    await asyncio.sleep(0)
    await file_store.aclose()
    await writing

    again = await Store.open(tmp_path / "jobs.db")
    assert await count_rows(again, TABLES) == [1, 1, 2, 0]
    await again.aclose()


async def test_closing_that_is_cancelled_goes_on(file_store: Store, tmp_path: Path) -> None:
    """A cancelled close leaves nothing open, and closing again waits for the end of the first."""
    writing = asyncio.create_task(add_job(file_store, 2))
    await asyncio.sleep(0)
    closing = asyncio.create_task(file_store.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await file_store.aclose()

    assert writing.done()
    assert files(tmp_path) == [tmp_path / "jobs.db"]  # the last connection takes the log with it


async def test_a_closed_store_says_so(store: Store) -> None:
    """After closing, every question is a `StoreError` and none waits for ever."""
    await store.aclose()

    with pytest.raises(StoreError):
        await store.jobs.get("job-1")
    with pytest.raises(StoreError):
        await add_job(store, 1)


# Opening.


@pytest.mark.parametrize(
    "name",
    ["a?b.db", "a#b.db", "a%41b.db", "a&b=c.db", "a b.db", "file:a.db", "ä.db", "deep/er.db"],
)
async def test_a_store_is_in_the_file_it_was_asked_for(tmp_path: Path, name: str) -> None:
    """Whatever characters a path has, the store is there and nowhere else."""
    opened = await Store.open(tmp_path / name)
    await opened.aclose()

    assert opened.path == tmp_path / name
    assert files(tmp_path) == [tmp_path / name]


async def test_a_url_names_the_same_store_as_its_path(tmp_path: Path) -> None:
    """``sqlite:///PATH`` is the store at the path."""
    opened = await Store.open(f"sqlite:///{tmp_path}/jobs.db")
    await add_job(opened, 1)
    await opened.aclose()
    again = await Store.open(str(tmp_path / "jobs.db"))

    assert await count_rows(again, [jobs]) == [1]
    await again.aclose()


@pytest.mark.parametrize("name", [None, ":memory:", "sqlite:///:memory:"])
async def test_a_store_may_be_in_memory(name: str | None) -> None:
    """A store in memory has no file, and each is a store of its own."""
    one, two = await Store.open(name), await Store.open(name)
    await add_job(one, 1)

    assert (one.path, one.name) == (None, "in memory")
    assert await count_rows(two, [jobs]) == [0]
    await one.aclose()
    await two.aclose()


@pytest.mark.sqlite_only("no files")
async def test_a_folder_is_no_store(tmp_path: Path) -> None:
    """The path of a folder is refused as such."""
    with pytest.raises(StoreError, match=rf"store {tmp_path}: it is a folder"):
        await Store.open(tmp_path)


@pytest.mark.sqlite_only("no files")
async def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    """A path that leads through a file can't be opened, and the error says why."""
    (tmp_path / "file").write_text("")

    for name in ("file/jobs.db", "file/deeper/jobs.db"):
        with pytest.raises(StoreError, match="a part of its path is a file, not a folder"):
            await Store.open(tmp_path / name)


@pytest.mark.sqlite_only("no files")
async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """Another kind of file is refused and not written to."""
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 100)

    with pytest.raises(StoreError, match=r"notes\.txt: it is no batchhub store"):
        await Store.open(path)

    assert path.read_text() == "my notes\n" * 100


async def test_a_url_of_another_kind_is_refused_without_its_password() -> None:
    """A database that is not supported is a wrong setting; the URL's secrets are not shown."""
    with pytest.raises(SettingsError, match="a store of the kind 'mysql'") as caught:
        await Store.open("mysql://user:hunter2@host/db")

    assert caught.value.key == "store"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a\0b", "~nobody-of-that-name/jobs.db", "sqlite:///"])
async def test_what_is_no_path_is_a_wrong_setting(name: str) -> None:
    """A store that names no file is refused before anything is opened."""
    with pytest.raises(SettingsError) as caught:
        await Store.open(name)

    assert caught.value.key == "store"


# Trouble with the disk.


@pytest.mark.sqlite_only("fails as SQLite does")
async def test_a_full_disk_is_said_and_survived(file_store: Store) -> None:
    """A full disk is named; nothing of the writes is kept, and after making room they succeed."""
    await add_job(file_store, 1)
    pages = await pragma(file_store, "page_count")
    await pragma(file_store, f"max_page_count = {pages + 4}")
    big = list(make_chunks(50, size_bytes=4000))

    done = await asyncio.gather(
        file_store.jobs.save_cancel("job-1", NOW),
        put_job(file_store, make_job("big"), make_plans(50), big),
        return_exceptions=True,
    )
    assert [type(error) for error in done] == [StoreError, StoreError]
    assert all(
        str(error).endswith("jobs.db: the disk is full; make room, then go on") for error in done
    )
    assert await file_store.jobs.find_cancelled("lane-1") == {}
    assert await count_rows(file_store, TABLES) == [1, 1, 1, 0]

    await pragma(file_store, f"max_page_count = {pages + 1000}")
    await put_job(file_store, make_job("big"), make_plans(50), big)
    assert await count_rows(file_store, TABLES) == [2, 2, 51, 0]


@pytest.mark.sqlite_only("asks SQLite")
async def test_a_read_only_store_is_said_and_can_be_read(store: Store) -> None:
    """What can't be written is named as read-only, with what to do; reading goes on."""
    await add_job(store, 1)
    await pragma(store, "query_only = ON")

    with pytest.raises(StoreError, match="it is read-only; make it writable"):
        await store.jobs.save_cancel("job-1", NOW)

    assert (await store.jobs.get("job-1"))[0].cancelled_at is None


@pytest.mark.sqlite_only("one writer at a time")
async def test_a_store_that_another_holds_is_said(file_store: Store, tmp_path: Path) -> None:
    """A lock held by another process for too long is named; once it is gone, writing goes on."""
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    await pragma(file_store, "busy_timeout = 0")
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="another process has held it for too long"):
        await add_job(file_store, 1)

    other.rollback()
    await add_job(file_store, 1)
    other.close()


@pytest.mark.parametrize("total", [1, 49, 50, 51, 100, 131])
async def test_each_of_many_rows_is_written_in_its_place(store: Store, total: int) -> None:
    """Rows go in by blocks, and what is left one by one; none is lost, doubled or moved."""
    job = await add_job(store, total)
    (ticket,) = await tickets_of(store, job)

    (expected,) = make_chunks(total)

    assert await store.tickets.get_items(ticket) == expected

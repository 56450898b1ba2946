"""The files of results that a store knows of, and the failures that nobody repeats yet."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects import sqlite
from support.raw_stores import open_raw
from support.stores import LATER, NOW, add_job, make_older

from batchhub._store import Export, Store
from batchhub._store.tables import OPEN_FAILURE, results


async def test_the_newest_word_on_a_file_counts(store: Store) -> None:
    """A path has one entry, whichever job wrote it last."""
    for job_id in ("job-1", "job-2"):
        await add_job(store, 1, job_id=job_id)
    await store.exports.save("/a.csv", "job-1", 7, "aa", NOW)
    await store.exports.save("/a.csv", "job-2", 8, "bb", LATER)

    assert await store.exports.find("/a.csv") == Export(
        path="/a.csv", job_id="job-2", size=8, digest="bb", written_at=LATER
    )
    assert await store.exports.find("/b.csv") is None


async def test_nothing_is_kept_of_a_file_of_a_job_that_is_gone(store: Store) -> None:
    """Of one that was deleted meanwhile no entry is made, and an older one goes."""
    await add_job(store, 1, job_id="job-1")
    await store.exports.save("/a.csv", "job-1", 7, "aa", NOW)

    await store.exports.save("/a.csv", "gone", 8, "bb", LATER)

    assert await store.exports.find("/a.csv") is None


async def test_an_entry_goes_with_its_job(file_store: Store, tmp_path: Path) -> None:
    """Deleting a job deletes what is known of its files, and of no other job's."""
    for job_id in ("job-1", "job-2"):
        await add_job(file_store, 1, job_id=job_id)
        await file_store.exports.save(f"/{job_id}.csv", job_id, 7, "aa", NOW)
    with closing(open_raw(tmp_path / "jobs.db")) as other:
        other.execute("UPDATE jobs SET ended_at = created_at WHERE job_id = 'job-1'")
        other.commit()

    hidden = await file_store.loads.hide_old(LATER, "token", LATER)
    await file_store.loads.delete("job-1", "token", "token", LATER)

    assert hidden == [("job-1", 1)]
    assert await file_store.exports.find("/job-1.csv") is None
    assert await file_store.exports.find("/job-2.csv") is not None


async def test_a_damaged_entry_allows_nothing(file_store: Store, tmp_path: Path) -> None:
    """One that makes no sense is as good as none, and no error."""
    await add_job(file_store, 1, job_id="job-1")
    await file_store.exports.save("/a.csv", "job-1", 7, "aa", NOW)
    for change in ("size = 'x'", "size = 7, written_at = 'yesterday'"):
        with closing(open_raw(tmp_path / "jobs.db")) as other:
            other.execute(f"UPDATE exports SET {change}")
            other.commit()
        assert await file_store.exports.find("/a.csv") is None


async def test_open_failures_are_found_by_their_index(file_store: Store, tmp_path: Path) -> None:
    """A query that asks for them in the same words does not read all results, in no version."""
    query = select(results.c.job_no, results.c.message).where(OPEN_FAILURE)
    path = tmp_path / "jobs.db"
    text = str(query.compile(dialect=sqlite.dialect()))
    await file_store.aclose()
    for _ in range(2):  # in a new store, then in one that was brought up to date
        with closing(open_raw(path)) as other:
            plan = other.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
        assert "ix_results_open_failures" in str(plan)
        make_older(path, "0004")
        await (await Store.open(path)).aclose()

"""Open jobs among thousands that have ended."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlalchemy.dialects import sqlite
from support.raw_stores import open_raw
from support.stores import make_older

from batchhub._store import Store
from batchhub._store.job_search import _select
from batchhub.models import BatchState


async def test_open_jobs_are_found_by_their_index(file_store: Store, tmp_path: Path) -> None:
    """However many have ended; in a new store, and in one that was brought up to date."""
    query = _select(states=[BatchState.QUEUED, BatchState.PENDING], is_page=True).limit(500)
    text = str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    path = tmp_path / "jobs.db"
    await file_store.aclose()
    for _ in range(2):
        with closing(open_raw(path)) as other:
            plan = other.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
        assert "ix_jobs_open" in str(plan)
        assert "TEMP B-TREE" not in str(plan)
        make_older(path, "0005")
        await (await Store.open(path)).aclose()

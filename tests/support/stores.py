"""Jobs for tests of the store, without a hub: records, items, and what came of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, func, select

from batchhub._store import JobRecord, Store, TicketPlan, TicketRecord
from batchhub.adapter import WireItem
from batchhub.models import ItemResult, ItemState

NOW: Final = datetime(2026, 11, 22, 12, 30, 0, 250_000, tzinfo=UTC)
"""When everything in these tests happens."""


def make_job(job_id: str = "job-1", **changes: Any) -> JobRecord:
    """Make a job of the lane ``lane-1``."""
    facts: dict[str, Any] = {
        "job_no": 0,
        "job_id": job_id,
        "account": "shop",
        "lane": "lane-1",
        "adapter": "scripted",
        "operation": "work",
        "key": None,
        "fingerprint": "f" * 64,
        "label": None,
        "options": {},
        "stop_on_first_failure": False,
        "deadline_s": 600.0,
        "retry_of": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return JobRecord(**(facts | changes))


def make_plans(*totals: int) -> list[TicketPlan]:
    """Plan tickets of so many items each."""
    plans: list[TicketPlan] = []
    for total in totals:
        plans.append(TicketPlan(first_item=1 + sum(p.total for p in plans), total=total))
    return plans


def make_chunks(*totals: int, size_bytes: int = 8) -> Iterator[list[WireItem]]:
    """Make the items i1, i2, … in chunks of so many."""
    number = 0
    for total in totals:
        yield [
            WireItem(id=f"i{n}", wire=b"%0*d" % (size_bytes, n))
            for n in range(number + 1, number + total + 1)
        ]
        number += total


async def add_job(store: Store, *totals: int, **changes: Any) -> JobRecord:
    """Store a job with tickets of so many items each."""
    job, _ = await store.add_job(make_job(**changes), make_plans(*totals), make_chunks(*totals))
    return job


async def tickets_of(store: Store, job: JobRecord) -> list[TicketRecord]:
    """Return the tickets of an unfinished job as the driver gets them."""
    found = await store.find_open(job.lane)
    return next(tickets for other, tickets in found if other.job_id == job.job_id)


async def results_of(
    store: Store, job_id: str, only: Collection[ItemState] | None = None
) -> list[ItemResult]:
    """Collect a job's results."""
    return [result async for result in store.results(job_id, only)]


async def count_rows(store: Store, tables: Sequence[Table]) -> list[int]:
    """Count the rows of some tables."""

    def work(connection: Connection) -> list[int]:
        queries = [select(func.count()).select_from(table) for table in tables]
        return [connection.execute(query).scalar_one() for query in queries]

    return await store._db.read(work)

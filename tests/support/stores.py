"""Jobs for tests of the store, without a hub: records, items, and what came of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve, fields
from sqlalchemy import Connection, Table, func, select

from batchhub._store import JobRecord, Store, TicketPlan, TicketRecord
from batchhub._store.chunks import Chunk
from batchhub.adapter import WireItem
from batchhub.models import BatchState, BatchStatus, ItemResult, ItemState

from . import on_postgres

NOW: Final = datetime(2026, 11, 22, 12, 30, 0, 250_000, tzinfo=UTC)
"""When everything in these tests happens."""

LATER: Final = NOW + timedelta(seconds=90)
"""When what comes after it does."""


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


def make_chunk(
    plans: Sequence[TicketPlan], chunks: Iterable[Sequence[WireItem]], **changes: Any
) -> Chunk:
    """Make one chunk of all the items and tickets of a job."""
    items = [(item.id, item.wire) for chunk in chunks for item in chunk]
    facts: dict[str, Any] = {"first_item": 1, "items": items, "first_ticket": 1, "plans": plans}
    return Chunk(**(facts | changes))


async def put_job(
    store: Store, job: JobRecord, plans: Sequence[TicketPlan], chunks: Iterable[Sequence[WireItem]]
) -> tuple[JobRecord, bool]:
    """Store a job in one transaction; tell whether it is new."""
    added = await store.loads.add(job, make_chunk(plans, chunks))
    assert added.blocked_by is None
    return added.job, added.is_new


async def add_job(store: Store, *totals: int, **changes: Any) -> JobRecord:
    """Store a job with tickets of so many items each."""
    job, _ = await put_job(store, make_job(**changes), make_plans(*totals), make_chunks(*totals))
    return job


async def tickets_of(store: Store, job: JobRecord) -> list[TicketRecord]:
    """Return the tickets of an unfinished job as the driver gets them."""
    found = await store.jobs.find_open(job.lane)
    return next(tickets for other, tickets in found if other.job_id == job.job_id)


async def results_of(
    store: Store, job_id: str, only: Collection[ItemState] | None = None
) -> list[ItemResult]:
    """Collect a job's results."""
    return [result async for result in store.results.of_job(job_id, only)]


def fold_again(status: BatchStatus) -> BatchStatus:
    """Work out from its tickets alone what follows from them."""
    names = [each.name for each in fields(BatchStatus) if each.init and each.name != "_tally"]
    return BatchStatus(**{name: getattr(status, name) for name in names})


_ADDED: Final = {
    "0007": (
        "DROP INDEX ix_lanes_shard",
        "ALTER TABLE lanes DROP COLUMN shard",
        "ALTER TABLE attendants DROP COLUMN began_at",
        "DROP TABLE facts",
        "DROP TABLE writers",
    ),
    "0006": (
        "DROP INDEX ix_jobs_open",
        "DROP TABLE alert_deliveries",
        "DROP TABLE alert_messages",
        "DROP TABLE alerts",
        "DROP TABLE attended",
        "DROP TABLE attendants",
        "DROP TABLE leases",
        "DROP TABLE wishes",
    ),
    "0005": (
        "DROP INDEX ix_results_open_failures",
        "DROP TABLE exports",
        "DROP TABLE input_blocks",
        "DROP TABLE inputs",
    ),
    "0004": ("DROP TABLE lessons",),
}
"""What takes back what each version added, the newest first."""


def make_older(path: Path, version: str) -> None:
    """Make a store as an earlier version left it; what is newer in it is lost."""
    if on_postgres.IS_ON:
        pytest.skip("no earlier version was on PostgreSQL")
    with closing(sqlite3.connect(path)) as older:
        for added, statements in _ADDED.items():
            for statement in statements if added > version else ():
                older.execute(statement)
        older.execute("UPDATE alembic_version SET version_num = ?", (version,))
        older.commit()


async def count_rows(store: Store, tables: Sequence[Table]) -> list[int]:
    """Count the rows of some tables."""

    def work(connection: Connection) -> list[int]:
        queries = [select(func.count()).select_from(table) for table in tables]
        return [connection.execute(query).scalar_one() for query in queries]

    return await store._db.read(work)


def rows(first: int, *states: ItemState) -> list[ItemResult]:
    """Make results of the items from a position on."""
    return [ItemResult(id=f"i{n}", state=state) for n, state in enumerate(states, first)]


def completed(ticket: TicketRecord) -> TicketRecord:
    """Return a ticket as the driver ends it."""
    return evolve(ticket, state=BatchState.COMPLETED, progress=1.0)


async def end_all(store: Store, job_id: str, *states: ItemState) -> None:
    """End the only ticket of a job with these results."""
    (job, (ticket,)) = next(
        found for found in await store.jobs.find_open("lane-1") if found[0].job_id == job_id
    )
    await store.tickets.end(job, completed(ticket), rows(1, *states), ItemState.UNKNOWN, at=NOW)

"""A part of a job as it is written: its items, and the tickets whose last item is in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from attrs import evolve, frozen
from sqlalchemy import Connection, bindparam, insert, update

from batchhub.errors import StoreError
from batchhub.models import BatchState, BatchStatus

from .codec import job_row
from .job_rows import find_job_no
from .lane_rows import take_place
from .records import JobRecord, Summary, TicketPlan, TicketRecord, make_status
from .row_blocks import Block, compress
from .statements import ManyRows, Statement
from .tables import input_blocks, inputs, items, jobs, results, tickets
from .ticket_view import TicketView

CHUNK_ITEMS: Final = 2_500
"""How many items, or rows to delete, a transaction has at most."""

CHUNK_BYTES: Final = 512 * 1024
"""How many bytes of items a transaction has, about."""

_ADD_JOB: Final = Statement(insert(jobs).returning(jobs.c.job_no))
_ADD_ITEMS: Final = ManyRows.insert(items, "job_no", "position", "item_id", "wire")
_TICKET_COLUMNS: Final = (
    *("job_no", "position", "first_item", "total", "waits_for_previous", "targets"),
    *("state", "vendor_refs", "vendor", "findings"),
    *("succeeded", "failed", "not_executed", "unknown"),
)
_NEW_TICKET: Final = (BatchState.PENDING.value, "[]", "{}", "[]", 0, 0, 0, 0)
_ADD_TICKETS: Final = ManyRows.insert(tickets, *_TICKET_COLUMNS)
_ADD_HEAD: Final = Statement(insert(inputs))
_ADD_BLOCKS: Final = ManyRows.insert(input_blocks, "job_no", "first_row", "first_item", "data")
_MARK: Final = ManyRows(
    update(results)
    .where(
        results.c.job_no == bindparam("this_job_no"),
        results.c.position == bindparam("this_position"),
        results.c.retried_in.is_(None),
    )
    .values(retried_in=bindparam("retry")),
    ("retry", "this_job_no", "this_position"),
)


class RepeatedMeanwhileError(StoreError):
    """Somebody else repeats, or repeated, some of the items that are to be repeated."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the items of job {job_id} changed meanwhile; try again")


@frozen(kw_only=True)
class Chunk:
    """
    A part of a job that is written at once.

    Attributes:
        first_item: The position of its first item in the job, from 1.
        items: Ids and stored forms of its items, in order.
        first_ticket: The position of its first ticket in the job, from 1.
        plans: The tickets whose last item is in it, in order.
        repeated: For a retry, the positions its items have in the job that is repeated.
        rows: Rows that items were made of; not always of these items.
        head: What is known of all rows, packed, once they have come to an end.
    """

    first_item: int
    items: Sequence[tuple[str, bytes]]
    first_ticket: int
    plans: Sequence[TicketPlan]
    repeated: Sequence[int] = ()
    rows: Sequence[Block] = ()
    head: bytes | None = None


def insert_job(
    connection: Connection,
    job: JobRecord,
    chunk: Chunk,
    *,
    process: str | None = None,
    place: bool = False,
) -> JobRecord:
    """
    Write a job and its first part; return it as it is in the store.

    Args:
        connection: Of a transaction that writes.
        job: The job.
        chunk: The part.
        process: The token of the process that loads it; `None` for a job that is whole.
        place: Whether it is: then it gets its place, and is seen.
    """
    made = evolve(job, place=take_place(connection, job.lane)) if place else job
    row = job_row(made)
    del row["job_no"]
    row["loaded_by"] = process
    if place:
        row.update(counts_row(len(chunk.items), len(chunk.plans)))
    made = evolve(made, job_no=_ADD_JOB.scalar(connection, row))
    insert_chunk(connection, made, chunk)
    return made


def counts_row(total: int, planned: int) -> dict[str, int]:
    """Return the columns that count the items and tickets of a new job."""
    return {"total": total, "tickets_pending": planned}


def tickets_until(chunk: Chunk) -> int:
    """Return how many tickets a job has up to the end of a part."""
    return chunk.first_ticket + len(chunk.plans) - 1


def insert_chunk(connection: Connection, job: JobRecord, chunk: Chunk) -> None:
    """Write a part of a job that is there."""
    job_no, first, first_ticket = job.job_no, chunk.first_item, chunk.first_ticket
    _ADD_ITEMS.run(
        connection,
        [(job_no, position, *item) for position, item in enumerate(chunk.items, first)],
    )
    waits = job.stop_on_first_failure
    _ADD_TICKETS.run(
        connection,
        [
            (job_no, n, plan.first_item, plan.total, waits and n > 1, plan.targets, *_NEW_TICKET)
            for n, plan in enumerate(chunk.plans, first_ticket)
        ],
    )
    # Compressed here, in the thread that writes: whoever hands them over goes on meanwhile.
    blocks = [(job_no, b.first_row, b.first_item, compress(b.data)) for b in chunk.rows]
    _ADD_BLOCKS.run(connection, blocks)
    if chunk.head is not None:
        _ADD_HEAD.run(connection, {"job_no": job_no, "head": chunk.head})
    if chunk.repeated:
        _mark(connection, job, chunk.repeated)


def new_status(job: JobRecord, chunk: Chunk) -> BatchStatus:
    """Return what reading a job would tell that has just been written, and is this part alone."""
    tickets_now = [
        TicketRecord(
            job_no=job.job_no,
            position=n,
            first_item=plan.first_item,
            total=plan.total,
            waits_for_previous=job.stop_on_first_failure and n > 1,
        )
        for n, plan in enumerate(chunk.plans, chunk.first_ticket)
    ]
    return make_status(job, Summary.of(job, tickets_now), TicketView.of(tickets_now))


def _mark(connection: Connection, job: JobRecord, repeated: Collection[int]) -> None:
    """Mark the items of another job as repeated by this one."""
    old_no = find_job_no(connection, job.retry_of)
    if old_no is None:
        raise StoreError(f"job {job.retry_of} was deleted meanwhile; nothing is repeated")
    marked = _MARK.run(connection, [(job.job_id, old_no, position) for position in repeated])
    if marked != len(repeated):
        raise RepeatedMeanwhileError(job.retry_of or "")

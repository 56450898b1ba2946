"""The rows of deliveries, as consumers look for them and claim them inside a transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen
from sqlalchemy import (
    Connection,
    Integer,
    Select,
    String,
    bindparam,
    insert,
    or_,
    select,
    union_all,
    update,
)

from batchhub.errors import StoreError
from batchhub.models import BatchStatus

from .codec import from_text, to_text
from .damage import DamagedError, note
from .job_rows import get_stored
from .statements import Row, Statement
from .tables import consumers, deliveries, jobs

CHUNK: Final = 400
"""How many ids of jobs one query asks about, twice each; some databases take 999 values."""
DAMAGED_S: Final = 300.0
"""Seconds after which the end of a job that can't be read is looked at again."""
_ADD_ENDED: Final = Statement(
    insert(deliveries).from_select(
        ["consumer", "job_no", "due_at"],
        select(
            consumers.c.consumer,
            bindparam("for_job", type_=Integer),
            bindparam("at", type_=String),
        ),
    )
)
_IS_DUE: Final = (
    deliveries.c.due_at.is_not(None),
    # Whatever the clock says: it may have been set back since the job ended.
    or_(deliveries.c.tries == 0, deliveries.c.due_at <= bindparam("at")),
)
THIS: Final = (
    deliveries.c.consumer == bindparam("this_consumer"),
    deliveries.c.job_no == bindparam("this_job"),
)
_IS_OURS: Final = or_(
    deliveries.c.claimed_by.is_(None), deliveries.c.claimed_by == bindparam("token")
)
_GET: Final = Statement(
    select(jobs, deliveries.c.claimed_at, deliveries.c.tries)
    .join_from(deliveries, jobs, jobs.c.job_no == deliveries.c.job_no)
    .where(*THIS)
)
_CLAIM: Final = Statement(
    update(deliveries)
    .where(
        *THIS,
        *_IS_DUE,
        deliveries.c.claimed_by.is_not_distinct_from(bindparam("seen", type_=String)),
    )
    .values(claimed_by=bindparam("token"), claimed_at=bindparam("at"))
)
PUT_OFF: Final = Statement(
    update(deliveries)
    .where(*THIS, _IS_OURS)
    .values(
        claimed_by=None,
        tries=deliveries.c.tries + 1,
        due_at=bindparam("until"),
        failed_at=bindparam("failed"),
    )
)


def _looks(*wanted: Any) -> Select[Any]:
    """Select what is claimed by anybody, and the first of what is not."""
    columns = (deliveries.c.job_no, deliveries.c.claimed_by, deliveries.c.claimed_at)
    mine = (
        select(*columns, deliveries.c.due_at)
        .join_from(deliveries, jobs, jobs.c.job_no == deliveries.c.job_no)
        .where(deliveries.c.consumer == bindparam("consumer"), jobs.c.place.is_not(None), *wanted)
    )
    free = (
        mine.where(deliveries.c.claimed_by.is_(None), *_IS_DUE)
        .order_by(deliveries.c.due_at, deliveries.c.job_no)
        .limit(1)
        .subquery()
    )
    both = union_all(mine.where(deliveries.c.claimed_by.is_not(None)), select(free)).subquery()
    return select(both).order_by(both.c.due_at, both.c.job_no)


_OF_THESE: Final = jobs.c.job_id.in_(bindparam("job_ids", expanding=True))
_LOOK: Final = Statement(_looks())
_LOOK_AT: Final = _looks(_OF_THESE)
_LOOK_FOR_RETRIES: Final = Statement(_looks(deliveries.c.tries > 0))


@frozen(kw_only=True)
class Candidate:
    """
    A delivery that may be claimed, unless whoever has it is alive.

    Attributes:
        job_no: Its job.
        claimed_by: The token of the process that has it; `None` if it is free.
        claimed_at: When it was claimed, or that process gave its last sign of life.
    """

    job_no: int
    claimed_by: str | None
    claimed_at: datetime | None


@frozen(kw_only=True)
class Claimed:
    """
    A delivery that was claimed.

    Attributes:
        job_no: Its job.
        lane: The lane of the job.
        status: The status the job ended with.
        is_repeated: Whether somebody had it before.
        tries: How often it was put off.
    """

    job_no: int
    lane: str
    status: BatchStatus
    is_repeated: bool
    tries: int


def add_deliveries(connection: Connection, job_no: int, at: datetime) -> None:
    """Add the end of a job for each consumer, in the transaction in which the job ends."""
    _ADD_ENDED.run(connection, {"for_job": job_no, "at": to_text(at)})


def look(
    connection: Connection,
    consumer: str,
    at: datetime,
    job_ids: Collection[str] | None,
    *,
    retries: bool,
) -> list[Candidate]:
    """Return what is claimed, and the first of what is due; see `Deliveries.look`."""
    facts = {"consumer": consumer, "at": to_text(at)}
    found: list[Row] = []
    if job_ids is None:
        found.extend(_LOOK.rows(connection, facts))
    else:
        for chunk in _chunks(list(job_ids)):
            rows = connection.execute(_LOOK_AT, {**facts, "job_ids": chunk})
            found.extend(rows.mappings())
    if job_ids is not None and retries:
        found.extend(_LOOK_FOR_RETRIES.rows(connection, facts))
    found.sort(key=lambda row: (row["due_at"], row["job_no"]))
    return [
        Candidate(
            job_no=row["job_no"],
            claimed_by=row["claimed_by"],
            claimed_at=_read_time(consumer, row),
        )
        for row in found
    ]


def claim(
    connection: Connection, consumer: str, candidate: Candidate, token: str, at: datetime
) -> Claimed | None:
    """Claim a delivery, or put it off; see `Deliveries.claim`."""
    this = {"this_consumer": consumer, "this_job": candidate.job_no}
    before = _GET.first(connection, this)
    change = {**this, "seen": candidate.claimed_by, "token": token, "at": to_text(at)}
    if before is None or not _CLAIM.run(connection, change):
        return None
    try:
        job, status = get_stored(connection, before)
    except DamagedError as error:  # one job's, which keeps no other's end back
        note(error)
        later = to_text(at + timedelta(seconds=DAMAGED_S))
        put_off = {**this, "token": token, "until": later, "failed": None}
        PUT_OFF.run(connection, put_off)
        return None
    tries = before["tries"]
    if not isinstance(tries, int):
        raise _damage(consumer, job.job_no, "tries", tries)
    return Claimed(
        job_no=job.job_no,
        lane=job.lane,
        status=status,
        is_repeated=before["claimed_at"] is not None,
        tries=tries,
    )


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]


def _read_time(consumer: str, row: Row) -> datetime | None:
    text = row["claimed_at"]
    try:
        at = from_text(text)
    except (TypeError, ValueError):
        raise _damage(consumer, row["job_no"], "claimed_at", text) from None
    if at is not None and at.tzinfo is None:
        raise _damage(consumer, row["job_no"], "claimed_at", text)
    return at


def _damage(consumer: str, job_no: int, column: str, value: object) -> StoreError:
    return StoreError(
        f"the store is damaged: table deliveries, consumer {consumer!r}, job number {job_no}: "
        f"{column} is {value!r}"
    )

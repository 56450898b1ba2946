"""The open jobs in brief, by pages: what tells whether one needs a person, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, and_, bindparam, select

from batchhub.models import BatchState, BatchStatus, Contact
from batchhub.models.fold import STUCK
from batchhub.models.status import tally_of

from .codec import from_text
from .damage import DamagedError, note, read_row, reading
from .records import JobRecord
from .statements import Row, Statement
from .tables import jobs

STALLED: Final = "stalled"
"""The finding of tickets that the vendor makes no progress with."""

_UNCONFIRMED: Final = f"tickets_{BatchState.UNCONFIRMED.value}"
_FIELDS: Final = (
    *("job_no", "job_id", "account", "lane", "state", "contact", "contact_note", "created_at"),
    *("updated_at", "observed_at", "cancelled_at", "deadline_s", _UNCONFIRMED),
    *("findings", "ticket_findings"),
)
# As the index of what has not ended says it, so that of all jobs only the open ones are read.
IS_OPEN: Final = and_(jobs.c.ended_at.is_(None), jobs.c.place > 0)
_GET: Final = Statement(
    select(*(jobs.c[name] for name in _FIELDS))
    .where(IS_OPEN, jobs.c.job_no > bindparam("after"))
    .order_by(jobs.c.job_no)
    .limit(bindparam("most"))
)


@frozen(kw_only=True, weakref_slot=False)  # there may be 100,000
class OpenJob:
    """
    An open job in brief.

    Attributes:
        job_id: Its id.
        account: Its account's name.
        lane: Its lane.
        state: Its state.
        contact: Contact with the vendor.
        note: Why it is not OK, in a line.
        created_at: When it was submitted.
        updated_at: When its state last changed.
        observed_at: When the vendor last answered for it.
        is_cancelled: Whether somebody asked to stop it.
        deadline_s: Seconds after which it is overdue.
        unconfirmed: How many of its tickets are UNCONFIRMED.
        stalled: How many of its tickets have stalled; some of them may go on by now.
        held_by: The id of the other job that is to be decided about first, if there is one.
    """

    job_id: str
    account: str
    lane: str
    state: BatchState
    contact: Contact
    note: str | None
    created_at: datetime
    updated_at: datetime
    observed_at: datetime | None
    is_cancelled: bool
    deadline_s: float
    unconfirmed: int
    stalled: int
    held_by: str | None

    @classmethod
    def of(cls, record: JobRecord, status: BatchStatus) -> OpenJob:
        """Return a job that was read in full."""
        return cls(
            job_id=record.job_id,
            account=record.account,
            lane=record.lane,
            state=status.state,
            contact=record.contact,
            note=record.contact_note,
            created_at=record.created_at,
            updated_at=record.updated_at,
            observed_at=record.observed_at,
            is_cancelled=record.cancelled_at is not None,
            deadline_s=record.deadline_s,
            unconfirmed=tally_of(status).number(BatchState.UNCONFIRMED),
            stalled=sum(each.count for each in status.findings if each.code == STALLED),
            held_by=status.held_by,
        )


def open_page(connection: Connection, after: int, most: int) -> tuple[list[OpenJob], int | None]:
    """
    Return the next open jobs, oldest first, without those that can't be read.

    Args:
        connection: Of a transaction.
        after: The number of the last job that is known.
        most: How many at most.

    Returns:
        The jobs, and the number to go on behind; `None` if there are no more.
    """
    found: list[OpenJob] = []
    rows = list(_GET.rows(connection, {"after": after, "most": most}))
    for row in rows:
        try:
            found.append(reading(jobs, row, _read))
        except DamagedError as error:  # one job's, which hides no other
            note(error)
    return found, rows[-1]["job_no"] if len(rows) == most else None


def _read(row: Row) -> OpenJob:
    values = read_row(jobs, row, _FIELDS)
    created_at, updated_at = from_text(values["created_at"]), from_text(values["updated_at"])
    assert created_at is not None  # noqa: S101  # neither column may be NULL
    assert updated_at is not None  # noqa: S101
    return OpenJob(
        job_id=values["job_id"],
        account=values["account"],
        lane=values["lane"],
        state=BatchState(values["state"]),
        contact=Contact(values["contact"]),
        note=values["contact_note"],
        created_at=created_at,
        updated_at=updated_at,
        observed_at=from_text(values["observed_at"]),
        is_cancelled=values["cancelled_at"] is not None,
        deadline_s=values["deadline_s"],
        unconfirmed=values[_UNCONFIRMED],
        stalled=_count_stalled(values["ticket_findings"]) if values["ticket_findings"] else 0,
        held_by=_find_held_by(values["findings"], values["job_id"]) if values["findings"] else None,
    )


def _count_stalled(findings: Sequence[Mapping[str, Any]]) -> int:
    return sum(each["count"] for each in findings if each["code"] == STALLED)


def _find_held_by(findings: Sequence[Mapping[str, Any]], job_id: str) -> str | None:
    named = [e for each in findings if each["code"] == STUCK for e in each["examples"]]
    return next((e for e in named if e != job_id), None)

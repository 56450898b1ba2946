"""A page of a job's tickets, and those of them that need a look."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, or_, select

from batchhub.models import BatchState

from .codec import read_ticket
from .damage import DamagedError
from .records import TicketRecord
from .statements import Statement
from .tables import tickets
from .ticket_rows import TICKET_COLUMNS

_PAGE: Final = (
    select(*TICKET_COLUMNS)
    .where(tickets.c.job_no == bindparam("this_job"), tickets.c.position > bindparam("after"))
    .order_by(tickets.c.position)
    .limit(bindparam("most"))
)
_ALL: Final = Statement(_PAGE)
# Not what only waits: a job may have 100,000 tickets, and nearly all of them are well.
_ODD: Final = Statement(
    _PAGE.where(
        or_(
            tickets.c.state == BatchState.UNCONFIRMED.value,
            tickets.c.state == BatchState.FAILED.value,
            tickets.c.state == BatchState.LOST.value,
            tickets.c.failed + tickets.c.not_executed + tickets.c.unknown > 0,
        )
    )
)
_OPEN: Final = Statement(
    _PAGE.where(
        or_(
            tickets.c.state == BatchState.QUEUED.value,
            tickets.c.state == BatchState.IN_PROGRESS.value,
        )
    )
)
_UNCONFIRMED: Final = Statement(_PAGE.where(tickets.c.state == BatchState.UNCONFIRMED.value))
_SEARCHES: Final = {"all": _ALL, "odd": _ODD, "open": _OPEN, "unconfirmed": _UNCONFIRMED}


def tickets_page(
    connection: Connection, job_no: int, *, after: int, most: int, kind: str
) -> list[TicketRecord | DamagedError]:
    """
    Return tickets of a job behind a position, in order; for one that can't be read, why.

    Args:
        connection: Of a transaction.
        job_no: The job.
        after: The position.
        most: How many at most.
        kind: ``all``; ``odd`` for those that went wrong, wholly or in part, or are in doubt;
            ``unconfirmed`` for the latter alone; or ``open`` for those that the vendor has and that
            have not ended.
    """
    facts = {"this_job": job_no, "after": after, "most": most}
    found: list[TicketRecord | DamagedError] = []
    for row in _SEARCHES[kind].rows(connection, facts):
        try:
            found.append(read_ticket(row))
        except DamagedError as error:
            found.append(error)
    return found

"""
What was sent to vendors that refuse to take the same again for a while.

Such a vendor takes a second ticket with the same body for the first one, repeated.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, or_, select, update

from .codec import read_ticket
from .records import JobRecord, TicketRecord
from .statements import Statement
from .tables import jobs, tickets
from .ticket_rows import TICKET_COLUMNS

_NOTE: Final = Statement(
    update(tickets)
    .where(
        tickets.c.job_no == bindparam("this_job"),
        tickets.c.position == bindparam("this_position"),
    )
    .values(body=bindparam("this_body"))
)
_FIND: Final = Statement(
    select(*TICKET_COLUMNS)
    .join(jobs, jobs.c.job_no == tickets.c.job_no)
    .where(
        tickets.c.body == bindparam("this_body"),
        jobs.c.lane == bindparam("this_lane"),
        tickets.c.attempt_id.is_not(None),
        tickets.c.sends > 0,
        or_(
            tickets.c.job_no != bindparam("this_job"),
            tickets.c.position != bindparam("this_position"),
        ),
    )
)


def note_body(
    connection: Connection, job: JobRecord, ticket: TicketRecord, body: bytes
) -> list[TicketRecord]:
    """
    Note what a ticket sends; return other tickets of the lane that have sent, or may have sent,
    the same.

    Args:
        connection: Of a transaction that writes.
        job: The ticket's job.
        ticket: The ticket.
        body: The hash of what it sends.
    """
    values = {"this_job": ticket.job_no, "this_position": ticket.position, "this_body": body}
    _NOTE.run(connection, values)
    return [read_ticket(row) for row in _FIND.rows(connection, {**values, "this_lane": job.lane})]

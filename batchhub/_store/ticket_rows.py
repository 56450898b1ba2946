"""The rows of tickets, as they are read inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, select

from .codec import read_ticket
from .damage import DamagedError
from .records import TicketRecord
from .statements import Statement
from .tables import tickets

PAGE: Final = 500
"""How many rows of items or results are in memory at once."""

# Without the targets: they are as large as all the rest, and asked for by themselves.
_ASKED_FOR: Final = frozenset({"targets", "body"})
TICKET_COLUMNS: Final = tuple(each for each in tickets.c if each.key not in _ASKED_FOR)
"""The columns of a `TicketRecord`."""

_TICKETS: Final = select(*TICKET_COLUMNS)
_GET_TICKET: Final = Statement(
    _TICKETS.where(
        tickets.c.job_no == bindparam("this_job"), tickets.c.position == bindparam("this_position")
    )
)
_GET_TICKETS: Final = _TICKETS.where(
    tickets.c.job_no.in_(bindparam("these", expanding=True))
).order_by(tickets.c.job_no, tickets.c.position)
_GET_TICKETS_OF_JOB: Final = Statement(
    _TICKETS.where(tickets.c.job_no == bindparam("this_job")).order_by(tickets.c.position)
)
_SOME_TICKETS: Final = _TICKETS.where(
    tickets.c.job_no == bindparam("this_job"),
    tickets.c.position.in_(bindparam("these", expanding=True)),
).order_by(tickets.c.position)


def tickets_of(connection: Connection, job_no: int) -> list[TicketRecord]:
    """Return the tickets of a job, in order."""
    rows = _GET_TICKETS_OF_JOB.rows(connection, {"this_job": job_no})
    return [read_ticket(row) for row in rows]


def some_tickets(
    connection: Connection, job_no: int, positions: Sequence[int]
) -> list[TicketRecord]:
    """Return some tickets of a job, given in order."""
    found: list[TicketRecord] = []
    for at in range(0, len(positions), PAGE):
        these = {"this_job": job_no, "these": positions[at : at + PAGE]}
        found += map(read_ticket, connection.execute(_SOME_TICKETS, these).mappings())
    return found


def get_ticket(connection: Connection, ticket: TicketRecord) -> TicketRecord:
    """Return a ticket as it is stored now."""
    return read_ticket(_GET_TICKET.one(connection, this_ticket(ticket)))


def tickets_of_jobs(
    connection: Connection, job_nos: Sequence[int]
) -> dict[int, list[TicketRecord] | DamagedError]:
    """Return the tickets of some jobs, in order, by the job's number; or why they can't be read."""
    found: dict[int, list[TicketRecord] | DamagedError] = {job_no: [] for job_no in job_nos}
    for at in range(0, len(job_nos), PAGE):
        for row in connection.execute(_GET_TICKETS, {"these": job_nos[at : at + PAGE]}).mappings():
            theirs = found[row["job_no"]]
            if isinstance(theirs, DamagedError):
                continue
            try:
                theirs.append(read_ticket(row))
            except DamagedError as error:
                found[row["job_no"]] = error
    return found


def this_ticket(ticket: TicketRecord) -> dict[str, int]:
    """Return the values that name a ticket in a statement."""
    return {"this_job": ticket.job_no, "this_position": ticket.position}

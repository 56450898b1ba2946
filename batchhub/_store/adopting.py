"""A ticket whose fate is unknown gets the vendor's id from a user, inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Text, bindparam, cast, or_, select

from batchhub._base.json import loads
from batchhub.models import BatchState

from . import wishes
from .lane_records import Hold
from .lane_rows import is_held
from .records import JobRecord, TicketRecord
from .tables import jobs, tickets
from .ticket_changes import LATE, change_ticket, keep_late
from .ticket_rows import get_ticket

_PAGE: Final = 20
"""How many ids are looked for by one statement."""

_REFS: Final = cast(tickets.c.vendor_refs, Text)
_FINDINGS: Final = cast(tickets.c.findings, Text)
_OF_LANE: Final = (
    select(
        jobs.c.job_id,
        tickets.c.job_no,
        tickets.c.position,
        _REFS.label("refs"),
        _FINDINGS.label("findings"),
    )
    .join_from(jobs, tickets, jobs.c.job_no == tickets.c.job_no)
    .where(jobs.c.lane == bindparam("this_lane"))
    .order_by(tickets.c.job_no, tickets.c.position)
)


@frozen(kw_only=True)
class RefOwner:
    """
    A ticket that has one of some ids.

    Attributes:
        ref: The id.
        job_id: The ticket's job.
        position: Its place in the job, from 1.
    """

    ref: str
    job_id: str
    position: int


@frozen(kw_only=True)
class Adopted:
    """
    What became of the wish that a ticket has some ids.

    Attributes:
        ticket: The ticket as it is in the store now.
        owner: Another ticket that has one of the ids; then nothing was written.
        is_held: Whether the lane was held; else nothing was written.
        is_withdrawn: Whether nobody wishes it any more; then nothing was written.
    """

    ticket: TicketRecord
    owner: RefOwner | None = None
    is_held: bool = True
    is_withdrawn: bool = False


def find_ref_owner(
    connection: Connection, lane: str, refs: tuple[str, ...], ticket: TicketRecord
) -> RefOwner | None:
    """
    Return a ticket of a lane, but for `ticket`, that has one of some ids; `None` if none has.

    A batch that the vendor took for a ticket too late is that ticket's as well.
    """
    for at in range(0, len(refs), _PAGE):
        page = refs[at : at + _PAGE]
        # As the columns are written. LIKE finds a little too much, and what it finds is read.
        query = _OF_LANE.where(
            or_(
                *(
                    text.contains(json.dumps(ref), autoescape=True)
                    for ref in page
                    for text in (_REFS, _FINDINGS)
                )
            )
        )
        for row in connection.execute(query, {"this_lane": lane}):
            if (row.job_no, row.position) == (ticket.job_no, ticket.position):
                continue
            theirs = [*_read_list(row.refs), *_read_late(row.findings)]
            for ref in page:
                if ref in theirs:
                    return RefOwner(ref=ref, job_id=row.job_id, position=row.position)
    return None


def adopt_ticket(
    connection: Connection,
    job: JobRecord,
    ticket: TicketRecord,
    hold: Hold,
    *,
    wish_no: int | None,
    at: datetime,
) -> Adopted:
    """
    Write that the vendor has a ticket whose fate was unknown, under the ids that it is given.

    Nothing is written if the lane is not held, if another ticket of the lane has one of the ids, or
    if the ticket is not the same attempt any more, still without an answer. One that was given up
    meanwhile gets the finding ``late_ticket``: the vendor has just said that it has it.

    Args:
        connection: Of a transaction that writes.
        job: The job as its driver knows it.
        ticket: The ticket with its ids, as the vendor has just described it.
        hold: The right to drive the lane.
        wish_no: The number of the wish, if another process has it; it is done with this, or, if it
            was withdrawn, nothing is.
        at: The time.
    """
    old = get_ticket(connection, ticket)
    if not is_held(connection, hold):
        return Adopted(ticket=old, is_held=False)
    if wish_no is not None and not wishes.is_open(connection, wish_no):
        return Adopted(ticket=old, is_withdrawn=True)
    owner = find_ref_owner(connection, job.lane, ticket.vendor_refs, ticket)
    if owner is not None or old.attempt_id != ticket.attempt_id:
        return Adopted(ticket=old, owner=owner)
    if old.state is BatchState.UNCONFIRMED and not old.vendor_refs:
        change_ticket(connection, job, old, ticket)
        if wish_no is not None:
            wishes.note_done(connection, wish_no, at)
        return Adopted(ticket=ticket)
    if old.state is BatchState.CANCELLED:
        return Adopted(ticket=keep_late(connection, old, ticket))
    return Adopted(ticket=old)


def _read_late(text: str) -> Iterator[Any]:
    """Yield the ids of batches that came too late for a ticket, by its findings."""
    for finding in _read_list(text):
        if isinstance(finding, dict) and finding.get("code") == LATE:
            yield from finding.get("examples") or ()


def _read_list(text: str) -> list[Any]:
    try:
        found = loads(text)
    except ValueError:  # damaged, which is said when the ticket is read
        return []
    return found if isinstance(found, list) else []

"""What is written before a request with an effect: fenced, so that only the lane's owner sends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, or_, update

from batchhub.models import BatchState

from .codec import to_text
from .lane_records import Hold, Traffic
from .lane_rows import IS_HELD, is_held, note_traffic
from .records import TicketRecord
from .statements import Statement
from .tables import tickets

_IS_OURS: Final = (
    tickets.c.job_no == bindparam("this_job"),
    tickets.c.position == bindparam("this_position"),
    tickets.c.state == BatchState.PENDING.value,
    IS_HELD,
)
"""The fence: the lane is held …"""

_IS_AS_KNOWN: Final = tickets.c.attempt_id.is_not_distinct_from(bindparam("old_attempt"))
"""… and nobody has begun to send the ticket since it was read."""

_BEGIN: Final = Statement(
    update(tickets)
    # Its own attempt is there if nobody could say what became of an earlier try to write it.
    .where(*_IS_OURS, or_(_IS_AS_KNOWN, tickets.c.attempt_id == bindparam("new_attempt")))
    .values(
        attempt_id=bindparam("new_attempt"),
        attempted_at=bindparam("new_at"),
        attempted_boot=bindparam("new_boot"),
        attempted_boot_s=bindparam("new_boot_s"),
        sends=bindparam("new_sends"),
    )
)

_KEEP: Final = Statement(
    update(tickets).where(*_IS_OURS, _IS_AS_KNOWN).values(kept=bindparam("new_kept"))
)


@frozen(kw_only=True)
class Fenced:
    """
    What became of a write that only the lane's owner may make.

    Attributes:
        durable_at_s: When it was made, in the seconds of the clock that was given; `None` if it
            was not: then the ticket is another than the writer knew, or the lane is.
        is_held: Whether the lane was held.
    """

    durable_at_s: float | None
    is_held: bool = True


def keep_steps(connection: Connection, ticket: TicketRecord, hold: Hold) -> bool:
    """
    Write what a ticket's submit keeps between two requests; return whether it was written.

    It is not if the lane is not held, or somebody else has changed the ticket.
    """
    values = {
        "this_job": ticket.job_no,
        "this_position": ticket.position,
        "old_attempt": ticket.attempt_id,
        "new_kept": dict(ticket.kept),
        **hold.bound(),
    }
    return bool(_KEEP.run(connection, values))


def begin_attempt(
    connection: Connection,
    ticket: TicketRecord,
    old_attempt: str | None,
    *,
    hold: Hold,
    traffic: Traffic,
    at: datetime,
    read_s: Callable[[], float],
) -> Fenced:
    """
    Write that a ticket is about to be sent, if its lane is held and nobody changed it.

    To write the same twice is to write it once.

    Args:
        connection: Of a transaction that writes.
        ticket: The ticket, with its attempt, and with how often it is sent with what goes now.
        old_attempt: The attempt the store must have for it; the same one for a resend.
        hold: The right to drive the lane.
        traffic: What the lane has sent, kept with it.
        at: The time.
        read_s: Gives the seconds of a clock, read last.
    """
    done = _BEGIN.run(
        connection,
        {
            "this_job": ticket.job_no,
            "this_position": ticket.position,
            "old_attempt": old_attempt,
            "new_attempt": ticket.attempt_id,
            "new_at": to_text(ticket.attempted_at),
            "new_boot": ticket.attempted_boot,
            "new_boot_s": ticket.attempted_boot_s,
            "new_sends": ticket.sends,
            **hold.bound(),
        },
    )
    if not done:
        return Fenced(durable_at_s=None, is_held=is_held(connection, hold))
    note_traffic(connection, hold, traffic, at)
    # Before the commit: a process that is stopped in between must not take it for younger.
    return Fenced(durable_at_s=read_s())

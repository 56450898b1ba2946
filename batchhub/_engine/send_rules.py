"""
When a ticket may be sent, and when it may be sent again.

A request that may have an effect goes out once. It is repeated only where that can't do the
work twice:

| the ticket                                       | what is done                              |
|--------------------------------------------------|-------------------------------------------|
| never sent, or it is certain that nothing ran    | an intent is written, then it is sent     |
| in doubt; the vendor deduplicates, a second run  |                                           |
| changes nothing, or the user allows a second one | it is sent again, under the same attempt  |
| in doubt; the vendor's batches can be searched   | it is searched; sent anew if it is absent |
| in doubt, otherwise                              | UNCONFIRMED: somebody has to decide       |

In doubt is a ticket whose intent is written and whose answer is not: whether the vendor has it
is unknown, for instance after a time-out or a crash.

An answer that makes no sense is no answer either; but as the next one may be like it, what may run
twice is sent three times at most then, and what only a user allowed is not repeated (`send`).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from batchhub._adapter.exchange import WireItem
from batchhub._store import TicketRecord

from .job_state import JobState
from .lane_context import LaneContext

_BODY_BYTES: Final = 16

_LATE_S: Final = 60.0
"""Seconds for which whoever was about to send a ticket may stand still, and send it all the same;
beside the time until the vendor lists it, twice."""

_DEDUP_MARGIN: Final = 0.9
"""The share of a deduplication window that is relied on; clocks differ, requests take time."""

_UNSURE_S: Final = 1.0
"""Seconds by which two machines may take the time of one database for another."""


def may_resend(
    lane: LaneContext, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]
) -> bool:
    """Return whether a ticket in doubt may be sent again as it is."""
    capabilities = lane.capabilities(job)
    if capabilities.resends_unanswered:
        return True
    if lane.adapter.may_repeat(job.record.operation, items, job.record.options):
        return True
    if capabilities.dedup_window_s is None:
        return False
    age_s = find_age_s(lane, ticket)
    return age_s is not None and age_s < capabilities.dedup_window_s * _DEDUP_MARGIN


async def repeat_delay_s(
    lane: LaneContext, job: JobState, ticket: TicketRecord, items: Sequence[WireItem]
) -> float:
    """
    Return the seconds until a ticket may be sent, at a vendor that refuses what it had a while ago.

    It would take the ticket for another one with the same body that is sent twice.
    """
    window_s = lane.capabilities(job).refuses_repeat_s
    if window_s is None:
        return 0.0
    hashed = blake2b(digest_size=_BODY_BYTES)
    for item in items:
        hashed.update(b"%d " % len(item.wire) + item.wire)
    body = hashed.digest()
    others = await lane.persist(lambda: lane.store.tickets.note_body(job.record, ticket, body))
    # Of whose age nobody knows: as old as this process has seen it.
    known = (find_age_s(lane, other) for other in others)
    ages = [lane.hold.age_s if age_s is None else age_s for age_s in known]
    return max(0.0, window_s - min(ages, default=window_s))


def search_delay_s(lane: LaneContext, job: JobState, ticket: TicketRecord) -> float:
    """
    Return the seconds to wait before a ticket in doubt may be searched.

    One that an earlier owner of the lane was about to send may still be on its way, and would be
    missed by a search that comes too soon after the lane was taken.
    """
    is_ours = (
        ticket.attempted_boot == lane.clock.boot_id
        and ticket.attempted_boot_s is not None
        and ticket.attempted_boot_s >= lane.hold.began_s
    )
    if is_ours:
        return 0.0
    grace_s = lane.capabilities(job).visibility_grace_s
    left_s, age_s = grace_s - lane.hold.age_s, find_age_s(lane, ticket)
    if age_s is not None:
        # Where a lane often changes hands, no owner may have it for that long.
        left_s = min(left_s, 2 * grace_s + _LATE_S - age_s)
    return max(0.0, left_s)


def find_age_s(lane: LaneContext, ticket: TicketRecord) -> float | None:
    """
    Return the seconds since a ticket was first sent under its attempt; `None` if nobody knows.

    Within one boot of the machine every process knows. After another boot, or on another machine of
    a cluster, the wall clock counts (in a cluster the database's), unless it is known to have been
    set back.
    """
    if ticket.attempted_boot == lane.clock.boot_id and ticket.attempted_boot_s is not None:
        return max(0.0, lane.clock.boot_s() - ticket.attempted_boot_s)
    if ticket.attempted_at is None:
        return None
    now = lane.clock.now()
    age_s = (now - ticket.attempted_at).total_seconds()
    back_s = (max(ticket.attempted_at, lane.hold.latest_at) - now).total_seconds()
    # Each machine knows the database's time only so well, and lanes change hands in an instant.
    return None if back_s > (_UNSURE_S if lane.store.is_cluster else 0.0) else max(0.0, age_s)

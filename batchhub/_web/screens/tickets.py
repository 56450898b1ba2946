"""Tickets in lines: how each went, and when, on a time line that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from batchhub._store import DamagedError, JobRecord, TicketRecord
from batchhub._store.pages import Pages
from batchhub._web.look import Look, Shown
from batchhub.errors import UsageError
from batchhub.hub import opened
from batchhub.models import BatchState, BatchStatus
from batchhub.models.status import tally_of

from .jobs import read_number
from .words import Segment, share, state_tone

PAGE: Final = 50
"""Tickets of a page."""

FEW: Final = 20
"""Tickets of each kind that the page of their job shows."""

KINDS: Final = (("all", "All"), ("odd", "With trouble"), ("open", "At the vendor"))
"""Which tickets a page may show: as in the address, and in words."""

_LEAST: Final = 0.8


@frozen(kw_only=True)
class TicketLine:
    """
    A ticket of a list.

    Attributes:
        ticket: The ticket.
        tone: How its state is to be seen.
        bar: Its part of the time line: from when it was sent until it was taken, and until it
            ended, or until now.
        ended_at: When it ended; `None` if it has not, or if nobody noted that.
    """

    ticket: TicketRecord
    tone: str
    bar: Sequence[Segment]
    ended_at: datetime | None


@frozen(kw_only=True)
class TicketList:
    """
    Some tickets of a job.

    Attributes:
        lines: The tickets, in order.
        begin: Where their time line begins; `None` if none was sent.
        end: Where it ends.
        damaged: What of them can't be read.
    """

    lines: Sequence[TicketLine]
    begin: datetime | None
    end: datetime | None
    damaged: Sequence[str]


def list_tickets(found: Sequence[TicketRecord | DamagedError], now: datetime) -> TicketList:
    """Return tickets with a time line that all of them share."""
    tickets = [each for each in found if not isinstance(each, DamagedError)]
    damaged = [str(each) for each in found if isinstance(each, DamagedError)]
    sent = [ticket for ticket in tickets if ticket.attempted_at is not None]
    begin = min((t.attempted_at for t in sent if t.attempted_at is not None), default=None)
    end = max((_until(ticket, now) for ticket in sent), default=None)
    lines = [
        TicketLine(
            ticket=ticket,
            tone=_tone(ticket),
            bar=_draw(ticket, begin, end, now),
            ended_at=_ended_at(ticket),
        )
        for ticket in tickets
    ]
    return TicketList(lines=lines, begin=begin, end=end, damaged=damaged)


def _tone(ticket: TicketRecord) -> str:
    is_clean = ticket.state is not BatchState.COMPLETED or ticket.ended_clean
    return state_tone(ticket.state) if is_clean else "warn"


def _ended_at(ticket: TicketRecord) -> datetime | None:
    return ticket.finished_at if ticket.state.is_terminal else None


def _until(ticket: TicketRecord, now: datetime) -> datetime:
    """Return until when a ticket is drawn."""
    if not ticket.state.is_terminal:
        return now
    return ticket.finished_at or ticket.accepted_at or ticket.attempted_at or now


def _draw(
    ticket: TicketRecord, begin: datetime | None, end: datetime | None, now: datetime
) -> list[Segment]:
    sent_at = ticket.attempted_at
    if sent_at is None or begin is None or end is None:
        return []
    taken_at, until = ticket.accepted_at or sent_at, _until(ticket, now)
    whole_s = max((end - begin).total_seconds(), 1e-6)

    def at(moment: datetime) -> float:
        return min(100.0, max(0.0, 100.0 * (moment - begin).total_seconds() / whole_s))

    parts: list[Segment] = []
    if taken_at > sent_at:
        parts.append(_segment("calm", at(sent_at), at(taken_at)))
    parts.append(_segment(_tone(ticket), at(taken_at), at(until)))
    return parts


def _segment(tone: str, start: float, end: float) -> Segment:
    width = max(_LEAST, end - start)
    return tone, round(min(start, 100.0 - _LEAST), 1), round(width, 1)


def states_of(status: BatchStatus) -> list[tuple[BatchState, str, int]]:
    """Return how many tickets of a job are in each state that any is in, with its tone."""
    tally = tally_of(status)
    return [
        (state, state_tone(state), number)
        for state in BatchState
        if (number := tally.number(state))
    ]


def states_bar(status: BatchStatus) -> list[Segment]:
    """Return the parts of the bar of a job's tickets; what was not sent is its empty end."""
    order = sorted(states_of(status), key=lambda each: not each[0].is_terminal)
    parts = [(tone, number) for state, tone, number in order if state is not BatchState.PENDING]
    return share(parts, tally_of(status).tickets)


async def first_tickets(
    pages: Pages, job: JobRecord, status: BatchStatus, now: datetime
) -> tuple[str, TicketList]:
    """
    Return the tickets that the page of a job shows: all if they are few, else those to look at.

    Returns:
        Which they are, as in `KINDS`, and the tickets.
    """
    tally = tally_of(status)
    if tally.tickets <= PAGE:
        return "all", list_tickets(await pages.tickets(job.job_no, most=PAGE), now)
    for kind in ("odd", "open"):
        found = await pages.tickets(job.job_no, most=FEW, kind=kind)
        if found:
            return kind, list_tickets(found, now)
    return "all", list_tickets(await pages.tickets(job.job_no, most=FEW), now)


async def show_tickets(look: Look) -> Shown:
    """Show a page of a job's tickets."""
    hub = await opened(look.hub)
    job, status = await hub.store.pages.job(look.parts["job_id"])
    kind, after = _read_kind(look.query), read_number(look.query, "after") or 0
    found = await hub.store.pages.tickets(job.job_no, after=after, most=PAGE + 1, kind=kind)
    shown = list_tickets(found[:PAGE], look.now)
    last = shown.lines[-1].ticket.position if shown.lines else None
    return Shown(
        "tickets.html",
        {
            "now": look.now,
            "job": job,
            "status": status,
            "tickets": shown,
            "total": tally_of(status).tickets,
            "states": states_of(status),
            "kind": kind,
            "kinds": KINDS,
            "after": after,
            "next": last if len(found) > PAGE else None,
        },
    )


def _read_kind(query: Mapping[str, str]) -> str:
    kind = query.get("show", "all")
    known = [name for name, _ in KINDS]
    if kind not in known:
        raise UsageError(f"show takes {', '.join(known)}, not {kind[:40]!r}")
    return kind

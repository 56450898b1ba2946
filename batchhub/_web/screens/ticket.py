"""One ticket: how it went, and what was exchanged with the vendor about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from batchhub._store import DamagedError, JobRecord, TicketRecord
from batchhub._store.pages import Pages
from batchhub._web.look import Look, Shown
from batchhub.errors import NotKnownError, StoreError
from batchhub.hub import BatchJob, opened
from batchhub.models import BatchState, Exchange

from .jobs import read_number, to_number
from .tickets import list_tickets

PAGE: Final = 50
"""Exchanges of a page."""

_MOST_SHOWN: Final = 4_000
"""Characters of a body that are shown."""

_FIRST_FAULT: Final = 400


@frozen(kw_only=True)
class Body:
    """
    A body as it is shown.

    Attributes:
        text: The text.
        is_cut: Whether there is more of it.
    """

    text: str
    is_cut: bool


@frozen(kw_only=True)
class ExchangeLine:
    """
    An exchange of the list.

    Attributes:
        exchange: The exchange.
        tone: How its status is to be seen.
        sent: What was sent; `None` if that was not kept, or was nothing.
        received: What came back, likewise.
    """

    exchange: Exchange
    tone: str
    sent: Body | None
    received: Body | None


async def show_ticket(look: Look) -> Shown:
    """Show a ticket."""
    hub = await opened(look.hub)
    job, status = await hub.store.pages.job(look.parts["job_id"])
    ticket = await _get_ticket(hub.store.pages, job, look.parts["position"])
    before = read_number(look.query, "before")
    fault: str | None = None
    found: Sequence[Exchange] = []
    try:
        found = await BatchJob(hub, job, status).exchanges(
            ticket=ticket.position, limit=PAGE + 1, before=before, bodies=True
        )
    except StoreError as error:  # the record's; the ticket is none the worse for it
        fault = str(error)
    shown = found[-PAGE:]
    return Shown(
        "ticket.html",
        {
            "now": look.now,
            "job": job,
            "status": status,
            "line": list_tickets([ticket], look.now),
            "ticket": ticket,
            "vendor": show_body(
                json.dumps(dict(ticket.vendor), indent=2, ensure_ascii=False).encode()
            ),
            "may_act": look.role.may_act,
            "is_unconfirmed": ticket.state is BatchState.UNCONFIRMED,
            "exchanges": [_show(each) for each in shown],
            "has_bodies": any(each.sent_body or each.body for each in shown),
            "older": shown[0].number if len(found) > PAGE else None,
            "before": before,
            "fault": fault,
        },
    )


async def _get_ticket(pages: Pages, job: JobRecord, given: str) -> TicketRecord:
    """
    Return a ticket by its position in the address.

    Raises:
        NotKnownError: The job has no such ticket.
        DamagedError: It can't be read.
    """
    if (number := to_number(given)) is not None:
        found = await pages.tickets(job.job_no, after=number - 1, most=1)
        for ticket in found:
            if isinstance(ticket, DamagedError):
                raise ticket.of(job.job_id)
            if ticket.position == number:
                return ticket
    raise NotKnownError("ticket", f"{given[:40]} of job {job.job_id}")


def _show(exchange: Exchange) -> ExchangeLine:
    status = exchange.status
    tone = "odd" if status is None else "good" if status < _FIRST_FAULT else "bad"
    return ExchangeLine(
        exchange=exchange,
        tone=tone,
        sent=show_body(exchange.sent_body),
        received=show_body(exchange.body),
    )


def show_body(body: bytes | None) -> Body | None:
    """Make a body a text to be shown: as it came, letter by letter, but for control characters."""
    if not body:
        return None
    text = body[: 4 * _MOST_SHOWN].decode("utf-8", "replace")
    shown = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text[:_MOST_SHOWN])
    return Body(text=shown, is_cut=len(text) > _MOST_SHOWN or len(body) > 4 * _MOST_SHOWN)

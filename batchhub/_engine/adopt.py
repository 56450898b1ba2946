"""The wish to adopt a ticket: checked, handed to the lane, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from copy import copy
from typing import Final

from batchhub._base.show import count, words
from batchhub._store import JobRecord, TicketRecord
from batchhub.errors import AdapterError, StoreError, UnsupportedError, UsageError
from batchhub.models import BatchState, BatchStatus, Ticket

from .adoptions import Adoption
from .foreign import check_refs
from .lane_claims import RECLAIM_S
from .open_hub import OpenHub
from .wish_kinds import UNCHANGED
from .wishing import ask_driver

_LISTED: Final = 10
"""How many tickets a message lists."""


def read_refs(ref: str | Collection[str]) -> tuple[str, ...]:
    """
    Check the vendor's ids of a batch; return each once.

    Raises:
        UsageError: There is none, or one is no text that could be one.
    """
    refs = [ref] if isinstance(ref, str) else list(ref) if isinstance(ref, Collection) else []
    if not refs or not all(isinstance(each, str) and each.strip() for each in refs):
        raise UsageError(f"ref is the vendor's id of a batch, or several of them, not {ref!r:.100}")
    return tuple(dict.fromkeys(each.strip() for each in refs))


def find_unconfirmed(
    status: BatchStatus, position: int | None, refs: tuple[str, ...]
) -> Ticket | None:
    """
    Return the unconfirmed ticket of a job that is meant; `None` if it has the ids already.

    Args:
        status: The job, with its tickets.
        position: The ticket's place in the job, from 1; `None` for the only one.
        refs: The vendor's ids.

    Raises:
        UsageError: There is no such ticket, it is not unconfirmed, or several are.
    """
    job_id = status.job_id
    if position is not None and not 1 <= position <= len(status.tickets):
        has = count(len(status.tickets), "ticket")
        raise UsageError(f"job {job_id} has {has}, and no ticket {position!r}")
    held = [ticket for ticket in status.tickets if ticket.state is BatchState.UNCONFIRMED]
    meant = status.tickets if position is None else [status.tickets[position - 1]]
    if any(ticket.vendor_refs == refs for ticket in meant):
        return None
    if position is not None:
        ticket = meant[0]
        if ticket.state is not BatchState.UNCONFIRMED:
            others = f"; unconfirmed: {_list(held)}" if held else ""
            state = words(ticket.state)
            raise UsageError(
                f"ticket {position} of job {job_id} is {state}, not unconfirmed{others}"
            )
        return ticket
    if not held:
        state = words(status.state)
        raise UsageError(f"job {job_id} is {state} and has no unconfirmed ticket to adopt")
    if len(held) > 1:
        raise UsageError(
            f"job {job_id} has {len(held)} unconfirmed tickets; say which one it is: {_list(held)}"
        )
    return held[0]


async def adopt(opened: OpenHub, job: JobRecord, ticket: Ticket, refs: tuple[str, ...]) -> None:
    """
    Have the lane of a job ask the vendor about some ids, and give them to a ticket.

    Raises:
        NotKnownError: The job's account is not one of this hub's.
        UnsupportedError: The vendor can't be asked about a batch.
        UsageError: The ids are none of the vendor's for this ticket, the ticket has changed, or
            another process drives the account and does not answer; nothing has changed then.
        BatchHubError: The vendor could not be asked, or the store not be read or written.
    """
    lane = opened.find_lane(job.lane) or opened.get_lane(job.account)
    if not lane.adapter.can_ask(job.operation):
        raise UnsupportedError(
            f"{job.adapter} answers {job.operation} at once and gives no id to ask about later: "
            f"ticket {ticket.position} of job {job.job_id} can't be adopted; retry or cancel it"
        )
    try:
        refs = check_refs(refs, lane.adapter.transport.redact_body)
    except AdapterError as error:
        what = str(error).removeprefix("it accepted ")
        raise UsageError(f"ref names {what}; {UNCHANGED}") from None
    [record] = await opened.store.tickets.of_job(job.job_no, [ticket.position])
    if record.attempt_id != ticket.attempt_id:
        raise UsageError(
            f"ticket {ticket.position} of job {job.job_id} has changed; look again; {UNCHANGED}"
        )
    if not await _adopt_here(opened, job, record, refs):
        await ask_driver(opened, job.lane, job.job_id, record, refs)


async def _adopt_here(
    opened: OpenHub, job: JobRecord, ticket: TicketRecord, refs: tuple[str, ...]
) -> bool:
    """Have this process do it; return False if another one drives the lane, or has to."""
    name, driver = job.lane, opened.driver
    if not driver.may_drive(name) or await driver.find_other(name) is not None:
        return False
    if await driver.find_attendant(name) is not None:
        return False  # that one goes on with it: it should not be left to nobody in between
    lane = opened.find_lane(name)
    if lane is None:
        return False  # its account is gone meanwhile
    answer = asyncio.get_running_loop().create_future()
    wish = Adoption(job_id=job.job_id, ticket=ticket, refs=refs, answer=answer)
    lane.adopt(wish)
    driver.drive(lane)
    try:
        if not await _wait(opened, name, wish):
            return False
    finally:
        answer.cancel()  # nobody waits any more; what is under way is to harm nobody
    await answer
    return True


async def _wait(opened: OpenHub, name: str, wish: Adoption) -> bool:
    """Wait for the answer; return False if another process drives the lane by then."""
    while not wish.answer.done():
        pause = asyncio.ensure_future(opened.clock.sleep(RECLAIM_S))
        waited: Sequence[asyncio.Future[None]] = (wish.answer, pause)
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
        if wish.answer.done() or opened.driver.owns(name):
            continue
        if not opened.driver.is_driving(name):
            error = opened.driver.find_trouble(name)
            if error is None:
                error = StoreError(f"nobody drives {name} here any more; {UNCHANGED}")
            raise copy(error)
        if await opened.driver.find_other(name) is not None:
            return False
    return True


def _list(tickets: Sequence[Ticket]) -> str:
    shown = [_describe(ticket) for ticket in tickets[:_LISTED]]
    if len(tickets) > _LISTED:
        shown.append(f"and {len(tickets) - _LISTED} more")
    return ", ".join(shown)


def _describe(ticket: Ticket) -> str:
    sent = (
        "" if ticket.attempted_at is None else f", sent {ticket.attempted_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    return f"{ticket.position} ({count(ticket.counts.total, 'item')}{sent})"

"""
A wish that goes through the store: to whoever drives the lane, and the answer back.

A wish is withdrawn, or its driver does it and answers it in one transaction: what was withdrawn is
never done, and what was done is never reported as anything else. If the driver dies the next one
takes the wish up, as long as somebody may still wait for it. An earlier version of batchhub never
takes one up, and whoever has asked says so.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from batchhub._base.show import duration
from batchhub._store import TicketRecord, Wish, WishState
from batchhub.errors import BatchHubError, NotKnownError, StoreError, UsageError
from batchhub.models import Contact

from .open_hub import OpenHub
from .wish_kinds import ANSWER_S, SEEN_S, UNCHANGED, make_error

LOOK_S: Final = 1.0
"""Seconds between two looks at a wish that has no answer."""


async def ask_driver(
    opened: OpenHub, lane: str, job_id: str, ticket: TicketRecord, refs: tuple[str, ...]
) -> None:
    """
    Have whoever drives a lane give a ticket the vendor's ids, and wait for that.

    Raises:
        UsageError: The ids are none of the vendor's for this ticket, nobody has taken the wish up,
            or it was not answered in time; nothing has changed then.
        BatchHubError: The driver could not ask the vendor, or the store can't be read or written.
    """
    wish = Wish(
        lane=lane,
        job_id=job_id,
        position=ticket.position,
        attempt_id=ticket.attempt_id,
        vendor_refs=refs,
        asked_at=opened.clock.now(),
        asked_by=opened.process.token,
    )
    wish_no = await opened.store.wishes.ask(wish)
    try:
        state = await _wait(opened, wish, wish_no)
    except BaseException:
        with suppress(StoreError):
            # Not called off with whoever waits: a wish that is left would be done some time.
            await asyncio.shield(opened.store.wishes.withdraw(wish_no))
        raise
    if state.kind is not None:
        raise make_error(state.kind, state.message)


async def _wait(opened: OpenHub, wish: Wish, wish_no: int) -> WishState:
    """Wait for the answer to a wish, and withdraw the wish when there is none in time."""
    clock, wishes, lane = opened.clock, opened.store.wishes, wish.lane
    began_s = clock.monotonic()
    is_seen = False
    trouble: StoreError | None = None
    while True:
        waited_s = clock.monotonic() - began_s
        try:
            state = await wishes.look(wish_no)
            trouble = None
        except StoreError as error:  # it may be locked for a moment
            trouble = error
        else:
            if state is None:
                raise await _explain_loss(opened, wish)
            is_seen = state.is_seen
            if state.is_answered:
                break
        if waited_s >= (ANSWER_S if is_seen else SEEN_S):
            if trouble is not None:
                raise trouble
            state = await wishes.withdraw(wish_no)
            if state is None:
                raise await _give_up(opened, wish, waited_s, is_seen=is_seen)
            return state  # it was answered in this very moment
        if opened.driver.may_drive(lane) and await _is_free(opened, lane):
            opened.drive_lane(lane)  # then this process answers it itself
        await clock.sleep(LOOK_S)
    with suppress(StoreError):  # it goes with its job, or with time
        await wishes.withdraw(wish_no)
    return state


async def _is_free(opened: OpenHub, lane: str) -> bool:
    if opened.driver.is_driving(lane):
        return False  # it waits for it, or has it
    try:
        return await opened.driver.find_other(lane) is None
    except StoreError:
        return False


async def _explain_loss(opened: OpenHub, wish: Wish) -> BatchHubError:
    """Return why a wish is gone that nobody here has withdrawn."""
    try:
        await opened.store.jobs.look_at(wish.job_id, tickets=False)
    except NotKnownError:
        return UsageError(f"the job was deleted meanwhile; {UNCHANGED}")
    except BatchHubError as error:
        return error
    return UsageError(
        f"the process that drives this account took the wish for one from {duration(ANSWER_S)} ago "
        f"or longer, and dropped it: the clocks differ, or one was set; {UNCHANGED}"
    )


async def _give_up(opened: OpenHub, wish: Wish, waited_s: float, *, is_seen: bool) -> BatchHubError:
    """Return why a wish was not answered in time."""
    after = duration(waited_s)
    try:
        owner = await opened.driver.find_other(wish.lane)
        _, status, _ = await opened.store.jobs.look_at(wish.job_id, tickets=False)
    except BatchHubError as error:
        return error
    if owner is None and not opened.driver.owns(wish.lane):
        is_paused = status.contact is Contact.PAUSED and status.contact_note
        why = f" ({status.contact_note})" if is_paused else ""
        return UsageError(
            f"no process that drives this account has answered for {after}{why}; adopt the ticket "
            f"while one does, or from a hub that drives; {UNCHANGED}"
        )
    who = f"{owner} drives this account and" if owner is not None else "this process"
    if is_seen:
        return UsageError(f"{who} has no answer of the vendor's after {after}; {UNCHANGED}")
    return UsageError(
        f"{who} has not answered for {after}: it is stopped, or an earlier version of batchhub; "
        f"adopt the ticket there, or once it has ended; {UNCHANGED}"
    )

"""What a submit would do: how many requests, how large, how long at least; nothing is sent."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable
from typing import Any, Final

from attrs import field, frozen

from batchhub._adapter.account import Budget
from batchhub._adapter.capabilities import JSONMapping
from batchhub.adapter import Adapter
from batchhub.errors import InputError

from .intake import Intake, RawItems

REQUESTS_PER_TICKET: Final = 2
"""The fewest requests a ticket takes: one to send it, one to learn what came of it."""


@frozen(kw_only=True)
class Plan:
    """
    What a submit of some items would do.

    Attributes:
        account: The account's name.
        adapter: The name of its adapter.
        operation: The kind of batch.
        items: How many items would be sent.
        tickets: How many requests they would be sent in.
        bytes: The bytes of these requests' bodies.
        refused: How many items would be refused; with any, a submit sends nothing at all.
        least_s: Seconds the requests take at least at the account's budget; the time the vendor
            needs for the items comes on top, and nobody knows it before.
        joins: The id of the job that has the same key and is the same: a submit would send
            nothing and return it. `None` if the job would be a new one, or no key was given.
        sample: The first item that would be sent, in the form it is sent in; `None` without one.
    """

    account: str
    adapter: str
    operation: str
    items: int
    tickets: int
    bytes: int
    refused: int
    least_s: float
    joins: str | None = None
    sample: builtins.bytes | None = field(default=None, repr=False)


async def make_plan(
    adapter: Adapter[Any],
    operation: str,
    items: RawItems,
    *,
    account: str,
    options: JSONMapping,
    stop: bool,
    on_refused: Callable[[InputError], None] | None,
    find_joined: Callable[[str], Awaitable[str | None]] | None,
) -> Plan:
    """
    Take items as a submit would, keep none, and go on after one that is refused.

    Args:
        adapter: Checks and encodes the items.
        operation: The kind of batch.
        items: The items.
        account: The account's name.
        options: What `Adapter.check_options` gave.
        stop: Whether nothing more is sent after an item fails.
        on_refused: Called for every item that would be refused.
        find_joined: Gives the id of the job that a submit with this fingerprint would join;
            `None` if there is no key to join by.

    Raises:
        KeyConflictError: From `find_joined`.
    """
    refused = 0

    def refuse(error: InputError) -> None:
        nonlocal refused
        refused += 1
        if on_refused is not None:
            on_refused(error)

    with Intake(adapter, operation, keeps=False) as intake:
        await intake.take(items, options, on_refused=refuse)
        joins = None
        if find_joined is not None and intake.total and not refused:
            joins = await find_joined(make_fingerprint(intake, operation, options, stop=stop))
        return Plan(
            account=account,
            adapter=adapter.name,
            operation=operation,
            items=intake.total,
            tickets=len(intake.plans),
            bytes=intake.body_bytes,
            refused=refused,
            least_s=_least_s(len(intake.plans), adapter.account.budget),
            joins=joins,
            sample=intake.sample,
        )


def make_fingerprint(intake: Intake, operation: str, options: JSONMapping, *, stop: bool) -> str:
    """Return the digest by which a submit with the same key is found to be the same job."""
    return intake.fingerprint(operation=operation, options=dict(options), stop=stop)


def _least_s(tickets: int, budget: Budget) -> float:
    waiting = max(0, tickets * REQUESTS_PER_TICKET - budget.burst)
    return waiting * budget.per_s / budget.requests

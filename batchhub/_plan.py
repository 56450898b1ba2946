"""What a submit would do: how many requests, how large, how long at least; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from ._intake import Intake, RawItems
from .adapter import Adapter, Budget, JSONMapping
from .errors import InputError

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
    """

    account: str
    adapter: str
    operation: str
    items: int
    tickets: int
    bytes: int
    refused: int
    least_s: float


async def make_plan(
    adapter: Adapter[Any],
    operation: str,
    items: RawItems,
    *,
    account: str,
    options: JSONMapping,
    on_refused: Callable[[InputError], None] | None,
) -> Plan:
    """Take items as a submit would, keep none, and go on after one that is refused."""
    refused = 0

    def refuse(error: InputError) -> None:
        nonlocal refused
        refused += 1
        if on_refused is not None:
            on_refused(error)

    with Intake(adapter, operation, keeps=False) as intake:
        await intake.take(items, options, on_refused=refuse)
        return Plan(
            account=account,
            adapter=adapter.name,
            operation=operation,
            items=intake.total,
            tickets=len(intake.plans),
            bytes=intake.body_bytes,
            refused=refused,
            least_s=_least_s(len(intake.plans), adapter.account.budget),
        )


def _least_s(tickets: int, budget: Budget) -> float:
    waiting = max(0, tickets * REQUESTS_PER_TICKET - budget.burst)
    return waiting * budget.per_s / budget.requests

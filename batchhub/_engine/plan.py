"""What a submit would do: how many requests, how large, how long at least; nothing is sent."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from batchhub._adapter.account import Budget
from batchhub.errors import InputError
from batchhub.models import Finding

from .guarded import GuardedAdapter
from .intake import Intake
from .raw_items import RawItems
from .submit import check_operation, make_fingerprint

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
        refused: How many items would be refused; with any, a submit sends nothing at all, unless it
            has an `on_refused`, too.
        least_s: Seconds the requests take at least at the account's budget; the time the vendor
            needs for the items comes on top, and nobody knows it before.
        joins: The id of the job that has the same key and is the same: a submit would send
            nothing and return it. `None` if the job would be a new one, or no key was given.
        sample: The first item that would be sent, in the form it is sent in; `None` without one.
        findings: What the job would have as findings, such as ``same_target``.
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
    findings: tuple[Finding, ...] = ()


async def make_plan(
    adapter: GuardedAdapter,
    items: RawItems,
    *,
    account: str,
    operation: str | None,
    options: Mapping[str, Any],
    stop: bool,
    on_refused: Callable[[InputError], None] | None,
    find_joined: Callable[[str], Awaitable[str | None]] | None,
    keep_input: bool,
) -> Plan:
    """
    Take items as a submit would, keep none, and go on after one that is refused.

    Args:
        adapter: Checks and encodes the items.
        items: The items.
        account: The account's name.
        operation: The kind of batch; `None` for the adapter's first.
        options: The operation's options.
        stop: Whether nothing more is sent after an item fails.
        on_refused: Called for every item that would be refused.
        find_joined: Gives the id of the job that a submit with this fingerprint would join;
            `None` if there is no key to join by.
        keep_input: Whether the submit would keep the rows that the items are made of.

    Raises:
        NotKnownError: There is no such operation.
        UnsupportedError: It can't stop on the first failure.
        InputError: An option is wrong.
        KeyConflictError: From `find_joined`.
    """
    operation, checked = check_operation(adapter, operation, options, stop=stop)
    intake = Intake(adapter, operation)
    await intake.take(items, checked, on_refused=on_refused or _pass_over, keep_input=keep_input)
    joins = None
    if find_joined is not None and intake.total and (on_refused or not intake.refused):
        joins = await find_joined(make_fingerprint(intake, operation, checked, stop=stop))
    return Plan(
        account=account,
        adapter=adapter.name,
        operation=operation,
        items=intake.total,
        tickets=intake.tickets,
        bytes=intake.body_bytes,
        refused=intake.refused,
        least_s=_least_s(intake.tickets, adapter.account.budget),
        joins=joins,
        sample=intake.sample,
        findings=intake.findings(),
    )


def _pass_over(_error: InputError) -> None:
    """Do nothing more with an item that is counted."""


def _least_s(tickets: int, budget: Budget) -> float:
    waiting = max(0, tickets * REQUESTS_PER_TICKET - budget.burst)
    return waiting * budget.per_s / budget.requests

"""What a world has to know of an account and its vendor."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from batchhub import BatchItem
from batchhub.adapter import Account
from batchhub.sandbox import Clock, Execution, Sandbox

PRODUCTS = 60
"""Products each vendor begins with."""


def limit(account: Account, requests_per_minute: int, bytes_per_ticket: int) -> Account:
    """Return an account that sends so much; for one with the usual settings."""
    changes: dict[str, Any] = {
        "requests_per_minute": requests_per_minute,
        "max_request_bytes": bytes_per_ticket,
    }
    return evolve(account, **changes)


@frozen(kw_only=True)
class Kind:
    """
    An account of a world.

    Attributes:
        make_sandbox: Makes its vendor, of a clock and a seed.
        make_item: Makes an item that gives a product a price: the mark by which it is known.
        read: Returns the mark and the product of an item that ran.
        mark: How a mark looks in a request, as a pattern with one group.
        submit: The requests that have an effect, as a pattern of method and path.
        is_apart: Whether the items are not in it, but were uploaded before.
        accepted: The HTTP status of those that were taken.
        operation: The operation of its items; `None` is the adapter's default.
        recognises: Whether the vendor recognises a batch that it had, by its key.
        repeats: Whether a batch is sent again after its answer was lost, and may run twice.
        keeps_s: Seconds for which the vendor surely keeps results; `None` for ever.
        stops_on_failure: Whether a job can be stopped by its first failure.
        has_tickets: Whether a batch has a name at the vendor.
        limit: Returns the account with so many requests a minute, and bytes a ticket.
        item_bytes: What an item is taken to have, where an account can't be told how large a
            ticket is; `None` where it can.
        switches: How the vendor is set from the beginning.
        spares: Which faults of `plan.SWITCHES` it does not have.
        faults: The vendor's own faults: switches by the name of each.
        doubtful: Which of them leave it open what became of an item.
        hosts: The names of the vendor's further hosts.
    """

    make_sandbox: Callable[[Clock, int], Sandbox]
    make_item: Callable[[int, int], BatchItem | dict[str, Any]]
    read: Callable[[Execution], tuple[int, str]]
    mark: bytes = rb'"price":\s*(\d+)'
    submit: str = "POST .*"
    is_apart: bool = False
    accepted: int = 200
    operation: str | None = None
    recognises: bool = False
    repeats: bool = False
    keeps_s: float | None = None
    stops_on_failure: bool = False
    has_tickets: bool = True
    limit: Callable[[Account, int, int], Account] = limit
    item_bytes: int | None = None
    switches: Mapping[str, Any] = field(factory=dict)
    spares: frozenset[str] = frozenset()
    faults: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    doubtful: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()

    def is_submit(self, method: str, path: str) -> bool:
        """Whether a request has an effect."""
        return re.fullmatch(self.submit, f"{method} {path}") is not None

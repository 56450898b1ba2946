"""Accounts at a vendor in another process, whose tickets get on a little at each poll for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from attrs import frozen

from batchhub.adapter import (
    Accepted,
    Account,
    Adapter,
    Budget,
    Capabilities,
    Observation,
    Steps,
    Submission,
    TicketRef,
)
from batchhub.models import BatchItem, BatchState

_LASTS_S = 1e7
"""Seconds until a ticket would be done."""


@frozen(kw_only=True)
class SteadyAccount(Account):
    """An account at the vendor."""

    adapter: ClassVar[str] = "steady"
    caller: int
    number: int

    @property
    def identity(self) -> str:
        """Whose it is, and its number."""
        return f"{self.caller}-{self.number}"

    @property
    def budget(self) -> Budget:
        """Never the bottleneck."""
        return Budget(requests=10**9, per_s=1.0)

    @property
    def path(self) -> str:
        """Where its tickets are."""
        return f"/api/v3/{self.caller}/batch"


def _never_overdue(total: int, options: Mapping[str, Any]) -> float:
    del total, options
    return 1e9


class SteadyAdapter(Adapter[SteadyAccount]):
    """One request a poll, and something new at each."""

    name = "steady"
    account_type = SteadyAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {
        "work": Capabilities(
            max_items=1, tickets_per_job=10**6, stall_s=1e9, deadline_s=_never_overdue
        )
    }
    states: Mapping[str, BatchState] = {"IN_PROGRESS": BatchState.IN_PROGRESS}
    asked: ClassVar[set[str]] = set()
    """The tickets that this process has asked about."""

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Take anything."""
        del operation, item, options
        return b"{}"

    def target(self, operation: str, item: BatchItem) -> None:
        """Say that it changes nothing, so that no ticket waits for another."""
        del operation, item

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Send it."""
        del submission, steps
        reply = await self.transport.request("POST", self.account.path, body=b"{}")
        return Accepted(vendor_refs=(reply.json()["ticket"],))

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """Ask how far it is."""
        (ref,) = ticket.vendor_refs
        self.asked.add(ref)
        reply = await self.transport.request("GET", self.account.path, params={"ticket": ref})
        progress = time.monotonic() / _LASTS_S
        return Observation(words=(reply.json()["status"],), progress=progress)


def make_accounts(url: str, caller: int, count: int) -> dict[str, SteadyAccount]:
    """Make the accounts of a caller, each a lane."""
    return {
        f"a{number}": SteadyAccount(base_url=url, caller=caller, number=number)
        for number in range(count)
    }


def make_items(tickets: int) -> Iterator[BatchItem]:
    """Make a job's items, a ticket each."""
    for number in range(tickets):
        yield BatchItem(id=f"{number}", payload={"n": number})

"""A vendor in memory whose every answer a test can write; found by its entry point like any."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from attrs import define, evolve, field, frozen

from batchhub.adapter import (
    Accepted,
    Account,
    Adapter,
    Budget,
    Capabilities,
    ItemReport,
    Observation,
    Report,
    Submission,
    TicketRef,
    Transport,
    WireItem,
)
from batchhub.errors import InputError
from batchhub.models import BatchItem, BatchState, ItemState

ReportMaker = Callable[[Sequence[WireItem]], Report]


def all_succeed(items: Sequence[WireItem]) -> Report:
    """Report that every item ran."""
    return Report(items=[ItemReport(id=i.id, state=ItemState.SUCCEEDED, code=200) for i in items])


def report_states(**states: ItemState) -> ReportMaker:
    """Report that every item ran, except for those named."""

    def make(items: Sequence[WireItem]) -> Report:
        return Report(
            items=[
                ItemReport(
                    id=i.id, state=(s := states.get(i.id, ItemState.SUCCEEDED)), message=s.value
                )
                for i in items
            ]
        )

    return make


@define
class Vendor:
    """
    What the vendor answers, and what it was asked.

    Each queue is used up an answer a call; an exception in it is raised. When a queue is
    empty the vendor does what a good one does. A submit that raises may have run: its
    second entry tells. An adapter for a vendor that is `broken` can't be made.
    """

    capabilities: Capabilities = field(
        factory=lambda: Capabilities(max_items=3, poll_s=1.0, min_poll_s=0.1)
    )
    submits: deque[Exception | Accepted] = field(factory=deque)
    polls: deque[Exception | Observation] = field(factory=deque)
    reports: deque[Exception | ReportMaker] = field(factory=deque)
    cancels: deque[Exception | None] = field(factory=deque)
    default_report: ReportMaker = all_succeed
    submissions: list[Submission] = field(factory=list)
    cancelled: list[TicketRef] = field(factory=list)
    polled: list[TicketRef] = field(factory=list)
    broken: Exception | None = None


@frozen(kw_only=True)
class ScriptedAccount(Account):
    """An account at a scripted vendor."""

    adapter: ClassVar[str] = "scripted"
    base_url: str = "http://127.0.0.1:9"
    name: str = "one"
    vendor: Vendor = field(factory=Vendor, eq=False, repr=False)

    @property
    def identity(self) -> str:
        """The account's name."""
        return self.name

    @property
    def budget(self) -> Budget:
        """Never the bottleneck."""
        return Budget(requests=100_000, per_s=1.0)


class ScriptedAdapter(Adapter[ScriptedAccount]):
    """Answers what the test wrote."""

    name = "scripted"
    account_type = ScriptedAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {"work": Capabilities(max_items=3)}
    states: Mapping[str, BatchState] = {
        "Waiting": BatchState.QUEUED,
        "Running": BatchState.IN_PROGRESS,
        "Done": BatchState.COMPLETED,
        "Broken": BatchState.FAILED,
    }

    def __init__(self, account: ScriptedAccount, transport: Transport) -> None:
        super().__init__(account, transport)
        if account.vendor.broken is not None:
            raise account.vendor.broken

    def capabilities(self, operation: str) -> Capabilities:
        """Return the vendor's."""
        del operation
        return self.account.vendor.capabilities

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Take anything but what says that it is bad."""
        del operation, options
        if "bad" in item.payload:
            raise InputError("it says that it is bad")
        return json.dumps(dict(item.payload)).encode()

    async def submit(self, submission: Submission) -> Accepted:
        """Answer the next entry, or a new ticket."""
        vendor = self.account.vendor
        vendor.submissions.append(submission)
        answer = vendor.submits.popleft() if vendor.submits else None
        if isinstance(answer, Exception):
            raise answer
        return answer or Accepted(vendor_refs=(f"ref-{len(vendor.submissions)}",))

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation]:
        """Answer the next entry, or that all is done."""
        vendor = self.account.vendor
        vendor.polled.extend(tickets)
        answer = vendor.polls.popleft() if vendor.polls else Observation(words=("Done",))
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Answer the next entry, or the default report."""
        vendor = self.account.vendor
        answer = vendor.reports.popleft() if vendor.reports else vendor.default_report
        if isinstance(answer, Exception):
            raise answer
        return answer(items)

    async def cancel(self, ticket: TicketRef) -> None:
        """Take note, or raise the next entry."""
        vendor = self.account.vendor
        vendor.cancelled.append(ticket)
        answer = vendor.cancels.popleft() if vendor.cancels else None
        if answer is not None:
            raise answer


def capable(vendor: Vendor, **changes: Any) -> Vendor:
    """Change what a vendor can do."""
    vendor.capabilities = evolve(vendor.capabilities, **changes)
    return vendor

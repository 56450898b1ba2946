"""A vendor in memory whose every answer a test can write; found by its entry point like any."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import Any, ClassVar

from attrs import define, evolve, field, frozen

from batchhub.adapter import (
    NO_OPTIONS,
    Accepted,
    Account,
    Adapter,
    Budget,
    Capabilities,
    Credentials,
    ItemReport,
    Observation,
    Report,
    Steps,
    Submission,
    TicketRef,
    Transport,
    WireItem,
    encode_json,
)
from batchhub.errors import InputError
from batchhub.models import BatchItem, BatchState, ItemState

ReportMaker = Callable[[Sequence[WireItem]], Report]
Conversation = Callable[[Transport], Awaitable[Accepted]]
"""What a submit asks over HTTP."""


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
    second entry tells. An adapter for a vendor that is `broken` can't be made. `asked` has the
    tickets of each poll together; `answer_poll` gives whatever a poll is to return, or
    what is awaited for it.
    """

    capabilities: Capabilities = field(
        factory=lambda: Capabilities(max_items=3, poll_s=1.0, min_poll_s=0.1)
    )
    submits: deque[Exception | Accepted | Conversation] = field(factory=deque)
    polls: deque[Exception | Observation] = field(factory=deque)
    reports: deque[Exception | ReportMaker] = field(factory=deque)
    cancels: deque[Exception | None] = field(factory=deque)
    default_report: ReportMaker = all_succeed
    submissions: list[Submission] = field(factory=list)
    cancelled: list[TicketRef] = field(factory=list)
    polled: list[TicketRef] = field(factory=list)
    asked: list[tuple[TicketRef, ...]] = field(factory=list)
    answer_poll: Callable[[Sequence[TicketRef]], Any] | None = None
    read_push: Callable[[Mapping[str, str], bytes], Any] | None = None
    broken: Exception | None = None
    authorize: Callable[[Transport, bool], Awaitable[Credentials]] | None = None


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
    operations: ClassVar[Mapping[str, Capabilities]] = {
        "work": Capabilities(max_items=3),
        "more": Capabilities(max_items=3),
    }
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

    def capabilities(self, operation: str, options: Mapping[str, Any] = NO_OPTIONS) -> Capabilities:
        """Return the vendor's; in no order if the job's options say so."""
        del operation
        if options.get("parallel"):
            return evolve(self.account.vendor.capabilities, runs_in_order=False)
        return self.account.vendor.capabilities

    def check_options(self, operation: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take `parallel`, and nothing else."""
        super().check_options(operation, {key: 1 for key in options if key != "parallel"})
        return options

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Take anything but what says that it is bad."""
        del operation, options
        if "bad" in item.payload:
            raise InputError("it says that it is bad")
        return encode_json(dict(item.payload))

    def target(self, operation: str, item: BatchItem) -> str | None:
        """Return what the item says that it changes."""
        del operation
        return item.payload.get("target")

    def read_push(self, headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        """Read a call as the test wrote; nothing calls otherwise."""
        read = self.account.vendor.read_push
        return super().read_push(headers, body) if read is None else read(headers, body)

    async def authorize(self, *, again: bool) -> Credentials:
        """Ask as the test wrote, or give none."""
        make = self.account.vendor.authorize
        return Credentials() if make is None else await make(self.transport, again)

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Answer the next entry, or a new ticket."""
        del steps
        vendor = self.account.vendor
        vendor.submissions.append(submission)
        answer = vendor.submits.popleft() if vendor.submits else None
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return await answer(self.transport)
        return answer or Accepted(vendor_refs=(f"ref-{len(vendor.submissions)}",))

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Answer the next entry, or that all is done."""
        vendor = self.account.vendor
        vendor.polled.extend(tickets)
        vendor.asked.append(tuple(tickets))
        if vendor.answer_poll is not None:
            found = vendor.answer_poll(tickets)
            answers: Sequence[Observation | None] = await found if isawaitable(found) else found
            return answers
        answer = vendor.polls.popleft() if vendor.polls else Observation(words=("Done",))
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(tickets)

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


@frozen(kw_only=True)
class PlainAccount(ScriptedAccount):
    """An account at a scripted vendor whose adapter says nothing of targets."""

    adapter: ClassVar[str] = "plain"


class PlainAdapter(ScriptedAdapter):
    """The same, by an author who knew nothing of targets."""

    name = "plain"
    account_type = PlainAccount
    target = Adapter.target


@frozen(kw_only=True)
class SingleAccount(ScriptedAccount):
    """An account at a scripted vendor that is asked about one ticket at a time."""

    adapter: ClassVar[str] = "single"


class SingleAdapter(ScriptedAdapter):
    """The same, by an author who wrote no more than `poll_one`."""

    name = "single"
    account_type = SingleAccount
    poll = Adapter.poll

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """Answer the next entry, or that all is done."""
        answer = (await ScriptedAdapter.poll(self, [ticket]))[0]
        return answer or Observation(words=("Running",))


def capable(vendor: Vendor, **changes: Any) -> Vendor:
    """Change what a vendor can do."""
    vendor.capabilities = evolve(vendor.capabilities, **changes)
    return vendor

"""
The class an adapter derives from; its public name is `batchhub.adapter.Adapter`.

It is a part of its own, so that adapters which batchhub makes itself (`_declared`) can derive from
it, and the door can offer them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, TypeVar

from attrs import evolve

from ._adapter.account import Account, Budget
from ._adapter.capabilities import NO_OPTIONS, Capabilities, JSONMapping
from ._adapter.exchange import (
    Accepted,
    Attempt,
    Credentials,
    Observation,
    Probe,
    Report,
    RowMap,
    Steps,
    Submission,
    TicketRef,
    WireItem,
)
from ._adapter.kinds import Kind, read_key, write_fields
from ._adapter.plain import encode_json, plain_json
from ._base.json import loads
from ._http.transport import Transport
from .errors import AdapterError, InputError, ResultsMissingError, UnsupportedError
from .models import BatchItem, BatchState

_RATES: Final = (1e-6, 1e4)
"""The requests a second that a header may truly say; else its budget stays as it is."""

AccountT = TypeVar("AccountT", bound=Account)


class Adapter(ABC, Generic[AccountT]):
    """
    The code that speaks one vendor's API, for one account.

    An adapter says what it is by class attributes, translates by methods without I/O, and speaks
    by its verbs, of which only `submit` has no default.

    Attributes:
        name: The adapter's name, as in the entry point; by default that of its accounts.
        account_type: The class of its accounts.
        operations: What the vendor can do, per operation; the first is the default.
        states: The vendor's words (case does not matter) and what they mean.
            A word that is missing here ends no ticket: it is shown, and polling goes on.
        key_field: The field of an item that names it at the vendor, such as ``sku`` (dotted where
            it is nested): what an item without an id is called, what it changes (`target`), and
            what `ItemReport.key_value` is compared with. Two items of a job can't share it.
        makes_new: Operations whose items make something new at the vendor, which gives it its name:
            they need no `key_field`.
        batch_field: The field of an item that all items of a batch share (`batch_key`).
        kinds: What kind of value the fields of an item take, whatever the item (`fields`).
        claims_id: Whether an item's `id` is part of the vendor's own form; it may be a number.
        not_executed_statuses: HTTP statuses by which the vendor says that it did not run a request;
            such a request is repeated fast and few times.
        types: What bodies may be read as, by the names users call them: each a
            `msgspec.Struct` or an attrs class, as ``module:Class``.
        rate_header: The header of an answer that says how many requests of its kind may be made a
            second; `None` if there is none. See `pace`.
        sandbox: Where its stand-in server is, as ``module:Class``; `None` if it has none.
    """

    name: ClassVar[str]
    account_type: ClassVar[type[Account]]
    operations: ClassVar[Mapping[str, Capabilities]]
    states: Mapping[str, BatchState] = MappingProxyType({})  # an instance may extend the class's
    key_field: ClassVar[str | None] = None
    makes_new: ClassVar[frozenset[str]] = frozenset()
    batch_field: ClassVar[str | None] = None
    kinds: ClassVar[Mapping[str, Kind]] = MappingProxyType({})
    claims_id: ClassVar[bool] = False
    not_executed_statuses: ClassVar[frozenset[int]] = frozenset()
    types: ClassVar[Mapping[str, str]] = MappingProxyType({})
    rate_header: ClassVar[str | None] = None
    sandbox: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = getattr(getattr(cls, "account_type", None), "adapter", None)
        if not hasattr(cls, "name") and isinstance(name, str):
            cls.name = name

    def __init__(self, account: AccountT, transport: Transport) -> None:
        self.account = account
        self.transport = transport

    # Plain translation.

    def capabilities(self, operation: str, options: JSONMapping = NO_OPTIONS) -> Capabilities:
        """
        Return what the vendor can do, as far as settings and a job's options change it.

        By default what `operations` says, with the account's `limits` in place of it.

        Args:
            operation: The kind of batch.
            options: What `check_options` gave for the job, or nothing: what holds without any.
        """
        del options
        return evolve(self.operations[operation], **self.account.limits)

    def check_options(self, operation: str, options: JSONMapping) -> JSONMapping:
        """
        Check a job's options (values may be text, from a command line) and complete them.

        Returns:
            The options as JSON values; what is sent and fingerprinted.

        Raises:
            InputError: An option is not known or its value is wrong.
        """
        for option in options:
            raise InputError(f"{self.name} {operation} takes no option {option!r}")
        return {}

    @classmethod
    def read_map(cls, operation: str, text: str) -> RowMap:
        """
        Read what a user says a row of a table becomes, in the adapter's own words.

        Raises:
            InputError: The text makes no sense.
            UnsupportedError: The adapter has no such words.
        """
        del operation, text
        raise UnsupportedError(f"{cls.name} has no words for what a row becomes; name its values")

    @classmethod
    def fields(cls, operation: str, item: JSONMapping) -> Mapping[str, Kind]:
        """
        Return what kind of value the fields of an item take; nested ones by dotted names.

        Called for every item before `encode`, and for every row of a table: there each value is
        text still. A field that is not named takes anything. By default they are `kinds`.

        Args:
            operation: The kind of batch.
            item: The item, without an `id` of ours; empty for what holds for any item.
        """
        del operation, item
        return cls.kinds

    def item_id(self, operation: str, payload: JSONMapping) -> str | None:
        """
        Return what an item without an id is called; `None` for its place in the job.

        By default the value of `key_field`.
        """
        return _find_name(self, self.key_field, operation, payload)

    def encode(self, operation: str, item: BatchItem, options: JSONMapping) -> bytes:
        """
        Check one item and give it the form it is sent in. `item.id` is set.

        By default its fields in the form of their kind (`fields`), as JSON; `key_field` is needed,
        unless the operation `makes_new`.

        Raises:
            InputError: The vendor would refuse the item, or it could do harm.
        """
        del options
        payload = plain_json(item.payload)
        written = write_fields(payload, self.fields(operation, payload))
        key = None if operation in self.makes_new else self.key_field
        if key is not None and read_key(written, key) is None:
            raise InputError(f"{key} is missing: it names the item at the vendor")
        return encode_json(written)

    def key_value(self, operation: str, item: WireItem) -> str | None:
        """
        Return the value of `key_field` in an item as it was sent; `None` if it has none.

        By default the item is read as JSON.
        """
        del operation
        return None if self.key_field is None else read_key(loads(item.wire), self.key_field)

    def target(self, operation: str, item: BatchItem) -> str | None:
        """
        Return what an item changes at the vendor: the same text for the same thing.

        Called after `encode` has taken the item; any spelling of one thing gives one text. Items
        with the same target are sent in the order they were handed over, over all jobs of the
        account and operation. `None` is for an item that changes nothing or makes something new:
        it need not wait for any other.

        By default the value of `key_field`: a number in one spelling, if it takes a whole number.
        An adapter with neither has no targets: each of its
        items may change what any other does, so no ticket passes another, and where the vendor
        does not run in order (`Capabilities.runs_in_order`) each waits for the end of the one
        before.
        """
        return _find_name(self, self.key_field, operation, item.payload)

    def batch_key(self, operation: str, item: BatchItem) -> str:
        """
        Return what all items of a batch must share, such as the warehouse of an address.

        A new batch begins where it changes, so a job goes out in fewest requests if it is sorted
        by it. By default the value of `batch_field`.
        """
        return _find_name(self, self.batch_field, operation, item.payload) or ""

    def envelope_bytes(self, operation: str, items: int) -> int:
        """
        Return the bytes of a request's body in addition to its items.

        By default those of `Submission.json_array`: brackets and commas.
        """
        del operation
        return items + 1

    def may_repeat(self, operation: str, items: Sequence[WireItem], options: JSONMapping) -> bool:
        """
        Whether a batch may run twice without any more effect than once.

        Such as one that only reads. Asked when it was sent, no answer came, and the vendor does
        not deduplicate it.
        """
        del operation, items, options
        return False

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """
        Read the vendor's error code and message from an answer of 400 and above.

        By default the fields `code`, `message` and `details` of a JSON object, of the object in its
        field `error`, or of the first in its list `errors`; or the text in that field. Errors of
        OAuth have their code there, and their words in `error_description`.
        """
        del status, headers
        try:
            error = loads(body)
        except ValueError:
            return None, None
        if not isinstance(error, dict):
            return None, None
        error = _find_error(error)
        code, message, details = (error.get(name) for name in ("code", "message", "details"))
        if isinstance(details, str) and details and message is not None:
            message = f"{message}: {details}"
        return (None if code is None else str(code)), (None if message is None else str(message))

    def pace(self, headers: Mapping[str, str], rate: str) -> Mapping[str, Budget]:
        """
        Read from an answer's headers how many requests may be made, where the vendor says so.

        Called for each answer of the account's own host. What it gives holds from then on, and
        still in the next process, until an answer says otherwise.

        Args:
            headers: The answer's headers; a name's case does not matter.
            rate: The `rate` its request was sent with, for a vendor whose headers do not say which
                limit they are about.

        Returns:
            The budgets by `rate`; ``""`` is that of all requests. Empty if the answer says nothing.
            By default what the header of the name `rate_header` says of the request's rate, if
            `Account.rates` has it: how many a second; how many at once stays as it is there.
        """
        known = self.account.rates.get(rate)
        if known is None or self.rate_header is None:
            return {}
        try:
            per_s = float(headers.get(self.rate_header, ""))
        except ValueError:
            return {}
        if not _RATES[0] <= per_s <= _RATES[1]:
            return {}
        return {rate: evolve(known, requests=1, per_s=1.0 / per_s)}

    def can_ask(self, operation: str) -> bool:
        """
        Whether a batch of an operation can be asked about later, by the id the vendor gave it.

        A vendor that answers a submit with the results has no such id. By default whether `poll` or
        `poll_one` is there.
        """
        del operation
        kind = type(self)
        return kind.poll is not Adapter.poll or kind.poll_one is not Adapter.poll_one

    def read_push(self, headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        """
        Return the ids of the batches that a vendor's call (a webhook) is about.

        It only brings their next poll forward; what it says of them is not believed. No I/O.

        Args:
            headers: The call's headers; a name's case does not matter.
            body: The call's body, at most 1 MB.

        Raises:
            RefusedError: The signature is wrong, or the call is no message of the vendor's.
            UnsupportedError: The vendor makes no such calls.
        """
        del headers, body
        raise UnsupportedError(f"{self.name} knows no calls by its vendor")

    # The verbs.

    async def authorize(self, *, again: bool) -> Credentials:
        """
        Get what authorises requests to the account's own host, such as a token that expires.

        One call at a time for an account. What it gives is used for all requests, and renewed
        before its end. Requests it makes itself go without credentials and have no effect, unless
        it says otherwise. The default gives no headers.

        Args:
            again: Whether the vendor has refused what the last call gave (401, 403). To give the
                same headers once more means that there are no others: the account is paused.

        Raises:
            CredentialsError: The vendor refuses the account; it is paused.
            ContactError: There was no answer; asked again with the next request.
        """
        del again
        return Credentials()

    @abstractmethod
    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """
        Send one batch. Called once per attempt, or again with the same key inside the window.

        Where it takes several requests, only those with an effect count (see
        `Transport.request`): an error before the first of them is certain, and the batch is sent
        anew. What has to outlive a crash between two of them is kept by `steps`.

        Raises:
            RepeatedError: The vendor has had this body a short while ago, and refuses it.
        """

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """
        Look for a batch that was sent and not answered among those the vendor has.

        Only asked where `Capabilities.finds_attempts` says so. `None` must be certain, once
        `Capabilities.visibility_grace_s` has passed: the batch is sent anew then.

        Raises:
            CantTellError: What the vendor has may be this batch, or another: the ticket is held.
        """
        del attempt
        raise UnsupportedError(f"{self.name} can't look for a batch that was not answered")

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """
        Ask about tickets, at most `Capabilities.max_polled_at_once`; answers in their order.

        All are of one operation. `None` is for a ticket of which the answer says nothing, and
        `Observation.is_gone` for one that it calls unknown. An error concerns all of them. By
        default `poll_one` is asked for each, and there is only one.

        Raises:
            NotFoundError: The vendor does not know the ticket, where only one was asked about.
        """
        return [await self.poll_one(ticket) for ticket in tickets]

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """
        Ask about one ticket.

        Raises:
            NotFoundError: The vendor does not know it.
        """
        del ticket
        raise AdapterError(f"{self.name} accepted a batch without a report, and can't ask about it")

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """
        Fetch the results of a finished ticket.

        By default those that came with the answer which said so (`Observation.report`).

        Args:
            ticket: The ticket; `TicketRef.state` is its final state, `TicketRef.seen` that answer.
            items: Its items as they were sent.

        Raises:
            ResultsMissingError: The vendor says that the batch is finished, but sent no results.
        """
        report = None if ticket.seen is None else ticket.seen.report
        if callable(report):
            report = report(items)
        if report is None:
            raise ResultsMissingError(
                f"{self.name} says that the batch is finished, but sent no results",
                vendor=self.name,
                account=self.account.identity,
            )
        return report

    async def cancel(self, ticket: TicketRef) -> None:
        """Ask the vendor to stop a ticket; polls show the outcome."""
        del ticket
        raise UnsupportedError(f"{self.name} can't cancel a batch it has accepted")

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """
        Send one harmless request, to see whether vendor and credentials work.

        Args:
            vendor_ref: A ticket of the vendor's to ask about; `None` asks for something else.
        """
        del vendor_ref
        raise UnsupportedError(f"{self.name} has no harmless request to try")

    async def aclose(self) -> None:
        """Close what the adapter opened. The core closes the transport."""


def _find_error(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an error's answer that has its code and its message."""
    several = answer.get("errors")
    if isinstance(several, list) and several and isinstance(several[0], dict):
        return several[0]
    inner = None if "message" in answer else answer.get("error")
    if isinstance(inner, dict):
        return inner
    if isinstance(inner, str):
        words = answer.get("error_description")
        return {**answer, "message": inner} if words is None else {"code": inner, "message": words}
    return answer


def _find_name(
    adapter: Adapter[Any], field: str | None, operation: str, payload: JSONMapping
) -> str | None:
    """Return the value of a field that names something, in one spelling; `None` for none."""
    if field is None:
        return None
    if adapter.fields(operation, payload).get(field) is Kind.INTEGER:
        payload = write_fields(payload, {field: Kind.INTEGER})
    return read_key(payload, field)

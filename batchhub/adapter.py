"""
What an adapter implements, and what it may use.

An adapter translates one vendor's API and nothing else. The core owns time,
retries, budgets, persistence and the state machine. An adapter is one class,
found through the entry-point group ``batchhub.adapters``; one instance serves
one account. Its class attributes say what the vendor can do; its verbs are
`submit`, `poll`, `fetch_results`, `cancel` and `aclose`.

Errors: do not catch what `Transport.request` raises, unless you handle it. Raise `InputError` from
`encode` and `check_options`, `ReplyError` for an answer that can't be understood.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Generic, TypeVar

from ._adapter.account import Account, Budget, flag, header_secret, secret, whole_number
from ._adapter.answers import NOT_JSON, one_line, read_fields, repair_text
from ._adapter.capabilities import Capabilities, JSONMapping
from ._adapter.exchange import (
    Accepted,
    Attempt,
    ItemReport,
    Observation,
    Probe,
    Report,
    RowMap,
    Submission,
    TicketRef,
    WireItem,
)
from ._adapter.plain import encode_json, plain_json
from ._base.json import loads
from ._http.transport import Transport
from .errors import InputError, UnsupportedError
from .models import BatchItem, BatchState

__all__ = [
    "NOT_JSON",
    "Accepted",
    "Account",
    "Adapter",
    "Attempt",
    "Budget",
    "Capabilities",
    "ItemReport",
    "Observation",
    "Probe",
    "Report",
    "RowMap",
    "Submission",
    "TicketRef",
    "Transport",
    "WireItem",
    "encode_json",
    "flag",
    "header_secret",
    "one_line",
    "plain_json",
    "read_fields",
    "repair_text",
    "secret",
    "whole_number",
]

AccountT = TypeVar("AccountT", bound=Account)


class Adapter(ABC, Generic[AccountT]):
    """
    The code that speaks one vendor's API, for one account.

    Attributes:
        name: The adapter's name, as in the entry point.
        account_type: The class of its accounts.
        operations: What the vendor can do, per operation; the first is the default.
        states: The vendor's words (case does not matter) and what they mean.
            A word that is missing here ends no ticket: it is shown, and polling goes on.
        claims_id: Whether an item's `id` is part of the vendor's own form.
        not_executed_statuses: HTTP statuses by which the vendor says that it did not run a request;
            such a request is repeated fast and few times.
        text_keys: Keys of an item (dotted where nested) whose values out of a table are text
            whatever they look like, with all that is in them: a product number is not a figure.
        takes_decimals: Whether `encode` takes `decimal.Decimal`. Figures out of a table then keep
            every digit; otherwise they are float, as those from JSON are.
        types: What bodies may be read as, by the names users call them: each a
            `msgspec.Struct` or an attrs class, as ``module:Class``.
        sandbox: Where its stand-in server is, as ``module:Class``; `None` if it has none.
    """

    name: ClassVar[str]
    account_type: ClassVar[type[Account]]
    operations: ClassVar[Mapping[str, Capabilities]]
    states: Mapping[str, BatchState]  # of the class; an instance may extend it by settings
    claims_id: ClassVar[bool] = False
    not_executed_statuses: ClassVar[frozenset[int]] = frozenset()
    text_keys: ClassVar[frozenset[str]] = frozenset()
    takes_decimals: ClassVar[bool] = False
    types: ClassVar[Mapping[str, str]] = MappingProxyType({})
    sandbox: ClassVar[str | None] = None

    def __init__(self, account: AccountT, transport: Transport) -> None:
        self.account = account
        self.transport = transport

    def capabilities(self, operation: str) -> Capabilities:
        """Return what the vendor can do, as far as the account's settings change it."""
        return self.operations[operation]

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
        raise UnsupportedError(f"{cls.name} takes no --map; name an item's keys by --set")

    @abstractmethod
    def encode(self, operation: str, item: BatchItem, options: JSONMapping) -> bytes:
        """
        Check one item and give it the form it is sent in. `item.id` is set.

        Raises:
            InputError: The vendor would refuse the item, or it could do harm.
        """

    @classmethod
    def explain(cls, status: int, body: bytes) -> tuple[str | None, str | None]:
        """Read the vendor's error code and message from the body of an answer of 400 and above."""
        del status
        try:
            error = loads(body)
        except ValueError:
            return None, None
        if not isinstance(error, dict):
            return None, None
        code, message = error.get("code"), error.get("message")
        return (None if code is None else str(code)), (None if message is None else str(message))

    def find_unique_key(self, operation: str, item: BatchItem) -> str | None:
        """Return what must be unique in a job in addition to the id; `None` for nothing."""
        del operation, item
        return None

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the bytes of a request's body in addition to its items (brackets, commas)."""
        del operation
        return items + 1

    @abstractmethod
    async def submit(self, submission: Submission) -> Accepted:
        """Send one batch. Called once per attempt, or again with the same key inside the window."""

    def may_repeat(self, operation: str, items: Sequence[WireItem], options: JSONMapping) -> bool:
        """
        Whether a batch may run twice without any more effect than once.

        Such as one that only reads. Asked when it was sent, no answer came, and the vendor does
        not deduplicate it.
        """
        del operation, items, options
        return False

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """
        Look for a batch that was sent and not answered among those the vendor has.

        Only asked where `Capabilities.finds_attempts` says so. `None` must be certain, once
        `Capabilities.visibility_grace_s` has passed: the batch is sent anew then.
        """
        del attempt
        raise UnsupportedError(f"{self.name} can't look for a batch that was not answered")

    @abstractmethod
    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation]:
        """Ask about tickets, at most `Capabilities.max_polled_at_once`; answers in their order."""

    @abstractmethod
    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """
        Fetch the results of a finished ticket.

        Raises:
            ResultsMissingError: The vendor says that the batch is finished, but sent no results.
        """

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

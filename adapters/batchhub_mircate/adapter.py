"""The verbs: Mircate's batch calls, spoken for one merchant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec
from attrs import evolve

from batchhub.adapter import (
    NO_OPTIONS,
    Accepted,
    Adapter,
    Capabilities,
    Kind,
    Observation,
    Probe,
    Report,
    Steps,
    Submission,
    TicketRef,
    WireItem,
    describe_page,
)
from batchhub.errors import InputError, RefusedError, ReplyError
from batchhub.models import BatchItem, BatchState

from . import wire
from .account import BULK_ID_FIELD, FREQUENCY_FIELD, MAX_REQUEST_BYTES, MircateAccount
from .items import KINDS, UPSERT, UPSERT_KINDS, ItemRules, encode_item, find_key, read_keys
from .paths import OPERATIONS, Call, make_call, prepare_path
from .report import index_items, make_report
from .status import (
    STATES,
    ReadStatus,
    Status,
    explain_refusal,
    is_refusal,
    observe,
    read_probe,
    read_progress,
    read_status,
)

if TYPE_CHECKING:
    from batchhub.transport import Reply, Transport

_FREQUENCY: Final = "frequency"
_DATA_TYPE: Final = "data_type"
_MAX_FREQUENCY: Final = 10
"""The longest pause between two items in seconds. Source: page "Receive Price", frequency."""

_SHORTEST_SECRET: Final = 8
_LONGEST_BULK_ID: Final = "0" * 36
_NOT_MIRCATE: Final = "the answer is not of Mircate's form; check base_url and status_paths"
_MADE_UP_REF: Final = "batchhub-probe"


def _deadline_s(items: int, options: Mapping[str, Any]) -> float:
    """
    Seconds a job may take: ten minutes, and for each item its pause and a second of work.

    So 500 items may take 1600 s at a frequency of 1, and 6100 s at 10. All items are taken to
    come one after another, although some batches may run side by side.

    Source: page "Receive Price", frequency (the seconds between two items; at 1 a batch of 500
    takes about 500 s). Assumed: the ten minutes, and the second of work.
    """
    frequency: int = options.get(_FREQUENCY, 0)
    return 600.0 + items * (frequency + 1.0)


class MircateAdapter(Adapter[MircateAccount]):
    """
    Mircate's batches: prices and stocks of a merchant's products, and products themselves.

    The option `frequency` of the first two is the vendor's own: seconds between two items of a
    batch, 0 to 10; 0 if left out. The option `data_type` of `product-upsert` is the `dataType`
    of items that have none.

    Source: page "Receive Price" (500 items a batch; 5,000 products are 10 requests); the
    platform's documents (570: the call did not run). Assumed: that 500 also holds for products;
    that four batches of a job, and twenty of a merchant, may be on their way at once, which spares
    the merchant's channel; that batches run in no order, since nothing says that they do; that a
    batch may be asked about as often as batchhub's own smallest interval allows: no page names one.
    """

    account_type = MircateAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {
        operation: Capabilities(
            max_items=500,
            max_bytes=MAX_REQUEST_BYTES,
            tickets_per_job=4,
            tickets_per_lane=20,
            counts_items=True,
            names_targets=True,
            deadline_s=_deadline_s,
        )
        for operation in OPERATIONS
    }
    states: Mapping[str, BatchState] = STATES
    not_executed_statuses: ClassVar[frozenset[int]] = frozenset({570})
    sandbox: ClassVar[str | None] = "batchhub_mircate.sandbox:MircateSandbox"

    def __init__(self, account: MircateAccount, transport: Transport) -> None:
        super().__init__(account, transport)
        self.states = {**STATES, **account.states}
        projects = {
            "project_id": account.project_id,
            "merchant_project_id": account.merchant_project_id,
        }
        self._rules = ItemRules(item_keys=account.item_keys, number_fields=account.number_fields)
        self._submit_calls = {
            operation: make_call(path, "POST", **projects)
            for operation, path in account.paths.items()
        }
        self._status_paths = {
            operation: prepare_path(path, "GET", **projects)
            for operation, path in account.status_paths.items()
        }
        self._capabilities = {
            operation: evolve(
                capabilities,
                max_bytes=account.max_request_bytes,
                count_grace_s=account.count_grace_s,
                visibility_grace_s=account.visibility_grace_s,
                resends_unanswered=account.resend_unconfirmed,
            )
            for operation, capabilities in self.operations.items()
        }

    def capabilities(self, operation: str, options: Mapping[str, Any] = NO_OPTIONS) -> Capabilities:
        """Return what the vendor can do for an operation, as the account's settings have it."""
        del options
        return self._capabilities[operation]

    def check_options(self, operation: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take `frequency` for prices and stocks, `data_type` for products, and nothing else."""
        known = _DATA_TYPE if operation == UPSERT else _FREQUENCY
        for option in options:
            if option != known:
                near = difflib.get_close_matches(str(option), [known], n=1)
                hint = "did you mean" if near else "there is only"
                raise InputError(f"mircate {operation} takes no option {option!r}; {hint} {known}")
        if operation != UPSERT:
            return {_FREQUENCY: _check_frequency(options.get(_FREQUENCY, 0))}
        return {_DATA_TYPE: _check_data_type(options[_DATA_TYPE])} if options else {}

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """Return what the fields of a price, a stock or a product take."""
        del item
        return UPSERT_KINDS if operation == UPSERT else KINDS

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Check one item and write it as one element of the array that is sent."""
        encoded = encode_item(operation, item.payload, self._rules, options.get(_DATA_TYPE))
        for secret in self.account.secrets:
            if len(secret) >= _SHORTEST_SECRET and msgspec.json.encode(secret)[1:-1] in encoded:
                raise InputError("the item contains the account's API key, which would be stored")
        return encoded

    def target(self, operation: str, item: BatchItem) -> str | None:
        """
        Return the best name of an item's product, such as ``sku=A-1``.

        Source: page "Upsert Product" (a product has a sku, and the call makes or changes it).
        Assumed: prices and stocks go by the same names; a product that one item names by its sku
        and another only by its barcode is not recognised as one.
        """
        return find_key(operation, item.payload, self.account.item_keys)

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the largest number of bytes that a request's body has in addition to its items."""
        head, tail = self._make_frame(operation, _MAX_FREQUENCY, _LONGEST_BULK_ID)
        return len(head) + len(tail) + max(items - 1, 0)

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """Read `code`, `message` and `issues` from an error's body."""
        del status, headers
        return wire.read_error(body)

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """
        Send one batch.

        Source: page "Receive Price", header, body (frequency, bulkOperationId) and the several
        batches a request may become. Assumed: the array's name; no other field for products.

        Raises:
            ReplyError: The answer has no batch id; the batch may exist.
        """
        del steps
        frequency = submission.options.get(_FREQUENCY, 0)
        head, tail = self._make_frame(
            submission.operation, frequency, self._make_bulk_id(submission)
        )
        body = head + b",".join(item.wire for item in submission.items) + tail
        call = self._submit_calls[submission.operation]
        reply = await self._send(call, self.account.submit_api_key, body)
        refs, others = wire.read_accepted(reply.body, self.account.batch_id_keys)
        if not refs:
            keys = ", ".join(self.account.batch_id_keys)
            fields = ", ".join(others)[:200] or "no field at all"
            what = f"the answer to a new batch has no id under {keys}, but {fields}"
            says = self._find_says(reply, wire.read_words(others))
            raise self._broken(f"{what}{says}; see batch_id_keys", reply.status)
        return Accepted(vendor_refs=refs, vendor=others)

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """
        Ask about each batch of a ticket; the counts are added up.

        Raises:
            NotFoundError: The vendor does not know one of them.
            ReplyError: An answer is not a JSON object, or has no field of a status.
        """
        return observe(await self._ask_all(ticket, read_progress), self.states)

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Ask once more, and work out the items' outcome from names and counts."""
        statuses = await self._ask_all(ticket, read_status)
        keys = self.account.item_keys
        sent = {item.id: read_keys(ticket.operation, item, keys) for item in items}
        return make_report(
            statuses, index_items(sent), total=ticket.total, item_keys=keys, states=self.states
        )

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """
        Ask about one batch of prices or stocks, or about one that can't exist.

        A refusal of anything but the credentials is an answer as well, if it is of the platform's
        form: the credentials work.

        Args:
            vendor_ref: A batch's id; `None` asks about one that does not exist.

        Raises:
            ReplyError: The answer is not one of Mircate's, whatever its status.
        """
        ref = _MADE_UP_REF if vendor_ref is None else vendor_ref
        call = self._status_paths[OPERATIONS[0]].make_call(ref)
        request = f"{call.method} {call.path}"
        try:
            reply = await self._send(call, self.account.api_key, self._make_question(call, ref))
        except RefusedError as error:
            if not is_refusal(error.raw):
                raise self._broken(_NOT_MIRCATE, error.status) from None
            reading = explain_refusal(error, is_made_up=vendor_ref is None)
            return Probe(request=request, status=error.status or 0, raw=error.raw, reading=reading)
        status = self._read(reply, ref, read_status)
        if not status.is_status:
            raise self._broken(_NOT_MIRCATE, reply.status)
        reading = read_probe(status, self.states, self.account.item_keys)
        return Probe(request=request, status=reply.status, raw=reply.body, reading=reading)

    async def _ask_all(self, ticket: TicketRef, read: ReadStatus) -> list[Status]:
        return [await self._ask(ticket.operation, ref, read) for ref in ticket.vendor_refs]

    async def _ask(self, operation: str, ref: str, read: ReadStatus) -> Status:
        """Source: page "Check Batch Status", request (path and header)."""
        call = self._status_paths[operation].make_call(ref)
        reply = await self._send(call, self.account.api_key, self._make_question(call, ref))
        status = self._read(reply, ref, read)
        if not status.is_status:
            says = self._find_says(reply, status.words)
            raise self._broken(f"the answer has no field of a status{says}", reply.status)
        return status

    def _find_says(self, reply: Reply, words: str | None) -> str:
        says = words or describe_page(reply.body)
        return f"; it says: {says}" if says else ""

    def _read(self, reply: Reply, ref: str, read: ReadStatus) -> Status:
        try:
            return read(reply.body, ref, reply.age_s)
        except ValueError as error:
            raise self._broken(str(error), reply.status) from None

    def _make_question(self, call: Call, ref: str) -> bytes | None:
        """Assumed: a status call by POST takes the id in its body as well as in its path."""
        if call.method == "GET":
            return None
        return msgspec.json.encode({self.account.batch_id_keys[0]: ref})

    async def _send(self, call: Call, api_key: str, body: bytes | None) -> Reply:
        headers = {"x-api-key": api_key}
        return await self.transport.request(call.method, call.path, body=body, headers=headers)

    def _make_frame(self, operation: str, frequency: int, bulk_id: str) -> tuple[bytes, bytes]:
        others = {FREQUENCY_FIELD: frequency, BULK_ID_FIELD: bulk_id}
        return wire.make_frame(self.account.items_field, {} if operation == UPSERT else others)

    def _make_bulk_id(self, submission: Submission) -> str:
        """Make the id all requests of a job share; from the user's key it is the same anywhere."""
        kind, text = ("group", submission.group)
        if submission.key is not None:
            kind, text = "key", submission.key
        # Not the lane: the host is no part of it, and an attempt of an earlier version is found.
        name = f"{self.name}:{self.account.identity}\n{submission.operation}\n{kind}\n{text}"
        return str(uuid5(NAMESPACE_URL, name))

    def _broken(self, what: str, status: int | None) -> ReplyError:
        return ReplyError(
            f"{what} (mircate, project {self.account.identity}, HTTP {status})",
            vendor=self.name,
            account=self.account.identity,
            status=status,
        )


def _check_frequency(value: Any) -> int:
    """
    Read the seconds between two items.

    Source: page "Receive Price", frequency (0 to 10). Assumed: 0 is no pause; the field is
    always sent, since the vendor's own default is not published and a deadline rests on it.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 2:  # noqa: PLR2004  # digits of 10
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_FREQUENCY:
        raise InputError(f"frequency must be a whole number from 0 to {_MAX_FREQUENCY}: seconds")
    return value


def _check_data_type(value: Any) -> str:
    """Read the type of products. Source: page "Upsert Product", body; its words are unknown."""
    if not isinstance(value, str) or not value.strip():
        raise InputError("data_type must be text that is not empty")
    return value

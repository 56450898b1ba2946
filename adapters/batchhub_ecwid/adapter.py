"""The verbs: Ecwid's batch API, spoken for one store."""

from __future__ import annotations

import difflib
import math
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote, urlencode

from attrs import evolve

from batchhub.adapter import (
    NO_OPTIONS,
    Accepted,
    Adapter,
    Capabilities,
    Credentials,
    Kind,
    Observation,
    Probe,
    Report,
    RowMap,
    Steps,
    Submission,
    TicketRef,
    WireItem,
    describe_page,
)
from batchhub.errors import InputError, RefusedError, ReplyError, ResultsMissingError
from batchhub.models import BatchItem, BatchState

from . import wire
from .account import MAX_REQUEST_BYTES, EcwidAccount
from .items import encode_item, find_target, may_repeat, read_map
from .kinds import find_thing
from .report import make_report

if TYPE_CHECKING:
    from batchhub.transport import Reply, Transport

_OPTION: Final = "allow_parallel_mode"
_SHORTEST_SECRET: Final = 8
_BAD_REQUEST: Final = 400
_OTHER_NAME: Final = {"ticket": "ticketId", "ticketId": "ticket"}
"""The names of the parameter that names a ticket, each with the other one."""


def _deadline_s(items: int, options: Mapping[str, Any]) -> float:
    """
    Seconds a job may take: ten minutes in the queue, and ten seconds for each item in turn.

    Source: the vendor's pages on batch requests, how batches are executed (in sequence, or up
    to 100 items at once). Assumed: the figures.
    """
    turns = math.ceil(items / 100) if options.get(_OPTION) else items
    return 600.0 + 10.0 * turns


class EcwidAdapter(Adapter[EcwidAccount]):
    """
    Ecwid's batch API: up to 500 REST calls in one request, run by the vendor one after another.

    Both generations of the API are understood. The only option is `allow_parallel_mode`: the
    vendor runs up to 100 items at once, in no order.

    Source: older page "Create batch request", batch request limit (500); the vendor's pages on
    batch requests, deduplicationKey (one hour), stopOnFirstFailure. Assumed: the bound on
    bytes; two tickets on their way keep a first-in-first-out queue from running dry, and twenty
    small ones take about what the store's budget has for their polls; no page names a smallest
    interval between two polls, so batchhub's own is kept, within that budget.
    """

    account_type = EcwidAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {
        "batch": Capabilities(
            max_items=500,
            max_bytes=MAX_REQUEST_BYTES,
            tickets_per_job=2,
            tickets_per_lane=20,
            runs_in_order=True,
            can_cancel=True,
            stops_on_first_failure=True,
            dedup_window_s=3600.0,
            deadline_s=_deadline_s,
        )
    }
    states: Mapping[str, BatchState] = wire.STATES
    claims_id: ClassVar[bool] = True
    types: ClassVar[Mapping[str, str]] = {
        "order": "batchhub_ecwid:Order",
        "orders": "batchhub_ecwid:OrderSearch",
    }
    sandbox: ClassVar[str | None] = "batchhub_ecwid.sandbox:EcwidSandbox"

    def __init__(self, account: EcwidAccount, transport: Transport) -> None:
        super().__init__(account, transport)
        self._store = f"/api/v3/{account.store_id}"
        self._batch = f"{self._store}/batch"
        self._ticket_param = "ticket"
        token = account.token.encode()
        self._token = token if len(token) >= _SHORTEST_SECRET else b""
        self._is_proven = False
        self._capabilities = {
            operation: evolve(capabilities, max_bytes=account.max_request_bytes)
            for operation, capabilities in self.operations.items()
        }
        self._parallel = {
            operation: evolve(capabilities, runs_in_order=False)
            for operation, capabilities in self._capabilities.items()
        }

    def check_options(self, operation: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take `allow_parallel_mode`, true or false (also as text), and nothing else."""
        for option in options:
            if option != _OPTION:
                near = difflib.get_close_matches(str(option), [_OPTION], n=1)
                hint = "did you mean" if near else "there is only"
                raise InputError(f"ecwid {operation} takes no option {option!r}; {hint} {_OPTION}")
        value = options.get(_OPTION, False)
        if isinstance(value, str):
            value = {"true": True, "false": False}.get(value.lower())
        if not isinstance(value, bool):
            raise InputError(f"{_OPTION} must be true or false")
        return {_OPTION: value}

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """Return what the item's fields take, by its path."""
        del operation
        return find_thing(item.get("path")).item

    @classmethod
    def read_map(cls, operation: str, text: str) -> RowMap:
        """Read ``PUT /products/{product_id}``; what is set goes into the body."""
        del operation
        return read_map(text)

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Check one item and write it as one element of the array that is sent."""
        del operation, options
        wire_item = encode_item(item)
        if self._token and self._token in wire_item:
            raise InputError("the item contains the account's token, which would be stored")
        return wire_item

    def target(self, operation: str, item: BatchItem) -> str | None:
        """Return the path that a PUT or DELETE changes, in one spelling; `None` for others."""
        del operation
        return find_target(item)

    def may_repeat(
        self, operation: str, items: Sequence[WireItem], options: Mapping[str, Any]
    ) -> bool:
        """Allow what only reads, and PUT and DELETE if the account allows them."""
        del operation, options
        return may_repeat(items, idempotent_writes=self.account.repeat_idempotent)

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """Read `errorCode` and `errorMessage` (or `error_message`) from an error's body."""
        del status, headers
        return wire.read_error(body)

    def capabilities(self, operation: str, options: Mapping[str, Any] = NO_OPTIONS) -> Capabilities:
        """
        Return what the vendor can do for an operation, within the account's own bound.

        Source: the vendor's pages on batch requests: batches of a store run first in, first out,
        and their items in sequence, or up to 100 at once with `allowParallelMode`. Assumed: with
        it, nothing is said of the order of such a batch and those around it either.
        """
        return (self._parallel if options.get(_OPTION) else self._capabilities)[operation]

    async def authorize(self, *, again: bool) -> Credentials:
        """Give the store's token; there is no other."""
        del again
        return Credentials(headers={"Authorization": f"Bearer {self.account.token}"})

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """
        Send one batch, always with the key that the vendor deduplicates by.

        `stopOnFirstFailure` is always said, since the vendor's own default is true.

        Source: the vendor's pages on batch requests, query parameters; newer example of a
        request and its answer.

        Raises:
            ReplyError: The answer has no ticket; the batch may exist.
        """
        del steps
        params = {
            "stopOnFirstFailure": "true" if submission.stop_on_first_failure else "false",
            "groupId": submission.group,
            "deduplicationKey": submission.idempotency_key,
        }
        if submission.options.get(_OPTION):
            params["allowParallelMode"] = "true"
        reply = await self._request("POST", "/batch", params, submission.json_array())
        answer = wire.read_object(reply.body) or {}
        ticket, odd_form = wire.read_ticket(answer)
        if ticket is None:
            raise self._broken("the answer to a new batch has no ticket", reply)
        others = {name: value for name, value in answer.items() if name != "ticket"}
        findings = () if odd_form is None else (odd_form,)
        return Accepted(vendor_refs=(ticket,), vendor=others, findings=findings)

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """
        Ask how far a ticket is, without its results.

        Source: newer page "Get batch status", query params (results come only when asked for).
        """
        reply = await self._ask(ticket)
        try:
            return wire.read_observation(reply.body)
        except ValueError as error:
            raise self._broken(str(error), reply) from None

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """
        Fetch the results of a finished ticket.

        Source: newer page "Get batch status", query params and responses; older page "Get
        batch request status", RequestDetails.

        Raises:
            ResultsMissingError: The batch is finished and the answer has no `responses`.
            ReplyError: The batch is not finished any more, or the answer makes no sense.
        """
        reply = await self._ask(ticket, "&escapedJson=true")
        try:
            answer = wire.read_answer(reply.body)
        except ValueError as error:
            raise self._broken(str(error), reply) from None
        if not self._has_ended(answer.status):
            raise self._broken(f"a finished batch is {answer.status[:40]!r} again", reply)
        if answer.responses is None or (items and not answer.responses):
            raise ResultsMissingError(
                "ecwid says that the batch is finished, but sent no responses",
                vendor=self.name,
                account=self.account.identity,
                status=reply.status,
            )
        return make_report(answer, ticket.total, items)

    async def cancel(self, ticket: TicketRef) -> None:
        """
        Stop the ticket's whole group: nothing more of the job is executed, results stay readable.

        A DELETE is never sent: it may delete the results as well.

        Source: the vendor's pages on cancelling a group of batches (the newer one wants the
        ticket as well) and on deleting batch requests.
        """
        params = {"groupId": ticket.group, "ticketId": ticket.vendor_refs[0]}
        reply = await self._request("POST", "/batch/cancel-group", params)
        if reply.body.strip() and wire.read_object(reply.body) is None:
            raise self._broken("the answer to a cancel is not a JSON object", reply)

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """
        Ask about one batch, or for the newest in the store's list.

        Source: ecwid.md, "Status" and "Other calls".

        Raises:
            ReplyError: The answer is not one of Ecwid's, whatever its status.
        """
        params = {"limit": "1"} if vendor_ref is None else {self._ticket_param: vendor_ref}
        request = f"GET /api/v3/{self.account.store_id}/batch?{urlencode(params)}"
        reply = await self._request("GET", "/batch", params)
        if vendor_ref is None:
            items = (wire.read_object(reply.body) or {}).get("items")
            if not isinstance(items, list):
                # A parked domain and a proxy's login page answer 200 to anything.
                raise self._broken("the answer is no list of batches; check base_url", reply)
            reading: dict[str, Any] = {"batches listed": len(items)}
        else:
            try:
                seen = wire.read_observation(reply.body)
            except ValueError as error:
                raise self._broken(f"{error}; check base_url", reply) from None
            (word,) = seen.words
            state = self.states.get(word or "")
            known = "an undocumented word" if state is None else state.value
            reading = {"word": word, "state": known, "items done": seen.done}
        return Probe(request=request, status=reply.status, raw=reply.body, reading=reading)

    def _has_ended(self, word: str) -> bool:
        states = {known.casefold(): state for known, state in self.states.items()}
        state = states.get(word.casefold())
        return state is not None and state.is_terminal

    async def _ask(self, ticket: TicketRef, more: str = "") -> Reply:
        """
        Ask for a ticket's status.

        The pages disagree on the parameter's name, so a 400 is answered by trying the other one.
        That is kept only if its answer is a status. A 400 may have any other cause, and whatever
        else the other name brings, a 404 too, says nothing of the ticket: the 400 stays.

        Args:
            ticket: The ticket.
            more: What else is in the query.

        Source: newer page "Get batch status", query params against its own example.
        Assumed: a wrong name is answered 400.
        """
        ref, name = ticket.vendor_refs[0], self._ticket_param
        try:
            reply = await self._get_batch(name, ref, more)
        except RefusedError as error:
            if error.status != _BAD_REQUEST or (self._is_proven and self._ticket_param == name):
                raise
            refusal = error
        else:
            self._prove(name, reply)
            return reply
        # Another ticket's poll may have proven the other name meanwhile.
        other = _OTHER_NAME[name]
        try:
            reply = await self._get_batch(other, ref, more)
        except (RefusedError, ReplyError):
            if self._is_proven and self._ticket_param == other:
                raise
            raise refusal from None
        if not self._prove(other, reply):
            raise refusal
        return reply

    def _prove(self, name: str, reply: Reply) -> bool:
        """Keep a parameter's name for good if its answer is a status; return whether it is one."""
        if self._is_proven and self._ticket_param == name:
            return True
        is_status = wire.is_status(reply.body)
        if is_status and not self._is_proven:
            self._ticket_param, self._is_proven = name, True
        return is_status

    def _get_batch(self, name: str, ref: str, more: str) -> Awaitable[Reply]:
        ref = ref if ref.isalnum() and ref.isascii() else quote(ref, safe="")
        return self.transport.request("GET", f"{self._batch}?{name}={ref}{more}")

    async def _request(
        self, method: str, path: str, params: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        return await self.transport.request(
            method, f"{self._store}{path}", params=params, body=body
        )

    def _broken(self, what: str, reply: Reply) -> ReplyError:
        code, words = wire.read_error(reply.body)
        says = words or code or describe_page(reply.body)
        what = f"{what}; it says: {says}" if says else what
        return ReplyError(
            f"{what} (ecwid, store {self.account.identity}, HTTP {reply.status})",
            vendor=self.name,
            account=self.account.identity,
            status=reply.status,
        )

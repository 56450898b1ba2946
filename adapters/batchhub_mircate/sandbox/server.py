"""The stand-in itself: which call a request is, and what it is answered."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from aiohttp import web

from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, Clock, Execution, Sandbox
from batchhub_mircate.account import MircateAccount

from .batches import Batch, BatchRunner, split_items
from .calls import (
    Call,
    StatusCall,
    find_operation,
    find_status_call,
    make_error,
    parse_call,
    parse_submission,
)
from .catalogue import Catalogue, ItemError, Json, Operation, get_name, make_demo_items
from .documents import make_status, make_submit_answer
from .guard import MircateGuard
from .switches import MircateSwitches

# Assumed: the vendor's own bound is stated nowhere; this one only guards the machine.
_MAX_BODY_BYTES: Final = 64 * 2**20


class MircateSandbox(Sandbox):
    """
    One Mircate project on loopback, with its batch calls.

    Args:
        project_id: The id of the project.
        merchant_project_id: The id of the merchant's project.
        api_key: The key of status calls, and of submits unless they have their own.
        submit_api_key: The key of submits.
        products: How many products it begins with; their skus are ``A-1`` and up.
        clock: Where the time comes from; the machine's own by default.
        seed: Makes batch ids, and all that is left to chance, come out the same again.
    """

    switches_type: ClassVar[type[MircateSwitches]] = MircateSwitches
    demo_operation: ClassVar[str | None] = Operation.PRICE.value
    switches: MircateSwitches

    def __init__(
        self,
        *,
        project_id: str = "5p1hp1d2t",
        merchant_project_id: str = "m-1",
        api_key: str = "mircate-sandbox-key",
        submit_api_key: str | None = None,
        products: int = 2000,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.project_id = project_id
        self.merchant_project_id = merchant_project_id
        self.api_key = api_key
        self.submit_api_key = submit_api_key or api_key
        self.products = products
        self._catalogue = Catalogue(self.switches, products)
        self._batches = BatchRunner(self.switches, self._run_item)
        self._guard = MircateGuard(self, self.switches)
        self._ids = self.make_random("ids")

    def account(self, base_url: str) -> MircateAccount:
        """Return the account of this project."""
        return MircateAccount(
            project_id=self.project_id,
            merchant_project_id=self.merchant_project_id,
            api_key=self.api_key,
            submit_api_key=self.submit_api_key,
            base_url=base_url,
        )

    def demo_items(self, count: int) -> Iterator[BatchItem]:
        """Return `count` new prices for products; one in 25 fails."""
        return make_demo_items(count, products=self.products)

    def find_product(self, sku: str) -> Json | None:
        """Return a copy of a product as it is now, if there is one."""
        self.catch_up()
        return self._catalogue.find(sku)

    def catch_up(self) -> None:
        """Run the items whose time has come."""
        self._batches.advance(self.clock.monotonic())

    def find_verb(self, request: web.Request) -> str:
        """Return what a call is for; results come with the status of a batch that has ended."""
        call = parse_call(request.raw_path)
        if call is None:
            return ""
        if find_operation(call, self.switches) is not None:
            return "submit"
        if find_status_call(call, self.switches) is None:
            return ""
        batch = self._batches.find(call.instance)
        return "results" if batch is not None and batch.ended_at is not None else "poll"

    def make_app(self) -> web.Application:
        """Build the paths of the project's API."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        call = parse_call(request.raw_path)
        if call is None:
            raise _nothing_there()
        operation = find_operation(call, self.switches)
        status_call = find_status_call(call, self.switches)
        self._admit(request, call, operation)
        if operation is not None:
            _check_method(request, {"POST"})
            batches = self._guard.accept(request, lambda: self._accept(operation, body))
            return self._reply(make_submit_answer(batches, self.switches.ids_form))
        if status_call is not None:
            _check_method(request, status_call.methods)
            return self._answer_status(status_call, call.instance)
        raise _nothing_there()

    def _admit(self, request: web.Request, call: Call, operation: Operation | None) -> None:
        """Assumed: a key opens one project, and of that one merchant's alone."""
        api_key, is_own = self.api_key, call.project == self.project_id
        if operation is not None:
            is_pim = operation is Operation.UPSERT
            own = self.project_id if is_pim else self.merchant_project_id
            is_own = is_own and call.instance == own
            api_key = self.submit_api_key
        is_key = request.headers.get("x-api-key") == api_key
        self._guard.admit(request, may_enter=is_own and is_key)

    def _accept(self, operation: Operation, body: bytes) -> Sequence[Batch]:
        """Take a request, and make one batch of it, or several if the switch says so."""
        submission = parse_submission(body, self.switches.items_key)
        batches = [
            Batch(
                id=self._make_id(),
                operation=operation,
                items=items,
                frequency_s=submission.frequency_s,
                accepted_at=self.clock.monotonic(),
                fails=self.strikes("batch_fails"),
            )
            for items in split_items(submission.items, self.switches.ids_per_request)
        ]
        for batch in batches:
            self._batches.add(batch)
        return batches

    def _make_id(self) -> str:
        """
        Make the id of a batch.

        Source: the platform's documents on instance ids, what they never hold. Assumed: the
        form; that they may hold the rest of what a path must encode.
        """
        digits = f"{self._ids.getrandbits(104):026x}"
        if self.switches.odd_ids:
            return f"{digits[:8]}/{digits[8:16]} +&?=é{digits[16:]}"
        return digits

    def _answer_status(self, status_call: StatusCall, batch_id: str) -> web.Response:
        self._guard.disturb_poll()
        batch = self._get_batch(status_call, batch_id)
        now = self.clock.monotonic()
        age_s = min(self.switches.stale_age_s, now - batch.accepted_at)
        headers = {"Age": f"{age_s:.0f}"} if self.switches.stale_age_s else {}
        return self._reply(make_status(batch, self.switches, now - age_s), headers)

    def _get_batch(self, status_call: StatusCall, batch_id: str) -> Batch:
        batch = self._batches.find(batch_id)
        if batch is None or batch.operation not in status_call.operations:
            raise _not_found()
        visible_at = batch.accepted_at + self.switches.visible_after_s
        if self.clock.monotonic() < visible_at or self.strikes("forget_tickets"):
            raise _not_found()
        return batch

    def _reply(self, document: Any, headers: Mapping[str, str] | None = None) -> web.Response:
        text = self._guard.disturb_json(json.dumps(document))
        return web.json_response(text=text, headers=headers)

    def _run_item(self, batch: Batch, item: Json, ended_at: float) -> str | None:
        problem = self._execute(batch.operation, item)
        self.record(
            Execution(
                at=self.moment(ended_at),
                ticket=batch.id,
                item_id=get_name(item),
                method="POST",
                path=batch.operation.value,
                body=item,
                status=200 if problem is None else 400,
            )
        )
        return problem

    def _execute(self, operation: Operation, item: Json) -> str | None:
        """Execute an item; return why it failed, if it did."""
        if self.strikes("item_fails"):
            return "internal error"
        try:
            self._catalogue.apply(operation, item)
        except ItemError as error:
            return str(error)
        return None


def _check_method(request: web.Request, methods: Collection[str]) -> None:
    if request.method not in methods:
        message = f"Method {request.method} is not allowed here"
        raise AnswerError(405, make_error("METHOD_NOT_ALLOWED", message))


def _not_found() -> AnswerError:
    """Source: page "Check Batch Status", responses (404). Assumed: the code."""
    return AnswerError(404, make_error("RECORD_NOT_FOUND", "Record Not Found"))


def _nothing_there() -> AnswerError:
    return AnswerError(404, make_error("NOT_FOUND", "There is no such method"))

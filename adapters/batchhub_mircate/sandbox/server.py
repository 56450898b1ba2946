"""The stand-in itself: which call a request is, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Final

from aiohttp import web

from batchhub.models import BatchItem
from batchhub.sandbox import Batch, Batches, Call, Clock, Item, Sandbox, route
from batchhub_mircate.account import MircateAccount

from .calls import StatusCall, find_call, make_error, read_submission
from .catalogue import Catalogue, Json, Operation, get_name, make_demo_items
from .documents import make_status, make_submit_answer
from .switches import MircateSwitches

BUSY: Final = 570
"""Source: the platform's documents, instance busy: the call was not run, and may be repeated."""

_ERRORS: Final = {
    404: ("RECORD_NOT_FOUND", "Record Not Found"),
    405: ("METHOD_NOT_ALLOWED", "This method is not allowed here"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    BUSY: ("BUSY", "The instance is busy"),
}


class MircateSandbox(Sandbox):
    """
    One Mircate project on loopback, with its batch calls.

    Source: the vendor's page "Errors" (403, 429), page "Check Batch Status", responses (404),
    page "Receive Price", frequency, and the platform's documents (401, 570).
    Assumed: what limit there is, how long a block lasts, and that knocking does not
    prolong it; the bodies of 429 and 570 and the code of 404; whether batches run side by side.

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
        self._batches = Batches(self, self._run_item, make_id=self._make_id)

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

    def admits(self, call: Call) -> bool:
        """Assumed: a key opens one project, and of that one merchant's alone."""
        key, is_own = self.api_key, call.params["project"] == self.project_id
        operation = find_call(call, self.switches)
        if isinstance(operation, Operation):
            is_pim = operation is Operation.UPSERT
            own = self.project_id if is_pim else self.merchant_project_id
            key, is_own = self.submit_api_key, is_own and call.params["instance"] == own
        return is_own and call.headers.get("x-api-key") == key

    def error_body(self, status: int, message: str) -> Json:
        """Return the usual error body."""
        if status == self.switches.unauthorized_status:
            return {"code": "ACCESS_DENIED"}
        code, text = _ERRORS.get(status, ("INTERNAL", "Internal error"))
        return make_error(code, message or text)

    def find_verb(self, call: Call) -> str:
        """Return what a call is for; results come with the status of a batch that has ended."""
        found = find_call(call, self.switches)
        if not isinstance(found, StatusCall):
            return "submit" if found else ""
        batch = self._batches.find(call.params["instance"])
        return "results" if batch is not None and batch.has_ended else "poll"

    @route("*", "/{project}/CALL/{class_name}/{method_name}/{instance}", params=())
    def call(self, call: Call) -> Any:
        """Answer a call of a method: a submit, or a status call."""
        if self.strikes("busy_570"):
            self.note(call, "not executed")
            raise self.refuse(BUSY)
        found = find_call(call, self.switches)
        if found is None:
            raise self.refuse(404, "There is no such method")
        if call.method not in (found.methods if isinstance(found, StatusCall) else {"POST"}):
            raise self.refuse(405)
        if isinstance(found, StatusCall):
            return self._answer_status(found, call.params["instance"])
        return make_submit_answer(self._accept(found, call.body), self.switches.ids_form)

    def _accept(self, operation: Operation, body: bytes) -> Sequence[Batch]:
        """Take a request, and make one batch of it, or several if the switch says so."""
        found, gap_s = read_submission(body, self.switches.items_key)
        items = [Item(id=get_name(item), path=operation.value, body=item) for item in found]
        return [
            self._batches.add(
                Batch(items=part, about=operation, gap_s=gap_s, fails=self.strikes("batch_fails"))
            )
            for part in split_items(items, self.switches.ids_per_request)
        ]

    def _make_id(self) -> str:
        """
        Make the id of a batch.

        Source: the platform's documents on instance ids, what they never hold. Assumed: the
        form; that they may hold the rest of what a path must encode.
        """
        digits = self.make_id(104)
        if self.switches.odd_ids:
            return f"{digits[:8]}/{digits[8:16]} +&?=é{digits[16:]}"
        return digits

    def _answer_status(self, status_call: StatusCall, batch_id: str) -> web.Response:
        now, batch = self.clock.monotonic(), self._batches.get(batch_id)
        if (
            batch.about not in status_call.operations
            or now < batch.accepted_at + self.switches.visible_after_s
        ):
            raise self.refuse(404)
        age_s = min(self.switches.stale_age_s, now - batch.accepted_at)
        headers = {"Age": f"{age_s:.0f}"} if self.switches.stale_age_s else {}
        return web.json_response(make_status(batch, self.switches, now - age_s), headers=headers)

    def _run_item(self, batch: Batch, item: Item) -> None:
        self._catalogue.apply(batch.about, item.body)


def split_items(items: list[Item], parts: int) -> list[list[Item]]:
    """Split items into runs, none of them empty, whose lengths differ by at most 1."""
    parts = min(parts, len(items))
    bounds = [len(items) * part // parts for part in range(parts + 1)]
    return [items[begin:end] for begin, end in pairwise(bounds)]

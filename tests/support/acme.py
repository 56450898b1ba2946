"""A small stand-in: one POST, one GET, results in the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from batchhub.adapter import Account, Budget
from batchhub.models import BatchItem
from batchhub.sandbox import Batch, Call, Clock, Item, Sandbox, route


@frozen(kw_only=True)
class AcmeAccount(Account):
    adapter = "acme"
    customer: str
    token: str = field(repr=False)
    budget = Budget(requests=600, per_s=60.0)

    @property
    def identity(self) -> str:
        return self.customer


class AcmeSandbox(Sandbox):
    """Takes prices by sku; refuses those below zero."""

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        super().__init__(clock=clock, seed=seed)
        self.prices: dict[str, float] = {}

    def account(self, base_url: str) -> Account:
        return AcmeAccount(customer="c-17", token="acme-token", base_url=base_url)

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        return [BatchItem(payload={"sku": f"A-{n}", "price": n - 3}) for n in range(count)]

    def admits(self, call: Call) -> bool:
        return call.bearer == "acme-token"

    @route("POST", "/batches", verb="submit")
    def take(self, call: Call) -> dict[str, Any]:
        items = [Item(id=body["sku"], body=body) for body in call.json()]
        return {"id": self.batches.add(Batch(items=items), call.headers.get("Idempotency-Key")).id}

    @route("GET", "/batches/{id}", verb="poll")
    def show(self, call: Call) -> dict[str, Any]:
        batch = self.batches.get(call.params["id"])
        results = [{"sku": o.item.id, "code": o.status} for o in batch.outcomes.values()]
        return {"state": batch.stage, "progress": batch.progress, "results": results}

    def run_item(self, batch: Batch, item: Item) -> None:
        if item.body["price"] < 0:
            raise self.refuse(409, "The price is below zero")
        self.prices[item.body["sku"]] = item.body["price"]

"""What stands in for the vendor of `docs/declare-an-adapter.md`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from batchhub.adapter import Account
from batchhub.models import BatchItem
from batchhub.sandbox import Batch, Call, Item, Sandbox, Stage, route

ADDRESS: Final = "https://api.acme.example"
TOKEN: Final = "acme-token-1"
SHOP: Final = "s-17"


class DescribedVendor(Sandbox):
    """Takes prices by SKU, for one shop; refuses those that are not above zero."""

    def account(self, base_url: str) -> Account:
        raise NotImplementedError("its accounts are those of the description")

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        return [BatchItem(payload={"sku": f"A-{n}", "price": n - 3}) for n in range(count)]

    def admits(self, call: Call) -> bool:
        return call.bearer == TOKEN

    @route("GET", "/shops/{shop}")
    def show_shop(self, call: Call) -> dict[str, Any]:
        if call.params["shop"] != SHOP:
            raise self.refuse(404, f"there is no shop {call.params['shop']}")
        return {"shop": SHOP}

    @route("POST", "/shops/{shop}/batches", verb="submit")
    def take(self, call: Call) -> dict[str, Any]:
        items = [Item(id=body["sku"], body=body) for body in call.json()["items"]]
        return {"id": self.batches.add(Batch(items=items)).id}

    @route("GET", "/shops/{shop}/batches/{id}", verb="poll")
    def show(self, call: Call) -> dict[str, Any]:
        batch = self.batches.get(call.params["id"])
        results = [
            {"sku": each.item.id, "status": "error", "message": each.body["error"]}
            if each.failed
            else {"sku": each.item.id, "status": "ok"}
            for each in batch.outcomes.values()
        ]
        state = "done" if batch.stage is Stage.DONE else "running"
        return {"state": state, "done": len(results), "results": results}

    def run_item(self, batch: Batch, item: Item) -> None:
        if item.body["price"] <= 0:
            raise self.refuse(409, "the price is not above zero")


def make_quick() -> DescribedVendor:
    """Make one that takes its time for nothing."""
    sandbox = DescribedVendor()
    sandbox.set_switch("item_time_s", 0.0001)
    return sandbox

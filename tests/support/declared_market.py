"""A vendor whose adapter is a description: three shapes of operations, and all that can be said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from batchhub.adapter import Account, Adapter, declared
from batchhub.conformance import Kit
from batchhub.models import BatchItem
from batchhub.sandbox import Batch, Batches, Call, Clock, Item, Repeats, Sandbox, route

DESCRIPTION: Final = """
name = "market-file"

[account]
base_url = "https://api.market.example"
budget = { requests = 600, per_s = 60 }
fields.shop = { kind = "text", identity = true }
fields.token = { kind = "secret" }

[auth]
headers = { X-Token = "{token}" }

[states]
waiting = "queued"
busy = "in_progress"
ready = "completed"
stopped = "cancelled"
broken = "failed"

[probe]
request = "GET /{shop}"
expects = "shop"

[operations.prices]
max_items = 20
max_bytes = 100_000
tickets_per_lane = 3
key_field = "sku"
counts_items = true
dedup_window_s = 3600
fields = { price = "number", stock = "integer" }

[operations.prices.submit]
request = "PUT /{shop}/prices/{idempotency_key}"
items = "prices"
ref = "id"

[operations.prices.poll]
request = "POST /status"
body = { id = "{ref}" }
word = "state"
succeeded = "ok"
failed = "failed"

[operations.prices.results]
request = "GET /batches/{ref}/results"
list = "results"
key = "sku"
word = "code"
words = { 200 = "succeeded", 422 = "failed", 0 = "not_executed" }
code = "code"
message = "message"

[operations.prices.cancel]
request = "POST /batches/{ref}/stop"

[operations.texts]
max_items = 20
key_field = "sku"
may_repeat = true
refuses_repeat_s = 900

[operations.texts.submit]
request = "POST /texts"
ref = "id"
repeated = { status = 409 }

[operations.texts.poll]
request = "GET /texts/{ref}"
word = "state"
failed = "failures"

[operations.texts.results]
list = "errors"
position = "line"
first_position = 1
named = "failed"
rest = "succeeded"
message = "why"

[operations.images]
max_items = 20

[operations.images.submit]
request = "POST /images"
items = "images"

[operations.images.results]
list = "images"
in_order = true
word = "ok"
words = { true = "succeeded", false = "failed" }
"""

SLOTS: Final = 3
TOKEN: Final = "market-token-17"
WORDS: Final = {
    "queued": "waiting",
    "running": "busy",
    "done": "ready",
    "stopped": "stopped",
    "failed": "broken",
}


def describe() -> type[Adapter[Any]]:
    """Make the adapter."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "market.toml"
        file.write_text(DESCRIPTION)
        return declared(file)


MarketFileAdapter: Final = describe()


class MarketFileSandbox(Sandbox):
    """The market."""

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        super().__init__(clock=clock, seed=seed)
        self.made = Batches(self, self.run_item, dedup_s=3600.0)
        self.texts = Batches(self, self.run_item)
        self.repeats = Repeats(self, window_s=900.0, status=409)

    def account(self, base_url: str) -> Account:
        """Return the shop."""
        kind: Any = MarketFileAdapter.account_type
        account: Account = kind(shop="s-17", token=TOKEN, base_url=base_url)
        return account

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        """Return prices."""
        return MarketFileKit().good_items("prices", count)

    def admits(self, call: Call) -> bool:
        """Whether the token is right."""
        return call.headers.get("X-Token") == TOKEN

    def error_body(self, status: int, message: str) -> Any:
        """Return an error."""
        return {"code": status, "message": message}

    @route("GET", "/{shop}")
    def show_shop(self, call: Call) -> Any:
        """Say who asks."""
        return {"shop": call.params["shop"]}

    @route("PUT", "/{shop}/prices/{key}", verb="submit")
    def prices(self, call: Call) -> Any:
        """Take a batch under the client's name, once."""
        if sum(not batch.has_ended for batch in self.made) >= SLOTS:
            raise self.refuse(429, f"there are {SLOTS} batches of prices")
        batch = Batch(items=self.read(call.json()["prices"]))
        return {"id": self.made.add(batch, call.params["key"]).id}

    @route("POST", "/status", verb="poll")
    def show(self, call: Call) -> Any:
        """Show how far a batch is."""
        batch = self.made.get(call.json()["id"])
        failed = sum(outcome.failed for outcome in batch.outcomes.values())
        state, ok = WORDS[batch.stage], len(batch.outcomes) - failed
        return {"id": batch.id, "state": state, "ok": ok, "failed": failed}

    @route("GET", "/batches/{id}/results", verb="results")
    def results(self, call: Call) -> Any:
        """Show what came of a batch's items."""
        batch = self.made.get(call.params["id"])
        return {"results": [self.tell(batch, place) for place in range(len(batch.items))]}

    def tell(self, batch: Batch, place: int) -> Any:
        """Return what came of an item; its code is 0 if it did not run."""
        outcome = batch.outcomes.get(place)
        told = {"code": 0} if outcome is None else {"code": outcome.status, **(outcome.body or {})}
        return {"sku": batch.items[place].id, **told}

    @route("POST", "/batches/{id}/stop", verb="cancel")
    def stop(self, call: Call) -> Any:
        """Stop a batch."""
        return {"stopped": self.made.stop(self.made.get(call.params["id"]))}

    @route("POST", "/texts", verb="submit")
    def take_texts(self, call: Call) -> Any:
        """Take texts, unless it had the same a while ago."""
        self.repeats.check(call.body)
        return {"id": self.texts.add(Batch(items=self.read(call.json()))).id}

    @route("GET", "/texts/{id}", verb="poll")
    def show_texts(self, call: Call) -> Any:
        """Name failures only."""
        batch = self.texts.get(call.params["id"])
        errors = [
            {"line": place + 1, "why": outcome.body["message"]}
            for place, outcome in batch.outcomes.items()
            if outcome.failed
        ]
        return {"state": WORDS[batch.stage], "failures": len(errors), "errors": errors}

    @route("POST", "/images", verb="submit")
    def take_images(self, call: Call) -> Any:
        """Run images now."""
        batch = self.batches.run_now(Batch(items=self.read(call.json()["images"])))
        return {"images": [{"ok": not each.failed} for each in batch.outcomes.values()]}

    def read(self, bodies: Sequence[Any]) -> list[Item]:
        """Read items."""
        return [Item(id=body["sku"], body=body) for body in bodies]

    def run_item(self, batch: Batch, item: Item) -> Any:
        """Set a price."""
        if item.body["price"] < 0:
            raise self.refuse(422, "the price is below zero")
        return {}


class MarketFileKit(Kit):
    """What the suite has to know of it."""

    adapter = MarketFileAdapter

    def make_sandbox(self, clock: Clock) -> Sandbox:
        """Return a market."""
        return MarketFileSandbox(clock=clock)

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return prices."""
        return [BatchItem(payload={"sku": f"A-{n}", "price": n, "stock": n}) for n in range(count)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return prices below zero."""
        return [BatchItem(payload={"sku": f"B-{n}", "price": -1}) for n in range(count)]

    def name(self, operation: str, item: BatchItem) -> str:
        """Return what names it at the vendor."""
        return str(item.payload["sku"])

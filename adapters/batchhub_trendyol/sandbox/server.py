"""The stand-in itself: which call a request is, and what it is answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import ClassVar, Final

from batchhub.adapter import Account
from batchhub.models import BatchItem
from batchhub.sandbox import (
    Batch,
    Batches,
    Call,
    Clock,
    Item,
    RateLimit,
    Repeats,
    Sandbox,
    route,
)

from .products import (
    NUMBERS,
    Json,
    find_reason,
    is_item,
    make_barcode,
    make_content,
    make_demo_items,
    make_product,
)
from .report import Reporter
from .switches import TrendyolSwitches

MAX_ITEMS: Final = 1000
"""Source: page "Stok ve Fiyat Güncelleme", and its reference, `maxItems`."""

MAX_PAGE: Final = 100
"""Source: reference of filterApprovedProducts. Assumed: so many unless asked."""

REPEAT_WINDOW_S: Final = 900.0
"""Source: page "Stok ve Fiyat Güncelleme", repeated requests. Assumed: bytes are compared."""

REPEATED: Final = "15 dakika boyunca aynı isteği tekrarlı olarak atamazsınız!"  # noqa: RUF001  # Turkish
"""Source: the same. Assumed: 400; it is the only refusal of a body that the reference lists."""

_USER_AGENT: Final = re.compile(r"(\d+) - [A-Za-z0-9 ]{1,30}")
"""Source: page "2. Authorization": the seller's id and the integrator's name."""


class TrendyolSandbox(Sandbox):
    """
    One seller at Trendyol on loopback, with the price and stock update.

    Source: reference of updatePriceAndInventory, paths and errors (the seller's id, the key and
    the secret are wrong alike: 401); page "2. Authorization" (Basic, 403 without User-Agent, 50
    requests in 10 seconds to one endpoint); page "1. Servis Limitleri" (350 updates and 1,000
    reads a minute at the lowest tier, which 50 in 10 seconds never reach; 30 price updates of a
    barcode a minute). Assumed: the keys of errors; that 429 has no Retry-After; what the report
    holds of items that have not ended.

    Args:
        seller_id: The id of the seller.
        api_key: The name of the login.
        api_secret: Its password.
        products: How many products it begins with; their barcodes are ``8680000000001`` and up.
        clock: Where the time comes from; the machine's own by default.
        seed: Makes ids, and all that is left to chance, come out the same again.
    """

    switches_type: ClassVar[type[TrendyolSwitches]] = TrendyolSwitches
    switches: TrendyolSwitches

    def __init__(
        self,
        *,
        seller_id: int = 1234,
        api_key: str = "trendyol-sandbox-key",
        api_secret: str = "trendyol-sandbox-secret",  # noqa: S107  # opens nothing but this sandbox
        products: int = 2000,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.seller_id = seller_id
        self.api_key = api_key
        self.api_secret = api_secret
        self.products = products
        numbers = range(1, products + 1)
        self._products = {make_barcode(number): make_product(number) for number in numbers}
        self._batches = Batches(self, self._run_item, make_id=self._make_id)
        self._repeats = Repeats(self, window_s=REPEAT_WINDOW_S, message=REPEATED)
        self._reporter = Reporter(self, self.switches)
        self._price_updates: dict[str, RateLimit] = {}
        for name in ("inventory", "batches", "products"):
            self.rates[name] = RateLimit(requests=50, per_s=10.0)

    def account(self, base_url: str) -> Account:
        """Return the account of this seller."""
        # Its class is made when the adapter's description is read.
        account: Account = import_module("batchhub_trendyol").TrendyolAdapter.account_type(
            seller_id=self.seller_id,
            api_key=self.api_key,
            api_secret=self.api_secret,
            base_url=base_url,
        )
        return account

    def demo_items(self, count: int) -> Iterator[BatchItem]:
        """Return `count` new prices and stocks of products; one in 25 fails."""
        return make_demo_items(count, products=self.products)

    def find_product(self, barcode: str) -> Json | None:
        """Return a copy of a product as it is now, if there is one."""
        self.catch_up()
        found = self._products.get(barcode)
        return None if found is None else dict(found)

    def admits(self, call: Call) -> bool:
        """Whether the login is right, and for this seller."""
        # Limits follow their switches, which may be changed at any time.
        for limit in self.rates.values():
            limit.requests = self.switches.requests_per_10_s
            limit.sends_retry_after = self.switches.retry_after
        agent = call.headers.get("User-Agent", "")
        named = _USER_AGENT.fullmatch(agent)
        is_strict = self.switches.strict_user_agent
        if not agent or (is_strict and (named is None or named[1] != call.params["seller_id"])):
            raise self.refuse(403, "User-Agent is missing")
        is_own = call.params["seller_id"] == str(self.seller_id)
        return is_own and call.basic == (self.api_key, self.api_secret)

    def error_body(self, status: int, message: str) -> Json:
        """
        Return the vendor's error body.

        Source: page "2. Authorization" (401, 429), reference, ErrorResponse. Assumed: the keys.
        """
        if status == self.switches.unauthorized_status:
            return {"status": status, "exception": "ClientApiAuthenticationException"}
        keys = {400: "bad.request", 404: "not.found", 429: "too.many.requests"}
        key = keys.get(status, "internal.error")
        return {"errors": [{"key": key, "message": message or key, "errorCode": str(status)}]}

    @route(
        "POST",
        "/integration/inventory/sellers/{seller_id}/products/price-and-inventory",
        verb="submit",
        rate="inventory",
        params=(),
    )
    def update(self, call: Call) -> Json:
        """
        Take price and stock updates.

        Source: reference of updatePriceAndInventory. Assumed: a body that isn't of its schema is
        refused whole; a refused one is not remembered as a repeated one.
        """
        items = self._read_items(call)
        if self.switches.refuses_repeats:
            self._repeats.check(call.body)
        batch = Batch(items=items, about=self._count_prices(items))
        return {"batchRequestId": self._batches.add(batch).id}

    @route(
        "GET",
        "/integration/product/sellers/{seller_id}/products/batch-requests/{batch_id}",
        verb="poll",
        rate="batches",
        params=(),
    )
    def show(self, call: Call) -> Json:
        """Return the report of a batch, as far as it is."""
        batch = self._batches.get(call.params["batch_id"])
        if self.clock.monotonic() < batch.accepted_at + self.switches.visible_after_s:
            raise self.refuse(404)
        return self._reporter.make_report(batch)

    @route(
        "GET",
        "/integration/product/sellers/{seller_id}/products/approved",
        verb="list",
        rate="products",
        params=("page", "size"),
    )
    def list_products(self, call: Call) -> Json:
        """
        Return a page of products.

        Source: reference of filterApprovedProducts (read 2026-11-29), `page` and `size`. Assumed:
        each product has one variant; of the other parameters none is known.
        """
        size = call.number("size", MAX_PAGE)
        if not 1 <= size <= MAX_PAGE:
            raise self.refuse(400, f"size must be between 1 and {MAX_PAGE}")
        page, found = call.number("page", 0), [*self._products.items()]
        return {
            "totalElements": len(found),
            "totalPages": -(-len(found) // size),
            "page": page,
            "size": size,
            "content": [make_content(*each) for each in found[page * size : (page + 1) * size]],
        }

    def _read_items(self, call: Call) -> list[Item]:
        if call.content_type != "application/json":
            raise self.refuse(415)
        document = call.json()
        entries = document.get("items") if isinstance(document, dict) else None
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ITEMS:
            raise self.refuse(400, f"items must hold 1 to {MAX_ITEMS} entries")
        for index, entry in enumerate(entries):
            if not is_item(entry):
                raise self.refuse(400, f"items[{index}] is not valid")
            reason = find_reason(entry)
            if reason and self.switches.early_checks:
                raise self.refuse(400, f"items[{index}]: {reason}")
        return [Item(id=entry["barcode"], method="POST", body=entry) for entry in entries]

    def _count_prices(self, items: Iterable[Item]) -> frozenset[str]:
        """Count the price updates of this request; return the barcodes that had too many."""
        now, too_many = self.clock.monotonic(), set()
        for item in items:
            if not item.body.keys() & {"salePrice", "listPrice"}:
                continue
            limit = self._price_updates.setdefault(str(item.id), RateLimit(requests=30, per_s=60.0))
            limit.requests = self.switches.price_updates_per_minute
            if not limit.passes(now):
                too_many.add(str(item.id))
        return frozenset(too_many)

    def _run_item(self, batch: Batch, item: Item) -> None:
        reason = find_reason(item.body)
        product = self._products.get(str(item.id))
        if product is None:
            reason = "no product has this barcode"
        elif item.id in batch.about:
            reason = "too many price updates of this barcode"
        if reason or product is None:
            raise self.refuse(400, reason)
        product |= {name: item.body[name] for name in NUMBERS if item.body.get(name) is not None}

    def _make_id(self) -> str:
        """Source: page "Stok ve Fiyat Güncelleme", answer: a UUID and the seconds since 1970."""
        digits = self.make_id(128)
        parts = [digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]]
        return "-".join([*parts, f"{self.clock.now().timestamp():.0f}"])

"""A shop's products and their variations in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from batchhub.models import BatchItem
from batchhub.sandbox import demo_turns

from .answers import Json, fail
from .switches import WooCommerceSwitches

VARIABLE: Final = 1_000_000
"""The ids of products with variations are above this."""

VARIATIONS: Final = 10
"""How many variations such a product has; their ids are its own, times ten, and up."""

_PRICES: Final = ("regular_price", "sale_price")
_TRUE: Final = (True, 1, "yes", "true", "1")
_NUMBER: Final = re.compile(r"\s*[+-]?\d+")


class Store:
    """
    The products of one shop.

    Source: code, the controllers of products and of variations. Assumed: a product is no
    variation for the controller of variations.

    Args:
        switches: What is assumed of it.
        products: How many simple products it begins with; their ids are 1 and up. For each ten
            there is one with variations, see `VARIABLE`.
    """

    def __init__(self, switches: WooCommerceSwitches, products: int) -> None:
        self._switches = switches
        self._entities: dict[int, Json] = {}
        self._skus: dict[str, int] = {}
        for number in range(1, products + 1):
            self._put(make_entity(number))
        for number in range(1, products // 10 + 2):
            self._put(make_entity(VARIABLE + number, type="variable", regular_price="", price=""))
            for place in range(VARIATIONS):
                number_of = (VARIABLE + number) * 10 + place
                self._put(make_entity(number_of, type="variation", parent_id=VARIABLE + number))
        self._last_id = 100_000_000

    def __iter__(self) -> Iterator[Json]:
        """Yield the products, without their variations, the newest first."""
        return reversed([e for e in self._entities.values() if e["type"] != "variation"])

    def find(self, number: int) -> Json | None:
        """Return a product or a variation as it is now, if there is one."""
        return self._entities.get(number)

    def execute(self, method: str, body: Any, parent: int | None) -> Json:
        """
        Create, update or delete one.

        Args:
            method: POST, PUT or DELETE.
            body: Its fields; its id, if it is to be deleted.
            parent: The product it is a variation of; `None` for a product.

        Returns:
            It as it is then, or was last.

        Raises:
            AnswerError: It is refused.
        """
        match method:
            case "POST":
                return self._create(body, parent)
            case "PUT":
                return self._update(body, parent)
        return self._delete(to_int(body), parent)

    def _create(self, body: Mapping[str, Any], parent: int | None) -> Json:
        kind = name_of(parent)
        if body.get("id"):
            raise fail(f"woocommerce_rest_{kind}_exists", f"Cannot create existing {kind}.", 400)
        number = self._last_id + 1
        # A new one has no price, and counts no stock unless it says so.
        blank = {"sku": "", "name": "", "regular_price": "", "stock_quantity": None}
        entity = make_entity(number, **blank, manage_stock=False)
        if parent is not None:
            entity |= {"type": "variation", "parent_id": parent}
        self._change(entity, body)
        self._last_id = number
        return self._put(entity)

    def _update(self, body: Mapping[str, Any], parent: int | None) -> Json:
        entity = self._get(to_int(body.get("id")), parent, 400)
        entity = {**entity}
        if parent is not None:
            # Not checked: a variation of another product becomes one of this.
            entity["parent_id"] = parent
        self._change(entity, body)
        return self._put(entity)

    def _delete(self, number: int, parent: int | None) -> Json:
        entity = self._remove(self._get(number, parent, 404))
        if entity["type"] == "variable":
            for child in [e for e in self._entities.values() if e["parent_id"] == number]:
                self._remove(child)
        return entity

    def _get(self, number: int, parent: int | None, status: int) -> Json:
        found = self._entities.get(number)
        is_variation = found is not None and found["type"] == "variation"
        if found is None or (parent is not None and not is_variation):
            raise fail(f"woocommerce_rest_{name_of(parent)}_invalid_id", "Invalid ID.", status)
        if parent is None and is_variation:
            message = (
                "To manipulate product variations you should use the "
                "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
            )
            raise fail("woocommerce_rest_invalid_product_id", message, 404)
        return found

    def _change(self, entity: Json, body: Mapping[str, Any]) -> None:
        """Take over what was sent, as the setters of a product do; `null` is not taken."""
        sent = {name: value for name, value in body.items() if value is not None and name != "id"}
        if "sku" in sent:
            sent["sku"] = str(sent["sku"])
            self._check_sku(entity, sent["sku"])
        for name in _PRICES:
            if name in sent:
                sent[name] = self._read_price(name, sent[name])
        if "manage_stock" in sent:
            sent["manage_stock"] = sent["manage_stock"] in _TRUE
        stock = sent.pop("stock_quantity", None)
        kept = {"parent_id": entity["parent_id"]}
        if entity["type"] == "variation":
            kept["type"] = "variation"
        entity |= {**sent, **kept}
        if not entity["manage_stock"]:
            # Silently: a stock is only kept where stock is managed.
            entity["stock_quantity"] = None
        elif stock is not None:
            entity["stock_quantity"] = to_int(stock)
        entity["price"] = entity["sale_price"] or entity["regular_price"]

    def _check_sku(self, entity: Json, sku: str) -> None:
        """Source: code, `WC_Product::set_sku`."""
        other = self._skus.get(sku, entity["id"])
        if other != entity["id"]:
            unique = {"resource_id": other, "unique_sku": f"{sku}-1"}
            raise fail("product_invalid_sku", "Invalid or duplicated SKU.", 400, **unique)

    def _read_price(self, name: str, value: Any) -> str:
        """
        Read a price.

        Source: documents, product properties: a price is a text; code, `wc_format_decimal`:
        what is no figure of it is dropped. Assumed: a number is refused; today's code does not.
        """
        if self._switches.strict_prices and not isinstance(value, str):
            raise fail("rest_invalid_param", f"{name} is not of type string.", 400)
        return re.sub(r"[^\d.-]", "", str(value).replace(",", "."))

    def _put(self, entity: Json) -> Json:
        before = self._entities.get(entity["id"])
        if before is not None:
            self._skus.pop(before["sku"], None)
        self._entities[entity["id"]] = entity
        if entity["sku"]:
            self._skus[entity["sku"]] = entity["id"]
        return entity

    def _remove(self, entity: Json) -> Json:
        self._skus.pop(entity["sku"], None)
        return self._entities.pop(entity["id"])


def to_int(value: Any) -> int:
    """Convert as PHP's ``(int)`` does: a list that holds anything is 1, a text its first digits."""
    if isinstance(value, str):
        found = _NUMBER.match(value)
        return int(found[0]) if found else 0
    if isinstance(value, list | dict):
        return int(bool(value))
    return int(value or 0)


def name_of(parent: int | None) -> str:
    """Return what the codes of errors call it."""
    return "product" if parent is None else "product_variation"


def make_entity(number: int, **fields: Any) -> Json:
    """Return a simple product as it is at first, with some fields of its own."""
    price = f"{4.99 + number % VARIABLE / 100:.2f}"
    return {
        "id": number,
        "name": f"Product {number}",
        "type": "simple",
        "status": "publish",
        "sku": f"W-{number}",
        "price": price,
        "regular_price": price,
        "sale_price": "",
        "manage_stock": True,
        "stock_quantity": 10,
        "stock_status": "instock",
        "parent_id": 0,
        **fields,
    }


def make_demo_items(count: int, *, products: int) -> Iterator[BatchItem]:
    """
    Make price and stock updates; one in 25 fails, in turn for one of two reasons.

    Args:
        count: How many. No product comes twice, so that more than `products` of them fail
            for want of a product.
        products: How many products there are.
    """
    for index, turn in demo_turns(count):
        payload: Json = {
            "id": index + 1,
            "regular_price": round(9.9 + index / 100, 2),
            "stock_quantity": 1 + index % 500,
        }
        if turn is not None:
            payload |= _spoil(turn, products)
        yield BatchItem(id=f"price-{index + 1}", payload=payload)


def _spoil(turn: int, products: int) -> Json:
    """Make an unknown product, or a SKU that another one has."""
    return {"sku": "W-1"} if turn % 2 else {"id": products + 500_000 + turn}

"""A small store in memory: products that can be changed, a few orders, a profile."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, Item, demo_turns, read_json, read_number

from .calls import make_error

PAGE_SIZE: Final = 100
"""Assumed: the most entities of one page, and how many it has unless asked."""

_FILTERS: Final = ("sku", "email", "paymentStatus", "fulfillmentStatus")


class Store:
    """
    The entities of one store.

    Args:
        store_id: Its number.
        products: How many products it begins with; their ids are 1 and up.
    """

    def __init__(self, *, store_id: int, products: int) -> None:
        self._store_id = store_id
        self._products = {number: _make_product(number) for number in range(1, products + 1)}
        self._last_product_id = products
        data = files(__package__).joinpath("data/orders.json").read_bytes()
        self._orders: list[dict[str, Any]] = json.loads(data)

    def execute(self, item: Item) -> dict[str, Any]:
        """
        Execute one request, and return what it is answered.

        Args:
            item: Its path and query are below the store's own path, with or without a leading
                slash, and encoded as a form is: ``+`` is a space.

        Raises:
            AnswerError: It is refused.
        """
        bare, _, query_text = item.path.partition("?")
        segments = [unquote_plus(segment) for segment in bare.strip("/").split("/")]
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        return self._dispatch(item.method, segments, query, item.body)

    def _dispatch(
        self, method: str, segments: list[str], query: Mapping[str, str], body: Any
    ) -> dict[str, Any]:
        match method, segments:
            case "GET", ["products"]:
                return _search(self._products.values(), query)
            case "POST", ["products"]:
                return self._create_product(body)
            case _, ["products", text]:
                return self._handle_product(method, text, body)
            case "GET", ["orders"]:
                return _search(self._orders, query)
            case "GET", ["orders", text]:
                return self._get_order(text)
            case "GET", ["profile"]:
                return _make_profile(self._store_id)
            case _, ["products" | "orders" | "profile"] | ["orders", _]:
                raise _not_allowed(method)
        raise _refuse(404, f"There is nothing at {'/'.join(segments)}")

    def _handle_product(self, method: str, text: str, body: Any) -> dict[str, Any]:
        number = int(text) if text.isascii() and text.isdecimal() else 0
        product = self._products.get(number)
        if product is None:
            raise _refuse(404, f"Product with id {text} is not found", "PRODUCT_NOT_FOUND")
        if method == "GET":
            return dict(product)
        if method == "PUT":
            product.update(_check_product(body), id=number)
            return {"updateCount": 1}
        if method == "DELETE":
            del self._products[number]
            return {"deleteCount": 1}
        raise _not_allowed(method)

    def _create_product(self, body: Any) -> dict[str, Any]:
        fields = _check_product(body)
        if not fields.get("name"):
            raise _refuse(400, "Product.name is missing", "MISSING_VALUE")
        sku = fields.get("sku")
        if sku is not None and any(sku == other["sku"] for other in self._products.values()):
            raise _refuse(409, f"There is a product with the sku {sku}", "SKU_ALREADY_EXISTS")
        self._last_product_id = number = self._last_product_id + 1
        self._products[number] = {**_make_product(number), **fields, "id": number}
        return {"id": number}

    def _get_order(self, text: str) -> dict[str, Any]:
        for order in self._orders:
            # The order of 2019 has no id; it is known by its numbers.
            names = (order.get(key) for key in ("id", "vendorOrderNumber", "orderNumber"))
            if text in {str(name) for name in names if name is not None}:
                return dict(order)
        raise _refuse(404, f"Order {text} is not found", "ORDER_NOT_FOUND")


def make_demo_items(count: int, *, products: int) -> Iterator[BatchItem]:
    """
    Make price updates; one in 25 fails, in turn for one of three reasons.

    Args:
        count: How many.
        products: How many products there are.
    """
    for index, turn in demo_turns(count):
        number = 1 + index % max(1, products)
        price: Any = round(9.9 + index / 100, 2)
        if turn is not None:
            number, price = _spoil(turn, number, price, products)
        yield BatchItem(
            id=f"price-{index + 1}",
            payload={"method": "PUT", "path": f"/products/{number}", "body": {"price": price}},
        )


def _check_product(body: Any) -> dict[str, Any]:
    """
    Check the fields of a product that have a type here; others are kept as they come.

    Assumed: a value of a wrong type is answered 400, one that may not be 409.
    """
    if isinstance(body, str):
        # The documents call the body of an item a string, but clients send an object.
        with suppress(ValueError):
            body = read_json(body)
    if not isinstance(body, dict):
        raise _refuse(400, "The body must be a JSON object", "WRONG_BODY")
    for name in ("price", "compareToPrice"):
        if name in body:
            _check_price(name, body[name])
    return body


def _check_price(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value == math.inf:
        raise _refuse(400, f"Product.{name} must be a number", "WRONG_VALUE")
    if value < 0:
        raise _refuse(409, f"Product.{name} can't be negative", "WRONG_VALUE")


def _search(entities: Iterable[Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    try:
        limit = min(read_number(query, "limit", PAGE_SIZE), PAGE_SIZE)
        offset = read_number(query, "offset", 0)
    except ValueError as error:
        raise _refuse(400, str(error)) from None
    wanted = {name: query[name].split(",") for name in _FILTERS if name in query}
    found = [
        entity
        for entity in entities
        if all(str(entity.get(name)) in values for name, values in wanted.items())
    ]
    page = found[offset : offset + limit]
    paging = {"total": len(found), "count": len(page), "offset": offset, "limit": limit}
    return {**paging, "items": page}


def _refuse(status: int, message: str, code: str | None = None) -> AnswerError:
    return AnswerError(status, make_error(message, code))


def _not_allowed(method: str) -> AnswerError:
    return _refuse(405, f"Method {method} is not allowed here")


def _make_product(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "sku": f"SKU-{number}",
        "name": f"Product {number}",
        "price": round(4.99 + number / 100, 2),
        "quantity": 10,
        "enabled": True,
    }


def _make_profile(store_id: int) -> dict[str, Any]:
    return {
        "generalInfo": {"storeId": store_id, "storeUrl": f"https://store{store_id}.example"},
        "account": {"accountName": "Sandbox", "accountEmail": "owner@example.com"},
        "settings": {"closed": False, "storeName": "Sandbox"},
        "formatsAndUnits": {"currency": "EUR", "weightUnit": "KILOGRAM", "timezone": "UTC"},
        "languages": {"enabledLanguages": ["en"], "defaultLanguage": "en"},
    }


def _spoil(turn: int, number: int, price: float, products: int) -> tuple[int, Any]:
    """Make an unknown product, a price that is no number, or a negative one."""
    return [
        (products + 1_000_000 + turn, price),
        (number, "on request"),
        (number, -price),
    ][turn % 3]

"""A store: products, orders, customers and categories that can be read, searched and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from batchhub.sandbox import Item

from . import products
from .errors import not_allowed, not_found, refuse
from .fields import project
from .kinds import Kind, make_kinds
from .parameters import Read, flag, read_query, response_fields, text
from .switches import EcwidSwitches
from .variations import Variations

PAGE_SIZE: Final = 100
"""Source: the vendor's documents of 2020, `limit`: the most entities of a page, and how many it
has unless asked."""

_WRITE: Final[Mapping[str, Read]] = {
    "lang": text,
    "checkLowStockNotification": flag,
    "rebuildVariationsOnOptionsUpdate": flag,
    "keepOptionDisplaySettings": flag,
    "disableAllCustomerNotifications": flag,
}
"""Source: the vendor's Java client, `ProductUpdateRequest`."""

_PROFILE: Final[Mapping[str, Read]] = {
    "lang": text,
    "showExtendedInfo": flag,
    "responseFields": response_fields(
        ("generalInfo", "account", "settings", "formatsAndUnits", "languages")
    ),
}


class Store:
    """
    The entities of one store.

    Args:
        store_id: Its number.
        switches: How many entities it has, and whether it refuses what it doesn't know.
        now: Returns the time, as seconds since 1970.
    """

    def __init__(self, *, store_id: int, switches: EcwidSwitches, now: Callable[[], int]) -> None:
        self._store_id = store_id
        self._switches = switches
        self._now = now
        self._kinds = make_kinds(switches, f"https://store{store_id}.example")
        self._products = self._kinds["products"].collection
        self._variations = Variations(self._products, switches)
        # The SKUs that were given to products and variations, and the products that got them.
        self._skus: dict[str, set[int]] = {}

    def execute(self, item: Item) -> Any:
        """
        Execute one request, and return what it is answered.

        Args:
            item: Its path and query are below the store's own path, with or without a leading
                slash, and encoded as a form is: ``+`` is a space.

        Raises:
            AnswerError: It is refused.
        """
        bare, _, query = item.path.partition("?")
        segments = bare.strip("/").split("/")
        if "%" in bare or "+" in bare:
            segments = [unquote_plus(segment) for segment in segments]
        kind = self._kinds.get(segments[0])
        match segments:
            case [_] if kind is not None:
                return self._handle_all(kind, item.method, query, item.body)
            case [_, name] if kind is not None:
                return self._handle_one(kind, item.method, name, query, item.body)
            case ["profile"]:
                return self._read_profile(item.method, query)
            case ["products", _, "combinations" | "inventory", *_]:
                self._read(query, _WRITE, f"{item.method} /products/…/{segments[2]}")
                return self._handle_part(item.method, segments, item.body)
        raise refuse(404, f"There is nothing at /{'/'.join(segments)[:100]}", "WRONG_URL")

    def _handle_all(self, kind: Kind, method: str, query: str, body: Any) -> dict[str, Any]:
        if method == "GET":
            return self._search(kind, self._read(query, kind.search, f"GET /{kind.path}"))
        if method == "POST":
            self._read(query, _WRITE, f"POST /{kind.path}")
            return self._create(kind, body)
        raise not_allowed(method)

    def _handle_one(
        self, kind: Kind, method: str, name: str, query: str, body: Any
    ) -> dict[str, Any]:
        number = kind.find_number(name)
        if number is not None and number not in kind.collection:
            number = None
        if method == "GET":
            wanted = self._read(query, kind.details, f"GET /{kind.path}/…")
            entity = kind.complete(kind.collection.get(_there(kind, name, number)))
            fields = wanted.get("responseFields")
            return project(entity, fields) if fields else entity
        if query:
            self._read(query, _WRITE, f"{method} /{kind.path}/…")
        if method == "PUT":
            return self._change(kind, _there(kind, name, number), body)
        if method == "DELETE":
            if number is None and not kind.says_zero:
                raise not_found(kind.fields.entity, name)
            is_gone = number is not None and kind.collection.remove(number)
            return {"deleteCount": int(is_gone)}
        raise not_allowed(method)

    def _change(self, kind: Kind, number: int, body: Any) -> dict[str, Any]:
        fields = kind.fields.read(body, strict=self._switches.strict)
        if kind.collection is self._products and fields.get("sku") is not None:
            self._take_sku(fields["sku"], number)
        if kind.path in {"products", "orders"}:
            fields = {**fields, "updateTimestamp": self._now()}
        if kind.path == "orders":
            fields["updateDate"] = products.show_time(fields["updateTimestamp"])
        kind.collection.change(number, fields)
        return {"updateCount": 1}

    def _create(self, kind: Kind, body: Any) -> dict[str, Any]:
        fields = kind.fields.read(body, strict=self._switches.strict)
        if not fields.get(kind.required):
            raise kind.fields.missing(kind.required)
        if kind.collection is not self._products:
            made = kind.collection.get(kind.collection.add(fields))
            if kind.path == "orders":
                # Source: the vendor's Order page and its clients, the answer to a new order.
                return {"id": made["orderNumber"], "orderid": made["id"]}
            return {"id": made["id"]}
        self._find_free(fields.get("sku"))
        now = self._now()
        number = kind.collection.add(fields | {"createTimestamp": now, "updateTimestamp": now})
        if fields.get("sku") is not None:
            self._note_sku(fields["sku"], number)
        return {"id": number}

    def _take_sku(self, sku: str, number: int) -> None:
        self._find_free(sku, number)
        self._note_sku(sku, number)

    def _note_sku(self, sku: str, number: int) -> None:
        self._skus.setdefault(sku, set()).add(number)

    def _find_free(self, sku: str | None, number: int | None = None) -> None:
        """
        Refuse a SKU that another product has.

        Source: the vendor's document "Products" of 2020, HTTP codes (409).
        """
        if sku is not None and not {number}.issuperset(self._find_sku(sku)):
            raise refuse(409, f"There is a product with the sku {sku}", "SKU_ALREADY_EXISTS")

    def _find_sku(self, sku: str) -> list[int]:
        """Return the numbers of the products that have a SKU, or a variation with it."""
        made = products.find_number(sku)
        numbers = self._skus.get(sku, set()) | ({made} if made is not None else set())
        return [n for n in sorted(numbers) if n in self._products and self._has_sku(n, sku)]

    def _has_sku(self, number: int, sku: str) -> bool:
        found = self._products.get(number)
        variations = found.get("combinations") or ()
        return sku in {found["sku"], *(each.get("sku") for each in variations)}

    def _search(self, kind: Kind, query: Mapping[str, Any]) -> dict[str, Any]:
        found = self._find(kind, query)
        limit = min(query.get("limit", PAGE_SIZE), PAGE_SIZE)
        offset = query.get("offset", 0)
        items = [
            kind.complete(kind.collection.get(number)) for number in found[offset : offset + limit]
        ]
        answer = {
            "total": len(found),
            "count": len(items),
            "offset": offset,
            "limit": limit,
            "items": items,
        }
        wanted = query.get("responseFields")
        return project(answer, wanted) if wanted else answer

    def _find(self, kind: Kind, query: Mapping[str, Any]) -> Any:
        """
        Find what a search is for.

        Source: the vendor's document "Products" of 2020, `productId` and `sku`: other parameters
        are ignored besides them.
        """
        if kind.collection is self._products and "productId" in query:
            return [number for number in sorted(query["productId"]) if number in self._products]
        if kind.collection is self._products and "sku" in query:
            return self._find_sku(query["sku"])
        paging = ("offset", "limit", "responseFields")
        filters = {name: value for name, value in query.items() if name not in paging}
        matches = kind.matches(filters)
        order = kind.order(filters) if kind.order else None
        return kind.collection.find(tuple(filters.items()), matches, order)

    def _handle_part(self, method: str, segments: list[str], body: Any) -> Any:
        kind = self._kinds["products"]
        number = kind.find_number(segments[1])
        if number is None or number not in self._products:
            raise not_found(kind.fields.entity, segments[1])
        answer = self._variations.handle(method, number, segments[2:], body)
        # Assumed: a variation may have the SKU of another one; only that of a product is refused.
        if segments[2] == "combinations" and method in {"POST", "PUT"}:
            for each in self._products.get(number).get("combinations") or ():
                if each.get("sku"):
                    self._note_sku(each["sku"], number)
        return answer

    def _read_profile(self, method: str, query: str) -> dict[str, Any]:
        if method != "GET":
            raise not_allowed(method)
        fields = self._read(query, _PROFILE, "GET /profile").get("responseFields")
        profile = _make_profile(self._store_id)
        return project(profile, fields) if fields else profile

    def _read(self, query: str, known: Mapping[str, Read], place: str) -> dict[str, Any]:
        if not query:
            return {}
        return read_query(query, known, place=place, strict=self._switches.strict)


def _there(kind: Kind, name: str, number: int | None) -> int:
    if number is None:
        raise not_found(kind.fields.entity, name)
    return number


def _make_profile(store_id: int) -> dict[str, Any]:
    return {
        "generalInfo": {"storeId": store_id, "storeUrl": f"https://store{store_id}.example"},
        "account": {"accountName": "Sandbox", "accountEmail": "owner@example.com"},
        "settings": {"closed": False, "storeName": "Sandbox"},
        "formatsAndUnits": {"currency": "EUR", "weightUnit": "KILOGRAM", "timezone": "UTC"},
        "languages": {"enabledLanguages": ["en"], "defaultLanguage": "en"},
    }

"""What is below a product's path: its variations, and its stock and theirs."""

from __future__ import annotations

from typing import Any

from .collection import Collection, Entity
from .errors import not_allowed, refuse
from .fields import Fields
from .products import INVENTORY, VARIATION
from .switches import EcwidSwitches

_FACTOR = 100


class Variations:
    """
    Answers what is asked about the parts of a product.

    Source: the vendor's documents "Product variations" and "Products" of 2020, adjust inventory.

    Args:
        products: The products.
        switches: Whether a field that is not known is refused.
    """

    def __init__(self, products: Collection, switches: EcwidSwitches) -> None:
        self._products = products
        self._switches = switches

    def handle(self, method: str, number: int, path: list[str], body: Any) -> Any:
        """
        Answer a call.

        Args:
            method: Its method.
            number: The product, which is there.
            path: What follows the product in the path.
            body: Its body.

        Raises:
            AnswerError: It is refused.
        """
        product = self._products.get(number)
        match method, path:
            case "PUT", ["inventory"]:
                stock = self._adjust(product, body)
                self._products.change(number, stock)
                return {"updateCount": 1}
            case "GET", ["combinations"]:
                return product.get("combinations") or []
            case "POST", ["combinations"]:
                return self._create(number, product, body)
            case _, ["combinations", text]:
                return self._handle_one(method, number, product, text, body)
            case "PUT", ["combinations", text, "inventory"]:
                found = _get(product, text)
                self._put(number, product, {**found, **self._adjust(found, body)})
                return {"updateCount": 1}
            case _, ["inventory"] | ["combinations"] | ["combinations", _, "inventory"]:
                raise not_allowed(method)
        raise refuse(404, f"There is nothing at /{'/'.join(path)[:60]}", "WRONG_URL")

    def _handle_one(
        self, method: str, number: int, product: Entity, text: str, body: Any
    ) -> dict[str, Any]:
        found = _get(product, text)
        if method == "GET":
            return found
        if method == "PUT":
            self._put(number, product, {**found, **self._read(VARIATION, body)})
            return {"updateCount": 1}
        if method == "DELETE":
            kept = [each for each in product["combinations"] if each is not found]
            self._products.change(number, {"combinations": kept})
            return {"deleteCount": 1}
        raise not_allowed(method)

    def _create(self, number: int, product: Entity, body: Any) -> dict[str, Any]:
        fields = self._read(VARIATION, body)
        if not fields.get("options"):
            raise VARIATION.missing("options")
        present = product.get("combinations") or []
        place = 1 + max((each["combinationNumber"] for each in present), default=0)
        made = {"id": _FACTOR * number + place, "combinationNumber": place, **fields}
        self._products.change(number, {"combinations": [*present, made]})
        return {"id": made["id"]}

    def _put(self, number: int, product: Entity, changed: Entity) -> None:
        kept = [changed if v["id"] == changed["id"] else v for v in product["combinations"]]
        self._products.change(number, {"combinations": kept})

    def _adjust(self, entity: Entity, body: Any) -> Entity:
        delta = self._read(INVENTORY, body).get("quantityDelta")
        if delta is None:
            raise INVENTORY.missing("quantityDelta")
        return {"quantity": (entity.get("quantity") or 0) + int(delta), "unlimited": False}

    def _read(self, fields: Fields, body: Any) -> Entity:
        return fields.read(body, strict=self._switches.strict)


def _get(product: Entity, text: str) -> Entity:
    for each in product.get("combinations") or ():
        if str(each["id"]) == text:
            found: Entity = each
            return found
    raise refuse(404, f"Variation #{text[:60]} not found", "COMBINATION_NOT_FOUND")

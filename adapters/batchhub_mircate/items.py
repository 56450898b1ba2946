"""The items of a Mircate batch: what names a product, what is refused, what is sent."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec
from attrs import field, frozen

from batchhub.adapter import Kind, WireItem, encode_json, plain_json, write_fields
from batchhub.errors import InputError

from .account import ITEM_KEYS, NUMBER_FIELDS
from .wire import MAX_EXACT

UPSERT: Final = "product-upsert"
DATA: Final = "data"
DATA_TYPE: Final = "dataType"
_BESIDE_DATA: Final = (DATA_TYPE, "parent")
_TEXTS: Final = (
    *("sku", "barcode", "code", "family", "status"),
    *("name", "title", "description", "brand", "model", "size", "color", "gtin", "ean", "upc"),
)
_PRODUCT: Final = dict.fromkeys(_TEXTS, Kind.TEXT) | dict.fromkeys(NUMBER_FIELDS, Kind.NUMBER)
_UPSERTED: Final = {**_PRODUCT, "enabled": Kind.FLAG}

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(_PRODUCT)
"""
What the fields of a price or a stock take. Assumed: all of them, since no page has the item's form;
what must be a number is the account's to say (`number_fields`).
"""

UPSERT_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **_UPSERTED,
        **{f"{DATA}.{name}": kind for name, kind in _UPSERTED.items()},
        DATA_TYPE: Kind.TEXT,
        "parent": Kind.TEXT,
    }
)
"""
What the fields of a product take, in its `data` or as the bare data.

Source: page "Upsert Product", body (`dataType`, `data`, `sku`, `code`, `family`, `status` and
`enabled`). Assumed: what is called a name, a size or a barcode is text; the parent of a product.
"""

_FLAGS: Final = {"enabled": Kind.FLAG}
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
_MISSING: Final = {"receive-price": "price", "receive-stock": "stock"}

_STATUSES: Final = ("DRAFT", "ACTIVE", "ARCHIVED")


@frozen(kw_only=True)
class ItemRules:
    """
    What an account requires of its items.

    Attributes:
        item_keys: Fields that name a product, the best first.
        number_fields: Fields that must be numbers where an item has them.
        numbers: The same as kinds.
    """

    item_keys: Sequence[str]
    number_fields: Sequence[str]
    numbers: Mapping[str, Kind] = field(init=False)

    @numbers.default
    def _make_numbers(self) -> Mapping[str, Kind]:
        return dict.fromkeys(self.number_fields, Kind.NUMBER)


def encode_item(operation: str, payload: Any, rules: ItemRules, data_type: str | None) -> bytes:
    """
    Check an item and write it as one element of the array that is sent.

    Args:
        operation: The kind of batch.
        payload: The item in the vendor's own form.
        rules: What the account requires.
        data_type: For products: the type of those that name none.

    Raises:
        InputError: The vendor would refuse the item, or its outcome could not be recognised.
    """
    if not isinstance(payload, Mapping):
        raise InputError(f"an item is an object such as {{{rules.item_keys[0]}, price}}")
    plain = plain_json(payload)
    if operation == UPSERT:
        plain = _as_upsert(plain, data_type)
    product = get_product(operation, plain)
    _check_keys(product, rules.item_keys)
    _check_effect(operation, plain, product, rules.item_keys)
    written = _write_numbers(product, rules)
    if operation == UPSERT:
        return encode_json({**plain, DATA: write_fields(written, _FLAGS)})
    return encode_json(written)


def get_product(operation: str, payload: Any) -> Mapping[str, Any]:
    """Return the part of an item that names the product: `data` of an upsert, else the whole."""
    product = payload.get(DATA) if operation == UPSERT and isinstance(payload, Mapping) else None
    product = product if isinstance(product, Mapping) else payload
    return product if isinstance(product, Mapping) else {}


def find_key(operation: str, payload: Any, item_keys: Sequence[str]) -> str | None:
    """Return the best name of an item's product, as in ``sku=A-1``; `None` if it has none."""
    product = get_product(operation, payload)
    texts = ((key, key_text(product.get(key))) for key in item_keys)
    return next((f"{key}={text}" for key, text in texts if text), None)


def read_keys(operation: str, item: WireItem, item_keys: Sequence[str]) -> Mapping[str, str]:
    """Read what names an item's product, by key, from the form it was sent in."""
    product = get_product(operation, msgspec.json.decode(item.wire))
    return {key: text for key in item_keys if (text := key_text(product.get(key)))}


def key_text(value: Any) -> str | None:
    """
    Bring what names a product into one form: text without outer spaces, ``5`` and ``5.0`` alike.

    Returns:
        `None` for anything but text and whole numbers.
    """
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 2**64 else None
    is_finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
    # Digits past these would be lost on the way to the vendor and back.
    if not is_finite or not -MAX_EXACT < value < MAX_EXACT or value != int(value):
        return None
    return str(int(value))


def _as_upsert(item: dict[str, Any], data_type: str | None) -> dict[str, Any]:
    """
    Give a product the form ``{dataType, parent?, data}``, also if it came as the bare data.

    Source: page "Upsert Product", body. Assumed: in bulk an element has the same form.
    """
    if isinstance(item.get(DATA), dict):
        wrapped = dict(item)
    else:
        wrapped = {key: item[key] for key in _BESIDE_DATA if key in item}
        wrapped[DATA] = {key: value for key, value in item.items() if key not in _BESIDE_DATA}
    own = wrapped.pop(DATA_TYPE, None)
    kind = data_type if own is None else own
    if kind is None:
        raise InputError("dataType is missing: put it into the item, or give the option data_type")
    if not isinstance(kind, str) or not kind.strip():
        raise InputError("dataType must be text that is not empty")
    status = wrapped[DATA].get("status")
    if status is not None and status not in _STATUSES:
        raise InputError(
            f"status must be one of {', '.join(_STATUSES)}, not {reprlib.repr(status)}"
        )
    return {DATA_TYPE: kind, **wrapped}


def _check_keys(product: Mapping[str, Any], item_keys: Sequence[str]) -> None:
    """Make sure that a failure of the item can be told apart from a failure of another."""
    given = [key for key in item_keys if key in product]
    if not given:
        raise InputError(f"the product has no name: one of {', '.join(item_keys)} is needed")
    for key in given:
        if key_text(product[key]) is None:
            wrong = reprlib.repr(product[key])
            raise InputError(f"{key} must be text that is not empty or a whole number, not {wrong}")


def _check_effect(
    operation: str, item: Mapping[str, Any], product: Mapping[str, Any], item_keys: Sequence[str]
) -> None:
    """
    Refuse an item that has nothing but names: whatever the vendor makes of it, it changes nothing.

    Of a product that is upserted, all names but one are fields like others, such as its barcode.

    Assumed: an empty text, list or object says nothing either.
    """
    names = {*ITEM_KEYS, *item_keys}
    given = [key for key in product if product[key] not in _EMPTY]
    found = not names.issuperset(given) or (operation == UPSERT and len(given) > 1)
    if not found and item.get("parent") in _EMPTY:
        what = _MISSING.get(operation, "field to set")
        raise InputError(f"there is no {what}: the item only names a product, and changes nothing")


def _write_numbers(product: Mapping[str, Any], rules: ItemRules) -> Mapping[str, Any]:
    for key in rules.number_fields:
        if product.get(key, 0) is None:
            raise InputError(f"{key} must be a number, not null; leave it out")
    return write_fields(product, rules.numbers)

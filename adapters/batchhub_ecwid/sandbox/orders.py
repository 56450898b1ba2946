"""The orders of the stand-in: three of the vendor's documents, then made from their numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from .collection import Entity
from .fields import Fields
from .parameters import Read, count, flag, moment, number, numbers, response_fields, some_of, text
from .parameters import texts as some_texts
from .products import FIRST_S, make_core, show_time

Match = Callable[[Entity], bool]

_FIRST_NUMBER: Final = 600_000_000
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

PAYMENT: Final = (
    "AWAITING_PAYMENT",
    "PAID",
    "CANCELLED",
    "REFUNDED",
    "PARTIALLY_REFUNDED",
    "INCOMPLETE",
    "CUSTOM_PAYMENT_STATUS_1",
    "CUSTOM_PAYMENT_STATUS_2",
    "CUSTOM_PAYMENT_STATUS_3",
)
FULFILLMENT: Final = (
    "AWAITING_PROCESSING",
    "PROCESSING",
    "SHIPPED",
    "DELIVERED",
    "WILL_NOT_DELIVER",
    "RETURNED",
    "READY_FOR_PICKUP",
    "OUT_FOR_DELIVERY",
    "CUSTOM_FULFILLMENT_STATUS_1",
    "CUSTOM_FULFILLMENT_STATUS_2",
    "CUSTOM_FULFILLMENT_STATUS_3",
)

FIELDS: Final = Fields(
    "Order",
    number="total subtotal tax couponDiscount volumeDiscount membershipBasedDiscount "
    "totalAndMembershipBasedDiscount discount giftCardRedemption totalBeforeGiftCardRedemption",
    integer="customerId giftCardId",
    flag="hidden acceptMarketing giftCardDoubleSpending customerTaxExempt customerTaxIdValid "
    "reversedTaxApplied externalFulfillment pricesIncludeTax disableAllCustomerNotifications",
    text="email ipAddress createDate latestShipDate latestDeliveryDate refererUrl globalReferer "
    "affiliateId orderComments privateAdminNotes fulfillmentStatus trackingNumber trackingUrl "
    "pickupTime paymentStatus paymentMethod paymentModule paymentMessage externalTransactionId "
    "customerGroup giftCardCode giftCardUuid customerTaxId externalOrderId "
    "externalTransactionUrl referenceTransactionId ebayId refererId paymentReference "
    "customerFiscalCode electronicInvoicePecEmail electronicInvoiceSdiCode b2b_b2c lang",
    array="discountInfo customDiscount items taxesOnShipping customSurcharges orderExtraFields",
    record="additionalInfo paymentParams creditCardStatus discountCoupon billingPerson "
    "shippingPerson shippingOption handlingFee utmData externalOrderData loyalty storeCredit "
    "extraFields",
    read_only="id internalId orderNumber vendorOrderNumber publicUid updateDate createTimestamp "
    "updateTimestamp customerGroupId totalWithoutTax subtotalWithoutTax usdTotal availableTaxes "
    "availableShippingOptions shipments refundedAmount refunds invoices predictedPackage "
    "predictedPackages shippingLabelAvailableForShipment withdrawalRequested paymentSubtype "
    "ticket utmDataSets customerRequestedInvoice trackingCode",
)
"""Source: the vendor's Java client, `UpdatedOrder` and `FetchedOrder`; its Order page."""

DETAILS: Final[Mapping[str, Read]] = {
    "responseFields": response_fields(FIELDS.names),
    "lang": text,
    "limit": count,
    "offset": count,
}
"""The parameters of reading one order."""

SEARCH: Final[Mapping[str, Read]] = {
    "responseFields": response_fields(FIELDS.names, under="items"),
    "lang": text,
    "limit": count,
    "offset": count,
    "keywords": text,
    "couponCode": text,
    "totalFrom": number,
    "totalTo": number,
    "ids": some_texts,
    "orderNumber": numbers,
    "vendorOrderNumber": some_texts,
    "email": text,
    "customer": text,
    "customerId": count,
    "customerIdOrEmail": flag,
    "createdFrom": moment,
    "createdTo": moment,
    "updatedFrom": moment,
    "updatedTo": moment,
    "pickupTimeFrom": moment,
    "pickupTimeTo": moment,
    "paymentMethod": text,
    "paymentModule": text,
    "paymentReference": text,
    "shippingMethod": text,
    "paymentStatus": some_of(*PAYMENT),
    "fulfillmentStatus": some_of(*FULFILLMENT),
    "acceptMarketing": flag,
    "refererId": text,
    "productId": numbers,
    "subscriptionId": numbers,
}
"""
The parameters of a search.

Source: the vendor's document "Orders" of 2020, search orders; its Java client,
`OrdersSearchRequest`; its Order page, "How can I request details of several orders" (`ids`).
"""


def _has_words(words: str) -> Match:
    """
    Find a text in the names, the email and the items of an order.

    Source: the vendor's document "Orders" of 2020, `keywords`.
    """
    wanted = words.strip('"').lower()

    def match(order: Entity) -> bool:
        items = order.get("items") or ()
        places = [*names_of(order), _show_customer(order)]
        places += [str(item.get(key) or "") for item in items for key in ("sku", "name")]
        places += [str(order.get(key) or "") for key in ("trackingNumber", "privateAdminNotes")]
        return wanted in "\n".join(places).lower()

    return match


_MATCHES: Final[Mapping[str, Callable[[Any], Match]]] = {
    "keywords": _has_words,
    "couponCode": lambda value: lambda o: (o.get("discountCoupon") or {}).get("code") == value,
    "totalFrom": lambda value: lambda o: o["total"] >= value,
    "totalTo": lambda value: lambda o: o["total"] <= value,
    "ids": lambda values: lambda o: not values.isdisjoint(names_of(o)),
    "orderNumber": lambda values: lambda o: o["orderNumber"] in values,
    "vendorOrderNumber": lambda values: lambda o: o.get("vendorOrderNumber") in values,
    "email": lambda value: lambda o: o.get("email") == value,
    "customer": lambda value: lambda o: value.lower() in _show_customer(o),
    "customerId": lambda value: lambda o: o.get("customerId") == value,
    "createdFrom": lambda value: lambda o: o["createTimestamp"] >= value,
    "createdTo": lambda value: lambda o: o["createTimestamp"] <= value,
    "updatedFrom": lambda value: lambda o: o["updateTimestamp"] >= value,
    "updatedTo": lambda value: lambda o: o["updateTimestamp"] <= value,
    "paymentMethod": lambda value: lambda o: o.get("paymentMethod") == value,
    "paymentModule": lambda value: lambda o: o.get("paymentModule") == value,
    "shippingMethod": lambda value: (
        lambda o: (o.get("shippingOption") or {}).get("shippingMethodName") == value
    ),
    "paymentStatus": lambda values: lambda o: o.get("paymentStatus") in values,
    "fulfillmentStatus": lambda values: lambda o: o.get("fulfillmentStatus") in values,
    "acceptMarketing": lambda value: lambda o: o.get("acceptMarketing") is value,
    "refererId": lambda value: lambda o: o.get("refererId") == value,
    "productId": lambda values: (
        lambda o: any(item.get("productId") in values for item in o.get("items") or ())
    ),
}


def make_order(number: int) -> Entity:
    """Make the order of a number; the first ones are those of the vendor's documents."""
    originals = _load()
    if number <= len(originals):
        return dict(originals[number - 1])
    return _vary(originals[0], number)


def find_number(name: str) -> int | None:
    """Return the number of the order that one of its names stands for: an id or a number."""
    known = _names()
    if name in known:
        return known[name]
    if name.isascii() and name.isdecimal():
        found = int(name) - _FIRST_NUMBER
        return found if found > len(_load()) else None
    if len(name) > 1 and name[0] == "S" and set(name[1:]) <= set(_DIGITS):
        found = int(name[1:], 36)
        return found if found > len(_load()) and _show_id(found) == name else None
    return None


def names_of(order: Entity) -> set[str]:
    """Return what an order is known by; that of 2019 has no id."""
    names = (order.get(key) for key in ("id", "vendorOrderNumber", "orderNumber"))
    return {str(name) for name in names if name is not None}


def make_matches(query: Mapping[str, Any]) -> list[Match]:
    """Make what has to be true of an order that a search finds."""
    return [_MATCHES[name](value) for name, value in query.items() if name in _MATCHES]


@cache
def _load() -> list[Entity]:
    data = files(__package__).joinpath("data/orders.json").read_bytes()
    found: list[Entity] = json.loads(data)
    return found


@cache
def _names() -> dict[str, int]:
    return {name: place for place, each in enumerate(_load(), 1) for name in names_of(each)}


def _show_id(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"S{digits:0>4}"


def _vary(template: Entity, number: int) -> Entity:
    """Make another order of one that there is: other names, other times, another product."""
    product = make_core(1 + number * 7 % 2000)
    amount = 1 + number % 3
    price, total = product["price"], round(product["price"] * amount, 2)
    made_at = FIRST_S + 300 * number
    name = _show_id(number)
    item = {
        **template["items"][0],
        "id": 10 * (_FIRST_NUMBER + number),
        "productId": product["id"],
        "sku": product["sku"],
        "name": product["name"],
        "nameTranslated": {"en": product["name"]},
        "price": price,
        "priceWithoutTax": price,
        "productPrice": price,
        "quantity": amount,
        "tax": 0,
        "taxes": [],
        "files": [],
    }
    return {
        **template,
        "id": name,
        "internalId": _FIRST_NUMBER + number,
        "orderNumber": _FIRST_NUMBER + number,
        "vendorOrderNumber": name,
        "publicUid": name,
        "email": f"customer{1 + number % 100}@example.com",
        "customerId": 1 + number % 100,
        "ipAddress": "192.0.2.1",
        "subtotal": total,
        "subtotalWithoutTax": total,
        "total": total,
        "totalWithoutTax": total,
        "totalBeforeGiftCardRedemption": total,
        "usdTotal": round(total * 1.1, 2),
        "tax": 0,
        "paymentStatus": PAYMENT[number % 3],
        "fulfillmentStatus": FULFILLMENT[number % 4],
        "createDate": show_time(made_at),
        "updateDate": show_time(made_at),
        "createTimestamp": made_at,
        "updateTimestamp": made_at,
        "items": [item],
    }


def _show_customer(order: Entity) -> str:
    names = [(order.get(who) or {}).get("name") for who in ("billingPerson", "shippingPerson")]
    return "\n".join(str(each) for each in (order.get("email"), *names) if each).lower()

"""Rows of a table as items of an Ecwid batch: what is text in them, and `PUT /path` as a map."""

from __future__ import annotations

from typing import Final

from batchhub.adapter import RowMap
from batchhub.errors import InputError

from .items import METHODS

_TOP: Final = ("id", "method", "path")

_PERSON: Final = (
    *("name", "firstName", "lastName", "companyName", "street", "city", "countryCode"),
    *("countryName", "postalCode", "stateOrProvinceCode", "stateOrProvinceName", "phone"),
)

_ORDER: Final = (
    *("id", "email", "paymentMethod", "paymentModule", "customerTaxId", "b2b_b2c"),
    *("customerFiscalCode", "electronicInvoicePecEmail", "electronicInvoiceSdiCode", "ipAddress"),
    *("paymentStatus", "fulfillmentStatus", "vendorOrderNumber", "refererUrl", "orderComments"),
    *("globalReferer", "customerGroup", "paymentParams", "trackingNumber", "paymentMessage"),
    *("externalTransactionId", "affiliateId", "privateAdminNotes", "pickupTime", "extraFields"),
    *("externalFulfillment", "externalOrderId", "refererId", "lang"),
    *(f"{who}.{key}" for who in ("billingPerson", "shippingPerson") for key in _PERSON),
    *(
        f"shippingOption.{key}"
        for key in (
            *("shippingCarrierName", "shippingMethodId", "shippingMethodName"),
            *("estimatedTransitTime", "pickupInstruction", "fulfillmentType"),
        )
    ),
    *(f"handlingFee.{key}" for key in ("name", "description")),
)

_PRODUCT: Final = (
    *("sku", "name", "description", "shortDescription", "subtitle", "url"),
    *("nameTranslated", "descriptionTranslated", "shortDescriptionTranslated"),
    *("subtitleTranslated", "seoTitle", "seoTitleTranslated"),
    *("seoDescription", "seoDescriptionTranslated", "externalReferenceId"),
    *("customSlug", "googleItemCondition", "ribbon.text", "ribbon.color"),
    *("tax.taxClassCode", "type", "code", "discountType", "status"),
)

TEXT_KEYS: Final = frozenset({*_TOP, *(f"body.{key}" for key in (*_ORDER, *_PRODUCT))})
"""
What is text whatever it looks like: an article's number, a postal code.

Source: older page "Create batch request" (`id`, `path`); the Order page, fields of type string and
maps of strings, also those of order items, persons, shipping options and coupons. Assumed: the
products' texts that the Order page does not have, and the undocumented ones of real orders.
"""


def read_map(text: str) -> RowMap:
    """
    Read ``PUT /products/{product_id}``: a method, a path, and a body of what is set.

    Raises:
        InputError: The text is no method and path.
    """
    method, _, path = text.strip().partition(" ")
    path = path.strip()
    if method.upper() not in METHODS or not path:
        raise InputError(
            f"--map {text[:60]!r}: write a method ({', '.join(METHODS)}) and a path, "
            "as in 'PUT /products/{product_id}'"
        )
    templates = {"method": method.upper(), "path": path}
    return RowMap(templates=templates, quoted=frozenset({"path"}), set_under="body")

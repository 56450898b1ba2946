"""
Ecwid's orders as typed objects: `Order`, every type under it, and the calls' answers.

    order = result.as_(Order)
    order.total, order.items[0].sku, order.create_date_time

They are frozen `msgspec.Struct`s. Every field may be absent and is then `None`, as in an answer
that was asked for some fields only. Money is `Decimal`; words are text, so one the vendor adds
later is no error. Fields that a type does not name are in `result.body`.

A time is the vendor's own text. The property beside it, the field's name with ``_time`` behind
it, reads it as an aware `datetime`. It is `None` where the text is absent or empty, and raises
`ValueError` where the text is no time or has no offset, as ``Dec 12, 2017 8:00:00 PM`` in carts
of 2018: an offset is never guessed.

A field that the page and real answers have in two forms has both types: `Order.shipments` is
one `Shipment` or a tuple of them.
"""

from __future__ import annotations

from .items import (
    OrderItem,
    OrderItemOption,
    OrderItemOptionFile,
    OrderItemProductFile,
    ProductDimensions,
    RecurringChargeSettings,
    SelectedPrice,
    SelectionInfo,
)
from .money import (
    CreditCardStatus,
    CustomSurcharge,
    DiscountCouponCatalogLimit,
    DiscountCouponInfo,
    DiscountInfo,
    Invoice,
    Loyalty,
    OrderItemDiscount,
    OrderItemDiscountInfo,
    OrderItemTax,
    RefundInfo,
    SurchargeTax,
    TaxOnShipping,
)
from .order import Order, OrderCreated, OrderDeleted, OrderSearch, OrderUpdated
from .origin import ExternalOrderData, OrderExtraField, UtmData, UtmDataSet
from .shipping import (
    HandlingFeeInfo,
    HandlingFeeTax,
    PackageInfo,
    PersonInfo,
    PredictedPackage,
    Shipment,
    ShippingLabel,
    ShippingOptionInfo,
    ShippingOrigin,
    ShippingService,
    Tracking,
)

__all__ = [
    "CreditCardStatus",
    "CustomSurcharge",
    "DiscountCouponCatalogLimit",
    "DiscountCouponInfo",
    "DiscountInfo",
    "ExternalOrderData",
    "HandlingFeeInfo",
    "HandlingFeeTax",
    "Invoice",
    "Loyalty",
    "Order",
    "OrderCreated",
    "OrderDeleted",
    "OrderExtraField",
    "OrderItem",
    "OrderItemDiscount",
    "OrderItemDiscountInfo",
    "OrderItemOption",
    "OrderItemOptionFile",
    "OrderItemProductFile",
    "OrderItemTax",
    "OrderSearch",
    "OrderUpdated",
    "PackageInfo",
    "PersonInfo",
    "PredictedPackage",
    "ProductDimensions",
    "RecurringChargeSettings",
    "RefundInfo",
    "SelectedPrice",
    "SelectionInfo",
    "Shipment",
    "ShippingLabel",
    "ShippingOptionInfo",
    "ShippingOrigin",
    "ShippingService",
    "SurchargeTax",
    "TaxOnShipping",
    "Tracking",
    "UtmData",
    "UtmDataSet",
]

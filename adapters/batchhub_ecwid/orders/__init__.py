"""
Ecwid's orders as typed objects: `Order`, every type under it, and the calls' answers.

    order = result.as_(Order)
    order.total, order.items[0].sku, order.extra["newField"]

Every field may be absent and is then `None`, as in an answer that was asked for some
fields only. Money is `Decimal`, times are aware, words are text: one the vendor adds later is
no error. What a class does not name is in `extra`, at every level, and is written back.
"""

from __future__ import annotations

from .answers import OrderCreated, OrderDeleted, OrderSearch, OrderUpdated
from .discounts import (
    DiscountCouponCatalogLimit,
    DiscountCouponInfo,
    DiscountInfo,
    OrderItemDiscount,
    OrderItemDiscountInfo,
)
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
from .order import Order
from .origin import ExternalOrderData, OrderExtraField, UtmData, UtmDataSet
from .payment import CreditCardStatus, Invoice, Loyalty, RefundInfo
from .people import PersonInfo
from .shipping import (
    HandlingFeeInfo,
    HandlingFeeTax,
    PackageInfo,
    PredictedPackage,
    Shipment,
    ShippingLabel,
    ShippingOptionInfo,
    ShippingOrigin,
    ShippingService,
    Tracking,
)
from .taxes import CustomSurcharge, OrderItemTax, SurchargeTax, TaxOnShipping

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

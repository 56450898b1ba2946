"""
Ecwid for batchhub: the account of a store, the adapter, and four ways to write an item.

    from batchhub_ecwid import EcwidAccount, get, put

    shop = EcwidAccount(store_id=1003, token="secret_...")
    items = [get("/orders/XJ12H"), put("/products/12", {"price": 9.9}, id="price-12")]

the products and variations that have a SKU,

    found = await find_product_ids(hub, "shop", ["SKU-7"])
    items = [put(found["SKU-7"].path, {"price": 9.9})]

all pages of a search,

    job = await submit_pages(hub, "shop", "/orders", params={"createdFrom": 1793491200})

and orders as typed objects, `Order` and all that is in one:

    order = result.as_(Order)
    order.total, order.items[0].sku, order.create_date_time

``Source:`` names what a fact rests on: the older pages are the vendor's documents of
2019 to 2024, the newer ones those of 2025. ``Assumed:`` marks what no page says.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .account import EcwidAccount
from .adapter import EcwidAdapter
from .items import delete, get, post, put
from .lookup import FoundProducts, ProductId, find_product_ids
from .pages import submit_pages

if TYPE_CHECKING:
    from .orders import (
        CreditCardStatus,
        CustomSurcharge,
        DiscountCouponCatalogLimit,
        DiscountCouponInfo,
        DiscountInfo,
        ExternalOrderData,
        HandlingFeeInfo,
        HandlingFeeTax,
        Invoice,
        Loyalty,
        Order,
        OrderCreated,
        OrderDeleted,
        OrderExtraField,
        OrderItem,
        OrderItemDiscount,
        OrderItemDiscountInfo,
        OrderItemOption,
        OrderItemOptionFile,
        OrderItemProductFile,
        OrderItemTax,
        OrderSearch,
        OrderUpdated,
        PackageInfo,
        PersonInfo,
        PredictedPackage,
        ProductDimensions,
        RecurringChargeSettings,
        RefundInfo,
        SelectedPrice,
        SelectionInfo,
        Shipment,
        ShippingLabel,
        ShippingOptionInfo,
        ShippingOrigin,
        ShippingService,
        SurchargeTax,
        TaxOnShipping,
        Tracking,
        UtmData,
        UtmDataSet,
    )

__all__ = [
    "CreditCardStatus",
    "CustomSurcharge",
    "DiscountCouponCatalogLimit",
    "DiscountCouponInfo",
    "DiscountInfo",
    "EcwidAccount",
    "EcwidAdapter",
    "ExternalOrderData",
    "FoundProducts",
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
    "ProductId",
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
    "delete",
    "find_product_ids",
    "get",
    "post",
    "put",
    "submit_pages",
]


# A type checker would take any name at all for one that is there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Load the typed orders when one of them is first asked for: they are many."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(".orders", __name__), name)

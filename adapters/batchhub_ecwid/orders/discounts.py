"""Discounts and coupons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import frozen

from batchhub.wire import kept

from ._base import vendor_record


@vendor_record
@frozen(kw_only=True)
class DiscountInfo:
    """
    A discount on the order; coupons are apart.

    Source: newer page "Get order", DiscountInfo.
    """

    value: Decimal | None = None
    """Its value, an amount or a percentage."""
    type: str | None = None
    """``ABS`` or ``PERCENT``."""
    base: str | None = None
    """``ON_TOTAL``, ``ON_MEMBERSHIP``, ``ON_TOTAL_AND_MEMBERSHIP`` or ``CUSTOM``."""
    order_total: Decimal | None = None
    """The smallest subtotal it applies to."""
    description: str | None = None
    """What it is, where its base is ``CUSTOM``."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class OrderItemDiscountInfo:
    """
    The kind of a discount on an item.

    Source: newer page "Get order", OrderItemDiscountInfo. Assumed: `description`, as the
    vendor's own client has it.
    """

    value: Decimal | None = None
    """Its value, an amount or a percentage."""
    type: str | None = None
    """``ABS`` or ``PERCENT``."""
    base: str | None = None
    """``ON_TOTAL``, ``ON_MEMBERSHIP``, ``ON_TOTAL_AND_MEMBERSHIP`` or ``CUSTOM``."""
    order_total: Decimal | None = None
    """The smallest subtotal it applies to."""
    description: str | None = None
    """What it is."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class OrderItemDiscount:
    """
    A discount on an item, as it was when the order was placed.

    Source: newer page "Get order", OrderItemDiscounts.
    """

    discount_info: OrderItemDiscountInfo | None = None
    """Its kind."""
    total: Decimal | None = None
    """What it takes off the item."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class DiscountCouponCatalogLimit:
    """
    What a coupon may be used for.

    Source: newer page "Get order", DiscountCouponCatalogLimit.
    """

    products: tuple[int, ...] | None = None
    """Ids of products."""
    categories: tuple[int, ...] | None = None
    """Ids of categories."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class DiscountCouponInfo:
    """
    The coupon that was used.

    Source: newer page "Get order", DiscountCouponInfo. Assumed: `id`, `updateDate` and
    `repeatCustomerOnly`, which only real orders have.
    """

    id: int | None = None
    """Its id."""
    name: str | None = None
    """Its title in the store."""
    code: str | None = None
    """The code customers type."""
    discount_type: str | None = None
    """``ABS``, ``PERCENT``, ``SHIPPING``, ``ABS_AND_SHIPPING``, ``PERCENT_AND_SHIPPING``."""
    status: str | None = None
    """``ACTIVE``, ``PAUSED``, ``EXPIRED`` or ``USEDUP``."""
    discount: Decimal | None = None
    """Its value, an amount or a percentage."""
    launch_date: datetime | None = None
    """From when it is valid."""
    uses_limit: str | None = None
    """``UNLIMITED``, ``ONCEPERCUSTOMER`` or ``SINGLE``."""
    repeat_customer_only: bool | None = None
    """Whether only returning customers may use it."""
    application_limit: str | None = None
    """``UNLIMITED``, ``NEW_CUSTOMER_ONLY`` or ``REPEAT_CUSTOMER_ONLY``."""
    creation_date: datetime | None = None
    """When it was made."""
    update_date: datetime | None = None
    """When it was last changed."""
    order_count: int | None = None
    """How many orders used it."""
    expiration_date: datetime | None = None
    """Until when it is valid."""
    total_limit: Decimal | None = None
    """The smallest subtotal it applies to."""
    catalog_limit: DiscountCouponCatalogLimit | None = None
    """What it may be used for."""
    extra: Mapping[str, Any] = kept()

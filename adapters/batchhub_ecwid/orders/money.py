"""Taxes, surcharges, discounts, refunds and invoices."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from batchhub.wire import read_time

from ._base import Texts, VendorStruct


class OrderItemTax(VendorStruct, frozen=True, kw_only=True):
    """
    A tax on one item.

    Source: newer page "Get order", OrderItemTax.
    """

    name: str | None = None
    """The tax's name."""
    value: Decimal | None = None
    """Its rate in percent."""
    total: Decimal | None = None
    """What it comes to for the item."""
    tax_on_discounted_subtotal: Decimal | None = None
    """The part on the item's subtotal, once discounts are off."""
    tax_on_shipping: Decimal | None = None
    """The part on the item's shipping."""
    include_in_price: bool | None = None
    """Whether prices hold it already; deprecated for `Order.prices_include_tax`."""
    source_tax_rate_id: int | None = None
    """The id of the rate in the settings; 0 where it was not set by hand."""
    source_tax_rate_type: str | None = None
    """``AUTO``, ``MANUAL``, ``CUSTOM`` or ``LEGACY``."""
    tax_class_name: str | None = None
    """The name of the product's tax class, in English."""
    tax_class_code: str | None = None
    """The code of the product's tax class."""
    tax_type: str | None = None
    """The level of a tax in the USA: ``STATE``, ``COUNTY``, ``CITY``, ``SPECIAL_DISTRICT``."""


class TaxOnShipping(VendorStruct, frozen=True, kw_only=True):
    """
    A tax on the shipping.

    Source: newer page "Get order", TaxOnShipping.
    """

    name: str | None = None
    """The tax's name."""
    value: Decimal | None = None
    """Its rate in percent, for the zone it is sent to."""
    total: Decimal | None = None
    """What it comes to."""


class SurchargeTax(VendorStruct, frozen=True, kw_only=True):
    """
    A tax on a surcharge.

    Source: newer page "Get order", customSurchargesInfo, `taxes`. Assumed: its fields, as the
    vendor's own client has them; the page does not describe the type.
    """

    name: str | None = None
    """The tax's name."""
    value: Decimal | None = None
    """Its rate in percent."""
    total: Decimal | None = None
    """What it comes to."""


class CustomSurcharge(VendorStruct, frozen=True, kw_only=True):
    """
    A surcharge the store put on the order.

    Source: newer page "Get order", customSurchargesInfo. Assumed: a translated description may
    also be a text for each language, as the other ones are.
    """

    id: str | None = None
    """Its id; ``Custom Surcharge`` where none was given."""
    value: Decimal | None = None
    """Its value, an amount or a percentage."""
    type: str | None = None
    """``ABSOLUTE`` or ``PERCENT``."""
    total: Decimal | None = None
    """What it comes to."""
    total_without_tax: Decimal | None = None
    """What it comes to, without taxes."""
    description: str | None = None
    """What it is for."""
    description_translated: str | Texts | None = None
    """What it is for, translated."""
    taxable: bool | None = None
    """Whether taxes are put on it."""
    taxes: tuple[SurchargeTax, ...] | None = None
    """The taxes on it."""


class DiscountInfo(VendorStruct, frozen=True, kw_only=True):
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


class OrderItemDiscountInfo(VendorStruct, frozen=True, kw_only=True):
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


class OrderItemDiscount(VendorStruct, frozen=True, kw_only=True):
    """
    A discount on an item, as it was when the order was placed.

    Source: newer page "Get order", OrderItemDiscounts.
    """

    discount_info: OrderItemDiscountInfo | None = None
    """Its kind."""
    total: Decimal | None = None
    """What it takes off the item."""


class DiscountCouponCatalogLimit(VendorStruct, frozen=True, kw_only=True):
    """
    What a coupon may be used for.

    Source: newer page "Get order", DiscountCouponCatalogLimit.
    """

    products: tuple[int, ...] | None = None
    """Ids of products."""
    categories: tuple[int, ...] | None = None
    """Ids of categories."""


class DiscountCouponInfo(VendorStruct, frozen=True, kw_only=True):
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
    launch_date: str | None = None
    """From when it is valid."""
    uses_limit: str | None = None
    """``UNLIMITED``, ``ONCEPERCUSTOMER`` or ``SINGLE``."""
    repeat_customer_only: bool | None = None
    """Whether only returning customers may use it."""
    application_limit: str | None = None
    """``UNLIMITED``, ``NEW_CUSTOMER_ONLY`` or ``REPEAT_CUSTOMER_ONLY``."""
    creation_date: str | None = None
    """When it was made."""
    update_date: str | None = None
    """When it was last changed."""
    order_count: int | None = None
    """How many orders used it."""
    expiration_date: str | None = None
    """Until when it is valid."""
    total_limit: Decimal | None = None
    """The smallest subtotal it applies to."""
    catalog_limit: DiscountCouponCatalogLimit | None = None
    """What it may be used for."""

    @property
    def launch_date_time(self) -> datetime | None:
        """`launch_date` as an aware time."""
        return read_time(self.launch_date)

    @property
    def creation_date_time(self) -> datetime | None:
        """`creation_date` as an aware time."""
        return read_time(self.creation_date)

    @property
    def update_date_time(self) -> datetime | None:
        """`update_date` as an aware time."""
        return read_time(self.update_date)

    @property
    def expiration_date_time(self) -> datetime | None:
        """`expiration_date` as an aware time."""
        return read_time(self.expiration_date)


class RefundInfo(VendorStruct, frozen=True, kw_only=True):
    """
    A refund.

    Source: newer page "Get order", RefundsInfo.
    """

    date: str | None = None
    """When."""
    source: str | None = None
    """Who made it: ``CP`` the store, ``API`` an app, ``External`` the payment processor."""
    reason: str | None = None
    """Why, in at most 256 characters."""
    amount: Decimal | None = None
    """How much."""

    @property
    def date_time(self) -> datetime | None:
        """`date` as an aware time."""
        return read_time(self.date)


class CreditCardStatus(VendorStruct, frozen=True, kw_only=True):
    """
    What the payment processor says of a card.

    Source: newer page "Get order", CreditCardStatus.
    """

    avs_message: str | None = None
    """On the address."""
    cvv_message: str | None = None
    """On the code."""


class Invoice(VendorStruct, frozen=True, kw_only=True):
    """
    An invoice of the order.

    Source: newer page "Get order", Invoices.
    """

    not_shown: ClassVar = ("link",)

    internal_id: int | None = None
    """Its id inside the store."""
    id: str | None = None
    """Its number, as it is printed."""
    created: str | None = None
    """When it was made."""
    link: str | None = None
    """Where to download it. Opens without a password, so it is not shown in `repr`."""
    type: str | None = None
    """``SALE``, or ``FULL_CANCEL`` for a refund."""

    @property
    def created_time(self) -> datetime | None:
        """`created` as an aware time."""
        return read_time(self.created)


class Loyalty(VendorStruct, frozen=True, kw_only=True):
    """
    The customer's points.

    Assumed: the whole type; only real orders have it.
    """

    customer_enabled: bool | None = None
    """Whether the customer takes part."""
    earned: Decimal | None = None
    """Points the order brings."""
    balance: Decimal | None = None
    """Points the customer has."""

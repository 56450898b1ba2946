"""What was ordered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from batchhub.wire import read_time

from ._base import Texts, VendorStruct
from .money import CustomSurcharge, OrderItemDiscount, OrderItemTax, TaxOnShipping


class ProductDimensions(VendorStruct, frozen=True, kw_only=True):
    """
    A product's size.

    Source: newer page "Get order", ProductDimensions.
    """

    length: Decimal | None = None
    """Length."""
    width: Decimal | None = None
    """Width."""
    height: Decimal | None = None
    """Height."""


class OrderItemProductFile(VendorStruct, frozen=True, kw_only=True):
    """
    A file that comes with a product.

    Source: newer page "Get order", OrderItemProductFile.
    """

    not_shown: ClassVar = ("admin_url", "customer_url")

    product_file_id: int | None = None
    """The file's id."""
    max_downloads: int | None = None
    """How often it may be downloaded; 0 is as often as one likes."""
    remaining_downloads: int | None = None
    """How often it may still be downloaded."""
    expire: str | None = None
    """Until when it may be downloaded."""
    name: str | None = None
    """The file's name."""
    description: str | None = None
    """The store's words for it."""
    size: int | None = None
    """Its bytes."""
    admin_url: str | None = None
    """
    Where the store downloads it. Holds the access token: never shown in `repr`, not for
    customers.
    """
    customer_url: str | None = None
    """Where the customer downloads it. Opens without a password, so it is not shown in `repr`."""

    @property
    def expire_time(self) -> datetime | None:
        """`expire` as an aware time."""
        return read_time(self.expire)


class OrderItemOptionFile(VendorStruct, frozen=True, kw_only=True):
    """
    A file the customer attached.

    Source: newer page "Get order", OrderItemOptionFile.
    """

    not_shown: ClassVar = ("url",)

    id: int | None = None
    """The file's id."""
    name: str | None = None
    """The file's name."""
    size: int | None = None
    """Its bytes."""
    url: str | None = None
    """Where it is. Not shown in `repr`: it may open without a password."""


class SelectionInfo(VendorStruct, frozen=True, kw_only=True):
    """
    One choice of an option.

    Source: newer page "Get order", SelectionInfo.
    """

    selection_title: str | None = None
    """The choice's title."""
    selection_modifier: Decimal | None = None
    """What it adds to the price; negative if it lowers it."""
    selection_modifier_type: str | None = None
    """``PERCENT`` or ``ABSOLUTE``."""


class OrderItemOption(VendorStruct, frozen=True, kw_only=True):
    """
    An option of a product, as the customer chose it.

    Source: newer page "Get order", OrderItemOption. Assumed: the translated ones, as the
    vendor's own client has them.
    """

    name: str | None = None
    """The option's name."""
    value: str | None = None
    """What was chosen, in one text, parted by commas."""
    values_array: tuple[str, ...] | None = None
    """What was chosen, one by one."""
    selections: tuple[SelectionInfo, ...] | None = None
    """What the choices do to the price. In an update the other fields follow it."""
    type: str | None = None
    """``CHOICE``, ``CHOICES``, ``TEXT``, ``DATE``, ``FILES`` and others."""
    name_translated: Texts | None = None
    """The option's name in each language."""
    value_translated: Texts | None = None
    """What was chosen, in each language."""
    files: tuple[OrderItemOptionFile, ...] | None = None
    """The files, where the type is ``FILES``."""


class RecurringChargeSettings(VendorStruct, frozen=True, kw_only=True):
    """
    How often a subscription is charged.

    Source: newer page "Get order", RecurringChargeSettings.
    """

    recurring_interval: str | None = None
    """``DAY``, ``WEEK``, ``MONTH`` or ``YEAR``."""
    recurring_interval_count: int | None = None
    """How many of these lie between two charges."""
    subscription_price_with_sign_up_fee: Decimal | None = None
    """What the first order costs."""
    sign_up_fee: Decimal | None = None
    """What the first order costs more."""


class SelectedPrice(VendorStruct, frozen=True, kw_only=True):
    """
    The price a customer named.

    Source: newer page "Get order", IsCustomerSetPrice. Assumed: that `selectedPrice` is on the
    item and has only this field.
    """

    value: Decimal | None = None
    """The price."""


class OrderItem(VendorStruct, frozen=True, kw_only=True):
    """
    One line of an order.

    Source: newer page "Get order", OrderItem. Assumed: the fields at the end, which only real
    orders or the vendor's own client have. `taxesOnShipping` and `customSurcharges` stand here
    on the page and on the order in real ones.
    """

    id: int | None = None
    """The line's id in the order."""
    product_id: int | None = None
    """The product's id."""
    category_id: int | None = None
    """The category it was added from; 0 for the front page, -1 for a button there."""
    price: Decimal | None = None
    """Price of one, before discounts."""
    price_without_tax: Decimal | None = None
    """Price of one, without taxes."""
    product_price: Decimal | None = None
    """The product's price without options and wholesale discounts."""
    sku: str | None = None
    """The product's or the variation's SKU."""
    quantity: int | None = None
    """How many."""
    short_description: str | None = None
    """The first 120 characters of the description."""
    short_description_translated: Texts | None = None
    """The same, in each language."""
    tax: Decimal | None = None
    """The tax on the line, discounts included."""
    shipping: Decimal | None = None
    """What shipping the line costs."""
    quantity_in_stock: int | None = None
    """How many the store has."""
    name: str | None = None
    """The product's name."""
    name_translated: Texts | None = None
    """The same, in each language."""
    is_shipping_required: bool | None = None
    """Whether it has to be shipped."""
    weight: Decimal | None = None
    """Weight of one."""
    track_quantity: bool | None = None
    """Whether the store watches its stock."""
    fixed_shipping_rate_only: bool | None = None
    """Whether only the fixed rate counts."""
    image_id: int | None = None
    """Its picture's id, in orders of 2014."""
    image_url: str | None = None
    """Its picture."""
    small_thumbnail_url: str | None = None
    """Its picture, small."""
    hd_thumbnail_url: str | None = None
    """Its picture, for high resolutions."""
    fixed_shipping_rate: Decimal | None = None
    """The fixed rate."""
    digital: bool | None = None
    """Whether files come with it."""
    product_available: bool | None = None
    """Whether the product still is to be had."""
    coupon_applied: bool | None = None
    """Whether a coupon is applied to it."""
    selected_options: tuple[OrderItemOption, ...] | None = None
    """The options the customer chose."""
    files: tuple[OrderItemProductFile, ...] | None = None
    """The files that come with it."""
    taxes: tuple[OrderItemTax, ...] | None = None
    """The taxes on it."""
    dimensions: ProductDimensions | None = None
    """Its size."""
    coupon_amount: Decimal | None = None
    """What the coupon takes off it; as it was when the order was placed."""
    discounts: tuple[OrderItemDiscount, ...] | None = None
    """Its discounts; as they were when the order was placed."""
    discounts_allowed: bool | None = None
    """Whether discounts may be applied to it."""
    taxable: bool | None = None
    """Whether taxes are put on it."""
    gift_card: bool | None = None
    """Whether it is a gift card."""
    recurring_tax_ids: tuple[Any, ...] | None = None
    """Undocumented."""
    is_customer_set_price: bool | None = None
    """Whether the customer named the price."""
    attributes: tuple[Any, ...] | None = None
    """Undocumented."""
    subscription_id: int | None = None
    """The subscription's id."""
    recurring_charge_settings: RecurringChargeSettings | None = None
    """How often the subscription is charged."""
    cost_price: Decimal | None = None
    """What the store paid for one."""
    combination_id: int | None = None
    """The variation's id."""
    custom_surcharges: tuple[CustomSurcharge, ...] | None = None
    """Surcharges; see the order."""
    taxes_on_shipping: tuple[TaxOnShipping, ...] | None = None
    """Taxes on its shipping; see the order."""
    is_preorder: bool | None = None
    """Whether it was out of stock and ordered ahead."""
    selected_price: SelectedPrice | None = None
    """The price the customer named."""
    is_gift_card: bool | None = None
    """The same, in the vendor's own client."""

"""An order, and what the order calls answer beside it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import msgspec

from batchhub.wire import read_time

from ._base import Values, VendorStruct
from .items import OrderItem
from .money import (
    CreditCardStatus,
    CustomSurcharge,
    DiscountCouponInfo,
    DiscountInfo,
    Invoice,
    Loyalty,
    RefundInfo,
    TaxOnShipping,
)
from .origin import ExternalOrderData, OrderExtraField, UtmData, UtmDataSet
from .shipping import HandlingFeeInfo, PersonInfo, PredictedPackage, Shipment, ShippingOptionInfo


class Order(VendorStruct, frozen=True, kw_only=True):
    """
    An order.

    Source: newer page "Get order", Order. Assumed: the fields at the end, which only real
    orders, other pages or the vendor's own client have.
    """

    not_shown: ClassVar = ("gift_card_code",)

    id: str | None = None
    """The order's id, such as ``XJ12H``; absent in orders up to 2020."""
    internal_id: int | None = None
    """The id inside the store."""
    refunded_amount: Decimal | None = None
    """All refunds together."""
    subtotal: Decimal | None = None
    """What the items cost together."""
    subtotal_without_tax: Decimal | None = None
    """The same, without taxes."""
    total: Decimal | None = None
    """What the order costs, with everything."""
    total_without_tax: Decimal | None = None
    """The same, without taxes."""
    gift_card_redemption: Decimal | None = None
    """What a gift card paid."""
    total_before_gift_card_redemption: Decimal | None = None
    """The total before that."""
    gift_card_double_spending: bool | None = None
    """Whether another order used the gift card at the same time, so that it is overdrawn."""
    email: str | None = None
    """The customer's e-mail address."""
    ext_transaction_id: str | None = None
    """The payment processor's number for it, in orders of 2014."""
    payment_method: str | None = None
    """How it was paid, in words."""
    tax: Decimal | None = None
    """All taxes together."""
    customer_tax_exempt: bool | None = None
    """Whether the customer pays no tax."""
    customer_tax_id: str | None = None
    """The customer's tax id."""
    customer_tax_id_valid: bool | None = None
    """Whether that id is valid."""
    b2b_b2c: str | None = msgspec.field(default=None, name="b2b_b2c")
    """``b2b`` or ``b2c``; at times in upper case."""
    reversed_tax_applied: bool | None = None
    """Whether the tax is 0 because of that id."""
    customer_requested_invoice: bool | None = None
    """Whether the customer asked for an invoice."""
    customer_fiscal_code: str | None = None
    """The customer's fiscal code."""
    electronic_invoice_pec_email: str | None = None
    """The certified address for electronic invoices."""
    electronic_invoice_sdi_code: str | None = None
    """The recipient's code for electronic invoices."""
    ip_address: str | None = None
    """The customer's IP address."""
    coupon_discount: Decimal | None = None
    """What the coupon takes off."""
    payment_status: str | None = None
    """
    ``AWAITING_PAYMENT``, ``PAID``, ``CANCELLED``, ``REFUNDED``, ``PARTIALLY_REFUNDED``,
    ``INCOMPLETE``, ``CUSTOM_PAYMENT_STATUS_1`` to ``_3``, or a newer word.
    """
    payment_message: str | None = None
    """What the payment processor says, until it is paid."""
    fulfillment_status: str | None = None
    """
    ``AWAITING_PROCESSING``, ``PROCESSING``, ``SHIPPED``, ``DELIVERED``, ``WILL_NOT_DELIVER``,
    ``RETURNED``, ``READY_FOR_PICKUP``, ``OUT_FOR_DELIVERY``, ``CUSTOM_FULFILLMENT_STATUS_1`` to
    ``_3``, or a newer word.
    """
    order_number: int | None = None
    """The number before there was an `id`; deprecated."""
    vendor_order_number: str | None = None
    """The same with the store's prefix and suffix; deprecated."""
    public_uid: str | None = None
    """The id for customers."""
    referer_url: str | None = None
    """The page the order was placed on."""
    order_comments: str | None = None
    """What the customer wrote."""
    private_admin_notes: str | None = None
    """The store's own notes."""
    volume_discount: Decimal | None = None
    """What the subtotal takes off; part of `discount`."""
    customer_id: int | None = None
    """The customer's id, where registered."""
    customer_group_id: int | None = None
    """The id of the customer's group."""
    customer_group: str | None = None
    """The customer's group."""
    membership_based_discount: Decimal | None = None
    """What the customer's group takes off; part of `discount`."""
    total_and_membership_based_discount: Decimal | None = None
    """What subtotal and group together take off; part of `discount`."""
    custom_discount: tuple[Decimal, ...] | None = None
    """Discounts the store put in by hand."""
    custom_surcharges: tuple[CustomSurcharge, ...] | None = None
    """Surcharges. The page has them on the item."""
    discount: Decimal | None = None
    """All discounts but the coupon's."""
    usd_total: Decimal | None = None
    """The total in US dollars."""
    global_referer: str | None = None
    """The page the customer came from."""
    create_date: str | None = None
    """When it was placed."""
    update_date: str | None = None
    """When it was last changed."""
    create_timestamp: int | None = None
    """When it was placed, in seconds since 1970."""
    update_timestamp: int | None = None
    """When it was last changed, in seconds since 1970."""
    discount_coupon: DiscountCouponInfo | None = None
    """The coupon that was used."""
    discount_info: tuple[DiscountInfo, ...] | None = None
    """The discounts; coupons are apart."""
    items: tuple[OrderItem, ...] | None = None
    """What was ordered. An update that has `items` removes the lines it leaves out."""
    refunds: tuple[RefundInfo, ...] | None = None
    """The refunds."""
    shipping_option: ShippingOptionInfo | None = None
    """How the customer chose to get it."""
    handling_fee: HandlingFeeInfo | None = None
    """The handling fee."""
    billing_person: PersonInfo | None = None
    """Who pays."""
    shipping_person: PersonInfo | None = None
    """Who gets it."""
    predicted_package: PredictedPackage | tuple[PredictedPackage, ...] | None = None
    """The packages it may fit into."""
    shipping_label_available_for_shipment: bool | None = None
    """Whether a label can be bought."""
    shipments: Shipment | tuple[Shipment, ...] | None = None
    """The shipments whose labels were bought. The page has one object."""
    additional_info: Values | None = None
    """More, by name."""
    payment_params: Values | None = None
    """What the customer put in for the payment, such as a purchase order's number."""
    credit_card_status: CreditCardStatus | None = None
    """What the payment processor says of the card."""
    order_extra_fields: tuple[OrderExtraField, ...] | None = None
    """The same with all there is to know of them; read-only."""
    accept_marketing: bool | None = None
    """Whether the customer may be sent advertisements."""
    referer_id: str | None = None
    """Who referred the customer."""
    extra_fields: Values | None = None
    """
    The store's own fields by name, such as ``ecwid_order_pickup_time``: texts, and numbers in
    carts of 2018.
    """
    ticket: int | None = None
    """Undocumented."""
    hidden: bool | None = None
    """Whether it is hidden in the list."""
    taxes_on_shipping: tuple[TaxOnShipping, ...] | None = None
    """Taxes on the shipping. The page has them on the item."""
    payment_module: str | None = None
    """The payment processor."""
    disable_all_customer_notifications: bool | None = None
    """Whether the customer gets no e-mail about it."""
    external_fulfillment: bool | None = None
    """Whether another system fulfils it."""
    utm_data_sets: tuple[UtmDataSet, ...] | None = None
    """The campaigns that brought the customer, visit by visit."""
    invoices: tuple[Invoice, ...] | None = None
    """The invoices."""
    prices_include_tax: bool | None = None
    """Whether prices hold the tax already."""
    loyalty: Loyalty | None = None
    """The customer's points."""
    customer_user_agent: str | None = None
    """The customer's browser."""
    predicted_packages: PredictedPackage | tuple[PredictedPackage, ...] | None = None
    """The same, as the page names it."""
    tracking_number: str | None = None
    """The carrier's number."""
    external_transaction_id: str | None = None
    """The payment processor's number for it."""
    affiliate_id: str | None = None
    """The affiliate."""
    pickup_time: str | None = None
    """When it is collected, in the store's form of a date."""
    external_order_data: ExternalOrderData | tuple[ExternalOrderData, ...] | None = None
    """The order in another system. The page has a list."""
    utm_data: UtmData | tuple[UtmData, ...] | None = None
    """The campaign that brought the customer. The page has a list."""
    lang: str | None = None
    """The language it was placed in."""
    external_order_id: str | None = None
    """Its number there."""
    external_transaction_url: str | None = None
    """The payment processor's page on it."""
    reference_transaction_id: str | None = None
    """The payment processor's number of an earlier payment."""
    latest_ship_date: str | None = None
    """By when it must be sent."""
    latest_delivery_date: str | None = None
    """By when it must arrive."""
    gift_card_code: str | None = None
    """The gift card's code. Whoever has it can spend it, so it is not shown in `repr`."""
    ebay_id: str | None = None
    """Its number at eBay."""

    @property
    def create_date_time(self) -> datetime | None:
        """`create_date` as an aware time."""
        return read_time(self.create_date)

    @property
    def update_date_time(self) -> datetime | None:
        """`update_date` as an aware time."""
        return read_time(self.update_date)

    @property
    def latest_ship_date_time(self) -> datetime | None:
        """`latest_ship_date` as an aware time."""
        return read_time(self.latest_ship_date)

    @property
    def latest_delivery_date_time(self) -> datetime | None:
        """`latest_delivery_date` as an aware time."""
        return read_time(self.latest_delivery_date)


class OrderSearch(VendorStruct, frozen=True, kw_only=True):
    """
    A page of orders. With `responseFields` it has only `total` and `items`.

    Source: newer page "Search orders"; real answers of both kinds.
    """

    total: int | None = None
    """How many orders there are."""
    count: int | None = None
    """How many are on this page."""
    offset: int | None = None
    """How many come before them."""
    limit: int | None = None
    """How many a page has at most."""
    items: tuple[Order, ...] | None = None
    """The orders, with the fields that were asked for."""


class OrderCreated(VendorStruct, frozen=True, kw_only=True):
    """
    The answer of a create.

    Source: the vendor's own client, OrderCreateResult. Assumed: `orderid`, which newer answers
    have, and that an id may be a text.
    """

    id: int | str | None = None
    """The order's number; where it is a text, the id."""
    orderid: str | None = None
    """The order's id."""


class OrderUpdated(VendorStruct, frozen=True, kw_only=True):
    """
    The answer of an update.

    Source: newer page "Update order", UpdateStatus.
    """

    update_count: int | None = None
    """How many orders were changed: 1, or 0."""


class OrderDeleted(VendorStruct, frozen=True, kw_only=True):
    """
    The answer of a delete.

    Source: the vendor's own client, OrderDeleteResult.
    """

    delete_count: int | None = None
    """How many orders were deleted: 1, or 0."""

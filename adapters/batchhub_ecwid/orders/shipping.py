"""Shipping, packages and labels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import frozen

from batchhub.wire import kept, named

from ._base import vendor_record
from .people import PersonInfo


@vendor_record
@frozen(kw_only=True)
class ShippingOptionInfo:
    """
    How the customer chose to get the order.

    Source: newer page "Get order", ShippingOptionInfo. Assumed: `isShippingLimit`, which only
    real orders have.
    """

    shipping_carrier_name: str | None = None
    """The carrier, such as ``USPS``, where there is one."""
    shipping_method_id: str | None = None
    """The method's id."""
    shipping_method_name: str | None = None
    """The method's name."""
    shipping_rate: Decimal | None = None
    """What it costs."""
    estimated_transit_time: str | None = None
    """How long it may take, in the store's words, such as ``1-3``."""
    shipping_rate_without_tax: Decimal | None = None
    """What it costs, without tax."""
    is_pickup: bool | None = None
    """Whether the customer collects it."""
    fulfillment_type: str | None = None
    """``SHIPPING``, ``PICKUP`` or ``DELIVERY``; the page has them in lower case."""
    is_shipping_limit: bool | None = None
    """Undocumented."""
    pickup_instruction: str | None = None
    """How to collect it."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class HandlingFeeTax:
    """
    A tax on the handling fee.

    Source: newer page "Get order", HandlingFeeTaxes.
    """

    name: str | None = None
    """The tax's name."""
    value: Decimal | None = None
    """Its rate in percent."""
    total: Decimal | None = None
    """What it comes to."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class HandlingFeeInfo:
    """
    The handling fee; an empty object where there is none.

    Source: newer page "Get order", HandlingFeeInfo. `taxes` is one object there and a list in
    real orders.
    """

    name: str | None = None
    """Its name, such as ``Wrapping``."""
    value: Decimal | None = None
    """What it costs."""
    description: str | None = None
    """What it is for."""
    value_without_tax: Decimal | None = None
    """What it costs, without taxes."""
    taxes: tuple[HandlingFeeTax, ...] | None = None
    """The taxes on it."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class PredictedPackage:
    """
    The package the order may fit into.

    Source: newer page "Get order", PredictedPackage.
    """

    length: Decimal | None = None
    """Length."""
    width: Decimal | None = None
    """Width."""
    height: Decimal | None = None
    """Height."""
    weight: Decimal | None = None
    """Weight, in all."""
    declared_value: Decimal | None = None
    """The subtotal of the items in it."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class ShippingOrigin:
    """
    Where a shipment is sent from.

    Source: newer page "Get order", ShippingOrigin. Assumed: the names and words for country and
    state, since the vendor's own client takes it for a person.
    """

    name: str | None = None
    """Full name."""
    first_name: str | None = None
    """Given name."""
    last_name: str | None = None
    """Family name."""
    company_name: str | None = None
    """Company."""
    street: str | None = None
    """The first and second line of the address, parted by a line break."""
    city: str | None = None
    """City."""
    country_code: str | None = None
    """Country, in two letters."""
    country_name: str | None = None
    """Country, in words."""
    postal_code: str | None = None
    """Postal code."""
    state_or_province_code: str | None = None
    """State or province."""
    state_or_province_name: str | None = None
    """State or province, in words."""
    phone: str | None = None
    """Telephone number."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class PackageInfo:
    """
    The package of a shipment.

    Source: newer page "Get order", PackageInfo. Assumed: `template`, as the vendor's own client
    has it.
    """

    weight: Decimal | None = None
    """Weight, in all."""
    weight_unit: str | None = None
    """``CARAT``, ``GRAM``, ``OUNCE``, ``POUND`` or ``KILOGRAM``."""
    width: Decimal | None = None
    """Width."""
    height: Decimal | None = None
    """Height."""
    length: Decimal | None = None
    """Length."""
    dimension_unit: str | None = None
    """``MM``, ``CM``, ``IN`` or ``YD``."""
    template: str | None = None
    """The carrier's own package, such as ``USPS_SoftPack``."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class ShippingService:
    """
    The carrier's service of a shipment.

    Source: newer page "Get order", ShippingService.
    """

    carrier: str | None = None
    """``USPS``, ``UPS``, ``FEDEX``, ``CANADA_POST`` or ``AUSTRALIA_POST``."""
    carrier_name: str | None = None
    """The option's name in the store."""
    carrier_service_name: str | None = None
    """The carrier's name for the service."""
    carrier_service_code: str | None = None
    """The carrier's code for the service."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class Tracking:
    """
    Where a shipment is.

    Source: newer page "Get order", Tracking; its names on the wire are not in camelCase.
    """

    tracking_number: str | None = named("tracking_number")
    """The carrier's number."""
    tracking_url: str | None = named("tracking_url")
    """Where to follow it."""
    estimated_days: int | None = None
    """How many days it may take."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class ShippingLabel:
    """
    The label of a shipment.

    Source: newer page "Get order", ShippingLabel; its name on the wire is not in camelCase.
    """

    label_url: str | None = named("label_url", shown=False)
    """Where to download it. Not shown in `repr`: it may open without a password."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class Shipment:
    """
    A shipment whose label was bought.

    Source: newer page "Get order", Shipments. Assumed: `label`, the name the vendor's own
    client has for `shippingLabel`.
    """

    id: str | None = None
    """The label's id."""
    created: datetime | None = None
    """When the label was bought."""
    ship_to: PersonInfo | None = None
    """Who gets it."""
    ship_from: ShippingOrigin | None = None
    """Where it is sent from."""
    parcel: PackageInfo | None = None
    """The package."""
    shipping_service: ShippingService | None = None
    """The carrier's service."""
    tracking: Tracking | None = None
    """Where it is."""
    shipping_label: ShippingLabel | None = None
    """The label."""
    label: ShippingLabel | None = None
    """The label, under its other name."""
    extra: Mapping[str, Any] = kept()

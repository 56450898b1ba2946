"""Persons and their addresses; shipping, packages and labels."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import msgspec

from batchhub.wire import read_time

from ._base import VendorStruct


class PersonInfo(VendorStruct, frozen=True, kw_only=True):
    """
    A person's name and address, for billing or for shipping.

    Source: newer page "Get order", PersonInfo. Assumed: `firstName` and `lastName`, which only
    real orders have.
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
    """State or province, as its code, such as ``NY``."""
    state_or_province_name: str | None = None
    """State or province, in words."""
    phone: str | None = None
    """Telephone number."""


class ShippingOptionInfo(VendorStruct, frozen=True, kw_only=True):
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


class HandlingFeeTax(VendorStruct, frozen=True, kw_only=True):
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


class HandlingFeeInfo(VendorStruct, frozen=True, kw_only=True):
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
    taxes: HandlingFeeTax | tuple[HandlingFeeTax, ...] | None = None
    """The taxes on it."""


class PredictedPackage(VendorStruct, frozen=True, kw_only=True):
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


class ShippingOrigin(VendorStruct, frozen=True, kw_only=True):
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


class PackageInfo(VendorStruct, frozen=True, kw_only=True):
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


class ShippingService(VendorStruct, frozen=True, kw_only=True):
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


class Tracking(VendorStruct, frozen=True, kw_only=True):
    """
    Where a shipment is.

    Source: newer page "Get order", Tracking; its names on the wire are not in camelCase.
    """

    tracking_number: str | None = msgspec.field(default=None, name="tracking_number")
    """The carrier's number."""
    tracking_url: str | None = msgspec.field(default=None, name="tracking_url")
    """Where to follow it."""
    estimated_days: int | None = None
    """How many days it may take."""


class ShippingLabel(VendorStruct, frozen=True, kw_only=True):
    """
    The label of a shipment.

    Source: newer page "Get order", ShippingLabel; its name on the wire is not in camelCase.
    """

    not_shown: ClassVar = ("label_url",)

    label_url: str | None = msgspec.field(default=None, name="label_url")
    """Where to download it. Not shown in `repr`: it may open without a password."""


class Shipment(VendorStruct, frozen=True, kw_only=True):
    """
    A shipment whose label was bought.

    Source: newer page "Get order", Shipments. Assumed: `label`, the name the vendor's own
    client has for `shippingLabel`.
    """

    id: str | None = None
    """The label's id."""
    created: str | None = None
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

    @property
    def created_time(self) -> datetime | None:
        """`created` as an aware time."""
        return read_time(self.created)

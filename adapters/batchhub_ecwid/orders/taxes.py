"""Taxes and surcharges."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from batchhub.wire import kept

from ._base import Texts, vendor_record


@vendor_record
@frozen(kw_only=True)
class OrderItemTax:
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
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class TaxOnShipping:
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
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class SurchargeTax:
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
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class CustomSurcharge:
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
    extra: Mapping[str, Any] = kept()

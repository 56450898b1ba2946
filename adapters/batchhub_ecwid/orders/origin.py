"""Where an order came from, and the store's own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from batchhub.wire import kept

from ._base import Texts, vendor_record


@vendor_record
@frozen(kw_only=True)
class ExternalOrderData:
    """
    The order in another system.

    Source: newer page "Get order", ExternalOrderData. Assumed: `platformSpecificFields`, as the
    vendor's own client has it.
    """

    external_fulfillment: bool | None = None
    """Whether another system fulfils it."""
    external_order_id: str | None = None
    """Its number there."""
    referer_id: str | None = None
    """Who referred the customer."""
    referer_channel: str | None = None
    """Through which channel."""
    platform_specific_fields: Texts | None = None
    """Fields of the other system."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class UtmData:
    """
    The campaign that brought the customer.

    Source: newer page "Get order", utmData. Assumed: the last two, as the vendor's own client
    has them.
    """

    source: str | None = None
    """Where the customer came from."""
    campaign: str | None = None
    """The campaign."""
    medium: str | None = None
    """By which kind of traffic."""
    mc_eid: str | None = None
    """Mailchimp's id of the reader."""
    mc_cid: str | None = None
    """Mailchimp's id of the campaign."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class UtmDataSet:
    """
    One visit through a campaign.

    Source: newer page "Get order", utmDataSets; `timestamp` is a number there and at times a
    text.
    """

    timestamp: int | str | None = None
    """When it was kept, in seconds or milliseconds since 1970."""
    source: str | None = None
    """Where the customer came from."""
    medium: str | None = None
    """By which kind of traffic."""
    campaign: str | None = None
    """The campaign."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class OrderExtraField:
    """
    A field of the store's own, with all there is to know of it.

    Source: newer page "Get order", OrderExtraFieldsInfo. Read-only: write `Order.extra_fields`.
    """

    id: str | None = None
    """Its name."""
    value: str | None = None
    """What the customer put in."""
    customer_input_type: str | None = None
    """``TEXT``, ``SELECT``, ``DATETIME`` or empty."""
    title: str | None = None
    """Its title in the checkout."""
    order_details_display_section: str | None = None
    """Where it is shown; empty where it is hidden."""
    order_by: str | None = None
    """Its place there: a number, as text."""
    extra: Mapping[str, Any] = kept()

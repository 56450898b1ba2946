"""Where an order came from, and the store's own fields."""

from __future__ import annotations

from ._base import Values, VendorStruct


class ExternalOrderData(VendorStruct, frozen=True, kw_only=True):
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
    platform_specific_fields: Values | None = None
    """Fields of the other system."""


class UtmData(VendorStruct, frozen=True, kw_only=True):
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


class UtmDataSet(VendorStruct, frozen=True, kw_only=True):
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


class OrderExtraField(VendorStruct, frozen=True, kw_only=True):
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

"""Refunds, cards and invoices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import frozen

from batchhub.wire import kept

from ._base import not_shown, vendor_record


@vendor_record
@frozen(kw_only=True)
class RefundInfo:
    """
    A refund.

    Source: newer page "Get order", RefundsInfo.
    """

    date: datetime | None = None
    """When."""
    source: str | None = None
    """Who made it: ``CP`` the store, ``API`` an app, ``External`` the payment processor."""
    reason: str | None = None
    """Why, in at most 256 characters."""
    amount: Decimal | None = None
    """How much."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class CreditCardStatus:
    """
    What the payment processor says of a card.

    Source: newer page "Get order", CreditCardStatus.
    """

    avs_message: str | None = None
    """On the address."""
    cvv_message: str | None = None
    """On the code."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class Invoice:
    """
    An invoice of the order.

    Source: newer page "Get order", Invoices.
    """

    internal_id: int | None = None
    """Its id inside the store."""
    id: str | None = None
    """Its number, as it is printed."""
    created: datetime | None = None
    """When it was made."""
    link: str | None = not_shown()
    """Where to download it. Opens without a password, so it is not shown in `repr`."""
    type: str | None = None
    """``SALE``, or ``FULL_CANCEL`` for a refund."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class Loyalty:
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
    extra: Mapping[str, Any] = kept()

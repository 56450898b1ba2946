"""Persons and their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from batchhub.wire import kept

from ._base import vendor_record


@vendor_record
@frozen(kw_only=True)
class PersonInfo:
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
    extra: Mapping[str, Any] = kept()

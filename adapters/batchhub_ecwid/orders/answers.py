"""What the order calls answer beside an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from batchhub.wire import kept

from ._base import vendor_record
from .order import Order


@vendor_record
@frozen(kw_only=True)
class OrderSearch:
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
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class OrderCreated:
    """
    The answer of a create.

    Source: the vendor's own client, OrderCreateResult. Assumed: `orderid`, which newer answers
    have, and that an id may be a text.
    """

    id: int | str | None = None
    """The order's number; where it is a text, the id."""
    orderid: str | None = None
    """The order's id."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class OrderUpdated:
    """
    The answer of an update.

    Source: newer page "Update order", UpdateStatus.
    """

    update_count: int | None = None
    """How many orders were changed: 1, or 0."""
    extra: Mapping[str, Any] = kept()


@vendor_record
@frozen(kw_only=True)
class OrderDeleted:
    """
    The answer of a delete.

    Source: the vendor's own client, OrderDeleteResult.
    """

    delete_count: int | None = None
    """How many orders were deleted: 1, or 0."""
    extra: Mapping[str, Any] = kept()

"""The kinds of entities of the store, each with its fields, its parameters and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from . import orders, people, products
from .collection import Collection, Entity
from .fields import Fields
from .parameters import LONGEST, Read
from .switches import EcwidSwitches


@frozen(kw_only=True)
class Kind:
    """
    One kind of entity.

    Attributes:
        path: The first part of its paths.
        fields: What may be written of it.
        collection: What there is of it.
        search: The parameters of a search.
        details: The parameters of reading one.
        matches: Makes what has to be true of those that a search finds.
        order: Says by what a search sorts, and whether downwards; by the numbers if left out.
        find_number: Finds the number that a part of a path stands for.
        complete: Adds what follows from the rest; changes nothing by default.
        required: What has to be there of a new one.
        says_zero: Whether deleting what isn't there is answered with a count of 0, not 404.
    """

    path: str
    fields: Fields
    collection: Collection
    search: Mapping[str, Read]
    details: Mapping[str, Read]
    matches: Callable[[Mapping[str, Any]], Sequence[Callable[[Entity], bool]]]
    order: Callable[[Mapping[str, Any]], tuple[Callable[[Entity], Any], bool] | None] | None = None
    find_number: Callable[[str], int | None]
    complete: Callable[[Entity], Entity] = lambda entity: entity
    required: str = "name"
    says_zero: bool = False


def make_kinds(switches: EcwidSwitches, store_url: str) -> dict[str, Kind]:
    """
    Make the kinds of a store, by the first part of their paths.

    Source: the vendor's documents of 2020, HTTP codes of the delete calls: products and
    categories have no 404.
    """
    kinds = (
        Kind(
            path="products",
            fields=products.FIELDS,
            collection=Collection(
                count=lambda: switches.products,
                make=products.make_product,
                make_core=products.make_core,
                make_new=products.make_new,
            ),
            search=products.SEARCH,
            details=products.DETAILS,
            matches=products.make_matches,
            order=products.find_order,
            find_number=read_id,
            complete=lambda product: products.complete(product, store_url),
            says_zero=True,
        ),
        Kind(
            path="orders",
            fields=orders.FIELDS,
            collection=Collection(count=lambda: switches.orders, make=orders.make_order),
            search=orders.SEARCH,
            details=orders.DETAILS,
            matches=orders.make_matches,
            find_number=orders.find_number,
            required="paymentStatus",
        ),
        Kind(
            path="customers",
            fields=people.CUSTOMER,
            collection=Collection(count=lambda: switches.customers, make=people.make_customer),
            search=people.CUSTOMERS,
            details=people.CUSTOMER_DETAILS,
            matches=people.match_customers,
            find_number=read_id,
            required="email",
        ),
        Kind(
            path="categories",
            fields=people.CATEGORY,
            collection=Collection(count=lambda: switches.categories, make=people.make_category),
            search=people.CATEGORIES,
            details=people.CATEGORY_DETAILS,
            matches=people.match_categories,
            find_number=read_id,
            says_zero=True,
        ),
    )
    return {kind.path: kind for kind in kinds}


def read_id(text: str) -> int | None:
    """Read the number of an entity in a path; `None` if it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST else None

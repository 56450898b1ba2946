"""The customers and the categories of the stand-in, made from their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .collection import Entity
from .fields import Fields
from .parameters import Read, count, flag, moment, number, numbers, response_fields, text, texts
from .products import FIRST_S, URLS, show_time

Match = Callable[[Entity], bool]

_FIRST_NAMES: Final = ("Ada", "Ben", "Cem", "Dora", "Emre", "Fay", "Gül")
_LAST_NAMES: Final = ("Abel", "Berg", "Costa", "Demir", "Evans")
_GROUPS: Final = ("Cups", "Bowls", "Plates", "Jars", "Vases", "Lamps", "Chairs", "Tables")

CUSTOMER: Final = Fields(
    "Customer",
    integer="customerGroupId",
    flag="taxIdValid taxExempt acceptMarketing",
    text="email password taxId lang privateAdminNotes primaryPhone b2b_b2c externalReferenceId",
    array="shippingAddresses contacts extrafields",
    record="billingPerson",
    read_only="id name registered updated totalOrderCount customerGroupName stats favorites",
)
"""Source: the vendor's Java client, `UpdatedCustomer` and `FetchedCustomer`."""

CATEGORY: Final = Fields(
    "Category",
    integer="parentId orderBy",
    flag="enabled isSampleCategory",
    text="name description seoTitle seoDescription customSlug",
    array="productIds",
    record="nameTranslated descriptionTranslated seoTitleTranslated seoDescriptionTranslated alt",
    read_only="id url productCount productCountWithoutSubcategories enabledProductCount imageUrl "
    "hdThumbnailUrl thumbnailUrl originalImageUrl originalImage",
)
"""Source: the vendor's Java client, `UpdatedCategory` and `FetchedCategory`."""

CUSTOMER_DETAILS: Final[Mapping[str, Read]] = {
    "responseFields": response_fields(CUSTOMER.names),
    "lang": text,
    "limit": count,
    "offset": count,
}
CATEGORY_DETAILS: Final[Mapping[str, Read]] = {
    **URLS,
    "responseFields": response_fields(CATEGORY.names),
    "limit": count,
    "offset": count,
}

CUSTOMERS: Final[Mapping[str, Read]] = {
    "responseFields": response_fields(CUSTOMER.names, under="items"),
    "lang": text,
    "limit": count,
    "offset": count,
    "keyword": text,
    "name": text,
    "email": text,
    "useExactEmailMatch": flag,
    "phone": text,
    "city": text,
    "postalCode": text,
    "countryCodes": texts,
    "stateOrProvinceCode": text,
    "companyName": text,
    "customerGroup": count,
    "customerGroupIds": numbers,
    "minOrderCount": count,
    "maxOrderCount": count,
    "minSalesValue": number,
    "maxSalesValue": number,
    "purchasedProductIds": numbers,
    "acceptMarketing": flag,
    "taxExempt": flag,
    "createdFrom": moment,
    "createdTo": moment,
    "updatedFrom": moment,
    "updatedTo": moment,
    "sortBy": text,
}
"""
The parameters of a search for customers; those that are not matched here have no effect.

Source: the vendor's document "Customers" of 2020; its Java client, `CustomersSearchRequest`.
"""

CATEGORIES: Final[Mapping[str, Read]] = {
    **URLS,
    "responseFields": response_fields(CATEGORY.names, under="items"),
    "limit": count,
    "offset": count,
    "keyword": text,
    "parent": count,
    "parentIds": numbers,
    "categoryIds": numbers,
    "hidden_categories": flag,
    "withSubcategories": flag,
    "productIds": flag,
}
"""
The parameters of a search for categories.

Source: the vendor's document "Categories" of 2020; its Java client, `CategoriesSearchRequest`.
"""

_CUSTOMERS: Final[Mapping[str, Callable[[Any], Match]]] = {
    "keyword": lambda words: lambda c: words.lower() in f"{_name_of(c)}\n{c['email']}".lower(),
    "name": lambda words: lambda c: words.lower() in _name_of(c).lower(),
    "email": lambda value: lambda c: value.lower() in c["email"].lower(),
    "acceptMarketing": lambda value: lambda c: c.get("acceptMarketing") is value,
    "taxExempt": lambda value: lambda c: c.get("taxExempt", False) is value,
    "createdFrom": lambda value: lambda c: c["registered"] >= show_time(value),
    "createdTo": lambda value: lambda c: c["registered"] <= show_time(value),
    "customerGroup": lambda value: lambda c: c.get("customerGroupId", 0) == value,
}
_CATEGORIES: Final[Mapping[str, Callable[[Any], Match]]] = {
    "keyword": lambda words: lambda c: words.lower() in c["name"].lower(),
    "parent": lambda value: lambda c: c.get("parentId", 0) == value,
    "parentIds": lambda values: lambda c: c.get("parentId", 0) in values,
    "categoryIds": lambda values: lambda c: c["id"] in values,
}


def make_customer(number: int) -> Entity:
    """Make the customer of a number."""
    name = f"{_FIRST_NAMES[number % 7]} {_LAST_NAMES[number % 5]}"
    registered = show_time(FIRST_S + 3600 * number)
    return {
        "id": number,
        "name": name,
        "email": f"customer{number}@example.com",
        "registered": registered,
        "updated": registered,
        "totalOrderCount": number % 4,
        "customerGroupId": 0,
        "customerGroupName": "General",
        "billingPerson": {"name": name, "city": "Berlin", "countryCode": "DE"},
        "shippingAddresses": [],
        "taxExempt": False,
        "taxIdValid": True,
        "acceptMarketing": number % 2 == 0,
    }


def make_category(number: int) -> Entity:
    """Make the category of a number; each is at the top."""
    return {
        "id": number,
        "parentId": 0,
        "orderBy": 10 * number,
        "name": f"{_GROUPS[number % 8]} {number}",
        "description": "",
        "enabled": True,
        "productCount": 0,
        "enabledProductCount": 0,
    }


def match_customers(query: Mapping[str, Any]) -> list[Match]:
    """Make what has to be true of a customer that a search finds."""
    return [_CUSTOMERS[name](value) for name, value in query.items() if name in _CUSTOMERS]


def match_categories(query: Mapping[str, Any]) -> list[Match]:
    """Make what has to be true of a category; hidden ones are found when asked for."""
    found = [_CATEGORIES[name](value) for name, value in query.items() if name in _CATEGORIES]
    if not query.get("hidden_categories"):
        found.append(lambda category: category["enabled"] is not False)
    return found


def _name_of(customer: Entity) -> str:
    return str((customer.get("billingPerson") or {}).get("name") or customer.get("name") or "")

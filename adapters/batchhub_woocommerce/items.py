"""The fields of products and variations: what each takes, and which may be set twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from batchhub.adapter import Kind, write_fields
from batchhub.errors import InputError

OPERATIONS = UPDATE, CREATE, DELETE = "update", "create", "delete"
"""The lists that a batch has. Source: REST API docs, "Batch update products"."""

_FIELDS: Final = {
    Kind.INTEGER: "id product_id parent_id stock_quantity low_stock_amount menu_order "
    "download_limit download_expiry",
    Kind.NUMBER_AS_TEXT: "regular_price sale_price weight dimensions.length dimensions.width "
    "dimensions.height",
    Kind.FLAG: "featured virtual downloadable manage_stock sold_individually reviews_allowed",
    Kind.TEXT: "sku global_unique_id name slug description short_description type status "
    "catalog_visibility tax_class tax_status stock_status backorders shipping_class purchase_note "
    "post_password external_url button_text date_created date_created_gmt date_on_sale_from "
    "date_on_sale_from_gmt date_on_sale_to date_on_sale_to_gmt",
}

KINDS: Final = {name: kind for kind, names in _FIELDS.items() for name in names.split()}
"""
What the fields take. Prices, weights and sizes are numbers to people and text to the shop.

Source: REST API docs, "Product properties", "Product variation properties"; global_unique_id,
low_stock_amount and post_password are in class-wc-rest-products-controller.php only.
"""

SETS: Final = {name.partition(".")[0] for name in KINDS} | {
    *("upsell_ids", "cross_sell_ids", "grouped_products", "categories", "tags"),
    *("attributes", "default_attributes", "meta_data"),
}
"""
Fields of which nothing is different if they are set twice.

Not among them: `inventory_delta` is added to the stock, `images`, `image` and `downloads` are
fetched and stored once more, and of the fields of other plug-ins nobody knows. `meta_data` takes
the place of what has its key.

Source: class-wc-rest-products-controller.php, prepare_object_for_database, set_product_images;
class-wc-data.php, update_meta_data.
"""

_NAMES: Final = ("id", "product_id")
_NUMBERS: Final = dict.fromkeys(_NAMES, Kind.INTEGER)


def check_item(operation: str, item: Any) -> None:
    """
    Refuse an item that names no product, or changes nothing of one.

    Assumed: numbers of posts are above zero, as WordPress counts them.

    Raises:
        InputError: It is such an item.
    """
    if not isinstance(item, Mapping):
        return  # what else it is, encoding says
    for name, number in write_fields(item, _NUMBERS).items():
        if name in _NAMES and number is not None and number <= 0:
            raise InputError(f"{name} must be a number above 0, not {number}")
    if operation == UPDATE and item.get("id") is not None and not set(item).difference(_NAMES):
        raise InputError("there is nothing to change: the item only names a product")

"""What an Ecwid item is about, as its path says, and so which fields it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from batchhub.adapter import Kind
from batchhub.errors import InputError

from .fields import (
    ANYTHING,
    CATEGORY,
    COUPON,
    CUSTOMER,
    EXTRA_FIELD,
    GROUP,
    ORDER,
    PRODUCT,
    STOCK,
    VARIATION,
    Thing,
)
from .paths import split_path

_PLACES: Final[dict[tuple[str, ...], Thing]] = {
    ("products",): PRODUCT,
    ("products", "inventory"): STOCK,
    ("products", "combinations"): VARIATION,
    ("products", "combinations", "inventory"): STOCK,
    ("orders",): ORDER,
    ("orders", "extraFields"): EXTRA_FIELD,
    ("customers",): CUSTOMER,
    ("customer_groups",): GROUP,
    ("categories",): CATEGORY,
    ("discount_coupons",): COUPON,
}
"""
What is at a path: the names in it, without the ids between them.

Source: the newer pages on updating each (docs.ecwid.com, read 2026-11-30). Assumed: the path of
coupons and of groups, as the vendor's own client has them.
"""


def _find_texts() -> Thing:
    """Return what is text in each thing that has it."""
    found = {(name, kind) for thing in _PLACES.values() for name, kind in thing.body.items()}
    others = {name for name, kind in found if kind is not Kind.TEXT}
    return Thing(dict.fromkeys(sorted({name for name, _ in found} - others), Kind.TEXT))


_ANY_OF_THEM: Final = _find_texts()
_BY_NAMES: Final = {tuple(map(str.lower, names)): thing for names, thing in _PLACES.items()}
_BY_ROUTE: Final = {f"/{name}": thing for (name, *below), thing in _PLACES.items() if not below}
_PLAIN: Final = re.compile(r"(?:/[a-z0-9_-]+)+")  # in its one spelling already
_COLUMN: Final = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
_VARIES: Final = "\0"


def find_thing(path: object) -> Thing:
    """
    Return what an item is about, by its path in whatever spelling.

    Without a path it may be about any of the known things: what is text in all of them is text.
    """
    if not isinstance(path, str):
        return _ANY_OF_THEM
    # Nearly every path is in the vendor's own spelling, and of a million each call counts.
    thing = _BY_ROUTE.get(path.rpartition("/")[0])
    if thing is not None:
        return thing
    thing = _PLACES.get(tuple(path[1:].split("/")[::2]))
    if thing is not None and path[0] == "/" and "?" not in path:
        return thing
    if _PLAIN.fullmatch(path):
        return ANYTHING
    try:
        return _look_up(split_path(path))
    except InputError:
        return ANYTHING


def find_thing_of_map(template: str) -> Thing | None:
    """
    Return what every item is about whose path is made of a template; `None` if that differs.

    Each column fills in one part of the path at most, since it is percent-encoded.
    """
    segments = split_path(_COLUMN.sub(_stand_in, template))
    if any(_VARIES in name for name in segments[::2]):
        return None
    return _look_up(segments)


def _stand_in(match: re.Match[str]) -> str:
    return {"{{": "{", "}}": "}"}.get(match[0], _VARIES)


def _look_up(segments: Sequence[str]) -> Thing:
    return _BY_NAMES.get(tuple(segments[::2]), ANYTHING)

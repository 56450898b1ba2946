"""What all types of the Order page have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

Texts = Mapping[str, str | None]
"""Texts by name or by language. Assumed: a value may be null, as any field of an order may."""

Values = Mapping[str, Any]
"""
Values by name. The page has texts; carts of 2018 have numbers among them, which stay exact:
an `int`, or a `Decimal` where there is a fraction.
"""


class VendorStruct(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False
):
    """
    An object of the vendor's, by its documented fields.

    What is `None` is left out, in JSON and in `repr`. The vendor's other fields are in
    `ItemResult.body`.
    """

    not_shown: ClassVar[tuple[str, ...]] = ()
    """Fields that `repr` leaves out: whoever has their value can use it."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """List the names and values of what there is and may be shown."""
        pairs = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(n, value) for n, value in pairs if value is not None and n not in self.not_shown]

    def __repr__(self) -> str:
        """Show what there is and may be shown."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

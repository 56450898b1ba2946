"""What a type looks like on the wire: its fields' names there, and where records are in it."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Union, get_args, get_origin

from attrs import field, frozen

LAYOUT: Final = "__wire_layout__"
"""The attribute of a record's class that holds its `Layout`."""


@frozen(kw_only=True)
class WireField:
    """
    A field of a record.

    Attributes:
        name: Its name in Python.
        wire: Its name on the wire.
        type: Its type, resolved.
        is_required: Whether an object without it is none of the record's.
    """

    name: str
    wire: str
    type: Any
    is_required: bool


@frozen(kw_only=True)
class Layout:
    """
    How a record is written.

    Attributes:
        fields: Its fields without `extra`, in their order.
        time_form: How its times are written, for `strftime`; `None` is ISO 8601 in UTC.
        keeps_extra: Whether it has a field `extra` for what it does not name.
    """

    fields: tuple[WireField, ...]
    time_form: str | None
    keeps_extra: bool
    known: frozenset[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Work out the names that are known."""
        object.__setattr__(self, "known", frozenset(member.wire for member in self.fields))


@frozen(kw_only=True)
class Shape:
    """
    Where records are in a type.

    Attributes:
        is_record: Whether an object here is a record that keeps what it does not name.
        known: The names of the record's fields on the wire.
        members: The shapes of its fields that have records in them, by their wire names.
        elements: The shape of a list's elements, or of a mapping's values.
    """

    is_record: bool = False
    known: frozenset[str] = frozenset()
    members: Mapping[str, Shape] = field(factory=dict)
    elements: Shape | None = None


def layout_of(kind: Any) -> Layout | None:
    """Return a record's layout; `None` for what is no record."""
    return getattr(kind, LAYOUT, None) if isinstance(kind, type) else None


def is_union(kind: Any) -> bool:
    """Tell whether a type is a union, of either spelling."""
    return get_origin(kind) in {Union, types.UnionType}


@cache
def shape_of(kind: Any) -> Shape | None:
    """Find the records in a type; `None` if there are none."""
    if (layout := layout_of(kind)) is not None:
        found = {member.wire: shape_of(member.type) for member in layout.fields}
        members = {wire: shape for wire, shape in found.items() if shape is not None}
        return Shape(is_record=layout.keeps_extra, known=layout.known, members=members)
    inner = [shape for part in get_args(kind) if (shape := shape_of(part)) is not None]
    if not inner:
        return None
    if not is_union(kind):
        return Shape(elements=inner[-1])
    elements = next((shape.elements for shape in inner if shape.elements is not None), None)
    record = next((shape for shape in inner if shape.elements is None), Shape())
    return Shape(
        is_record=record.is_record, known=record.known, members=record.members, elements=elements
    )

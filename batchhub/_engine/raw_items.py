"""Items as users hand them over: mappings or `BatchItem`, with an id of their own or without."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from batchhub._base.frames import Frame
from batchhub._base.scalars import convert_all, to_python
from batchhub.errors import InputError
from batchhub.models import BatchItem, InputHead
from batchhub.models.rows import RowSink

from .guarded import GuardedAdapter

_MAKE_MAPPING: Final = ("model_dump", "_asdict", "to_dict")
"""What objects of Pydantic, named tuples and rows of a frame have to be mappings."""

RawItem: TypeAlias = BatchItem | Mapping[str, Any]
"""An item as users pass it."""

RawItems: TypeAlias = Iterable[RawItem] | AsyncIterable[RawItem] | Frame
"""Items as users pass them: one by one, or as the rows of a frame."""

MAX_ID_BYTES: Final = 256
"""The longest id of an item."""


@runtime_checkable
class CountsRows(Protocol):
    """
    Items that are made of rows, of which some make no item.

    An item has the number of its row then, also as its id where it has none of its own: whatever
    becomes of the rows before, the same row is the same item.

    Attributes:
        row: The number of the row the last item was made of, from 1; set before it is yielded.
        line: Where that row is, as users count.
        place: What `line` counts, such as ``line``.
    """

    row: int
    line: int
    place: str


@runtime_checkable
class KeepsRows(CountsRows, Protocol):
    """
    Items whose rows can be kept, so that their results can be shown beside them.

    Attributes:
        head: What is known of the rows as a whole; `None` before the first one.
    """

    head: InputHead | None

    def keep_rows(self, sink: RowSink) -> None:
        """Hand every row to `sink` from now on, those too that make no item."""


def convert_item(raw: RawItem) -> RawItem:
    """Return an item with Python's own values in place of numpy's: an adapter knows no others."""
    if isinstance(raw, BatchItem):
        payload, item_id = convert_all(raw.payload), to_python(raw.id)
        is_same = payload is raw.payload and item_id is raw.id
        return raw if is_same else BatchItem(id=item_id, payload=payload)
    return convert_all(raw) if isinstance(raw, Mapping) else raw  # type: ignore[no-any-return]


def normalise(raw: RawItem, position: int, adapter: GuardedAdapter, operation: str) -> BatchItem:
    """
    Give an item its id; take the id out of the payload unless the vendor has one there.

    Args:
        raw: The item.
        position: Its number, which is its id if nothing else is.
        adapter: May know an id in the payload.
        operation: The kind of batch.

    Raises:
        InputError: It is no item, or its id can't be one.
    """
    claims_id = adapter.claims_id
    if type(raw) is BatchItem or isinstance(raw, BatchItem):
        item_id, payload = raw.id, raw.payload
        if item_id is None and claims_id:
            item_id = payload.get("id")
    elif type(raw) is dict or isinstance(raw, Mapping):
        item_id, payload = raw.get("id"), raw
        if not claims_id and "id" in raw:
            payload = dict(raw)
            payload.pop("id", None)
    else:
        raise InputError(
            f"an item is a mapping or a BatchItem, not {type(raw).__name__}{_hint_item(raw)}"
        )
    if item_id is None:
        item_id = adapter.item_id(operation, payload)
    elif claims_id and isinstance(item_id, int) and not isinstance(item_id, bool):
        item_id = str(item_id)  # the vendor's own number
    if item_id is None:
        item_id = str(position)
    elif type(item_id) is not str or not item_id.isascii() or not 0 < len(item_id) <= MAX_ID_BYTES:
        item_id = _check_id(item_id)
    if type(raw) is BatchItem and raw.id is item_id:
        return raw
    return BatchItem(id=item_id, payload=payload)


def hint_items(given: object) -> str:
    """Return what to do with something that is no iterable of items; the end of a message."""
    if isinstance(given, str | os.PathLike):
        return "; a file is read by batchhub.tables.read_items"
    if isinstance(given, Mapping | BatchItem):
        return "; put it in a list, if it is an item"
    return ""


def _hint_item(given: object) -> str:
    """Return what makes a mapping of an object; the end of a message."""
    kind = type(given)
    for name in _MAKE_MAPPING:
        if callable(getattr(kind, name, None)):
            return f"; what its {name}() gives may be one"
    if hasattr(kind, "__dataclass_fields__"):
        return "; what dataclasses.asdict() makes of it may be one"
    return ""


def _check_id(item_id: object) -> str:
    if item_id == "":
        raise InputError("the id is empty; write one, or leave the id out")
    if not isinstance(item_id, str):
        raise InputError(f"the id {item_id!r} is not text; write it in quotes")
    item_id = str.__str__(item_id)  # of a subclass, such as an enumeration, the plain text
    try:
        size = len(item_id.encode())
    except UnicodeEncodeError:
        raise InputError(f"the id {item_id!r} is no valid Unicode text") from None
    if size > MAX_ID_BYTES:
        raise InputError(f"the id takes {size} bytes; it may take {MAX_ID_BYTES}")
    return item_id

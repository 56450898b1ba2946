"""One item, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from attrs import field, frozen

from batchhub._base.json import loads
from batchhub._base.secrets import blank, blank_json

from .states import ItemState

T = TypeVar("T")


@frozen(kw_only=True)
class BatchItem:
    """
    One unit of work.

    Attributes:
        id: Identifies the item in the results, unique in its job. `None` stands for its position
            in the input, from 1, as text.
        payload: The item in the vendor's own form.
    """

    id: str | None = None
    payload: Mapping[str, Any]


@frozen(kw_only=True)
class ItemResult:
    """
    The result of one item.

    Attributes:
        id: The item's id.
        state: How it went.
        code: The item's own HTTP status; `None` if the vendor gave none.
        message: The vendor's message on a failure, or why the outcome is unknown.
        vendor_ref: The vendor's id of the request the item was sent with, if known.
    """

    id: str
    state: ItemState
    code: int | None = None
    message: str | None = None
    vendor_ref: str | None = None
    raw: bytes | None = field(default=None, repr=False)
    """The vendor's answer for this item, unchanged; it may be a JSON text that holds JSON."""

    @property
    def body(self) -> Any:
        """
        The vendor's answer for this item: JSON, else text, else `None`. Decoded on each access.

        JSON inside a JSON text is decoded too.
        """
        if self.raw is None:
            return None
        try:
            value = loads(blank_json(self.raw))
        except ValueError:
            return blank(self.raw.decode("utf-8", "replace")) or None
        if isinstance(value, str) and value.startswith(("{", "[")):
            try:
                return loads(blank_json(value.encode()))
            except ValueError:
                return value
        return value

    def as_(self, kind: type[T]) -> T:
        """
        Make an object of a type from the vendor's answer for this item.

        The type may be a `msgspec.Struct`, an attrs class, a dataclass, a `TypedDict`, a
        Pydantic model, or a list or mapping of these. It is read by `batchhub.wire.converter`,
        anew at each call. Look at `state` first: the body of an item that failed is the
        vendor's error.

        Raises:
            BodyError: If there is no body, or it is none of that type; it names
                the item and the fields that are wrong, with their paths.
        """
        raw = None if self.raw is None else blank_json(self.raw)
        made: T = _load_reader()(raw, kind, self.id)
        return made


@cache
def _load_reader() -> Callable[[bytes | None, Any, str], Any]:
    # cattrs is slow to import, and an import is slow to pass by for each of many items.
    from batchhub._wire.body import read_body  # noqa: PLC0415

    return read_body

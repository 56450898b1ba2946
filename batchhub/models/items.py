"""One item, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from attrs import field, frozen

from batchhub._base.json import loads
from batchhub._base.secrets import blank, blank_json
from batchhub._base.show import clean
from batchhub.errors import ItemFailedError

from .plain import Plain
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
class ItemResult(Plain):
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

    def to_dict(self) -> dict[str, Any]:
        """
        Return its six facts by their names, as a line of JSON Lines has them, for `json.dumps`.

        The body is as `body` gives it.
        """
        return {
            "id": self.id,
            "state": self.state.value,
            "code": self.code,
            "message": self.message,
            "body": self.body,
            "vendor_ref": self.vendor_ref,
        }

    @classmethod
    def _plain_types(cls) -> Mapping[str, Any]:
        """Return what `to_dict` gives under each name, as types."""
        return {
            "id": str,
            "state": ItemState,
            "code": int | None,
            "message": str | None,
            "body": Any,
            "vendor_ref": str | None,
        }

    def as_(self, kind: type[T]) -> T:
        """
        Make an object of a type from the vendor's answer for this item.

        The type may be a `msgspec.Struct`, an attrs class, a dataclass, a `TypedDict`, a
        Pydantic model, or a list or mapping of these. It is read by `batchhub.wire.converter`,
        anew at each call; fields that the type does not have are left out. JSON inside a JSON text
        is read as well.

        Raises:
            ItemFailedError: The item failed, was not executed, or nobody knows: its body is the
                vendor's error, if there is one, and no object of the type. `body` has it.
            BodyError: There is no body, or it is none of that type; it names the item and the
                fields that are wrong, with their paths.
        """
        if self.state is not ItemState.SUCCEEDED:
            raise self._make_error()
        raw = None if self.raw is None else blank_json(self.raw)
        made: T = _load_reader()(raw, kind, self.id)
        return made

    def _make_error(self) -> ItemFailedError:
        """Return what is raised where the object of an item is wanted that did not succeed."""
        words = _WORDS[self.state].format(clean(self.id, 60))
        code = "" if self.code is None else f" with code {self.code}"
        reason = f": {clean(self.message, _LONGEST)}" if self.message else ""
        return ItemFailedError(
            f"{words}{code}{reason}",
            item_id=self.id,
            state=self.state.value,
            code=self.code,
            reason=self.message,
        )


_LONGEST: Final = 300
_WORDS: Final = {
    ItemState.FAILED: "item {!r} failed",
    ItemState.NOT_EXECUTED: "item {!r} was not executed",
    ItemState.UNKNOWN: "nobody knows how item {!r} went",
}
"""What is said of an item that did not succeed."""


@cache
def _load_reader() -> Callable[[bytes | None, Any, str], Any]:
    # cattrs is slow to import, and an import is slow to pass by for each of many items.
    from batchhub._wire.body import read_body  # noqa: PLC0415

    return read_body

"""What kind of value a field of an item takes, and how a table of kinds is laid over an item."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Final

from attrs import define, field

from .values import write_flag, write_integer, write_number, write_number_as_text, write_text


class Kind(enum.Enum):
    """
    What a field takes. Out of a table every value is text, so its kind decides what it becomes.

    Attributes:
        INTEGER: A whole number.
        NUMBER: A number; every digit is kept.
        NUMBER_AS_TEXT: A number that is sent as text; an empty text, which clears it, stays one.
        TEXT: Text, whatever it looks like, with all that is in it where it is an object or a list.
        FLAG: True or false.
    """

    INTEGER = "integer"
    NUMBER = "number"
    NUMBER_AS_TEXT = "number_as_text"
    TEXT = "text"
    FLAG = "flag"


def read_key(item: Any, name: str) -> str | None:
    """
    Return what a field that names an item holds, as text; `None` if nothing does.

    Args:
        item: The item.
        name: The field's name, dotted where it is nested.
    """
    value = item
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def find_kind(kinds: Mapping[str, Kind], path: Sequence[str]) -> Kind | None:
    """
    Return what a field takes, by a table of kinds; `None` for anything.

    Args:
        kinds: What each field takes, as `Adapter.fields` gives it.
        path: Where the field is, from the outside in. All that is in a text field is text.
    """
    layer, kind = _find_layer(kinds), None
    for key in path:
        node = layer.get(key)
        if node is None:
            return None
        layer, kind = node.inner, node.kind
        if kind is Kind.TEXT:
            break
    return kind


def write_fields(item: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """
    Return an item with each field in the form it is sent in; other fields stay as they are.

    Args:
        item: The item, of JSON's own types and `decimal.Decimal`.
        kinds: What each field takes; nested ones by dotted names, which also reach into lists.
            A field that is missing or `None` takes anything. The table is not to change later: it
            is read once, and costs an item only what the item has.

    Raises:
        InputError: A field does not have a value of its kind; the message names it.
    """
    known = _layers.get(id(kinds))
    # Of a million items each call counts.
    layer = known[1] if known is not None and known[0] is kinds else _find_layer(kinds)
    written: dict[str, Any] = _write(item, layer)
    return dict(item) if written is item else written


_NOTHING: Final = frozenset({type(None)})
_EASY: Final[Mapping[Kind, frozenset[type]]] = {
    Kind.INTEGER: _NOTHING | {int},
    Kind.NUMBER: _NOTHING | {int, float},
    Kind.NUMBER_AS_TEXT: _NOTHING,
    Kind.TEXT: _NOTHING | {str},
    Kind.FLAG: _NOTHING | {bool},
}
_WRITERS: Final[Mapping[Kind, Callable[[Any, str], Any]]] = {
    Kind.INTEGER: write_integer,
    Kind.NUMBER: write_number,
    Kind.NUMBER_AS_TEXT: write_number_as_text,
    Kind.TEXT: write_text,
    Kind.FLAG: write_flag,
}


@define
class _Node:
    """
    A place in a table of kinds.

    Attributes:
        name: Its dotted name.
        kind: What it takes, if it is named itself.
        write: Brings a value into the form of that kind.
        easy: Types of values that are in that form already.
        inner: What is in it, by key.
    """

    name: str
    kind: Kind | None = None
    write: Callable[[Any, str], Any] | None = None
    easy: frozenset[type] = _NOTHING
    inner: dict[str, _Node] = field(factory=dict)


_MOST_LAYERS: Final = 64
_layers: Final[dict[int, tuple[Mapping[str, Kind], dict[str, _Node]]]] = {}


def _find_layer(kinds: Mapping[str, Kind]) -> dict[str, _Node]:
    """Return a table of kinds by key; it is made once for each table."""
    known = _layers.get(id(kinds))
    # A table that is kept here can't share its id with another.
    if known is not None and known[0] is kinds:
        return known[1]
    layer = _make_layer(kinds)
    if len(_layers) >= _MOST_LAYERS:
        _layers.clear()
    _layers[id(kinds)] = kinds, layer
    return layer


def _make_layer(kinds: Mapping[str, Kind]) -> dict[str, _Node]:
    outermost = _Node(name="")
    for name, kind in kinds.items():
        node, path = outermost, name.split(".")
        for n, key in enumerate(path, 1):
            node = node.inner.setdefault(key, _Node(name=".".join(path[:n])))
        node.kind, node.write, node.easy = kind, _WRITERS[kind], _EASY[kind]
    return outermost.inner


def _write(part: Mapping[str, Any], layer: dict[str, _Node]) -> Any:
    """Return a part of an item with its fields written: itself where nothing is different."""
    written: dict[str, Any] | None = None
    for key, value in part.items():
        node = layer.get(key)
        if node is None:
            continue
        type_ = type(value)
        if type_ in node.easy and (type_ is not float or isfinite(value)):
            continue
        if node.write is not None:
            new = node.write(value, node.name)
        elif type_ is dict:
            new = _write(value, node.inner)
        else:
            new = _write_inner(value, node)
        if new is not value:
            written = dict(part) if written is None else written
            written[key] = new
    return part if written is None else written


def _write_inner(value: Any, node: _Node) -> Any:
    if isinstance(value, Mapping):
        return _write(value, node.inner)
    if isinstance(value, list):
        return [_write(each, node.inner) if isinstance(each, Mapping) else each for each in value]
    return value

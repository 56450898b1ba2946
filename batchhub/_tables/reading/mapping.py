"""From a row's columns to an item: templates with ``{column}`` in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, Protocol
from urllib.parse import quote

from attrs import frozen

from batchhub._base import json as _json
from batchhub._tables.wording import Say
from batchhub.adapter import RowMap
from batchhub.errors import InputError, UsageError

ID: Final = "id"
"""The key and the column that name an item in the results; always text."""

Path = tuple[str, ...]
"""Where a value goes in an item, from the outside in."""

_SHOWN: Final = 20
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_BRACES: Final = {"{{": "{", "}}": "}"}


class Row(Protocol):
    """What a template is filled from. Both raise `InputError` for what is missing or empty."""

    def value(self, column: str) -> Any:
        """Return a column's own value."""

    def text(self, column: str) -> str:
        """Return a column's text."""

    def find_id(self) -> str | None:
        """Return the text of the column ``id``; `None` if there is none, or it is empty."""


@frozen
class Template:
    """
    Text with the names of columns in it.

    Attributes:
        pieces: Its parts in order: whether it is a column's name, and the text or name.
    """

    pieces: tuple[tuple[bool, str], ...]

    @classmethod
    def parse(cls, text: str, where: str) -> Template:
        """
        Read ``/products/{product_id}``; ``{{`` and ``}}`` stand for braces.

        Args:
            text: The template.
            where: What to call it in messages.

        Raises:
            UsageError: A brace is left open, or names nothing.
        """
        pieces: list[tuple[bool, str]] = []
        for match in _PIECE.finditer(text):
            piece, name = match[0], match[1]
            if name is not None:
                if not name.strip():
                    raise UsageError(f"{where}: {piece} in {text!r} names no column")
                pieces.append((True, name.strip()))
            elif piece in {"{", "}"}:
                raise UsageError(
                    f"{where}: {text!r} has a {piece} alone; for a brace write {piece * 2}"
                )
            else:
                pieces.append((False, _BRACES.get(piece, piece)))
        return cls(tuple(pieces))

    @property
    def columns(self) -> list[str]:
        """The columns it names."""
        return [text for is_column, text in self.pieces if is_column]

    @property
    def constant(self) -> str | None:
        """Its text, if it names no column."""
        return None if self.columns else "".join(text for _, text in self.pieces)

    @property
    def only_column(self) -> str | None:
        """The column that it is, with nothing around it."""
        return self.pieces[0][1] if len(self.pieces) == 1 and self.pieces[0][0] else None

    def fill(self, row: Row, *, quoted: bool = False) -> str:
        """
        Write it with a row's texts.

        Args:
            row: Where they are.
            quoted: Whether they are percent-encoded, as parts of a URL are; blanks at their ends
                are left out, which no vendor's names have.
        """

        def write(is_column: bool, text: str) -> str:
            if not is_column:
                return text
            value = row.text(text)
            if not quoted:
                return value
            bare = value.strip()
            if not bare:
                raise InputError(f"column {text!r} is empty")
            return quote(bare, safe="")

        return "".join(write(*piece) for piece in self.pieces)


@frozen(kw_only=True)
class Field:
    """One value of an item, and how it is made."""

    path: Path
    template: Template
    asked_by: str
    is_text: bool = False
    is_quoted: bool = False


class RowMaker:
    """
    Makes items of rows.

    Attributes:
        fields: The values of an item.
    """

    def __init__(self, fields: Sequence[Field], read_constant: Callable[[str], Any]) -> None:
        self.fields = fields
        self._constants = {
            field.path: text if field.is_text or not text else read_constant(text)
            for field in fields
            if (text := field.template.constant) is not None
        }
        self._has_id = any(field.path == (ID,) for field in fields)

    def make(self, row: Row) -> dict[str, Any]:
        """
        Make one item.

        Raises:
            InputError: A column it needs is missing or empty.
        """
        item: dict[str, Any] = {}
        if not self._has_id and (item_id := row.find_id()) is not None:
            item[ID] = item_id
        for field in self.fields:
            holder = item
            for part in field.path[:-1]:
                holder = holder.setdefault(part, {})
            holder[field.path[-1]] = self._make_value(field, row)
        return item

    def _make_value(self, field: Field, row: Row) -> Any:
        if field.path in self._constants:
            return self._constants[field.path]
        column = field.template.only_column
        if column is not None and not field.is_text and not field.is_quoted:
            return row.value(column)
        return field.template.fill(row, quoted=field.is_quoted)


def make_fields(
    row_map: RowMap | None,
    assigned: Mapping[str, str],
    item_id: str | None,
    text_keys: frozenset[str],
    *,
    say: Say,
) -> list[Field]:
    """
    Bring `map`, `set` and `id` together.

    Raises:
        UsageError: A template is broken, or two of them give the same value.
    """
    keys: dict[str, tuple[str, str]] = {}
    quoted: frozenset[str] = frozenset()
    prefix = ""
    if row_map is not None:
        keys = {key: (text, say("map")) for key, text in row_map.templates.items()}
        quoted = row_map.quoted
        prefix = f"{row_map.set_under}." if row_map.set_under else ""
    named = [(f"{prefix}{name}", text, say("set")) for name, text in assigned.items()]
    if item_id is not None:
        named.append((ID, item_id, say("id")))
    for key, text, asked_by in named:
        if key in keys:
            raise UsageError(f"{key!r} is given by {keys[key][1]} and by {asked_by}; give it once")
        keys[key] = (text, asked_by)
    try:
        paths = make_paths(keys)
    except UsageError as error:
        raise UsageError(f"{say('set')}: {error}") from None
    return [
        Field(
            path=path,
            template=Template.parse(text, asked_by),
            asked_by=asked_by,
            is_text=path == (ID,) or is_text(path, text_keys),
            is_quoted=key in quoted,
        )
        for path, (key, (text, asked_by)) in zip(paths, keys.items(), strict=True)
    ]


class ObjectRow:
    """A JSON object as a row; `a.b` is `b` in `a`, where there is no key of that name."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self._item = item

    def value(self, column: str) -> Any:
        """Return a key's value."""
        found = self._find(column)
        if found is None or found == "":
            if column.partition(".")[0] in self._item:
                raise InputError(f"{column!r} is empty")
            raise InputError(f"there is no {column!r} in it{suggest(column, list(self._item))}")
        return found

    def text(self, column: str) -> str:
        """Return a key's value as text; of a number its digits."""
        found = self.value(column)
        if isinstance(found, str):
            return found
        if isinstance(found, dict | list):
            kind = "an object" if isinstance(found, dict) else "an array"
            raise InputError(f"{column!r} is {kind}, which is no text")
        return _json.dumps(found).decode()

    def find_id(self) -> str | None:
        """Return the object's own id."""
        return None if self._item.get(ID) in (None, "") else self.text(ID)

    def _find(self, column: str) -> Any:
        if column in self._item:
            return self._item[column]
        found: Any = self._item
        for part in column.split("."):
            if not isinstance(found, Mapping):
                return None
            found = found.get(part)
        return found


def make_paths(names: Iterable[str]) -> list[Path]:
    """
    Split dotted names.

    Raises:
        UsageError: A name has an empty part, or one is both a value and what holds others.
    """
    paths: dict[Path, str] = {}
    holders: dict[Path, str] = {}
    for name in names:
        path = tuple(name.split("."))
        if "" in path:
            raise UsageError(f"{name!r} has a part that is empty; write it as in body.price")
        if path in paths:
            raise UsageError(f"{name!r} is there twice")
        paths[path] = name
        holders.update({path[:n]: name for n in range(1, len(path))})
    for path, name in paths.items():
        if path in holders:
            raise UsageError(
                f"{name!r} can't be a value and hold {holders[path]!r} too; leave one of them out"
            )
    return list(paths)


def is_text(path: Path, text_keys: Iterable[str]) -> bool:
    """Whether a value is text whatever it looks like: it, or what holds it, is named so."""
    keys = set(text_keys)
    return any(".".join(path[:n]) in keys for n in range(1, len(path) + 1))


def suggest(name: str, known: Sequence[str]) -> str:
    """Write the nearest of the known names and all of them, as the end of a message."""
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    shown = ", ".join(known[:_SHOWN])
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"; {hint}known: {shown}{more}"

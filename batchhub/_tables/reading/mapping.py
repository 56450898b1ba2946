"""From a row's columns to an item: templates with ``{column}`` in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import methodcaller
from typing import Any, Final
from urllib.parse import quote

from attrs import frozen

from batchhub._base import json as _json
from batchhub._tables.formats import suggest
from batchhub.errors import InputError, UsageError

ID: Final = "id"
"""The key and the column that name an item in the results; always text."""

Path = tuple[str, ...]
"""Where a value goes in an item, from the outside in."""

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_BRACES: Final = {"{{": "{", "}}": "}"}


class Row:
    """
    What an item is made of: a JSON object, or the cells of a table by their columns.

    `a.b` is `b` in `a`, where there is no key of that name.

    Args:
        values: The values by their names.
        read: Makes a value of a cell.
    """

    def __init__(
        self, values: Mapping[str, Any], read: Callable[[str, str], Any] | None = None
    ) -> None:
        self._values = values
        self._read = read

    def has(self, column: str) -> bool:
        """Whether there is a value."""
        return self._find(column) not in (None, "")

    def value(self, column: str) -> Any:
        """Return a column's own value; raises `InputError` if it is missing or empty."""
        found = self._find(column)
        if found not in (None, ""):
            return found if self._read is None else self._read(column, found)
        if column in self._values or column.partition(".")[0] in self._values:
            raise InputError(f"{column!r} is empty")
        raise InputError(f"there is no {column!r} in it{suggest(column, list(self._values))}")

    def text(self, column: str) -> str:
        """Return a column's text, of a number its digits; raises `InputError` if it has none."""
        found = self._find(column)
        if found in (None, ""):
            found = self.value(column)
        if isinstance(found, dict | list):
            kind = "an object" if isinstance(found, dict) else "an array"
            raise InputError(f"{column!r} is {kind}, not text")
        return found if isinstance(found, str) else _json.dumps(found).decode()

    def quoted(self, column: str) -> str:
        """Return a column's text as a part of a URL; raises `InputError` if it has none."""
        text = self.text(column).strip()
        if not text:
            raise InputError(f"{column!r} is empty")
        return quote(text, safe="")

    def _find(self, column: str) -> Any:
        if column in self._values:
            return self._values[column]
        found: Any = self._values
        for part in column.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


@frozen(kw_only=True)
class Field:
    """
    One value of an item.

    Attributes:
        path: Where it goes.
        find: Finds it in a row.
        columns: The columns it is made of.
        asked_by: The argument that asks for it.
        is_optional: Whether it is left out where its column is empty.
    """

    path: Path
    find: Callable[[Row], Any]
    columns: Sequence[str]
    asked_by: str = ""
    is_optional: bool = False


def make_item(fields: Iterable[Field], row: Row) -> dict[str, Any]:
    """
    Make an item of a row.

    Raises:
        InputError: A column it needs is missing or empty, or a cell can't be read.
    """
    item: dict[str, Any] = {}
    for field in fields:
        if field.is_optional and not row.has(field.columns[0]):
            continue
        holder = item
        for part in field.path[:-1]:
            holder = holder.setdefault(part, {})
        holder[field.path[-1]] = field.find(row)
    return item


def take_column(path: Path, column: str, *, is_text: bool) -> Field:
    """Make the field that is a column as it is, where it is not empty."""
    find = methodcaller("text" if is_text else "value", column)
    return Field(path=path, find=find, columns=[column], is_optional=True)


def fill_template(
    path: Path,
    text: str,
    asked_by: str,
    *,
    is_text: bool,
    is_quoted: bool,
    read_constant: Callable[[str], Any],
) -> Field:
    """
    Make the field that is a template such as ``/products/{product_id}``.

    A template that is one column gives its value, any other text; ``{{`` and ``}}`` stand for
    braces.

    Args:
        path: Where it goes.
        text: The template.
        asked_by: The argument it was given by.
        is_text: Whether the value is text whatever it looks like.
        is_quoted: Whether columns are percent-encoded, as parts of a URL are; blanks at their ends
            are left out, which no vendor's names have.
        read_constant: Reads a template that names no column, like a cell.

    Raises:
        UsageError: A brace is left open, or names nothing.
    """
    pieces = _parse(text, asked_by)
    columns = [piece for is_column, piece in pieces if is_column]
    if not columns:
        constant: Any = "".join(piece for _, piece in pieces)
        try:
            constant = constant if is_text or not constant else read_constant(constant)
        except ValueError as error:
            raise UsageError(f"{asked_by}: {error}") from None
        return Field(path=path, find=lambda _: constant, columns=(), asked_by=asked_by)

    def fill(row: Row) -> str:
        find = row.quoted if is_quoted else row.text
        return "".join(find(piece) if is_column else piece for is_column, piece in pieces)

    is_value = len(pieces) == 1 and not (is_text or is_quoted)
    find = methodcaller("value", columns[0]) if is_value else fill
    return Field(path=path, find=find, columns=columns, asked_by=asked_by)


def _parse(text: str, asked_by: str) -> list[tuple[bool, str]]:
    """Split a template: whether a part is a column's name, and the name or text."""
    pieces: list[tuple[bool, str]] = []
    for match in _PIECE.finditer(text):
        piece, name = match[0], match[1]
        if name is not None:
            if not name.strip():
                raise UsageError(f"{asked_by}: {piece} in {text!r} names no column")
            pieces.append((True, name.strip()))
        elif piece in {"{", "}"}:
            raise UsageError(
                f"{asked_by}: {text!r} has a {piece} alone; for a brace write {piece * 2}"
            )
        else:
            pieces.append((False, _BRACES.get(piece, piece)))
    return pieces


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
        paths[path] = name
        holders.update({path[:n]: name for n in range(1, len(path))})
    for path, name in paths.items():
        if path in holders:
            raise UsageError(
                f"{name!r} can't be a value and hold {holders[path]!r} too; leave one of them out"
            )
    return list(paths)

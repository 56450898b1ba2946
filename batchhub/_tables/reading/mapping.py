"""What an item is made of: values by their place in it, each a template with ``{column}`` in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from attrs import frozen

from batchhub.errors import UsageError

ID: Final = "id"
"""The key and the column that name an item in the results; always text."""

Path = tuple[str, ...]
"""Where a value goes in an item, from the outside in."""

Pieces = tuple[tuple[bool, str], ...]
"""A template in pieces: whether each is the name of a column, and the name or the text."""

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_BRACES: Final = {"{{": "{", "}}": "}"}


@frozen(kw_only=True)
class Part:
    """
    One value of an item.

    Attributes:
        path: Where it goes.
        pieces: The template it is made by.
        asked_by: The argument that asks for it; empty for a column that is taken as it is.
        is_quoted: Whether columns are percent-encoded, as parts of a URL are; blanks at their ends
            are left out, which no vendor's names have.
        names: What users call it: its place without what the adapter sets all values under, its
            whole place, and its column.
    """

    path: Path
    pieces: Pieces
    asked_by: str = ""
    is_quoted: bool = False
    names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its place in the item, dotted."""
        return ".".join(self.path)

    @property
    def columns(self) -> list[str]:
        """The columns it is made of."""
        return [text for is_column, text in self.pieces if is_column]

    @property
    def column(self) -> str | None:
        """The one column whose value it is; `None` if it is text made of more, or of none."""
        is_value = len(self.pieces) == 1 and self.pieces[0][0] and not self.is_quoted
        return self.pieces[0][1] if is_value else None

    @property
    def is_constant(self) -> bool:
        """Whether no column is in it."""
        return not self.columns

    @property
    def constant(self) -> str | None:
        """Its text, if no column is in it."""
        return None if self.columns else "".join(text for _, text in self.pieces)


def take_column(path: Path, column: str) -> Part:
    """Make the value that is a column as it is."""
    return Part(path=path, pieces=((True, column),), names=(column,))


def make_part(
    path: Path, template: str, asked_by: str, *, is_quoted: bool, names: tuple[str, ...]
) -> Part:
    """
    Make the value that a template such as ``/products/{product_id}`` gives.

    A template that is one column gives its value, any other text; ``{{`` and ``}}`` stand for
    braces.

    Raises:
        UsageError: A brace is left open, or names nothing.
    """
    pieces = tuple(_parse(template, asked_by))
    return Part(path=path, pieces=pieces, asked_by=asked_by, is_quoted=is_quoted, names=names)


def put(item: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value at its place in an item."""
    for part in path[:-1]:
        item = item.setdefault(part, {})
    item[path[-1]] = value


def quote_part(text: str) -> str:
    """Write a text as a part of a URL."""
    return text if text.isalnum() and text.isascii() else quote(text, safe="")


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

"""From the header of a table to what its rows become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final

from batchhub.errors import InputError, UsageError

SEPARATORS: Final = (",", ";", "\t", "|")
"""What is known to separate the cells of tables."""

_SHOWN: Final = 20

Path = tuple[str, ...]
"""Where a value goes in an item, from the outside in."""


class Columns:
    """
    The columns of one table, by name.

    Attributes:
        names: Their names, in order.
        line: The line the header begins in.
    """

    def __init__(self, header: Sequence[str], line: int) -> None:
        """
        Take the first record for the header.

        Raises:
            InputError: A column has no name, or two have the same one.
        """
        self.names = [name.strip() for name in header]
        self.line = line
        seen: dict[str, int] = {}
        for number, name in enumerate(self.names, 1):
            if not name:
                raise InputError(f"column {number} of the header has no name", line=line)
            if name in seen:
                reason = f"the columns {seen[name]} and {number} are both named {name!r}"
                raise InputError(reason, line=line)
            seen[name] = number

    def check_known(self, names: Iterable[str], asked_by: str) -> None:
        """
        Refuse a column there is none of.

        Raises:
            InputError: It names the columns there are, and the nearest.
        """
        for name in names:
            if name not in self.names:
                raise InputError(
                    f"{asked_by}: there is no column {name!r}{suggest(name, self.names)}",
                    line=self.line,
                )

    def check_cells(self, cells: Sequence[str], delimiter: str) -> None:
        """
        Refuse a row that has more cells than there are columns, or fewer.

        Raises:
            InputError: It counts both.
        """
        found, wanted = len(cells), len(self.names)
        if found == wanted:
            return
        many = found > wanted
        word = {",": "comma", ";": "semicolon", "\t": "tab"}.get(delimiter, repr(delimiter))
        hint = f"a {word} inside a cell needs quotes around the cell" if many else "is one missing?"
        cells_text = f"{found} cell{'s' * (found != 1)}"
        columns_text = f"{wanted} column{'s' * (wanted != 1)}"
        raise InputError(f"the row has {cells_text}, the header {columns_text}; {hint}")

    def find_other_separator(self, delimiter: str) -> str | None:
        """Return what seems to separate the cells of a header that is one column by `delimiter`."""
        if len(self.names) != 1:
            return None
        name = self.names[0]
        found = max((each for each in SEPARATORS if each != delimiter), key=name.count)
        return found if found in name else None

    def wrong_separator(self, other: str) -> InputError:
        """Make the error for a table that is separated by something else."""
        said = "tab" if other == "\t" else repr(other)
        reason = f"the header is one column, {self.names[0][:60]!r}; say --delimiter {said}"
        return InputError(reason, line=self.line)

    def make_paths(self) -> list[Path]:
        """
        Tell where each column goes in an item: `body.price` is `price` in `body`.

        Raises:
            InputError: A name has an empty part, or names a value and what holds it are both there.
        """
        try:
            return make_paths(self.names)
        except UsageError as error:
            raise InputError(str(error), line=self.line) from None


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


def put(item: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value where it goes in an item."""
    for part in path[:-1]:
        item = item.setdefault(part, {})
    item[path[-1]] = value


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

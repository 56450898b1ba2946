"""The columns of one table: their names, and which values of an item are made of which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from batchhub._adapter.kinds import find_kind
from batchhub._tables.formats import suggest
from batchhub.adapter import Kind
from batchhub.errors import InputError, UsageError

from .cells import NUMBERS
from .mapping import ID, Part, make_paths, put, take_column
from .marks import MARKS
from .rows import Cell, OddCell
from .settings import ReadSettings

MOST_KINDS: Final = 256
"""How many mappings of kinds are remembered at once, with what was made of each."""


class Columns:
    """
    The columns of one table, and the values of an item that are made of them.

    Args:
        names: The names in the header; `None` for a column without one.
        settings: What the user and the adapter say.
        beside: Names beside the table that are no columns, as those of a frame's index.

    Attributes:
        names: The names in the header.
        index: Where each column is.
        parts: The values of an item.
        whole_cells: Where the cells are that are values of an item as they are, by their keys.

    Raises:
        InputError: A column that is asked for is missing, or columns can't all be keys of an item.
    """

    def __init__(
        self, names: Sequence[str | None], settings: ReadSettings, beside: Sequence[str] = ()
    ) -> None:
        self.names = names
        self._beside = beside
        self.index = {name: n for n, name in enumerate(names) if name is not None}
        self._settings = settings
        self._alike: dict[frozenset[tuple[str, Kind]], Mapping[str, Kind]] = {}
        self._kept: dict[int, Mapping[str, Kind]] = {}
        parts = settings.parts
        self.parts: Sequence[Part] = self._take_columns() if parts is None else parts
        self._drop_missing_id()
        self._check_names()
        settings.empty_rules.check(self.parts, settings.say)
        self.whole_cells = {
            part.path[0]: self.index[part.column]
            for part in self.parts
            if part.column is not None and len(part.path) == 1
        }

    def kinds_of(self, cells: Sequence[Cell]) -> Mapping[str, Kind]:
        """Return what the fields of the item take that a row becomes: of equal ones the first."""
        known = self._settings.kinds
        if known is not None:
            return known
        found = self._settings.find_kinds(_TextItem(self, cells))
        return found if self._kept.get(id(found)) is found else self._keep(found)

    def _keep(self, kinds: Mapping[str, Kind]) -> Mapping[str, Kind]:
        """Keep one of equal mappings: an adapter may make another one for each row."""
        if len(self._alike) >= MOST_KINDS:
            self._alike.clear()
            self._kept.clear()
        kept = self._alike.setdefault(frozenset(kinds.items()), kinds)
        self._kept[id(kept)] = kept
        return kept

    def kind_of(self, part: Part, kinds: Mapping[str, Kind]) -> Kind | None:
        """
        Return what a value must be; `None` if nobody knows, so that its column decides.

        Raises:
            InputError: The user says something else than the adapter.
        """
        known = known_kind(part, kinds)
        column, said = part.column, self._settings
        if column is None:
            return Kind.TEXT if known is None else known
        if column in said.text and known not in {None, Kind.TEXT}:
            asked = said.say(text=[column])
            raise InputError(f"{asked}: {part.names[0]} must be {_DUE[known or Kind.TEXT]}")
        if column in said.number and known not in {None, *NUMBERS}:
            asked = said.say(number=[column])
            raise InputError(f"{asked}: {part.names[0]} is {_DUE[known or Kind.TEXT]}")
        if known is None and column in said.text:
            return Kind.TEXT
        return Kind.NUMBER if known is None and column in said.number else known

    def is_name(self, part: Part) -> bool:
        """Whether a value names the item, or what it changes."""
        return part.is_quoted or part.path in {(ID,), self._settings.key_path}

    def _take_columns(self) -> list[Part]:
        names = [name for name in self.index if name not in MARKS]
        try:
            return [
                take_column(path, name) for path, name in zip(make_paths(names), names, strict=True)
            ]
        except UsageError as error:
            raise InputError(str(error)) from None

    def _drop_missing_id(self) -> None:
        """The column of the ids need not be there, unless somebody asks for it."""
        self.parts = [
            part
            for part in self.parts
            if part.asked_by or part.column is None or part.column in self.index
        ]

    def _check_names(self) -> None:
        say, said = self._settings.say, self._settings
        asked = [([name], say("text")) for name in said.text]
        asked += [([name], say("number")) for name in said.number]
        asked += [(part.columns, part.asked_by) for part in self.parts if part.asked_by]
        for columns, asked_by in asked:
            for name in columns:
                if name not in self.index:
                    known = suggest(name, list(self.index))
                    if name in self._beside:
                        known = ", only an index; reset_index() makes a column of it"
                    raise InputError(f"{asked_by}: there is no column {name!r}{known}")


def known_kind(part: Part, kinds: Mapping[str, Kind]) -> Kind | None:
    """Return what the adapter says that a value must be; `None` if it does not know."""
    return Kind.TEXT if part.path == (ID,) else find_kind(kinds, part.path)


_DUE: Final = {
    Kind.INTEGER: "a whole number",
    Kind.NUMBER: "a number",
    Kind.NUMBER_AS_TEXT: "a number",
    Kind.TEXT: "text",
    Kind.FLAG: "true or false",
}


class _TextItem(Mapping[str, Any]):
    """The item a row becomes, with all its values as text; made only if somebody looks at it."""

    def __init__(self, columns: Columns, cells: Sequence[Cell]) -> None:
        self._columns = columns
        self._cells = cells
        self._made: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        # Of each row one key is asked for, or a few: the others are not made for that.
        at = self._columns.whole_cells.get(key)
        if at is None:
            return self._item[key]
        text = self._show(self._cells[at])
        if not text:
            raise KeyError(key)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._item)

    def __len__(self) -> int:
        return len(self._item)

    @property
    def _item(self) -> dict[str, Any]:
        if self._made is None:
            self._made = {}
            for part in self._columns.parts:
                text = "".join(self._text(each) if is_it else each for is_it, each in part.pieces)
                if text:
                    put(self._made, part.path, text)
        return self._made

    def _text(self, column: str) -> str:
        return self._show(self._cells[self._columns.index[column]])

    @staticmethod
    def _show(cell: Cell) -> str:
        return "" if isinstance(cell, OddCell) else str(cell)


def read_header(cells: Sequence[Cell]) -> list[str | None]:
    """
    Return the names of the columns; `None` for one without.

    Raises:
        InputError: Two have the same name, or a cell is no text.
    """
    names = [_read_name(cell) for cell in cells]
    places: dict[str, int] = {}
    for n, name in enumerate(names, 1):
        if name is not None and places.setdefault(name, n) != n:
            both = f"the columns {places[name]} and {n} are both named {name!r}"
            raise InputError(f"{both}; rename one")
    return names


def _read_name(cell: Cell) -> str | None:
    if isinstance(cell, OddCell):
        raise InputError(f"the header: {cell.name} {cell.reason}")
    return str(cell).strip() or None

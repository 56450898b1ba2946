"""From the cells of a row to an item, by what is known of each column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from batchhub._tables.formats import Notation
from batchhub.adapter import Kind
from batchhub.errors import InputError

from .cells import NUMBERS, CellReader, CellReaders, make_cell_reader, read_plain
from .columns import MOST_KINDS, Columns, known_kind
from .empty import Empty
from .figures import Weight, read_figure, show_readings, weigh
from .mapping import ID, Part, quote_part
from .rows import Cell
from .settings import ReadSettings
from .signs import name_invisible

_OMIT: Final = object()
"""In place of a value that is left out."""

_FEW: Final = 5

MISSING: Final = object()
"""The cell of a value that an object does not have, and need not."""

_Find = Callable[[Sequence[Any]], Any]
"""Finds a value in the cells of a row."""

_Step = tuple[tuple[str, ...], str, _Find, bool]
"""The keys around a value, its key, what finds it, and whether the user set it by name."""


class Maker:
    """
    Makes items of the rows of one table.

    Args:
        columns: Its columns.
        settings: What the user and the adapter say.
        readers: What reads its cells.
        whole: What the columns nobody knows are, each as a whole; others are as they come.

    Attributes:
        omitted: How many empty cells of rows that are items were left out, by the name of the
            value.
    """

    def __init__(
        self,
        columns: Columns,
        settings: ReadSettings,
        readers: CellReaders,
        whole: Mapping[str, Kind] | None = None,
    ) -> None:
        self.omitted: dict[str, int] = {}
        self._left_out: list[str] = []
        self._columns = columns
        self._settings = settings
        self._readers = readers
        self._whole = whole or {}
        self._steps: dict[int, tuple[Mapping[str, Kind], list[_Step], int]] = {}
        self._always = None if settings.kinds is None else self._prepare(settings.kinds)

    def make(self, cells: Sequence[Cell]) -> dict[str, Any]:
        """
        Make an item of a row.

        Raises:
            InputError: A cell is empty that may not be, or does not hold what its field takes.
        """
        steps, left = self._always or self._find_steps(cells)
        if self._left_out:
            self._left_out.clear()  # of a row that was refused
        item: dict[str, Any] = {}
        sets_any = bool(left)
        for around, key, find, is_set in steps:
            value = find(cells)
            if value is _OMIT:
                left -= is_set
            elif not around:
                item[key] = value
            else:
                holder = item
                for part in around:
                    holder = holder.setdefault(part, {})
                holder[key] = value
        if sets_any and not left:
            raise InputError(f"all cells that would change something are empty{self._show_set()}")
        for name in self._left_out:
            self.omitted[name] = self.omitted.get(name, 0) + 1
        return item

    def _show_set(self) -> str:
        """Name the columns that would change something, if they are few."""
        by_set, parts = self._settings.say("set"), self._columns.parts
        names = [name for part in parts if part.asked_by == by_set for name in part.columns]
        return f": {', '.join(names)}" if names and len(names) <= _FEW else ""

    def _find_steps(self, cells: Sequence[Cell]) -> tuple[list[_Step], int]:
        kinds = self._columns.kinds_of(cells)
        known = self._steps.get(id(kinds))
        if known is None or known[0] is not kinds:
            if len(self._steps) >= MOST_KINDS:
                self._steps.clear()
            self._steps[id(kinds)] = known = (kinds, *self._prepare(kinds))
        return known[1], known[2]

    def _prepare(self, kinds: Mapping[str, Kind]) -> tuple[list[_Step], int]:
        by_set = self._settings.say("set")
        steps = [
            (part.path[:-1], part.path[-1], self._finder(part, kinds), part.asked_by == by_set)
            for part in self._columns.parts
        ]
        return steps, sum(step[-1] for step in steps)

    def _finder(self, part: Part, kinds: Mapping[str, Kind]) -> _Find:
        constant = part.constant
        if constant is not None:
            value = self._read_constant(part, constant, kinds)
            return lambda _: value
        kind, column = self._columns.kind_of(part, kinds), part.column
        is_plain, is_name = False, self._columns.is_name(part)
        if kind is None and column is not None:
            kind = self._whole.get(column)
            is_plain = kind is Kind.NUMBER
        rule = self._settings.empty_rules.find(part, kind, is_name=is_name, say=self._settings.say)
        if part.is_quoted or part.path == (ID,):
            read = self._readers.name
        elif is_name and kind is Kind.TEXT:
            read = self._readers.key
        else:
            read = self._readers.plain if is_plain else self._readers.of(kind)
        if column is not None:
            return self._find_cell(part, column, read, rule)
        return self._find_text(part, _by_template(part, read) if kind in NUMBERS else read, rule)

    def _find_cell(self, part: Part, column: str, read: CellReader, rule: Empty) -> _Find:
        """Make what finds a value that is one cell."""
        at, on_empty = self._columns.index[column], self._on_empty(part, rule)
        label = self._readers.label.format(column)

        def find(cells: Sequence[Any]) -> Any:
            cell = cells[at]
            if cell == "":
                return on_empty(column)
            if cell is MISSING:
                return _OMIT
            try:
                return read(cell)
            except ValueError as error:
                if isinstance(cell, str) and not cell.strip():
                    return on_empty(column)
                raise InputError(f"{label}{error}") from None

        return find

    def _find_text(self, part: Part, read: CellReader, rule: Empty) -> _Find:
        """Make what finds a value that is a text with cells in it."""
        index, on_empty = self._columns.index, self._on_empty(part, rule)
        read_piece = self._readers.name if part.is_quoted else self._readers.text
        label = self._readers.label
        keeps_empty = rule is Empty.TEXT
        pieces = [(text, index[text] if is_it else -1) for is_it, text in part.pieces]

        def find(cells: Sequence[Any]) -> Any:
            texts = []
            for text, at in pieces:
                if at < 0:
                    texts.append(text)
                    continue
                cell = cells[at]
                if cell is MISSING:
                    return on_empty(text)
                try:
                    found: str = read_piece(cell)
                except ValueError as error:
                    raise InputError(f"{label.format(text)}{error}") from None
                if part.is_quoted:
                    found = _quote(text, found)
                if not found and not keeps_empty:
                    return on_empty(text)
                texts.append(found)
            try:
                return read("".join(texts))
            except ValueError as error:
                raise InputError(f"{part.names[0]}: {error}") from None

        return find

    def _on_empty(self, part: Part, rule: Empty) -> Callable[[str], Any]:
        """Make what is done where a cell is empty."""
        name, left_out = part.names[0], self._left_out

        def refuse(column: str) -> Any:
            hint = ""
            if part.path == (ID,):
                hint = f"; {self._settings.say(empty='id=omit')} numbers such rows"
            raise InputError(f"{column!r} is empty{hint}")

        def omit(_: str) -> Any:
            left_out.append(name)
            return _OMIT

        usual: dict[Empty, Callable[[str], Any]] = {
            Empty.REFUSE: refuse,
            Empty.OMIT: omit,
            Empty.NULL: lambda _: None,
            Empty.TEXT: lambda _: "",
        }
        return usual[rule]

    def _read_constant(self, part: Part, text: str, kinds: Mapping[str, Kind]) -> Any:
        return read_constant(part, text, known_kind(part, kinds), self._settings)


def _quote(column: str, text: str) -> str:
    """Return a name as a part of a URL; one with a character that nobody sees is another name."""
    if not text.isprintable() and (hidden := name_invisible(text)) is not None:
        raise InputError(f"column {column!r}: {text[:40]!r} {hidden}; delete it")
    return quote_part(text)


def _by_template(part: Part, read: CellReader) -> CellReader:
    """Make what reads a figure that a template puts together, perhaps with a mark of its own."""
    written = "".join(text for is_column, text in part.pieces if not is_column)
    notation = Notation.COMMA if "," in written else Notation.POINT if "." in written else None

    def read_figure_of_template(text: str) -> Any:
        found = read(text)
        if notation is not None and isinstance(found, Decimal | int):
            meant = read_figure(text, notation) if weigh(text) is Weight.EITHER else found
            if meant != found:
                raise ValueError(f"{show_readings(text)}; the template and the file differ")
        return found

    return read_figure_of_template


def read_constant(part: Part, text: str, kind: Kind | None, settings: ReadSettings) -> Any:
    """
    Return the value of a template that names no column.

    Raises:
        InputError: It is none that its field takes.
    """
    if kind is None:
        return read_plain(text) if text else text
    if kind is Kind.TEXT:
        return text
    notation = settings.notation
    if notation is None and kind is not Kind.FLAG:
        weight = weigh(text)
        if weight is Weight.EITHER:
            point, comma = settings.say(decimal="point"), settings.say(decimal="comma")
            raise InputError(f"{part.asked_by}: {show_readings(text)}; say {point} or {comma}")
        notation = Notation.COMMA if weight is Weight.COMMA else Notation.POINT
    try:
        return make_cell_reader(kind, notation or Notation.POINT)(text)
    except ValueError as error:
        raise InputError(f"{part.asked_by}: {part.names[0]}: {error}") from None

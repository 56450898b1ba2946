"""
The first pass over a table: its notation of figures, and what the columns nobody knows are.

Cells are looked at a block of rows and a column at a time, so that most of a large table goes
through one regular expression for each block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import Factory, define, field, frozen

from batchhub._base.show import number
from batchhub._tables.formats import Notation
from batchhub.adapter import Kind
from batchhub.errors import InputError

from .cells import NUMBERS
from .columns import MOST_KINDS, Columns
from .figures import Evidence
from .mapping import Part, Path
from .rows import Record
from .settings import ReadSettings
from .shape import Shape
from .table_signs import TableSigns

BLOCK: Final = 512
"""How many rows are looked at together."""

_FEW_ODD: Final = 5
"""So many cells of a column may be wrong before it is the column that is."""

_MOST_CELLS: Final = 200_000
_MOST_CHARS: Final = 1 << 22
"""At most so many cells and, but for the last row, characters are looked at together."""


@frozen(kw_only=True)
class ColumnReading:
    """
    How a column is read.

    Attributes:
        name: Its name.
        fields: The values of an item that are made of it, by their names; empty if it is not used.
        kind: What its cells are; `None` if it is not used, or if rows differ.
        by: Who says so: ``adapter``, ``user``, or ``cells``: all of them look so.
    """

    name: str
    fields: tuple[str, ...] = ()
    kind: Kind | None = None
    by: str = "adapter"


@frozen(kw_only=True)
class Survey:
    """
    What is known of a table when all of it was looked at.

    Attributes:
        columns: How its columns are read, in their order.
        notation: The notation of its figures; `None` if none of them shows one.
        warnings: What a user should know before it is sent.
        rows: How many rows it has.
    """

    columns: tuple[ColumnReading, ...]
    notation: Notation | None
    warnings: tuple[str, ...]
    rows: int


@define
class Surveyor:
    """
    Looks at a table once.

    Args:
        columns: Its columns.
        settings: What the user and the adapter say.
        place: What the number of a row counts.
    """

    columns: Columns
    settings: ReadSettings
    place: str
    _evidence: Evidence = field(factory=Evidence)
    _shapes: dict[str, Shape] = field(factory=dict)
    _signs: TableSigns = field(
        default=Factory(lambda self: TableSigns(self.place), takes_self=True)
    )
    _roles: dict[int, tuple[Mapping[str, Kind], _Roles]] = field(factory=dict)
    _found: dict[Path, set[Kind | None]] = field(factory=dict)
    _rows: int = 0

    def look(self, records: Iterator[Record]) -> None:
        """
        Look at all rows.

        Raises:
            InputError: A column without a name has something in it.
        """
        block: list[Record] = []
        most, room = max(1, min(BLOCK, _MOST_CELLS // len(self.columns.names))), _MOST_CHARS
        is_text = self.place == "line"  # a workbook is in memory as it is
        for record in records:
            block.append(record)
            if is_text:
                room -= len("".join(record[1]))  # type: ignore[arg-type]
            if len(block) >= most or room < 0:
                self._look_at(block)
                block, room = [], _MOST_CHARS
        if block:
            self._look_at(block)

    def whole(self) -> dict[str, Kind]:
        """Return what the columns nobody knows are, each as a whole; empty ones are nothing."""
        shown = self._shown()
        return {name: each.kind(shown) for name, each in self._shapes.items() if each.is_filled}

    def decide(self) -> Notation:
        """Return the notation of the file; raises `InputError` if that would be a guess."""
        return self._evidence.decide(self.settings.notation, self.settings.say, self.place)

    def report(self, warnings: Sequence[str] = ()) -> Survey:
        """Return what is known of the table; `warnings` are those of the file it is in."""
        parts: dict[str, list[Part]] = {name: [] for name in self.columns.index}
        for part in self.columns.parts:
            for name in dict.fromkeys(part.columns):
                parts[name].append(part)
        return Survey(
            columns=tuple(self._describe(name, used_in) for name, used_in in parts.items()),
            notation=self._shown(),
            warnings=(
                *warnings,
                *self._warn_of_odd(),
                *self._warn_of_text(),
                *self._signs.warnings(),
            ),
            rows=self._rows,
        )

    def _shown(self) -> Notation | None:
        return self.settings.notation or (self.decide() if self._evidence.shows else None)

    def _look_at(self, block: list[Record]) -> None:
        self._rows += len(block)
        self._signs.see_rows(block)
        if self.settings.kinds is not None:
            self._look_by_column(self._find_roles(self.settings.kinds), block)
            return
        groups: dict[int, tuple[_Roles, list[Record]]] = {}
        for record in block:
            roles = self._find_roles(self.columns.kinds_of(record[1]))
            groups.setdefault(id(roles), (roles, []))[1].append(record)
        for roles, records in groups.values():
            self._look_by_column(roles, records)

    def _look_by_column(self, roles: _Roles, block: list[Record]) -> None:
        lines = [line for line, _ in block]
        is_typed = self.place == "row"
        for name, at in roles.numbers:
            cells = [cells[at] for _, cells in block]
            if is_typed:
                texts = [(line, c) for line, c in zip(lines, cells, strict=True) if type(c) is str]
                self._evidence.add(name, [line for line, _ in texts], [c for _, c in texts])
            else:
                self._evidence.add(name, lines, cells)  # type: ignore[arg-type]
        for name, at in roles.unknown:
            shape = self._shapes.setdefault(name, Shape())
            shape.add(lines, [cells[at] for _, cells in block], is_typed=is_typed)
        for name, at in roles.texts:
            self._signs.see_text(name, lines, [cells[at] for _, cells in block])

    def _find_roles(self, kinds: Mapping[str, Kind]) -> _Roles:
        known = self._roles.get(id(kinds))
        if known is None or known[0] is not kinds:
            if len(self._roles) >= MOST_KINDS:
                self._roles.clear()
            known = self._roles[id(kinds)] = (kinds, self._make_roles(kinds))
        return known[1]

    def _make_roles(self, kinds: Mapping[str, Kind]) -> _Roles:
        numbers: dict[str, int] = {}
        unknown: dict[str, int] = {}
        texts: dict[str, int] = {}
        for part in self.columns.parts:
            kind = self.columns.kind_of(part, kinds) if part.column else Kind.TEXT
            self._found.setdefault(part.path, set()).add(kind)
            group = numbers if kind in NUMBERS else unknown if kind is None else texts
            for name in part.columns:
                group[name] = self.columns.index[name]
                if kind is None:
                    texts[name] = self.columns.index[name]
        return _Roles(*(tuple(each.items()) for each in (numbers, unknown, texts)))

    def _describe(self, name: str, parts: Sequence[Part]) -> ColumnReading:
        if not parts:
            return ColumnReading(name=name)
        found = set[Kind | None]().union(*(self._found.get(part.path, ()) for part in parts))
        fields = tuple(part.names[0] for part in parts)
        said = self.settings
        by = "user" if name in said.number or name in said.text else "adapter"
        if None in found:
            by = "cells"
            found = (found - {None}) | {self._shapes.get(name, Shape()).kind(self._shown())}
        kind = next(iter(found)) if len(found) == 1 else None
        return ColumnReading(name=name, fields=fields, kind=kind, by=by)

    def _warn_of_odd(self) -> Iterator[str]:
        """Say which columns of numbers hold something else in most rows, which is no slip."""
        for name, (cells, line, first) in self._evidence.odd.items():
            if cells > _FEW_ODD and cells * 2 > self._rows:
                yield (
                    f"column {name!r}: {number(cells)} of {number(self._rows)} cells are not "
                    f"numbers, such as {first[:40]!r} in {self.place} {line}; correct the whole "
                    "column in the sheet"
                )

    def _warn_of_text(self) -> Iterator[str]:
        """Say which columns are text because of few cells, or only by how figures are written."""
        for name, shape in self._shapes.items():
            found = shape.reason() if shape.kind(self._shown()) is Kind.TEXT else None
            if found is not None:
                (line, cell), hint = found
                yield (
                    f"column {name!r} is sent as text, since {self.place} {line} has "
                    f"{cell[:40]!r}{hint}; {self.settings.say(number=[name])} makes it one of "
                    "numbers"
                )


@frozen
class _Roles:
    """Which columns are looked at for what, each with its place."""

    numbers: Sequence[tuple[str, int]]
    unknown: Sequence[tuple[str, int]]
    texts: Sequence[tuple[str, int]]


def check_names(columns: Columns, records: Iterator[Record], place: str) -> Iterator[Record]:
    """
    Return records, as long as columns without a name have nothing in them.

    Raises:
        InputError: One has.
    """
    nameless = [n for n, name in enumerate(columns.names) if name is None]
    return _check_empty(nameless, records, place) if nameless else records


def _check_empty(
    nameless: Sequence[int], records: Iterator[Record], place: str
) -> Iterator[Record]:
    for line, cells in records:
        for n in nameless:
            found: Any = cells[n]
            if not isinstance(found, str) or found.strip():
                raise InputError(
                    f"column {n + 1} of the header has no name, and {place} {line} has "
                    f"{str(found)[:40]!r} there; give it a name"
                )
        yield line, cells

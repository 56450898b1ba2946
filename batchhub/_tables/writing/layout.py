"""The rows of an input as they go out again: its columns, then what became of each row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from batchhub._base.secrets import blank
from batchhub._base.show import clean
from batchhub._tables.reading.marks import MISSING, OUTCOME, TEXT, Marks, strip_object
from batchhub.models import ItemState
from batchhub.models.rows import Cell, InputHead, InputRow, OddCell

from .dates import show_date
from .dialect import TABLES_OF_TEXT
from .values import write_cell

REJECTED: Final = "rejected"
"""The state of a row that made no item."""

PENDING: Final = "pending"
"""The state of a row whose item has no result yet."""

_LONGEST_REASON: Final = 1000


@frozen
class Outcome:
    """
    What became of a row.

    Attributes:
        state: The state of its item, ``rejected`` or ``pending``.
        code: The item's own HTTP status.
        message: The vendor's message, or why the row was refused.
        vendor_ref: The vendor's id of the request.
    """

    state: str
    code: int | None = None
    message: str | None = None
    vendor_ref: str | None = None

    @property
    def is_failure(self) -> bool:
        """Whether something is to be done about it."""
        return self.state not in {PENDING, ItemState.SUCCEEDED.value}

    @property
    def values(self) -> list[Any]:
        """The values of the added columns, in order."""
        return [self.state, self.code, self.message, self.vendor_ref]


def outcome_of(row: InputRow) -> Outcome:
    """Return what became of a row."""
    if row.reason is not None:
        return Outcome(REJECTED, message=clean(blank(row.reason), _LONGEST_REASON))
    result = row.result
    if result is None:
        return Outcome(PENDING)
    return Outcome(result.state.value, result.code, result.message, result.vendor_ref)


@define
class Layout:
    """
    The columns of an input, without those that an earlier run added.

    Attributes:
        head: The input.
        names: The names of the columns as they are written; of JSON, all keys there are.
    """

    head: InputHead
    names: list[str] = field(init=False, factory=list)
    _marks: Marks | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Find the columns of a table."""
        columns = self.head.columns
        if columns is not None:
            self._marks = Marks.find(columns)
            self.names = self._strip(columns)

    @property
    def is_table(self) -> bool:
        """Whether the input is a table, whose columns are known before its rows."""
        return self.head.columns is not None

    @property
    def keys(self) -> list[str]:
        """The names of the columns, each once and none empty, as keys of an object need to be."""
        keys: list[str] = []
        for n, name in enumerate(self.names, 1):
            key = name.strip() or f"column_{n}"
            while key in keys:
                key += "_"
            keys.append(key)
        return keys

    def cells(self, row: InputRow) -> list[Any]:
        """
        Return what a row has in each column.

        Cells that are missing in CSV are marked as such, since an empty one says something else;
        those that are too many are in the last column, with what separated them.
        """
        found = row.cells
        if isinstance(found, bytes):
            return [_as_text(found) if name == TEXT else None for name in self.names]
        if isinstance(found, Mapping):
            return [found.get(name) for name in self.names]
        cells = self._strip(found)
        wanted = len(self.names)
        if len(cells) == wanted:
            return cells
        while len(cells) > wanted and cells[-1] == "":
            cells.pop()
        if len(cells) > wanted > 0:
            joined = self.head.delimiter.join(map(cell_text, cells[wanted - 1 :]))
            return [*cells[: wanted - 1], joined]
        missing = MISSING if self.head.format in TABLES_OF_TEXT else ""
        return [*cells, *[missing] * (wanted - len(cells))]

    def make_object(self, row: InputRow) -> dict[str, Any]:
        """Return a row as an object, with what became of it as four more keys."""
        added = dict(zip(OUTCOME, outcome_of(row).values, strict=True))
        found = row.cells
        if isinstance(found, bytes):
            return {TEXT: msgspec.Raw(json.dumps(_as_text(found)).encode()), **added}
        if isinstance(found, Mapping):
            return {**strip_object(found), **added}
        cells = map(cell_value, self.cells(row))
        return {**dict(zip(self.keys, cells, strict=True)), **added}

    def _strip(self, cells: Sequence[Any]) -> list[Any]:
        return list(cells) if self._marks is None else self._marks.strip(cells)


def cell_value(cell: Cell) -> Any:
    """Return a cell as JSON has it: of an odd one its text, date or number, or else its error."""
    if not isinstance(cell, OddCell):
        return cell
    if cell.number is not None:
        return cell.number
    if cell.held is None:
        return cell.error if cell.text is None else cell.text
    shown = show_date(cell.held, cell.format) if cell.format else None
    return cell.held if shown is None else shown


def cell_text(cell: Any) -> str:
    """Return a cell as CSV has it."""
    return cell if type(cell) is str else write_cell(cell_value(cell))


def _as_text(line: bytes) -> str:
    """Return a line that holds no object, in escapes also what is no text: no byte is lost."""
    return line.decode("utf-8", "surrogateescape")

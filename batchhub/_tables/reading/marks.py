"""What batchhub adds to a row in a file: its line, why it was refused, its result. Never read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from batchhub.errors import InputError

from .rows import Cell

LINE: Final = "_batchhub_line"
"""The column, or key, with the line a row was in."""

REASON: Final = "_batchhub_reason"
"""The column, or key, with why it was refused."""

TEXT: Final = "_batchhub_text"
"""The key with the text of a line that held no JSON object."""

MISSING: Final = "_batchhub_missing"
"""Stands where a row has no cell, since an empty one would say something else."""

STATE: Final = "batchhub_state"
"""The column, or key, with what became of a row."""

CODE: Final = "batchhub_code"
"""The column, or key, with the HTTP status of its item."""

MESSAGE: Final = "batchhub_message"
"""The column, or key, with what the vendor says of it, or why it was refused."""

VENDOR_REF: Final = "batchhub_vendor_ref"
"""The column, or key, with the vendor's id of its request."""

OUTCOME: Final = (STATE, CODE, MESSAGE, VENDOR_REF)
"""What is added to the rows of an input when their results are known."""

MARKS: Final = (LINE, REASON, *OUTCOME)
"""What is added to a row, and is no part of an item."""


@frozen
class Marks:
    """
    The columns of a table that say where its rows come from.

    Attributes:
        names: The names of all columns.
        places: Which of them these are, counted from 0.
    """

    names: Sequence[str]
    places: frozenset[int]

    @classmethod
    def find(cls, header: Sequence[str]) -> Marks | None:
        """Find them in a header; `None` if it has none."""
        names = [name.strip() for name in header]
        places = frozenset(n for n, name in enumerate(names) if name in MARKS)
        return cls(names, places) if places else None

    def strip(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return a row, or the header, without them."""
        if len(cells) > len(self.names) and self._are_last:
            # What is too much in a row stands before what was added to it.
            return list(cells[: -len(self.places)])
        return [cell for n, cell in enumerate(cells) if n not in self.places]

    def check(self, cells: Sequence[Cell]) -> None:
        """
        Look whether a row may be read.

        Args:
            cells: Its cells, as many as there are columns.

        Raises:
            InputError: A cell is still missing, or its cells are no longer in their columns.
        """
        if MISSING in cells:
            name = self.names[cells.index(MISSING)]
            reason = f"column {name!r} has no cell; write it in place of {MISSING}"
            raise InputError(f"{reason}, or leave it empty")
        if self._line is None:
            return
        line = cells[self._line]
        if line != "" and not str(line).strip().isdecimal():  # a row that was added has none
            shown = f"{LINE} holds {str(line)[:40]!r}, and no number"
            raise InputError(f"the cells are not in their columns: {shown}")

    @property
    def _line(self) -> int | None:
        return next((n for n in self.places if self.names[n] == LINE), None)

    @property
    def _are_last(self) -> bool:
        first = len(self.names) - len(self.places)
        return self.places == frozenset(range(first, len(self.names)))


def take_object(found: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return an object as it is to be read, without what was added to it.

    Raises:
        InputError: It is the text of a line that held no object.
    """
    if TEXT in found:
        reason = f"holds a line that was no JSON object as {TEXT}; write the object in its place"
        raise InputError(reason)
    return strip_object(found)


def strip_object(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without what was added to it."""
    return {key: value for key, value in found.items() if key not in MARKS}

"""Signs that a sheet is broken, looked for in the first pass over a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define

from .columns import Columns
from .rows import Cell, Record


@define
class TableSigns:
    """
    Signs in one table.

    Args:
        columns: Its columns.
        place: What the number of a row counts.
    """

    columns: Columns
    place: str

    def see_rows(self, block: Sequence[Record]) -> None:
        """Look at whole rows."""

    def see_column(self, name: str, lines: Sequence[int], cells: Sequence[Cell]) -> None:
        """Look at cells of a column that is sent as text."""

    def warnings(self) -> Iterable[str]:
        """Return what was seen."""
        return ()

"""Merged cells: those but the first look empty and are not meant to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define

from batchhub._tables.reading.rows import OddCell
from batchhub.errors import InputError

from .refs import cell_name
from .scan import Area, Findings


@define
class _Merge:
    """An area of merged cells that goes through the row that is read."""

    area: Area
    is_filled: bool = False

    @property
    def name(self) -> str:
        top, left, bottom, right = self.area
        return f"{cell_name(top, left)}:{cell_name(bottom, right)}"


class MergedCells:
    """
    The merged cells of a sheet, while its rows are read from the first to the last.

    Args:
        areas: The areas, in the order of their first rows.
    """

    def __init__(self, areas: Sequence[Area]) -> None:
        self._areas = areas
        self._next = 0
        self._open: list[_Merge] = []

    def find_odd(
        self, row: int, values: Sequence[Any], first: int
    ) -> Iterator[tuple[OddCell, int]]:
        """
        Yield the cells of a row that are merged into another one that has a value, and the places
        they have in it.

        In a row that has nothing but merged cells there are none: that is a title.

        Args:
            row: The row, from 1; rows are asked for in their order.
            values: Its values; an empty text is an empty cell.
            first: The column of the first value.
        """
        self._go_to(row)
        if not self._open:
            return
        covered: dict[int, _Merge] = {}
        anchors: set[int] = set()
        for merge in self._open:
            top, left, _, right = merge.area
            columns = range(max(left, first), min(right, first + len(values) - 1) + 1)
            covered.update(dict.fromkeys(columns, merge))
            if top == row:
                merge.is_filled = left in columns and values[left - first] != ""
                covered.pop(left, None)
                anchors.add(left)
        filled = {first + n for n, value in enumerate(values) if value != ""}
        if filled <= anchors:
            return
        for column, merge in covered.items():
            if merge.is_filled or column in filled:
                anchor = merge.name.partition(":")[0]
                reason = f"is merged into {merge.name}, of which only {anchor} has a value"
                text = f"{reason}; unmerge the cells and fill in each"
                yield OddCell(cell_name(row, column), text), column - first

    def _go_to(self, row: int) -> None:
        self._open = [merge for merge in self._open if merge.area[2] >= row]
        while self._next < len(self._areas) and self._areas[self._next][0] <= row:
            area = self._areas[self._next]
            self._next += 1
            if area[2] >= row:
                self._open.append(_Merge(area))


def sort_areas(found: Findings) -> Sequence[Area]:
    """
    Return the areas of merged cells that reach into what is filled, by their first rows.

    Raises:
        InputError: They overlap, as in no workbook that Excel opens.
    """
    areas: list[Area] = []
    size = 0
    for top, left, bottom, right in found.merged:
        if top > found.last_row or bottom < found.first_row:
            continue
        if left > found.last_column or right < found.first_column:
            continue
        areas.append((top, left, bottom, right))
        rows = min(bottom, found.last_row) - max(top, found.first_row) + 1
        size += rows * (min(right, found.last_column) - max(left, found.first_column) + 1)
    if size > found.size:
        raise InputError("the workbook is broken: its merged cells overlap")
    return sorted(areas)

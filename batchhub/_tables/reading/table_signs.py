"""Signs that a sheet is broken, collected in the first pass over a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field

from batchhub._base.show import count

from .rows import Cell, Record
from .signs import all_end_in_zero, explain_title, find_signs, looks_like_data, looks_like_title
from .signs import looks_like_total as _is_total

_SEPARATORS: Final = (";", "\t", "|")
_LAST: Final = 3
"""How many of the last rows may be totals."""


@define
class _Found:
    """The first cell of a column that shows something, and how many do."""

    line: int
    sign: str
    count: int = 0


@define
class TableSigns:
    """
    Signs in the rows of one table.

    Args:
        place: What the number of a row counts.
    """

    place: str
    _found: dict[str, _Found] = field(factory=dict)
    _zeros: dict[str, bool] = field(factory=dict)
    _last: list[Record] = field(factory=list)

    def see_rows(self, block: Sequence[Record]) -> None:
        """Look at whole rows."""
        self._last = [*self._last, *block[-_LAST:]][-_LAST:]

    def see_text(self, name: str, lines: Sequence[int], cells: Sequence[Cell]) -> None:
        """Look at cells of a column that is sent as text."""
        for n, sign in find_signs(cells):
            found = self._found.setdefault(name, _Found(lines[n], sign))
            found.count += 1
        if self._zeros.get(name, True):
            texts = [cell for cell in cells if isinstance(cell, str)]
            self._zeros[name] = len(texts) == len(cells) and all_end_in_zero(texts)

    def warnings(self) -> Iterator[str]:
        """Yield what was seen, the first of each column."""
        for name, found in self._found.items():
            more = f", and {count(found.count - 1, 'more cell')} of it" if found.count > 1 else ""
            yield f"column {name!r}, {self.place} {found.line}{more}: {found.sign}"
        for name, is_so in self._zeros.items():
            if is_so:
                yield (
                    f"column {name!r}: all its cells end in .0, as whole numbers do that were "
                    "fractions somewhere; write them without"
                )
        for line, cells in self._last:
            if _is_total(cells):
                word = next(str(cell) for cell in cells if str(cell).strip())
                yield f"{self.place} {line} looks like a total row ({word[:40]!r}); leave it out"


def hint_header(header: Record, following: Record | None, place: str) -> str:
    """Return what may be wrong with a header, as the end of a message; empty if nothing shows."""
    line, cells = header
    is_cut = any(mark in str(cell) for cell in cells for mark in _SEPARATORS)  # by another one
    if following is not None and not is_cut and looks_like_title(cells, following[1]):
        return f"; {explain_title(cells, place, line)}"
    return "; is the header missing?" if looks_like_data(cells) else ""

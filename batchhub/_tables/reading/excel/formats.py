"""Number formats: what a cell shows of the number it holds, where that is not the number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from attrs import frozen

from batchhub._tables.reading.rows import OddCell

from .refs import cell_name

_DASHES: Final = frozenset("-\u2013\u2014")
_SHOWN_CHARS: Final = 40

Compare = Callable[[float], bool]

DATE: Final = "holds a date or a time; format the column as text and write it as the vendor wants"

_BY_PLACE: Final[dict[tuple[int, int], Compare]] = {
    (0, 1): lambda number: number >= 0,
    (0, 2): lambda number: number > 0,
    (1, 2): lambda number: number < 0,
}
"""Which numbers the first, second and third part is for, by the number of the last."""


@frozen
class Section:
    """
    One part of a number format, for the numbers that it is said for.

    Attributes:
        holds_for: Whether a number is shown by it; `None`: by where it stands.
        is_date: It shows a date or a time.
        is_percent: It shows a hundred times the number.
        is_scaled: It shows a thousandth of the number, or less.
        is_rounded: It shows a fraction or an exponent.
        is_text: It shows text as it is.
        digits: Digits it has places for.
        zeros: Digits before the point that it shows at least.
        adds: What it shows besides, without blanks.
    """

    holds_for: Compare | None = None
    is_date: bool = False
    is_percent: bool = False
    is_scaled: bool = False
    is_rounded: bool = False
    is_text: bool = False
    digits: int = 0
    zeros: int = 0
    adds: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it shows every number as the number it is, perhaps with fewer decimals."""
        is_number = not (self.is_date or self.is_percent or self.is_scaled or self.is_rounded)
        return is_number and self.digits > 0 and self.zeros <= 1 and not self.adds

    def show_zeros(self, number: float) -> str | None:
        """Return a number as it is shown if zeros come before it, else `None`."""
        whole = str(abs(round(number)))
        if len(whole) >= self.zeros or self.zeros <= 1:
            return None
        return "-" * (number < 0) + whole.zfill(self.zeros)


@frozen
class NumberFormat:
    """
    What cells show that have a format.

    Attributes:
        code: The format as Excel writes it.
        sections: Its parts for numbers.
        text: Its part for text, if it has one.
    """

    code: str
    sections: Sequence[Section]
    text: Section | None

    @property
    def is_plain(self) -> bool:
        """Whether no cell with this format shows anything but what it holds."""
        return not self.changes_text and all(
            section.is_plain and section.holds_for is None for section in self.sections
        )

    @property
    def changes_text(self) -> bool:
        """Whether text is shown otherwise than it is."""
        return self.text is not None and (not self.text.is_text or bool(self.text.adds))

    def find_section(self, number: float) -> Section | None:
        """Return the part that shows a number; `None` if none does."""
        last = len(self.sections) - 1
        for n, section in enumerate(self.sections):
            holds = section.holds_for
            if holds is None:
                holds = _BY_PLACE.get((n, last))
            if holds is None or holds(number):
                return section
        return None

    def judge(self, row: int, column: int, number: float, exact: Decimal | int) -> OddCell | None:
        """
        Return what is odd in a cell that holds a number; `None` if nothing is.

        Args:
            row: The cell's row, from 1.
            column: Its column, from 1.
            number: The number.
            exact: The number as it is taken.
        """
        section = self.find_section(number)
        name = cell_name(row, column)
        found = self._explain(section, number, exact, name)
        if found is None:
            return None
        reason, is_certain = found
        taken = exact if is_certain else None
        return OddCell(name, reason, taken, format=self.code, held=exact)

    def shorten(self) -> str:
        """Return the format, short enough for a message."""
        code = self.code
        return code if len(code) <= _SHOWN_CHARS else f"{code[: _SHOWN_CHARS - 1]}…"

    def _explain(
        self, section: Section | None, number: float, exact: Decimal | int, name: str
    ) -> tuple[str, bool] | None:
        """Say what is odd, and whether the number is certain all the same."""
        format = f"by its format {self.shorten()}"
        hint, is_certain = "set its format to General", False
        if section is None:
            what = f"no number {format}"
        elif section.is_date:
            return DATE, False
        elif section.is_percent:
            what, hint = "a percentage", f"{hint} and write the number that is meant"
        elif not section.digits:
            what = f"{section.adds or 'nothing'} {format}"
            is_certain = not number and section.adds in _DASHES  # as accountants write zero
        elif section.is_scaled:
            what = f"thousands of it {format}"
        elif section.is_rounded:
            what, hint, is_certain = f"it otherwise {format}", "set its format to 0", True
        elif section.adds:
            what, is_certain = f'"{section.adds}" as well {format}', True
        elif shown := section.show_zeros(number):
            zeros = f'=TEXT({name},"{"0" * section.zeros}")'
            what, hint, is_certain = shown, f"write it as text, as {zeros} gives it", True
        else:
            return None
        return f"holds {exact} and shows {what}; {hint}", is_certain

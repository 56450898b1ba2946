"""
Signs that a sheet is broken, in its cells, its header and its last rows.

Each function looks at what it is given and at nothing else. Nearly all cells are innocent, so
`find_signs` looks at many of them at once, and at each one only where that shows something.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from .mojibake import LOST, find_original, looks_misread

_SHORTENED: Final = re.compile(r"-?[0-9](?:[.,][0-9]{1,16})?[Ee]\+[0-9]{2,3}")
_ZERO: Final = re.compile(r"[0-9]+[.,]0")
_FIGURE: Final = re.compile(r"[-+]?[0-9]+(?:[.,' ][0-9]+)*")
_AMOUNT: Final = re.compile(rf"\W*{_FIGURE.pattern}\W*(?:[^\W\d]{{1,4}}\W*)?")

# All that shows nothing: controls, spaces of other widths, joiners, marks of direction.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_NEVER_MEANT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_NAMES: Final = {
    "\0": "NUL",
    "\x08": "backspace",
    "\x0b": "vertical tab",
    "\x0c": "form feed",
    "\x1a": "end of file",
    "\x1b": "escape",
    "\x7f": "delete",
    "\xa0": "no-break space",
    "\xad": "soft hyphen",
    "\ufeff": "byte order mark",
}

_TOTALS: Final = re.compile(
    "(?:totals?|sub-?total|grand total|sum|sum total|summe|zwischensumme|gesamt(?:summe)?|insgesamt"
    "|(?:ara |genel )?toplam|total général|sous-total|somme|totale|subtotale|soma|totaal|subtotaal"
    "|suma|razem|łącznie|celkem|součet|spolu|összesen|totalt|summa|yhteensä"
    "|итого|всего|сумма|разом|усього|σύνολο|合计|总计|小计|合計|小計|総計|합계|총계|المجموع|סה״כ)"
)
_SHOWN_CHARS: Final = 40


def looks_shortened(cell: str) -> bool:
    """Return whether a cell is a number as spreadsheets shorten long ones: ``8.69E+12``."""
    return "+" in cell and _SHORTENED.fullmatch(cell.strip()) is not None


def explain_shortened(cell: str) -> str:
    """Say what happened to a cell that `looks_shortened`, and what to do."""
    return (
        f"{_show(cell)} looks like a long number that a spreadsheet shortened; its digits are "
        "lost in this file: format the column as text, and export again"
    )


def name_invisible(text: str) -> str | None:
    """Name the first character of a text that shows nothing; `None` if it has none."""
    if text.isascii() and text.isprintable():
        return None
    found = _INVISIBLE.search(text)
    return None if found is None else f"holds {name_character(found[0])}"


def name_character(char: str) -> str:
    """Return the number and the name of a character: ``U+200B (zero width space)``."""
    if "\ud800" <= char <= "\udfff":
        name = "half of a character"
    else:
        name = _NAMES.get(char) or unicodedata.name(char, "a control character").lower()
    return f"U+{ord(char):04X} ({name})"


def find_sign(cell: str) -> str | None:
    """
    Say what shows that a cell of text is broken; `None` if nothing does.

    What shows nothing is a sign where nobody means it: at an end, in a code, and a control
    character anywhere. In a text, such as a description, it may be meant.
    """
    if cell.isascii() and cell.isprintable():
        return explain_shortened(cell) if looks_shortened(cell) else None
    if LOST in cell:
        return f"{_show(cell)} holds U+FFFD: characters were lost when it was saved; export again"
    if (original := find_original(cell)) is not None:
        return (
            f"{_show(cell)} should probably read {_show(original)}: it was opened in a wrong "
            "encoding before it was saved; export it again as UTF-8"
        )
    found = None if cell.isprintable() else _find_unmeant(cell)
    return found and f"{_show(cell)} holds {name_character(found)}; delete it"


def find_signs(cells: Sequence[object]) -> Iterator[tuple[int, str]]:
    """
    Yield which cells of text are broken, each by its place among the cells, and what shows it.

    Args:
        cells: The cells; those that are no text have no signs.
    """
    try:
        whole = " ".join(cells)  # type: ignore[arg-type]
    except TypeError:
        whole = "+"
    if "+" not in whole and whole.isprintable() and not _is_suspect(whole):
        return
    for n, cell in enumerate(cells):
        if isinstance(cell, str) and (sign := find_sign(cell)) is not None:
            yield n, sign


def looks_like_total(cells: Sequence[object]) -> bool:
    """
    Return whether a row is the total of those above: one cell says so, and few others are filled.

    All others are figures or empty; at most half of them are filled, or it is the first cell.
    """
    filled = [str(cell).strip() for cell in cells if str(cell).strip()]
    words = [cell for cell in filled if _is_total(cell)]
    if len(words) != 1 or not all(cell in words or _AMOUNT.fullmatch(cell) for cell in filled):
        return False
    is_first = _is_total(str(cells[0]).strip())
    return is_first or len(filled) - 1 <= (len(cells) - 1) / 2


def all_end_in_zero(cells: Iterable[str]) -> bool:
    """Return whether all filled cells are whole numbers that end in ``.0``, and there are any."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_ZERO.fullmatch(cell.strip()) for cell in filled)


def looks_like_title(header: Sequence[object], row: Sequence[object]) -> bool:
    """
    Return whether the first row is a title and no header: one cell is filled, and more below.

    Args:
        header: The first row.
        row: One further down, such as the next one that has more than one filled cell.
    """
    return _count_filled(header) == 1 < _count_filled(row)


def explain_title(header: Sequence[object], place: str, number: int) -> str:
    """
    Ask where the header is.

    Args:
        header: The row that was taken for it.
        place: What the number counts, such as ``line``.
        number: The number of the row.
    """
    first = next((cell for cell in map(str, header) if cell.strip()), "")
    return (
        f"{place} {number} reads {_show(first.strip())}; is the header further down? "
        "then delete the rows above it"
    )


def looks_like_data(header: Sequence[object]) -> bool:
    """Return whether a header is a row of data: all its cells are figures."""
    filled = [str(cell).strip() for cell in header if str(cell).strip()]
    return bool(filled) and all(_FIGURE.fullmatch(cell) for cell in filled)


def _is_suspect(text: str) -> bool:
    return not text.isascii() and (LOST in text or looks_misread(text))


def _find_unmeant(cell: str) -> str | None:
    """Return the first character that shows nothing and that nobody means to be there."""
    found = _NEVER_MEANT.search(cell)
    if found is None and (found := _INVISIBLE.search(cell)) is not None:
        rest = _INVISIBLE.sub("", cell)
        bare = cell.strip(" \t\r\n")
        is_at_end = any(_INVISIBLE.match(end) for end in (bare[:1], bare[-1:]))
        is_code = rest.isascii() and " " not in rest.strip()
        if not rest or not (is_code or is_at_end) or _is_emoji(bare):
            return None
    return None if found is None else found[0]


def _is_emoji(text: str) -> bool:
    """Return whether a text ends as flags of parts of a country do."""
    return text.endswith("\U000e007f")


def _is_total(cell: str) -> bool:
    word = " ".join(cell.casefold().split()).strip(" :.=")
    return _TOTALS.fullmatch(word) is not None


def _count_filled(cells: Sequence[object]) -> int:
    return sum(1 for cell in cells if str(cell).strip())


def _show(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…")

"""
What reading a workbook costs, against python-calamine alone on the same bytes.

CPU time for 100,000 rows of six columns, opened and read once. The library alone gives its values
as they come; reading finds what it hides, and makes numbers of 15 digits.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

import xlsxwriter
from python_calamine import CalamineWorkbook

from batchhub._tables.formats import in_python
from batchhub._tables.reading.excel import open_workbook

from ._measure import measure

_ROWS: Final = 100_000
_ROUNDS: Final = 5
_HEADER: Final = ("product_id", "sku", "name", "price", "stock", "active")
_KINDS: Final = {"plain": "0.00", "prices in euros": '#,##0.00 "€"', "prices by formula": "0.00"}


def main() -> None:
    """Measure and print."""
    print(f"{_ROWS:,} rows of {len(_HEADER)} columns, opened and read once, CPU time")
    for kind, code in _KINDS.items():
        content = _write(code, has_formulas="formula" in kind)
        ways: dict[str, Callable[[], object]] = {
            "calamine alone": lambda content=content: _read_alone(content),  # type: ignore[misc]
            "reading": lambda content=content: _read(content),  # type: ignore[misc]
        }
        medians = measure(ways, rounds=_ROUNDS)
        base = medians["calamine alone"]
        for way, median in medians.items():
            print(f"  {kind + ', ' + way:<44} {median:8.2f} s  {median / base:6.2f} x")


def _read_alone(content: bytes) -> int:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return sum(1 for _ in book.get_sheet_by_index(0).iter_rows())


def _read(content: bytes) -> int:
    rows = open_workbook(io.BytesIO(content), "book.xlsx", sheet=None, say=in_python)
    return sum(1 for _ in rows)


def _write(code: str, *, has_formulas: bool) -> bytes:
    packed = io.BytesIO()
    book = xlsxwriter.Workbook(packed, {"in_memory": True})
    book.calc_on_load = False  # else the values of formulas are not to be trusted
    page: Any = book.add_worksheet("Prices")
    price_format = book.add_format({"num_format": code})
    page.write_row(0, 0, _HEADER)
    for n in range(1, _ROWS + 1):
        price = round(0.99 + n * 0.07, 2)
        page.write_number(n, 0, 100_000 + n)
        page.write_string(n, 1, f"SKU-{n:06d}")
        page.write_string(n, 2, f"Product name {n % 5_000}")
        if has_formulas:
            page.write_formula(n, 3, f"=E{n + 1}*0.07", price_format, price)
        else:
            page.write_number(n, 3, price, price_format)
        page.write_number(n, 4, n % 977)
        page.write_boolean(n, 5, n % 3 == 0)
    book.close()
    return packed.getvalue()


if __name__ == "__main__":
    main()

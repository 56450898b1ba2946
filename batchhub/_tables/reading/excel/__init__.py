"""
Excel workbooks (.xlsx, .xlsm): a sheet's rows, and the cells that don't say what they show.

The values are read by python-calamine; `scan` passes over the sheet's XML once before that, for
what it leaves out. The way of the bytes: `package` opens the archive and bounds it, `sheets` finds
the sheet, `styles` and `formats` find which formats change what is shown, `scan` finds the cells
concerned, `workbook` joins it all to rows, with `cells` for what a value is and `merged` for cells
that are merged. `refs` names cells, and `xml` reads the parts.

What is sent of a sheet:

- Text as it is: line breaks, blanks and leading zeros too.
- A number as Excel has it, with 15 digits: 19.990000000000002 is 19.99. A whole one has no ``.0``.
  Decimals, separators of thousands and colors of a format change nothing: of 9.987 that is shown
  as 9.99, 9.987 is sent.
- True and false.
- The value of a formula as it was when the workbook was saved; none if the workbook is to be worked
  out anew when it is opened, as libraries write it that don't work out formulas.
- Hidden rows and columns, and those that a filter hides, as all others.

Refused by cell, so that the row is refused: errors, formulas whose value isn't in the file or is to
be worked out anew when it is opened, dates and times, percentages, numbers of 16 or more digits,
merged cells. Where a format shows something else than the number (``00000``, ``0.00" kg"``,
``0.00E+00``), a field for numbers takes the number, and one for text is refused, or one that nobody
knows.

Memory is not flat: a sheet is built as a whole. 100,000 rows of six columns take some 55 MiB, 85
MiB if a column has a format that adds a currency, and a million rows 520 MiB.
"""

from __future__ import annotations

from .workbook import SheetRows, open_workbook

__all__ = ["SheetRows", "open_workbook"]

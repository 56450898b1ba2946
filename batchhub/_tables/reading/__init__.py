"""
Items from a file, a pipe or standard input: JSON Lines, CSV, a workbook or a JSON array.

The way of the bytes: `source` opens and unpacks them. Of a table, `csv_rows` or `excel` make rows,
`survey` looks at all of them, `columns` says which become what, and `making` makes items of them.
`objects` cuts JSON, which `json_maps` makes items of where it is mapped. `reader` hands them over.
All of it is plain iterators. `background` runs them in a thread, so that neither a slow pipe nor a
large record holds up an event loop.
"""

from __future__ import annotations

from batchhub._tables.formats import Notation

from .reader import ItemReader
from .settings import ReadSettings
from .survey import ColumnReading, Survey

__all__ = ["ColumnReading", "ItemReader", "Notation", "ReadSettings", "Survey"]

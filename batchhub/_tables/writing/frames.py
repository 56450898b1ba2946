"""Results as a table of Arrow in memory, and as a DataFrame of pandas or polars made of it."""

from __future__ import annotations

import io
import warnings
from collections.abc import AsyncIterable, Iterable
from decimal import Context, Decimal
from typing import Any, Final

from batchhub._tables.formats import load_extra
from batchhub.adapter import Adapter
from batchhub.models import ItemResult

from .arrow import PRECISION
from .writer import ResultsWriter

_CONTEXT: Final = Context(prec=PRECISION)
_ONE: Final = Decimal(1)


async def read_into_arrow(
    results: AsyncIterable[ItemResult],
    *,
    fields: Iterable[str] = (),
    as_type: type[Any] | str | None = None,
    explode: str | None = None,
    adapter: type[Adapter[Any]] | None = None,
    extra: str = "parquet",
) -> Any:
    """
    Read results into a table, with the columns that a Parquet file of them has.

    What could not be read as it was to be is a warning, a sentence each.

    Args:
        results: The results, read once.
        fields: The columns; by default the six keys of every result.
        as_type: What bodies of items that succeeded are read as; a name is one of the adapter's.
        explode: The path of a list in bodies, for a row for each of its elements.
        adapter: The adapter's class.
        extra: The extra to name where Arrow's package is missing.

    Raises:
        UsageError: There is no such field or type, or the package is not installed.
    """
    load_extra("pyarrow", extra, "a table of Arrow")
    # By way of the file format: there is one place that says what a result is in columns.
    stream = io.BytesIO()
    writer = ResultsWriter(
        stream, format="parquet", fields=fields, as_type=as_type, explode=explode
    )
    if adapter is not None:
        writer.fit(adapter)
    written = await writer.write(results)
    for text in written.warnings:
        warnings.warn(text, stacklevel=4)
    stream.seek(0)
    return load_extra("pyarrow.parquet", extra, "a table of Arrow").read_table(stream)


def load_pandas() -> Any:
    """
    Import pandas.

    Raises:
        UsageError: It is not installed; the message names the extra.
    """
    return load_extra("pandas", "pandas", "a DataFrame of pandas")


def load_polars() -> Any:
    """
    Import polars.

    Raises:
        UsageError: It is not installed; the message names the extra.
    """
    return load_extra("polars", "polars", "a DataFrame of polars")


def make_pandas(pandas: Any, table: Any) -> Any:
    """Make a DataFrame of a table; whole numbers and flags stay such beside missing ones."""
    types = {"int64": pandas.Int64Dtype(), "bool": pandas.BooleanDtype()}
    frame = table.to_pandas(types_mapper=lambda kind: types.get(str(kind)))
    for n, kind in enumerate(table.schema.types):
        # All of a column have its digits, such as 10.000000000000000000.
        if str(kind).startswith("decimal"):
            exact = [None if value is None else _trim(value) for value in frame.iloc[:, n]]
            frame.isetitem(n, pandas.Series(exact, index=frame.index, dtype=object))
    return frame


def _trim(value: Decimal) -> Decimal:
    """Return the same number without the zeros behind its last digit, and without an exponent."""
    found = _CONTEXT.normalize(value)
    return _CONTEXT.quantize(found, _ONE) if found == found.to_integral_value() else found

"""
Files in and out: items from CSV, Excel and JSON, results to CSV, Excel, JSON and Parquet.

    async with BatchHub.from_config("batchhub.toml") as hub:
        prices = read_items("prices.csv", adapter=ShopAdapter, map="PUT /products/{id}")
        job = await hub.submit("shop", prices)
        await job.wait()
        await write_results(job.results(), "results.csv", fields=["id", "state", "message"])

A file is read and written a piece at a time, so that one of any size takes little memory. The
command reads and writes its files by the same two functions.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import IO, Any

from ._base.frames import Frame
from ._tables.formats import in_python
from ._tables.reading import ColumnReading, ItemReader, Notation, ReadSettings, Survey
from ._tables.reading.rejects import DEFAULT_LIMIT, Limit, Rejects
from ._tables.writing import ResultsWriter, Written
from .adapter import Adapter
from .errors import InputError, NotKnownError, UsageError
from .models import ItemResult
from .models.rows import InputRows, PlainRows

__all__ = [
    "ColumnReading",
    "ItemReader",
    "Notation",
    "ResultsWriter",
    "Survey",
    "Written",
    "read_items",
    "write_results",
]


def read_items(
    source: str | os.PathLike[str] | IO[bytes] | Frame,
    *,
    adapter: type[Adapter[Any]] | None = None,
    operation: str | None = None,
    map: str | None = None,
    set: Mapping[str, str] | Iterable[str] = (),
    id: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    decimal: str | None = None,
    number: Iterable[str] = (),
    text: Iterable[str] = (),
    empty: str | Mapping[str, str] | Iterable[str] = (),
    on_refused: Callable[[InputError], None] | None = None,
    rejects: str | os.PathLike[str] | None = None,
    max_rejects: int | str = DEFAULT_LIMIT,
) -> ItemReader:
    """
    Read items from a file or a frame, for `BatchHub.submit`.

    A row of a table becomes an item: its columns are the item's keys, and ``body.price`` is
    ``price`` in ``body``; or `map` and `set` say what becomes of each row. The adapter says what
    each field takes: a number field takes a figure in the notation of the file, or the row is
    refused; a text field keeps every character. A column of a field that the adapter does not know
    is of numbers, or of true and false, only if every cell of it is, and else text. So a table is
    read twice; what can't be, such as standard input, is copied to disk.

    Args:
        source: A path, ``-`` for standard input, or a stream of bytes, which is left open. Or a
            DataFrame of pandas or polars, or a table of Arrow: its columns are typed already, its
            index is no column, and NaN, NA and null are empty cells.
        adapter: The class of the account's adapter. It knows what `map` means, which values are
            text whatever they look like, and whether it takes exact decimals.
        operation: The kind of batch; by default the adapter's first.
        map: What each row becomes, in the adapter's own words with columns in braces, such as
            ``PUT /products/{product_id}``.
        set: Values of each item by name, such as ``{"price": "{price}"}``, or as ``NAME=TEMPLATE``
            texts.
        id: The template of each item's id, with `map` or `set`; by default the column ``id``, else
            the item's number.
        format: ``jsonl``, ``csv``, ``tsv``, ``json`` or ``xlsx``. By default the name's ending says
            it, also with ``.gz`` or ``.zst`` behind it; of standard input and streams their first
            character. A workbook is known by its first bytes.
        delimiter: The CSV delimiter: one character or ``tab``. By default detected from the header.
        encoding: The encoding of CSV; by default UTF-8.
        sheet: The sheet of a workbook; by default the only one that is visible.
        decimal: The decimal mark of figures: ``point`` or ``comma``. By default the
            figures themselves show it; a file in which all may be either is refused.
        number: Columns that are numbers.
        text: Columns that are kept as text.
        empty: What an empty cell means: ``refuse`` the row, ``omit`` the value, ``null``, or
            ``text`` (an empty one), for all fields or by field, as a mapping or ``FIELD=WORD``
            texts. By default it is refused in a path, an id and the adapter's key field, and
            omitted elsewhere.
        on_refused: Called with each row that is no item, in place of raising it; reading goes on.
        rejects: A file to set rows aside in that are no items, as they were, with their line and
            the reason; with ``hub.submit(…, on_refused=items.reject)`` also those whose items can't
            be sent. It is of the kind of the source (``.csv``, ``.tsv``, ``.xlsx`` or ``.jsonl``),
            is there before the job is stored, and is never overwritten. Its two columns
            ``_batchhub_line`` and ``_batchhub_reason`` are ignored when it is read.
        max_rejects: How many rows may be set aside: a number, or a share such as ``"10%"``. Where
            they are more, nothing is sent.

    Returns:
        The items, to be iterated once by ``async for`` or ``for``: mappings in the order of the
        file. While they are taken, `ItemReader.line` is the line of the last one.

    Raises:
        UsageError: No such file, format, encoding or operation, or an argument makes no sense or
            is not for this format. While iterating it is `InputError`, with the line or row.
    """
    _check_adapter(adapter)
    if adapter is None and map is not None:
        raise UsageError("map is in the words of an adapter; give adapter, too")
    if adapter is not None and operation is not None and operation not in adapter.operations:
        raise NotKnownError("operation", operation, adapter.operations)
    settings = ReadSettings(
        adapter=adapter,
        operation=operation,
        map=map,
        set=set,
        id=id,
        format=format,
        delimiter=delimiter,
        encoding=encoding,
        sheet=sheet,
        decimal=decimal,
        number=number,
        text=text,
        empty=empty,
    )
    if rejects is None:
        return ItemReader(source, settings, on_refused)
    if on_refused is not None:
        raise UsageError("rows are set aside by rejects, or handed to on_refused; give one of them")
    limit = Limit.parse(max_rejects, in_python)
    aside = Rejects(rejects, limit=limit, say=in_python)
    items = ItemReader(source, settings)
    try:
        items.set_aside(aside)
    except UsageError:
        items.close()
        raise
    return items


async def write_results(
    results: AsyncIterable[ItemResult] | Iterable[ItemResult] | InputRows | PlainRows,
    target: str | os.PathLike[str] | IO[bytes],
    *,
    format: str | None = None,
    fields: Iterable[str] = (),
    as_type: type[Any] | str | None = None,
    adapter: type[Adapter[Any]] | None = None,
    excel_csv: bool = False,
    explode: str | None = None,
    protect: Iterable[str | os.PathLike[str]] = (),
) -> Written:
    """
    Write the results of a job to a file, or the rows of its input with their results.

    With rows (`await job.rows()`), every row of the input is there in its order, as it was, and
    behind it ``batchhub_state``, ``batchhub_code``, ``batchhub_message`` and
    ``batchhub_vendor_ref``; those of an earlier run are replaced. The state of a row that was
    refused is ``rejected``, that of one without a result yet ``pending``. CSV has the delimiter and
    the encoding of the input.

    In CSV, what a vendor has written and a spreadsheet would take for a formula begins with ``'``.

    The file is written beside its place and moved there when it is complete; a file that was
    there before keeps its mode. Its bytes depend on the results alone.

    Args:
        results: The results, such as `BatchJob.results` gives them, or the rows of `BatchJob.rows`.
        target: A path, ``-`` for standard output, or a stream of bytes, which is left open. Behind
            the ending of the format, ``.gz`` and ``.zst`` (``batchhub[zstd]``) compress.
        format: ``jsonl``, ``csv``, ``tsv``, ``json``, ``parquet`` (``batchhub[parquet]``) or
            ``xlsx`` (``batchhub[excel]``), a workbook with a sheet of all results and one of those
            that did not succeed. By default the name's ending says it; JSON Lines if it says
            nothing.
        fields: The columns, in order: keys of a result, else paths in its body such as
            ``items.sku``. By default the six keys of every result.
        as_type: What bodies of items that succeeded are read as, so that columns are typed: a
            `msgspec.Struct`, an attrs class, a dataclass or a `TypedDict`; or the name of a
            type of `adapter`.
        adapter: The adapter's class, where `as_type` is a name.
        excel_csv: Whether CSV is written as Excel opens it by a double click: with a byte order
            mark, separated as the locale of the environment (``LC_ALL``, ``LC_NUMERIC``, ``LANG``)
            has it: by ``;``, and with a decimal comma in numbers of results, where the decimal mark
            is a comma.
        explode: The path of a list in bodies, such as ``items`` or ``items.taxes``; ``body`` where
            the body is the list. Each element has a row, in which it is in place of the list, so
            that ``items.sku`` is one value; all else is repeated. An empty list has one row. With
            `as_type` and no `fields`, the fields of an element are columns of their own.
        protect: Files that must not be written over, such as that of the items.

    Returns:
        How many results were written, and what could not be written as it was to be.

    Raises:
        UsageError: No such format, field or type, a package is missing, or the file can't be
            there.
        OSError: It can't be written, such as to a full disk.
    """
    _check_adapter(adapter)
    writer = ResultsWriter(
        target,
        format=format,
        fields=fields,
        as_type=as_type,
        excel_csv=excel_csv,
        explode=explode,
    )
    if adapter is not None:
        writer.fit(adapter)
    writer.spare(protect)
    return await writer.write(results)


def _check_adapter(adapter: object) -> None:
    """Check that it is a class: settings name adapters, and accounts and hubs have them."""
    if adapter is not None and not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        given = repr(adapter) if isinstance(adapter, str) else type(adapter).__name__
        raise UsageError(f"adapter is a class, not {given}; import it from the adapter's package")

"""The command that sends the rows which were set aside, once they are corrected."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Final

from attrs import NOTHING, fields

from batchhub._tables.formats import Format, Notation, format_of
from batchhub.adapter import Kind
from batchhub.cli.screen.advice import repeat_common
from batchhub.tables import ItemReader

from .job_options import SubmitOptions
from .options import Common
from .parameters import names_of
from .reject_options import RejectOptions

_OF_THE_FILE: Final = {"items", "key", "dry_run", "format", "sheet", "rejects", "max_rejects"}
"""What another file has differently: it has one sheet, and its name says its format."""

_OF_COLUMNS: Final = {"text", "number", "decimal"}
_OF_TEXT: Final = {"delimiter": {Format.CSV}, "encoding": {Format.CSV, Format.TSV}}
_KINDS: Final = {Kind.TEXT: "--text", Kind.NUMBER: "--number"}


def write_next(
    command: str, options: SubmitOptions, reading: RejectOptions, common: Common, items: ItemReader
) -> str:
    """
    Write the command as the user wrote the first one, but for what is another file's.

    Columns keep the kinds that all of the first file gave them, and figures their notation: a few
    rows alone might show others.

    Args:
        command: ``run`` or ``submit``.
        options: What was submitted.
        reading: How it was read, and where rows were set aside.
        common: The options of every command.
        items: The first file.
    """
    file = str(reading.rejects)
    name = f"./{file}" if file.startswith("-") else file
    words = ["batchhub", command, name, *_repeat(options, file), *_repeat(reading, file)]
    words += _say_kinds(reading, items)
    if options.key is not None:
        words += ["--key", f"{options.key}/rejects"]
    return shlex.join([*words, *repeat_common(common)])


def _repeat(group: Any, file: str) -> Iterator[str]:
    """Yield the options of a group that were given."""
    for each in fields(type(group)):
        value = getattr(group, each.name)
        fitting = _OF_TEXT.get(each.name)
        is_left_out = each.name in _OF_THE_FILE | _OF_COLUMNS
        if is_left_out or (fitting is not None and format_of(file) not in fitting):
            continue
        if value is None or (each.default is not NOTHING and value == each.default):
            continue
        yes, no = names_of(each)
        if isinstance(value, bool):
            yield yes if value else no
            continue
        for one in value if isinstance(value, list) else [value]:
            yield from (yes, str(one))


def _say_kinds(reading: RejectOptions, items: ItemReader) -> Iterator[str]:
    """Yield what each column is, where the user or the cells said it, and the notation."""
    survey = items.survey
    columns = () if survey is None else survey.columns
    notation = reading.decimal or (None if survey is None else survey.notation)
    if any(column.by == "cells" and column.kind is Kind.NUMBER for column in columns):
        notation = notation or Notation.POINT  # as JSON has them, which made them numbers
    if notation is not None:
        yield from ("--decimal", str(notation))
    for column in columns:
        option = None if column.kind is None else _KINDS.get(column.kind)
        if option is not None and column.by != "adapter":
            yield from (option, column.name)

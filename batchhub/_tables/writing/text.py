"""Values as text: the cells of CSV, and JSON within a column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from batchhub.wire import converter, dumps

from .kinds import Json

JOINT: Final = ";"
"""What stands between the values of a list in a cell."""

_SCALARS: Final = (str, int, float, Decimal, date, time, Enum, type(None))


def json_text(value: Any) -> str | None:
    """Write any value as JSON; typed objects as their vendor does. `None` stays `None`."""
    return None if value is None else dumps(value).decode()


def plain_text(value: Any) -> str | None:
    """Write any value: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json_text(value)


def make_cell_writer(kind: Any) -> Callable[[Any], str]:
    """Make what writes the cells of a column."""
    if kind is Json:
        return lambda value: json_text(value) or ""
    return write_cell


def write_cell(value: Any) -> str:
    """
    Write a value into a cell.

    A list of plain values is these with semicolons between them; objects, and lists with objects
    in them, are JSON.
    """
    if isinstance(value, _SCALARS):
        return _write_scalar(value)
    if isinstance(value, list | tuple) and all(isinstance(each, _SCALARS) for each in value):
        return JOINT.join(_write_scalar(each) for each in value)
    return json_text(value) or ""


def _write_scalar(value: Any) -> str:
    return next(write(value) for kind, write in _WRITERS if isinstance(value, kind))


_WRITERS: Final[tuple[tuple[Any, Callable[[Any], str]], ...]] = (
    (Enum, lambda value: _write_scalar(value.value)),
    (str, str),
    (bool, lambda value: "true" if value else "false"),
    (type(None), lambda _: ""),
    (Decimal, lambda value: format(value, "f")),
    (datetime, lambda value: str(converter.unstructure(value))),
    (date | time, lambda value: value.isoformat()),
    (object, repr),
)
"""What writes a value, by the first type it is of."""

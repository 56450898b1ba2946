"""
Rows that batchhub did not write so: a file that was damaged, or edited by hand.

They are named, table and row, in place of an error from deep inside; and no other row is any the
worse for it.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary, Table

from batchhub._base.log import get_logger
from batchhub.errors import StoreError

from .statements import Row
from .tables import input_blocks, inputs, items, jobs, lanes, results, tickets

T = TypeVar("T")

_NONE: Final = type(None)
_LISTS: Final = frozenset({"findings", "ticket_findings", "vendor_refs"})

_log = get_logger()


class DamagedError(StoreError):
    """
    A row of the store can't be read; it stays as it is.

    Args:
        table: The table.
        job: The id of the job it belongs to, or that job's number; the name, if it is a lane.
        position: Its place in the job; `None` for the job itself.
        reason: What is wrong.
    """

    retryable = False

    def __init__(self, table: str, job: str | int, position: object, reason: str) -> None:
        self.job = job
        self._facts = (table, position, reason)
        place = f"job {job}" if isinstance(job, str) else f"job number {job}"
        if table == lanes.name:
            place = f"lane {job}"
        if position is not None:
            place += f", {'row' if table == input_blocks.name else 'position'} {position}"
        super().__init__(
            f"table {table}, {place}: {reason[:200]}; batchhub did not write this; restore the "
            "store from a backup, or go on without it"
        )

    def of(self, job_id: str) -> DamagedError:
        """Return it with the id of the job, where only its number was known."""
        table, position, reason = self._facts
        return DamagedError(table, job_id, position, reason)


class Damaged:
    """In place of the value of a JSON column that is no JSON."""

    def __init__(self, text: object) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def load_json(text: str | bytes) -> Any:
    """Read a JSON column."""
    if text == "[]":  # as are most of them
        return []
    if text == "{}":
        return {}
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return Damaged(text)


def _types_of(table: Table) -> dict[str, frozenset[type]]:
    return {column.name: frozenset(_types(column)) for column in table.columns}


def _types(column: Any) -> Iterable[type]:
    if column.nullable:
        yield _NONE
    kind = column.type
    if isinstance(kind, Boolean):
        yield bool
    elif isinstance(kind, Integer):
        yield int
    elif isinstance(kind, Float):
        yield from (float, int)
    elif isinstance(kind, JSON):
        yield from ((list,) if column.name in _LISTS else (dict, list))
    elif isinstance(kind, LargeBinary):
        yield bytes
    else:
        yield str


_READ: Final = (jobs, tickets, items, results, lanes, inputs, input_blocks)
_TYPES: Final = {table.name: _types_of(table) for table in _READ}
_known_shapes: Final[set[tuple[Any, ...]]] = set()
_MOST_SHAPES: Final = 10_000


def read_row(table: Table, row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    """
    Return some columns of a row.

    Raises:
        DamagedError: One has a value of another kind than it can have.
    """
    values = [row[name] for name in names]
    shape = (table.name, names, *map(type, values))
    # Nearly every row has the kinds of one before it, and this is much faster.
    if shape not in _known_shapes:
        types = _TYPES[table.name]
        for name, value in zip(names, values, strict=True):
            if type(value) not in types.get(name, {type(value)}):
                raise damaged(table, row, f"column {name} is {reprlib.repr(value)}")
        if len(_known_shapes) < _MOST_SHAPES:
            _known_shapes.add(shape)
    return dict(zip(names, values, strict=True))


def reading(table: Table, row: Row, read: Callable[[Row], T]) -> T:
    """
    Read a row.

    Raises:
        DamagedError: It makes no sense.
    """
    try:
        return read(row)
    except DamagedError:
        raise
    except Exception as error:  # whatever an odd value may lead to
        raise damaged(table, row, str(error) or type(error).__name__) from None


def damaged(table: Table, row: Row, reason: str) -> DamagedError:
    """Return an error that names a row: its table, its job and its place in it."""
    names = set(row.keys())
    known_by = ("lane",) if table is lanes else ("job_id", "job_no")
    job = next((row[name] for name in known_by if name in names), "")
    position = next((row[name] for name in ("position", "first_row") if name in names), None)
    return DamagedError(table.name, job if isinstance(job, str | int) else "", position, reason)


def note(error: DamagedError) -> None:
    """Log that a row is left out."""
    _log.error("store.damaged", error=str(error))

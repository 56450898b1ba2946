"""
What becomes of a row: each value as the other database holds it, and the bytes that stand for it.

SQLite takes any value in any column, and PostgreSQL does not. What can't be held and is nothing
but words is replaced and counted; whatever else can't be is refused, by table and row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import frozen
from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, String, Table

from batchhub._store.shards import shard_of
from batchhub._store.tables import (
    alert_deliveries,
    alert_messages,
    alerts,
    attendants,
    attended,
    consumers,
    deliveries,
    exports,
    facts,
    input_blocks,
    inputs,
    items,
    jobs,
    lanes,
    leases,
    lessons,
    pushes,
    results,
    tickets,
    wishes,
    writers,
)
from batchhub.errors import StoreError

from .reports import Replaced

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]

COPIED: Final = (
    *(lanes, jobs, tickets, items, results, inputs, input_blocks, exports, pushes, lessons),
    *(consumers, deliveries, alerts, alert_messages, alert_deliveries, wishes),
)
"""The tables that are copied, in an order in which each refers to earlier ones only."""

LEFT: Final = (leases, attendants, attended, writers, facts)
"""The tables that are not: they are about processes, or about the store itself."""

NUMBERED: Final = (
    (jobs, "job_no"),
    (pushes, "push_no"),
    (alert_messages, "message_no"),
    (wishes, "wish_no"),
)
"""The tables whose rows the database numbers."""

_REPLACEMENT: Final = "�"
_KEYS: Final = frozenset({"key", "lane", "job_id"})
"""Texts that name something, beside primary keys: with other characters they name nothing."""


@frozen(kw_only=True)
class Limits:
    """
    What a column of the target can hold.

    Attributes:
        integer: The largest whole number.
        length: The most characters; `None` for any number of them.
    """

    integer: int = 2**63 - 1
    length: int | None = None


class CopyRefusedError(StoreError):
    """A row can't be copied as it is."""

    retryable = False


class Rows:
    """
    Makes rows of a table what they are in the target.

    Args:
        table: The table.
        limits: What the target's columns can hold, by name; `None` where they hold anything.
        is_source: Whether the rows are the source's: what is about processes is changed.

    Attributes:
        table: The table.
    """

    def __init__(
        self, table: Table, limits: Mapping[str, Limits] | None, *, is_source: bool = True
    ) -> None:
        self._replaced = Replaced()
        self.table = table
        self._limits = limits
        self._keys = {column.name for column in table.primary_key} | _KEYS
        self._names = [column.name for column in table.columns]
        self._converts = [self._make(column) for column in table.columns]
        self._json = [n for n, each in enumerate(table.columns) if isinstance(each.type, JSON)]
        self._change = _CHANGES.get(table.name) if is_source else None
        self._encode = msgspec.msgpack.Encoder().encode

    def convert(self, row: Sequence[Any]) -> Row:
        """
        Return a row as the target has it.

        Raises:
            CopyRefusedError: The target can't hold it.
        """
        try:
            values = [convert(value) for convert, value in zip(self._converts, row, strict=True)]
        except ValueError:
            raise self._refuse(row) from None
        if self._change is not None:
            self._change(self._names, values)
        return tuple(values)

    def take_replaced(self) -> Replaced:
        """Return what was replaced since this was asked last."""
        taken, self._replaced = self._replaced, Replaced()
        return taken

    def digest(self, row: Row) -> bytes:
        """Return the bytes that stand for a converted row: the same for all that say the same."""
        if self._json:
            values = list(row)
            for n in self._json:
                values[n] = _canonical(values[n])
            return self._encode(values)
        return self._encode(row)

    def _refuse(self, row: Sequence[Any]) -> CopyRefusedError:
        """Return what is wrong with a row, which was found to be wrong."""
        where = ", ".join(
            f"{column.name} {row[self._names.index(column.name)]!r:.80}"
            for column in self.table.primary_key
        )
        for name, convert, value in zip(self._names, self._converts, row, strict=True):
            try:
                convert(value)
            except ValueError as error:
                return CopyRefusedError(
                    f"table {self.table.name}, {where}: column {name} {error}; correct that "
                    "value in the store, or restore it from a backup, then begin anew"
                )
        return CopyRefusedError(f"table {self.table.name}, {where}: it can't be copied")

    # How the values of a column are converted.

    def _make(self, column: Column[Any]) -> Convert:
        limits = None if self._limits is None else self._limits.get(column.name, Limits())
        kind = column.type
        convert: Convert
        if isinstance(kind, Boolean):
            convert = _flag
        elif isinstance(kind, Integer):
            convert = self._integer(column, limits or Limits())
        elif isinstance(kind, Float):
            convert = _number
        elif isinstance(kind, JSON):
            convert = self._to_json
        elif isinstance(kind, LargeBinary):
            convert = _binary
        else:
            assert isinstance(kind, String)  # noqa: S101  # there are no others
            convert = self._text(column, limits)
        return _or_none(convert) if column.nullable else convert

    def _integer(self, column: Column[Any], limits: Limits) -> Convert:
        most, least = limits.integer, -limits.integer - 1
        is_code = column.table is results and column.name == "code"

        def convert(value: Any) -> Any:
            if type(value) is not int:
                raise _unlike("a whole number", value)
            if least <= value <= most:
                return value
            if is_code:  # as where it is written: what there is no room for is as good as none
                self._replaced.code += 1
                return None
            raise ValueError(f"is {value}, and the most there is room for is {most}")

        return convert

    def _text(self, column: Column[Any], limits: Limits | None) -> Convert:
        def as_it_is(value: Any) -> Any:
            if type(value) is not str:
                raise _unlike("text", value)
            return value

        if limits is None:
            return as_it_is
        is_key, length = column.name in self._keys, limits.length

        def convert(value: Any) -> Any:
            if type(value) is not str:
                raise _unlike("text", value)
            if "\0" in value:
                if is_key:
                    raise ValueError(f"is {value!r:.80}, and there can be no NUL in it")
                self._replaced.nul += 1
                value = value.replace("\0", _REPLACEMENT)
            if length is not None and len(value) > length:
                raise ValueError(f"has {len(value)} characters, and there is room for {length}")
            return value

        return convert

    def _to_json(self, value: Any) -> Any:
        if value in ("[]", "{}"):
            return value
        if type(value) in (int, float):  # SQLite makes numbers of texts that look like one
            value = json.dumps(value)
        if type(value) is not str:
            raise _unlike("JSON", value)
        try:
            json.loads(value, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("is nested too deeply") from None
        except _NotFiniteError:
            self._replaced.not_finite += 1
            return json.dumps(_finite(json.loads(value)))
        except ValueError:
            raise _unlike("JSON", value) from None
        return value


class _NotFiniteError(Exception):
    """A number that JSON has no word for."""


def _refuse_constant(_: str) -> Any:
    raise _NotFiniteError


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return value


def _canonical(text: str | None) -> str | None:
    if text is None or text in ("[]", "{}"):
        return text
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def _or_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _flag(value: Any) -> Any:
    if value not in (0, 1):
        raise _unlike("true or false", value)
    return bool(value)


def _number(value: Any) -> Any:
    if type(value) not in (float, int):
        raise _unlike("a number", value)
    return float(value)


def _binary(value: Any) -> Any:
    if type(value) is not bytes:
        raise _unlike("bytes", value)
    return value


def _unlike(wanted: str, value: Any) -> ValueError:
    return ValueError(f"is {value!r:.80}, and not {wanted}")


# What is not the same in a copy.


def _change_lane(names: list[str], values: list[Any]) -> None:
    # Whoever had it can write nothing to the copy. An owner that has died stays its owner: who
    # takes the lane knows by that that more may have been sent than the row says.
    epoch = names.index("epoch")
    values[epoch] += 1 if values[epoch] else 0
    values[names.index("shard")] = shard_of(values[names.index("lane")])


def _change_delivery(names: list[str], values: list[Any]) -> None:
    for name in ("claimed_by", "claimed_at"):
        values[names.index(name)] = None


_CHANGES: Final[dict[str, Callable[[list[str], list[Any]], None]]] = {
    lanes.name: _change_lane,
    deliveries.name: _change_delivery,
}

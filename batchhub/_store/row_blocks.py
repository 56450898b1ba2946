"""
How the rows of an input are written, many in a block, and read back exactly as they were.

A block is MessagePack: the rows, the lines they begin in, and why some of them were refused; as it
is stored, compressed. What MessagePack lacks has a form of its own: a number of any length, a
`Decimal` digit by digit, a cell of a workbook that can't be taken as it is, half of a character.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from typing import Any, Final

import msgspec
from attrs import astuple, fields, frozen
from msgspec.msgpack import Decoder, Encoder, Ext

from batchhub.models.rows import Cells, InputHead, OddCell

MOST_ROWS: Final = 512
"""How many rows a block has at most."""

MOST_BYTES: Final = 256 * 1024
"""How many bytes a block has at most, about."""

_LEVEL: Final = 1
"""The fastest of zlib's levels: the others take several times as long for a tenth less."""

_DECIMAL, _INTEGER, _ODD, _TEXT, _TIME, _PAIRS = range(1, 7)
_TIMES: Final = {kind.__name__: kind for kind in (datetime, date, time)}
_WHOLE: Final = frozenset({str, int, float, bool, bytes, type(None)})
"""What MessagePack has, as far as its numbers reach."""

_HOLD: Final = frozenset({list, dict})
_WITHIN: Final = _WHOLE | _HOLD
_ROW_KINDS: Final = frozenset({list, dict, bytes})
_LARGEST: Final = 2**64
_SMALLEST: Final = -(2**63)


@frozen(kw_only=True)
class Block:
    """
    Rows that follow one another.

    Attributes:
        first_row: The number of the first one, from 1.
        first_item: The position of the first item that is made of one of them, or of a later one.
        data: What they hold, not compressed yet.
    """

    first_row: int
    first_item: int
    data: bytes


@frozen(kw_only=True)
class BlockRows:
    """
    What a block holds.

    Attributes:
        cells: The rows.
        lines: Where each begins.
        reasons: Why rows were refused, by their places in the block, from 0.
    """

    cells: Sequence[Cells]
    lines: Sequence[int]
    reasons: Mapping[int, str]


class BlockWriter:
    """
    Makes blocks, row by row.

    Attributes:
        most: How many rows the block may have that is being filled.
        rows: Its rows; `add` is as good as to append to them and to `lines`.
        lines: Where each of them begins.
    """

    def __init__(self) -> None:
        self.most = MOST_ROWS
        self.rows: list[Cells] = []
        self.lines: list[int] = []
        self._reasons: dict[int, str] = {}

    @property
    def refused(self) -> int:
        """How many of the rows were refused."""
        return len(self._reasons)

    def add(self, line: int, cells: Cells) -> None:
        """Add a row; the block has room for it if it has fewer than `most`."""
        self.rows.append(cells)
        self.lines.append(line)

    def refuse(self, reason: str) -> None:
        """Note why the last row was refused."""
        self._reasons[len(self.rows) - 1] = reason

    def take(self) -> bytes:
        """Return the rows so far as the data of a block, and begin the next one."""
        rows, lines, reasons = self.rows, self.lines, list(self._reasons.items())
        self.rows, self.lines, self._reasons = [], [], {}
        if lines[-1] - lines[0] + 1 == len(rows):  # they follow one another
            del lines[1:]
        data = _encode_block([rows, lines, reasons])
        # What comes next is as long, or at least no block gets much longer than the one before.
        self.most = max(1, min(MOST_ROWS, MOST_BYTES * len(rows) // len(data)))
        return data


def read_data(data: bytes) -> BlockRows:
    """
    Read a block's data.

    Raises:
        ValueError: They are none.
    """
    try:
        cells, lines, reasons = _decode_block(data)
    except Exception as error:  # whatever is in it that nobody wrote so
        raise ValueError(str(error) or type(error).__name__) from None
    if len(lines) == 1:  # they follow one another
        lines = list(range(lines[0], lines[0] + len(cells)))
    makes_sense = len(lines) == len(cells) and _ROW_KINDS.issuperset(map(type, cells))
    if not makes_sense or not all(
        0 <= at < len(cells) and isinstance(reason, str) for at, reason in reasons
    ):
        raise ValueError("it holds no rows")
    return BlockRows(cells=cells, lines=lines, reasons=dict(reasons))


def compress(data: bytes) -> bytes:
    """Return a block's data as they are stored."""
    return zlib.compress(data, _LEVEL)


def decompress(stored: bytes) -> bytes:
    """
    Return a block's data.

    Raises:
        ValueError: They are none.
    """
    try:
        return zlib.decompress(stored)
    except zlib.error as error:
        raise ValueError(str(error)) from None


class _Head(msgspec.Struct, array_like=True):
    rows: int
    name: str
    format: str
    columns: tuple[str, ...] | None
    delimiter: str
    encoding: str
    has_bom: bool
    place: str
    path: str | None = None


_HEAD_NAMES: Final = [field.name for field in fields(InputHead) if field.name != "rows"]


def write_head(head: InputHead, rows: int) -> bytes:
    """Return what is known of an input as it is stored, with the number of its rows."""
    return _encode_any([rows, *(getattr(head, name) for name in _HEAD_NAMES)])


def read_head(stored: bytes) -> tuple[InputHead, int]:
    """
    Read what is known of an input, and the number of its rows.

    Raises:
        ValueError: It is nothing of the kind.
    """
    try:
        found = msgspec.convert(_decode_any(stored), _Head)
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from None
    return InputHead(**{name: getattr(found, name) for name in _HEAD_NAMES}), found.rows


def _encode_block(block: list[Any]) -> bytes:
    """Write a block; nearly all of them hold nothing but what MessagePack has."""
    with suppress(TypeError, OverflowError, UnicodeEncodeError):
        if _is_whole(block[0]):
            return _encode(block)
    return _encode_any(block)


def _is_whole(values: Collection[Any]) -> bool:
    """
    Whether rows hold only what MessagePack has, as far as its numbers and letters reach.

    Raises:
        TypeError: The key of an object is no text.
    """
    kinds = {*map(type, values)}
    if kinds == {list}:
        with suppress(TypeError):
            "".join(chain.from_iterable(values))  # all text, which nothing tells as fast
            return True
    if not kinds <= _ROW_KINDS:
        return False
    # Level by level, with no Python for each value: that would take ten times as long.
    while kinds & _HOLD:
        objects = values if kinds == {dict} else [each for each in values if type(each) is dict]
        lists = values if kinds == {list} else [each for each in values if type(each) is list]
        "".join(chain.from_iterable(objects))
        values = [*chain.from_iterable(lists), *chain.from_iterable(map(dict.values, objects))]
        kinds = {*map(type, values)}
        if not kinds <= _WITHIN:
            return False
    return True


def _encode_any(value: Any) -> bytes:
    adapted = _adapt(value)
    try:
        return _encode(adapted)
    except UnicodeEncodeError:
        return _encode(_adapt_text(adapted))


def _adapt(value: Any) -> Any:
    """Return a value in forms that MessagePack has, but for half characters."""
    kind = type(value)
    if kind in _WHOLE and (kind is not int or _SMALLEST <= value < _LARGEST):
        return value
    if (adapt := _FORMS.get(kind)) is not None:
        return adapt(value)
    if isinstance(value, Mapping):
        adapted = {key: _adapt(inner) for key, inner in value.items()}
        is_plain = all(type(key) is str for key in adapted)
        return adapted if is_plain else _pair_up(adapted)
    if isinstance(value, list | tuple):
        return [_adapt(inner) for inner in value]
    return str(value)


def _pair_up(adapted: Mapping[Any, Any]) -> Ext:
    """Return an object whose keys are no texts that MessagePack has."""
    pairs = [
        [key if type(key) in _WHOLE or type(key) in _FORMS else str(key), value]
        for key, value in adapted.items()
    ]
    return Ext(_PAIRS, _encode_any(pairs))


def _adapt_text(value: Any) -> Any:
    """Return what `_adapt` gave without the texts that have no UTF-8."""
    if isinstance(value, str):
        if not _is_text(value):
            return Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, dict):
        inner = {key: _adapt_text(each) for key, each in value.items()}
        return inner if all(_is_text(key) for key in inner) else _pair_up(inner)
    elif isinstance(value, list):
        return [_adapt_text(inner) for inner in value]
    return value


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _adapt_time(value: datetime | date | time) -> Ext:
    return Ext(_TIME, f"{type(value).__name__} {value.isoformat()}".encode())


def _restore_time(data: bytes) -> datetime | date | time:
    name, _, iso = data.decode().partition(" ")
    return _TIMES[name].fromisoformat(iso)


def _restore(code: int, data: memoryview) -> Any:
    return _RESTORE[code](bytes(data))


_encode: Final = Encoder().encode
_decode_any: Final = Decoder(ext_hook=_restore).decode
_decode_block: Final = Decoder(
    tuple[list[Any], list[int], list[tuple[int, Any]]], ext_hook=_restore
).decode
_FORMS: Final[Mapping[type, Callable[[Any], Ext]]] = {
    int: lambda value: Ext(_INTEGER, b"%x" % value),
    Decimal: lambda value: Ext(_DECIMAL, str(value).encode()),
    OddCell: lambda value: Ext(_ODD, _encode_any(list(astuple(value)))),
    **dict.fromkeys(_TIMES.values(), _adapt_time),
    Ext: lambda value: value,
}
_RESTORE: Final[Mapping[int, Callable[[bytes], Any]]] = {
    _INTEGER: lambda data: int(data, 16),
    _DECIMAL: lambda data: Decimal(data.decode()),
    _ODD: lambda data: OddCell(*_decode_any(data)),
    _TEXT: lambda data: data.decode("utf-8", "surrogatepass"),
    _TIME: _restore_time,
    _PAIRS: lambda data: dict(_decode_any(data)),
}

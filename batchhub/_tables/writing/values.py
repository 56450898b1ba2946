"""Values as text: the body of a result as JSON, and the cells of CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

from batchhub._wire import exact

JOINT: Final = ";"
"""What stands between the values of a list in a cell."""

_SCALARS: Final = (str, int, float, Decimal, date, time, Enum, type(None))


def _encode_other(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


_encoder: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other)
_check: Final = msgspec.json.Decoder(msgspec.Raw)


def dumps(value: Any) -> bytes:
    """Write a value as JSON. A `Decimal` becomes a number, digit for digit."""
    return _encoder.encode(value)


def body_json(raw: bytes | None) -> bytes:
    """
    Return the JSON of a vendor's answer: its own bytes, where they are JSON.

    JSON that came escaped in a text is JSON here; what is no JSON becomes a text.
    """
    if raw is None:
        return b"null"
    for data in (exact.unescape(raw), raw):
        if (found := _as_json(data)) is not None:
            return found
    return dumps(raw.decode("utf-8", "replace") or None)


def body_value(raw: bytes | None) -> Any:
    """Return a vendor's answer as plain values; numbers with a fraction are exact."""
    data = body_json(raw)
    try:
        return exact.loads(data)
    except ValueError:  # a number that is too long
        return data.decode()


def _as_json(data: bytes | str) -> bytes | None:
    """Return JSON in one line; `None` if it is none. Most of it is only skimmed."""
    try:
        text = data.encode() if isinstance(data, str) else data
        text.decode()
        _check.decode(text)
        if b"\n" in text or b"\r" in text:
            text = msgspec.json.format(text, indent=-1)
    except exact.ERRORS:
        return None
    return text.strip()


def plain_text(value: Any) -> str:
    """Write any value: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else dumps(value).decode()


def write_cell(value: Any) -> str:
    """
    Write a value into a cell.

    A list of plain values is these with semicolons between them; objects, and lists with objects
    in them, are JSON.
    """
    if isinstance(value, _SCALARS):
        return _write_scalar(value)
    if isinstance(value, list | tuple) and all(isinstance(each, _SCALARS) for each in value):
        return JOINT.join(map(_write_scalar, value))
    return dumps(value).decode()


def _write_scalar(value: Any) -> str:
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    return _write_scalar(value.value) if isinstance(value, Enum) else str(value)


def _write_time(value: datetime) -> str:
    if value.tzinfo is None:  # an offset is never guessed
        return value.isoformat()
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_WRITERS: Final[dict[Any, Callable[[Any], str]]] = {
    str: str,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "",
    Decimal: lambda value: format(value, "f"),
    datetime: _write_time,
}

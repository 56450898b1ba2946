"""Values as text: the body of a result as JSON, and the cells of CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

JOINT: Final = ";"
"""What stands between the values of a list in a cell."""

_ERRORS: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
_ESCAPED: Final = (b'"{', b'"[')
_SCALARS: Final = (str, int, float, Decimal, date, time, Enum, type(None))


def _encode_other(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


_encoder: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other)
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)
_text: Final = msgspec.json.Decoder(str)
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
    if raw.startswith(_ESCAPED) and (inner := _unescape(raw)) is not None:
        return inner
    found = _as_json(raw)
    return dumps(raw.decode("utf-8", "replace") or None) if found is None else found


def body_value(raw: bytes | None) -> Any:
    """Return a vendor's answer as plain values; numbers with a fraction are exact."""
    data = body_json(raw)
    try:
        return _decoder.decode(data)
    except _ERRORS:  # a number that is too long
        return data.decode()


def _unescape(raw: bytes) -> bytes | None:
    try:
        return _as_json(_text.decode(raw).encode())
    except _ERRORS:
        return None


def _as_json(data: bytes) -> bytes | None:
    """Return JSON in one line; `None` if it is none. Most of it is only skimmed."""
    try:
        data.decode()
        _check.decode(data)
        if b"\n" in data or b"\r" in data:
            data = msgspec.json.format(data, indent=-1)
    except _ERRORS:
        return None
    return data.strip()


def plain_text(value: Any) -> str | None:
    """Write any value but `None`: a text as it is, all else as JSON."""
    return value if value is None or isinstance(value, str) else dumps(value).decode()


def write_cell(value: Any) -> str:
    """
    Write a value into a cell.

    A list of plain values is these with semicolons between them; objects, and lists with objects
    in them, are JSON.
    """
    if type(value) in _PLAIN:
        return _PLAIN[type(value)](value)
    if isinstance(value, _SCALARS):
        return _write_scalar(value)
    if isinstance(value, list | tuple) and all(isinstance(each, _SCALARS) for each in value):
        return JOINT.join(_write_scalar(each) for each in value)
    return dumps(value).decode()


def _write_scalar(value: Any) -> str:
    if type(value) in _PLAIN:
        return _PLAIN[type(value)](value)
    return next(write(value) for kind, write in _WRITERS if isinstance(value, kind))


def _write_time(value: datetime) -> str:
    if value.tzinfo is None:  # an offset is never guessed
        return value.isoformat()
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_PLAIN: Final[dict[Any, Callable[[Any], str]]] = {
    str: str,
    int: repr,
    float: repr,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "",
    Decimal: lambda value: format(value, "f"),
}
"""What writes the values there are most of."""

_WRITERS: Final[tuple[tuple[Any, Callable[[Any], str]], ...]] = (
    (Enum, lambda value: _write_scalar(value.value)),
    (str, str),
    (Decimal, lambda value: format(value, "f")),
    (datetime, _write_time),
    (date | time, lambda value: value.isoformat()),
    (object, repr),
)
"""What writes other values, by the first type they are of."""

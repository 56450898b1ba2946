"""JSON in and out without a digit lost: numbers with a fraction are `Decimal`, not float."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec

from batchhub._base.json import refuse_unwritable

ERRORS: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises for bytes it can't read."""

_ESCAPED: Final = (b'"{', b'"[')
_LONGEST_INT: Final = 4000
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)
_text: Final = msgspec.json.Decoder(str)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def unescape(raw: bytes) -> bytes | str:
    """Return the JSON of a body; some vendors send an object or array escaped, as a text."""
    if not raw.startswith(_ESCAPED):
        return raw
    try:
        return _text.decode(raw)
    except ERRORS:
        return raw


def loads(data: bytes | str) -> Any:
    """
    Decode one JSON document, strictly.

    Raises:
        ValueError: It is not valid JSON; the message has the position.
    """
    try:
        return _decoder.decode(data)
    except ERRORS as error:
        found = error
    if isinstance(found, msgspec.ValidationError):
        return _loads_slowly(data)  # An integer longer than msgspec takes.
    raise ValueError(_why(found)) from None


def dumps(value: Any) -> bytes:
    """
    Encode plain JSON values as compact UTF-8; a `Decimal` becomes a number, digit for digit.

    Raises:
        TypeError: The value has something JSON can't express, such as bytes or NaN.
    """
    refuse_unwritable(value)
    return _encoder.encode(value)


def _read_int(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST_INT else Decimal(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _loads_slowly(data: bytes | str) -> Any:
    try:
        return json.loads(
            data, parse_float=Decimal, parse_int=_read_int, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise ValueError(_why(error)) from None


def _why(error: BaseException) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)

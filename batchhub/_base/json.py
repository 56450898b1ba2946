"""JSON in and out, in one place: compact UTF-8 bytes, strict decoding, no NaN."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec

_WRITABLE = frozenset({str, int, bool, type(None)})
_LISTS = (list, tuple, set, frozenset)
_BINARY = (bytes, bytearray, memoryview)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def dumps(value: Any) -> bytes:
    """
    Encode as compact UTF-8 JSON.

    Raises:
        TypeError: The value has something JSON can't express, such as bytes or NaN.
    """
    refuse_unwritable(value)
    return _encoder.encode(value)


def loads(data: bytes | str) -> Any:
    """
    Decode one JSON document.

    Raises:
        ValueError: It is not valid JSON; the message has the position.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from None


def refuse_unwritable(value: Any) -> None:
    """
    Refuse plain values with anything in them that JSON can't express.

    msgspec writes bytes as base64 text and NaN as null: a silent change of the user's data.

    Raises:
        TypeError: There is such a value.
    """
    found = [value]
    for each in found:  # grows as it goes
        kind = type(each)
        if kind in _WRITABLE:
            continue
        if isinstance(each, dict):
            found.extend(each.values())
        elif isinstance(each, _LISTS):
            found.extend(each)
        elif isinstance(each, _BINARY):
            raise TypeError("binary data has no form in JSON")
        elif (kind is Decimal and not each.is_finite()) or (
            isinstance(each, float) and not math.isfinite(each)
        ):
            raise TypeError(f"{each} has no form in JSON")

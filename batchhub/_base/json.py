"""JSON in and out, at one place: compact UTF-8 bytes, strict decoding, no NaN."""

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
        TypeError: If the value holds something JSON has no form for, such as bytes.
    """
    refuse_unwritable(value)
    return _encoder.encode(value)


def loads(data: bytes | str) -> Any:
    """
    Decode one JSON document.

    Raises:
        ValueError: If it is no valid JSON, with the place in the message.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from None


def refuse_unwritable(value: Any) -> None:
    """
    Refuse what JSON has no form for, anywhere in plain values.

    msgspec would write bytes as base64 text, and NaN as null: silent changes of what the user
    handed over.

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

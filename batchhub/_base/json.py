"""JSON in and out, in one place: compact UTF-8 bytes, strict decoding, no NaN."""

from __future__ import annotations

import math
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def dumps(value: Any) -> bytes:
    """
    Encode as compact UTF-8 JSON.

    Raises:
        TypeError: The value has something JSON can't express, such as bytes or NaN.
    """
    _refuse_binary(value)
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


def _refuse_binary(value: Any) -> None:
    # msgspec writes bytes as base64 text and NaN as null: a silent change of the user's data.
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, bytes | bytearray | memoryview):
            raise TypeError("binary data has no form in JSON")
        if isinstance(top, float) and not math.isfinite(top):
            raise TypeError(f"{top} has no form in JSON")
        if isinstance(top, dict):
            stack.extend(top.values())
        elif isinstance(top, list | tuple | set | frozenset):
            stack.extend(top)

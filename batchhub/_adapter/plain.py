"""Items as plain JSON, so that nothing in them changes silently on its way."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

from batchhub._base.scalars import describe_odd, to_python
from batchhub.errors import InputError

from .values import name_character

_MAX_BITS: Final = 1024
_LARGE: Final = 2**53
_SIMPLE: Final = frozenset({str, bool, type(None)})
_ITEM: Final = "the item"
_HALF: Final = re.compile("[\ud800-\udfff]")
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def plain_json(value: Any, name: str = _ITEM) -> Any:
    """
    Return a value with JSON's own types only: itself if it is such a value, else a copy.

    `decimal.Decimal` is kept.

    Args:
        value: What a user gave: mappings, lists, tuples, texts, numbers, flags, `None`.
        name: What to call it in errors, such as ``body``.

    Raises:
        InputError: A part of it has no form in JSON; the message says which.
    """
    try:
        return value if _is_plain(value) else _copy(value, name)
    except RecursionError:
        raise InputError(f"{name} is nested too deeply, or contains itself") from None


def encode_json(value: Any) -> bytes:
    """
    Write a plain value as compact JSON; every digit of a `decimal.Decimal` is kept.

    Raises:
        InputError: It has no form in JSON.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        place, odd = next(_find_halves(value, _ITEM), (_ITEM, "half of a character"))
        raise InputError(f"{place} has {odd} in it, which has no form in JSON") from None
    except (OverflowError, TypeError) as error:
        raise InputError(f"the item has no form in JSON: {error}") from None


def _find_halves(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield where a plain value has half of a character, and which."""
    if isinstance(value, str):
        halves = _HALF.search(value)
        if halves is not None:
            yield place, name_character(halves[0])
    elif isinstance(value, dict):
        inner = "" if place == _ITEM else f"{place}."
        for key, part in value.items():
            yield from _find_halves(key, f"a key in {place}")
            yield from _find_halves(part, f"{inner}{key}")
    elif isinstance(value, list):
        for n, part in enumerate(value):
            yield from _find_halves(part, f"{place}[{n}]")


def _is_plain(value: Any) -> bool:  # noqa: PLR0911  # a way out for each type
    """Whether a value has JSON's own types only: nearly every one has, and this is fast."""
    kind = type(value)
    if kind in _SIMPLE:
        return True
    if kind is dict:
        for key, part in value.items():
            # Most parts are looked at here: a call takes longer.
            inner = type(part)
            is_easy = inner in _SIMPLE or (inner is int and -_LARGE < part < _LARGE)
            if type(key) is not str or not (is_easy or _is_plain(part)):
                return False
        return True
    if kind is int:
        return bool(value.bit_length() <= _MAX_BITS)
    if kind is float:
        return math.isfinite(value)
    if kind is Decimal:
        return bool(value.is_finite())
    return kind is list and all(map(_is_plain, value))


def _copy(value: Any, place: str) -> Any:
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise InputError(f"{place} has too many digits")
    if value is None or isinstance(value, bool | str | int):
        return _bare(value)
    if isinstance(value, float | Decimal):
        is_finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        if not is_finite:
            is_missing = "nan" in str(value).lower()  # what a table has for a missing value
            instead = "; leave it out, or give None" if is_missing else ""
            raise InputError(f"{place} is {value}, which has no form in JSON{instead}")
        return _bare(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InputError(f"{place} has the key {reprlib.repr(key)}, which is not text")
        inner = "" if place == _ITEM else f"{place}."
        return {key: _copy(part, f"{inner}{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(part, f"{place}[{n}]") for n, part in enumerate(value)]
    if isinstance(value, bytes | bytearray | memoryview):
        raise InputError(f"{place} is binary, which has no form in JSON")
    known = to_python(value)
    if known is value:
        raise InputError(f"{place} is {describe_odd(value)}")
    return _copy(known, place)


def _bare(value: Any) -> Any:
    """Return a text or a number of a class made of Python's, such as numpy's, as Python's own."""
    if isinstance(value, Enum):  # written as what it stands for
        return value
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return value if type(value) is kind else getattr(kind, _SAME[kind])(value)
    return value


_SAME: Final = {str: "__str__", bool: "__bool__", int: "__int__", float: "__float__"}
"""What gives the value of a class without what a class made of it adds."""
